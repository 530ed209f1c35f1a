//! The test signals: one span, one data point and one log record, sent as the service sends its own.
//!
//! Through the exporter that the service has, and not by requests of its own: what is tested is
//! what runs.

use std::time::{Duration, Instant};

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::trace::SpanProcessor;

use super::target::{OtlpTarget, is_pushed};
use crate::background::Supervisor;
use crate::config::{Compression, Config, TelemetrySignal, TraceSampler};
use crate::export::flush_report::SignalReport;
use crate::export::otlp::OtlpExporter;
use crate::export::providers::{self, LogProvider, MetricProvider, TraceProvider};
use crate::record::clock::Clock;
use crate::record::exemplars::Exemplars;
use crate::record::instruments::FigureMetrics;
use crate::record::series::Instruments;
use crate::record::slo_events::SloEvents;

/// The name of the span, and the body of the log record.
const NAME: &str = "vantage-obs doctor";
const METRIC: &str = "vantage_obs.doctor";

/// The time limit of one answer; a service may wait for longer, but not a command.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);

/// The result of sending one signal.
#[derive(Debug)]
pub(super) struct SignalOutcome {
    pub(super) signal: TelemetrySignal,
    /// The class of the failure, as the metrics have it; `None` if it was accepted.
    pub(super) error: Option<String>,
    /// The message of the receiver, or of the network, in one line.
    pub(super) cause: String,
}

/// Sends a test signal of each kind that is pushed to this receiver.
pub(super) fn send_test_signals(
    target: &OtlpTarget,
    compression: Compression,
    deadline: Instant,
) -> Result<Vec<SignalOutcome>, String> {
    let config = config_for_target(target, compression);
    let resource = providers::resource(&config.service);
    let slo_events = SloEvents::default();
    // The exporter counts into it; nothing of it is sent.
    let telemetry = MetricProvider::for_catalog(&config, &slo_events, &FigureMetrics::default());
    let telemetry = telemetry.map_err(|error| error.to_string())?;
    let sent = MetricProvider::for_user(&config).map_err(|error| error.to_string())?;
    sent.meter().u64_gauge(METRIC).build().record(1, &[]);
    let exemplars = Exemplars::new(Clock::system(), slo_events);
    let limit = config.metrics.cardinality_limit;
    let instruments = Instruments::new(telemetry.meter(), limit, exemplars);
    let export = OtlpExporter::start(
        &config,
        &resource,
        &instruments,
        vec![sent],
        &Supervisor::default(),
    );
    let Some(export) = export.map_err(|error| error.to_string())? else {
        return Ok(Vec::new());
    };
    if let Some(spans) = export.span_processor() {
        let spans = Box::new(spans) as Box<dyn SpanProcessor>;
        let traces = TraceProvider::new(&config, resource.clone(), Some(spans));
        traces.provider().tracer("vantage-obs").start(NAME).end();
    }
    if let Some(records) = export.log_processor() {
        emit_log_record(&LogProvider::new(resource, records));
    }
    let within = deadline.saturating_duration_since(Instant::now());
    // A little more than one answer may take, so that the answer's own failure is seen and not the
    // flush's.
    let report = export.flush_blocking(true, within.min(ANSWER_TIMEOUT + ANSWER_TIMEOUT / 4));
    let outcome = |report: SignalReport| SignalOutcome {
        // Without a failed request it was an answer that took a part only.
        error: (!report.is_complete() || report.exported == 0)
            .then(|| report.error_type.unwrap_or_else(|| "rejected".into())),
        signal: report.signal,
        cause: report.cause.unwrap_or_default(),
    };
    Ok(report.signals.into_iter().map(outcome).collect())
}

fn emit_log_record(logs: &LogProvider) {
    let logger = logs.provider().logger("vantage-obs");
    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Info);
    record.set_severity_text("INFO");
    record.set_body(AnyValue::from(NAME));
    record.set_timestamp(std::time::SystemTime::now());
    logger.emit(record);
}

/// Returns the configuration with only this receiver's signals, everything sampled, and an instance of its
/// own: figures of the service's instance must not be continued by ours.
fn config_for_target(target: &OtlpTarget, compression: Compression) -> Config {
    let mut config = target.url.effective.config.clone();
    let is_wanted =
        |config: &Config, signal| is_pushed(config, signal) && target.signals.contains(&signal);
    config.traces.enabled = is_wanted(&config, TelemetrySignal::Traces);
    config.metrics.otlp.enabled = is_wanted(&config, TelemetrySignal::Metrics);
    config.logs.otlp = is_wanted(&config, TelemetrySignal::Logs);
    // A sampler could drop the one span, and nothing would be sent.
    config.traces.sampler = TraceSampler::AlwaysOn;
    config.service.instance_id = Some(format!("vantage-obs-doctor:{}", std::process::id()));
    let otlp = &mut config.otlp;
    otlp.timeout = otlp.timeout.min(ANSWER_TIMEOUT);
    otlp.compression = compression;
    for signal_otlp in [&mut otlp.traces, &mut otlp.metrics, &mut otlp.logs] {
        signal_otlp.compression = None;
        signal_otlp.timeout = signal_otlp
            .timeout
            .map(|timeout| timeout.min(ANSWER_TIMEOUT));
    }
    config.metrics.otlp.timeout = config.metrics.otlp.timeout.min(ANSWER_TIMEOUT);
    config
}
