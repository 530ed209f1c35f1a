//! No byte of any public response holds private data.

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;
use vantage_obs::health::Finding;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;
use vantage_obs::{Config, Role};

use super::write_routes::post;
use super::{advance, config, status, with};
use crate::support::into_ok;

const CANARY: &str = "canary-5b2e";
const WORKER: &str = "worker-9f3a";

const ACCEPTS: [&str; 5] = [
    "*/*",
    "text/html",
    "application/json",
    "application/health+json",
    "application/openmetrics-text; version=1.0.0",
];

/// Returns every path, with the ids of an incident and of a draft, and with what a query can open.
fn paths(test: &TestTelemetry, draft: &str) -> Vec<String> {
    let incident = status(test).incidents[0].id.to_string();
    let served = test.served_paths().into_iter();
    let served = served.map(|served| served.path.replace("{worker_id}", WORKER));
    let mut paths: Vec<_> = served
        .flat_map(|path| {
            let ids = [incident.clone(), draft.to_owned(), format!("{draft}.json")];
            let ids = ids.map(|id| path.replace("{incident_id}", &id));
            BTreeSet::from(ids)
        })
        .collect();
    paths.extend(["/api/v1/health?verbose", "/api/v1/slo?source=prometheus"].map(str::to_owned));
    paths
}

/// Returns the whole response: status, headers and body.
async fn bytes(test: &TestTelemetry, path: &str, accept: &str, method: &str) -> String {
    let routes: Router = test.telemetry().routes();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("accept", accept);
    let response = into_ok(routes.oneshot(request.body(Body::empty()).unwrap()).await);
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    format!(
        "{} {:?} {}",
        head.status,
        head.headers,
        String::from_utf8_lossy(&body)
    )
}

/// A service in which everything that can hold a secret holds one.
async fn full_of_secrets() -> (TestTelemetry, String) {
    let mut config: Config = config().role(Role::Worker).role(Role::Web);
    config.service.version = Some(CANARY.into());
    let test = with(config);
    let telemetry = test.telemetry();
    telemetry
        .health_check("error")
        .critical()
        .run(|| async { Err::<(), _>(format!("at {CANARY}.internal")) });
    telemetry
        .health_check("panic")
        .run(|| async { panic!("{CANARY}") as Finding });
    telemetry
        .health_check("finding")
        .run(|| async { Finding::fail("slow").with_detail(CANARY) });
    telemetry
        .health_check("tcp")
        .tcp(format!("{CANARY}:not-a-port"));
    telemetry
        .health_check("http")
        .http(format!("ftp://{CANARY}/"));
    let worker = telemetry.worker(WORKER);
    let job = worker.start("publish_post", test.clock().wall(), &Carrier::EMPTY);
    advance(&test, 100).await;
    let draft = json!({"title": CANARY, "body": CANARY, "draft": true,
        "components": {"api": "major_outage"}});
    let draft = post(&test, "/api/v1/incidents", &draft).await.json["id"].clone();
    let work = json!({"title": CANARY, "body": CANARY, "draft": true, "components": ["api"],
        "scheduled_for": "2027-01-15T09:00:00Z", "scheduled_until": "2027-01-15T10:00:00Z"});
    post(&test, "/api/v1/maintenance", &work).await;
    // What somebody with the token writes wrong is answered to that one alone.
    post(&test, "/api/v1/incidents", &json!({ CANARY: CANARY })).await;
    advance(&test, 5).await;
    drop(job);
    (test, draft.as_str().unwrap().to_owned())
}

#[tokio::test]
async fn no_response_holds_a_secret_and_workers_are_named_on_their_own_routes_alone() {
    let (test, draft) = full_of_secrets().await;
    let (mut named, mut succeeded) = (0, 0);
    for path in paths(&test, &draft) {
        for accept in ACCEPTS {
            for method in ["GET", "HEAD"] {
                let all = bytes(&test, &path, accept, method).await;
                // `target_info` and `vantage_build_info` name the release of who is scraped, who is no stranger.
                let statuses = if path == "/metrics" {
                    all.replace(&format!("version=\"{CANARY}\""), "")
                } else {
                    all.clone()
                };
                assert!(
                    !statuses.contains(CANARY),
                    "{method} {path} {accept}: {all}"
                );
                // A draft is not there, and neither is a source that nobody configured.
                let hidden = path.starts_with(&format!("/status/incidents/{draft}"))
                    || path.ends_with("?source=prometheus");
                assert_eq!(all.starts_with("404"), hidden, "{method} {path}: {all}");
                let of_workers = path.starts_with("/api/v1/workers/") || path == "/metrics";
                named += usize::from(all.contains(WORKER));
                assert!(
                    of_workers || !all.contains(WORKER),
                    "{method} {path}: {all}"
                );
                succeeded += usize::from(all.starts_with("200"));
            }
        }
    }
    assert!(named >= 3, "the worker is named where it may be: {named}");
    assert!(
        succeeded > 60,
        "only {succeeded} answers had something to say"
    );
}

#[tokio::test]
async fn a_snapshot_holds_nothing_private() {
    let (test, _) = full_of_secrets().await;
    let all = format!("{:?}", status(&test));
    assert!(all.contains("Major outage of"), "{all}");
    assert!(!all.contains(CANARY) && !all.contains(WORKER), "{all}");
}
