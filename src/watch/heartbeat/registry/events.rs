//! The registry's events as plain values: others log, count and store them.

use jiff::Timestamp;

use super::state::WorkerState;
use crate::model::heartbeat::{BeatId, BeatRole};
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
}
