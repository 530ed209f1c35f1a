//! The largest value of a day, without a lock. `fuzz/loom` runs this file through every interleaving.

use crate::record::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The value of a gauge, and the largest since it was read.
#[derive(Debug, Default)]
pub(super) struct PeakValue {
    /// A gauge that was never set is not 0: the day's row would say that no organisation was
    /// active.
    is_set: AtomicBool,
    /// The value set last, which goes on holding when nothing is set.
    now: AtomicU64,
    /// The largest value since the last read.
    largest: AtomicU64,
}

impl PeakValue {
    #[inline]
    pub(super) fn set(&self, value: u64) {
        // Value first, flag last: whoever sees the flag (Acquire) sees a value, too.
        self.now.store(value, Ordering::Relaxed);
        self.largest.fetch_max(value, Ordering::Relaxed);
        self.is_set.store(true, Ordering::Release);
    }

    /// Returns the largest value since the read before; `None` where none was ever set.
    pub(super) fn read(&self) -> Option<u64> {
        self.is_set.load(Ordering::Acquire).then(|| {
            // What holds now is the least that the next read finds.
            let now = self.now.load(Ordering::Relaxed);
            self.largest.swap(now, Ordering::Relaxed).max(now)
        })
    }
}
