//! Objectives that name an instrument: counted where events happen, and only those that match.

use std::time::Duration;

use tower::ServiceExt as _;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;

use crate::support::{config, events, into_ok, request, scrape};

const OBJECTIVES: &str = r#"{"checkout": {
    "latency": {"metric": "db.client.operation.duration", "where": {"db.operation.name": "SELECT"},
                "good": {"at_most": 500, "unit": "ms"}, "target": 99, "window": "30d"},
    "publish": {"metric": "vantage.worker.jobs", "where": {"job.kind": ["publish", "draft"]},
                "good": {"outcome": "succeeded"}, "target": 99, "window": "30d"},
    "all":     {"metric": "vantage.worker.jobs", "good": {"outcome": "succeeded"},
                "target": 99, "window": "30d"}}}"#;

fn test_telemetry() -> TestTelemetry {
    TestTelemetry::with_config(config(), &[("checkout.json", OBJECTIVES)]).expect("valid")
}

fn query(test: &TestTelemetry, operation: &str, nanos: u64) {
    let query = test
        .telemetry()
        .database("sqlite")
        .query(operation, "posts");
    test.clock().advance(Duration::from_nanos(nanos));
    query.succeed();
}

#[test]
fn a_histogram_counts_what_its_filter_takes_up_to_and_including_the_limit() {
    let test = test_telemetry();
    query(&test, "SELECT", 500_000_000);
    query(&test, "SELECT", 500_000_001);
    query(&test, "INSERT", 1);
    assert_eq!(events(&test, "checkout.latency"), (1, 1));
}

#[test]
fn a_canceled_query_within_the_limit_is_not_counted_and_a_late_one_is_bad() {
    let test = test_telemetry();
    for millis in [1, 501] {
        let query = test.telemetry().database("sqlite").query("SELECT", "posts");
        test.clock().advance(Duration::from_millis(millis));
        drop(query);
    }
    assert_eq!(events(&test, "checkout.latency"), (0, 1));
}

#[test]
fn a_counter_counts_towards_every_matching_objective() {
    let test = test_telemetry();
    let worker = test.telemetry().worker("w");
    let due = test.clock().wall();
    worker.start("publish", due, &Carrier::EMPTY).succeed();
    worker.start("draft", due, &Carrier::EMPTY).fail("quota");
    worker.start("sweep", due, &Carrier::EMPTY).succeed();
    assert_eq!(events(&test, "checkout.publish"), (1, 1));
    assert_eq!(events(&test, "checkout.all"), (2, 1));
    let labels = [("objective", "checkout.publish"), ("result", "bad")];
    assert_eq!(test.value("vantage_slo_events_total", &labels), Some(1.0));
}

#[test]
fn the_limit_of_a_custom_objective_is_a_bound_of_its_histogram() {
    let text = OBJECTIVES.replace("500", "437");
    let test = TestTelemetry::with_config(config(), &[("checkout.json", &text)]).expect("valid");
    query(&test, "SELECT", 1);
    assert!(scrape(&test).contains("le=\"0.437\""));
}

#[test]
fn objectives_go_on_counting_where_there_is_room_for_one_series() {
    let text = r#"{"db": {
        "select": {"metric": "db.client.operation.duration", "where": {"db.operation.name": "S"},
                   "good": {"at_most": 1, "unit": "s"}, "target": 99, "window": "30d"},
        "every":  {"metric": "db.client.operation.duration",
                   "good": {"at_most": 1, "unit": "s"}, "target": 99, "window": "30d"}}}"#;
    let mut config = config();
    config.metrics.cardinality_limit = 1;
    let test = TestTelemetry::with_config(config, &[("db.json", text)]).expect("valid");
    // The first fills the limit, and the second that of answers that are kept.
    for operation in ["A", "B", "S"] {
        query(&test, operation, 1);
    }
    assert_eq!(events(&test, "db.every"), (3, 0));
    assert_eq!(events(&test, "db.select"), (1, 0));
}

mod requests {
    use axum::Router;
    use axum::routing::get;
    use http::StatusCode;
    use tower::ServiceExt as _;

    use super::*;

    const REQUESTS: &str = r#"{"shop": {
        "checkout": {"metric": "http.server.request.duration",
                     "where": {"http.route": "/checkout/{id}"},
                     "good": {"at_most": 1, "unit": "s"}, "target": 99, "window": "30d"},
        "every":    {"metric": "http.server.request.duration",
                     "good": {"at_most": 1, "unit": "s"}, "target": 99, "window": "30d"},
        "probes":   {"metric": "http.server.request.duration",
                     "where": {"http.route": "/api/v1/health/live"},
                     "good": {"at_most": 1, "unit": "s"}, "target": 99, "window": "30d"}}}"#;

    #[tokio::test]
    async fn one_route_counts_and_probes_not_even_where_they_are_named() {
        let test = TestTelemetry::with_config(config(), &[("shop.json", REQUESTS)]).expect("valid");
        let app = Router::new()
            .route("/checkout/{id}", get(|| async { StatusCode::OK }))
            .route("/posts", get(|| async { StatusCode::OK }))
            .merge(test.telemetry().routes())
            .layer(test.telemetry().http_layer());
        // The second of each finds its series by the short key.
        for path in ["/checkout/1", "/posts", "/api/v1/health/live"].repeat(2) {
            let request = http::Request::get(path).body(axum::body::Body::empty());
            app.clone().oneshot(request.unwrap()).await.unwrap();
        }
        assert_eq!(events(&test, "shop.checkout"), (2, 0));
        assert_eq!(events(&test, "shop.every"), (4, 0));
        assert_eq!(events(&test, "shop.probes"), (0, 0));
    }
}

#[tokio::test]
async fn an_availability_by_occurrences_counts_the_requests_of_the_error_rate() {
    const BOTH: &str = r#"{"api": {
        "availability": {"target": 99, "window": "30d", "method": "occurrences"},
        "error_rate": {"target": 99, "threshold": 1, "window": "30d"}}}"#;
    const ALONE: &str =
        r#"{"api": {"availability": {"target": 99, "window": "30d", "method": "occurrences"}}}"#;
    for objectives in [BOTH, ALONE] {
        let test =
            TestTelemetry::with_config(config(), &[("api.json", objectives)]).expect("valid");
        let app = axum::Router::new()
            .route("/good", axum::routing::get(|| async {}))
            .route(
                "/bad",
                axum::routing::get(|| async { http::StatusCode::BAD_GATEWAY }),
            )
            .layer(test.telemetry().http_layer());
        for path in ["/good", "/good", "/bad"] {
            into_ok(app.clone().oneshot(request("GET", path)).await);
        }
        assert_eq!(events(&test, "api.availability"), (2, 1));
    }
}

#[test]
fn what_is_past_the_limit_of_series_counts_by_the_labels_that_it_was_given() {
    let mut config = config();
    config.metrics.cardinality_limit = 10;
    let test = TestTelemetry::with_config(config, &[("checkout.json", OBJECTIVES)]).unwrap();
    let worker = test.telemetry().worker("w");
    let due = test.clock().wall();
    for number in 0..10 {
        let kind = format!("sweep-{number}");
        worker.start(&kind, due, &Carrier::EMPTY).succeed();
    }
    for _ in 0..3 {
        worker.start("publish", due, &Carrier::EMPTY).succeed();
        worker.start("draft", due, &Carrier::EMPTY).fail("quota");
        worker.start("sweep", due, &Carrier::EMPTY).fail("quota");
    }
    assert_eq!(events(&test, "checkout.publish"), (3, 3));
    assert_eq!(events(&test, "checkout.all"), (13, 6));
    for number in 0..10 {
        query(&test, &format!("QUERY {number}"), 1);
    }
    query(&test, "SELECT", 500_000_000);
    query(&test, "SELECT", 500_000_001);
    drop(test.telemetry().database("sqlite").query("SELECT", "posts"));
    query(&test, "INSERT", 1);
    assert_eq!(events(&test, "checkout.latency"), (1, 1));
    let overflow = [("otel_metric_overflow", "true")];
    let name = "db_client_operation_duration_seconds_count";
    assert_eq!(test.value(name, &overflow), Some(4.0));
}
