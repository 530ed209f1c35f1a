//! A build without routes, which has no development page.
//!
//! The same surface as its sibling, so that callers need no `cfg`.

use opentelemetry_sdk::trace::SpanProcessor;
use tracing::Subscriber;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::config::Config;
use crate::export::logs::LevelHandle;
use crate::record::clock::Clock;

/// Nothing that is kept.
#[derive(Clone, Debug)]
pub(in crate::telemetry) struct Dev;

#[expect(clippy::unused_self, reason = "as its sibling with routes")]
impl Dev {
    pub(in crate::telemetry) const fn new(_: &Config, _: &Clock) -> Self {
        Self
    }

    pub(in crate::telemetry) fn spans(
        &self,
        next: Option<Box<dyn SpanProcessor>>,
    ) -> Option<Box<dyn SpanProcessor>> {
        next
    }

    pub(in crate::telemetry) fn layer<S>(
        &self,
        _: &Config,
        _: &Clock,
        _: &LevelHandle,
    ) -> Option<Box<dyn Layer<S> + Send + Sync>>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        None
    }
}
