//! What the scrape says of the push, by the names that dashboards and alerts are written with.

use std::collections::BTreeSet;

use vantage_obs::ExpositionFormat;
use vantage_obs::Telemetry;
use vantage_obs::config::{Protocol, TelemetrySignal};

use super::broken_receiver::BrokenReceiver;
use super::receiver::{Behaviour, Receiver};
use super::{PROTOCOLS, config, make_spans, start};
use crate::support::{sample_with, samples};

fn value(telemetry: &Telemetry, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    sample_with(&telemetry.scrape(ExpositionFormat::Text)?, name, labels)
}

#[test]
fn the_ten_metrics_of_the_push_are_there_before_anything_was_pushed() {
    let mut config = config("http://127.0.0.1:9", Protocol::Grpc);
    config.metrics.otlp.enabled = true;
    config.logs.otlp = true;
    config.traces.batch.queue_size = 1000;
    config.logs.batch.queue_size = 2000;
    let telemetry = start(config);
    for (name, labels, expected) in [
        ("otel_sdk_processor_span_processed_total", &[][..], 0.0),
        (
            "otel_sdk_processor_span_processed_total",
            &[("error_type", "queue_full")],
            0.0,
        ),
        ("otel_sdk_processor_span_queue_size", &[], 0.0),
        ("otel_sdk_processor_span_queue_capacity", &[], 1000.0),
        ("otel_sdk_exporter_span_exported_total", &[], 0.0),
        ("otel_sdk_processor_log_processed_total", &[], 0.0),
        (
            "otel_sdk_processor_log_processed_total",
            &[("error_type", "queue_full")],
            0.0,
        ),
        ("otel_sdk_processor_log_queue_size", &[], 0.0),
        ("otel_sdk_processor_log_queue_capacity", &[], 2000.0),
        ("otel_sdk_exporter_log_exported_total", &[], 0.0),
        (
            "otel_sdk_exporter_metric_data_point_exported_total",
            &[],
            0.0,
        ),
    ] {
        assert_eq!(
            value(&telemetry, name, labels),
            Some(expected),
            "{name} {labels:?}"
        );
    }
    // The tenth, the duration, has its first series with the first request: see below.
    let config = crate::support::config();
    let text = start(config).scrape(ExpositionFormat::Text).unwrap();
    assert!(
        !text.contains("\notel_sdk_"),
        "without an endpoint there is none"
    );
}

#[tokio::test]
async fn a_push_is_counted_and_timed_by_exporter() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start(Behaviour::Accept);
        let mut config = config(&receiver.endpoint(), protocol);
        config.metrics.otlp.enabled = true;
        let telemetry = start(config);
        make_spans(&telemetry, 7);
        telemetry.flush().await.unwrap();
        let points = receiver.count(TelemetrySignal::Metrics) as f64;
        for (name, expected) in [
            ("otel_sdk_processor_span_processed_total", 7.0),
            ("otel_sdk_exporter_span_exported_total", 7.0),
            ("otel_sdk_exporter_metric_data_point_exported_total", points),
        ] {
            assert_eq!(value(&telemetry, name, &[]), Some(expected), "{name}");
        }
        let (spans, metrics) = match protocol {
            Protocol::Grpc => ("otlp_grpc_span_exporter", "otlp_grpc_metric_exporter"),
            _ => ("otlp_http_span_exporter", "otlp_http_metric_exporter"),
        };
        for exporter in [spans, metrics] {
            let name = "otel_sdk_exporter_operation_duration_seconds_count";
            let labels = [("otel_component_type", exporter)];
            assert_eq!(value(&telemetry, name, &labels), Some(1.0), "{exporter}");
        }
    }
}

#[tokio::test]
async fn failures_are_told_apart_by_their_error_type() {
    let invalid = Receiver::start(Behaviour::Invalid);
    let unavailable = Receiver::start(Behaviour::Unavailable);
    let (refuses, silent) = (BrokenReceiver::refuses(), BrokenReceiver::silent());
    let mut seen = BTreeSet::new();
    for endpoint in [
        invalid.endpoint(),
        unavailable.endpoint(),
        refuses.endpoint(),
        silent.endpoint(),
    ] {
        for protocol in PROTOCOLS {
            let mut config = config(&endpoint, protocol);
            config.otlp.timeout = std::time::Duration::from_millis(100);
            let telemetry = start(config);
            make_spans(&telemetry, 1);
            assert!(telemetry.flush().await.is_err());
            let text = telemetry.scrape(ExpositionFormat::Text).unwrap();
            let durations = samples(&text).into_iter().filter(|sample| {
                sample.name == "otel_sdk_exporter_operation_duration_seconds_count"
            });
            seen.extend(durations.map(|sample| sample.labels["error_type"].clone()));
        }
    }
    let expected = [
        "400",
        "503",
        "INVALID_ARGUMENT",
        "UNAVAILABLE",
        "connection",
        "timeout",
    ];
    assert_eq!(seen, expected.map(str::to_owned).into());
}
