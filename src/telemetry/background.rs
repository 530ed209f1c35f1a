//! The guards of what runs beside the service.

use std::any::Any;
use std::sync::{Mutex, MutexGuard};

use crate::record::sync::lock;

/// The guards of background work, which ends when they are dropped, in the order of their start.
#[derive(Debug, Default)]
pub(super) struct Background(Mutex<Vec<Box<dyn Any + Send>>>);

impl Background {
    pub(super) fn keep(&self, guard: impl Any + Send) {
        self.guards().push(Box::new(guard));
    }

    pub(super) fn stop(&self) {
        let guards = std::mem::take(&mut *self.guards());
        drop(guards);
    }

    fn guards(&self) -> MutexGuard<'_, Vec<Box<dyn Any + Send>>> {
        lock(&self.0)
    }
}
