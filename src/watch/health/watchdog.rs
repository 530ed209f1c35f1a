//! Watchdogs of the service's own: loops that say that they still turn.

use std::sync::Arc;

use super::builtin::LastTick;
use super::check_handle::CheckHandle;

/// A watchdog of a loop of the service's own, such as a consumer: the loop calls [`tick`](Self::tick) in
/// each turn, and `/api/v1/health/live` fails while it does not. Dropping it ends the watching.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use std::time::Duration;
/// use vantage_obs::health::HealthStatus;
/// # use vantage_obs::testing::TestTelemetry;
///
/// # let test = TestTelemetry::new();
/// # let telemetry = test.telemetry();
/// let watchdog = telemetry.watchdog("consumer", Duration::from_secs(60));
/// drop(watchdog); // the consumer has ended, as it should
/// test.clock().advance(Duration::from_secs(600));
/// test.tick();
/// assert_ne!(telemetry.health(), HealthStatus::Fail);
/// # }
/// ```
#[must_use = "a watchdog that is dropped watches nothing"]
#[derive(Debug)]
pub struct WatchdogHandle {
    check: CheckHandle,
    last_tick: Arc<LastTick>,
}

impl WatchdogHandle {
    pub(super) const fn new(check: CheckHandle, last_tick: Arc<LastTick>) -> Self {
        Self { check, last_tick }
    }

    /// Says that the loop still turns. Costs as much as reading a clock.
    pub fn tick(&self) {
        self.last_tick.record();
    }
}

impl Drop for WatchdogHandle {
    fn drop(&mut self) {
        self.check.clone().remove();
    }
}
