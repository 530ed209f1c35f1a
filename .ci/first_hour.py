"""Asks a young service and its Prometheus for their objectives, and checks that both are believable and agree."""
import json, re, subprocess, sys, time, urllib.request

service, prometheus, minutes = sys.argv[1], sys.argv[2], float(sys.argv[3])
started = time.monotonic()
faults = []


def fault(text):
    faults.append(text)
    print(f"  FAULT: {text}")


def page(path, accept="text/html"):
    request = urllib.request.Request(service + path, headers={"Accept": accept})
    return urllib.request.urlopen(request, timeout=10).read().decode()


def fleet():
    command = ["target/debug/vantage-obs", "slo", "report", "--prometheus", prometheus, "--format", "json"]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def by_name(report):
    return {f"{o['service']}.{o['name']}": o for o in report["objectives"]}


def reports():
    return by_name(json.loads(page("/api/v1/slo", "application/json"))), by_name(fleet())


def differing(own, prom):
    return [name for name in sorted(own.keys() & prom.keys()) if own[name]["alert"] != prom[name]["alert"]]


def percent(value):
    return "-" if value is None else f"{100 * value:.2f} %"


for age in [a for a in (3, 10, 20, 40, 60) if a <= minutes]:
    time.sleep(max(0, started + 60 * age - time.monotonic()))
    print(f"after {age} min")
    own, prom = reports()
    if own.keys() != prom.keys():
        fault(f"objectives of the process {sorted(own)}, of the fleet {sorted(prom)}")
    for name in sorted(own.keys() & prom.keys()):
        o, f = own[name], prom[name]
        left = [r["budget"]["remaining"] for r in (o, f)]
        print(f"  {name}: left {percent(left[0])} / {percent(left[1])}, bad {o['bad']} / {f['bad']}, "
              f"alert {o['alert']} / {f['alert']}, data {o['data']} / {f['data']}")
        for source, value in zip(("process", "fleet"), left):
            # The outage is 20 s of the window's 30 days: little of any budget.
            if value is None or not 0.8 <= value <= 1:
                fault(f"{name}: the {source} has {percent(value)} of the budget left")
        # Scrapes are 15 s apart, and what happened before the first of them is not in Prometheus.
        if None not in left and abs(left[0] - left[1]) > 0.06:
            fault(f"{name}: {percent(left[0])} left by the process, {percent(left[1])} by the fleet")
        if "frozen" in (o["alert"], f["alert"]):
            fault(f"{name}: frozen")
    # A burn that crosses its limit for one sample of 10 s is an alert for six minutes in the process, and may never be one
    # in Prometheus, which looks every 15 s: not compared before that time is over. Scrapes and rules are up to half a
    # minute behind: what differs is looked at once more.
    if age >= 10 and differing(own, prom):
        time.sleep(60)
        own, prom = reports()
        for name in differing(own, prom):
            fault(f"{name}: alert {own[name]['alert']} in the process, {prom[name]['alert']} in the fleet, for a minute")
    for path in ["/status", "/status/slo"] + [f"/status/slo?objective={name}" for name in own]:
        text = page(path)
        words = re.sub(r"<style.*?</style>|<svg.*?</svg>|<[^>]+>", " ", text, flags=re.S)
        for odd in (r"[Ff]rozen", r"\bNaN\b", r"-\d{3,},?\d* ?%", "\N{MINUS SIGN}" + r"\d{3,}", r"\d %\d"):
            for found in re.findall(odd, words):
                fault(f"{path}: {found!r}")
    if "collecting" not in page("/status/slo").lower():
        fault("/status/slo: no word of collecting")

if minutes < 10:
    print("no age was old enough for alerts to be compared")
print(f"{len(faults)} faults")
sys.exit(bool(faults))
