//! The development page: there where it is asked for, for this machine alone, bounded, and one trace over processes.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::get;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;
use vantage_obs::config::Environment;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role, Telemetry};

use crate::support::{CapturedLog, config, into_ok};

const PATHS: [&str; 2] = ["/dev", "/dev.json"];

fn dev_config(mut config: Config) -> Config {
    config.dev.enabled = true;
    config
}

/// Asks as a client at this address.
async fn ask(router: &Router, path: &str, peer: Option<&str>, host: &str) -> (StatusCode, String) {
    let mut request = Request::get(path)
        .header("host", host)
        .body(Body::empty())
        .unwrap();
    if let Some(peer) = peer {
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
    }
    let response = into_ok(router.clone().oneshot(request).await);
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

async fn local(router: &Router, path: &str) -> String {
    let (status, body) = ask(router, path, Some("127.0.0.1:5000"), "localhost:8080").await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    body
}

async fn json(router: &Router) -> Value {
    serde_json::from_str(&local(router, "/dev.json").await).unwrap()
}

#[tokio::test]
async fn the_page_is_not_there_unless_it_is_asked_for() {
    let off = TestTelemetry::with_config(config(), &[]).unwrap();
    let mut disabled = dev_config(config());
    disabled.disabled = true;
    let disabled = TestTelemetry::with_config(disabled, &[]).unwrap();
    for test in [&off, &disabled] {
        let routers = [
            test.telemetry().routes(),
            test.telemetry().internal_routes(),
            test.telemetry().mount(Router::new()),
        ];
        for router in routers {
            for path in PATHS {
                let (status, _) = ask(&router, path, Some("127.0.0.1:1"), "localhost").await;
                assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn the_page_is_for_this_machine_alone() {
    let test = TestTelemetry::with_config(dev_config(config()), &[]).unwrap();
    let router = test.telemetry().internal_routes();
    for path in PATHS {
        local(&router, path).await;
        for (peer, host) in [
            (Some("10.1.2.3:1"), "localhost"),
            (None, "localhost"),
            // A name that resolves to this machine, in a page of another origin.
            (Some("127.0.0.1:1"), "rebind.example:8080"),
        ] {
            let (status, body) = ask(&router, path, peer, host).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{path} {peer:?} {host}");
            assert!(
                body.starts_with("{\"error\":\"the development page "),
                "{body}"
            );
        }
    }
    let public: Router = test.telemetry().public_routes();
    let (status, _) = ask(&public, "/dev", Some("127.0.0.1:1"), "localhost").await;
    assert_eq!(
        status,
        StatusCode::NOT_FOUND,
        "it is no page for the public"
    );
}

#[tokio::test]
async fn each_answer_is_kept_from_other_origins() {
    let test = TestTelemetry::with_config(dev_config(config()), &[]).unwrap();
    let router = test.telemetry().internal_routes();
    for path in PATHS {
        for (origin, expected) in [
            (None, StatusCode::OK),
            (Some("https://other.example"), StatusCode::FORBIDDEN),
        ] {
            let mut request = Request::get(path).header("host", "localhost:8080");
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            let mut request = request.body(Body::empty()).unwrap();
            let peer: SocketAddr = "127.0.0.1:5000".parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(peer));
            let response = into_ok(router.clone().oneshot(request).await);
            assert_eq!(response.status(), expected, "{path}");
            for (name, value) in [
                ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"),
                ("cross-origin-resource-policy", "same-origin"),
                ("referrer-policy", "no-referrer"),
            ] {
                assert_eq!(response.headers()[name], value, "{path} {expected} {name}");
            }
        }
    }
}

#[tokio::test]
async fn a_request_leads_to_its_trace_and_the_trace_to_its_lines() {
    let mut config = dev_config(config());
    // The page shows the trace of each request.
    config.traces.sample_ratio = 0.0;
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    let log = CapturedLog::default();
    let _installed = log.install(&test);
    let database = test.telemetry().database("postgresql");
    let handler = move || {
        let database = database.clone();
        async move {
            database.query("SELECT", "orders").fail("timeout");
            tracing::warn!(order = 7, "slow <order>");
            StatusCode::BAD_GATEWAY
        }
    };
    let app = test
        .telemetry()
        .mount(Router::new().route("/orders/{id}", get(handler)));
    let (status, _) = ask(&app, "/orders/7", None, "shop").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    let found = json(&app).await;
    let spans = found["spans"].as_array().unwrap();
    let [query, request] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(
        (&request["name"], &request["kind"]),
        (&"GET /orders/{id}".into(), &"server".into())
    );
    assert_eq!(
        (&query["parent"], &query["failed"]),
        (&request["span"], &true.into())
    );
    let line = &found["lines"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&line["message"], &line["fields"]["order"]),
        (&"slow <order>".into(), &7.into())
    );
    assert_eq!(line["trace_id"], request["trace"]);
    let operation = |kind: &str| {
        let mut operations = found["operations"].as_array().unwrap().iter();
        operations.find(|one| one["kind"] == kind).unwrap().clone()
    };
    let served = operation("server");
    assert_eq!(
        (&served["total"], &served["errors"]),
        (&1.into(), &1.into())
    );
    assert_eq!(operation("client")["name"], "SELECT orders");
    let trace = request["trace"].as_str().unwrap();
    let overview = local(&app, "/dev").await;
    assert!(overview.contains(&format!("?trace={trace}")), "{overview}");
    assert!(overview.contains("slow &#60;order&#62;"), "{overview}");
    let page = local(&app, &format!("/dev?trace={trace}")).await;
    assert!(page.contains("SELECT orders") && page.contains("failed: timeout"));
    assert!(page.contains("slow &#60;order&#62;"));
    // Its own requests are not among those of the service.
    assert_eq!(json(&app).await["operations"], found["operations"]);
}

#[tokio::test]
async fn a_failed_job_says_why() {
    let test = TestTelemetry::with_config(dev_config(config()), &[]).unwrap();
    let worker = test.telemetry().worker("w1");
    let error = std::io::Error::other("the mail server said <421>");
    let job = std::future::ready(Err::<(), _>(error));
    let _ = worker
        .run("send_receipt", SystemTime::now(), &Carrier::EMPTY, job)
        .await;
    let router = test.telemetry().internal_routes();
    let found = json(&router).await;
    let span = &found["spans"][0];
    assert_eq!(span["error"], "the mail server said <421>");
    let trace = span["trace"].as_str().unwrap();
    let page = local(&router, &format!("/dev?trace={trace}")).await;
    assert!(page.contains("failed: io_error"), "{page}");
    assert!(
        page.contains("the mail server said &#60;421&#62;"),
        "{page}"
    );
    // And is found by it.
    let page = local(&router, "/dev?view=traces&q=mail+server").await;
    assert!(page.contains(trace), "{page}");
}

#[tokio::test]
async fn workers_checks_and_objectives_are_shown() {
    let file = r#"{"workers": {"queue_lag": {"target": 99, "threshold": 300, "window": "30d"}}}"#;
    let test = TestTelemetry::with_config(dev_config(config()), &[("workers.json", file)]).unwrap();
    let telemetry = test.telemetry();
    let check = telemetry
        .health_check("db")
        .run(|| async { Ok::<_, std::io::Error>(()) });
    let worker = telemetry.worker("mailer-1");
    worker
        .start("send_receipt", test.clock().wall(), &Carrier::EMPTY)
        .succeed();
    telemetry
        .scheduler()
        .start("digest", test.clock().wall())
        .succeed();
    telemetry.started();
    test.tick();
    let router = telemetry.internal_routes();
    let found = json(&router).await;
    let ids = |list: &str| {
        let members = found[list].as_array().unwrap().iter();
        let ids: Vec<_> = members
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect();
        ids
    };
    assert_eq!(ids("checks"), ["db"]);
    assert_eq!(ids("objectives"), ["workers.queue_lag"]);
    assert!(
        ids("workers").contains(&"mailer-1".to_owned()),
        "{:?}",
        ids("workers")
    );
    let page = local(&router, "/dev").await;
    for text in [
        "mailer-1",
        "send_receipt",
        "digest",
        "workers.queue_lag",
        ">db<",
    ] {
        assert!(page.contains(text), "{text}");
    }
    drop(check);
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let test = TestTelemetry::with_config(dev_config(config()), &[]).unwrap();
    let log = CapturedLog::default();
    let _installed = log.install(&test);
    let worker = test.telemetry().worker("w1");
    let long = "x".repeat(20_000);
    for number in 0..2_100 {
        let job = worker.start("job", SystemTime::now(), &Carrier::EMPTY);
        job.in_scope(|| {
            if number % 4 == 0 {
                tracing::info!(long, "number {number}");
            }
        });
        job.succeed();
    }
    let router = test.telemetry().internal_routes();
    let text = local(&router, "/dev.json").await;
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["spans"].as_array().unwrap().len(), 2_000);
    let lines = found["lines"].as_array().unwrap();
    assert!((20..500).contains(&lines.len()), "by size: {}", lines.len());
    assert_eq!(lines.last().unwrap()["message"], "number 2096");
    let jobs = &found["operations"][0];
    assert_eq!(
        (&jobs["total"], &jobs["recent"]),
        (&2_100.into(), &256.into())
    );
    assert!(
        text.len() < 4 << 20,
        "the command reads at most 4 MiB: {}",
        text.len()
    );
    let page = local(&router, "/dev?view=traces").await;
    assert_eq!(page.matches("?view=traces&#38;trace=").count(), 200);
}

#[tokio::test]
async fn a_worker_that_polls_shows_its_jobs() {
    let test = TestTelemetry::with_config(dev_config(config()), &[]).unwrap();
    let worker = test.telemetry().worker("w1");
    let database = test.telemetry().database("postgresql");
    for number in 0..32 {
        let job = worker.start("send_receipt", SystemTime::now(), &Carrier::EMPTY);
        job.in_scope(|| database.query("UPDATE", "orders").succeed());
        if number < 6 {
            job.fail("upstream_timeout");
        } else {
            job.succeed();
        }
    }
    test.telemetry()
        .scheduler()
        .start("digest", SystemTime::now())
        .succeed();
    for _ in 0..10_000 {
        database.query("DELETE", "jobs").succeed();
    }
    let router = test.telemetry().internal_routes();
    let found = json(&router).await;
    let spans = found["spans"].as_array().unwrap();
    let named = |name: &str| spans.iter().filter(|span| span["name"] == name).count();
    assert_eq!(
        ["send_receipt", "UPDATE orders", "digest"].map(named),
        [32, 32, 1]
    );
    assert!(
        (1..=200).contains(&named("DELETE jobs")),
        "{}",
        named("DELETE jobs")
    );
    let page = local(&router, "/dev?view=traces").await;
    assert_eq!(page.matches("?view=traces&#38;trace=").count(), 33);
    assert_eq!(page.matches(">failed</span>").count(), 6);
    assert!(!page.contains("DELETE jobs") && page.contains("Show them"));
    let page = local(&router, "/dev?view=traces&polls=1").await;
    assert!(page.contains("DELETE jobs"), "{page}");
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn get_page(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn process(name: &str, role: Role) -> (Telemetry, SocketAddr) {
    let config = dev_config(Config::new(name, role));
    let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
    let address = telemetry.serve("127.0.0.1:0".parse().unwrap()).unwrap();
    (telemetry, address)
}

/// Returns the carrier that a request puts into a queue.
fn queued_by_a_request(api: &Telemetry) -> Carrier {
    let in_handler = api.clone();
    let handler = move || async move { serde_json::to_string(&in_handler.carrier()).unwrap() };
    let app = api.mount(Router::new().route("/orders", get(handler)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (status, carrier) = runtime.block_on(ask(&app, "/orders", None, "shop"));
    assert_eq!(status, StatusCode::OK);
    serde_json::from_str(&carrier).unwrap()
}

#[test]
fn the_command_joins_a_trace_over_processes() {
    let (api, api_address) = process("shop-api", Role::Api);
    let (worker, worker_address) = process("shop-worker", Role::Worker);
    let carrier = queued_by_a_request(&api);
    let handle = worker.worker("w1");
    handle
        .start("send_receipt", SystemTime::now(), &carrier)
        .succeed();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vantage-obs"));
    command.args(["dev", "--listen", "127.0.0.1:0"]);
    // One of them is not there.
    for address in [
        api_address.to_string(),
        worker_address.to_string(),
        "127.0.0.1:1".into(),
    ] {
        command.args(["--url", &format!("http://{address}")]);
    }
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut child = Running(child);
    let mut line = String::new();
    let mut output = BufReader::new(child.0.stdout.take().unwrap());
    output.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").unwrap();
    let page = get_page(address, "/");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert!(page.contains("shop-api, shop-worker"), "{page}");
    assert!(
        page.contains("VANTAGE_OBS_DEV_ENABLED=true"),
        "what is missing says how: {page}"
    );
    let trace = page
        .split("?trace=")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let page = get_page(address, &format!("/?trace={trace}"));
    assert!(
        page.contains("send_receipt") && page.contains("class=\"d1\""),
        "{page}"
    );
    // As the services themselves.
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET / HTTP/1.1\r\nhost: rebind.example\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[test]
fn the_command_listens_on_loopback_alone() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vantage-obs"));
    let output = command
        .args(["dev", "--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("on loopback alone"));
}
