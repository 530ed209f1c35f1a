//! The guards of what runs beside the service.

use std::any::Any;
use std::sync::{Mutex, MutexGuard};

use crate::record::sync::lock;

/// The guards of background work, which ends when they are dropped, in the order of their start.
#[derive(Debug, Default)]
pub(super) struct Background(Mutex<Vec<Box<dyn Any + Send>>>);

impl Background {
    /// Keeps a guard until [`stop`](Self::stop), or until the telemetry is dropped.
    pub(super) fn keep(&self, guard: impl Any + Send) {
        self.guards().push(Box::new(guard));
    }

    /// Drops all guards; a second call finds none.
    pub(super) fn stop(&self) {
        // Taken out first: a guard may wait for its thread, and the lock must not be held for so
        // long.
        let guards = std::mem::take(&mut *self.guards());
        drop(guards);
    }

    fn guards(&self) -> MutexGuard<'_, Vec<Box<dyn Any + Send>>> {
        lock(&self.0)
    }
}
