//! Families that come to life with their role, or else with their first use.
//!
//! Why not build everything in every process? Because a worker that says `active_connections 0`, or
//! that no request was slow, looks like an API without traffic. And why not refuse what isn't the
//! process's role? Because a service that records anyway must see its figures.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

/// Instruments that are built when they are first looked at. Clones share them.
///
/// `LazyLock` blocks the second thread of a first use until the first has built the instruments.
/// That happens once in a process; afterwards it is one load.
pub(crate) struct LazySeries<T>(Arc<LazyLock<T, Box<dyn FnOnce() -> T + Send>>>);

impl<T> LazySeries<T> {
    pub(crate) fn new(build: impl FnOnce() -> T + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(build))))
    }

    /// Builds them now, so that they show their zeros before anything happens.
    pub(crate) fn initialize(&self) {
        LazyLock::force(&self.0);
    }
}

impl<T> Clone for LazySeries<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for LazySeries<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for LazySeries<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
