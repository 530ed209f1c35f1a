"""Asks a real Prometheus and a real PostgreSQL every question of the dashboards and runbooks, as Grafana
would: no error, no warning, no empty answer, no NaN, but for what is listed here with its reason."""
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

# Questions that a run of a minute cannot answer: (dashboard or runbook, panel or query), and why.
UNANSWERED = {
    ("business-metrics", "Posts against usual"): "needs three weeks of history",
    ("business-metrics", "AI generations against usual"): "needs three weeks of history",
    ("business-metrics", "Revenue against usual"): "needs three weeks of history",
    ("business-metrics", "Posts in 3 hours B"): "needs a week of history",
    ("business-metrics", "AI generations in 3 hours B"): "needs a week of history",
    ("business-metrics", "Revenue in 3 hours, in minor units B"): "needs a week of history",
    ("database-performance", "Growth in a day"): "needs a day of history",
}
# Questions whose answer is a fault that the platform does not have.
FAULTLESS = {
    ("api-performance", "Broken responses"): "no response breaks off",
    ("database-performance", "Failed queries"): "no query fails",
    ("slo-overview", "Left out of scrapes A"): "no scrape is incomplete",
    ("slo-overview", "Left out of scrapes B"): "no sampler fails",
    ("slo-overview", "Measurements in overflow series"): "no instrument is full",
    ("scrape-incomplete", "query 1"): "no scrape is incomplete",
    ("series-overflow", "query 1"): "no instrument is full",
    ("telemetry-thread-down", "query 1"): "no thread is down",
}
# Where the platform has nothing to count, and why.
UNUSED = {
    ("api-performance", "Calls by server"): "it calls no other service",
    ("api-performance", "Failed calls by server"): "it calls no other service",
    ("api-performance", "Time of calls p95 by server"): "it calls no other service",
    ("api-performance", "Answered gRPC calls by status"): "it answers no gRPC",
    ("api-performance", "Time to answer gRPC p95 by method"): "it answers no gRPC",
    ("api-performance", "Made gRPC calls by status"): "it calls no other service",
    ("api-performance", "Time of made gRPC calls p95 by server"): "it calls no other service",
    ("api-performance", "Busy threads of runtimes A"): "it watches no runtime",
    ("api-performance", "Busy threads of runtimes B"): "it watches no runtime",
    ("api-performance", "Tasks of runtimes A"): "it watches no runtime",
    ("api-performance", "Tasks of runtimes B"): "it watches no runtime",
    ("worker-health", "Beats sent to an API"): "its workers beat into their own process",
    ("business-metrics", "Revenue per day, in minor units B"): "it refunds nothing",
    ("slo-overview", "Declared maintenance"): "it declares no maintenance",
    ("slo-overview", "Events of maintenance"): "it declares no maintenance",
}
# What comes and goes.
SOMETIMES = {
    ("database-performance", "Slow queries (> 1 s)"): "no query is slow, unless the machine is busy",
    ("slo-overview", "Critical burn, all replicas D"): "no slice of a worker is counted in so short a run",
    ("slo-overview", "Warning burn, all replicas D"): "no slice of a worker is counted in so short a run",
    ("worker-health", "Oldest waiting job"): "no line while no job waits",
    ("worker-health", "Age of the oldest waiting job"): "no line while no job waits",
}
LISTED = UNANSWERED | FAULTLESS | UNUSED | SOMETIMES

# A failed job is rare in a platform that is well, and some questions are about failed jobs.
PATIENCE = float(os.environ.get("VANTAGE_DASHBOARDS_PATIENCE", 300))
# At least four scrapes, as Grafana has it; long enough for the rarest route to be asked for.
RATE_INTERVAL, STEP = 15, 2


class Prometheus:
    def __init__(self, address):
        # The platform started a moment ago, and its start is a question too.
        self.address, self.started = address, time.time() - 15

    def query(self, path, **parameters):
        return self.fetch(Request(f"{self.address}/api/v1/{path}", urlencode(parameters).encode()))

    def label_values(self, selector, label):
        # This one takes no POST.
        return self.fetch(f"{self.address}/api/v1/label/{label}/values?" + urlencode({"match[]": selector}))

    def fetch(self, request):
        try:
            with urlopen(request, timeout=20) as answer:
                answer = json.load(answer)
        except HTTPError as error:
            raise Fault(json.load(error).get("error", str(error)))
        if answer.get("warnings"):
            raise Fault(f"warnings: {answer['warnings']}")
        return answer["data"]

    def span(self):
        now = time.time()
        return {"start": self.started, "end": now, "step": STEP}

    def range(self, query):
        return self.query("query_range", query=query, **self.span())["result"]

    def instant(self, query):
        answer = self.query("query", query=query, time=time.time())
        if answer["resultType"] in ("scalar", "string"):
            return [{"metric": {}, "values": [answer["result"]]}]
        return [{"metric": one["metric"], "values": [one["value"]]} for one in answer["result"]]


class Fault(Exception):
    """A fault of an answer."""


def check_series(series, legend=""):
    if not series:
        raise Fault("empty")
    for one in series:
        absent = [label for label in re.findall(r"{{(\w+)}}", legend) if not one["metric"].get(label)]
        if absent:
            raise Fault(f"the legend's {', '.join(absent)} is not in {one['metric']}")
        last = float(one["values"][-1][1])
        if last != last:
            raise Fault(f"NaN in {one['metric']}")


def expand(text, variables, prometheus):
    """Replaces variables as Grafana does."""
    span = int(time.time() - prometheus.started) + 1
    own = {
        "__rate_interval": f"{RATE_INTERVAL}s",
        "__interval": f"{STEP}s",
        "__interval_ms": str(1000 * STEP),
        "__range": f"{span}s",
        "__range_s": str(span),
        "__range_ms": str(1000 * span),
    }
    known = own | variables

    def value(match):
        name = match[1] or match[2]
        if name not in known:
            raise Fault(f"${name} is not known")
        return known[name]

    return re.sub(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))", value, text)


def label_values(query, prometheus):
    selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()
    return [value for value in prometheus.label_values(selector, label) if value]


def choices(dashboard, prometheus):
    """All of everything, and the first of everything, as values of the variables."""
    everything, first = {}, {}
    for variable in dashboard["templating"]["list"]:
        name = variable["name"]
        if variable["type"] == "datasource":
            continue
        for chosen, one in ((everything, variable["allValue"]), (first, None)):
            query = expand(variable["query"]["query"], chosen, prometheus)
            values = label_values(query, prometheus)
            if not values:
                raise Fault(f"variable {name} has no values")
            chosen[name] = one or re.escape(values[0]).replace("\\", "\\\\")
    return [everything, first]


class Sql:
    def __init__(self, url):
        self.url = url

    def query(self, statement, prometheus):
        at = lambda moment: time.strftime("'%Y-%m-%dT%H:%M:%SZ'", time.gmtime(moment))
        day = 86400
        statement = statement.replace("$__timeFrom()", at(time.time() - 7 * day))
        statement = statement.replace("$__timeTo()", at(time.time()))
        if "$" in statement:
            raise Fault(f"a macro is not known: {statement}")
        result = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url, "-c", statement],
            capture_output=True, text=True, timeout=20)
        if result.returncode or result.stderr:
            raise Fault(result.stderr.strip())
        if not result.stdout.strip():
            raise Fault("empty")


def dashboard_queries(folder, runbooks, prometheus, sql):
    """Yields every query as (where, what, the function that runs it)."""
    for file in sorted(Path(folder).glob("*.json")):
        dashboard = json.loads(file.read_text())
        uid = dashboard["uid"]
        yield uid, "variables", lambda d=dashboard: choices(d, prometheus)
        for annotation in dashboard["annotations"]["list"]:
            if "expr" in annotation:
                run_query = lambda v, e=annotation["expr"]: check_series(prometheus.range(expand(e, v, prometheus)))
                yield uid, f"annotation {annotation['name']}", each_choice(dashboard, prometheus, run_query)
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                several = len(panel["targets"]) > 1
                name = panel["title"] + (f" {target['refId']}" if several else "")
                yield uid, name, panel_query(dashboard, target, prometheus, sql)
    for page in sorted(Path(runbooks).glob("**/*.md")):
        text = page.read_text()
        for place, query in enumerate(re.findall(r"^```promql\n(.*?)^```", text, re.M | re.S), 1):
            yield page.stem, f"query {place}", lambda q=query: check_series(prometheus.instant(expand(q, ALL, prometheus)))


# What the variables are where no dashboard declares them.
ALL = {"job": ".+", "instance": ".+", "environment": ".*"}


def panel_query(dashboard, target, prometheus, sql):
    if "rawSql" in target:
        return lambda: sql.query(target["rawSql"], prometheus)

    def run_query(variables):
        query = expand(target["expr"], variables, prometheus)
        # Grafana draws buckets by their bounds.
        legend = target["legendFormat"] if target["format"] == "time_series" else ""
        check_series(prometheus.instant(query) if target["instant"] else prometheus.range(query), legend)
        if target["exemplar"]:
            traces = prometheus.query("query_exemplars", query=query, **prometheus.span())
            if not any("trace_id" in one["labels"] for series in traces for one in series["exemplars"]):
                raise Fault("no exemplar names a trace")

    return each_choice(dashboard, prometheus, run_query)


def each_choice(dashboard, prometheus, run_query):
    return lambda: [run_query(variables) for variables in choices(dashboard, prometheus)]


def run_all(queries):
    """Runs all queries; returns the faults, by query."""
    faults = {}
    for where, what, run_query in queries:
        try:
            run_query()
        except Fault as fault:
            faults[where, what] = str(fault)
    return faults


def is_listed(where, what):
    # A service's own figures are those of its configuration.
    if where == "service-figures" and re.search(r" against usual$| in 3 hours B$", what):
        return True
    if re.search(r"-(drop|spike)$", where) and what == "query 1":
        return True
    return (where, what) in LISTED or (where, re.sub(r" [A-Z]$", "", what)) in LISTED


def main(address, database, folder, runbooks):
    prometheus, sql = Prometheus(address), Sql(database)
    queries = list(dashboard_queries(folder, runbooks, prometheus, sql))
    deadline, faults = time.time() + PATIENCE, {}
    while True:
        time.sleep(5)
        began = time.time()
        faults = run_all(queries)
        open_queries = {at: fault for at, fault in faults.items() if not is_listed(*at)}
        print(f"{len(queries)} questions, {len(open_queries)} open, {time.time() - began:.1f} s", flush=True)
        if not open_queries or time.time() > deadline:
            break
    # What is listed may be empty, and nothing else.
    wrong = {at: fault for at, fault in faults.items() if is_listed(*at) and fault != "empty"}
    answered = [at for at in LISTED if at not in SOMETIMES and not any(is_at(at, fault) for fault in faults)]
    for (where, what), fault in (open_queries | wrong).items():
        print(f"{where}: {what}: {fault}")
    for where, what in answered:
        print(f"{where}: {what}: is answered, and still listed as unanswered")
    if open_queries or wrong or answered:
        sys.exit(f"{len(open_queries) + len(wrong) + len(answered)} faults")
    print(f"{len(queries)} questions are answered, {len(faults)} of them with nothing, as listed")


def is_at(listed, query):
    where, what = query
    return listed in ((where, what), (where, re.sub(r" [A-Z]$", "", what)))


if __name__ == "__main__":
    main(*sys.argv[1:])
