//! Queries of the registry.

use jiff::Timestamp;

use super::state::WorkerState;
use super::workers::WorkerTable;
use crate::model::heartbeat::{BeatId, BeatRole};
use crate::store::WorkerRow;

/// One worker at one moment.
#[derive(Clone, Debug)]
pub(crate) struct WorkerView {
    pub(crate) row: WorkerRow,
    pub(crate) state: WorkerState,
    /// When it was or will be late, if nothing is heard; `None` before its first beat and after a
    /// goodbye.
    pub(crate) late_at: Option<Timestamp>,
    pub(crate) offline_at: Option<Timestamp>,
    pub(crate) now: Timestamp,
}

/// A query of a page of workers.
#[derive(Clone, Debug)]
pub(crate) struct WorkerQuery {
    pub(crate) role: BeatRole,
    /// Empty for all.
    pub(crate) states: Vec<WorkerState>,
    /// The last id of the page before.
    pub(crate) after: Option<BeatId>,
    pub(crate) limit: usize,
}

/// One page of a list, in the order of ids.
#[derive(Clone, Debug)]
pub(crate) struct WorkerPage {
    pub(crate) counts: StateCounts,
    pub(crate) workers: Vec<WorkerView>,
    /// Where the next page begins, if there is one.
    pub(crate) next_cursor: Option<BeatId>,
}

/// The number of workers in each state, in the order of [`WorkerState::LISTED`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StateCounts([usize; WorkerState::LISTED.len()]);

impl StateCounts {
    pub(crate) fn count(&self, state: WorkerState) -> usize {
        self.0.get(state as usize).copied().unwrap_or_default()
    }

    pub(crate) fn total(&self) -> usize {
        self.0.iter().sum()
    }
}

impl WorkerView {
    /// Returns the time since it was seen, in milliseconds.
    pub(crate) fn age_ms(&self) -> Option<u64> {
        let age = self.now.duration_since(self.row.last_seen?);
        Some(u64::try_from(age.as_millis()).unwrap_or_default())
    }
}

impl WorkerTable {
    pub(super) fn counts(&self, role: BeatRole) -> StateCounts {
        StateCounts(WorkerState::LISTED.map(|state| self.state_index.count(role, state)))
    }

    pub(super) fn view(&self, id: &BeatId) -> Option<WorkerView> {
        let entry = self.entries.get(id)?;
        Some(WorkerView {
            state: entry.state,
            late_at: self.timeouts.late_at(&entry.row),
            offline_at: self.timeouts.offline_at(&entry.row),
            row: entry.row.clone(),
            now: self.now,
        })
    }

    pub(super) fn page(&self, query: &WorkerQuery) -> WorkerPage {
        // One more than is shown, to know whether there is another page.
        let limit = query.limit.saturating_add(1);
        let mut ids: Vec<_> = WorkerState::LISTED
            .into_iter()
            .filter(|state| query.states.is_empty() || query.states.contains(state))
            .flat_map(|state| self.ids_after(query, state).take(limit))
            .collect();
        ids.sort_unstable();
        let has_more = ids.len() > query.limit;
        ids.truncate(query.limit);
        WorkerPage {
            counts: self.counts(query.role),
            next_cursor: ids.last().filter(|_| has_more).map(|id| (*id).clone()),
            workers: ids.into_iter().filter_map(|id| self.view(id)).collect(),
        }
    }

    fn ids_after<'a>(
        &'a self,
        query: &WorkerQuery,
        state: WorkerState,
    ) -> impl Iterator<Item = &'a BeatId> + use<'a> {
        use std::ops::Bound::{Excluded, Unbounded};
        let start = query.after.clone().map_or(Unbounded, Excluded);
        let ids = self.state_index.ids(query.role, state).into_iter();
        ids.flat_map(move |ids| ids.range((start.clone(), Unbounded)))
    }

    /// Returns when each worker that is not stopped was last seen; `None` where there are more
    /// than `limit`.
    pub(super) fn last_seen(
        &self,
        role: BeatRole,
        limit: usize,
    ) -> Option<Vec<(BeatId, Timestamp)>> {
        if self.counts(role).total() > limit {
            return None;
        }
        let listed = WorkerState::LISTED.into_iter();
        let not_stopped = listed.filter(|state| *state != WorkerState::Stopped);
        let ids = not_stopped.filter_map(|state| self.state_index.ids(role, state));
        let seen = ids.flatten().filter_map(|id| {
            let seen = self.entries.get(id)?.row.last_seen?;
            Some((id.clone(), seen))
        });
        Some(seen.collect())
    }
}
