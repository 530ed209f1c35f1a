//! The minutes that `workers.availability` is counted in, and how long the receiver has listened.
//!
//! A slice is judged at its end by whoever comes first after it, before anything that came later is
//! taken in. So none is counted twice, and a late one is judged as it was. A process begins with the
//! first slice that ends after its start: the one before it has counted those until then.

use std::time::Duration;

use jiff::Timestamp;

use super::state::after;

const LENGTH: Duration = Duration::from_secs(60);

/// A receiver that did nothing for longer was away: beats may have found nobody.
const LONGEST_PAUSE: Duration = LENGTH;

#[derive(Debug)]
pub(super) struct Slices {
    /// The end of the first slice that is not counted yet.
    next: Timestamp,
    /// Since when somebody has been there to hear.
    listening_since: Timestamp,
}

impl Slices {
    pub(super) fn from(now: Timestamp) -> Self {
        Self {
            next: first_end_after(now),
            listening_since: now,
        }
    }

    /// The clock was set back to `now`.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.listening_since = self.listening_since.min(now);
    }

    /// Something happened at `now`, and nothing since `before`.
    pub(super) fn hear(&mut self, before: Timestamp, now: Timestamp) {
        if now > after(before, LONGEST_PAUSE) {
            self.listening_since = now;
        }
    }

    /// The end of the next slice, if it is over.
    pub(super) fn next_ended(&mut self, now: Timestamp) -> Option<Timestamp> {
        let end = self.next;
        (end <= now).then(|| {
            self.next = first_end_after(end);
            end
        })
    }

    /// Whether somebody has listened for so long before `at`.
    pub(super) fn listened(&self, at: Timestamp, long: Duration) -> bool {
        at >= after(self.listening_since, long)
    }
}

/// Slices end with the minutes of the clock, so that those of several processes are the same.
fn first_end_after(at: Timestamp) -> Timestamp {
    let length = LENGTH.as_secs().cast_signed();
    let end = (at.as_second().div_euclid(length) + 1).saturating_mul(length);
    Timestamp::from_second(end).unwrap_or(Timestamp::MAX)
}
