//! Requests that are refused: without the right token, or before their body was read.

mod sockets;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use vantage_obs::config::{HealthDetails, Secret};
use vantage_obs::testing::TestTelemetry;

use crate::support::{CapturedLog, config, into_ok, poll_once, request};

const TOKEN: &str = "t0ken";
const REFUSED: &str = "vantage_telemetry_http_refused_tokens_total";
/// A path of each realm, and how it is asked.
const CLOSED: [(&str, &str, &str); 6] = [
    ("health", "GET", "/api/v1/health/detailed"),
    ("heartbeat", "POST", "/api/v1/workers/w1/heartbeat"),
    ("heartbeat", "DELETE", "/api/v1/workers/w1"),
    ("status", "POST", "/api/v1/incidents"),
    ("status", "POST", "/api/v1/incidents/abc/updates"),
    ("status", "POST", "/api/v1/maintenance"),
];

fn telemetry() -> TestTelemetry {
    let mut config = config();
    config.heartbeat.token = Some(Secret::new(TOKEN));
    config.status.token = Some(Secret::new(TOKEN));
    config.health.details_token = Some(Secret::new(TOKEN));
    TestTelemetry::with_config(config, &[]).unwrap()
}

async fn send(test: &TestTelemetry, request: Request<Body>) -> (StatusCode, String) {
    let routes: Router = test.telemetry().routes();
    let (head, body) = into_ok(routes.oneshot(request).await).into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, String::from_utf8(body.to_vec()).unwrap())
}

fn with_token(method: &str, path: &str, authorization: &str) -> Request<Body> {
    let mut request = request(method, path);
    let value = authorization.parse().unwrap();
    request.headers_mut().insert("authorization", value);
    request
}

fn refused(test: &TestTelemetry, realm: &str, reason: &str) -> Option<f64> {
    test.value(REFUSED, &[("realm", realm), ("reason", reason)])
}

#[tokio::test]
async fn each_refused_token_is_counted_by_realm_and_reason() {
    let test = telemetry();
    for (_, method, path) in CLOSED {
        let missing = send(&test, request(method, path)).await;
        let wrong = send(&test, with_token(method, path, "Bearer t0ke")).await;
        assert_eq!((missing.0.as_u16(), wrong.0.as_u16()), (401, 401), "{path}");
        let right = send(&test, with_token(method, path, "Bearer t0ken")).await;
        assert_ne!(right.0, StatusCode::UNAUTHORIZED, "{path}");
    }
    for (realm, count) in [("health", 1.0), ("heartbeat", 2.0), ("status", 3.0)] {
        assert_eq!(refused(&test, realm, "missing"), Some(count), "{realm}");
        assert_eq!(refused(&test, realm, "wrong"), Some(count), "{realm}");
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_tokens_are_one_line_a_minute_and_realm() {
    let test = telemetry();
    let log = CapturedLog::default();
    let _guard = log.install(&test);
    for _ in 0..5 {
        send(&test, with_token("GET", CLOSED[0].2, "Bearer wrong")).await;
    }
    send(&test, with_token("POST", CLOSED[3].2, "Basic wrong")).await;
    send(&test, request("GET", CLOSED[0].2)).await;
    test.clock().advance(Duration::from_secs(60));
    send(&test, with_token("GET", CLOSED[0].2, "Bearer wrong")).await;
    let lines = log.with_message("requests with a wrong bearer token; told at most once a minute");
    let described: Vec<_> = lines
        .iter()
        .map(|line| {
            assert_eq!(line["level"], "warn");
            assert!(!line.to_string().contains("Bearer"), "{line}");
            let fields = &line["fields"];
            (
                fields["realm"].as_str().unwrap(),
                fields["refused"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(described, [("health", 1), ("status", 1), ("health", 5)]);
}

#[tokio::test(start_paused = true)]
async fn many_wrong_tokens_wait_a_second_and_a_right_one_never() {
    let test = telemetry();
    let wrong = || with_token("GET", CLOSED[0].2, "Bearer wrong");
    for _ in 0..10 {
        let answer = poll_once(pin!(send(&test, wrong()))).await;
        assert_eq!(answer.unwrap().0, StatusCode::UNAUTHORIZED);
    }
    let mut waiting: Vec<_> = (0..300).map(|_| Box::pin(send(&test, wrong()))).collect();
    let mut at_once = 0;
    for answer in &mut waiting {
        if let Some((status, _)) = poll_once(answer.as_mut()).await {
            assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
            at_once += 1;
        }
    }
    assert_eq!(at_once, 300 - 256, "so many wait");
    let right = poll_once(pin!(send(
        &test,
        with_token("GET", CLOSED[0].2, "Bearer t0ken")
    )))
    .await;
    assert_eq!(right.unwrap().0, StatusCode::OK, "while they wait");
    let started = tokio::time::Instant::now();
    assert_eq!(waiting.remove(0).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(started.elapsed().as_secs(), 1);
    // Clients that go away make room for others.
    drop(waiting);
    assert!(poll_once(pin!(send(&test, wrong()))).await.is_none());
    test.clock().advance(Duration::from_secs(1));
    assert!(poll_once(pin!(send(&test, wrong()))).await.is_some());
    assert_eq!(refused(&test, "health", "wrong"), Some(312.0));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_waits_where_none_is_needed_too() {
    let mut config = config();
    config.health.details = HealthDetails::OpenCodes;
    let no_token = TestTelemetry::with_config(config.clone(), &[]).unwrap();
    config.health.details_token = Some(Secret::new(TOKEN));
    for path in ["/api/v1/health/detailed", "/api/v1/health/check/db"] {
        let test = TestTelemetry::with_config(config.clone(), &[]).unwrap();
        let expected = send(&test, request("GET", path)).await.0;
        let wrong = || with_token("GET", path, "Bearer wrong");
        for _ in 0..10 {
            let answer = poll_once(pin!(send(&test, wrong()))).await;
            assert_eq!(answer.unwrap().0, expected, "{path}");
        }
        let mut waiting: Vec<_> = (0..257).map(|_| Box::pin(send(&test, wrong()))).collect();
        for answer in &mut waiting[..256] {
            assert!(poll_once(answer.as_mut()).await.is_none(), "{path}");
        }
        let last = poll_once(waiting[256].as_mut()).await.unwrap();
        assert_eq!(last.0, StatusCode::TOO_MANY_REQUESTS, "{path}");
        // Those without a token and with the right one are answered while others wait.
        for asked in [
            request("GET", path),
            with_token("GET", path, "Bearer t0ken"),
        ] {
            let answer = poll_once(pin!(send(&test, asked))).await;
            assert_eq!(answer.unwrap().0, expected, "{path}");
        }
        let started = tokio::time::Instant::now();
        assert_eq!(waiting.remove(0).await.0, expected, "{path}");
        assert_eq!(started.elapsed().as_secs(), 1, "{path}");
        for _ in 0..20 {
            let other = with_token("GET", path, "Basic monitor");
            let answer = poll_once(pin!(send(&no_token, other))).await;
            assert_eq!(
                answer.unwrap().0,
                expected,
                "{path}: nothing can be guessed"
            );
        }
    }
}

/// A body that counts the bytes that are read of it; without an end it waits after its last one.
struct CountedBody {
    left: u64,
    ends: bool,
    read: Arc<AtomicU64>,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        const CHUNK: u64 = 1_024;
        if self.left == 0 {
            return if self.ends {
                Poll::Ready(None)
            } else {
                Poll::Pending
            };
        }
        self.left -= CHUNK;
        self.read.fetch_add(CHUNK, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(
            &[b' '; CHUNK as usize],
        )))))
    }
}

/// Sends a body of so many KiB; returns the status and the KiB that were read.
async fn send_body(
    test: &TestTelemetry,
    request: http::request::Builder,
    kib: u64,
    ends: bool,
) -> (u16, u64) {
    let read = Arc::new(AtomicU64::new(0));
    let body = CountedBody {
        left: kib * 1_024,
        ends,
        read: Arc::clone(&read),
    };
    let (status, _) = send(test, request.body(Body::new(body)).unwrap()).await;
    (status.as_u16(), read.load(Ordering::Relaxed) / 1_024)
}

#[tokio::test(start_paused = true)]
async fn a_body_is_read_to_its_limit_before_it_is_refused() {
    let test = telemetry();
    for (_, _, path) in CLOSED.iter().filter(|(_, method, _)| *method == "POST") {
        let limit = if path.contains("workers") { 16 } else { 64 };
        let post = || Request::post(*path);
        let authorized = || post().header("authorization", "Bearer t0ken");
        let text = || authorized().header("content-type", "text/plain");
        assert_eq!(
            send_body(&test, post(), 10, true).await,
            (401, 10),
            "{path}"
        );
        assert_eq!(
            send_body(&test, post(), 1_000, true).await,
            (401, limit),
            "{path}"
        );
        assert_eq!(
            send_body(&test, post(), 10, false).await,
            (401, 10),
            "{path}"
        );
        assert_eq!(
            send_body(&test, text(), 10, true).await,
            (415, 10),
            "{path}"
        );
        let told = post().header("expect", "100-continue");
        assert_eq!(send_body(&test, told, 10, true).await, (401, 0), "{path}");
        let large = "x".repeat(100_000);
        let large = authorized()
            .header("content-type", "application/json")
            .body(large.into())
            .unwrap();
        assert_eq!(send(&test, large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    }
}

#[tokio::test]
async fn a_list_of_faults_has_at_most_twenty() {
    let test = telemetry();
    let commas = ",".repeat(60_000);
    let names = (0..500)
        .map(|n| format!(r#""x{n}":1"#))
        .collect::<Vec<_>>()
        .join(",");
    let limits = "&limit=0".repeat(5_000);
    let asked = [
        request("GET", &format!("/api/v1/workers/health?state={commas}")),
        request(
            "GET",
            &format!("/api/v1/workers/health?strict=maybe{limits}"),
        ),
        Request::post("/api/v1/incidents")
            .header("authorization", "Bearer t0ken")
            .body(format!("{{{names}}}").into())
            .unwrap(),
    ];
    for asked in asked {
        let path = asked.uri().path().to_owned();
        let (status, body) = send(&test, asked).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["faults"].as_array().unwrap().len(), 20, "{path}");
    }
}
