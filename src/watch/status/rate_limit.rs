//! How much may be written from outside: more than people do, and little enough for a script gone wild.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MOST: u32 = 60;
const IN: Duration = Duration::from_secs(60);

/// How much has been written in a minute.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Written>);

#[derive(Debug, Default)]
struct Written {
    since: Option<Instant>,
    count: u32,
}

impl Pace {
    /// Counts one more; whether it may be.
    pub(super) fn allows(&self, now: Instant) -> bool {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = |since: Instant| now.saturating_duration_since(since) >= IN;
        if written.since.is_none_or(over) {
            *written = Written {
                since: Some(now),
                count: 0,
            };
        }
        written.count = written.count.saturating_add(1);
        written.count <= MOST
    }
}
