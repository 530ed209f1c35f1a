//! Outages that users feel and no check finds: requests fail while all checks pass.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use vantage_obs::config::StatusComponentConfig;
use vantage_obs::slo::maintenance::SloMaintenance;

use super::*;
use crate::support::{OBJECTIVES, into_ok, request};

fn telemetry(config: Config) -> TestTelemetry {
    TestTelemetry::with_config(config, &OBJECTIVES).unwrap()
}

/// Advances to the next whole minute, with good requests, and then until the process is about five minutes old:
/// so young that half a minute of failures raises an alert.
async fn begin_at_a_minute(test: &TestTelemetry) {
    let second = now(test).as_second();
    serve(test, 60 - second.rem_euclid(60), false).await;
    serve(test, 240, false).await;
}

/// Serves ten requests in each of so many seconds.
async fn serve(test: &TestTelemetry, seconds: i64, fails: bool) {
    serve_with_failures(test, seconds, if fails { 100 } else { 0 }).await;
}

/// Serves ten requests in each of so many seconds, of which so many of a hundred fail, evenly spread.
async fn serve_with_failures(test: &TestTelemetry, seconds: i64, failures: usize) {
    let app = Router::new()
        .route("/good", get(|| std::future::ready(StatusCode::OK)))
        .route("/bad", get(|| std::future::ready(StatusCode::BAD_GATEWAY)))
        .layer(test.telemetry().http_layer());
    let mut spread = 0;
    for _ in 0..seconds {
        for _ in 0..10 {
            spread += failures;
            let path = if spread >= 100 { "/bad" } else { "/good" };
            spread %= 100;
            into_ok(app.clone().oneshot(request("GET", path)).await);
        }
        advance(test, 1).await;
    }
}

/// A component that follows from an objective without time slices.
fn orders() -> StatusComponentConfig {
    let mut orders = StatusComponentConfig::new("orders");
    orders.objectives = vec!["api.error_rate".into()];
    orders
}

async fn json(test: &TestTelemetry, path: &str) -> serde_json::Value {
    let routes: Router = test.telemetry().routes();
    let response = into_ok(routes.oneshot(request("GET", path)).await);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn half_a_minute_of_failing_requests_is_a_minute_of_partial_outage() {
    let test = telemetry(config());
    begin_at_a_minute(&test).await;
    serve(&test, 10, false).await;
    serve(&test, 33, true).await;
    assert_eq!(component(&test, "api").seconds.down(), 0, "not judged yet");
    serve(&test, 360, false).await;
    let api = component(&test, "api");
    // The outage is over, and the alert is not.
    assert_eq!(api.state, ComponentState::DegradedPerformance);
    assert!(api.seconds.degraded_performance > 300, "{:?}", api.seconds);
    assert_eq!(api.seconds.partial_outage, 60, "{:?}", api.seconds);
    assert_eq!(api.seconds.major_outage, 0);
    let today = api.days.last().unwrap().seconds;
    assert_eq!(today.partial_outage, 60, "in the bars as in the sum");
    let uptime = api.seconds.uptime().unwrap();
    assert!(uptime.thousandths() < 100_000, "{uptime}");
    let page = json(&test, "/status.json").await;
    let of_api = page["components"].as_array().unwrap().iter();
    let of_api = of_api.filter(|one| one["key"] == "api").collect::<Vec<_>>();
    assert_eq!(of_api[0]["uptime"]["seconds"]["partial_outage"], 60);
    let status_now = status(&test);
    let others = status_now
        .components
        .iter()
        .filter(|one| &*one.key != "api");
    assert!(others.map(|one| one.seconds.down()).all(|down| down == 0));
    assert_eq!(status(&test).incidents, [], "over before it was known");
}

#[tokio::test]
async fn an_outage_that_goes_on_is_shown_and_opens_an_incident() {
    let test = telemetry(config());
    begin_at_a_minute(&test).await;
    let from = now(&test);
    serve(&test, 73, true).await;
    let api = component(&test, "api");
    assert_eq!(api.state, ComponentState::PartialOutage);
    assert_eq!(api.since, from, "without a hole since the slice began");
    let summary = json(&test, "/api/v2/components.json").await;
    assert_eq!(summary["components"][0]["status"], "partial_outage");
    let incident = status(&test).incidents[0].clone();
    assert_eq!(&*incident.title, "Partial outage of API");
    assert_eq!(incident.started_at, from);
    serve(&test, 120, false).await;
    let api = component(&test, "api");
    assert_eq!(api.state, ComponentState::DegradedPerformance);
    assert_eq!(api.seconds.partial_outage, 120, "two bad minutes");
    serve(&test, 400, false).await;
    assert!(status(&test).incidents[0].is_resolved());
}

#[tokio::test]
async fn failures_without_a_bad_slice_are_degraded_performance_where_slices_are_counted() {
    for with_orders in [false, true] {
        let mut config = config();
        config.status.components = with_orders.then(orders).into_iter().collect();
        let test = telemetry(config);
        serve_with_failures(&test, 300, 8).await;
        let api = component(&test, "api");
        assert_eq!(api.state, ComponentState::DegradedPerformance);
        assert_eq!(api.seconds.down(), 0, "{:?}", api.seconds);
        let status = status(&test);
        let titles: Vec<_> = status.incidents.iter().map(|one| &*one.title).collect();
        if !with_orders {
            assert!(titles.is_empty(), "{titles:?}");
            continue;
        }
        // Nothing else says that it is down.
        let state = component(&test, "orders").state;
        assert_eq!(state, ComponentState::PartialOutage);
        assert_eq!(titles.len(), 1);
        assert!(
            titles[0].starts_with("Partial outage of orders"),
            "{titles:?}"
        );
    }
}

#[tokio::test]
async fn maintenance_is_not_counted() {
    for declared in [true, false] {
        let mut config = config();
        config.status.components = vec![orders()];
        let start = config_start();
        if declared {
            let work = SloMaintenance::new(start, start + Duration::from_secs(3_600), "move");
            config.slo.maintenance = vec![work.unwrap()];
        }
        let test = telemetry(config);
        begin_at_a_minute(&test).await;
        if !declared {
            let from = now(&test) + Duration::from_secs(1);
            let until = from + Duration::from_secs(600);
            let work = NewMaintenance::new("Move", "We move.", from, until);
            let work = work.component("api").component("orders");
            test.telemetry().incidents().announce(work).await.unwrap();
            advance(&test, 60).await;
        }
        serve(&test, 33, true).await;
        serve(&test, 90, false).await;
        let status = status(&test);
        for one in &status.components {
            assert_eq!(one.seconds.down(), 0, "{}, {declared}", one.key);
        }
        assert_eq!(status.incidents, []);
    }
}

/// The time at which the manual clock begins.
fn config_start() -> jiff::Timestamp {
    now(&with(config()))
}

#[tokio::test]
async fn a_component_of_the_configuration_has_the_outages_of_its_objectives() {
    let mut config = config();
    let mut shop = StatusComponentConfig::new("shop");
    shop.objectives = vec!["api.availability".into()];
    let mut api = StatusComponentConfig::new("api");
    api.checks = vec!["edge-*".into()];
    config.status.components = vec![shop, api];
    let test = telemetry(config);
    begin_at_a_minute(&test).await;
    serve(&test, 20, true).await;
    serve(&test, 60, false).await;
    assert_eq!(component(&test, "shop").seconds.partial_outage, 60);
    let api = component(&test, "api");
    assert_eq!(api.seconds.down(), 0, "it follows from other sources");
}
