//! What the routes of workers take and answer, member by member, and what the metrics make of it.

mod forget;
mod list;
mod metrics;
mod one;
mod receive;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, request::Builder};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;
use vantage_obs::Config;
use vantage_obs::testing::TestTelemetry;

use crate::support::into_ok;

const LIST: &str = "/api/v1/workers/health";

/// Settings by which everybody may beat.
fn open_config() -> Config {
    let mut config = crate::support::config();
    config.heartbeat.open = true;
    config
}

fn open() -> TestTelemetry {
    TestTelemetry::with_config(open_config(), &[]).unwrap()
}

/// An answer whose body is JSON, or empty.
struct JsonResponse {
    status: StatusCode,
    headers: HeaderMap,
    json: Value,
}

async fn send(test: &TestTelemetry, request: Request<Body>) -> JsonResponse {
    let routes: Router = test.telemetry().routes();
    let response = into_ok(routes.oneshot(request).await);
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    JsonResponse {
        status: head.status,
        headers: head.headers,
        json: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

async fn get(test: &TestTelemetry, path: &str) -> JsonResponse {
    let response = send(test, Request::get(path).body(Body::empty()).unwrap()).await;
    assert_eq!(response.headers["cache-control"], "no-store", "{path}");
    assert_eq!(
        response.headers["content-type"], "application/json",
        "{path}"
    );
    response
}

fn path(id: &str) -> String {
    format!("/api/v1/workers/{id}/heartbeat")
}

fn post_to(id: &str) -> Builder {
    Request::post(path(id))
}

async fn post(test: &TestTelemetry, id: &str, body: &str) -> JsonResponse {
    let request = post_to(id).header("content-type", "application/json");
    send(test, request.body(body.to_owned().into()).unwrap()).await
}

/// A beat with nothing but its boot and sequence, which is taken in.
async fn beat(test: &TestTelemetry, id: &str, boot: &str, sequence: u64) {
    let body = format!(r#"{{"boot_id":"{boot}","sequence":{sequence}}}"#);
    assert_eq!(post(test, id, &body).await.status, 202);
}

async fn goodbye(test: &TestTelemetry, id: &str, boot: &str, sequence: u64) {
    let body = format!(r#"{{"boot_id":"{boot}","sequence":{sequence},"state":"stopped"}}"#);
    assert_eq!(post(test, id, &body).await.status, 202);
}

fn wait(test: &TestTelemetry, seconds: u64) {
    test.clock().advance(Duration::from_secs(seconds));
    test.tick();
}

/// The members' names, in order.
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().collect();
    keys.sort_unstable();
    keys.into_iter().map(String::as_str).collect()
}

fn paths(response: &JsonResponse) -> Vec<&str> {
    let faults = response.json["faults"].as_array().unwrap();
    faults
        .iter()
        .map(|fault| fault["path"].as_str().unwrap())
        .collect()
}
