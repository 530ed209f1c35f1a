//! A build without OTLP, which pushes nothing.
//!
//! The same surface as its sibling, so that callers need no `cfg`.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanProcessor;
use tracing::Subscriber;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::config::Config;
use crate::export::flush_report::FlushReport;
use crate::export::logs::LevelHandle;
use crate::telemetry::InitError;
use crate::telemetry::recording::Recording;
use crate::watch::health::FailedSignals;

/// Nothing that is pushed.
#[derive(Debug)]
pub(crate) struct Push;

#[expect(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "as its sibling with OTLP"
)]
impl Push {
    pub(crate) const fn none() -> Self {
        Self
    }

    pub(crate) const fn start(_: &Config, _: &Resource, _: &Recording) -> Result<Self, InitError> {
        Ok(Self)
    }

    pub(crate) fn spans(&self) -> Option<Box<dyn SpanProcessor>> {
        None
    }

    pub(crate) fn down(&self) -> FailedSignals {
        Arc::new(|| None)
    }

    pub(crate) async fn flush(&self, _: bool, _: Duration) -> FlushReport {
        FlushReport::default()
    }

    pub(crate) fn flush_blocking(&self, _: bool, _: Duration) -> FlushReport {
        FlushReport::default()
    }

    pub(crate) const fn pushes_logs(&self) -> bool {
        false
    }

    pub(crate) fn layer<S>(&self, _: &LevelHandle) -> Option<Box<dyn Layer<S> + Send + Sync>>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        None
    }
}
