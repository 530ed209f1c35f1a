//! The routes that write incidents and maintenance.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use vantage_obs::status::ComponentState;
use vantage_obs::testing::TestTelemetry;

use super::{TOKEN, advance, component, config, register_breakable_check, status, with};
use crate::support::{into_ok, request};

const INCIDENTS: &str = "/api/v1/incidents";
const MAINTENANCE: &str = "/api/v1/maintenance";

pub(super) struct JsonResponse {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) json: Value,
}

pub(super) async fn send(test: &TestTelemetry, request: Request<Body>) -> JsonResponse {
    let routes: Router = test.telemetry().routes();
    let (head, body) = into_ok(routes.oneshot(request).await).into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    JsonResponse {
        status: head.status,
        headers: head.headers,
        json: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

pub(super) async fn post(test: &TestTelemetry, path: &str, body: &Value) -> JsonResponse {
    let request = Request::post(path).header("authorization", format!("Bearer {TOKEN}"));
    let request = request.header("content-type", "application/json");
    send(test, request.body(body.to_string().into()).unwrap()).await
}

/// Returns the paths of the faults, in their order.
fn paths(response: &JsonResponse) -> Vec<&str> {
    let faults = response.json["faults"].as_array().unwrap();
    faults
        .iter()
        .map(|fault| fault["path"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn an_incident_is_stored_when_the_response_is_201() {
    let test = with(config());
    let body =
        json!({"title": "Slow", "body": "We look.", "components": {"api": "partial_outage"}});
    let response = post(&test, INCIDENTS, &body).await;
    assert_eq!(response.status, StatusCode::CREATED);
    let id = response.json["id"].as_str().unwrap();
    assert_eq!(
        response.headers["location"],
        format!("/status/incidents/{id}").as_str()
    );
    assert_eq!(status(&test).incidents[0].id.as_str(), id);
    let path = format!("{INCIDENTS}/{id}/updates");
    let body = json!({"body": "Mended.", "status": "resolved"});
    assert_eq!(post(&test, &path, &body).await.status, StatusCode::CREATED);
    assert!(status(&test).incidents[0].is_resolved());
    let body = json!({"title": "Disks", "body": "Short.", "components": ["api"],
        "scheduled_for": "2027-01-15T09:00:00Z", "scheduled_until": "2027-01-15T10:00:00Z"});
    let response = post(&test, MAINTENANCE, &body).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.json);
    assert_eq!(status(&test).maintenances.len(), 1);
}

/// Returns the status and `Location` of the response of a router to a body.
async fn location(
    routes: Router,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> (StatusCode, String, String) {
    let mut request = Request::post(path).header("authorization", format!("Bearer {TOKEN}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.header("content-type", "application/json");
    let request = request.body(Body::from(body.to_string())).unwrap();
    let (head, body) = into_ok(routes.oneshot(request).await).into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let location = head.headers["location"].to_str().unwrap().to_owned();
    let id = body["id"].as_str().unwrap();
    (head.status, location, format!("/status/incidents/{id}"))
}

#[tokio::test]
async fn the_location_of_what_was_created_is_where_its_sender_reaches_it() {
    let incident = json!({"title": "Slow", "body": "We look."});
    let maintenance = json!({"title": "Disks", "body": "Short.", "components": ["api"],
        "scheduled_for": "2027-01-15T09:00:00Z", "scheduled_until": "2027-01-15T10:00:00Z"});
    let host = ("host", "own:8080");
    let hostile = ("x-forwarded-prefix", "//evil");
    for (url, nested, headers, expected) in [
        (None, "", &[host][..], "http://own:8080"),
        (None, "/ops", &[host], "http://own:8080/ops"),
        (
            None,
            "/ops",
            &[
                host,
                ("x-forwarded-prefix", "/shop"),
                ("forwarded", "proto=https;host=status.example"),
            ],
            "https://status.example/shop/ops",
        ),
        (None, "", &[hostile], ""),
        (
            Some("https://status.example/public/"),
            "/ops",
            &[host, ("x-forwarded-host", "evil.example")],
            "https://status.example/public",
        ),
    ] {
        let mut config = config();
        config.status.url = url.map(Into::into);
        let test = with(config);
        let routes = test.telemetry().routes();
        let routes = match nested {
            "" => routes,
            nested => Router::new().nest(nested, routes),
        };
        for (path, body) in [(INCIDENTS, &incident), (MAINTENANCE, &maintenance)] {
            let path = format!("{nested}{path}");
            let (status, found, page) = location(routes.clone(), &path, headers, body).await;
            assert_eq!(status, StatusCode::CREATED);
            assert_eq!(found, format!("{expected}{page}"), "{path}");
            if path.ends_with(INCIDENTS) {
                let id = page.rsplit('/').next().unwrap();
                let update = json!({"body": "More."});
                let path = format!("{path}/{id}/updates");
                let (_, of_update, _) = location(routes.clone(), &path, headers, &update).await;
                assert!(
                    of_update.starts_with(&format!("{expected}/status/")),
                    "{of_update}"
                );
            }
        }
    }
}

#[tokio::test]
async fn every_fault_of_a_body_is_reported_at_once() {
    let test = with(config());
    let body = json!({"title": 7, "impact": "huge", "status": "completed", "components":
        {"api": "broken"}, "started_at": "yesterday", "draft": "yes", "boddy": ""});
    let response = post(&test, INCIDENTS, &body).await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        paths(&response),
        [
            "$.title",
            "$.body",
            "$.impact",
            "$.status",
            "$.components.api",
            "$.started_at",
            "$.draft",
            "$.boddy"
        ]
    );
    let body = json!({"title": "a\nb", "body": " ", "impact": "maintenance", "components":
        {"mail": "operational", "api": "no_data"}, "started_at": "2037-01-01T00:00:00Z"});
    let response = post(&test, INCIDENTS, &body).await;
    assert_eq!(
        paths(&response),
        [
            "$.title",
            "$.body",
            "$.impact",
            "$.components.api",
            "$.components.mail",
            "$.started_at"
        ]
    );
    let body = json!({"title": "a", "body": "b", "components": [],
        "scheduled_for": "2027-02-01T00:00:00Z", "scheduled_until": "2027-01-31T00:00:00Z"});
    let response = post(&test, MAINTENANCE, &body).await;
    assert_eq!(paths(&response), ["$.components", "$.scheduled_until"]);
    for body in ["", "[]", "{\"title\":", "null"] {
        let request = Request::post(INCIDENTS).header("authorization", format!("Bearer {TOKEN}"));
        let response = send(&test, request.body(body.into()).unwrap()).await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(paths(&response), ["$"], "{body}");
    }
    assert_eq!(
        test.telemetry().incidents().status(),
        None,
        "nothing was kept"
    );
}

#[tokio::test]
async fn writing_needs_the_token_and_is_closed_without_one() {
    let mut config = config();
    let test = with(config.clone());
    config.status.token = None;
    let closed = with(config);
    for path in [
        INCIDENTS,
        MAINTENANCE,
        "/api/v1/incidents/abcdefghijkl/updates",
    ] {
        for authorization in ["", "Bearer", "Bearer wrong", "Basic s3cr3t-token"] {
            let wrong = Request::post(path).header("authorization", authorization);
            let response = send(&test, wrong.body("{}".into()).unwrap()).await;
            assert_eq!(
                response.status,
                StatusCode::UNAUTHORIZED,
                "{path} {authorization}"
            );
            assert_eq!(
                response.headers["www-authenticate"],
                r#"Bearer realm="status""#
            );
        }
        let response = post(&closed, path, &json!({})).await;
        assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{path}");
        let read = send(&test, request("GET", path)).await;
        assert_eq!(read.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

#[tokio::test]
async fn requests_too_large_too_frequent_unknown_or_not_json_are_refused() {
    let test = with(config());
    let large = json!({"title": "a", "body": "x".repeat(70_000)});
    let response = post(&test, INCIDENTS, &large).await;
    assert_eq!(response.status, StatusCode::PAYLOAD_TOO_LARGE);
    let plain = Request::post(INCIDENTS)
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "text/plain");
    let response = send(&test, plain.body("{}".into()).unwrap()).await;
    assert_eq!(response.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for id in ["abcdefghijkl", "nobody", "%FF"] {
        let path = format!("{INCIDENTS}/{id}/updates");
        let response = post(&test, &path, &json!({"body": "a"})).await;
        assert_eq!(response.status, StatusCode::NOT_FOUND, "{id}");
    }
    for _ in 5..60 {
        let response = post(&test, INCIDENTS, &json!({})).await;
        assert_eq!(response.status, StatusCode::BAD_REQUEST);
    }
    let response = post(&test, INCIDENTS, &json!({})).await;
    assert_eq!(response.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers["retry-after"], "60");
}

#[tokio::test]
async fn a_draft_is_private_until_it_is_published() {
    let test = with(config());
    register_breakable_check(&test);
    advance(&test, 30).await;
    let body = json!({"title": "Rumour", "body": "b", "draft": true,
        "components": {"api": "major_outage"}});
    let response = post(&test, INCIDENTS, &body).await;
    assert_eq!(response.status, StatusCode::CREATED);
    advance(&test, 5).await;
    assert_eq!(status(&test).incidents, []);
    assert_eq!(component(&test, "api").state, ComponentState::Operational);
    let path = format!(
        "{INCIDENTS}/{}/updates",
        response.json["id"].as_str().unwrap()
    );
    let more = json!({"body": "More."});
    assert_eq!(post(&test, &path, &more).await.status, StatusCode::CREATED);
    assert_eq!(status(&test).incidents, []);
    let publish = json!({"body": "It is true.", "publish": true});
    assert_eq!(
        post(&test, &path, &publish).await.status,
        StatusCode::CREATED
    );
    assert_eq!(status(&test).incidents[0].updates.len(), 3);
    assert_eq!(component(&test, "api").state, ComponentState::MajorOutage);
}
