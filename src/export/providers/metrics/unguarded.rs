//! Meters whose callbacks are the crate's own: they read atomics, and need no thread that could be given up.

use opentelemetry::metrics::{Meter, MeterProvider as _};

use super::MetricProvider;

impl MetricProvider {
    /// Returns a meter of this provider, whose callbacks the SDK runs itself.
    pub(crate) fn unguarded_meter(&self, scope: &'static str) -> Meter {
        self.provider.meter(scope)
    }
}
