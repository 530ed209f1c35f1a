"""Runs the example shop on real servers and asks it what it saw, as an operator would."""
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).parent / "dashboards.d"))
import execute

SHOP = sys.argv[1]
DATABASE = os.environ["VANTAGE_TEST_POSTGRES"]
work = Path(tempfile.mkdtemp(prefix="shop-"))
faults = []


def check(holds, text):
    print(("  " if holds else "  FAULT: ") + text, flush=True)
    if not holds:
        faults.append(text)


def until(what, question, seconds=30):
    """Asks until the answer is true; a fault after these seconds."""
    deadline, answer = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        try:
            answer = question()
        except OSError:
            answer = None
        if answer:
            check(True, what)
            return answer
        time.sleep(0.2)
    check(False, f"{what}: not within {seconds} s")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


# ---- processes

class Process:
    """One of the shop's, with its log and the address of its routes."""

    running = []

    def __init__(self, *arguments, **environment):
        self.name = "-".join(arguments)
        self.address = f"127.0.0.1:{free_port()}"
        serves_an_app = arguments[0] in ("api", "payments")
        listen = "SHOP_LISTEN" if serves_an_app else "VANTAGE_OBS_LISTEN"
        environment = os.environ | SETTINGS | environment | {listen: self.address}
        self.log = open(work / f"{self.name}.log", "w+b")
        self.process = subprocess.Popen([SHOP, *arguments], env=environment, stdout=self.log, stderr=self.log)
        Process.running.append(self)

    def answers(self, path="/api/v1/health/live"):
        return get(self.address, path)[0] == 200

    def metrics(self):
        return Metrics(get(self.address, "/metrics")[1])

    def lines(self):
        return (work / f"{self.name}.log").read_text()


class Metrics:
    """The series of a scrape."""

    def __init__(self, text):
        self.series = []
        for line in text.splitlines():
            found = re.match(r"([a-z_:0-9]+)(?:\{(.*)\})? (\S+)$", line, re.I)
            if found and not line.startswith("#"):
                labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found[2] or ""))
                self.series.append((found[1], labels, float(found[3])))

    def sum(self, name, **labels):
        """Of the series that have these labels; 0 where there is none."""
        has = lambda series: all(re.fullmatch(value, series.get(label, "")) for label, value in labels.items())
        return sum(value for one, series, value in self.series if one == name and has(series))


def get(address, path, timeout=5, method="GET", body=None):
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        headers = {"content-type": "application/json"} if body else {}
        connection.request(method, path, body=json.dumps(body) if body else None, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


class Traffic:
    """Clients of the shop: each asks for products, orders, and looks at an order."""

    def __init__(self, address, clients=4):
        self.address, self.stopped, self.answers = address, threading.Event(), {}
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(seed,), daemon=True) for seed in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, seed):
        chance = random.Random(seed)
        while not self.stopped.is_set():
            card = chance.choice("1111111111111111111122222220")
            order = {"sku": chance.choice(["mug", "tee", "pin"]), "quantity": chance.randint(1, 3), "card": f"4111{card}"}
            self.ask("POST", "/orders", order)
            self.ask("GET", "/products?q=mug")
            self.ask("GET", f"/orders/{chance.randint(1, 40)}")
            self.ask("GET", "/reports/sales")
            time.sleep(0.05)

    def ask(self, method, path, body=None):
        try:
            status, _ = get(self.address, path, timeout=15, method=method, body=body)
        except OSError:
            status = None
        with self.lock:
            self.answers[status] = self.answers.get(status, 0) + 1

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()


# ---- PostgreSQL

def postgres(*arguments):
    """pg_ctl, as the user that owns the data."""
    bin, data, user = (os.environ[f"VANTAGE_TEST_POSTGRES_{part}"] for part in ("BIN", "DATA", "USER"))
    command = [f"{bin}/pg_ctl", "-D", data, "-s", "-w", *arguments]
    if user:
        command = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", *command]
    subprocess.run(command, check=True, cwd=Path(data).parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


restarted = []


def start_postgres():
    restarted.append(True)
    data = Path(os.environ["VANTAGE_TEST_POSTGRES_DATA"])
    port = urlsplit(DATABASE).port
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={data.parent} -c fsync=off"
    postgres("start", "-o", options)


# ---- the story

SETTINGS = {
    "DATABASE_URL": DATABASE,
    "SHOP_CONNECTIONS": "4",
    "SHOP_ACQUIRE_MS": "3000",
    "VANTAGE_OBS_STORE_KIND": "postgres",
    "VANTAGE_OBS_STORE_URL": DATABASE,
    "VANTAGE_OBS_HEARTBEAT_INTERVAL": "1s",
    "VANTAGE_OBS_HEARTBEAT_OFFLINE_AFTER": "10s",
    "VANTAGE_OBS_CONFIG": str(work / "obs.json"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": os.environ["VANTAGE_TEST_JAEGER_GRPC"],
    "OTEL_TRACES_SAMPLER_ARG": "1",
}


# What no variable says.
OPERATOR = {"health": {"interval": "1s", "details": "open-codes"}, "slo": {"sample_interval": "1s", "slice": "5s"}}


def start_shop():
    (work / "obs.json").write_text(json.dumps(OPERATOR))
    payments = Process("payments")
    SETTINGS["SHOP_PAYMENTS_URL"] = f"http://{payments.address}"
    api = Process("api")
    workers = [Process("worker", name) for name in ("packer-1", "packer-2")]
    scheduler = Process("scheduler")
    for process in Process.running:
        until(f"{process.name} answers", process.answers)
    if faults:
        raise OSError("the shop did not start")
    return payments, api, workers, scheduler


def start_prometheus():
    """A Prometheus with the generated rules, a minute of them in a second."""
    generated = work / "generated"
    subprocess.run(["target/debug/vantage-obs", "generate", "--figures", "examples/shop/figures.json", "--out", generated,
                    "--pace", "test"],
                   check=True, stdout=subprocess.DEVNULL)
    address = f"127.0.0.1:{free_port()}"
    jobs = [{"job_name": process.name, "static_configs": [{"targets": [process.address], "labels": {"environment": "test"}}]}
            for process in Process.running]
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [f"{generated}/prometheus/rules/*.yml"],
        "scrape_configs": jobs,
    }
    # JSON is YAML.
    (work / "prometheus.yml").write_text(json.dumps(settings))
    log = open(work / "prometheus.log", "wb")
    server = subprocess.Popen(
        ["prometheus", f"--config.file={work}/prometheus.yml", f"--storage.tsdb.path={work}/data",
         "--enable-feature=exemplar-storage", f"--web.listen-address={address}", "--log.level=warn"],
        stdout=log, stderr=log)
    until("Prometheus answers", lambda: get(address, "/-/ready")[0] == 200)
    return server, address


def what_is_recorded(api, payments, workers, scheduler):
    print("what is recorded")
    seen = api.metrics()
    orders = seen.sum("shop_orders_total")
    check(orders > 20, f"{orders:.0f} orders counted")
    stored = int(psql("SELECT count(*) FROM orders"))
    # Those of other clients that are being placed.
    check(abs(stored - orders) <= 8, f"{stored} orders stored")
    asked = seen.sum("http_client_request_duration_seconds_count", http_response_status_code="201")
    check(asked >= orders, f"{asked:.0f} calls to the payment service")
    charged = payments.metrics().sum("vantage_api_requests_total", http_route="/charges")
    check(charged >= asked, f"{charged:.0f} requests seen by the payment service")
    for table, operation in [("orders", "INSERT"), ("products", "SELECT"), ("products", "UPDATE"), ("orders", "SELECT")]:
        count = seen.sum("db_client_operation_duration_seconds_count",
                         db_collection_name=table, db_operation_name=operation)
        check(count > 10, f"{count:.0f} times {operation} of {table}")
    committed = seen.sum("vantage_database_transactions_total", outcome="committed")
    check(committed >= orders, f"{committed:.0f} transactions committed")
    declined = seen.sum("vantage_database_transactions_total", outcome="aborted|rolled_back")
    check(declined > 0, f"{declined:.0f} transactions rolled back, of declined payments")
    for kind in ("send_receipt", "pack_parcel"):
        done = sum(worker.metrics().sum("vantage_worker_jobs_total", job_kind=kind, outcome="succeeded") for worker in workers)
        check(done > 20, f"{done:.0f} jobs {kind}")
    lag = [worker.metrics().sum("vantage_worker_queue_lag_seconds_count") for worker in workers]
    check(all(lag), f"lag of {sum(lag):.0f} jobs")
    depth = [one for one in api.metrics().series if one[0] == "vantage_worker_queue_depth"]
    depth += [one for worker in workers for one in worker.metrics().series if one[0] == "vantage_worker_queue_depth"]
    check(depth, "the queue's depth")
    runs = scheduler.metrics().sum("vantage_scheduler_executions_total", schedule="restock", outcome="succeeded")
    check(runs >= 2, f"{runs:.0f} runs of restock")
    missed = scheduler.metrics().sum("vantage_scheduler_missed_runs_total")
    check(missed == 0, f"{missed:.0f} runs missed")


def one_trace():
    print("one trace")
    jaeger = urlsplit(os.environ["VANTAGE_TEST_JAEGER_QUERY"]).netloc

    def whole():
        status, text = get(jaeger, "/api/traces?service=shop-api&limit=100&operation=POST%20%2Forders")
        for trace in json.loads(text)["data"] or []:
            services = {process["serviceName"] for process in trace["processes"].values()}
            if services >= {"shop-api", "shop-payments", "shop-worker"}:
                return sorted(span["operationName"] for span in trace["spans"])

    names = until("a trace from the order through the payment to its jobs", whole, 60) or []
    print(f"    {', '.join(names)}")
    for name in ("POST /orders", "POST /charges", "INSERT orders"):
        check(name in names, f"span {name}")


def no_empty_panel(prometheus):
    print("the dashboards of the database and of the shop's own figures")
    server, sql = execute.Prometheus(f"http://{prometheus}"), execute.Sql(DATABASE)
    server.started = time.time() - 40
    queries = [query for query in execute.dashboard_queries(work / "generated/grafana/dashboards", "/nowhere", server, sql)
               if query[0] in ("database-performance", "service-figures")]
    check({query[0] for query in queries} == {"database-performance", "service-figures"}, "both are there")

    def open_queries():
        return {at: fault for at, fault in execute.run_all(queries).items() if not execute.is_listed(*at)}

    until(f"{len(queries)} questions are answered", lambda: not open_queries(), 60)
    for at, fault in open_queries().items():
        print(f"    {at[0]}: {at[1]}: {fault}")


def stop_of_postgres(api):
    print("PostgreSQL stops")
    before = api.metrics()
    postgres("stop", "-m", "immediate")
    until("its check fails", lambda: get(api.address, "/api/v1/health/check/shop")[0] == 503)
    until("time-outs are counted",
          lambda: api.metrics().sum("db_client_connection_timeouts_total") > before.sum("db_client_connection_timeouts_total"))
    # All replicas share it: taking each of them out would leave nobody to say what is wrong.
    check(get(api.address, "/api/v1/health/ready")[0] == 200, "ready without it")
    start_postgres()
    until("its check passes again", lambda: get(api.address, "/api/v1/health/check/shop")[0] == 200)
    after = api.metrics()
    slow = after.sum("vantage_database_slow_queries_total") - before.sum("vantage_database_slow_queries_total")
    check(slow == 0, f"{slow:.0f} slow queries")
    failed = [after.sum("db_client_operation_duration_seconds_count", error_type=".+"),
              before.sum("db_client_operation_duration_seconds_count", error_type=".+")]
    check(failed[0] > failed[1], f"{failed[0] - failed[1]:.0f} queries failed")
    kinds = sorted({labels["error_type"] for name, labels, _ in after.series
                    if name == "db_client_operation_duration_seconds_count" and labels.get("error_type")})
    check(set(kinds) <= {"cancelled", "io", "pool_timed_out", "database_shutdown", "admin_shutdown", "crash_shutdown", "cannot_connect_now", "operator_intervention"},
          f"of the kinds {', '.join(kinds)}")
    until("orders are placed again", lambda: api.metrics().sum("shop_orders_total") > after.sum("shop_orders_total"))


def kill_of_a_worker(api, worker):
    print("a worker is killed")
    worker.process.kill()
    worker.process.wait()
    Process.running.remove(worker)
    name = worker.name.removeprefix("worker-")

    def state():
        return {one["worker_id"]: one["state"] for one in json.loads(get(api.address, "/api/v1/workers/health")[1])["workers"]}

    until(f"{name} is offline", lambda: state().get(name) == "offline", 30)
    others = {one: is_now for one, is_now in state().items() if one != name}
    check(set(others.values()) == {"online"}, f"the others: {others}")


def end_with_requests_in_flight(api):
    print("the API ends with requests in flight")
    answers = []
    psql("UPDATE products SET stock = 1000")

    def slow_order(sku):
        # Its payment takes longer than the API waits for it: two seconds. Two of one product would wait for each other.
        answers.append(get(api.address, "/orders", 15, "POST", {"sku": sku, "quantity": 1, "card": "41119"})[0])

    clients = [threading.Thread(target=slow_order, args=(sku,)) for sku in ("mug", "tee", "pin")]
    for client in clients:
        client.start()
    until("requests are in flight", lambda: api.metrics().sum("http_server_active_requests") >= 3, 3)
    api.process.send_signal(signal.SIGTERM)
    until("not ready while it drains", lambda: get(api.address, "/api/v1/health/ready")[0] == 503, 3)
    for client in clients:
        client.join()
    check(answers == [502, 502, 502], f"answers: {answers}")
    status = api.process.wait(20)
    Process.running.remove(api)
    check(status == 0, f"exit status {status}")
    last = api.lines().strip().splitlines()[-1]
    said = json.loads(last)["message"]
    check(said.startswith("stopped by SIGTERM") and "3 requests finished, 0 cut off" in said, f"its last line: {said}")


def psql(statement):
    return subprocess.run(["psql", "-X", "-q", "-A", "-t", DATABASE, "-c", statement],
                          capture_output=True, text=True, check=True, timeout=20).stdout.strip()


def end_all(server):
    for process in Process.running:
        process.process.send_signal(signal.SIGTERM)
    for process in Process.running:
        check(process.process.wait(20) == 0, f"{process.name} ends well")
    server.kill()


def main():
    server = None
    try:
        payments, api, workers, scheduler = start_shop()
        server, prometheus = start_prometheus()
        traffic = Traffic(api.address)
        time.sleep(30)
        what_is_recorded(api, payments, workers, scheduler)
        one_trace()
        no_empty_panel(prometheus)
        kill_of_a_worker(api, workers[1])
        stop_of_postgres(api)
        traffic.stop()
        print(f"  answers to clients: {traffic.answers}")
        end_with_requests_in_flight(api)
        end_all(server)
    except OSError as error:
        check(False, f"broken off: {error}")
    finally:
        for process in Process.running:
            process.process.kill()
        if server:
            server.kill()
        # It was started here, and nobody else would stop it.
        if restarted:
            postgres("stop", "-m", "immediate")
        if faults:
            for log in work.glob("*.log"):
                print(f"== {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-15:]))
    print(f"{len(faults)} faults")
    sys.exit(bool(faults))


main()
