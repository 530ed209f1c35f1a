//! Workers as the routes show them, with a manual clock.

mod routes;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use vantage_obs::config::Secret;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role};

use crate::support::{into_ok, request};

const LIST: &str = "/api/v1/workers/health";

/// Telemetry that takes beats of everybody.
fn open() -> TestTelemetry {
    let mut config = Config::new("test", Role::Api);
    config.heartbeat.open = true;
    TestTelemetry::with_config(config, &[]).unwrap()
}

async fn send(test: &TestTelemetry, request: Request<Body>) -> (StatusCode, Value) {
    let routes: Router = test.telemetry().routes();
    let response = into_ok(routes.oneshot(request).await);
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn get(test: &TestTelemetry, path: &str) -> (StatusCode, Value) {
    send(test, request("GET", path)).await
}

fn beat_request(id: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(format!("/api/v1/workers/{id}/heartbeat"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(body.into())
        .unwrap()
}

async fn beat(test: &TestTelemetry, id: &str, sequence: u64) -> StatusCode {
    let body = json!({"boot_id": "b", "sequence": sequence, "interval_ms": 30_000});
    send(test, beat_request(id, body.to_string())).await.0
}

async fn state(test: &TestTelemetry, id: &str) -> Value {
    let path = format!("/api/v1/workers/{id}/heartbeat");
    get(test, &path).await.1["state"].clone()
}

#[tokio::test]
async fn a_worker_of_another_process_walks_from_online_to_gone() {
    let test = open();
    assert_eq!(beat(&test, "w:1", 1).await, StatusCode::ACCEPTED);
    assert_eq!(state(&test, "w:1").await, "online");
    test.clock().advance(Duration::from_secs(60));
    assert_eq!(state(&test, "w:1").await, "late");
    test.clock().advance(Duration::from_secs(240));
    assert_eq!(state(&test, "w:1").await, "offline");
    let (strict, _) = get(&test, "/api/v1/workers/w:1/heartbeat?strict=1").await;
    assert_eq!(strict, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(beat(&test, "w:1", 2).await, StatusCode::ACCEPTED);
    let body = json!({"boot_id": "b", "sequence": 3, "state": "stopped"});
    send(&test, beat_request("w:1", body.to_string())).await;
    assert_eq!(state(&test, "w:1").await, "stopped");
    test.clock().advance(Duration::from_secs(86_400));
    let (gone, _) = get(&test, "/api/v1/workers/w:1/heartbeat").await;
    assert_eq!(gone, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn one_worker_is_shown_with_every_field_of_the_contract() {
    let test = open();
    let body = json!({
        "boot_id": "b", "sequence": 7, "interval_ms": 10_000, "state": "running",
        "sent_at": "2027-01-15T07:59:58.500Z", "version": "1.2", "mood": "good",
        "progress": {"in_flight": 1, "processed_total": 12, "failed_total": 2, "queue_depth": 3,
                     "last_progress_at": "2027-01-15T07:59:50Z", "oldest_in_flight_ms": 1500},
    });
    let (status, _) = send(&test, beat_request("w1", body.to_string())).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    test.clock().advance(Duration::from_millis(1_250));
    let (_, shown) = get(&test, "/api/v1/workers/w1/heartbeat").await;
    let expected = json!({
        "worker_id": "w1", "state": "online", "last_seen": "2027-01-15T08:00:00.000Z",
        "age_ms": 1250, "late_at": "2027-01-15T08:00:20.000Z",
        "offline_at": "2027-01-15T08:05:00.000Z", "boot_id": "b", "sequence": 7, "restarts": 0,
        "clock_skew_ms": 1500,
        "progress": {"in_flight": 1, "processed_total": 12, "failed_total": 2,
                     "last_progress_at": "2027-01-15T07:59:50.000Z",
                     "oldest_in_flight_ms": 1500, "queue_depth": 3},
    });
    assert_eq!(shown, expected);
    let ignored = test.value("vantage_worker_beat_unknown_fields_total", &[]);
    assert_eq!(ignored, Some(1.0));
    let accepted = test.value("vantage_worker_beats_total", &[("result", "accepted")]);
    assert_eq!(accepted, Some(1.0));
    let seen = test.value(
        "vantage_worker_heartbeat_timestamp_seconds",
        &[("worker_id", "w1")],
    );
    assert_eq!(seen, Some(1_800_000_000.0));
}

#[tokio::test]
async fn the_list_counts_all_states_and_goes_page_by_page() {
    let test = open();
    for id in ["c", "a", "b"] {
        beat(&test, id, 1).await;
    }
    let (status, page) = get(&test, &format!("{LIST}?limit=2")).await;
    assert_eq!((status, &page["status"]), (StatusCode::OK, &json!("pass")));
    assert_eq!(page["counts"]["online"], 3);
    assert_eq!(page["counts"]["offline"], 0);
    assert_eq!(page["workers"][0]["worker_id"], "a");
    assert_eq!(page["next_cursor"], "b");
    let (_, page) = get(&test, &format!("{LIST}?limit=2&cursor=b")).await;
    assert_eq!(page["workers"][0]["worker_id"], "c");
    assert_eq!(page["next_cursor"], Value::Null);
    test.clock().advance(Duration::from_secs(300));
    let (_, page) = get(&test, &format!("{LIST}?state=offline,late&state=new")).await;
    assert_eq!(
        (&page["status"], page["workers"].as_array().unwrap().len()),
        (&json!("fail"), 3)
    );
    let (status, rejection) = get(&test, &format!("{LIST}?state=dead&limit=0&cursor=%20")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(rejection["faults"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_bad_beat_is_refused_with_every_fault() {
    let test = open();
    assert_eq!(beat(&test, "w", 1).await, StatusCode::ACCEPTED);
    let (status, rejection) = send(&test, beat_request("a%20b", r#"{"sequence":-1}"#)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let paths: Vec<_> = rejection["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| &fault["path"])
        .collect();
    assert_eq!(paths, ["worker_id", "$.boot_id", "$.sequence"]);
    let (status, _) = send(&test, beat_request("w", " ".repeat(16 * 1024 + 1))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let mut text = beat_request("w", r#"{"boot_id":"b","sequence":1}"#);
    text.headers_mut()
        .insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_eq!(
        send(&test, text).await.0,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
    assert_eq!(
        test.value("vantage_worker_beats_total", &[("result", "refused")]),
        Some(3.0)
    );
}

#[tokio::test]
async fn a_beat_needs_the_token_where_there_is_one() {
    let mut config = Config::new("test", Role::Api);
    config.heartbeat.token = Some(Secret::new("s3cret"));
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    assert_eq!(beat(&test, "w", 1).await, StatusCode::UNAUTHORIZED);
    let mut allowed = beat_request("w", r#"{"boot_id":"b","sequence":1}"#);
    allowed
        .headers_mut()
        .insert(header::AUTHORIZATION, "Bearer s3cret".parse().unwrap());
    assert_eq!(send(&test, allowed).await.0, StatusCode::ACCEPTED);
    assert_eq!(state(&test, "w").await, "online");
}

#[tokio::test]
async fn a_worker_of_this_process_that_hangs_is_stalled_and_says_goodbye_at_the_end() {
    let test = open();
    let worker = test.telemetry().worker("publisher-1");
    test.tick();
    let job = worker.start("publish_post", test.clock().wall(), &Carrier::EMPTY);
    for _ in 0..40 {
        test.clock().advance(Duration::from_secs(10));
        test.tick();
    }
    assert_eq!(state(&test, "publisher-1").await, "stalled");
    job.succeed();
    test.clock().advance(Duration::from_secs(40));
    test.tick();
    assert_eq!(state(&test, "publisher-1").await, "online");
    test.telemetry().shutdown().await.unwrap();
    assert_eq!(state(&test, "publisher-1").await, "stopped");
}

#[tokio::test]
async fn minutes_and_lost_jobs_of_workers_count_towards_their_objectives_once() {
    let objectives = r#"{"workers":{"availability":{"target":99,"window":"30d"},
        "processing_time":{"target":95,"threshold":300,"window":"30d"}}}"#;
    let mut config = Config::new("test", Role::Api);
    config.heartbeat.open = true;
    let test = TestTelemetry::with_config(config, &[("workers.json", objectives)]).unwrap();
    test.tick();
    let body = json!({"boot_id": "b", "sequence": 1, "progress": {"in_flight": 3, "in_flight_overdue": 1}});
    send(&test, beat_request("w", body.to_string())).await;
    for _ in 0..10 {
        test.clock().advance(Duration::from_secs(60));
        test.tick();
    }
    let events = test.telemetry().slo_events();
    let events: Vec<_> = events
        .map(|counts| (counts.objective, counts.good, counts.bad))
        .collect();
    assert_eq!(
        events,
        [
            ("workers.availability", 5, 5),
            ("workers.processing_time", 0, 2)
        ]
    );
}
