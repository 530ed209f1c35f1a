//! Traces, as Jaeger's query API shows them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::Value;
use tracing::instrument::WithSubscriber as _;
use tracing::{Instrument as _, info_span};
use tracing_subscriber::layer::SubscriberExt as _;
use vantage_obs::config::{Protocol, TelemetrySignal};
use vantage_obs::logs::LogWriter;
use vantage_obs::trace::Carrier;
use vantage_obs::{Role, Telemetry};

use super::{all, config, json, setting, start, unique, wait_for};

/// What stands between API and worker: text, as a database or a broker would keep it.
type Queue = Arc<Mutex<Vec<String>>>;

/// A trace as Jaeger tells it.
struct JaegerTrace(Value);

/// A span of it.
#[derive(Clone, Copy)]
struct JaegerSpan<'a> {
    trace: &'a Value,
    span: &'a Value,
}

impl JaegerTrace {
    /// Waits until the trace with this id has so many spans.
    async fn fetch(id: &str, spans: usize) -> Self {
        let url = format!("{}/api/traces/{id}", setting("VANTAGE_TEST_JAEGER_QUERY"));
        let whole = async || {
            let trace = json(&url).await?["data"].get(0)?.clone();
            (all(&trace["spans"]).count() >= spans).then_some(trace)
        };
        Self(wait_for(&format!("trace {id} with {spans} spans"), whole).await)
    }

    fn spans(&self) -> impl Iterator<Item = JaegerSpan<'_>> {
        let trace = &self.0;
        all(&trace["spans"]).map(move |span| JaegerSpan { trace, span })
    }

    fn span(&self, name: &str) -> JaegerSpan<'_> {
        let mut named = self.spans().filter(|span| span.name() == name);
        let found = named.next();
        assert!(named.next().is_none(), "two spans {name}: {:#}", self.0);
        found.unwrap_or_else(|| panic!("no span {name}: {:#}", self.0))
    }
}

impl<'a> JaegerSpan<'a> {
    fn name(self) -> &'a str {
        self.span["operationName"].as_str().unwrap()
    }

    fn id(self) -> &'a str {
        self.span["spanID"].as_str().unwrap()
    }

    /// The ids of the spans that it is the child of.
    fn parents(self) -> Vec<&'a str> {
        let references = all(&self.span["references"]);
        references
            .filter(|reference| reference["refType"] == "CHILD_OF")
            .filter(|reference| reference["traceID"] == self.span["traceID"])
            .map(|reference| reference["spanID"].as_str().unwrap())
            .collect()
    }

    fn tag(self, key: &str) -> Option<String> {
        value(&self.span["tags"], key)
    }

    fn process(self) -> &'a Value {
        &self.trace["processes"][self.span["processID"].as_str().unwrap()]
    }

    fn service(self) -> &'a str {
        self.process()["serviceName"].as_str().unwrap()
    }

    fn resource(self, key: &str) -> Option<String> {
        value(&self.process()["tags"], key)
    }

    fn is_error(self) -> bool {
        self.tag("error").as_deref() == Some("true")
    }
}

fn value(tags: &Value, key: &str) -> Option<String> {
    let tag = all(tags).find(|tag| tag["key"] == key)?;
    match &tag["value"] {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// An API that puts a job into the queue, and fails for the post with the number 500.
async fn serve(telemetry: &Telemetry, queue: &Queue) -> SocketAddr {
    let (putting, queue) = (telemetry.clone(), Arc::clone(queue));
    let publish = move || async move {
        let carrier = serde_json::to_string(&putting.carrier()).unwrap();
        queue.lock().unwrap().push(carrier);
        StatusCode::ACCEPTED
    };
    let calling = telemetry.clone();
    let show = move |Path(id): Path<u16>| async move {
        let database = calling.database("sqlite");
        database.query("SELECT", "posts").succeed();
        StatusCode::from_u16(id).unwrap()
    };
    let app = Router::new()
        .route("/posts/{id}", get(show))
        .route("/posts/{id}/publish", post(publish))
        .layer(telemetry.http_layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A worker that takes one job out of the queue and fails in it.
async fn work(telemetry: &Telemetry, queued: &str) {
    let carrier: Carrier = serde_json::from_str(queued).unwrap();
    let worker = telemetry.worker("publisher-1");
    let job = worker.start("publish_post", SystemTime::now(), &carrier);
    let layer = telemetry.tracing_layer(LogWriter::from_writer(std::io::sink()));
    let subscriber = tracing_subscriber::registry().with(layer);
    // The span is made inside the job: made before, it would be in no trace.
    let work = async {
        let span = info_span!("attempt", number = 3);
        attempt(telemetry).instrument(span).await;
    };
    job.trace(work).with_subscriber(subscriber).await;
    job.fail("upstream_timeout");
}

async fn attempt(telemetry: &Telemetry) {
    let database = telemetry.database("postgresql");
    database.query("UPDATE", "posts").succeed();
    tracing::error!("the network did not answer");
}

fn trace_id(queued: &str) -> String {
    let carrier: Value = serde_json::from_str(queued).unwrap();
    let parent = carrier["traceparent"].as_str().unwrap();
    parent.split('-').nth(1).unwrap().to_owned()
}

/// The spans that one signal's report counts.
async fn exported(telemetry: Telemetry) -> u64 {
    let report = telemetry.shutdown().await.unwrap();
    report.signal(TelemetrySignal::Traces).unwrap().exported
}

async fn request_to_job(protocol: Protocol) {
    let (api_name, worker_name) = (unique("api"), unique("worker"));
    let api = start(config(&api_name, Role::Api, "JAEGER", protocol));
    let worker = start(config(&worker_name, Role::Worker, "JAEGER", protocol));
    let queue = Queue::default();
    let address = serve(&api, &queue).await;

    let url = format!("http://{address}/posts/7/publish");
    let answer = reqwest::Client::new().post(url).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 202);
    answer.bytes().await.unwrap();
    let queued = queue.lock().unwrap().remove(0);
    work(&worker, &queued).await;
    assert_eq!((exported(api).await, exported(worker).await), (1, 3));

    let trace = JaegerTrace::fetch(&trace_id(&queued), 4).await;
    assert_eq!(trace.spans().count(), 4, "{:#}", trace.0);
    let request = trace.span("POST /posts/{id}/publish");
    let job = trace.span("publish_post");
    let attempt = trace.span("attempt");
    let query = trace.span("UPDATE posts");
    assert_eq!(request.parents(), [""; 0]);
    assert_eq!(job.parents(), [request.id()]);
    assert_eq!(attempt.parents(), [job.id()]);
    assert_eq!(query.parents(), [attempt.id()]);

    assert_eq!(request.service(), api_name);
    for span in [job, attempt, query] {
        assert_eq!(span.service(), worker_name, "{}", span.name());
    }
    for (span, key, expected) in [
        (request, "span.kind", "server"),
        (request, "http.request.method", "POST"),
        (request, "http.route", "/posts/{id}/publish"),
        (request, "url.path", "/posts/7/publish"),
        (request, "http.response.status_code", "202"),
        (job, "span.kind", "consumer"),
        (job, "vantage.worker.id", "publisher-1"),
        (job, "error.type", "upstream_timeout"),
        (attempt, "number", "3"),
        (query, "span.kind", "client"),
        (query, "db.system.name", "postgresql"),
    ] {
        assert_eq!(span.tag(key).as_deref(), Some(expected), "{key}");
    }
    for span in [request, job] {
        for (key, expected) in [
            ("service.version", "1.2.3"),
            ("deployment.environment.name", "proof"),
            ("cloud.region", "eu-north"),
        ] {
            assert_eq!(span.resource(key).as_deref(), Some(expected), "{key}");
        }
    }
    let instances = [request, job].map(|span| span.resource("service.instance.id"));
    assert!(instances.iter().all(Option::is_some), "{instances:?}");
    let errors = [request, job, attempt, query].map(JaegerSpan::is_error);
    assert_eq!(errors, [false, true, true, false]);
    assert_eq!(all(&attempt.span["logs"]).count(), 1, "its error is told");
}

#[tokio::test]
#[ignore = "needs the back ends that .ci/backends starts"]
async fn jaeger_shows_a_request_and_its_job_as_one_tree_over_grpc() {
    request_to_job(Protocol::Grpc).await;
}

#[tokio::test]
#[ignore = "needs the back ends that .ci/backends starts"]
async fn jaeger_shows_a_request_and_its_job_as_one_tree_over_http() {
    request_to_job(Protocol::HttpProtobuf).await;
}

#[tokio::test]
#[ignore = "needs the back ends that .ci/backends starts"]
async fn jaeger_shows_which_request_failed_below_the_call_that_made_it() {
    let (api_name, caller_name) = (unique("api"), unique("caller"));
    let api = start(config(&api_name, Role::Api, "JAEGER", Protocol::Grpc));
    let caller = start(config(&caller_name, Role::Web, "JAEGER", Protocol::Grpc));
    let address = serve(&api, &Queue::default()).await;
    let mut ids = Vec::new();
    for status in [200_u16, 404, 500] {
        let url: http::Uri = format!("http://{address}/posts/{status}").parse().unwrap();
        let mut headers = http::HeaderMap::new();
        let call = caller.http_call(&http::Method::GET, &url, &mut headers);
        let parent = headers["traceparent"].to_str().unwrap();
        ids.push(parent.split('-').nth(1).unwrap().to_owned());
        let client = reqwest::Client::new();
        let answer = client.get(url.to_string()).headers(headers).send().await;
        let answer = answer.unwrap();
        call.complete(answer.status());
        answer.bytes().await.unwrap();
    }
    assert_eq!((exported(api).await, exported(caller).await), (6, 3));

    for (id, status, call_failed, request_failed) in [
        (&ids[0], "200", false, false),
        (&ids[1], "404", true, false),
        (&ids[2], "500", true, true),
    ] {
        let trace = JaegerTrace::fetch(id, 3).await;
        let (call, request) = (trace.span("GET"), trace.span("GET /posts/{id}"));
        let query = trace.span("SELECT posts");
        assert_eq!(request.parents(), [call.id()]);
        assert_eq!(query.parents(), [request.id()]);
        assert_eq!(
            (call.service(), request.service()),
            (&*caller_name, &*api_name)
        );
        let seen = request.tag("http.response.status_code");
        assert_eq!(seen.as_deref(), Some(status));
        assert_eq!(call.is_error(), call_failed, "{status}");
        assert_eq!(request.is_error(), request_failed, "{status}");
    }
}
