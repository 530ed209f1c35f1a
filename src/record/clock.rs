//! Time as an argument: the system's, or one that a test sets.

#[cfg(any(test, feature = "testing"))]
mod manual;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// The source of time of the crate. Clones of a manual clock share its time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Option<Arc<ManualTime>>);

#[derive(Debug)]
struct ManualTime {
    started: Instant,
    started_wall: SystemTime,
    advanced_nanos: AtomicU64,
}

impl Clock {
    /// The system's clocks.
    pub(crate) const fn system() -> Self {
        Self(None)
    }

    /// Monotonic time.
    pub(crate) fn now(&self) -> Instant {
        match &self.0 {
            None => Instant::now(),
            Some(manual) => manual.started + manual.advanced(),
        }
    }

    /// Time of day.
    pub(crate) fn wall(&self) -> SystemTime {
        match &self.0 {
            None => SystemTime::now(),
            Some(manual) => manual.started_wall + manual.advanced(),
        }
    }

    /// Returns the uptime of a process that really started at `started`: by a manual clock, for as
    /// long as the clock, whatever day the test runs on.
    pub(crate) fn uptime(&self, started: SystemTime) -> Option<Duration> {
        match &self.0 {
            None => SystemTime::now().duration_since(started).ok(),
            Some(manual) => Some(manual.advanced()),
        }
    }
}

impl ManualTime {
    fn advanced(&self) -> Duration {
        Duration::from_nanos(self.advanced_nanos.load(Ordering::SeqCst))
    }
}
