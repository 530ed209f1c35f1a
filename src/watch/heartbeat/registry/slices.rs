//! The minutes that `workers.availability` is counted in, and how long the receiver has listened.
//!
//! A slice is judged at its end by whoever comes first after it, before anything that came later is
//! taken in. So none is counted twice, and a late one is judged as it was. A process begins with the
//! first slice that ends after its start: the one before it has counted those until then.

use std::time::Duration;

use jiff::Timestamp;

use super::state::saturating_add;

const SLICE_DURATION: Duration = Duration::from_secs(60);

/// A receiver that did nothing for longer was away: beats may have been missed.
const MAX_PAUSE: Duration = SLICE_DURATION;

/// The next slice to be counted, and the time since which the receiver listens.
#[derive(Debug)]
pub(super) struct SliceClock {
    /// The end of the first slice that is not counted yet.
    next: Timestamp,
    /// The time since which the receiver has listened without a pause.
    listening_since: Timestamp,
}

impl SliceClock {
    pub(super) fn starting_at(now: Timestamp) -> Self {
        Self {
            next: first_end_after(now),
            listening_since: now,
        }
    }

    /// Follows a clock that was set back to `now`.
    pub(super) fn rewind_to(&mut self, now: Timestamp) {
        self.listening_since = self.listening_since.min(now);
    }

    /// Records activity at `now`, and none since `before`.
    pub(super) fn record_activity(&mut self, before: Timestamp, now: Timestamp) {
        if now > saturating_add(before, MAX_PAUSE) {
            self.listening_since = now;
        }
    }

    /// Returns the end of the next slice, if it is over.
    pub(super) fn next_ended(&mut self, now: Timestamp) -> Option<Timestamp> {
        let end = self.next;
        (end <= now).then(|| {
            self.next = first_end_after(end);
            end
        })
    }

    /// Returns whether the receiver has listened for `duration` before `at`.
    pub(super) fn has_listened(&self, at: Timestamp, duration: Duration) -> bool {
        at >= saturating_add(self.listening_since, duration)
    }
}

/// Returns the end of the slice at `at`: slices end with the minutes of the clock, so that those of
/// several processes are the same.
fn first_end_after(at: Timestamp) -> Timestamp {
    let length = SLICE_DURATION.as_secs().cast_signed();
    let end = (at.as_second().div_euclid(length) + 1).saturating_mul(length);
    Timestamp::from_second(end).unwrap_or(Timestamp::MAX)
}
