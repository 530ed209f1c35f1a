//! `/status/slo`.

use std::time::Duration;

use vantage_obs::{Config, Role};

use super::*;
use crate::support::OBJECTIVES;

fn evaluated() -> TestTelemetry {
    let config = Config::new("shop & <b>", Role::Api);
    let test = TestTelemetry::with_config(config, &OBJECTIVES).unwrap();
    for _ in 0..2 {
        test.tick();
        test.clock().advance(Duration::from_secs(10));
    }
    test
}

#[tokio::test]
async fn the_page_of_objectives_is_sealed_and_well_served() {
    let test = evaluated();
    let page = get(&test, "/status/slo").await;
    assert_eq!(
        page.header(header::CONTENT_TYPE),
        "text/html; charset=utf-8"
    );
    assert_sealed(&page);
    assert_well_served(&test, "/status/slo").await;
    assert_well_served(&test, "/status/slo.json").await;
    for id in ["api.latency", "api.error_rate", "api.availability"] {
        assert!(page.body.contains(&format!("id=\"{id}\"")), "{id}");
    }
    assert!(
        page.body.contains("shop &#38; &#60;b&#62;"),
        "the name is escaped"
    );
}

#[tokio::test]
async fn programs_get_the_report_of_the_api() {
    let test = evaluated();
    let report = get(&test, "/api/v1/slo").await.body;
    assert_eq!(get(&test, "/status/slo.json").await.body, report);
    let accept = [("accept", "application/json")];
    let negotiated = send(&test, "GET", "/status/slo", &accept).await;
    assert_eq!(negotiated.body, report);
    assert_eq!(negotiated.header(header::CONTENT_TYPE), "application/json");
    assert!(negotiated.header(header::VARY).contains("accept"));
}

#[tokio::test]
async fn a_reader_can_stop_the_page_from_loading_itself_anew() {
    let test = evaluated();
    let refresh = "http-equiv=\"refresh\"";
    assert!(get(&test, "/status/slo").await.body.contains(refresh));
    let still = get(&test, "/status/slo?refresh=off").await;
    assert!(!still.body.contains(refresh));
}

#[tokio::test]
async fn before_the_first_evaluation_there_is_no_page() {
    let test = TestTelemetry::with_config(Config::new("test", Role::Api), &OBJECTIVES).unwrap();
    for path in ["/status/slo", "/status/slo.json"] {
        let response = get(&test, path).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.header(header::CACHE_CONTROL), "no-store");
    }
}
