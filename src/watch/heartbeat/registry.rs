//! The registry of workers: their states by the receiver's clock at the moment of a query.
//!
//! It does nothing by itself and asks no clock: the caller passes the time. Changes that have
//! become due are made first, each with its own date, so that it makes no difference who comes when,
//! and a receiver that was down finds out what it missed.
//!
//! | asked by | question |
//! |---|---|
//! | routes and pages | [`WorkerRegistry::view`], [`WorkerRegistry::page`] |
//! | metrics | counts, last-seen times, skews |
//! | the receiver's tick | [`WorkerRegistry::advance`]: what became due |

mod carrier;
mod events;
mod ingest;
mod silence;
mod state;
#[cfg(test)]
mod tests;
mod workers;

use std::ops::Bound::{Excluded, Unbounded};

use jiff::Timestamp;

use crate::model::heartbeat::{BeatId, BeatRole};
use crate::store::WorkerRow;

pub(crate) use events::{
    BeatOutcome, BeatRejection, ClockSkew, RegistryCounters, WorkerSliceCounts, WorkerTransition,
};
pub(crate) use ingest::BeatReceipt;
pub(crate) use state::{StateTimeouts, WorkerState};
pub(crate) use workers::WorkerRegistry;

/// One worker at one moment.
#[derive(Clone, Debug)]
pub(crate) struct WorkerView {
    pub(crate) row: WorkerRow,
    pub(crate) state: WorkerState,
    /// The time at which it was or will be late without a beat; `None` before its first beat and after a
    /// goodbye.
    pub(crate) late_at: Option<Timestamp>,
    /// `None` after a goodbye, and where it can't be known.
    pub(crate) offline_at: Option<Timestamp>,
    /// `true` if the state is the last one that is known: the store that carries its beats can't be read, or could not
    /// while it was silent.
    pub(crate) is_stale: bool,
    /// The moment of the view, from which ages are counted.
    pub(crate) now: Timestamp,
}

/// A query of a page of workers.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// By the last states that are known.
    pub(crate) counts: StateCounts,
    /// Without those whose states are of an earlier time.
    pub(crate) known_counts: StateCounts,
    /// Since when the store that carries beats can't be read.
    pub(crate) store_lost_since: Option<Timestamp>,
    pub(crate) workers: Vec<WorkerView>,
    /// The id at which the next page begins, if there is one.
    pub(crate) next_cursor: Option<BeatId>,
}

/// The number of workers in each state, in the order of [`WorkerState::LISTED`]. Those that are forgotten are
/// known, and not offline any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StateCounts([usize; WorkerState::LISTED.len()]);

impl StateCounts {
    pub(crate) fn count(&self, state: WorkerState) -> usize {
        self.0.get(state as usize).copied().unwrap_or_default()
    }

    /// Takes one worker out of a state.
    fn remove(&mut self, state: WorkerState) {
        if let Some(count) = self.0.get_mut(state as usize) {
            *count = count.saturating_sub(1);
        }
    }

    /// Returns the number in a state as it is shown.
    pub(crate) fn count_shown(&self, state: WorkerState) -> usize {
        let states = WorkerState::LISTED.into_iter();
        let alike = states.filter(|listed| listed.shown() == state);
        alike.map(|listed| self.count(listed)).sum()
    }

    /// Returns the number that is known.
    pub(crate) fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// Returns the number that should be there: without those that said goodbye or are forgotten.
    pub(crate) fn active(&self) -> usize {
        self.total() - self.count(WorkerState::Stopped) - self.count(WorkerState::Forgotten)
    }
}

impl WorkerView {
    /// Returns the time since it was seen, in milliseconds.
    pub(crate) fn age_ms(&self) -> Option<u64> {
        let age = self.now.duration_since(self.row.last_seen?);
        Some(u64::try_from(age.as_millis()).unwrap_or_default())
    }
}

impl WorkerRegistry {
    /// Returns the counters since the start.
    pub(crate) const fn counters(&self) -> RegistryCounters {
        self.counters
    }

    /// Counts unknown fields of a beat.
    pub(crate) const fn count_unknown_fields(&mut self, count: u64) {
        self.counters.unknown_fields += count;
    }

    /// Counts a refused request: one that was no beat, or lacked the token.
    pub(crate) const fn count_refused(&mut self) {
        self.counters.refused += 1;
    }

    /// One worker or scheduler; `None` where it is unknown or expired.
    pub(crate) fn view(&mut self, id: &BeatId, now: Timestamp) -> Option<WorkerView> {
        self.advance_to(now);
        self.current_view(id)
    }

    pub(crate) fn page(&mut self, query: &WorkerQuery, now: Timestamp) -> WorkerPage {
        self.advance_to(now);
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
        let workers = ids.iter().filter_map(|id| self.current_view(id));
        WorkerPage {
            counts: self.current_counts(query.role),
            known_counts: self.known_counts_at(query.role, self.now),
            store_lost_since: self.store_lost_since(self.now),
            next_cursor: ids.last().filter(|_| has_more).map(|id| (*id).clone()),
            workers: workers.collect(),
        }
    }

    pub(crate) fn counts(&mut self, role: BeatRole, now: Timestamp) -> StateCounts {
        self.advance_to(now);
        self.current_counts(role)
    }

    /// Returns the number in each state, without those whose states are of an earlier time.
    pub(crate) fn known_counts(&mut self, role: BeatRole, now: Timestamp) -> StateCounts {
        self.advance_to(now);
        self.known_counts_at(role, self.now)
    }

    /// Returns the last-seen time of each that has not said goodbye and is not forgotten, nor may have beaten since
    /// without anybody here knowing; `None` where there are more than `limit`.
    pub(crate) fn last_seen(
        &mut self,
        role: BeatRole,
        limit: usize,
        now: Timestamp,
    ) -> Option<Vec<(BeatId, Timestamp)>> {
        self.read_present(role, limit, now, |row| row.last_seen)
    }

    /// By how much the clock of each of those is behind the receiver's, in milliseconds; `None` where there are
    /// more than `limit`.
    pub(crate) fn clock_skews(
        &mut self,
        role: BeatRole,
        limit: usize,
        now: Timestamp,
    ) -> Option<Vec<(BeatId, i64)>> {
        self.read_present(role, limit, now, |row| row.clock_skew_ms)
    }

    fn read_present<T>(
        &mut self,
        role: BeatRole,
        limit: usize,
        now: Timestamp,
        read: impl Fn(&WorkerRow) -> Option<T>,
    ) -> Option<Vec<(BeatId, T)>> {
        // All or none: a thousand of ten thousand would look like an outage of the others.
        if self.counts(role, now).active() > limit {
            return None;
        }
        let listed = WorkerState::LISTED.into_iter();
        let is_active =
            |state: &WorkerState| !matches!(state, WorkerState::Stopped | WorkerState::Forgotten);
        let ids = listed
            .filter(is_active)
            .filter_map(|state| self.state_index.ids(role, state));
        let values = ids.flatten().filter_map(|id| {
            let entry = self.entries.get(id)?;
            // The age of its last beat would tell of a silence that may be none. One that was offline still is.
            let may_have_beaten =
                entry.state != WorkerState::Offline && self.is_unknown(entry, self.now);
            let value = read(&entry.row).filter(|_| !may_have_beaten)?;
            Some((id.clone(), value))
        });
        Some(values.collect())
    }

    fn current_view(&self, id: &BeatId) -> Option<WorkerView> {
        let entry = self.entries.get(id)?;
        Some(WorkerView {
            state: entry.state,
            late_at: self.known_deadline(entry, self.timeouts.late_at(entry.basis())),
            offline_at: self.known_deadline(entry, self.timeouts.offline_at(entry.basis())),
            is_stale: self.is_unknown(entry, self.now),
            row: entry.row.clone(),
            now: self.now,
        })
    }

    fn current_counts(&self, role: BeatRole) -> StateCounts {
        StateCounts(WorkerState::LISTED.map(|state| self.state_index.count(role, state)))
    }

    fn ids_after<'a>(
        &'a self,
        query: &WorkerQuery,
        state: WorkerState,
    ) -> impl Iterator<Item = &'a BeatId> + use<'a> {
        let start = query.after.clone().map_or(Unbounded, Excluded);
        let ids = self.state_index.ids(query.role, state).into_iter();
        ids.flat_map(move |ids| ids.range((start.clone(), Unbounded)))
    }
}
