//! Readiness before the first samples and from the start of shutdown.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use vantage_obs::config::Environment;
use vantage_obs::health::HealthStatus;
use vantage_obs::{Config, Role, Telemetry};

use super::{exact_config, get, get_with, send, telemetry_with};
use crate::support::{into_ok, poll_once, request};

#[tokio::test]
async fn a_service_is_not_ready_before_the_first_samples() {
    let test = telemetry_with(exact_config());
    let early = get(&test, "/ready").await;
    assert_eq!(
        (early.status.as_u16(), early.header("retry-after")),
        (503, Some("10"))
    );
    assert_eq!(early.body, r#"{"status":"fail","ready":false}"#);
    assert_eq!(get(&test, "/startup").await.status, 503);
    assert_eq!(get(&test, "/live").await.status, 200);
    test.tick();
    assert_eq!(get(&test, "/ready").await.status, 200);
    assert_eq!(get(&test, "/startup").await.status, 200);
}

#[tokio::test]
async fn a_service_is_neither_ready_nor_healthy_from_the_start_of_shutdown_and_stays_alive() {
    let test = telemetry_with(exact_config());
    test.tick();
    test.telemetry().drain().await;
    let ending = get(&test, "/ready").await;
    assert_eq!(
        (ending.status.as_u16(), ending.header("retry-after")),
        (503, Some("10"))
    );
    assert!(
        get(&test, "/ready?verbose")
            .await
            .body
            .contains("[-]shutdown failed: reason withheld\n")
    );
    assert_eq!(get(&test, "/live").await.status, 200);
    assert_eq!(get(&test, "/startup").await.status, 200);
}

#[tokio::test]
async fn the_plain_path_says_that_the_service_drains_in_every_format() {
    let test = telemetry_with(exact_config());
    test.tick();
    assert_eq!(test.telemetry().health(), HealthStatus::Pass);
    test.telemetry().drain().await;
    assert_eq!(test.telemetry().health(), HealthStatus::Fail);
    for path in ["", "/"] {
        let plain = get(&test, path).await;
        assert_eq!(plain.status, 503);
        assert_eq!(plain.body, r#"{"status":"fail","draining":true}"#);
    }
    let head = send(&test, "HEAD", "", &[]).await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (503, ""));
    let draft = get_with(&test, "", &[("accept", "application/health+json")]).await;
    assert_eq!(draft.status, 503);
    assert_eq!(draft.json()["status"], "fail");
    assert_eq!(draft.json()["notes"][0], "shutting down");
    let lines = get(&test, "?verbose").await;
    assert_eq!(lines.status, 503);
    assert_eq!(
        lines.body,
        "[+]ping ok\n[-]shutdown failed: reason withheld\nhealthz check failed\n"
    );
    // As Kubernetes has it, that can be excluded too.
    assert_eq!(
        get(&test, "?exclude=shutdown").await.body,
        r#"{"status":"pass"}"#
    );
    assert_eq!(get(&test, "/ready?exclude=shutdown").await.status, 200);
}

/// The status line of an answer; `None` where nobody listens.
fn ready(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(
        stream,
        "GET /api/v1/health/ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    Some(response.lines().next()?.to_owned())
}

#[test]
fn the_listener_stays_open_for_the_delay_and_says_that_the_service_is_not_ready() {
    let mut config = Config::new("draining", Role::Worker);
    config.health.shutdown_delay = Duration::from_millis(600);
    let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
    let address = telemetry.serve("127.0.0.1:0".parse().unwrap()).unwrap();
    assert_eq!(ready(address).as_deref(), Some("HTTP/1.1 200 OK"));
    let began = Instant::now();
    let ending = std::thread::spawn(move || telemetry.shutdown_blocking().map(drop));
    let mut unready = 0;
    while let Some(line) = ready(address) {
        unready += u32::from(line.contains("503"));
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "it still listens"
        );
    }
    assert!(unready > 0, "nobody could have noticed");
    assert!(
        began.elapsed() >= Duration::from_millis(600),
        "{:?}",
        began.elapsed()
    );
    ending.join().unwrap().unwrap();
}

#[test]
fn a_service_without_checks_is_ready_once_it_is_served_and_disabled_telemetry_still_answers() {
    for disabled in [false, true] {
        let mut config = Config::new("probed", Role::Worker);
        config.disabled = disabled;
        let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
        let address = telemetry.serve("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(telemetry.is_ready());
        assert_eq!(ready(address).as_deref(), Some("HTTP/1.1 200 OK"));
        telemetry.shutdown_blocking().unwrap();
        assert!(!telemetry.is_ready());
    }
}

/// The text of a scrape by the SDK's own listener; `None` where nobody listens.
fn scrape_at(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    Some(response)
}

#[test]
fn requests_that_are_answered_during_the_drain_are_in_the_scrape() {
    let mut config = Config::new("draining", Role::Api);
    config.health.shutdown_delay = Duration::from_secs(60);
    let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
    let address = telemetry.serve("127.0.0.1:0".parse().unwrap()).unwrap();
    let app = axum::Router::new()
        .route("/posts/{id}", axum::routing::get(|| async { "a post" }))
        .layer(telemetry.http_layer())
        .merge(telemetry.routes());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let ask = |path: &str| {
        let answer = app.clone().oneshot(request("GET", path));
        let (head, body) = into_ok(runtime.block_on(answer)).into_parts();
        let body = runtime.block_on(body.collect()).unwrap().to_bytes();
        (head.status, String::from_utf8(body.to_vec()).unwrap())
    };
    let (draining, ending) = (telemetry.clone(), telemetry.clone());
    // Both wait for the delay: the service's own server, and then the SDK's.
    let mut drain = Box::pin(async move { draining.drain().await });
    assert!(runtime.block_on(poll_once(drain.as_mut())).is_none());
    let mut shutdown = Box::pin(async move { ending.shutdown().await.map(drop) });
    for requests in 1..=2 {
        assert_eq!(ask("/api/v1/health/ready").0, 503);
        assert_eq!(ask("/posts/7").0, 200);
        let sample = format!(r#"http_route="/posts/{{id}}",url_scheme="http"}} {requests}"#);
        for scraped in [ask("/metrics").1, scrape_at(address).unwrap()] {
            let mut lines = scraped.lines();
            let counted = lines.find(|line| line.starts_with("vantage_api_requests_total{"));
            assert!(counted.unwrap().contains(&sample), "{counted:?}");
        }
        assert!(runtime.block_on(poll_once(shutdown.as_mut())).is_none());
    }
}
