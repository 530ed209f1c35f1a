use super::watcher::HealthWatcher;

/// A handle of a registered check, which runs until [`remove`](Self::remove) or the end of the
/// telemetry. It may be dropped.
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
