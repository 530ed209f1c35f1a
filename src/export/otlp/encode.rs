//! Batches as OTLP's protobuf, and the partial success of a response.
//!
//! OpenTelemetry's own exporters write the messages, over an HTTP client that keeps each one: the body
//! of OTLP/HTTP is that of a gRPC call too. Why not let them send it? They turn every failure into a
//! text, without a time to come back or a count of what was rejected, and they obey the environment
//! behind the configuration's back. So of a request only the body counts here.
//!
//! | | gRPC | HTTP |
//! |---|---|---|
//! | body | this message | this message |
//! | compression | by tonic | by the transport |
//! | headers | metadata | headers |
//! | partial success | the answer's message | the answer's body |

use std::future::Future;
use std::io::Read as _;
use std::pin::pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use opentelemetry::InstrumentationScope;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, Protocol, RetryPolicy, SpanExporter,
    WithExportConfig, WithHttpConfig,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter as _, SdkLogRecord};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter as _;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use prost::Message as _;

/// A log record with its scope, as it waits in the queue.
pub(super) type QueuedLogRecord = (SdkLogRecord, InstrumentationScope);

/// A message ready to be sent, as often as need be.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    pub(super) bytes: Bytes,
    /// The number of spans, data points or log records.
    pub(super) items: u64,
}

/// Encodes items as one message, or says why that failed.
pub(super) type Encode<T> = Box<dyn Fn(Vec<T>) -> Result<Bytes, String> + Send>;

/// The first byte of a message: the tag of its only field, the resources with their items.
///
/// Field 1, length-delimited: `1 << 3 | 2`.
const MESSAGE_START: u8 = 0x0a;
/// The first byte of gzip.
///
/// RFC 1952: 0x1f 0x8b.
const GZIP_START: u8 = 0x1f;

/// Returns the encoder of spans.
///
/// The exporter keeps the resource, so that it is encoded with each batch.
pub(super) fn span_encoder(resource: &Resource) -> Result<Encode<SpanData>, ExporterBuildError> {
    let (client, messages) = message_client();
    let mut exporter = configure(SpanExporter::builder().with_http(), client).build()?;
    exporter.set_resource(resource);
    Ok(Box::new(move |spans| {
        take_message(&messages, exporter.export(spans))
    }))
}

/// Returns the encoder of log records.
pub(super) fn log_encoder(
    resource: &Resource,
) -> Result<Encode<QueuedLogRecord>, ExporterBuildError> {
    let (client, messages) = message_client();
    let mut exporter = configure(LogExporter::builder().with_http(), client).build()?;
    exporter.set_resource(resource);
    Ok(Box::new(move |records| {
        let records: Vec<_> = records
            .iter()
            .map(|(record, scope)| (record, scope))
            .collect();
        take_message(&messages, exporter.export(LogBatch::new(&records)))
    }))
}

/// Returns the encoder of collections of metrics, which may come from several providers.
pub(super) fn metric_encoder() -> Result<Encode<ResourceMetrics>, ExporterBuildError> {
    let (client, messages) = message_client();
    let builder = MetricExporter::builder().with_temporality(Temporality::Cumulative);
    let exporter = configure(builder.with_http(), client).build()?;
    Ok(Box::new(move |parts| {
        // Protobuf concatenation:
        // <https://protobuf.dev/programming-guides/encoding/#last-one-wins>.
        let messages = parts
            .iter()
            .map(|part| take_message(&messages, exporter.export(part)));
        // The only field of a message is repeated, so that messages in a row are one with all of it.
        Ok(messages.collect::<Result<Vec<_>, _>>()?.concat().into())
    }))
}

/// Returns the number of data points.
pub(super) fn count_points(metrics: &ResourceMetrics) -> u64 {
    let metrics = metrics.scope_metrics().flat_map(|scope| scope.metrics());
    let points = metrics.map(|metric| match metric.data() {
        AggregatedMetrics::F64(data) => count_points_of(data),
        AggregatedMetrics::U64(data) => count_points_of(data),
        AggregatedMetrics::I64(data) => count_points_of(data),
    });
    points.sum::<usize>() as u64
}

fn count_points_of<T>(data: &MetricData<T>) -> usize {
    match data {
        MetricData::Gauge(gauge) => gauge.data_points().count(),
        MetricData::Sum(sum) => sum.data_points().count(),
        MetricData::Histogram(histogram) => histogram.data_points().count(),
        MetricData::ExponentialHistogram(histogram) => histogram.data_points().count(),
    }
}

/// The HTTP client of an exporter: passes each message on, and answers that it was taken. Any other
/// answer would be logged on the export thread, where other crates turn the exporter's logging on, and
/// a log may block.
#[derive(Debug)]
struct MessageClient(Sender<Result<Bytes, String>>);

/// Returns a client, and the end at which its messages arrive.
fn message_client() -> (MessageClient, Receiver<Result<Bytes, String>>) {
    let (sender, messages) = channel();
    (MessageClient(sender), messages)
}

#[tonic::async_trait]
impl HttpClient for MessageClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let _ = self.0.send(decompress(request.into_body()));
        Ok(Response::new(Bytes::new()))
    }
}

/// Gives an exporter a client. What stands here beats the environment; what can't stand here (headers,
/// compression) is undone or thrown away.
fn configure<B: WithExportConfig + WithHttpConfig>(builder: B, client: MessageClient) -> B {
    builder
        .with_http_client(client)
        // Never contacted: it only has to be a valid URL.
        .with_endpoint("http://localhost")
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(Duration::from_secs(1))
        .with_retry_policy(RetryPolicy::disabled())
        // The receiver's limit is the receiver's to tell.
        .with_max_request_body_size(usize::MAX)
}

/// Undoes the compression that a variable and a feature of another crate's can cause. The first byte
/// tells, because the header may be the variable's too.
fn decompress(body: Bytes) -> Result<Bytes, String> {
    match body.first() {
        Some(&MESSAGE_START) => Ok(body),
        Some(&GZIP_START) => {
            let mut message = Vec::new();
            GzDecoder::new(&body[..])
                .read_to_end(&mut message)
                .map_err(|error| error.to_string())?;
            Ok(message.into())
        }
        Some(_) => Err("the message is compressed with something other than gzip".to_owned()),
        None => Err("the message is empty".to_owned()),
    }
}

/// Runs an export, and returns the message that came of it. One poll is enough: nothing in it waits,
/// because the client answers at once.
fn take_message(
    messages: &Receiver<Result<Bytes, String>>,
    export: impl Future<Output = OTelSdkResult>,
) -> Result<Bytes, String> {
    // Polled once and without a runtime, on the export thread. Pending would mean that the exporter
    // waits for something, which is reported as an error.
    let outcome = pin!(export).poll(&mut Context::from_waker(Waker::noop()));
    let message = messages.try_recv();
    match outcome {
        Poll::Ready(Ok(())) => message.unwrap_or_else(|_| Err("there is no message".to_owned())),
        Poll::Ready(Err(error)) => Err(error.to_string()),
        Poll::Pending => Err("the exporter waits for something".to_owned()),
    }
}

/// Returns the number of items that a receiver rejected, and the reason. The answers of all signals
/// have one shape on the wire; a body that isn't one of them says nothing, and refuses nothing.
// The three services number the fields alike: partial success is 1, rejected 1 in it, the message
// 2.
pub(crate) fn parse_rejected(response: &[u8]) -> (u64, String) {
    ExportTraceServiceResponse::decode(response)
        .ok()
        .and_then(|response| response.partial_success)
        .map(|partial| {
            let count = partial.rejected_spans.try_into().unwrap_or(0);
            (count, partial.error_message)
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::io::Write as _;
    use std::sync::{Arc, Mutex};

    use flate2::write::GzEncoder;
    use http::header::USER_AGENT;
    use opentelemetry::KeyValue;
    use opentelemetry::logs::{LogRecord as _, Logger as _, LoggerProvider as _, Severity};
    use opentelemetry::metrics::MeterProvider as _;
    use opentelemetry_proto::tonic::collector::logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
    };
    use opentelemetry_proto::tonic::collector::metrics::v1::{
        ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
    };
    use opentelemetry_sdk::error::OTelSdkError;
    use opentelemetry_sdk::logs::SdkLoggerProvider;

    use super::super::metrics::ExportMetrics;
    use super::super::queue::bounded_queue;
    use super::*;
    use crate::config::{Config, Protocol, Role, TelemetrySignal};
    use crate::export::providers::MetricProvider;
    use crate::record::series::Instruments;

    #[test]
    fn the_refusals_of_all_signals_are_read_alike() {
        let logs = ExportLogsServiceResponse {
            partial_success: Some(ExportLogsPartialSuccess {
                rejected_log_records: 3,
                error_message: "too old".into(),
            }),
        };
        let metrics = ExportMetricsServiceResponse {
            partial_success: Some(ExportMetricsPartialSuccess {
                rejected_data_points: 4,
                error_message: "unknown".into(),
            }),
        };
        assert_eq!(parse_rejected(&logs.encode_to_vec()), (3, "too old".into()));
        assert_eq!(
            parse_rejected(&metrics.encode_to_vec()),
            (4, "unknown".into())
        );
    }

    #[test]
    fn an_answer_that_is_none_refuses_nothing() {
        for response in [&b""[..], b"<html>", &[0xff; 9]] {
            assert_eq!(parse_rejected(response), (0, String::new()));
        }
    }

    #[test]
    fn a_log_record_becomes_a_message_with_its_text_severity_and_scope() {
        let resource = Resource::builder_empty().with_service_name("test").build();
        let instruments = Instruments::noop();
        let export_metrics =
            ExportMetrics::new(&instruments, TelemetrySignal::Logs, Protocol::Grpc);
        let (sender, mut receiver) = bounded_queue(10, 10, &export_metrics);
        let provider = SdkLoggerProvider::builder()
            .with_log_processor(super::super::QueueLogProcessor(sender))
            .build();
        let logger = provider.logger("billing");
        let mut record = logger.create_log_record();
        record.set_body("an invoice was sent".into());
        record.set_severity_number(Severity::Warn);
        logger.emit(record);

        let encode = log_encoder(&resource).unwrap();
        let message = encode(receiver.take_batch().unwrap()).unwrap();
        let request = ExportLogsServiceRequest::decode(message).unwrap();
        assert_eq!(request.resource_logs.len(), 1);
        let scope = &request.resource_logs[0].scope_logs[0];
        assert_eq!(scope.scope.as_ref().unwrap().name, "billing");
        let record = &scope.log_records[0];
        assert_eq!(record.severity_number, 13);
        let body = format!("{:?}", record.body);
        assert!(body.contains("an invoice was sent"), "{body}");
    }

    /// Collects a counter and a histogram of a provider with this name.
    fn collect(service: &'static str) -> ResourceMetrics {
        let config = Config::new(service, Role::Api);
        let provider = MetricProvider::for_user(&config).unwrap();
        let meter = provider.user_meters().meter("invoices");
        let sent = meter.u64_counter("invoices.sent").build();
        sent.add(2, &[KeyValue::new("kind", "paper")]);
        sent.add(3, &[KeyValue::new("kind", "mail")]);
        meter.f64_histogram("invoices.sum").build().record(0.5, &[]);
        let mut metrics = ResourceMetrics::default();
        provider.collect(&mut metrics).unwrap();
        metrics
    }

    #[test]
    fn the_metrics_of_two_providers_are_one_request_of_both() {
        let parts = vec![collect("ours"), collect("theirs")];
        assert_eq!(parts.iter().map(count_points).collect::<Vec<_>>(), [3, 3]);
        let both = ExportMetricsServiceRequest {
            resource_metrics: parts
                .iter()
                .flat_map(|part| ExportMetricsServiceRequest::from(part).resource_metrics)
                .collect(),
        };
        let message = metric_encoder().unwrap()(parts).unwrap();
        assert_eq!(message, both.encode_to_vec());
        assert_eq!(ExportMetricsServiceRequest::decode(message), Ok(both));
    }

    #[test]
    fn an_empty_collection_has_no_points_and_joins_nothing() {
        let empty = ResourceMetrics::default();
        assert_eq!(count_points(&empty), 0);
        let message = metric_encoder().unwrap()(vec![empty, collect("ours")]).unwrap();
        let request = ExportMetricsServiceRequest::decode(message).unwrap();
        assert_eq!(request.resource_metrics.len(), 2);
    }

    #[test]
    fn compression_that_a_variable_caused_is_undone_and_an_unknown_one_is_a_failure() {
        let message = Bytes::from_static(b"\x0a\x02hi");
        assert_eq!(decompress(message.clone()), Ok(message.clone()));
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&message).unwrap();
        let compressed: Bytes = encoder.finish().unwrap().into();
        assert_eq!(decompress(compressed.clone()), Ok(message));
        for body in [&compressed[..5], b"\x28\xb5\x2f\xfd", b""] {
            assert!(
                decompress(Bytes::copy_from_slice(body)).is_err(),
                "{body:?}"
            );
        }
    }

    #[test]
    fn an_export_without_a_message_is_a_failure_and_not_an_empty_message() {
        let (client, messages) = message_client();
        let failed = || Err(OTelSdkError::InternalFailure("too large".into()));
        let outcome = take_message(&messages, ready(failed()));
        assert!(outcome.unwrap_err().contains("too large"));
        assert!(take_message(&messages, pending()).is_err());
        assert!(take_message(&messages, ready(Ok(()))).is_err());
        // The message of an export that failed afterwards is not taken for that of the next one.
        let failing = async {
            client
                .send_bytes(Request::new("\x0a".into()))
                .await
                .unwrap();
            failed()
        };
        assert!(take_message(&messages, failing).is_err());
        assert!(take_message(&messages, ready(Ok(()))).is_err());
    }

    /// Keeps the `User-Agent` of a request.
    #[derive(Clone, Debug, Default)]
    struct UserAgentClient(Arc<Mutex<String>>);

    #[tonic::async_trait]
    impl HttpClient for UserAgentClient {
        async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
            let agent = request.headers()[USER_AGENT].to_str()?;
            agent.clone_into(&mut self.0.lock().unwrap());
            Ok(Response::new(Bytes::new()))
        }
    }

    #[tokio::test]
    async fn the_user_agent_names_the_exporter_by_its_own_words() {
        let client = UserAgentClient::default();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client.clone())
            .build()
            .unwrap();
        exporter.export(Vec::new()).await.unwrap();
        let agent = client.0.lock().unwrap();
        let ours = super::super::transport::USER_AGENT;
        assert!(ours.starts_with("vantage-obs/"), "{ours}");
        assert!(
            ours.ends_with(&format!(" {agent}")),
            "{ours} without {agent}"
        );
    }
}
