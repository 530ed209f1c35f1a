//! Health as a probe, an operator and a stranger see it, with the clock in the hand.

mod builtin;
mod callbacks;
mod checks;
mod formats;
mod hysteresis;
mod ids;
mod privacy;
mod shutdown;
mod signals;
mod startup;
mod table;
mod watchdogs;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;
use vantage_obs::Config;
use vantage_obs::config::Secret;
use vantage_obs::health::Finding;
use vantage_obs::testing::TestTelemetry;

use crate::support::{config, into_ok, request};

const TOKEN: &str = "s3cr3t-token";

/// Runs that come exactly when they are due, a token, and no damping.
fn exact_config() -> Config {
    let mut config = config();
    config.health.jitter = 0.0;
    config.health.fail_after = 1;
    config.health.recover_after = 1;
    config.health.details_token = Some(Secret::new(TOKEN));
    config
}

/// Telemetry whose start-up ends with the first results of what is registered before the first tick.
fn telemetry_with(config: Config) -> TestTelemetry {
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    test.telemetry().started();
    test
}

/// Asks with the token for details.
async fn authorized(test: &TestTelemetry, path: &str) -> HttpResponse {
    let bearer = format!("Bearer {TOKEN}");
    get_with(test, path, &[("authorization", &bearer)]).await
}

/// Lets runs begin and come back, at one instant.
async fn run_checks(test: &TestTelemetry) {
    test.tick();
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
    test.tick();
}

/// Moves the clock, and settles.
async fn advance(test: &TestTelemetry, time: Duration) {
    test.clock().advance(time);
    run_checks(test).await;
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What a check is to find, to be changed while it runs.
#[derive(Clone, Default)]
struct CheckSwitch(Arc<AtomicU64>);

impl CheckSwitch {
    const PASS: u64 = 0;
    const WARN: u64 = 1;
    const FAIL: u64 = 2;
    const HANG: u64 = 3;

    fn set(&self, to: u64) {
        self.0.store(to, Ordering::SeqCst);
    }

    async fn finding(self) -> Finding {
        match self.0.load(Ordering::SeqCst) {
            Self::PASS => Finding::pass(),
            Self::WARN => Finding::warn("slow"),
            Self::FAIL => Finding::fail("refused"),
            _ => std::future::pending().await,
        }
    }

    /// A check that finds what this says.
    fn check(
        &self,
    ) -> impl Fn() -> std::pin::Pin<Box<dyn Future<Output = Finding> + Send>> + use<> {
        let switch = self.clone();
        move || Box::pin(switch.clone().finding())
    }
}

/// An answer, taken apart.
struct HttpResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl HttpResponse {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

async fn get(test: &TestTelemetry, path: &str) -> HttpResponse {
    get_with(test, path, &[]).await
}

async fn get_with(test: &TestTelemetry, path: &str, headers: &[(&str, &str)]) -> HttpResponse {
    send(test, "GET", path, headers).await
}

async fn send(
    test: &TestTelemetry,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> HttpResponse {
    let mut request = request(method, &format!("/api/v1/health{path}"));
    for (name, value) in headers {
        let name: axum::http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let router: axum::Router = test.telemetry().routes();
    let response: Response = into_ok(router.oneshot(request).await);
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    HttpResponse {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// The detailed answer, with the token.
async fn details(test: &TestTelemetry) -> Value {
    let bearer = format!("Bearer {TOKEN}");
    get_with(test, "/detailed", &[("authorization", &bearer)])
        .await
        .json()
}

/// One check of the detailed answer.
async fn detail(test: &TestTelemetry, id: &str) -> Value {
    let details = details(test).await;
    let checks = details["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["id"] == id);
    check
        .unwrap_or_else(|| panic!("{id} is not among {details}"))
        .clone()
}
