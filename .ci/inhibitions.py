"""Posts the alerts of two outages to an Alertmanager with the generated configuration, and checks which of them it
silences: what is certain to follow from another one, and nothing that may have a cause of its own."""
import json, sys, time, urllib.request

manager = sys.argv[1]


def place(environment, job):
    return {"environment": environment, "job": job}


def alert(name, severity="warning", **labels):
    return {"alertname": name, "severity": severity, **labels}


def of_service(environment, job):
    labels = place(environment, job)
    return [alert("DatabaseAbsent", db_namespace="shop", **labels), alert("QueuesAbsent", queue="jobs", **labels),
            alert("ObjectivesAbsent", objective="workers.availability", **labels),
            alert("StoreDelayed", instance="a:80", **labels)]


# One worker process of production was killed; what its neighbours miss has a cause of its own.
killed = place("production", "worker")
worker = [alert("TargetDown", instance="w:80", **killed),
          alert("WorkerOffline", "critical", environment="production", worker_id="w1"),
          alert("WorkerOffline", "critical", environment="production", worker_id="w2")]
silent = of_service(**killed)[:3]
loud = [*worker, alert("ServiceAbsent", **killed), alert("WorkersAbsent", environment="production"),
        of_service(**killed)[3], *of_service("production", "api"), *of_service("staging", "worker"),
        alert("ServiceAbsent", **place("staging", "mailer")), alert("WorkersAbsent", environment="staging"),
        alert("WorkersAbsent"), alert("SchedulersAbsent", environment="production"),
        # An instance that is down explains nothing that the others no longer report.
        alert("TargetDown", instance="a:80", **place("production", "api"))]

# The PostgreSQL of a third environment is down, and so is another database of one service.
unreachable = [alert("DatabaseUnreachable", "critical", db_namespace=name, db_system_name="postgresql",
                     **place("canary", job)) for job in ("api", "worker", "scheduler") for name in ("shop", "obs")]
loud += [alert("StoreDelayed", instance=f"{job}:80", **place("canary", job)) for job in ("api", "worker", "scheduler")]
loud += [*unreachable, alert("DatabaseUnreachable", "critical", db_namespace="1", db_system_name="redis",
                             **place("canary", "mailer")),
         alert("StoreDelayed", instance="mailer:80", **place("canary", "mailer"))]


def call(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{manager}/api/v2/{path}", data, {"Content-Type": "application/json"})
    text = urllib.request.urlopen(request, timeout=10).read()
    return json.loads(text) if text.strip() else None


def key(labels):
    return tuple(sorted(labels.items()))


call("alerts", [{"labels": labels} for labels in silent + loud])
expected = {key(labels) for labels in silent}
for _ in range(50):
    time.sleep(0.2)
    found = call("alerts")
    groups = [group for group in call("alerts/groups") if group["labels"]["alertname"] == "DatabaseUnreachable"]
    silenced = {key(one["labels"]) for one in found if one["status"]["inhibitedBy"]}
    sizes = sorted(len(group["alerts"]) for group in groups)
    if len(found) == len(silent) + len(loud) and silenced == expected and sizes == [1, 6]:
        print(f"Alertmanager: {len(silenced)} alerts follow from others, {len(loud)} don't; "
              f"one notification for {sizes[-1]} of a database")
        sys.exit()
for faulty in sorted(silenced ^ expected):
    print("silenced" if faulty in silenced else "not silenced", dict(faulty), file=sys.stderr)
sys.exit(f"{len(found)} of {len(silent) + len(loud)} alerts, groups of {sizes}")
