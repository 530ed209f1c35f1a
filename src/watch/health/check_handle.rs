use super::watcher::HealthWatcher;

/// A handle of a registered check, which runs until [`remove`](Self::remove) or the end of the
/// telemetry. It may be dropped.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use vantage_obs::health::UsageLimits;
/// # use vantage_obs::testing::TestTelemetry;
///
/// # let test = TestTelemetry::new();
/// # let telemetry = test.telemetry();
/// let first = telemetry.health_check("memory").memory(UsageLimits::MEMORY);
/// first.remove();
/// telemetry.health_check("memory").memory(UsageLimits::new(0.5, 0.9)); // the id is free again
/// telemetry.started();
/// test.tick();
/// assert!(telemetry.is_ready());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CheckHandle {
    health: HealthWatcher,
    check_id: u64,
}

impl CheckHandle {
    pub(super) const fn new(health: HealthWatcher, check_id: u64) -> Self {
        Self { health, check_id }
    }

    /// Ends the check; its id is free again and its metrics vanish.
    pub fn remove(self) {
        self.health.remove(self.check_id);
    }
}
