//! The registry of workers: their states by the receiver's clock at the moment of a query.
//!
//! It does nothing by itself and asks no clock: the caller passes the time. Changes that have
//! become due are made first, each with its own date, so that it makes no difference who comes when,
//! and a receiver that was down finds out what it missed.

mod events;
mod ingest;
mod query;
mod slo;
mod state;
#[cfg(test)]
mod tests;
mod workers;

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;

use workers::WorkerTable;

use crate::model::heartbeat::{Beat, BeatId, BeatRole};
use crate::record::sync::lock;
use crate::store::WorkerRow;

pub(crate) use events::{
    BeatOutcome, BeatRejection, RegistryCounters, RegistryEvents, WorkerSliceCounts,
    WorkerTransition,
};
pub(crate) use ingest::BeatReceipt;
pub(crate) use query::{StateCounts, WorkerPage, WorkerQuery, WorkerView};
pub(crate) use state::{StateTimeouts, WorkerState};

/// The registry of workers. A cheap clone; all clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct WorkerRegistry(Arc<Mutex<WorkerTable>>);

impl WorkerRegistry {
    /// Creates an empty registry, of a receiver that has listened since `now`.
    pub(crate) fn new(terms: StateTimeouts, now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(WorkerTable::new(terms, now))))
    }

    /// Updates a worker from a beat.
    ///
    /// # Errors
    ///
    /// When there is no room for another worker, or one beats far too often.
    pub(crate) fn ingest(
        &self,
        id: &BeatId,
        beat: Beat,
        now: Timestamp,
    ) -> Result<BeatReceipt, BeatRejection> {
        self.lock().ingest(id, beat, now)
    }

    /// Takes in what a store knows; how many rows there was no room for. Nothing becomes due by it:
    /// that is [`advance`](Self::advance)'s part.
    pub(crate) fn merge(&self, rows: Vec<WorkerRow>, now: Timestamp) -> u64 {
        self.lock().merge(rows, now)
    }

    /// Marks a worker as expected: it is missed also when it never beats, and never forgotten. Returns
    /// the row to be stored, where it is new.
    pub(crate) fn register_expected(
        &self,
        id: &BeatId,
        role: BeatRole,
        now: Timestamp,
    ) -> Option<WorkerRow> {
        self.lock().register_expected(id, role, now)
    }

    /// Advances to `now`, and returns the events since the last call.
    pub(crate) fn advance(&self, now: Timestamp) -> RegistryEvents {
        let mut table = self.lock();
        table.advance_to(now);
        let mut events = std::mem::take(&mut table.events);
        drop(table);
        events.transitions.sort_by_key(|transition| transition.at);
        events
    }

    /// Sets whether lost jobs and slices are counted here: of several receivers with one store, one
    /// does. They are until somebody says otherwise.
    pub(crate) fn set_leader(&self, is_leader: bool) {
        self.lock().set_leader(is_leader);
    }

    /// One worker or scheduler; `None` where it is unknown or expired.
    pub(crate) fn view(&self, id: &BeatId, now: Timestamp) -> Option<WorkerView> {
        self.lock_at(now).view(id)
    }

    pub(crate) fn page(&self, query: &WorkerQuery, now: Timestamp) -> WorkerPage {
        self.lock_at(now).page(query)
    }

    pub(crate) fn counts(&self, role: BeatRole, now: Timestamp) -> StateCounts {
        self.lock_at(now).counts(role)
    }

    /// When each was last seen that has not said goodbye; `None` where there are more than `limit`.
    pub(crate) fn last_seen(
        &self,
        role: BeatRole,
        limit: usize,
        now: Timestamp,
    ) -> Option<Vec<(BeatId, Timestamp)>> {
        self.lock_at(now).last_seen(role, limit)
    }

    /// Returns the counters since the start.
    pub(crate) fn counters(&self) -> RegistryCounters {
        self.lock().counters
    }

    /// Counts unknown fields of a beat.
    pub(crate) fn count_unknown_fields(&self, count: u64) {
        self.lock().counters.unknown_fields += count;
    }

    /// Counts a refused request: one that was no beat, or lacked the token.
    pub(crate) fn count_refused(&self) {
        self.lock().counters.refused += 1;
    }

    fn lock_at(&self, now: Timestamp) -> MutexGuard<'_, WorkerTable> {
        let mut table = self.lock();
        table.advance_to(now);
        table
    }

    fn lock(&self) -> MutexGuard<'_, WorkerTable> {
        lock(&self.0)
    }
}
