//! The spans and lines that are kept for the development page, where it is on.

use opentelemetry_sdk::trace::SpanProcessor;
use tracing::Subscriber;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Config, LogFormat, LogsConfig};
use crate::export::dev::DevRecorder;
use crate::export::logs::{LevelHandle, layer_with_levels};
use crate::record::clock::Clock;

/// The latest spans and lines; nothing where the page is off.
#[derive(Clone, Debug)]
pub(in crate::telemetry) struct Dev(Option<DevRecorder>);

impl Dev {
    pub(in crate::telemetry) fn new(config: &Config, clock: &Clock) -> Self {
        Self(config.shows_dev().then(|| DevRecorder::new(clock.clone())))
    }

    pub(in crate::telemetry) const fn recorder(&self) -> Option<&DevRecorder> {
        self.0.as_ref()
    }

    /// Returns the processor of spans, which keeps them on their way to `next`.
    pub(in crate::telemetry) fn spans(
        &self,
        next: Option<Box<dyn SpanProcessor>>,
    ) -> Option<Box<dyn SpanProcessor>> {
        match &self.0 {
            Some(recorder) => Some(recorder.span_processor(next)),
            None => next,
        }
    }

    /// Returns the layer that keeps log lines.
    pub(in crate::telemetry) fn layer<S>(
        &self,
        config: &Config,
        clock: &Clock,
        levels: &LevelHandle,
    ) -> Option<Box<dyn Layer<S> + Send + Sync>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let output = self.0.as_ref()?.line_output();
        let settings = LogsConfig {
            format: LogFormat::Json,
            ..config.logs.clone()
        };
        let service = &config.service.name;
        let layer = layer_with_levels(&settings, service, output, clock.clone(), levels);
        Some(Box::new(layer))
    }
}
