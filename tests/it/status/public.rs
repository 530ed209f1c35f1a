//! `/status`, what is below it, and the same for programs.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use vantage_obs::incidents::{NewIncident, NewMaintenance, NewUpdate};
use vantage_obs::status::{ComponentState, IncidentStatus};
use vantage_obs::{Config, Role};

use super::*;

async fn test_telemetry(config: Config) -> TestTelemetry {
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    for _ in 0..5 {
        test.clock().advance(Duration::from_secs(1));
        test.tick();
        tokio::task::yield_now().await;
    }
    test
}

async fn titled() -> TestTelemetry {
    let mut config = Config::new("test", Role::Api);
    config.status.title = Some("Shop & Söhne".into());
    test_telemetry(config).await
}

async fn json(test: &TestTelemetry, path: &str) -> Value {
    serde_json::from_str(&get(test, path).await.body).unwrap()
}

#[tokio::test]
async fn the_public_pages_are_where_an_api_or_the_web_is() {
    for (role, expected) in [
        (Role::Api, StatusCode::OK),
        (Role::Web, StatusCode::OK),
        (Role::Worker, StatusCode::NOT_FOUND),
        (Role::Scheduler, StatusCode::NOT_FOUND),
    ] {
        let test = test_telemetry(Config::new("test", role)).await;
        for path in ["/status", "/status/feed.atom", "/api/v2/summary.json"] {
            assert_eq!(get(&test, path).await.status(), expected, "{role:?} {path}");
        }
        let slo = get(&test, "/status/slo").await;
        assert_eq!(
            slo.status(),
            StatusCode::OK,
            "each process has its own objectives"
        );
        let linked = slo.body.contains("href=\"/status/history\"");
        assert_eq!(linked, expected == StatusCode::OK, "{role:?}");
    }
}

#[tokio::test]
async fn every_page_is_sealed_and_well_served() {
    let test = titled().await;
    let mut served = test.served_paths();
    served.retain(|served| served.is_public || served.path.starts_with("/status/"));
    served.retain(|served| !served.path.contains('{'));
    let documents: BTreeSet<_> = served.into_iter().map(|served| served.path).collect();
    for path in &documents {
        assert_well_served(&test, path).await;
        let json = format!("{path}.json");
        if documents.contains(&json) {
            let page = get(&test, path).await;
            assert!(page.body.contains("Shop &#38; Söhne"), "{path}");
            assert_sealed(&page);
            let accept = [("accept", "application/json")];
            let negotiated = send(&test, "GET", path, &accept).await;
            assert_eq!(negotiated.body, get(&test, &json).await.body, "{path}");
        }
    }
    assert!(documents.len() >= 17, "{documents:?}");
    let missing = get(&test, "/status/incidents/aaaaaaaaaaaa").await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_sealed(&missing);
}

#[tokio::test]
async fn an_incident_is_everywhere_while_it_lasts_and_in_the_history_after() {
    let test = titled().await;
    let incidents = test.telemetry().incidents();
    let outage = NewIncident::new("Carts are <empty>", "We look into it.\nSorry.");
    let outage = outage.component("api", ComponentState::PartialOutage);
    let id = incidents.open(outage).await.unwrap();
    let one = format!("/status/incidents/{id}");
    for path in ["/status", "/status/incidents", "/status/history", &one] {
        let page = get(&test, path).await;
        assert!(page.body.contains("Carts are &#60;empty&#62;"), "{path}");
        assert!(page.body.contains("Investigating") && page.body.contains("We look into it."));
        assert_sealed(&page);
    }
    assert!(
        get(&test, "/status")
            .await
            .body
            .contains("<h1>Partial outage</h1>")
    );
    let unresolved = json(&test, "/api/v2/incidents/unresolved.json").await;
    assert_eq!(unresolved["incidents"][0]["id"], id.as_str());
    assert_eq!(
        json(&test, "/api/v2/status.json").await["status"]["indicator"],
        "major"
    );
    let feed = get(&test, "/status/feed.atom").await.body;
    assert!(
        feed.contains("Investigating: Carts are &#60;empty&#62;"),
        "{feed}"
    );
    assert!(
        feed.contains("&#38;#60;empty") || feed.contains("We look into it."),
        "{feed}"
    );

    test.clock().advance(Duration::from_secs(60));
    let over = NewUpdate::new("It is mended.").status(IncidentStatus::Resolved);
    incidents.update(id, over).await.unwrap();
    let current = get(&test, "/status/incidents").await.body;
    assert!(current.contains("No incident at the moment.") && !current.contains("Carts"));
    let whole = json(&test, &format!("{one}.json")).await;
    let updates: Vec<_> = whole["updates"].as_array().unwrap().iter().collect();
    assert_eq!(updates.len(), 2);
    assert_eq!(
        (&updates[0]["status"], &updates[0]["body"]),
        (&"resolved".into(), &"It is mended.".into())
    );
    let history = get(&test, "/status/history").await.body;
    assert!(
        history.contains("Resolved") && history.contains("(1 m)"),
        "{history}"
    );
    let unresolved = json(&test, "/api/v2/incidents/unresolved.json").await;
    assert_eq!(unresolved["incidents"], serde_json::json!([]));
}

#[tokio::test]
async fn maintenance_is_upcoming_and_then_active() {
    let test = titled().await;
    let now: jiff::Timestamp = test.clock().wall().try_into().unwrap();
    let hour = jiff::SignedDuration::from_hours(1);
    let work = NewMaintenance::new("A larger disk", "Carts wait.", now + hour, now + hour * 2);
    let id = test
        .telemetry()
        .incidents()
        .announce(work.component("api"))
        .await
        .unwrap();
    let ids = async |kind: &str| {
        let all = json(
            &test,
            &format!("/api/v2/scheduled-maintenances/{kind}.json"),
        )
        .await;
        let all = all["scheduled_maintenances"].as_array().unwrap().clone();
        all.iter()
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("upcoming").await, [id.to_string()]);
    assert!(ids("active").await.is_empty());
    test.clock().advance(Duration::from_secs(3_660));
    for _ in 0..5 {
        test.tick();
        tokio::task::yield_now().await;
    }
    assert_eq!(ids("active").await, [id.to_string()]);
    assert!(ids("upcoming").await.is_empty());
    assert!(get(&test, "/status").await.body.contains("In progress"));
}
