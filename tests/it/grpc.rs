//! gRPC through the HTTP layer: outcomes that stand in trailers, seen by a real client as well.

use std::collections::VecDeque;
use std::future::IntoFuture as _;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::post;
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tonic::Code;
use tower::ServiceExt as _;
use vantage_obs::testing::{RecordedSpan, SpanStatus, TestTelemetry};

use crate::support::{
    OBJECTIVES, ScriptedBody, Step, catch_panic, config, events, into_ok, named, poll_once, scrape,
};

/// The path that the client of OTLP calls.
const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// An empty message: not compressed, of no byte.
const MESSAGE: Step = Step::Data("\0\0\0\0\0");
const REQUESTS: &str = "vantage_api_requests_total";
const DURATIONS: &str = "http_server_request_duration_seconds_count";
const ACTIVE: [(&str, &str); 2] = [("http_request_method", "POST"), ("url_scheme", "http")];
/// `threshold` of `api.latency` in slo/api.json.
const THRESHOLD: Duration = Duration::from_millis(2000);

fn telemetry() -> TestTelemetry {
    let mut config = config();
    config.traces.sample_ratio = 1.0;
    TestTelemetry::with_config(config, &OBJECTIVES).unwrap()
}

/// A call's answer: its content type, the status in its head, and the steps of its body.
#[derive(Debug)]
struct Answer {
    content_type: &'static str,
    head: Option<&'static str>,
    steps: Vec<Step>,
}

impl Answer {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self {
            content_type: "application/grpc",
            head: None,
            steps: steps.into_iter().collect(),
        }
    }

    fn head_only(status: &'static str) -> Self {
        Self {
            head: Some(status),
            ..Self::new([])
        }
    }

    fn trailers(status: &'static str) -> Self {
        Self::new([MESSAGE, Step::Trailers(Some(status))])
    }

    fn response(self) -> Response {
        let mut response = Response::new(Body::new(ScriptedBody::new(self.steps)));
        if !self.content_type.is_empty() {
            let content_type = HeaderValue::from_static(self.content_type);
            response.headers_mut().insert("content-type", content_type);
        }
        if let Some(status) = self.head {
            let status = HeaderValue::from_static(status);
            response.headers_mut().insert("grpc-status", status);
        }
        response
    }
}

fn call() -> http::Request<Body> {
    let request = http::Request::post("/call").header("content-type", "application/grpc");
    request.body(Body::empty()).unwrap()
}

/// A service that gives the answers in turn.
fn app(test: &TestTelemetry, path: &str, answers: impl IntoIterator<Item = Answer>) -> Router {
    app_with(test, path, answers.into_iter().map(Answer::response))
}

fn app_with(
    test: &TestTelemetry,
    path: &str,
    answers: impl IntoIterator<Item = Response>,
) -> Router {
    let answers: Arc<Mutex<VecDeque<_>>> = Arc::new(Mutex::new(answers.into_iter().collect()));
    let handler = move || async move { answers.lock().unwrap().pop_front().unwrap() };
    Router::new()
        .route(path, post(handler))
        .layer(test.telemetry().http_layer())
}

/// Sends a call; its body is read as far as it goes.
async fn send(test: &TestTelemetry, answer: Answer) {
    let app = app(test, "/call", [answer]);
    let mut body = into_ok(app.oneshot(call()).await).into_body();
    while let Some(Some(Ok(_))) = poll_once(pin!(body.frame())).await {}
}

/// The labels of the one series of requests: error type and HTTP status.
fn only(test: &TestTelemetry) -> (String, String) {
    let scraped = scrape(test);
    let found = named(&scraped, REQUESTS);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].value, named(&scraped, DURATIONS)[0].value),
        (1.0, 1.0)
    );
    assert_eq!(
        test.value("http_server_active_requests", &ACTIVE),
        Some(0.0)
    );
    let label = |name: &str| found[0].labels.get(name).cloned().unwrap_or_default();
    (label("error_type"), label("http_response_status_code"))
}

fn broken(test: &TestTelemetry) -> Vec<String> {
    let found = named(&scrape(test), "vantage_api_broken_responses_total");
    found
        .into_iter()
        .map(|series| series.labels["reason"].clone())
        .collect()
}

fn span(test: &TestTelemetry) -> RecordedSpan {
    let spans = test.spans();
    assert_eq!(spans.len(), 1, "{spans:#?}");
    spans.into_iter().next().unwrap()
}

fn error_types(span: &RecordedSpan) -> Vec<String> {
    let attributes = span.attributes.iter();
    let found = attributes.filter(|attribute| attribute.0 == "error.type");
    found.map(|attribute| attribute.1.clone()).collect()
}

#[tokio::test]
async fn the_status_of_a_call_is_its_outcome_in_the_head_as_in_the_trailers() {
    for (status, error) in [
        ("0", ""),
        ("1", ""),
        ("2", "UNKNOWN"),
        ("3", ""),
        ("4", "DEADLINE_EXCEEDED"),
        ("5", ""),
        ("8", ""),
        ("12", "UNIMPLEMENTED"),
        ("13", "INTERNAL"),
        ("14", "UNAVAILABLE"),
        ("15", "DATA_LOSS"),
        ("16", ""),
        ("what?", "UNKNOWN"),
    ] {
        for answer in [Answer::head_only(status), Answer::trailers(status)] {
            let (test, text) = (telemetry(), format!("{answer:?}"));
            send(&test, answer).await;
            assert_eq!(only(&test), (error.to_owned(), "200".to_owned()), "{text}");
            let good = u64::from(error.is_empty());
            assert_eq!(events(&test, "api.error_rate"), (good, 1 - good), "{text}");
            assert_eq!(events(&test, "api.latency"), (1, 0), "{text}");
            assert_eq!(broken(&test), [""; 0], "{text}");
            let span = span(&test);
            assert_eq!(error_types(&span).concat(), error, "{text}");
            assert_eq!(span.status == SpanStatus::Unset, error.is_empty(), "{text}");
        }
    }
}

#[tokio::test]
async fn a_call_is_recorded_with_its_status_and_the_time_to_its_head() {
    let test = telemetry();
    let answer = Answer::trailers("13");
    let mut body = into_ok(app(&test, "/call", [answer]).oneshot(call()).await).into_body();
    test.clock().advance(THRESHOLD * 5);
    body.frame().await.unwrap().unwrap();
    assert_eq!(
        named(&scrape(&test), REQUESTS),
        [],
        "there is no status so far"
    );
    assert_eq!(
        test.value("http_server_active_requests", &ACTIVE),
        Some(1.0)
    );
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(only(&test), ("INTERNAL".to_owned(), "200".to_owned()));
    assert_eq!(events(&test, "api.latency"), (1, 0));
    let sum = named(&scrape(&test), "http_server_request_duration_seconds_sum");
    assert!(sum[0].value.abs() < f64::EPSILON, "{sum:?}");
    assert_eq!(broken(&test), [""; 0], "trailers are the end");
}

#[tokio::test]
async fn a_client_that_goes_away_before_the_status_has_cancelled_the_call() {
    let test = telemetry();
    send(&test, Answer::new([MESSAGE, Step::Wait])).await;
    assert_eq!(only(&test), ("cancelled".to_owned(), String::new()));
    assert_eq!(broken(&test), ["client_gone"]);
    assert_eq!(events(&test, "api.error_rate"), (0, 0));
    assert_eq!(
        events(&test, "api.latency"),
        (1, 0),
        "its head came in time"
    );
    let span = span(&test);
    assert_eq!(error_types(&span), ["cancelled"]);
    assert_eq!(span.status, SpanStatus::Unset);
}

#[tokio::test]
async fn a_response_that_ends_or_breaks_off_without_a_status_is_unknown() {
    for (steps, reasons) in [
        (vec![MESSAGE], &[][..]),
        (vec![], &[]),
        (vec![MESSAGE, Step::Trailers(None)], &[]),
        (vec![MESSAGE, Step::Fail], &["body_error"]),
    ] {
        let (test, text) = (telemetry(), format!("{steps:?}"));
        send(&test, Answer::new(steps)).await;
        assert_eq!(
            only(&test),
            ("UNKNOWN".to_owned(), "200".to_owned()),
            "{text}"
        );
        assert_eq!(events(&test, "api.error_rate"), (0, 1), "{text}");
        assert_eq!(broken(&test), reasons, "{text}");
        assert_eq!(error_types(&span(&test)), ["UNKNOWN"], "{text}");
    }
}

#[tokio::test]
async fn a_body_that_panics_before_the_status_is_a_panic() {
    let test = telemetry();
    let app = app(&test, "/call", [Answer::new([MESSAGE, Step::Panic])]);
    let read = async move {
        let response = into_ok(app.oneshot(call()).await);
        response.into_body().collect().await
    };
    assert!(catch_panic(read).await.is_none());
    assert_eq!(only(&test), ("panic".to_owned(), "500".to_owned()));
    assert_eq!(broken(&test), ["body_error"]);
    assert_eq!(events(&test, "api.error_rate"), (0, 1));
}

#[tokio::test]
async fn a_response_without_a_content_type_has_that_of_its_request_and_any_other_is_plain() {
    for (content_type, expected) in [
        ("", "INTERNAL"),
        ("application/grpc+proto", "INTERNAL"),
        ("application/json", ""),
        ("text/html", ""),
    ] {
        let (test, answer) = (telemetry(), Answer::trailers("13"));
        send(
            &test,
            Answer {
                content_type,
                ..answer
            },
        )
        .await;
        assert_eq!(
            only(&test),
            (expected.to_owned(), "200".to_owned()),
            "{content_type}"
        );
        assert_eq!(broken(&test), [""; 0], "{content_type}");
    }
}

#[tokio::test]
async fn another_http_status_than_200_is_the_outcome() {
    for status in [404, 502] {
        let test = telemetry();
        let mut answer = Answer::trailers("0").response();
        *answer.status_mut() = StatusCode::from_u16(status).unwrap();
        let app = app_with(&test, "/call", [answer]);
        into_ok(app.oneshot(call()).await)
            .into_body()
            .collect()
            .await
            .unwrap();
        assert_eq!(only(&test).1, status.to_string());
    }
}

#[tokio::test]
async fn a_web_call_is_told_by_the_end_of_its_body() {
    for (content_type, end, expected) in [
        (
            "application/grpc-web-text",
            "gAAAABBncnBjLXN0YXR1czoxNA0K",
            "UNAVAILABLE",
        ),
        ("application/grpc-web-text+proto", "not base64!", ""),
        ("application/grpc-web+proto", "\0\0\0\0\0", ""),
    ] {
        let (test, answer) = (telemetry(), Answer::new([Step::Data(end)]));
        send(
            &test,
            Answer {
                content_type,
                ..answer
            },
        )
        .await;
        assert_eq!(
            only(&test),
            (expected.to_owned(), "200".to_owned()),
            "{content_type}"
        );
        assert_eq!(broken(&test), [""; 0], "{content_type}");
    }
    let test = telemetry();
    let content_type = "application/grpc-web";
    send(
        &test,
        Answer {
            content_type,
            ..Answer::head_only("2")
        },
    )
    .await;
    assert_eq!(only(&test).0, "UNKNOWN");
}

/// A client of the library that services use, by HTTP/2 over loopback.
#[tokio::test]
async fn what_a_client_sees_is_what_is_recorded() {
    let calls = [
        (Answer::trailers("0"), Code::Ok),
        (Answer::trailers("5"), Code::NotFound),
        (Answer::trailers("13"), Code::Internal),
        (Answer::head_only("14"), Code::Unavailable),
        (Answer::head_only("16"), Code::Unauthenticated),
    ];
    let test = telemetry();
    let waiting = Answer::new([MESSAGE, Step::Wait]);
    let (answers, codes): (Vec<_>, Vec<_>) = calls.into_iter().unzip();
    let app = app(&test, PATH, answers.into_iter().chain([waiting]));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = test.telemetry().serve_app(listener, app).until(async {
        let _ = stopped.await;
    });
    let server = tokio::spawn(serving.into_future());
    let mut client = TraceServiceClient::connect(endpoint).await.unwrap();
    for code in codes {
        let answer = client.export(ExportTraceServiceRequest::default()).await;
        assert_eq!(
            answer.map_or_else(|status| status.code(), |_| Code::Ok),
            code
        );
    }
    let mut caller = client.clone();
    let call = tokio::spawn(async move {
        let answer = caller.export(ExportTraceServiceRequest::default());
        answer.await.map(|_| ())
    });
    until_active(&test, 1.0).await;
    call.abort();
    until_active(&test, 0.0).await;
    let found = named(&scrape(&test), REQUESTS);
    let mut found: Vec<_> = found
        .iter()
        .map(|series| {
            assert_eq!(series.labels["http_route"], PATH);
            let error = series.labels.get("error_type");
            (error.map_or("", String::as_str), series.value as u64)
        })
        .collect();
    found.sort_unstable();
    let expected = [
        ("", 3),
        ("INTERNAL", 1),
        ("UNAVAILABLE", 1),
        ("cancelled", 1),
    ];
    assert_eq!(found, expected);
    assert_eq!(events(&test, "api.error_rate"), (3, 2));
    // The client's connection is open still.
    stop.send(()).unwrap();
    let report = tokio::time::timeout(Duration::from_secs(30), server).await;
    let report = report.unwrap().unwrap().unwrap();
    assert_eq!((report.finished, report.cut_off), (0, 0), "{report}");
}

/// Lets the server go on until so many requests are active.
async fn until_active(test: &TestTelemetry, requests: f64) {
    let reached = async {
        while test.value("http_server_active_requests", &ACTIVE) != Some(requests) {
            tokio::task::yield_now().await;
        }
    };
    let reached = tokio::time::timeout(Duration::from_secs(10), reached).await;
    reached.expect("the server sees what the client does");
}
