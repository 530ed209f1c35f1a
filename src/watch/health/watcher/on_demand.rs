//! Runs of checks when a test wants them, and not when they are due.

use std::sync::Arc;

use super::HealthWatcher;
use crate::record::sync::lock;

impl HealthWatcher {
    /// Starts a run of each check that has none under way.
    pub(crate) fn run_all(&self) {
        let now = self.0.clock.now();
        for entry in &mut lock(&self.0.registry).entries {
            entry.run_now(now);
        }
        self.tick();
    }

    /// Returns the ids of the checks that have a run under way, after taking the results that are there.
    pub(crate) fn running(&self) -> Vec<Arc<str>> {
        let mut registry = lock(&self.0.registry);
        self.0.take_messages(&mut registry);
        let entries = registry.entries.iter();
        let running = entries.filter(|entry| entry.is_running());
        let running = running.map(|entry| Arc::clone(entry.id())).collect();
        self.0.publish(registry);
        running
    }
}
