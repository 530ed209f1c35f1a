//! The registry's results as plain values: events, which others log, count and store, its counters, and
//! the minutes that `workers.availability` is counted in.
//!
//! A slice is evaluated at its end by the first call after it, before anything that came later is taken
//! in. So none is counted twice, and a late one is evaluated as it was. A process begins with the first
//! slice that ends after its start: the process before it has counted those until then.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::state::{WorkerState, saturating_add};
use crate::model::heartbeat::{BeatId, BeatRole};
use crate::model::string_enum::string_enum;
use crate::record::clock::saturating_step;
use crate::store::StoreOp;

/// The events that became due since the last call.
#[derive(Debug, Default)]
pub(crate) struct RegistryEvents {
    /// In the order of the dates at which they were due.
    pub(crate) transitions: Vec<WorkerTransition>,
    /// Transitions that were dropped because they were not taken in time.
    pub(crate) dropped: u64,
    /// Jobs that ran in a worker that was lost and that nothing had counted as bad.
    pub(crate) lost_jobs: u64,
    pub(crate) slices: WorkerSliceCounts,
    /// Workers whose clocks were found to be off.
    pub(crate) clock_skews: Vec<ClockSkew>,
    /// Workers that were silent and made room for new ones.
    pub(crate) evicted: u64,
    /// Changes to be stored.
    pub(crate) store_ops: Vec<StoreOp>,
}

/// A change of a worker's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkerTransition {
    pub(crate) id: BeatId,
    pub(crate) role: BeatRole,
    pub(crate) from: WorkerState,
    pub(crate) to: WorkerState,
    pub(crate) at: Timestamp,
}

/// A worker whose clock is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClockSkew {
    pub(crate) id: BeatId,
    /// By how much the clock is behind the receiver's; negative where it is ahead.
    pub(crate) millis: i64,
}

impl ClockSkew {
    /// The skew from which on it is told: what a beat may take on its way is less.
    pub(super) const MAX_MILLIS: u64 = 10_000;
}

/// The number of skews that are kept until they are taken.
/// One for each worker of a large fleet; a caller that never takes them must not cost memory.
const MAX_SKEWS: usize = 1_000;

/// Slices of workers, good and bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WorkerSliceCounts {
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

impl WorkerSliceCounts {
    pub(super) fn add(&mut self, other: Self) {
        self.good += other.good;
        self.bad += other.bad;
    }
}

impl RegistryEvents {
    /// Adds a transition, up to a limit: a caller that never takes them must not cost memory; one that
    /// takes them each second gets all, also when all workers change several times at once.
    pub(super) fn push(&mut self, transition: WorkerTransition, workers: usize) {
        if self.transitions.len() < workers.saturating_mul(4).max(1000) {
            self.transitions.push(transition);
        } else {
            self.dropped += 1;
        }
    }

    pub(super) fn push_clock_skew(&mut self, skew: ClockSkew) {
        if self.clock_skews.len() < MAX_SKEWS {
            self.clock_skews.push(skew);
        }
    }
}

/// The classification of a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BeatOutcome {
    Accepted,
    /// The first beat of a new boot of a worker that was known.
    Restarted,
    /// The same beat once more.
    Duplicate,
    /// Older than the latest.
    OutOfOrder,
    /// Of a boot that another one has followed.
    Superseded,
}

/// The reason for which a beat was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BeatRejection {
    /// The registry holds as many as it may.
    Full,
    /// More beats of one worker in a second than anybody needs.
    TooFast,
}

/// The registry's counters since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RegistryCounters {
    pub(crate) accepted: u64,
    pub(crate) restarted: u64,
    pub(crate) duplicate: u64,
    pub(crate) out_of_order: u64,
    pub(crate) superseded: u64,
    pub(crate) full: u64,
    pub(crate) too_fast: u64,
    /// Could not be read, or came from somebody who may not beat.
    pub(crate) refused: u64,
    pub(crate) unknown_fields: u64,
}

string_enum!(pub(crate) BeatOutcome {
    Accepted: "accepted",
    Restarted: "restarted",
    Duplicate: "duplicate",
    OutOfOrder: "out_of_order",
    Superseded: "superseded",
});

impl RegistryCounters {
    pub(super) fn record(&mut self, result: Result<BeatOutcome, BeatRejection>) {
        *match result {
            Ok(BeatOutcome::Accepted) => &mut self.accepted,
            Ok(BeatOutcome::Restarted) => &mut self.restarted,
            Ok(BeatOutcome::Duplicate) => &mut self.duplicate,
            Ok(BeatOutcome::OutOfOrder) => &mut self.out_of_order,
            Ok(BeatOutcome::Superseded) => &mut self.superseded,
            Err(BeatRejection::Full) => &mut self.full,
            Err(BeatRejection::TooFast) => &mut self.too_fast,
        } += 1;
    }

    /// Returns the number of beats by result, in the words of the catalog.
    pub(crate) const fn results(&self) -> [(&'static str, u64); 8] {
        [
            ("accepted", self.accepted),
            ("restarted", self.restarted),
            ("duplicate", self.duplicate),
            ("out_of_order", self.out_of_order),
            ("superseded", self.superseded),
            ("full", self.full),
            ("too_fast", self.too_fast),
            ("refused", self.refused),
        ]
    }
}

/// One minute of the clock.
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

/// The longest time whose slices are judged afterwards.
/// A laptop that slept over a weekend has no minutes to answer for.
const MAX_CATCH_UP: SignedDuration = SignedDuration::from_hours(24);

impl SliceClock {
    /// Creates a clock whose first slice is the one that ends after `now`.
    pub(super) fn starting_at(now: Timestamp) -> Self {
        Self {
            next: first_end_after(now),
            listening_since: now,
        }
    }

    /// Follows a clock that was set by `step` to `now`: the slices of the new time begin there, and the
    /// receiver has listened for as long as before.
    pub(super) fn follow_step(&mut self, step: SignedDuration, now: Timestamp) {
        self.next = first_end_after(now);
        // Otherwise, after a step back, it would listen only from a moment in the future on, and know nothing
        // until then.
        self.listening_since = saturating_step(self.listening_since, step);
    }

    /// Records activity at `now`, and none since `before`.
    pub(super) fn record_activity(&mut self, before: Timestamp, now: Timestamp) {
        if now > saturating_add(before, MAX_PAUSE) {
            self.listening_since = now;
        }
    }

    /// Returns the end of the next slice, if it is over.
    pub(super) fn next_ended(&mut self, now: Timestamp) -> Option<Timestamp> {
        // A clock that was set forward by years has no slices in between.
        let oldest = first_end_after(now.checked_sub(MAX_CATCH_UP).unwrap_or(now));
        self.next = self.next.max(oldest);
        let end = self.next;
        // The last minute that can be written follows itself.
        (end <= now && first_end_after(end) > end).then(|| {
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
