//! The progress of each worker, kept under a lock that starting and ending work take anyway.

use std::time::Instant;

use hashbrown::HashMap;

use super::worker_keys::{Slot, WorkerKey};

/// The progress of one worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WorkProgress {
    /// Running now.
    pub(crate) in_flight: u64,
    /// Running, and past the threshold.
    pub(crate) overdue: u64,
    /// Ended since the process started, however.
    pub(crate) processed: u64,
    /// Ended without success.
    pub(crate) failed: u64,
    /// The time when work last started or ended.
    pub(crate) progressed: Option<Instant>,
    /// The time when the oldest work in flight was started.
    pub(crate) oldest: Option<Instant>,
}

/// The progress of all workers.
#[derive(Debug, Default)]
pub(super) struct ProgressBySlot(HashMap<Slot, WorkProgress>);

impl ProgressBySlot {
    pub(super) fn start(&mut self, slot: Slot, now: Instant) {
        // A worker past the limit has no heartbeat and no progress of its own.
        if slot > 0 {
            let progress = self.0.entry(slot).or_default();
            progress.in_flight += 1;
            progress.progressed = Some(now);
        }
    }

    /// Counts the end of work; work of a worker that was removed is ignored.
    pub(super) fn end(&mut self, slot: Slot, now: Instant, succeeded: bool) {
        // `get_mut`: a removed worker must not come back through a job that ends late.
        if let Some(progress) = self.0.get_mut(&slot) {
            progress.in_flight = progress.in_flight.saturating_sub(1);
            progress.processed += 1;
            progress.failed += u64::from(!succeeded);
            progress.progressed = Some(now);
        }
    }

    /// Deletes the progress of workers that were removed: `present` is everybody else, in the order
    /// in which they came.
    pub(super) fn prune(&mut self, present: &[WorkerKey]) {
        // `present` was read before this lock was taken: a worker that came meanwhile has a higher
        // slot, and stays.
        let newest = present.last().map_or(0, |key| key.slot);
        let is_present = |slot: Slot| present.binary_search_by_key(&slot, |key| key.slot).is_ok();
        // Whoever came after this was asked is there too.
        self.0.retain(|slot, _| *slot > newest || is_present(*slot));
    }

    /// A copy, to which `running` adds what it knows of each piece of work: whose it is, when it was
    /// started, and whether it is overdue.
    pub(super) fn with_running(
        &self,
        running: impl Iterator<Item = (Slot, Instant, bool)>,
    ) -> HashMap<Slot, WorkProgress> {
        let mut by_slot = self.0.clone();
        for (slot, started, overdue) in running {
            if let Some(progress) = by_slot.get_mut(&slot) {
                progress.overdue += u64::from(overdue);
                let oldest = progress
                    .oldest
                    .map_or(started, |oldest| oldest.min(started));
                progress.oldest = Some(oldest);
            }
        }
        by_slot
    }
}
