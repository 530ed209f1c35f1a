//! The [`metrics`](https://docs.rs/metrics) facade 0.24: metrics of dependencies that count through it.

pub use crate::export::metrics_facade::MetricsRecorder;

use crate::Telemetry;

/// The process has a recorder of the `metrics` facade already: the first one stays.
#[derive(Debug, thiserror::Error)]
#[error(
    "the `metrics` facade has a recorder already, and takes one alone: install this one first, or give it to a fan-out of `metrics-util` beside the other"
)]
#[non_exhaustive]
pub struct RecorderError;

impl Telemetry {
    /// Makes what dependencies count by `metrics::counter!`, `gauge!` and `histogram!` part of the scrape and of OTLP.
    /// Call it once, right after [`init`](crate::init): what was counted before is lost.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// test.telemetry().install_metrics_recorder()?;
    /// // In a dependency:
    /// metrics::describe_counter!("cache.lookups", "Lookups in the cache");
    /// metrics::counter!("cache.lookups", "result" => "hit").increment(2);
    /// assert_eq!(test.value("cache_lookups_total", &[("result", "hit")]), Some(2.0));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where the process has a recorder.
    pub fn install_metrics_recorder(&self) -> Result<(), RecorderError> {
        ::metrics::set_global_recorder(self.metrics_recorder()).map_err(|_| RecorderError)
    }

    /// Returns the recorder itself, to be put beside others, or for `metrics::with_local_recorder` in a test. All are
    /// one.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// let recorder = test.telemetry().metrics_recorder();
    /// metrics::with_local_recorder(&recorder, || metrics::gauge!("cache.entries").set(3));
    /// assert_eq!(test.value("cache_entries", &[]), Some(3.0));
    /// # }
    /// ```
    #[must_use]
    pub fn metrics_recorder(&self) -> MetricsRecorder {
        self.metrics_facade().clone()
    }
}
