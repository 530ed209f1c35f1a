//! Rate limits of what comes from outside.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::record::sync::lock;

/// A limit on the number of events in each period, of all callers together.
#[derive(Debug)]
pub(crate) struct RateLimit {
    max: u32,
    period: Duration,
    current: Mutex<PeriodCount>,
}

/// The writes since the begin of the period; none before the first.
#[derive(Debug, Default)]
struct PeriodCount {
    since: Option<Instant>,
    count: u32,
}

impl RateLimit {
    pub(super) fn new(max: u32, period: Duration) -> Self {
        Self {
            max,
            period,
            current: Mutex::default(),
        }
    }

    /// The limit of writes: more than people do, and little enough for a script gone wild.
    pub(crate) fn of_writes() -> Self {
        Self::new(60, Duration::from_secs(60))
    }

    /// Counts an event and returns whether it is allowed.
    pub(super) fn try_acquire(&self, now: Instant) -> bool {
        // A fixed window: at its border twice as many may come, which does not matter here.
        let mut current = lock(&self.current);
        let over = |since: Instant| now.saturating_duration_since(since) >= self.period;
        if current.since.is_none_or(over) {
            *current = PeriodCount {
                since: Some(now),
                count: 0,
            };
        }
        current.count = current.count.saturating_add(1);
        current.count <= self.max
    }
}
