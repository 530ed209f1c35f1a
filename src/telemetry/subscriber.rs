//! The destinations of `tracing` events and spans: lines, traces, and OTLP log records.
//!
//! | destination | filter |
//! |---|---|
//! | log lines | `logs.level`, changeable at run time |
//! | OTLP log records | the same |
//! | lines of the development page, where it is on | the same |
//! | spans of traces | `traces.level`, and of events only warnings and errors |
//!
//! Filters are per layer and not for the whole subscriber: a level that silences log lines must not
//! end traces.

use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use super::Inner;
use crate::config::LogOutput;
use crate::export::logs::{LevelHandle, LogWriter, install_logger, layer_with_levels};

/// One layer for everything that a subscriber may be made of.
pub(super) type Layers<S> = Vec<Box<dyn Layer<S> + Send + Sync>>;

/// Lines to an output and, where they are configured, traces and log records.
pub(super) fn layers<S>(telemetry: &Inner, output: Option<LogWriter>) -> Layers<S>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let config = &telemetry.config.config;
    let (service, clock) = (&config.service.name, telemetry.recording.clock.clone());
    let levels = &telemetry.levels;
    let mut layers: Layers<S> = Vec::new();
    if let Some(output) = output {
        telemetry.log_writers.add(output.clone());
        let lines = layer_with_levels(&config.logs, service, output, clock, levels);
        layers.push(Box::new(lines));
    }
    if let Some(tracer) = telemetry.exporters.traces.sdk_tracer() {
        // What costs most and tells least is left off.
        let spans = tracing_opentelemetry::layer()
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_tracer(tracer);
        let wanted = LevelHandle::new(config.traces.level.clone()).filter();
        // A filter without a hint would have every level asked for.
        let telling = filter_fn(telling).with_max_level_hint(Level::TRACE);
        layers.push(Box::new(spans.with_filter(wanted.and(telling))));
    }
    layers.extend(telemetry.exporters.push.layer(levels));
    layers.extend(
        telemetry
            .dev
            .layer(config, &telemetry.recording.clock, levels),
    );
    layers
}

/// Events are log lines already; in a trace only those are of use that say what went wrong.
fn telling(metadata: &tracing::Metadata<'_>) -> bool {
    metadata.is_span() || *metadata.level() <= Level::WARN
}

/// Returns the lines that must not travel by OTLP alone: warnings and errors of the telemetry itself, such as
/// that exports fail, go to standard error where log records are pushed and no lines are written.
fn own_failures<S>(telemetry: &Inner) -> Option<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let config = &telemetry.config.config;
    let is_needed = config.logs.output == LogOutput::None && telemetry.exporters.push.pushes_logs();
    let output = is_needed.then(LogWriter::stderr)?;
    telemetry.log_writers.add(output.clone());
    let (service, clock) = (&config.service.name, telemetry.recording.clock.clone());
    let lines = layer_with_levels(&config.logs, service, output, clock, &telemetry.levels);
    let wanted = filter_fn(is_own_failure).with_max_level_hint(Level::WARN);
    Some(Box::new(lines.with_filter(wanted)))
}

fn is_own_failure(metadata: &tracing::Metadata<'_>) -> bool {
    let is_own = metadata.target().split("::").next() == Some("vantage_obs");
    is_own && metadata.is_event() && *metadata.level() <= Level::WARN
}

/// Makes the layers the process's subscriber, unless it has one, and what panics and the `log` crate's records go to.
pub(super) fn install(telemetry: &Inner) {
    let output = LogWriter::from_config(&telemetry.config.config.logs);
    let mut layers = layers(telemetry, output);
    layers.extend(own_failures(telemetry));
    let subscriber = tracing_subscriber::registry().with(layers);
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::warn!(
            "a tracing subscriber was already set before vantage_obs::init: add Telemetry::tracing_layer to it to get spans and log lines"
        );
    } else if telemetry.config.config.logs.panics {
        telemetry.panic_log.start();
    }
    if !install_logger(telemetry.log_writers.clone()) {
        tracing::debug!(
            "a logger was set before vantage_obs::init: records of the log crate go there, and not to tracing"
        );
    }
}
