//! The store as the carrier of beats that other processes receive, by its reads.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::state::saturating_add;
use crate::record::clock::saturating_step;

/// The age of the latest read of a store that works: it is read each second.
const MAX_READ_AGE: Duration = Duration::from_secs(3);

/// The age of the latest read from which on nothing is known of what the store carries: a query that fails is no news.
const UNKNOWN_AFTER: Duration = Duration::from_secs(10);

/// The time that the processes have, after an outage in which this one started, to write what they have kept: a
/// commit that hangs and the longest delay before the next one.
const SETTLE_TIME: Duration = Duration::from_secs(15);

/// A store that carries beats, by its reads.
#[derive(Debug)]
pub(super) struct StoreCarrier {
    /// The latest read that succeeded; the start before the first.
    read_at: Timestamp,
    /// `true` once what was read is whole.
    is_read: bool,
    /// `true` if a read has failed since.
    has_failed: bool,
    /// The time at which what was read is whole, where the first reads had failed.
    settles_at: Option<Timestamp>,
    /// The latest moment up to which silence was judged.
    pub(super) judged_until: Timestamp,
    /// The time from which on no outage explains any silence.
    pub(super) explains_until: Timestamp,
}

impl StoreCarrier {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self {
            read_at: now,
            is_read: false,
            has_failed: false,
            settles_at: None,
            judged_until: Timestamp::MIN,
            explains_until: Timestamp::MIN,
        }
    }

    pub(super) fn shift_by(&mut self, step: SignedDuration) {
        self.read_at = saturating_step(self.read_at, step);
        self.settles_at = self.settles_at.map(|at| saturating_step(at, step));
        self.judged_until = saturating_step(self.judged_until, step);
        self.explains_until = saturating_step(self.explains_until, step);
    }

    /// Returns the time up to which silence can be judged.
    pub(super) fn horizon(&self, now: Timestamp) -> Timestamp {
        if !self.is_read {
            // Who has kept beats for the store has not been heard yet.
            Timestamp::MIN
        } else if self.has_failed || now > saturating_add(self.read_at, MAX_READ_AGE) {
            self.read_at
        } else {
            now
        }
    }

    pub(super) fn lost_since(&self, now: Timestamp) -> Option<Timestamp> {
        (now > saturating_add(self.read_at, UNKNOWN_AFTER)).then_some(self.read_at)
    }

    pub(super) fn record_failure(&mut self) {
        self.has_failed = true;
        self.settles_at = None;
    }

    /// Records a read that succeeded; returns whether it ends an outage.
    pub(super) fn record_success(&mut self, now: Timestamp, blip: Duration) -> bool {
        if !self.is_read && self.has_failed {
            let settled = saturating_add(now, SETTLE_TIME);
            if now < *self.settles_at.get_or_insert(settled) {
                return false;
            }
            // What is known by now has its own dates.
            self.has_failed = false;
        }
        self.is_read = true;
        let was_away = now > saturating_add(self.read_at, blip);
        self.read_at = now;
        std::mem::take(&mut self.has_failed) && was_away
    }
}
