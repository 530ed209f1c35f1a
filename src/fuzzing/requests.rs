//! Whole requests to the routes: any method, target, headers and body.

use std::cell::RefCell;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use tokio::runtime::{Builder, Runtime};
use tower::Service as _;

use super::input::{headers, texts};
use super::oracle::{exposition, markup};
use super::{fingerprint, magnitude};
use crate::config::{Config, Role};
use crate::testing::TestTelemetry;

const OBJECTIVES: &str = r#"{"api": {"availability": {"target": 99.9, "window": "30d"}}}"#;

/// A service with its routes.
struct Service {
    runtime: Runtime,
    telemetry: TestTelemetry,
    router: Router,
}

impl Service {
    fn new() -> Self {
        let mut config = Config::new("fuzz", Role::Api)
            .role(Role::Worker)
            .role(Role::Web);
        config.heartbeat.open = true;
        let telemetry = TestTelemetry::with_config(config, &[("api.json", OBJECTIVES)]);
        let telemetry = telemetry.unwrap_or_else(|error| panic!("{error}"));
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
        let router = runtime.block_on(async { telemetry.telemetry().routes() });
        telemetry.tick();
        Self {
            runtime,
            telemetry,
            router,
        }
    }

    /// Returns status, headers and body of the response.
    fn send(&mut self, request: Request<Body>) -> (StatusCode, HeaderMap, Vec<u8>) {
        // Limits are by time.
        self.telemetry.clock().advance(Duration::from_secs(1));
        let response = self.router.call(request);
        self.runtime.block_on(async {
            let response = response.await.unwrap_or_else(|never| match never {});
            let (head, body) = response.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await;
            let body = body.unwrap_or_else(|error| panic!("{error}"));
            (head.status, head.headers, body.to_vec())
        })
    }
}

pub(super) fn requests(data: &[u8]) -> u64 {
    thread_local! {
        static SERVICE: RefCell<Option<Service>> = const { RefCell::new(None) };
    }
    let [method, target, lines, body] = texts(data);
    let mut request = Request::new(Body::from(body.to_string()));
    let (Ok(method), Ok(uri)) = (method.parse::<Method>(), target.parse()) else {
        return 0;
    };
    let is_head = method == Method::HEAD;
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers(&lines);
    // A wrong one waits for a second.
    request.headers_mut().remove(header::AUTHORIZATION);
    let (status, headers, answer) =
        SERVICE.with_borrow_mut(|service| service.get_or_insert_with(Service::new).send(request));
    assert!(
        !status.is_server_error() || status == StatusCode::SERVICE_UNAVAILABLE,
        "{status} for {target}"
    );
    let text_of = |name| {
        headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
    };
    let kind = text_of(header::CONTENT_TYPE)
        .unwrap_or_default()
        .into_owned();
    assert!(
        answer.len() <= (64 << 10) + 64 * data.len(),
        "{} bytes for {}",
        answer.len(),
        data.len()
    );
    assert!(!is_head || answer.is_empty());
    if !answer.is_empty() && !headers.contains_key(header::CONTENT_ENCODING) {
        assert_body(&kind, &answer);
    }
    fingerprint((
        status.as_u16(),
        kind,
        magnitude(answer.len()),
        headers.len(),
    ))
}

/// A body is what its type says.
#[track_caller]
fn assert_body(kind: &str, body: &[u8]) {
    let text = std::str::from_utf8(body).unwrap_or_else(|error| panic!("{error}"));
    let media_type = kind.split(';').next().unwrap_or_default();
    match media_type {
        "text/html" => drop(markup::elements(text, false)),
        "application/atom+xml" => drop(markup::elements(text, true)),
        "application/openmetrics-text" => drop(exposition::samples(text, true)),
        "text/plain" if kind.contains("version=0.0.4") => drop(exposition::samples(text, false)),
        "text/plain" => {}
        json if json.ends_with("json") => {
            let value: serde_json::Value =
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let faults = value["faults"].as_array().map_or(0, Vec::len);
            assert!(faults <= 20, "{faults} faults");
        }
        other => panic!("{other:?} is no type of ours: {text:.80}"),
    }
}
