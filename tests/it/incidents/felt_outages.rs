//! Outages that users feel and no check finds: requests fail while all checks pass.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use vantage_obs::slo::maintenance::SloMaintenance;

use super::*;
use crate::support::{into_ok, request};

/// No other objective, whose alert would be an outage of its own.
const AVAILABILITY: &str = r#"{"api":{"availability":{"target":99.9,"window":"30d"}}}"#;

fn telemetry(config: Config) -> TestTelemetry {
    TestTelemetry::with_config(config, &[("api.json", AVAILABILITY)]).unwrap()
}

/// Advances to the next whole minute, with good requests, and then by two more.
async fn begin_at_a_minute(test: &TestTelemetry) {
    let second = now(test).as_second();
    serve(test, 60 - second.rem_euclid(60), false).await;
    serve(test, 120, false).await;
}

/// Serves ten requests in each of so many seconds.
async fn serve(test: &TestTelemetry, seconds: i64, fails: bool) {
    let status = if fails {
        StatusCode::INTERNAL_SERVER_ERROR
    } else {
        StatusCode::OK
    };
    let app = Router::new()
        .route("/", get(move || std::future::ready(status)))
        .layer(test.telemetry().http_layer());
    for _ in 0..seconds {
        for _ in 0..10 {
            into_ok(app.clone().oneshot(request("GET", "/")).await);
        }
        advance(test, 1).await;
    }
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
    serve(&test, 60, false).await;
    let api = component(&test, "api");
    assert_eq!(api.state, ComponentState::Operational, "it is over");
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
    assert_eq!(api.state, ComponentState::Operational);
    assert_eq!(api.seconds.partial_outage, 120, "two bad minutes");
    serve(&test, 400, false).await;
    assert!(status(&test).incidents[0].is_resolved());
}

#[tokio::test]
async fn maintenance_is_not_counted() {
    for declared in [true, false] {
        let mut config = config();
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
            let work = NewMaintenance::new("Move", "We move.", from, until).component("api");
            test.telemetry().incidents().announce(work).await.unwrap();
            advance(&test, 60).await;
        }
        serve(&test, 33, true).await;
        serve(&test, 90, false).await;
        let api = component(&test, "api");
        assert_eq!(api.seconds.down(), 0, "{declared}: {:?}", api.seconds);
    }
}

/// The time at which the manual clock begins.
fn config_start() -> jiff::Timestamp {
    now(&with(config()))
}

#[tokio::test]
async fn a_component_of_the_configuration_has_the_outages_of_its_objectives() {
    let mut config = config();
    let mut shop = vantage_obs::config::StatusComponentConfig::new("shop");
    shop.objectives = vec!["api.availability".into()];
    let mut api = vantage_obs::config::StatusComponentConfig::new("api");
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
