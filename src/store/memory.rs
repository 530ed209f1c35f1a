//! The in-memory store: its contents end with the process.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hashbrown::HashMap;
use jiff::Timestamp;

use super::{
    AlertStateRow, IncidentRow, Revision, SliceRow, SpanRow, Store, StoreFuture, StoreOp, WorkerRow,
};
use crate::model::heartbeat::BeatId;
use crate::model::status::{ComponentState, StatusId};
use crate::record::sync::lock;

/// The most slices that it holds. They cannot be read after a restart, so that the tracker's own memory
/// is what counts, and these are for its tests and for a tracker that starts later.
const MAX_SLICES: usize = 10_000;

/// A store in memory. Its calls never fail.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    revision: i64,
    workers: HashMap<BeatId, (WorkerRow, i64)>,
    by_revision: BTreeMap<i64, BeatId>,
    slices: BTreeMap<SliceOrderKey, SliceRow>,
    alert_states: BTreeMap<(Arc<str>, Arc<str>), AlertStateRow>,
    incidents: BTreeMap<StatusId, IncidentRow>,
    /// The end of each.
    spans: BTreeMap<SpanKey, i64>,
}

/// Component, start and state.
type SpanKey = (Arc<str>, i64, ComponentState);

/// Start, instance and objective, so that the oldest is the first.
type SliceOrderKey = (Timestamp, Arc<str>, Arc<str>);

impl MemoryStore {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.0)
    }
}

impl Inner {
    fn apply(&mut self, op: &StoreOp) {
        match op {
            StoreOp::Worker(row) => self.upsert_worker(row),
            StoreOp::DeleteWorker(id, last_seen) => self.delete_worker(id, *last_seen),
            StoreOp::Slice(row) => {
                self.slices.insert(slice_key(row), row.clone());
                if self.slices.len() > MAX_SLICES {
                    self.slices.pop_first();
                }
            }
            // No other process can read it.
            StoreOp::Total(_) => {}
            StoreOp::AlertState(row) => {
                let key = (Arc::clone(&row.instance), Arc::clone(&row.subject));
                self.alert_states.insert(key, row.clone());
            }
            StoreOp::Incident(row) => self.upsert_incident(row),
            StoreOp::Span(row) => {
                let key = (Arc::clone(&row.component), row.start, row.state);
                let end = self.spans.entry(key).or_insert(row.end);
                *end = (*end).max(row.end);
            }
        }
    }

    fn upsert_worker(&mut self, row: &WorkerRow) {
        let stored = self.workers.get(&row.id);
        if stored.is_some_and(|(stored, _)| !row.supersedes(stored)) {
            return;
        }
        if let Some((_, revision)) = stored {
            self.by_revision.remove(revision);
        }
        self.revision += 1;
        self.by_revision.insert(self.revision, row.id.clone());
        self.workers
            .insert(row.id.clone(), (row.clone(), self.revision));
    }

    fn delete_worker(&mut self, id: &BeatId, last_seen: Option<Timestamp>) {
        let Some((stored, revision)) = self.workers.get(id) else {
            return;
        };
        if stored.last_seen <= last_seen {
            self.by_revision.remove(revision);
            self.workers.remove(id);
        }
    }

    fn upsert_incident(&mut self, row: &IncidentRow) {
        let fits = match self.incidents.get(&row.id) {
            Some(stored) => row.is_next_version_of(stored),
            None => !self.incidents.values().any(|open| row.is_blocked_by(open)),
        };
        if fits {
            self.incidents.insert(row.id, row.clone());
        }
    }

    fn workers_since(&self, since: Revision) -> Vec<WorkerRow> {
        let newer = self.by_revision.range(since.0.saturating_add(1)..);
        let rows = newer.filter_map(|(_, id)| self.workers.get(id));
        rows.map(|(row, _)| row.clone()).collect()
    }

    fn slices_since(&self, instance: &str, since: Timestamp) -> Vec<SliceRow> {
        let is_wanted = |row: &&SliceRow| &*row.instance == instance && row.end() > since;
        self.slices.values().filter(is_wanted).cloned().collect()
    }
}

impl Store for MemoryStore {
    fn commit<'a>(&'a self, ops: &'a [StoreOp]) -> StoreFuture<'a, ()> {
        let mut inner = self.lock();
        ops.iter().for_each(|op| inner.apply(op));
        Box::pin(ready(Ok(())))
    }

    fn workers(&self, since: Revision) -> StoreFuture<'_, (Vec<WorkerRow>, Revision)> {
        let inner = self.lock();
        let answer = (inner.workers_since(since), Revision(inner.revision));
        Box::pin(ready(Ok(answer)))
    }

    fn instances(&self) -> StoreFuture<'_, Vec<Arc<str>>> {
        let inner = self.lock();
        let instances = inner.slices.values().map(|row| Arc::clone(&row.instance));
        let instances: std::collections::BTreeSet<_> = instances.collect();
        Box::pin(ready(Ok(instances.into_iter().collect())))
    }

    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> StoreFuture<'a, Vec<SliceRow>> {
        let slices = self.lock().slices_since(instance, since);
        Box::pin(ready(Ok(slices)))
    }

    fn alert_states<'a>(&'a self, instance: &'a str) -> StoreFuture<'a, Vec<AlertStateRow>> {
        let inner = self.lock();
        let of_instance = inner
            .alert_states
            .values()
            .filter(|row| &*row.instance == instance);
        Box::pin(ready(Ok(of_instance.cloned().collect())))
    }

    fn incidents(&self, since: Timestamp) -> StoreFuture<'_, Vec<IncidentRow>> {
        let inner = self.lock();
        let rows = inner.incidents.values();
        let rows = rows.filter(|row| row.is_relevant_after(since));
        Box::pin(ready(Ok(rows.cloned().collect())))
    }

    fn incident(&self, id: StatusId) -> StoreFuture<'_, Option<IncidentRow>> {
        let row = self.lock().incidents.get(&id).cloned();
        Box::pin(ready(Ok(row)))
    }

    fn spans(&self, since: i64) -> StoreFuture<'_, Vec<SpanRow>> {
        let inner = self.lock();
        let spans = inner.spans.iter().filter(|(_, end)| **end >= since);
        let rows = spans.map(|((component, start, state), end)| SpanRow {
            component: Arc::clone(component),
            state: *state,
            start: *start,
            end: *end,
        });
        Box::pin(ready(Ok(rows.collect())))
    }

    fn delete_expired_slices(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        let mut inner = self.lock();
        inner.alert_states.retain(|_, row| row.written_at >= before);
        let count = inner.slices.len();
        inner.slices.retain(|_, row| row.end() >= before);
        let deleted = count - inner.slices.len();
        Box::pin(ready(Ok(u64::try_from(deleted).unwrap_or(u64::MAX))))
    }

    fn delete_expired_status(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        let mut inner = self.lock();
        let count = inner.incidents.len() + inner.spans.len();
        inner
            .incidents
            .retain(|_, row| row.is_relevant_after(before));
        inner.spans.retain(|_, end| *end >= before.as_second());
        let deleted = count - inner.incidents.len() - inner.spans.len();
        Box::pin(ready(Ok(u64::try_from(deleted).unwrap_or(u64::MAX))))
    }

    fn acquire_lease<'a>(&'a self, _: &'a str, _: &'a str, _: Duration) -> StoreFuture<'a, bool> {
        Box::pin(ready(Ok(true)))
    }

    fn is_shared(&self) -> bool {
        false
    }
}

fn slice_key(row: &SliceRow) -> SliceOrderKey {
    (
        row.start,
        Arc::clone(&row.instance),
        Arc::clone(&row.objective),
    )
}
