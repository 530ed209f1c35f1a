use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::timeout::TimeoutLayer;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use vantage_obs::instruments::MAX_SERVERS;
use vantage_obs::testing::TestTelemetry;

use crate::loopback::{CALLS, assert_child, calls, serve, unused_port};

fn client() -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn request(port: u16, path: &str) -> Request<Body> {
    let url = format!("http://127.0.0.1:{port}{path}");
    Request::get(url).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_call_of_hyper_is_measured_to_the_head_and_traced() {
    let (caller, callee) = (TestTelemetry::new(), TestTelemetry::new());
    let router = Router::new().route("/", get(async || "hello"));
    let port = serve(router.layer(callee.telemetry().http_layer())).await;
    let layer = caller.telemetry().http_client_layer();
    let client = ServiceBuilder::new().layer(layer).service(client());
    let response = client.oneshot(request(port, "/")).await.unwrap();
    let labels = [
        ("http_request_method", "GET"),
        ("http_response_status_code", "200"),
    ];
    assert_eq!(calls(&caller, port, &labels), Some(1.0));
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "hello");
    assert_child(&callee.span_data()[0], &caller.span_data()[0]);
}

#[tokio::test]
async fn a_limit_inside_is_a_timeout_and_one_outside_a_cancellation() {
    let test = TestTelemetry::new();
    let slow = get(async || std::future::pending::<()>().await);
    let port = serve(Router::new().route("/", slow)).await;
    let limit = TimeoutLayer::new(Duration::from_millis(1));
    let layer = test.telemetry().http_client_layer();
    let inside = ServiceBuilder::new()
        .layer(layer.clone())
        .layer(limit.clone());
    let outside = ServiceBuilder::new().layer(limit).layer(layer);
    let error = inside
        .service(client())
        .oneshot(request(port, "/"))
        .await
        .unwrap_err();
    assert!(error.is::<tower::timeout::error::Elapsed>());
    outside
        .service(client())
        .oneshot(request(port, "/"))
        .await
        .unwrap_err();
    for class in ["timeout", "cancelled"] {
        let labels = [("error_type", class), ("http_request_method", "GET")];
        assert_eq!(calls(&test, port, &labels), Some(1.0), "{class}");
    }
}

#[tokio::test]
async fn an_error_keeps_its_type_in_its_box_and_is_told_by_its_cause() {
    let test = TestTelemetry::new();
    let port = unused_port();
    let client = ServiceBuilder::new()
        .layer(test.telemetry().http_client_layer())
        .service(client());
    let error = client.oneshot(request(port, "/")).await.unwrap_err();
    let error = error
        .downcast::<hyper_util::client::legacy::Error>()
        .unwrap();
    assert!(error.is_connect());
    let labels = [
        ("error_type", "connection_refused"),
        ("http_request_method", "GET"),
    ];
    assert_eq!(calls(&test, port, &labels), Some(1.0));
}

#[tokio::test]
async fn a_panic_is_one_though_a_layer_further_out_catches_it() {
    let test = TestTelemetry::new();
    let panics = service_fn(
        async |_: Request<Body>| -> Result<Response<Body>, Infallible> {
            panic!("a bug");
        },
    );
    let client = ServiceBuilder::new()
        .layer(test.telemetry().http_client_layer())
        .service(panics);
    let call = tokio::spawn(client.oneshot(request(80, "/")));
    assert!(call.await.unwrap_err().is_panic());
    let labels = [("error_type", "panic"), ("http_request_method", "GET")];
    assert_eq!(calls(&test, 80, &labels), Some(1.0));
}

#[tokio::test]
async fn a_request_without_an_authority_goes_to_its_host() {
    let test = TestTelemetry::new();
    let answers = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
    let client = ServiceBuilder::new()
        .layer(test.telemetry().http_client_layer())
        .service(answers);
    let request = Request::get("/")
        .header("host", "127.0.0.1:8080")
        .body(())
        .unwrap();
    client.oneshot(request).await.unwrap();
    let labels = [
        ("http_request_method", "GET"),
        ("http_response_status_code", "200"),
    ];
    assert_eq!(calls(&test, 8080, &labels), Some(1.0));
}

#[tokio::test]
async fn servers_past_the_limit_are_one_and_are_counted_and_the_known_ones_stay() {
    let test = TestTelemetry::new();
    let answers = service_fn(async |_: Request<()>| Ok::<_, Infallible>(Response::new(())));
    let client = ServiceBuilder::new()
        .layer(test.telemetry().http_client_layer())
        .service(answers);
    for host in 0..MAX_SERVERS + 7 {
        let request = Request::get(format!("http://host-{host}/"))
            .body(())
            .unwrap();
        client.clone().oneshot(request).await.unwrap();
    }
    let request = Request::put("http://host-0/").body(()).unwrap();
    client.oneshot(request).await.unwrap();
    let value = |method, address, port: &[(&str, &str)]| {
        let labels = [
            ("http_request_method", method),
            ("http_response_status_code", "200"),
            ("server_address", address),
        ];
        test.value(CALLS, &[&labels, port].concat())
    };
    assert_eq!(value("GET", "_OTHER", &[]), Some(7.0));
    assert_eq!(value("PUT", "host-0", &[("server_port", "80")]), Some(1.0));
    let labels = [("instrument", "http.client.request.duration")];
    let overflow = test.value("vantage_telemetry_series_overflow_total", &labels);
    assert_eq!(overflow, Some(7.0));
}
