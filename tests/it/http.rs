//! The HTTP layer: outcomes, bodies, and what counts towards an objective.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::{any, get};
use http_body_util::{BodyExt as _, Full};
use tokio::time::error::Elapsed;
use tower::{BoxError, Layer as _, ServiceExt as _};
use vantage_obs::middleware::RouteTemplate;
use vantage_obs::testing::TestTelemetry;

use crate::support::{
    ScriptedBody, Step, catch_panic, events, into_ok, named, poll_once, request, sample_with,
    scrape, with_objectives,
};

const REQUESTS: &str = "vantage_api_requests_total";
const ACTIVE: [(&str, &str); 2] = [("http_request_method", "GET"), ("url_scheme", "http")];
const LATENCY: &str = "api.latency";
const ERROR_RATE: &str = "api.error_rate";
/// `threshold` of `api.latency` in slo/api.json.
const THRESHOLD: Duration = Duration::from_millis(2000);
const NANOSECOND: Duration = Duration::from_nanos(1);

/// Routes that answer in every way; `/slow/{ms}` takes its time by the test's own clock.
fn app(test: &TestTelemetry) -> Router {
    let clock = test.clock().clone();
    let slow = move |axum::extract::Path((status, nanos)): axum::extract::Path<(u16, u64)>| {
        let clock = clock.clone();
        async move {
            clock.advance(Duration::from_nanos(nanos));
            StatusCode::from_u16(status).unwrap()
        }
    };
    Router::new()
        .route("/posts/{id}", any(|| async { "a post" }))
        .route("/after/{status}/{nanos}", get(slow))
        .route("/never", get(pending::<StatusCode>))
        .route("/panics", get(panics))
        .merge(test.telemetry().routes())
        .layer(test.telemetry().http_layer())
}

async fn panics() -> StatusCode {
    panic!("this handler panics")
}

/// Asks for a path and reads the answer to its end.
async fn send(app: &Router, method: &str, path: &str) -> StatusCode {
    let response = into_ok(app.clone().oneshot(request(method, path)).await);
    let status = response.status();
    response.into_body().collect().await.unwrap();
    status
}

fn after(status: u16, elapsed: Duration) -> String {
    format!("/after/{status}/{}", elapsed.as_nanos())
}

fn active(test: &TestTelemetry) -> Option<f64> {
    test.value("http_server_active_requests", &ACTIVE)
}

fn broken(test: &TestTelemetry, route: &str, reason: &str) -> Option<f64> {
    let labels: Vec<_> = [("http_route", route), ("reason", reason)]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .collect();
    test.value("vantage_api_broken_responses_total", &labels)
}

fn has_broken(test: &TestTelemetry) -> bool {
    named(&scrape(test), "vantage_api_broken_responses_total")
        .iter()
        .any(|sample| sample.value > 0.0)
}

/// The layer around a plain service, as other frameworks have it.
async fn poll_through_layer<F, R, E>(
    test: &TestTelemetry,
    answer: impl Fn(http::Request<axum::body::Body>) -> F,
) -> Result<http::Response<vantage_obs::middleware::MeasuredBody<R>>, E>
where
    F: Future<Output = Result<http::Response<R>, E>>,
    R: http_body::Body,
    E: 'static,
{
    let service = tower::service_fn(answer);
    let mut request = request("GET", "/plain/7");
    let template = RouteTemplate("/plain/{id}".into());
    request.extensions_mut().insert(template);
    test.telemetry()
        .http_layer()
        .layer(service)
        .oneshot(request)
        .await
}

async fn with_body<R: http_body::Body>(
    test: &TestTelemetry,
    body: R,
) -> vantage_obs::middleware::MeasuredBody<R> {
    let body = std::cell::Cell::new(Some(body));
    let answer = poll_through_layer(test, |_| {
        let body = body.take().expect("asked once");
        async { Ok::<_, Infallible>(http::Response::new(body)) }
    });
    into_ok(answer.await).into_body()
}

#[tokio::test]
async fn an_answer_is_counted_and_timed_under_its_route_and_status() {
    let test = with_objectives();
    assert_eq!(send(&app(&test), "GET", "/posts/7").await, StatusCode::OK);
    let labels = [
        ("http_request_method", "GET"),
        ("http_response_status_code", "200"),
        ("http_route", "/posts/{id}"),
        ("url_scheme", "http"),
    ];
    assert_eq!(test.value(REQUESTS, &labels), Some(1.0));
    let count = "http_server_request_duration_seconds_count";
    assert_eq!(test.value(count, &labels), Some(1.0));
}

#[tokio::test]
async fn an_unknown_path_has_no_route_label_and_is_nowhere_in_the_scrape() {
    let test = with_objectives();
    let status = send(&app(&test), "GET", "/wp-login.php").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let labels = [
        ("http_request_method", "GET"),
        ("http_response_status_code", "404"),
        ("url_scheme", "http"),
    ];
    assert_eq!(test.value(REQUESTS, &labels), Some(1.0));
    assert!(!scrape(&test).contains("wp-login"));
}

#[tokio::test]
async fn server_errors_carry_their_status_as_error_type_and_time_limits_are_timeouts() {
    for (status, error) in [
        ("500", "500"),
        ("503", "503"),
        ("504", "timeout"),
        ("408", "timeout"),
    ] {
        let test = with_objectives();
        send(&app(&test), "GET", &format!("/after/{status}/0")).await;
        let labels = [
            ("error_type", error),
            ("http_request_method", "GET"),
            ("http_response_status_code", status),
            ("http_route", "/after/{status}/{nanos}"),
            ("url_scheme", "http"),
        ];
        assert_eq!(test.value(REQUESTS, &labels), Some(1.0), "{status}");
    }
}

#[tokio::test]
async fn a_panic_that_an_outer_layer_catches_is_a_500_with_error_type_panic() {
    let test = with_objectives();
    let answer = catch_panic(app(&test).oneshot(request("GET", "/panics"))).await;
    assert!(answer.is_none());
    let labels = [
        ("error_type", "panic"),
        ("http_request_method", "GET"),
        ("http_response_status_code", "500"),
        ("http_route", "/panics"),
        ("url_scheme", "http"),
    ];
    assert_eq!(test.value(REQUESTS, &labels), Some(1.0));
    assert_eq!(named(&scrape(&test), REQUESTS).len(), 1);
    assert_eq!(active(&test), Some(0.0));
    assert_eq!(events(&test, ERROR_RATE), (0, 1));
}

#[tokio::test]
async fn a_service_that_panics_before_it_has_a_future_is_a_panic_too() {
    let test = with_objectives();
    let panics = |_| -> std::future::Ready<Result<http::Response<Full<Bytes>>, Infallible>> {
        panic!("this service panics")
    };
    assert!(
        catch_panic(poll_through_layer(&test, panics))
            .await
            .is_none()
    );
    let found = named(&scrape(&test), REQUESTS);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].labels["error_type"], "panic");
    assert_eq!(found[0].labels["http_response_status_code"], "500");
    assert_eq!(active(&test), Some(0.0));
}

#[tokio::test]
async fn a_client_that_goes_away_before_the_head_is_cancelled_and_has_no_status() {
    let test = with_objectives();
    {
        let mut answer = pin!(app(&test).oneshot(request("GET", "/never")));
        assert!(poll_once(answer.as_mut()).await.is_none());
        assert_eq!(active(&test), Some(1.0));
    }
    let labels = [
        ("error_type", "cancelled"),
        ("http_request_method", "GET"),
        ("http_route", "/never"),
        ("url_scheme", "http"),
    ];
    assert_eq!(test.value(REQUESTS, &labels), Some(1.0));
    assert_eq!(active(&test), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_that_ends_as_an_error_is_a_timeout_without_a_status() {
    let test = with_objectives();
    let never = tower::service_fn(|_: http::Request<axum::body::Body>| async {
        pending::<Result<http::Response<Full<Bytes>>, BoxError>>().await
    });
    let limited = tower::timeout::Timeout::new(never, Duration::from_secs(30));
    let service = test.telemetry().http_layer().layer(limited);
    let error = service.oneshot(request("GET", "/plain")).await;
    assert!(error.err().unwrap().is::<tower::timeout::error::Elapsed>());
    let labels = [
        ("error_type", "timeout"),
        ("http_request_method", "GET"),
        ("url_scheme", "http"),
    ];
    assert_eq!(test.value(REQUESTS, &labels), Some(1.0));
    assert_eq!(events(&test, ERROR_RATE), (0, 1));
    assert_eq!(active(&test), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn tokio_s_own_time_limit_is_a_timeout_wherever_in_the_error_it_is() {
    #[derive(Debug, thiserror::Error)]
    #[error("the upstream did not answer")]
    struct Upstream(#[source] Elapsed);

    async fn limited() -> Result<http::Response<Full<Bytes>>, Elapsed> {
        tokio::time::timeout(Duration::from_secs(30), pending()).await
    }
    let test = with_objectives();
    let bare = poll_through_layer(&test, |_| limited());
    assert!(bare.await.is_err());
    let boxed = poll_through_layer(&test, |_| async { limited().await.map_err(BoxError::from) });
    assert!(boxed.await.is_err());
    let cause = poll_through_layer(&test, |_| async {
        limited()
            .await
            .map_err(|late| BoxError::from(Upstream(late)))
    });
    assert!(cause.await.is_err());
    let labels = [
        ("error_type", "timeout"),
        ("http_request_method", "GET"),
        ("http_route", "/plain/{id}"),
        ("url_scheme", "http"),
    ];
    assert_eq!(test.value(REQUESTS, &labels), Some(3.0));
    assert_eq!(events(&test, ERROR_RATE), (0, 3));
}

#[tokio::test]
async fn an_absolute_uri_tells_the_scheme() {
    let test = with_objectives();
    send(&app(&test), "GET", "https://example.com/posts/7").await;
    let labels = [
        ("http_request_method", "GET"),
        ("http_response_status_code", "200"),
        ("http_route", "/posts/{id}"),
        ("url_scheme", "https"),
    ];
    assert_eq!(test.value(REQUESTS, &labels), Some(1.0));
    let active = [("http_request_method", "GET"), ("url_scheme", "https")];
    let active = test.value("http_server_active_requests", &active);
    assert_eq!(active, Some(0.0));
}

#[tokio::test]
async fn a_switch_of_protocols_and_a_tunnel_are_answers_and_neither_cancelled_nor_broken() {
    for (method, status) in [("GET", 101), ("CONNECT", 200), ("CONNECT", 204)] {
        let test = with_objectives();
        let service = tower::service_fn(move |_: http::Request<axum::body::Body>| async move {
            let mut response = http::Response::new(ScriptedBody::new([Step::Data("not sent")]));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            Ok::<_, Infallible>(response)
        });
        let service = test.telemetry().http_layer().layer(service);
        let asked = request(method, "http://example.com/");
        // A server drops the body unread, while the connection lives on as something else.
        drop(into_ok(service.oneshot(asked).await));
        let labels = [
            ("http_request_method", method),
            ("http_response_status_code", &status.to_string()),
            ("url_scheme", "http"),
        ];
        assert_eq!(
            test.value(REQUESTS, &labels),
            Some(1.0),
            "{method} {status}"
        );
        assert_eq!(named(&scrape(&test), REQUESTS).len(), 1);
        assert!(!has_broken(&test), "{method} {status}");
        let active = [("http_request_method", method), ("url_scheme", "http")];
        let active = test.value("http_server_active_requests", &active);
        assert_eq!(active, Some(0.0));
        assert_eq!(events(&test, ERROR_RATE), (1, 0));
    }
}

#[tokio::test]
async fn a_tunnel_that_is_refused_has_a_body_like_any_answer() {
    let test = with_objectives();
    let service = tower::service_fn(|_: http::Request<axum::body::Body>| async {
        let mut response = http::Response::new(Full::<Bytes>::from("not here"));
        *response.status_mut() = StatusCode::FORBIDDEN;
        Ok::<_, Infallible>(response)
    });
    let service = test.telemetry().http_layer().layer(service);
    drop(into_ok(
        service.oneshot(request("CONNECT", "example.com:443")).await,
    ));
    assert_eq!(broken(&test, "", "client_gone"), Some(1.0));
}

#[tokio::test]
async fn routes_past_the_limit_of_series_are_counted_in_one_and_the_rest_goes_on() {
    let mut config = crate::support::config();
    config.metrics.cardinality_limit = 100;
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    let service = tower::service_fn(|_: http::Request<axum::body::Body>| async {
        Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::default()))
    });
    let service = test.telemetry().http_layer().layer(service);
    let long = "x".repeat(200);
    for round in 0..2 {
        for route in 0..1_000 {
            let mut request = request("GET", "/");
            let template = RouteTemplate(format!("/{route}/{long}").into());
            request.extensions_mut().insert(template);
            into_ok(service.clone().oneshot(request).await);
        }
        let counted = named(&scrape(&test), REQUESTS);
        assert_eq!(counted.len(), 101);
        let sum: f64 = counted.iter().map(|series| series.value).sum();
        assert_eq!(sum as u64, 1_000 * (round + 1));
        let name = [("instrument", "vantage.api.requests")];
        let past = test.value("vantage_telemetry_series_overflow_total", &name);
        assert_eq!(past, Some(900.0 * (round + 1) as f64));
    }
}

#[tokio::test]
async fn another_error_of_the_service_is_an_error_of_no_known_type() {
    let test = with_objectives();
    let answer = poll_through_layer(&test, |_| async {
        Err::<http::Response<Full<Bytes>>, BoxError>("out of order".into())
    });
    assert!(answer.await.is_err());
    let found = named(&scrape(&test), REQUESTS);
    assert_eq!(found[0].labels["error_type"], "_OTHER");
    assert!(!found[0].labels.contains_key("http_response_status_code"));
    assert_eq!(events(&test, ERROR_RATE), (0, 1));
}

#[tokio::test]
async fn an_unknown_method_is_other_and_its_name_is_nowhere_in_the_scrape() {
    let test = with_objectives();
    send(&app(&test), "BREW", "/posts/7").await;
    let labels = [
        ("http_request_method", "_OTHER"),
        ("http_response_status_code", "200"),
        ("http_route", "/posts/{id}"),
        ("url_scheme", "http"),
    ];
    assert_eq!(test.value(REQUESTS, &labels), Some(1.0));
    assert!(!scrape(&test).contains("BREW"));
}

#[tokio::test]
async fn a_template_in_the_extensions_is_the_route_of_other_frameworks() {
    let test = with_objectives();
    let answer = poll_through_layer(&test, |_| async {
        Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::default()))
    });
    into_ok(answer.await);
    let found = named(&scrape(&test), REQUESTS);
    assert_eq!(found[0].labels["http_route"], "/plain/{id}");
}

#[tokio::test]
async fn a_request_is_active_until_its_body_has_ended() {
    let test = with_objectives();
    let mut body = with_body(&test, ScriptedBody::new([Step::Data("a"), Step::Data("b")])).await;
    assert_eq!(active(&test), Some(1.0));
    body.frame().await.unwrap().unwrap();
    body.frame().await.unwrap().unwrap();
    assert_eq!(active(&test), Some(1.0), "it may go on");
    assert!(body.frame().await.is_none());
    assert_eq!(active(&test), Some(0.0));
    drop(body);
    assert_eq!(active(&test), Some(0.0), "and is not counted down twice");
    assert!(!has_broken(&test));
}

#[tokio::test]
async fn a_body_that_is_dropped_midway_is_a_client_that_went_away() {
    let test = with_objectives();
    let mut body = with_body(&test, ScriptedBody::new([Step::Data("a"), Step::Data("b")])).await;
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(broken(&test, "/plain/{id}", "client_gone"), Some(1.0));
    assert_eq!(active(&test), Some(0.0));
}

#[tokio::test]
async fn a_body_that_is_never_read_is_a_client_that_went_away() {
    let test = with_objectives();
    drop(with_body(&test, Full::<Bytes>::from("a post")).await);
    assert_eq!(broken(&test, "/plain/{id}", "client_gone"), Some(1.0));
}

#[tokio::test]
async fn a_body_that_fails_is_a_body_error_and_no_client_that_went_away() {
    let test = with_objectives();
    let mut body = with_body(&test, ScriptedBody::new([Step::Data("a"), Step::Fail])).await;
    body.frame().await.unwrap().unwrap();
    assert!(body.frame().await.unwrap().is_err());
    drop(body);
    assert_eq!(broken(&test, "/plain/{id}", "body_error"), Some(1.0));
    let reasons = named(&scrape(&test), "vantage_api_broken_responses_total");
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    assert_eq!(active(&test), Some(0.0));
}

#[tokio::test]
async fn a_body_that_panics_is_a_body_error() {
    let test = with_objectives();
    let body = with_body(&test, ScriptedBody::new([Step::Data("a"), Step::Panic])).await;
    assert!(catch_panic(body.collect()).await.is_none());
    assert_eq!(broken(&test, "/plain/{id}", "body_error"), Some(1.0));
    assert_eq!(active(&test), Some(0.0));
}

#[tokio::test]
async fn a_body_ends_with_its_trailers() {
    let test = with_objectives();
    let steps = [Step::Data("a"), Step::Trailers(Some("13"))];
    let mut body = with_body(&test, ScriptedBody::new(steps)).await;
    body.frame().await.unwrap().unwrap();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert!(!has_broken(&test));
    assert_eq!(
        events(&test, ERROR_RATE),
        (1, 0),
        "trailers of no gRPC call"
    );
}

#[tokio::test]
async fn a_body_that_was_read_to_its_announced_length_is_whole_without_a_further_look() {
    let test = with_objectives();
    let steps = ScriptedBody::new([Step::Data("one"), Step::Data("two")]).with_length(6);
    let mut body = with_body(&test, steps).await;
    body.frame().await.unwrap().unwrap();
    assert_eq!(active(&test), Some(1.0));
    body.frame().await.unwrap().unwrap();
    assert_eq!(active(&test), Some(0.0));
    drop(body);
    let mut full = with_body(&test, Full::<Bytes>::from("a post")).await;
    full.frame().await.unwrap().unwrap();
    drop(full);
    assert_eq!(active(&test), Some(0.0));
    assert!(!has_broken(&test));
}

#[tokio::test]
async fn a_body_short_of_its_announced_length_is_broken_when_dropped() {
    let test = with_objectives();
    let steps = ScriptedBody::new([Step::Data("one"), Step::Data("two")]).with_length(6);
    let mut body = with_body(&test, steps).await;
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(broken(&test, "/plain/{id}", "client_gone"), Some(1.0));
}

#[tokio::test]
async fn answers_without_a_body_are_never_broken() {
    let test = with_objectives();
    let app = app(&test);
    drop(into_ok(
        app.clone().oneshot(request("HEAD", "/posts/7")).await,
    ));
    drop(into_ok(app.oneshot(request("GET", "/after/204/0")).await));
    for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
        let answer = poll_through_layer(&test, |_| async move {
            let mut response = http::Response::new(ScriptedBody::new([Step::Data("not sent")]));
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        });
        drop(into_ok(answer.await));
    }
    assert_eq!(named(&scrape(&test), REQUESTS).len(), 4);
    assert!(!has_broken(&test));
    assert_eq!(active(&test), Some(0.0));
    let head = [("http_request_method", "HEAD"), ("url_scheme", "http")];
    let found = sample_with(&scrape(&test), "http_server_active_requests", &head);
    assert_eq!(found, Some(0.0));
}

#[tokio::test]
async fn the_two_objectives_count_each_outcome_as_the_table_says() {
    let late = THRESHOLD + NANOSECOND;
    // Path, (good, bad) of latency, (good, bad) of the error rate.
    let table = [
        (after(200, Duration::ZERO), (1, 0), (1, 0)),
        (after(200, THRESHOLD), (1, 0), (1, 0)),
        (after(200, late), (0, 1), (1, 0)),
        (after(404, Duration::ZERO), (1, 0), (1, 0)),
        (after(429, late), (0, 1), (1, 0)),
        (after(500, THRESHOLD), (1, 0), (0, 1)),
        (after(503, late), (0, 1), (0, 1)),
        (after(504, Duration::ZERO), (1, 0), (0, 1)),
        (after(408, Duration::ZERO), (1, 0), (0, 1)),
        ("/wp-login.php".to_owned(), (1, 0), (1, 0)),
    ];
    for (path, latency, error_rate) in table {
        let test = with_objectives();
        send(&app(&test), "GET", &path).await;
        assert_eq!(events(&test, LATENCY), latency, "latency of {path}");
        assert_eq!(events(&test, ERROR_RATE), error_rate, "errors of {path}");
        let measured = named(&scrape(&test), REQUESTS);
        assert_eq!(measured.len(), 1, "{path} is measured");
    }
}

#[tokio::test]
async fn a_client_that_went_away_counts_as_slow_only_past_the_threshold_and_never_as_an_error() {
    for (waited, latency) in [
        (Duration::ZERO, (0, 0)),
        (THRESHOLD, (0, 0)),
        (THRESHOLD + NANOSECOND, (0, 1)),
    ] {
        let test = with_objectives();
        {
            let mut answer = pin!(app(&test).oneshot(request("GET", "/never")));
            assert!(poll_once(answer.as_mut()).await.is_none());
            test.clock().advance(waited);
        }
        assert_eq!(events(&test, LATENCY), latency, "{waited:?}");
        assert_eq!(events(&test, ERROR_RATE), (0, 0), "{waited:?}");
    }
}

#[tokio::test]
async fn the_time_that_a_body_takes_is_no_latency() {
    let test = with_objectives();
    let body = with_body(&test, Full::<Bytes>::from("a post")).await;
    test.clock().advance(THRESHOLD * 10);
    body.collect().await.unwrap();
    assert_eq!(events(&test, LATENCY), (1, 0));
}
