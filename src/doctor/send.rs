//! One span, one data point and one log record, sent as the service sends its own.

use std::time::{Duration, Instant};

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::trace::SpanProcessor;

use super::target::{Target, is_pushed};
use crate::config::{Config, EffectiveConfig, Sampler, Signal};
use crate::export::flush_report::SignalReport;
use crate::export::otlp::Export;
use crate::export::providers::{self, Logs, Metrics, Traces};
use crate::model::catalog::telemetry::EXPORT_DURATION;
use crate::record::clock::Clock;
use crate::record::exemplars::Exemplars;
use crate::record::series::Instruments;
use crate::record::slo_events::Ledger;

/// The name of what is sent.
const NAME: &str = "vantage-obs doctor";
const METRIC: &str = "vantage_obs.doctor";

/// One answer; a service may wait for longer, whoever looks on doesn't.
const PATIENCE: Duration = Duration::from_secs(4);

/// What became of one signal.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) signal: Signal,
    /// The class of the failure, as the metrics have it; `None` where it was taken.
    pub(super) error: Option<String>,
    /// One line of the receiver's, or of the network's.
    pub(super) cause: String,
}

/// Sends what is pushed to this receiver.
pub(super) fn send(
    effective: &EffectiveConfig,
    target: &Target,
    deadline: Instant,
) -> Result<Vec<Outcome>, String> {
    let config = of_target(&effective.config, target);
    let resource = providers::resource(&config.service);
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let ledger = Ledger::default();
    let own = Metrics::ours(&config, &ledger).map_err(|error| text(&error))?;
    let sent = Metrics::of_user(&config).map_err(|error| text(&error))?;
    sent.meter().u64_gauge(METRIC).build().record(1, &[]);
    let exemplars = Exemplars::new(Clock::system(), ledger);
    let limit = config.metrics.cardinality_limit;
    let instruments = Instruments::new(own.meter(), limit, exemplars);
    let export = Export::start(&config, &resource, &instruments, vec![sent]);
    let Some(export) = export.map_err(|error| text(&error))? else {
        return Ok(Vec::new());
    };
    if let Some(spans) = export.spans() {
        let spans = Box::new(spans) as Box<dyn SpanProcessor>;
        let traces = Traces::new(&config, resource.clone(), Some(spans));
        traces.provider().tracer("vantage-obs").start(NAME).end();
    }
    if let Some(records) = export.logs() {
        say(&Logs::new(resource, records));
    }
    let within = deadline.saturating_duration_since(Instant::now());
    let report = export.carry_out_blocking(true, within.min(PATIENCE + PATIENCE / 4));
    let outcome = |report: SignalReport| Outcome {
        error: (!report.is_complete() || report.exported == 0)
            .then(|| error_type(&own, report.signal)),
        signal: report.signal,
        cause: report.cause.unwrap_or_default(),
    };
    Ok(report.signals.into_iter().map(outcome).collect())
}

fn say(logs: &Logs) {
    let logger = logs.provider().logger("vantage-obs");
    let mut record = logger.create_log_record();
    record.set_severity_number(Severity::Info);
    record.set_severity_text("INFO");
    record.set_body(AnyValue::from(NAME));
    record.set_timestamp(std::time::SystemTime::now());
    logger.emit(record);
}

/// The configuration with only this receiver's signals, everything sampled, and an instance of its
/// own: figures of the service's instance must not be continued by ours.
fn of_target(config: &Config, target: &Target) -> Config {
    let mut config = config.clone();
    let wanted =
        |config: &Config, signal| is_pushed(config, signal) && target.signals.contains(&signal);
    config.traces.enabled = wanted(&config, Signal::Traces);
    config.metrics.otlp.enabled = wanted(&config, Signal::Metrics);
    config.logs.otlp = wanted(&config, Signal::Logs);
    config.traces.sampler = Sampler::AlwaysOn;
    config.service.instance_id = Some(format!("vantage-obs-doctor:{}", std::process::id()));
    let otlp = &mut config.otlp;
    otlp.timeout = otlp.timeout.min(PATIENCE);
    for own in [&mut otlp.traces, &mut otlp.metrics, &mut otlp.logs] {
        own.timeout = own.timeout.map(|timeout| timeout.min(PATIENCE));
    }
    config.metrics.otlp.timeout = config.metrics.otlp.timeout.min(PATIENCE);
    config
}

/// The exporter's metrics have the class of every failure, and its report only words for people.
fn error_type(own: &Metrics, signal: Signal) -> String {
    let exporter = match signal {
        Signal::Traces => "_span_exporter",
        Signal::Metrics => "_metric_exporter",
        Signal::Logs => "_log_exporter",
    };
    let name = EXPORT_DURATION.prometheus_name();
    let families = own.registry().gather();
    let operations = families.iter().filter(|family| family.name() == name);
    let mut series = operations.flat_map(prometheus::proto::MetricFamily::get_metric);
    let found = series.find_map(|series| {
        let label = |name: &str| {
            let labels = series.get_label().iter();
            labels
                .filter(|label| label.name() == name)
                .map(|label| label.value())
                .next()
        };
        let ours = label("otel_component_type").is_some_and(|kind| kind.ends_with(exporter));
        label("error_type").filter(|error| ours && !error.is_empty())
    });
    // Without a failed request it was an answer that took a part only.
    found.unwrap_or("rejected").to_owned()
}
