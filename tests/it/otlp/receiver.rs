//! An OTLP receiver for gRPC and HTTP at one address, which keeps what arrives and misbehaves as
//! it is told. It has a thread and runtime of its own, as a receiver elsewhere has.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::sync::oneshot;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::metadata::MetadataMap;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use vantage_obs::config::{Protocol, TelemetrySignal};

/// Longer than any test waits for something that comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the receiver does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    Accept,
    /// Accepts after this time.
    Slow(Duration),
    /// 503, or UNAVAILABLE.
    Unavailable,
    /// 429 or RESOURCE_EXHAUSTED, with or without a time to come back.
    Throttled(Option<Duration>),
    /// 400, or INVALID_ARGUMENT.
    Invalid,
    /// Accepts all but so many.
    Partial(i64),
    /// Answers the head of a success, and never its body. By HTTP only.
    EndlessAnswer,
    /// A status whose details are not base64. By gRPC only.
    Undecodable,
    /// 415 or UNIMPLEMENTED for what is compressed, accepts all else. Given at the start.
    RefuseGzip,
}

/// One request that was read to its end.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedExport {
    pub(crate) at: Instant,
    pub(crate) protocol: Protocol,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) message: Message,
    /// Whether the answer was, or will be, a success.
    pub(crate) taken: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Message {
    Traces(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
    Logs(ExportLogsServiceRequest),
}

/// The receiver, until it is dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    address: SocketAddr,
    state: Arc<ReceiverState>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct ReceiverState {
    behaviour: Mutex<Behaviour>,
    arrivals: Mutex<Vec<ReceivedExport>>,
    changed: Condvar,
}

impl Receiver {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), behaviour)
    }

    pub(crate) fn start_at(address: SocketAddr, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(address).expect("the address is free");
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(ReceiverState {
            behaviour: Mutex::new(behaviour),
            arrivals: Mutex::default(),
            changed: Condvar::new(),
        });
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&state);
        let thread = thread::spawn(move || serve(listener, serving, stopped));
        Self {
            address,
            state,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.state.behaviour.lock().unwrap() = behaviour;
    }

    pub(crate) fn arrivals(&self) -> Vec<ReceivedExport> {
        self.state.arrivals.lock().unwrap().clone()
    }

    /// The arrivals, as soon as there are so many.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<ReceivedExport> {
        let arrivals = self.state.arrivals.lock().unwrap();
        let few = |arrivals: &mut Vec<ReceivedExport>| arrivals.len() < count;
        let (arrivals, waited) = self
            .state
            .changed
            .wait_timeout_while(arrivals, PATIENCE, few)
            .unwrap();
        assert!(
            !waited.timed_out(),
            "{} of {count} requests arrived",
            arrivals.len()
        );
        arrivals.clone()
    }

    /// Every span in a request that was taken.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let taken = self.arrivals().into_iter().filter(|arrival| arrival.taken);
        taken.flat_map(|arrival| arrival.message.spans()).collect()
    }

    /// How many of a signal's items are in requests that were taken.
    pub(crate) fn count(&self, signal: TelemetrySignal) -> u64 {
        let taken = self.arrivals().into_iter().filter(|arrival| arrival.taken);
        taken
            .filter(|arrival| arrival.message.signal() == signal)
            .map(|arrival| arrival.message.items())
            .sum()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Message {
    pub(crate) const fn signal(&self) -> TelemetrySignal {
        match self {
            Self::Traces(_) => TelemetrySignal::Traces,
            Self::Metrics(_) => TelemetrySignal::Metrics,
            Self::Logs(_) => TelemetrySignal::Logs,
        }
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let Self::Traces(request) = self else {
            return Vec::new();
        };
        let scopes = request
            .resource_spans
            .iter()
            .flat_map(|part| &part.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }

    /// The names of metrics with their number of points.
    pub(crate) fn metrics(&self) -> BTreeMap<String, usize> {
        let Self::Metrics(request) = self else {
            return BTreeMap::new();
        };
        let scopes = request
            .resource_metrics
            .iter()
            .flat_map(|part| &part.scope_metrics);
        let metrics = scopes.flat_map(|scope| &scope.metrics);
        metrics
            .map(|metric| (metric.name.clone(), points(metric.data.as_ref())))
            .collect()
    }

    pub(crate) fn items(&self) -> u64 {
        let items = match self {
            Self::Traces(_) => self.spans().len(),
            Self::Metrics(_) => self.metrics().values().sum(),
            Self::Logs(request) => request
                .resource_logs
                .iter()
                .flat_map(|part| &part.scope_logs)
                .map(|scope| scope.log_records.len())
                .sum(),
        };
        items as u64
    }

    /// The attributes of the one resource that sends, as text.
    pub(crate) fn resource(&self) -> BTreeMap<String, String> {
        let resource = match self {
            Self::Traces(request) => request.resource_spans[0].resource.clone(),
            Self::Metrics(request) => request.resource_metrics[0].resource.clone(),
            Self::Logs(request) => request.resource_logs[0].resource.clone(),
        };
        let attributes = resource.expect("there is a resource").attributes;
        attributes
            .into_iter()
            .map(|attribute| (attribute.key, text(attribute.value)))
            .collect()
    }
}

/// A string value; another one as its debug form.
pub(crate) fn text(value: Option<opentelemetry_proto::tonic::common::v1::AnyValue>) -> String {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        other => format!("{other:?}"),
    }
}

fn points(data: Option<&Data>) -> usize {
    match data {
        Some(Data::Gauge(gauge)) => gauge.data_points.len(),
        Some(Data::Sum(sum)) => sum.data_points.len(),
        Some(Data::Histogram(histogram)) => histogram.data_points.len(),
        other => panic!("a metric of another kind: {other:?}"),
    }
}

fn serve(listener: TcpListener, state: Arc<ReceiverState>, stopped: oneshot::Receiver<()>) {
    let http = axum::Router::new()
        .route("/{*path}", post(http_request))
        .with_state(Arc::clone(&state));
    let refuses_gzip = matches!(state.behaviour(), Behaviour::RefuseGzip);
    let service = Service(state);
    let mut traces = TraceServiceServer::new(service.clone());
    let mut metrics = MetricsServiceServer::new(service.clone());
    let mut logs = LogsServiceServer::new(service);
    if !refuses_gzip {
        traces = traces.accept_compressed(Gzip).send_compressed(Gzip);
        metrics = metrics.accept_compressed(Gzip);
        logs = logs.accept_compressed(Gzip);
    }
    let mut routes = tonic::service::Routes::from(http);
    routes = routes.add_service(traces);
    routes = routes.add_service(metrics).add_service(logs);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let incoming = TcpIncoming::from(tokio::net::TcpListener::from_std(listener).unwrap());
        let server = tonic::transport::Server::builder()
            .accept_http1(true)
            .add_routes(routes)
            .serve_with_incoming(incoming);
        tokio::select! {
            outcome = server => outcome.unwrap(),
            _ = stopped => {}
        }
    });
    // Connections end at once, as those of a receiver that is killed.
    runtime.shutdown_background();
}

impl ReceiverState {
    fn behaviour(&self) -> Behaviour {
        *self.behaviour.lock().unwrap()
    }

    fn keep(&self, protocol: Protocol, headers: &HeaderMap, message: Message) -> Behaviour {
        let behaviour = self.behaviour();
        let headers = headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect();
        self.arrivals.lock().unwrap().push(ReceivedExport {
            at: Instant::now(),
            protocol,
            headers,
            message,
            taken: !matches!(
                behaviour,
                Behaviour::Unavailable | Behaviour::Throttled(_) | Behaviour::Invalid
            ),
        });
        self.changed.notify_all();
        behaviour
    }
}

#[derive(Clone, Debug)]
struct Service(Arc<ReceiverState>);

impl Service {
    /// What is rejected of a request that came by gRPC.
    async fn answer(&self, metadata: HeaderMap, message: Message) -> Result<i64, Status> {
        match self.0.keep(Protocol::Grpc, &metadata, message) {
            Behaviour::Accept | Behaviour::EndlessAnswer | Behaviour::RefuseGzip => Ok(0),
            Behaviour::Slow(delay) => {
                tokio::time::sleep(delay).await;
                Ok(0)
            }
            Behaviour::Unavailable => Err(Status::unavailable("the disk is full")),
            Behaviour::Throttled(None) => Err(Status::resource_exhausted("too much")),
            Behaviour::Throttled(delay) => Err(Status::with_error_details(
                Code::ResourceExhausted,
                "too much",
                ErrorDetails::with_retry_info(delay),
            )),
            Behaviour::Invalid => Err(Status::invalid_argument("what is this?")),
            Behaviour::Partial(rejected) => Ok(rejected),
            Behaviour::Undecodable => {
                let details = [("grpc-status-details-bin", "!")];
                let details = details.map(|(name, value)| {
                    (
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                });
                let metadata = MetadataMap::from_headers(details.into_iter().collect());
                Err(Status::with_metadata(Code::Unavailable, "away", metadata))
            }
        }
    }
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let rejected = self
            .answer(metadata.into_headers(), Message::Traces(message))
            .await?;
        Ok(tonic::Response::new(ExportTraceServiceResponse {
            partial_success: partial(rejected),
        }))
    }
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        self.answer(metadata.into_headers(), Message::Metrics(message))
            .await?;
        Ok(tonic::Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Service {
    async fn export(
        &self,
        request: tonic::Request<ExportLogsServiceRequest>,
    ) -> Result<tonic::Response<ExportLogsServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        self.answer(metadata.into_headers(), Message::Logs(message))
            .await?;
        Ok(tonic::Response::new(ExportLogsServiceResponse::default()))
    }
}

fn partial(rejected: i64) -> Option<ExportTracePartialSuccess> {
    (rejected > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: rejected,
        error_message: "too old".into(),
    })
}

async fn http_request(
    State(kept): State<Arc<ReceiverState>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    if headers.contains_key("content-encoding") && matches!(kept.behaviour(), Behaviour::RefuseGzip)
    {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let body = match headers.get("content-encoding") {
        None => body,
        Some(encoding) => {
            assert_eq!(encoding, "gzip");
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&body[..])
                .read_to_end(&mut plain)
                .expect("gzip");
            plain.into()
        }
    };
    let message = match path.rsplit('/').next() {
        Some("traces") => Message::Traces(ExportTraceServiceRequest::decode(body).unwrap()),
        Some("metrics") => Message::Metrics(ExportMetricsServiceRequest::decode(body).unwrap()),
        Some("logs") => Message::Logs(ExportLogsServiceRequest::decode(body).unwrap()),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let success = |partial_success| {
        ExportTraceServiceResponse { partial_success }
            .encode_to_vec()
            .into_response()
    };
    match kept.keep(Protocol::HttpProtobuf, &headers, message) {
        Behaviour::Accept | Behaviour::RefuseGzip => success(None),
        Behaviour::Slow(delay) => {
            tokio::time::sleep(delay).await;
            success(None)
        }
        Behaviour::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, "the disk is full").into_response()
        }
        Behaviour::Throttled(None) => (StatusCode::TOO_MANY_REQUESTS, "too much").into_response(),
        Behaviour::Throttled(Some(delay)) => {
            let after = [("retry-after", delay.as_secs().to_string())];
            (StatusCode::TOO_MANY_REQUESTS, after, "too much").into_response()
        }
        Behaviour::Invalid => (StatusCode::BAD_REQUEST, "what is this?").into_response(),
        Behaviour::Partial(rejected) => success(partial(rejected)),
        Behaviour::EndlessAnswer | Behaviour::Undecodable => {
            Response::new(axum::body::Body::new(Endless))
        }
    }
}

/// A body that never comes.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}
