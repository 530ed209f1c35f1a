//! Conditions that the service names for its start-up, such as migrations.

use std::sync::atomic::{AtomicBool, Ordering};

use super::watcher::HealthWatcher;

/// A condition that start-up waits for: `/api/v1/health/startup` and `/ready` answer 503 until it is
/// [marked as met](Self::mark_met).
///
/// One that is dropped before stays unmet, and start-up never ends: migrations that have failed are no reason
/// to begin.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # use vantage_obs::testing::TestTelemetry;
/// # let test = TestTelemetry::new();
/// # let telemetry = test.telemetry();
/// let cache = telemetry.startup_condition("cache");
/// telemetry.started();
/// drop(cache); // filling it failed, and an error left the function
/// test.tick();
/// assert!(!telemetry.is_ready());
/// # }
/// ```
#[must_use = "a condition that is dropped before it is met keeps the service from starting"]
#[derive(Debug)]
pub struct StartupCondition {
    health: HealthWatcher,
    id: u64,
    name: String,
    met: AtomicBool,
}

impl StartupCondition {
    pub(crate) fn new(health: &HealthWatcher, name: &str) -> Self {
        let (id, late) = health.add_condition(name);
        if late {
            tracing::warn!(
                condition = name,
                "a start-up condition was added after start-up had ended; it has no effect"
            );
        }
        Self {
            health: health.clone(),
            id,
            name: name.to_owned(),
            // One that comes late counts as met, so that dropping it warns of nothing.
            met: AtomicBool::new(late),
        }
    }

    /// Marks the condition as met, for the rest of the process's life.
    pub fn mark_met(&self) {
        // Relaxed: the registry's lock orders what follows; the flag only spares a second call.
        if !self.met.swap(true, Ordering::Relaxed) {
            self.health.meet_condition(self.id);
        }
    }
}

impl Drop for StartupCondition {
    fn drop(&mut self) {
        if !*self.met.get_mut() {
            tracing::warn!(
                condition = self.name,
                "a start-up condition was dropped before it was met: the service stays unready"
            );
        }
    }
}
