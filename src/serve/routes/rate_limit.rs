//! The rate limit of writes from outside: more than people do, and little enough for a script gone wild.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::record::sync::lock;

const MAX_WRITES: u32 = 60;
const PERIOD: Duration = Duration::from_secs(60);

/// The rate limit of writes.
#[derive(Debug, Default)]
pub(crate) struct RateLimit(Mutex<WriteCount>);

#[derive(Debug, Default)]
struct WriteCount {
    since: Option<Instant>,
    count: u32,
}

impl RateLimit {
    /// Counts a write and returns whether it is allowed.
    pub(super) fn try_acquire(&self, now: Instant) -> bool {
        let mut count = lock(&self.0);
        let over = |since: Instant| now.saturating_duration_since(since) >= PERIOD;
        if count.since.is_none_or(over) {
            *count = WriteCount {
                since: Some(now),
                count: 0,
            };
        }
        count.count = count.count.saturating_add(1);
        count.count <= MAX_WRITES
    }
}
