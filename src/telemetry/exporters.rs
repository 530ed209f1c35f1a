//! The signals that leave the process on their own: traces, log records and pushed metrics.

use std::time::Duration;

use opentelemetry_sdk::trace::SpanProcessor;

use super::InitError;
use super::push::Push;
use super::recording::Recording;
use crate::config::Config;
use crate::export::flush_report::FlushReport;
use crate::export::providers::{self, TraceProvider};
use crate::watch::health::FailedSignals;

/// The provider of traces, and the push of all signals.
#[derive(Debug)]
pub(super) struct Exporters {
    pub(super) traces: TraceProvider,
    pub(super) push: Push,
    timeout: Duration,
}

impl Exporters {
    /// Starts what the configuration asks for; with a place for finished `spans`, nothing is pushed.
    pub(super) fn new(
        config: &Config,
        recording: &Recording,
        spans: Option<Box<dyn SpanProcessor>>,
    ) -> Result<Self, InitError> {
        let resource = providers::resource(&config.service);
        let push = if spans.is_some() || config.disabled {
            Push::none()
        } else {
            Push::start(config, &resource, recording)?
        };
        let spans = spans.or_else(|| push.spans());
        Ok(Self {
            traces: TraceProvider::new(config, resource, spans),
            push,
            timeout: config.otlp.shutdown_timeout,
        })
    }

    /// Tells the signals whose export does not work; `None` where nothing is exported.
    pub(super) fn down(&self) -> FailedSignals {
        self.push.down()
    }

    /// Returns the time limit of a flush or shutdown.
    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends what waits; for good where it is the `last` time.
    pub(super) async fn flush(&self, last: bool, within: Duration) -> FlushReport {
        self.push.flush(last, within).await
    }

    /// The same for a caller that cannot await.
    pub(super) fn flush_blocking(&self, last: bool, within: Duration) -> FlushReport {
        self.push.flush_blocking(last, within)
    }
}
