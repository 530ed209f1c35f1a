//! The push of traces, log records and metrics by OTLP.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanProcessor;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::config::Config;
use crate::export::flush_report::FlushReport;
use crate::export::logs::{LevelHandle, with_own_target};
use crate::export::otlp::{OtlpExporter, StartError};
use crate::export::providers::LogProvider;
use crate::net::resolver::resolver_status;
use crate::telemetry::InitError;
use crate::telemetry::recording::Recording;
use crate::watch::health::FailedSignals;

/// The export thread, where something is pushed, and the provider of log records.
#[derive(Debug)]
pub(crate) struct Push {
    export: Option<OtlpExporter>,
    logs: Option<LogProvider>,
}

impl Push {
    pub(crate) const fn none() -> Self {
        Self {
            export: None,
            logs: None,
        }
    }

    /// Starts the thread for the signals that the configuration sends somewhere.
    pub(crate) fn start(
        config: &Config,
        resource: &Resource,
        recording: &Recording,
    ) -> Result<Self, InitError> {
        // Both providers are pushed: what libraries record with the global meter belongs to the
        // service.
        let metrics = vec![recording.ours.clone(), recording.user.clone()];
        recording.supervisor.adopt(resolver_status());
        let export = OtlpExporter::start(
            config,
            resource,
            &recording.instruments,
            metrics,
            &recording.supervisor,
        )?;
        let logs = export.as_ref().and_then(OtlpExporter::log_processor);
        Ok(Self {
            logs: logs.map(|logs| LogProvider::new(resource.clone(), logs)),
            export,
        })
    }

    /// Returns the processor that sends spans; `None` where traces are not pushed.
    pub(crate) fn spans(&self) -> Option<Box<dyn SpanProcessor>> {
        let spans = self.export.as_ref()?.span_processor()?;
        Some(Box::new(spans))
    }

    /// Tells the signals whose export does not work; `None` where nothing is exported.
    pub(crate) fn down(&self) -> FailedSignals {
        match &self.export {
            Some(export) => {
                let down = export.failing_signals();
                Arc::new(move || Some(down()))
            }
            None => Arc::new(|| None),
        }
    }

    /// Sends what waits; for good where it is the `last` time.
    pub(crate) async fn flush(&self, last: bool, within: Duration) -> FlushReport {
        match &self.export {
            Some(export) => export.flush(last, within).await,
            None => FlushReport::default(),
        }
    }

    /// Does the same for a caller that cannot await.
    pub(crate) fn flush_blocking(&self, last: bool, within: Duration) -> FlushReport {
        let export = self.export.as_ref();
        export.map_or_else(FlushReport::default, |export| {
            export.flush_blocking(last, within)
        })
    }

    /// Returns whether log records are pushed.
    pub(crate) const fn pushes_logs(&self) -> bool {
        self.logs.is_some()
    }

    /// A layer that makes log records of `tracing` events, where they are pushed.
    pub(crate) fn layer<S>(&self, levels: &LevelHandle) -> Option<Box<dyn Layer<S> + Send + Sync>>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        let records = OpenTelemetryTracingBridge::new(self.logs.as_ref()?.provider());
        let records = OwnTargets(records);
        Some(Box::new(records.with_filter(levels.filter())))
    }
}

/// A layer of events alone, which sees records of tracing-log with their real target.
struct OwnTargets<L>(L);

impl<S: Subscriber, L: Layer<S>> Layer<S> for OwnTargets<L> {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        with_own_target(event, |event| self.0.on_event(event, context));
    }
}

impl From<StartError> for InitError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Export(error) => Self::Export(error),
            StartError::Io(error) => Self::Io(error),
        }
    }
}
