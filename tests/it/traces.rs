//! Traces: what is a span, whose child it is, and how it crosses a queue and a wire.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tower::ServiceExt as _;
use vantage_obs::config::TraceSampler;
use vantage_obs::testing::{RecordedSpan, SpanKind, SpanStatus, TestTelemetry};
use vantage_obs::trace::{Carrier, untraced};

use crate::support::{
    CapturedLog, ScriptedBody, Step, catch_panic, config, into_ok, poll_once, request,
};

/// The caller's trace in the examples of the W3C recommendation.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn sample_all() -> TestTelemetry {
    with_traces(|traces| traces.sample_ratio = 1.0)
}

fn with_traces(change: impl FnOnce(&mut vantage_obs::config::TracesConfig)) -> TestTelemetry {
    let mut config = config();
    change(&mut config.traces);
    TestTelemetry::with_config(config, &[]).unwrap()
}

fn traced(test: &TestTelemetry, router: Router) -> Router {
    let telemetry = test.telemetry();
    router
        .layer(telemetry.http_layer())
        .merge(telemetry.routes())
}

async fn send(app: Router, path: &str, flags: &str) -> StatusCode {
    let mut asked = request("GET", path);
    if !flags.is_empty() {
        let parent = format!("00-{TRACE}-{CALLER}-{flags}").parse().unwrap();
        asked.headers_mut().insert("traceparent", parent);
    }
    let response = into_ok(app.oneshot(asked).await);
    let status = response.status();
    axum::body::to_bytes(response.into_body(), 1 << 20)
        .await
        .unwrap();
    status
}

fn only(test: &TestTelemetry) -> RecordedSpan {
    let spans = test.spans();
    assert_eq!(spans.len(), 1, "{spans:#?}");
    spans.into_iter().next().unwrap()
}

fn named(test: &TestTelemetry, name: &str) -> RecordedSpan {
    let spans = test.spans();
    let found = spans.iter().find(|span| span.name == name);
    found
        .unwrap_or_else(|| panic!("no {name}: {spans:#?}"))
        .clone()
}

#[tokio::test]
async fn a_request_has_a_span_below_its_caller() {
    let test = sample_all();
    let app = traced(
        &test,
        Router::new().route("/posts/{id}", get(|| async { "a post" })),
    );
    send(app, "/posts/7?token=secret", "01").await;
    let span = only(&test);
    assert_eq!(span.name, "GET /posts/{id}");
    assert_eq!(span.kind, SpanKind::Server);
    assert_eq!(span.trace_id, TRACE);
    assert_eq!(span.parent_id.as_deref(), Some(CALLER));
    assert!(span.has_remote_parent);
    assert_eq!(span.status, SpanStatus::Unset);
    for (key, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/posts/{id}"),
        ("http.response.status_code", "200"),
        ("url.path", "/posts/7"),
        ("url.scheme", "http"),
    ] {
        assert_eq!(span.attribute(key), Some(value), "{key}");
    }
    assert!(!format!("{span:?}").contains("secret"));
}

#[tokio::test]
async fn an_unknown_path_has_a_span_without_a_route() {
    let test = sample_all();
    let app = traced(&test, Router::new());
    assert_eq!(send(app, "/wp-admin", "").await, StatusCode::NOT_FOUND);
    let span = only(&test);
    assert_eq!(span.name, "GET");
    assert_eq!(span.attribute("http.route"), None);
    assert_eq!(
        span.status,
        SpanStatus::Unset,
        "a 404 is the caller's error"
    );
}

#[tokio::test]
async fn what_went_wrong_is_in_the_span() {
    let test = sample_all();
    let app = Router::new()
        .route("/fails", get(|| async { StatusCode::BAD_GATEWAY }))
        .route(
            "/panics",
            get(|| async { panic!("a handler that panics") as &str }),
        );
    let app = traced(&test, app);
    send(app.clone(), "/fails", "").await;
    catch_panic(send(app, "/panics", "")).await;
    for (name, error, status) in [
        ("GET /fails", "502", "502"),
        ("GET /panics", "panic", "500"),
    ] {
        let span = named(&test, name);
        assert_eq!(span.attribute("error.type"), Some(error));
        let code = span.attribute("http.response.status_code");
        assert_eq!(code, Some(status));
        assert!(span.is_error(), "{span:?}");
    }
}

#[tokio::test]
async fn a_span_lasts_until_the_body_ends_and_tells_of_one_that_breaks_off() {
    let test = sample_all();
    let steps =
        || async { axum::body::Body::new(ScriptedBody::new([Step::Data("half"), Step::Fail])) };
    let app = traced(&test, Router::new().route("/stream", get(steps)));
    let response = into_ok(app.oneshot(request("GET", "/stream")).await);
    assert_eq!(test.spans(), [], "the body is still to come");
    axum::body::to_bytes(response.into_body(), 100)
        .await
        .unwrap_err();
    assert_eq!(only(&test).attribute("error.type"), Some("body_error"));
}

#[tokio::test]
async fn a_client_that_goes_away_is_named_and_no_failure_of_the_server() {
    let test = sample_all();
    let app = Router::new()
        .route("/posts", get(|| async { "unread" }))
        .route("/waits", get(std::future::pending::<&str>));
    let app = traced(&test, app);
    drop(into_ok(app.clone().oneshot(request("GET", "/posts")).await));
    let mut waiting = Box::pin(app.oneshot(request("GET", "/waits")));
    assert!(poll_once(waiting.as_mut()).await.is_none());
    drop(waiting);
    for (name, reason) in [("GET /posts", "client_gone"), ("GET /waits", "cancelled")] {
        let span = named(&test, name);
        assert_eq!(span.attribute("error.type"), Some(reason));
        assert_eq!(span.status, SpanStatus::Unset);
    }
}

#[tokio::test]
async fn health_and_scrapes_are_never_traced_unless_asked_for() {
    let test = sample_all();
    let app = Router::new()
        .merge(test.telemetry().routes())
        .layer(test.telemetry().http_layer());
    for path in ["/api/v1/health", "/metrics"] {
        assert_eq!(send(app.clone(), path, "01").await, StatusCode::OK);
    }
    assert_eq!(test.spans(), []);
    let test = with_traces(|traces| {
        traces.routes.insert("/metrics".into(), 1.0);
    });
    let app = Router::new()
        .merge(test.telemetry().routes())
        .layer(test.telemetry().http_layer());
    send(app, "/metrics", "").await;
    assert_eq!(only(&test).name, "GET /metrics");
}

#[tokio::test]
async fn who_decides_is_the_sampler_and_a_route_may_have_its_own_ratio() {
    use TraceSampler::{
        AlwaysOff, AlwaysOn, ParentBasedAlwaysOff, ParentBasedAlwaysOn, ParentBasedTraceIdRatio,
        TraceIdRatio,
    };
    // Sampler, general ratio, the route's ratio, the caller's flags, kept?
    for (sampler, general, own, flags, is_kept) in [
        (AlwaysOn, 0.0, None, "", true),
        (AlwaysOn, 0.0, None, "00", true),
        (AlwaysOff, 1.0, None, "01", false),
        (TraceIdRatio, 1.0, None, "00", true),
        (TraceIdRatio, 0.0, None, "01", false),
        (ParentBasedAlwaysOn, 0.0, None, "", true),
        (ParentBasedAlwaysOn, 0.0, None, "00", false),
        (ParentBasedAlwaysOff, 1.0, None, "", false),
        (ParentBasedAlwaysOff, 1.0, None, "01", true),
        (ParentBasedTraceIdRatio, 1.0, None, "", true),
        (ParentBasedTraceIdRatio, 0.0, None, "", false),
        (ParentBasedTraceIdRatio, 0.0, None, "01", true),
        (ParentBasedTraceIdRatio, 1.0, None, "00", false),
        (ParentBasedTraceIdRatio, 0.0, Some(1.0), "", true),
        (ParentBasedTraceIdRatio, 0.5, Some(1.0), "00", false),
        (ParentBasedTraceIdRatio, 1.0, Some(0.0), "", false),
        (ParentBasedTraceIdRatio, 1.0, Some(0.0), "01", false),
    ] {
        let test = with_traces(|traces| {
            (traces.sampler, traces.sample_ratio) = (sampler, general);
            traces
                .routes
                .extend(own.map(|ratio| ("/posts".to_owned(), ratio)));
        });
        let app = traced(
            &test,
            Router::new().route("/posts", get(|| async { "posts" })),
        );
        send(app, "/posts", flags).await;
        let case = format!("{sampler} {general} {own:?} {flags:?}");
        assert_eq!(test.spans().len(), usize::from(is_kept), "{case}");
    }
}

#[tokio::test]
async fn a_trace_that_is_not_kept_still_goes_on_to_others_as_such() {
    let test = with_traces(|traces| traces.sample_ratio = 0.0);
    let telemetry = test.telemetry().clone();
    let sent = Arc::new(Mutex::new(String::new()));
    let seen = Arc::clone(&sent);
    let call = move || async move {
        let mut headers = http::HeaderMap::new();
        let uri = "http://billing/invoices".parse().unwrap();
        telemetry
            .http_call(&http::Method::GET, &uri, &mut headers)
            .complete(StatusCode::OK);
        let parent = headers["traceparent"].to_str().unwrap();
        parent.clone_into(&mut seen.lock().unwrap());
    };
    let app = traced(&test, Router::new().route("/posts", get(call)));
    send(app, "/posts", "00").await;
    let sent = sent.lock().unwrap();
    assert!(sent.starts_with(&format!("00-{TRACE}-")), "{sent}");
    assert!(sent.ends_with("-00"), "{sent}");
    assert_eq!(test.spans(), []);
}

#[tokio::test]
async fn one_trace_goes_from_the_request_through_the_queue_into_the_job_and_its_query() {
    let test = sample_all();
    let telemetry = test.telemetry().clone();
    let queue = Arc::new(Mutex::new(String::new()));
    let put = Arc::clone(&queue);
    let create = move || async move {
        let queued = serde_json::to_string(&telemetry.carrier()).unwrap();
        *put.lock().unwrap() = queued;
        StatusCode::CREATED
    };
    let app = traced(&test, Router::new().route("/posts", get(create)));
    send(app, "/posts", "").await;

    let carrier: Carrier = serde_json::from_str(&queue.lock().unwrap()).unwrap();
    let worker = test.telemetry().worker("publisher-1");
    let job = worker.start("publish", test.clock().wall(), &carrier);
    let database = test.telemetry().database("postgresql");
    job.trace(async { database.query("UPDATE", "posts").succeed() })
        .await;
    job.fail("upstream_timeout");

    let (request, job) = (named(&test, "GET /posts"), named(&test, "publish"));
    let query = named(&test, "UPDATE posts");
    job.assert_child_of(&request);
    query.assert_child_of(&job);
    assert_eq!(job.kind, SpanKind::Consumer);
    assert_eq!(query.kind, SpanKind::Client);
    assert_eq!(job.attribute("vantage.worker.id"), Some("publisher-1"));
    assert_eq!(job.attribute("vantage.job.outcome"), Some("failed"));
    assert_eq!(job.attribute("error.type"), Some("upstream_timeout"));
    assert_eq!(query.attribute("db.system.name"), Some("postgresql"));
    assert_eq!(query.attribute("error.type"), None);
}

#[test]
fn a_job_may_link_to_its_trace_instead_of_going_on_with_it() {
    let test = sample_all();
    let execution = test
        .telemetry()
        .scheduler()
        .start("digest", test.clock().wall());
    let carrier = execution.carrier();
    execution.succeed();
    let worker = test.telemetry().worker("w");
    worker
        .start("mail", test.clock().wall(), carrier.link())
        .succeed();
    let (execution, job) = (named(&test, "digest"), named(&test, "mail"));
    assert_ne!(job.trace_id, execution.trace_id);
    let links: Vec<_> = job.links.iter().map(|link| link.span_id.clone()).collect();
    assert_eq!(links, [execution.span_id]);
}

#[test]
fn a_carrier_that_is_damaged_is_as_good_as_none() {
    let test = sample_all();
    let worker = test.telemetry().worker("w");
    for text in [r#"{"traceparent":"00-zz"}"#, r#"{"x":"y"}"#, "{}"] {
        let carrier: Carrier = serde_json::from_str(text).unwrap();
        worker
            .start("mail", test.clock().wall(), &carrier)
            .succeed();
    }
    let spans = test.spans();
    assert_eq!(spans.len(), 3);
    let is_root = |span: &RecordedSpan| span.parent_id.is_none();
    assert!(spans.iter().all(is_root), "{spans:#?}");
}

#[test]
fn baggage_travels_too_and_without_propagators_nothing_does() {
    let all = sample_all();
    let none = with_traces(|traces| traces.propagators.clear());
    for (test, travels) in [(all, true), (none, false)] {
        let carrier: Carrier = serde_json::from_str(r#"{"baggage":"tenant=acme"}"#).unwrap();
        let job = test
            .telemetry()
            .worker("w")
            .start("mail", test.clock().wall(), &carrier);
        let onward = serde_json::to_string(&job.carrier()).unwrap();
        assert_eq!(onward.contains("tenant=acme"), travels, "{onward}");
        assert_eq!(onward.contains("traceparent"), travels, "{onward}");
        job.succeed();
    }
}

#[test]
fn a_dropped_job_a_panicking_one_and_a_cancelled_query_say_so() {
    let test = sample_all();
    let worker = test.telemetry().worker("w");
    let start = |kind| worker.start(kind, test.clock().wall(), &Carrier::EMPTY);
    drop(start("dropped"));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _job = start("panicking");
        panic!("a job that panics");
    }));
    assert!(panicked.is_err());
    drop(test.telemetry().database("sqlite").query("SELECT", "posts"));
    for (name, error) in [
        ("dropped", "aborted"),
        ("panicking", "panicked"),
        ("SELECT posts", "cancelled"),
    ] {
        let span = named(&test, name);
        assert_eq!(span.attribute("error.type"), Some(error), "{name}");
    }
}

#[tokio::test]
async fn tracing_spans_become_children_and_log_lines_name_the_trace() {
    let test = sample_all();
    let written = CapturedLog::default();
    let _default = written.install(&test);
    let handler = || async {
        tracing::info!("in the request");
        tracing::info_span!("inner", user = "ada").in_scope(|| tracing::warn!("in the span"));
        tracing::debug_span!("too fine").in_scope(|| ());
    };
    let app = traced(&test, Router::new().route("/posts", get(handler)));
    send(app, "/posts", "01").await;

    let (request, inner) = (named(&test, "GET /posts"), named(&test, "inner"));
    inner.assert_child_of(&request);
    assert_eq!(inner.attribute("user"), Some("ada"));
    assert_eq!(inner.events.len(), 1, "a warning tells what went wrong");
    assert_eq!(test.spans().len(), 2);
    let lines = written.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, span) in lines.iter().zip([&request, &inner]) {
        assert_eq!(line["trace_id"], TRACE);
        assert_eq!(line["span_id"], span.span_id);
    }
}

#[test]
fn traces_that_are_turned_off_leave_no_span_and_no_header() {
    let test = with_traces(|traces| {
        traces.enabled = false;
        traces.sample_ratio = 1.0;
    });
    let worker = test.telemetry().worker("w");
    let job = worker.start("mail", test.clock().wall(), &Carrier::EMPTY);
    assert!(job.carrier().is_empty());
    job.succeed();
    assert_eq!(test.spans(), []);
}

#[tokio::test]
async fn what_a_loop_asks_again_and_again_is_left_out_of_traces_alone() {
    let always_on = with_traces(|traces| traces.sampler = TraceSampler::AlwaysOn);
    let mut config = config();
    config.dev.enabled = true;
    let dev = TestTelemetry::with_config(config, &[]).unwrap();
    for test in [always_on, dev] {
        let written = CapturedLog::default();
        let _default = written.install(&test);
        let database = test.telemetry().database("postgresql");
        let poll = async || {
            let _span = tracing::info_span!("poll").entered();
            database.query("UPDATE", "jobs").succeed();
            tracing::info!("nothing to do");
        };
        untraced(poll()).await;
        assert_eq!(test.spans(), []);
        let labels = [("db_collection_name", "jobs")];
        test.assert_sum("db_client_operation_duration_seconds_count", &labels, 1.0);
        assert_eq!(written.lines()[0]["message"], "nothing to do");
        // Also within a trace, which goes on after it.
        let worker = test.telemetry().worker("w");
        let job = worker.start("mail", test.clock().wall(), &Carrier::EMPTY);
        job.trace(async {
            untraced(poll()).await;
            database.query("SELECT", "orders").succeed();
        })
        .await;
        job.succeed();
        let names: Vec<_> = test.spans().into_iter().map(|span| span.name).collect();
        assert_eq!(names, ["SELECT orders", "mail"]);
    }
}
