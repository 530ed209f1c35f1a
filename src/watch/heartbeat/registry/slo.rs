//! The events of the objectives of workers: slices, and jobs that are lost.

use super::events::WorkerSliceCounts;
use super::state::WorkerState;
use super::workers::{WorkerEntry, WorkerTable};
use crate::model::heartbeat::BeatRole;
use crate::store::StoreOp;

use jiff::Timestamp;

impl WorkerTable {
    /// Sets whether this receiver leads. One that takes the lead checks all offline workers once: the
    /// leader before may have gone before it counted them.
    pub(super) fn set_leader(&mut self, is_leader: bool) {
        if is_leader && !self.is_leader {
            let offline = self.state_index.ids(BeatRole::Worker, WorkerState::Offline);
            self.suspected_lost = offline.cloned().unwrap_or_default();
        }
        self.is_leader = is_leader;
    }

    /// Counts good and bad workers at the end of a slice; none where that can't be known.
    pub(super) fn evaluate_slice(&self, end: Timestamp) -> WorkerSliceCounts {
        let count = |state| self.state_index.count(BeatRole::Worker, state) as u64;
        let bad = count(WorkerState::Offline);
        let good =
            count(WorkerState::Online) + count(WorkerState::Late) + count(WorkerState::Stalled);
        // Silence is only known to whoever has listened.
        let known = bad == 0 || self.slices.has_listened(end, self.timeouts.offline_after);
        if self.is_leader && known {
            WorkerSliceCounts { good, bad }
        } else {
            WorkerSliceCounts::default()
        }
    }

    /// Counts the running jobs of workers that went offline, once it is sure that they did: whoever
    /// was away itself has to listen for as long first.
    pub(super) fn count_lost_jobs(&mut self) {
        if self.suspected_lost.is_empty()
            || !self.is_leader
            || !self
                .slices
                .has_listened(self.now, self.timeouts.offline_after)
        {
            return;
        }
        for id in std::mem::take(&mut self.suspected_lost) {
            if let Some(entry) = self.entries.get_mut(&id)
                && entry.state == WorkerState::Offline
                && let Some(lost) = entry.take_lost_jobs()
            {
                self.events.lost_jobs += lost;
                let store_op = StoreOp::Worker(entry.row.clone());
                self.events.store_ops.push(store_op);
            }
        }
    }
}

impl WorkerEntry {
    /// Returns the running jobs that are lost with a worker, and marks them as counted.
    pub(super) fn take_lost_jobs(&mut self) -> Option<u64> {
        let jobs = self.row.progress.in_flight_within_threshold();
        let lost = self.row.role == BeatRole::Worker && jobs > 0 && !self.row.lost;
        self.row.lost |= lost;
        lost.then_some(jobs)
    }
}
