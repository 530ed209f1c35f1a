//! The objectives of a fleet: the report of a service and the output of the command, against an API on
//! loopback.

#[cfg(feature = "cli")]
mod command;
#[cfg(all(feature = "cli", feature = "tls"))]
mod tls;

use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;
use vantage_obs::config::Environment;
use vantage_obs::{Config, Role, Telemetry};

use crate::support::{into_ok, request};

const ERROR_RATE: &str = r#"{"api":{"error_rate":{"target":99,"threshold":1,"window":"1d"}}}"#;

/// The events of `api.error_rate` in every window of the API.
#[derive(Clone, Copy, Debug)]
struct Events {
    good: u64,
    bad: u64,
}

const HEALTHY: Events = Events { good: 999, bad: 1 };

impl Events {
    /// Returns the response of a Prometheus to a path: samples from the beginning of every window to now.
    fn response_body(self, path: &str) -> String {
        let now = path.split(['=', '&']).nth(1).unwrap_or_default();
        let element = |result: &str, value: &str| {
            format!(
                r#"{{"metric":{{"objective":"api.error_rate"{result}}},"value":[{now},"{value}"]}}"#
            )
        };
        let elements = if path.contains("increase") {
            let good = element(r#","result":"good""#, &self.good.to_string());
            let bad = element(r#","result":"bad""#, &self.bad.to_string());
            format!("{good},{bad}")
        } else if path.contains("count_over_time") {
            element("", "1000")
        } else {
            element("", now)
        };
        format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{elements}]}}}}"#)
    }
}

/// Answers each request of a connection: the function takes its path and its head.
fn serve_connection<S: Read + Write>(stream: S, respond: &dyn Fn(&str, &str) -> (u16, String)) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !stream.read_line(&mut head).is_ok_and(|read| read > 0) {
                return;
            }
        }
        let path = head.split(' ').nth(1).unwrap_or_default();
        let (status, body) = respond(path, &head);
        let length = body.len();
        let response = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
        if stream.get_mut().write_all(response.as_bytes()).is_err() {
            return;
        }
    }
}

/// Serves an API on loopback for as long as the tests run.
pub(crate) fn serve(
    respond: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let respond = Arc::new(respond);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let respond = Arc::clone(&respond);
            thread::spawn(move || serve_connection(stream, &*respond));
        }
    });
    address
}

/// A folder with one objective.
fn objectives() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("api.json"), ERROR_RATE).unwrap();
    folder
}

fn service(api: Option<&str>, folder: &TempDir) -> Telemetry {
    let mut config = Config::new("shop", Role::Api);
    config.slo.directory = folder.path().into();
    config.slo.prometheus.url = api.map(|url| url.parse().unwrap());
    config.slo.prometheus.interval = Duration::from_secs(1);
    Telemetry::without_globals(config, &Environment::empty()).unwrap()
}

async fn get_report(telemetry: &Telemetry, query: &str) -> (StatusCode, Value) {
    let routes: Router = telemetry.routes();
    let path = format!("/api/v1/slo{query}");
    let response = into_ok(routes.oneshot(request("GET", &path)).await);
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

/// Polls the fleet's report until the response has this status.
async fn wait_for_status(telemetry: &Telemetry, wanted: StatusCode) -> Value {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let (status, body) = get_report(telemetry, "?source=prometheus").await;
        if status == wanted {
            return body;
        }
        assert!(Instant::now() < deadline, "{status}: {body}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_service_shows_the_latest_report_of_the_fleet() {
    let api = serve(|path, _| (200, HEALTHY.response_body(path)));
    let folder = objectives();
    let telemetry = service(Some(&format!("http://{api}/")), &folder);
    let report = wait_for_status(&telemetry, StatusCode::OK).await;
    assert_eq!(report["source"], "prometheus");
    let objective = &report["objectives"][0];
    assert_eq!(
        (&objective["data"], &objective["alert"], &objective["bad"]),
        (&"ok".into(), &"none".into(), &1.into())
    );
    let known = telemetry.fleet_report().unwrap();
    assert_eq!(known.objectives[0].good, 999);
    // Its own is another, and stands where it was.
    let own = get_report(&telemetry, "?source=local").await.1;
    assert_eq!(own["source"], "local");
    telemetry.shutdown().await.unwrap();
}

#[tokio::test]
async fn without_a_prometheus_the_response_names_the_setting() {
    let folder = objectives();
    let telemetry = service(None, &folder);
    let (status, body) = get_report(&telemetry, "?source=prometheus").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let error = body["error"].as_str().unwrap();
    assert!(error.contains("slo.prometheus.url"), "{error}");
    assert!(telemetry.fleet_report().is_none());
    let (status, body) = get_report(&telemetry, "?source=moon").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body["error"], "no such source; allowed: local, prometheus");
    telemetry.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_api_error_is_reported_without_its_text_until_it_recovers() {
    const CANARY: &str = "canary-77b1";
    let healthy = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&healthy);
    let api = serve(move |path, _| match state.load(Ordering::Relaxed) {
        true => (200, HEALTHY.response_body(path)),
        false => (500, format!("{CANARY} has no disk")),
    });
    let folder = objectives();
    let telemetry = service(Some(&format!("http://{api}/{CANARY}")), &folder);
    let mut body = wait_for_status(&telemetry, StatusCode::SERVICE_UNAVAILABLE).await;
    while body["error"] == "the fleet's report has not been requested yet" {
        tokio::time::sleep(Duration::from_millis(20)).await;
        body = get_report(&telemetry, "?source=prometheus").await.1;
    }
    let error = body["error"].as_str().unwrap();
    assert!(error.contains("is not available yet"), "{error}");
    let private = [CANARY, "500", &api.port().to_string()];
    for word in private {
        assert!(!body.to_string().contains(word), "{body}");
    }
    healthy.store(true, Ordering::Relaxed);
    wait_for_status(&telemetry, StatusCode::OK).await;
    telemetry.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_hanging_api_delays_neither_probes_nor_shutdown() {
    // Takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let folder = objectives();
    let mut config = Config::new("shop", Role::Api);
    config.slo.directory = folder.path().into();
    config.slo.prometheus.url = Some(url.parse().unwrap());
    let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
    let (connection, _) = silent.accept().unwrap();
    // Connected is not yet asked: a shutdown before that would end it without a word.
    let mut head = [0; 18];
    (&connection).read_exact(&mut head).unwrap();
    assert_eq!(&head, b"GET /api/v1/query?");
    let began = Instant::now();
    let (status, _) = get_report(&telemetry, "?source=prometheus").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    telemetry.shutdown().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    // The connection ends with the service.
    (&connection).read_to_end(&mut Vec::new()).unwrap();
}
