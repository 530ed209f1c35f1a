//! Batches as OTLP's protobuf, and the partial success of a response.

use bytes::Bytes;
use opentelemetry::InstrumentationScope;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::logs::tonic::group_logs_by_resource_and_scope;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::logs::{LogBatch, SdkLogRecord};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::trace::SpanData;
use prost::Message as _;

/// The resource in the form of OTLP's messages.
pub(super) type ResourceAttributes = ResourceAttributesWithSchema;

/// A log record with its scope, as it waits in the queue.
pub(super) type QueuedLogRecord = (SdkLogRecord, InstrumentationScope);

/// A message ready to be sent, as often as need be.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    pub(super) bytes: Bytes,
    /// The number of spans, data points or log records.
    pub(super) items: u64,
}

pub(super) fn encode_spans(resource: &ResourceAttributes, spans: Vec<SpanData>) -> Payload {
    let items = spans.len() as u64;
    let resource_spans = group_spans_by_resource_and_scope(spans, resource);
    new_payload(&ExportTraceServiceRequest { resource_spans }, items)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "as for spans, which are moved into the message"
)]
pub(super) fn encode_logs(resource: &ResourceAttributes, records: Vec<QueuedLogRecord>) -> Payload {
    let borrowed: Vec<_> = records
        .iter()
        .map(|(record, scope)| (record, scope))
        .collect();
    let batch = LogBatch::new(&borrowed);
    let resource_logs = group_logs_by_resource_and_scope(&batch, resource);
    new_payload(
        &ExportLogsServiceRequest { resource_logs },
        records.len() as u64,
    )
}

/// Encodes several collections as one message; `None` when they are all empty.
pub(super) fn encode_metrics<'a>(
    parts: impl Iterator<Item = &'a ResourceMetrics>,
) -> Option<Payload> {
    let mut request = ExportMetricsServiceRequest::default();
    for part in parts {
        let part = ExportMetricsServiceRequest::from(part);
        request.resource_metrics.extend(part.resource_metrics);
    }
    let points = count_points(&request);
    (points > 0).then(|| new_payload(&request, points))
}

fn count_points(request: &ExportMetricsServiceRequest) -> u64 {
    let scopes = request
        .resource_metrics
        .iter()
        .flat_map(|part| &part.scope_metrics);
    let points = scopes
        .flat_map(|scope| &scope.metrics)
        .map(|metric| match &metric.data {
            Some(Data::Gauge(gauge)) => gauge.data_points.len(),
            Some(Data::Sum(sum)) => sum.data_points.len(),
            Some(Data::Histogram(histogram)) => histogram.data_points.len(),
            Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.len(),
            Some(Data::Summary(summary)) => summary.data_points.len(),
            None => 0,
        });
    points.sum::<usize>() as u64
}

fn new_payload(message: &impl prost::Message, items: u64) -> Payload {
    let bytes = message.encode_to_vec().into();
    Payload { bytes, items }
}

/// Returns the number of items that a receiver rejected, and the reason. The answers of all signals
/// have one shape on the wire; a body that isn't one of them says nothing, and refuses nothing.
pub(super) fn parse_rejected(response: &[u8]) -> (u64, String) {
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
    use opentelemetry_proto::tonic::collector::logs::v1::{
        ExportLogsPartialSuccess, ExportLogsServiceResponse,
    };
    use opentelemetry_proto::tonic::collector::metrics::v1::{
        ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
    };

    use opentelemetry::logs::{LogRecord as _, Logger as _, LoggerProvider as _, Severity};
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::logs::SdkLoggerProvider;

    use super::super::metrics::ExportMetrics;
    use super::super::queue::bounded_queue;
    use super::*;
    use crate::config::{Protocol, TelemetrySignal};
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

        let payload = encode_logs(&(&resource).into(), receiver.take_batch().unwrap());
        assert_eq!(payload.items, 1);
        let request = ExportLogsServiceRequest::decode(payload.bytes).unwrap();
        let scope = &request.resource_logs[0].scope_logs[0];
        assert_eq!(scope.scope.as_ref().unwrap().name, "billing");
        let record = &scope.log_records[0];
        assert_eq!(record.severity_number, 13);
        let body = format!("{:?}", record.body);
        assert!(body.contains("an invoice was sent"), "{body}");
    }
}
