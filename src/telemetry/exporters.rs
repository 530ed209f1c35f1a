//! What leaves the process on its own: traces, log records and pushed metrics.

use std::sync::Arc;
use std::time::Duration;

#[cfg(any(feature = "otlp", feature = "testing"))]
use opentelemetry_sdk::trace::SpanProcessor;

use super::InitError;
use crate::config::Config;
use crate::export::flush_report::Report;
#[cfg(feature = "otlp")]
use crate::export::otlp::{Export, StartError};
#[cfg(feature = "otlp")]
use crate::export::providers::Logs;
use crate::export::providers::{self, Metrics, Traces};
use crate::record::series::Instruments;
use crate::watch::health::Down;

/// The pipelines of traces and log records, and the thread that empties them.
#[derive(Debug)]
pub(super) struct Carry {
    pub(super) traces: Traces,
    #[cfg(feature = "otlp")]
    pub(super) logs: Option<Logs>,
    #[cfg(feature = "otlp")]
    export: Option<Export>,
    within: Duration,
}

impl Carry {
    /// Starts what the configuration asks for.
    #[cfg(feature = "otlp")]
    pub(super) fn start(
        config: &Config,
        instruments: &Instruments,
        metrics: Vec<Metrics>,
    ) -> Result<Self, InitError> {
        let resource = providers::resource(&config.service);
        let export = if config.disabled {
            None
        } else {
            Export::start(config, &resource, instruments, metrics)?
        };
        let spans = export.as_ref().and_then(Export::spans);
        let spans = spans.map(|spans| Box::new(spans) as Box<dyn SpanProcessor>);
        let logs = export.as_ref().and_then(Export::logs);
        Ok(Self {
            traces: Traces::new(config, resource.clone(), spans),
            logs: logs.map(|logs| Logs::new(resource, logs)),
            export,
            within: config.otlp.shutdown_timeout,
        })
    }

    #[cfg(not(feature = "otlp"))]
    #[expect(clippy::unnecessary_wraps, reason = "with OTLP it can fail")]
    pub(super) fn start(
        config: &Config,
        _: &Instruments,
        _: Vec<Metrics>,
    ) -> Result<Self, InitError> {
        let resource = providers::resource(&config.service);
        Ok(Self {
            traces: Traces::new(config, resource, None),
            within: config.otlp.shutdown_timeout,
        })
    }

    /// Starts nothing: finished spans go to `spans`.
    #[cfg(feature = "testing")]
    pub(super) fn into_memory(config: &Config, spans: Box<dyn SpanProcessor>) -> Self {
        let resource = providers::resource(&config.service);
        Self {
            traces: Traces::new(config, resource, Some(spans)),
            #[cfg(feature = "otlp")]
            logs: None,
            #[cfg(feature = "otlp")]
            export: None,
            within: config.otlp.shutdown_timeout,
        }
    }

    /// Tells the signals whose export does not work; `None` where nothing is exported.
    pub(super) fn down(&self) -> Down {
        #[cfg(feature = "otlp")]
        if let Some(export) = &self.export {
            let down = export.down();
            return Arc::new(move || Some(down()));
        }
        Arc::new(|| None)
    }

    /// How long a flush or shutdown may take.
    pub(super) const fn within(&self) -> Duration {
        self.within
    }

    /// Sends what waits; for good where it is the `last` time.
    pub(super) async fn out(&self, last: bool, within: Duration) -> Report {
        #[cfg(feature = "otlp")]
        if let Some(export) = &self.export {
            return export.carry_out(last, within).await;
        }
        let _ = (last, within);
        Report::default()
    }

    /// The same for a caller that cannot await.
    pub(super) fn out_blocking(&self, last: bool, within: Duration) -> Report {
        #[cfg(feature = "otlp")]
        if let Some(export) = &self.export {
            return export.carry_out_blocking(last, within);
        }
        let _ = (last, within);
        Report::default()
    }
}

#[cfg(feature = "otlp")]
impl From<StartError> for InitError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Export(error) => Self::Export(error),
            StartError::Io(error) => Self::Io(error),
        }
    }
}
