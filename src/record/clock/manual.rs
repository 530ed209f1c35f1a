//! The clock that tests set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::{Clock, ManualTime};

impl Clock {
    /// Returns a clock that stands still until [`advance`](Self::advance)d, starting at `wall`.
    pub(crate) fn manual(wall: SystemTime) -> Self {
        Self(Some(Arc::new(ManualTime {
            started: Instant::now(),
            started_wall: wall,
            advanced_nanos: AtomicU64::new(0),
            stepped_millis: AtomicI64::new(0),
        })))
    }

    /// Sets the time of day of a manual clock, forward or back, and no monotonic time: as an administrator
    /// does it, or a suspended host.
    #[cfg(test)]
    pub(crate) fn step_wall(&self, millis: i64) {
        if let Some(manual) = &self.0 {
            manual.stepped_millis.fetch_add(millis, Ordering::SeqCst);
        }
    }

    /// Moves a manual clock forward; the system's clock takes no notice.
    ///
    /// There is no way back: monotonic time has none.
    pub(crate) fn advance(&self, by: Duration) {
        if let Some(manual) = &self.0 {
            let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
            manual.advanced_nanos.fetch_add(nanos, Ordering::SeqCst);
        }
    }
}
