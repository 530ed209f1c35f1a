//! The guards of what runs beside the service.

use std::any::Any;
use std::sync::{Mutex, MutexGuard};

use crate::record::sync::lock;

/// What runs until its guard is dropped, in the order in which it was started.
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
