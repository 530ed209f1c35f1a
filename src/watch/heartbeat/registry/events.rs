//! What the roster has to tell, as plain values: others log, count and keep it.

use jiff::Timestamp;

use super::state::State;
use crate::model::heartbeat::{BeatId, Role};
use crate::store::Change;

/// Everything that became due since somebody asked last.
#[derive(Debug, Default)]
pub(crate) struct Tidings {
    /// In the order of the dates at which they were due.
    pub(crate) transitions: Vec<Transition>,
    /// Transitions that nobody has asked for in time.
    pub(crate) unsaid: u64,
    /// Jobs that ran in a worker that was lost and that nothing had counted as bad.
    pub(crate) lost_jobs: u64,
    pub(crate) slices: SliceCount,
    /// To be kept.
    pub(crate) changes: Vec<Change>,
}

/// A worker's state became another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) id: BeatId,
    pub(crate) role: Role,
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) at: Timestamp,
}

/// Slices of workers, good and bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SliceCount {
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

impl SliceCount {
    pub(super) fn add(&mut self, other: Self) {
        self.good += other.good;
        self.bad += other.bad;
    }
}

impl Tidings {
    /// Somebody who never asks must not cost memory: one who asks each second gets them all, also when
    /// everybody changes several times at once.
    pub(super) fn tell(&mut self, transition: Transition, workers: usize) {
        if self.transitions.len() < workers.saturating_mul(4).max(1000) {
            self.transitions.push(transition);
        } else {
            self.unsaid += 1;
        }
    }
}
