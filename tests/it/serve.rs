//! Our routes over real sockets, as a scraper and a probe meet them.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use vantage_obs::ExpositionFormat;
use vantage_obs::config::Environment;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::{Config, Role, Telemetry};

use crate::support::{named, samples, scrape};

const LOOPBACK: &str = "127.0.0.1:0";

/// The head and body of an answer.
fn send(address: SocketAddr, method: &str, path: &str, accept: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: test\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head has an end");
    (head.to_lowercase(), body.to_owned())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn served(test: &TestTelemetry) -> SocketAddr {
    test.telemetry().serve(LOOPBACK.parse().unwrap()).unwrap()
}

#[test]
fn http_listen_is_scraped_until_shutdown_and_refuses_connections_after_it() {
    // The port that the system has just given back; nobody else asks for it by number.
    let free = TcpListener::bind(LOOPBACK).unwrap().local_addr().unwrap();
    let mut config = Config::new("listener", Role::Worker);
    config.http.listen = Some(free);
    let telemetry = Telemetry::without_globals(config, &Environment::empty()).unwrap();
    let (head, body) = send(free, "GET", "/metrics", "text/plain");
    assert!(head.starts_with("http/1.1 200 ok"), "{head}");
    assert!(!samples(&body).is_empty());
    telemetry.shutdown_blocking().unwrap();
    let patience = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(free).is_ok() {
        assert!(Instant::now() < patience, "it still listens");
        std::thread::yield_now();
    }
}

#[test]
fn an_address_that_is_taken_is_an_error_of_init() {
    let taken = TcpListener::bind(LOOPBACK).unwrap();
    let mut config = Config::new("listener", Role::Worker);
    config.http.listen = Some(taken.local_addr().unwrap());
    let refused = Telemetry::without_globals(config, &Environment::empty()).unwrap_err();
    assert!(
        matches!(refused, vantage_obs::InitError::Io(_)),
        "{refused:?}"
    );
}

#[test]
fn thirty_two_scrapes_at_once_are_all_answered_whole() {
    let test = TestTelemetry::new();
    let address = served(&test);
    let business = test.telemetry().business();
    (0..1_000).for_each(|kind| business.record_ai_generation(&format!("kind-{kind}")));
    let together = std::sync::Barrier::new(32);
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                together.wait();
                let (head, body) = send(address, "GET", "/metrics", "application/openmetrics-text");
                assert!(head.starts_with("http/1.1 200 ok"), "{head}");
                let length = header(&head, "content-length").unwrap();
                assert_eq!(length, body.len().to_string());
                assert!(body.ends_with("# EOF\n"));
                assert_eq!(
                    body.matches("\nvantage_business_ai_generations_total{")
                        .count(),
                    1_000
                );
            });
        }
    });
}

#[test]
fn head_is_answered_with_the_head_of_get_and_no_body() {
    let test = TestTelemetry::new();
    let address = served(&test);
    for path in ["/metrics", "/api/v1/health"] {
        let (head, body) = send(address, "HEAD", path, "*/*");
        assert_eq!(body, "", "{path}");
        let (get, _) = send(address, "GET", path, "*/*");
        for name in ["content-type", "cache-control", "vary"] {
            assert_eq!(header(&head, name), header(&get, name), "{name} of {path}");
        }
        assert!(header(&head, "content-length").is_some(), "{path}");
        assert!(head.starts_with("http/1.1 200 ok"), "{head}");
    }
}

#[test]
fn prometheus_and_those_who_know_text_only_get_what_they_ask_for() {
    let test = TestTelemetry::new();
    let address = served(&test);
    let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
        application/openmetrics-text;version=0.0.1;q=0.5,\
        text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
    for (accept, format) in [
        ("text/plain;version=0.0.4", ExpositionFormat::Text),
        ("text/plain", ExpositionFormat::Text),
        (
            "application/openmetrics-text;version=1.0.0",
            ExpositionFormat::OpenMetrics,
        ),
        (prometheus, ExpositionFormat::OpenMetrics),
    ] {
        let (head, body) = send(address, "GET", "/metrics", accept);
        let content_type = header(&head, "content-type");
        assert_eq!(content_type, Some(format.content_type()), "{accept}");
        let ends = body.ends_with("# EOF\n");
        assert_eq!(ends, format == ExpositionFormat::OpenMetrics, "{accept}");
    }
}

#[test]
fn what_is_asked_of_a_server_of_our_own_is_no_request_to_the_api() {
    let test = TestTelemetry::new();
    let address = served(&test);
    for path in ["/metrics", "/api/v1/health", "/nowhere"] {
        send(address, "GET", path, "*/*");
    }
    assert_eq!(named(&scrape(&test), "vantage_api_requests_total"), []);
}

#[test]
fn errors_of_a_server_of_our_own_are_json_that_nothing_keeps() {
    let test = TestTelemetry::new();
    let address = served(&test);
    for (method, path, status, error) in [
        ("GET", "/nowhere", 404, "not found"),
        ("GET", "/api/v1/health/nothing", 404, "not found"),
        ("DELETE", "/api/v1/health", 405, "method not allowed"),
        ("POST", "/api/v1/slo", 405, "method not allowed"),
        ("POST", "/metrics", 405, "method not allowed"),
        ("PATCH", "/status/", 405, "method not allowed"),
    ] {
        let (head, body) = send(address, method, path, "*/*");
        assert!(
            head.starts_with(&format!("http/1.1 {status} ")),
            "{path}: {head}"
        );
        assert_eq!(body, format!(r#"{{"error":"{error}"}}"#), "{path}");
        assert_eq!(
            header(&head, "content-type"),
            Some("application/json"),
            "{path}"
        );
        assert_eq!(header(&head, "cache-control"), Some("no-store"), "{path}");
    }
    for path in [
        "/api/v1/health/",
        "/api/v1/health/ready/",
        "/status/",
        "/api/v1/slo/",
    ] {
        let [(plain, body), (slash, same)] = [path.trim_end_matches('/'), path]
            .map(|path| send(address, "GET", path, "application/json"));
        assert_eq!(plain.lines().next(), slash.lines().next(), "{path}");
        assert_eq!(body, same, "{path}");
    }
}
