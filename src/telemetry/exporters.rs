//! The signals that leave the process on their own: traces, log records and pushed metrics.

use std::time::Duration;

use opentelemetry_sdk::trace::SpanProcessor;

use super::InitError;
use super::dev::Dev;
use super::push::Push;
use super::recording::Recording;
use crate::config::Config;
use crate::export::providers::{self, TraceProvider};

/// The provider of traces, and the push of all signals.
#[derive(Debug)]
pub(super) struct Exporters {
    pub(super) traces: TraceProvider,
    pub(super) push: Push,
    /// The time limit of a flush or shutdown.
    pub(super) timeout: Duration,
}

impl Exporters {
    /// Starts what the configuration asks for; with a place for finished `spans`, nothing is pushed.
    pub(super) fn new(
        config: &Config,
        recording: &Recording,
        dev: &Dev,
        spans: Option<Box<dyn SpanProcessor>>,
    ) -> Result<Self, InitError> {
        let resource = providers::resource(&config.service);
        // A test looks at its spans itself; nothing must leave the process.
        let push = if spans.is_some() || config.disabled {
            Push::none()
        } else {
            Push::start(config, &resource, recording)?
        };
        let spans = dev.spans(spans.or_else(|| push.spans()));
        Ok(Self {
            traces: TraceProvider::new(config, resource, spans),
            push,
            timeout: config.otlp.shutdown_timeout,
        })
    }
}
