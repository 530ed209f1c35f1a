//! What counts towards the objectives of workers, and who counts it: slices, and jobs that are lost.

use super::events::SliceCount;
use super::state::State;
use super::workers::{Book, Entry};
use crate::model::heartbeat::Role;
use crate::store::Change;

use jiff::Timestamp;

impl Book {
    /// Whoever takes the lead looks once at all who are offline: the one before may have gone before it
    /// counted them.
    pub(super) fn lead(&mut self, leads: bool) {
        if leads && !self.leads {
            let offline = self.lists.of(Role::Worker, State::Offline);
            self.doubtful = offline.cloned().unwrap_or_default();
        }
        self.leads = leads;
    }

    /// Good and bad workers at the end of a slice; nothing where that can't be known.
    pub(super) fn judge_slice(&self, end: Timestamp) -> SliceCount {
        let count = |state| self.lists.count(Role::Worker, state) as u64;
        let bad = count(State::Offline);
        let good = count(State::Online) + count(State::Late) + count(State::Stalled);
        // Silence is only known to whoever has listened.
        let known = bad == 0 || self.slices.listened(end, self.terms.offline_after);
        if self.leads && known {
            SliceCount { good, bad }
        } else {
            SliceCount::default()
        }
    }

    /// Counts the running jobs of workers that went offline, once it is sure that they did: whoever
    /// was away itself has to listen for as long first.
    pub(super) fn give_up_doubtful(&mut self) {
        if self.doubtful.is_empty()
            || !self.leads
            || !self.slices.listened(self.now, self.terms.offline_after)
        {
            return;
        }
        for id in std::mem::take(&mut self.doubtful) {
            if let Some(entry) = self.entries.get_mut(&id)
                && entry.state == State::Offline
                && let Some(lost) = entry.lose()
            {
                self.tidings.lost_jobs += lost;
                let keep = Change::Worker(entry.row.clone());
                self.tidings.changes.push(keep);
            }
        }
    }
}

impl Entry {
    /// The running jobs that are lost with a worker, and were not counted before.
    pub(super) fn lose(&mut self) -> Option<u64> {
        let jobs = self.row.progress.not_yet_bad();
        let lost = self.row.role == Role::Worker && jobs > 0 && !self.row.lost;
        self.row.lost |= lost;
        lost.then_some(jobs)
    }
}
