//! Tracked objectives: an incident simulated with a manual clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use vantage_obs::slo::report::AlertState;
use vantage_obs::testing::TestTelemetry;

use crate::support::{into_ok, request, with_objectives};

const INTERVAL: Duration = Duration::from_secs(10);

/// Sends ten requests in each of so many sampling intervals, of which so many fail.
async fn run_requests(test: &TestTelemetry, intervals: u32, failing: u32) {
    let status = |path: &str| match path {
        "/bad" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::OK,
    };
    let app = Router::new()
        .route("/good", get(move || async move { status("/good") }))
        .route("/bad", get(move || async move { status("/bad") }))
        .layer(test.telemetry().http_layer());
    for _ in 0..intervals {
        for number in 0..10 {
            let path = if number < failing { "/bad" } else { "/good" };
            into_ok(app.clone().oneshot(request("GET", path)).await);
        }
        test.clock().advance(INTERVAL);
        test.tick();
    }
}

async fn report(test: &TestTelemetry, query: &str) -> (StatusCode, serde_json::Value) {
    let routes: Router = test.telemetry().routes();
    let path = format!("/api/v1/slo{query}");
    let response = into_ok(routes.oneshot(request("GET", &path)).await);
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn objective(test: &TestTelemetry, name: &str) -> serde_json::Value {
    let (_, report) = report(test, "").await;
    let all = report["objectives"].as_array().unwrap();
    let of_api = all
        .iter()
        .find(|one| one["service"] == "api" && one["name"] == name);
    of_api.unwrap().clone()
}

#[tokio::test]
async fn an_incident_is_critical_and_over_at_the_exact_samples() {
    let test = with_objectives();
    let changes: Arc<Mutex<Vec<(AlertState, AlertState)>>> = Arc::default();
    let recorder = Arc::clone(&changes);
    test.telemetry().on_slo_alert(move |change| {
        if &*change.objective == "api.error_rate" {
            recorder.lock().unwrap().push((change.from, change.to));
        }
    });
    test.tick();
    run_requests(&test, 1_080, 0).await;
    assert_eq!(
        *changes.lock().unwrap(),
        [],
        "a young process misses nothing"
    );
    assert_eq!(objective(&test, "error_rate").await["alert"], "none");
    // 10x of 0.5 % is 5 % of the hour's 3,600 requests: more than 180.
    run_requests(&test, 18, 10).await;
    assert!(
        !changes
            .lock()
            .unwrap()
            .iter()
            .any(|(_, to)| *to == AlertState::Critical)
    );
    run_requests(&test, 1, 1).await;
    assert_eq!(
        changes.lock().unwrap().last().unwrap().1,
        AlertState::Critical
    );
    assert_eq!(objective(&test, "error_rate").await["alert"], "critical");
    let labels = [("objective", "api.error_rate"), ("severity", "critical")];
    assert_eq!(test.value("vantage_slo_alert", &labels), Some(1.0));
    // 181 bad leave the short window within five minutes; a minute later it is over.
    run_requests(&test, 36, 0).await;
    assert_eq!(
        changes.lock().unwrap().last().unwrap().1,
        AlertState::Warning
    );
    assert_eq!(test.value("vantage_slo_alert", &labels), Some(0.0));
}

#[tokio::test]
async fn minutes_in_which_more_than_a_tenth_fails_are_bad_slices() {
    let test = with_objectives();
    test.tick();
    run_requests(&test, 60, 0).await;
    run_requests(&test, 18, 2).await;
    run_requests(&test, 18, 1).await;
    let availability = objective(&test, "availability").await;
    assert_eq!(availability["bad"], 3, "{availability}");
    assert!(
        availability["good"].as_u64().unwrap() == 13,
        "{availability}"
    );
}

#[tokio::test]
async fn an_objective_without_recorder_is_absent_and_has_no_metrics() {
    let config = vantage_obs::Config::new("test", vantage_obs::Role::Worker);
    let test = TestTelemetry::with_config(config, &crate::support::OBJECTIVES).unwrap();
    test.tick();
    let latency = objective(&test, "latency").await;
    assert_eq!(
        (&latency["data"], &latency["sli"]),
        (&"absent".into(), &serde_json::Value::Null)
    );
    let labels = [("objective", "api.latency")];
    assert_eq!(test.value("vantage_slo_coverage_ratio", &labels), None);
}

#[tokio::test]
async fn coverage_grows_with_the_sampled_time() {
    let test = with_objectives();
    assert_eq!(report(&test, "").await.0, StatusCode::SERVICE_UNAVAILABLE);
    test.tick();
    assert_eq!(objective(&test, "latency").await["data"], "no_data");
    run_requests(&test, 30, 0).await;
    let latency = objective(&test, "latency").await;
    assert_eq!(
        (&latency["data"], &latency["good"]),
        (&"partial".into(), &300.into())
    );
    assert_eq!(
        report(&test, "?source=moon").await.0,
        StatusCode::BAD_REQUEST
    );
}
