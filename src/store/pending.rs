//! Pending operations, one for each key: of a worker, only the newest state counts.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{AlertStateRow, IncidentRow, SliceRow, SpanRow, StoreOp, TotalRow, WorkerRow};
use crate::model::heartbeat::BeatId;
use crate::model::status::{ComponentState, StatusId};

/// Operations by their keys, each with the time at which it was queued.
#[derive(Debug, Default)]
pub(super) struct PendingOps {
    workers: PendingByKey<BeatId, WorkerOps>,
    slices: PendingByKey<SliceKey, Option<SliceRow>>,
    alert_states: PendingByKey<AlertStateKey, Option<AlertStateRow>>,
    /// Each version by itself: none may be left out.
    incidents: PendingByKey<(StatusId, u64), Option<IncidentRow>>,
    spans: PendingByKey<(Arc<str>, i64, ComponentState), Option<SpanRow>>,
    totals: PendingByKey<TotalRowKey, Option<TotalRow>>,
}

/// Operations in the order in which they are to be done, and the time at which each was queued.
#[derive(Debug, Default)]
pub(super) struct OpBatch {
    pub(super) ops: Vec<StoreOp>,
    pub(super) queued_at: Vec<Instant>,
}

/// The pending operations of one worker: first the deletion, then the row.
#[derive(Debug, Default)]
struct WorkerOps {
    deleted: Option<Option<Timestamp>>,
    upserted: Option<WorkerRow>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SliceKey {
    instance: Arc<str>,
    objective: Arc<str>,
    start: Timestamp,
}

/// Instance and subject.
type AlertStateKey = (Arc<str>, Arc<str>);

/// Day, figure, attribute and source.
type TotalRowKey = (Date, &'static str, Arc<str>, Arc<str>);

impl PendingOps {
    /// Adds an operation; one that is pending for the same key keeps its place and its time.
    pub(super) fn insert(&mut self, op: StoreOp, queued_at: Instant) {
        match op {
            StoreOp::Worker(row) => {
                let pending = self.workers.entry(&row.id, queued_at);
                let known = pending.upserted.as_ref();
                if known.is_none_or(|known| row.supersedes(known)) {
                    pending.upserted = Some(row);
                }
            }
            StoreOp::DeleteWorker(id, last_seen) => {
                self.workers.entry(&id, queued_at).delete(last_seen);
            }
            StoreOp::Slice(row) => {
                let key = SliceKey::from_row(&row);
                *self.slices.entry(&key, queued_at) = Some(row);
            }
            StoreOp::AlertState(row) => {
                let key = (Arc::clone(&row.instance), Arc::clone(&row.subject));
                *self.alert_states.entry(&key, queued_at) = Some(row);
            }
            StoreOp::Incident(row) => {
                let key = (row.id, row.version);
                *self.incidents.entry(&key, queued_at) = Some(row);
            }
            StoreOp::Span(mut row) => {
                let key = (Arc::clone(&row.component), row.start, row.state);
                let pending = self.spans.entry(&key, queued_at);
                row.end = pending
                    .as_ref()
                    .map_or(row.end, |known| known.end.max(row.end));
                *pending = Some(row);
            }
            StoreOp::Total(row) => {
                let (attribute, source) = (Arc::clone(&row.attribute), Arc::clone(&row.source));
                let key = (row.day, row.metric, attribute, source);
                let pending = self.totals.entry(&key, queued_at);
                if pending.as_ref().is_none_or(|known| known.value < row.value) {
                    *pending = Some(row);
                }
            }
        }
    }

    pub(super) fn insert_all(&mut self, batch: OpBatch) {
        for (op, queued_at) in batch.ops.into_iter().zip(batch.queued_at) {
            self.insert(op, queued_at);
        }
    }

    /// Takes about this many operations out, the first ones first.
    pub(super) fn take_batch(&mut self, max_ops: usize) -> OpBatch {
        let mut batch = OpBatch::default();
        while batch.ops.len() < max_ops {
            let Some((id, queued_at, pending)) = self.workers.pop() else {
                break;
            };
            let delete = pending
                .deleted
                .map(|last_seen| StoreOp::DeleteWorker(id, last_seen));
            let row = pending.upserted.map(StoreOp::Worker);
            delete
                .into_iter()
                .chain(row)
                .for_each(|op| batch.push(op, queued_at));
        }
        self.totals.drain(max_ops, StoreOp::Total, &mut batch);
        self.alert_states
            .drain(max_ops, StoreOp::AlertState, &mut batch);
        self.incidents.drain(max_ops, StoreOp::Incident, &mut batch);
        self.spans.drain(max_ops, StoreOp::Span, &mut batch);
        self.slices.drain(max_ops, StoreOp::Slice, &mut batch);
        batch
    }

    /// Drops what is over the bound and returns the number dropped: the oldest slices before anything
    /// else, and then workers, whose next beat tells their state again.
    pub(super) fn trim(&mut self, bound: usize) -> u64 {
        let mut dropped = 0;
        while self.len() > bound {
            let _ = self.slices.pop().is_some()
                || self.workers.pop().is_some()
                || self.spans.pop().is_some()
                || self.alert_states.pop().is_some()
                || self.incidents.pop().is_some()
                || self.totals.pop().is_some();
            dropped += 1;
        }
        dropped
    }

    /// Returns the number of pending keys.
    pub(super) fn len(&self) -> usize {
        let (workers, slices) = (self.workers.values.len(), self.slices.values.len());
        let (incidents, spans) = (self.incidents.values.len(), self.spans.values.len());
        workers
            + slices
            + self.alert_states.values.len()
            + self.totals.values.len()
            + incidents
            + spans
    }

    /// Returns the time at which the oldest operation was queued.
    pub(super) fn oldest_queued_at(&self) -> Option<Instant> {
        let rows = self
            .slices
            .queued_times()
            .chain(self.alert_states.queued_times());
        let rows = rows.chain(self.totals.queued_times());
        let status = self
            .incidents
            .queued_times()
            .chain(self.spans.queued_times());
        self.workers.queued_times().chain(rows).chain(status).min()
    }
}

impl WorkerOps {
    fn delete(&mut self, last_seen: Option<Timestamp>) {
        if self
            .upserted
            .as_ref()
            .is_some_and(|row| row.last_seen > last_seen)
        {
            return;
        }
        self.upserted = None;
        self.deleted = Some(self.deleted.map_or(last_seen, |known| known.max(last_seen)));
    }
}

impl SliceKey {
    fn from_row(row: &SliceRow) -> Self {
        Self {
            instance: Arc::clone(&row.instance),
            objective: Arc::clone(&row.objective),
            start: row.start,
        }
    }
}

impl OpBatch {
    pub(super) fn push(&mut self, op: StoreOp, queued_at: Instant) {
        self.ops.push(op);
        self.queued_at.push(queued_at);
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.ops.append(&mut other.ops);
        self.queued_at.append(&mut other.queued_at);
    }

    /// Splits the second half off and returns it.
    pub(super) fn split_half(&mut self) -> Self {
        let middle = self.ops.len() / 2;
        Self {
            ops: self.ops.split_off(middle),
            queued_at: self.queued_at.split_off(middle),
        }
    }
}

/// Pending values of one kind by key, first in, first out.
#[derive(Debug)]
struct PendingByKey<K, V> {
    values: HashMap<K, PendingValue<V>>,
    queue: BTreeMap<u64, K>,
    next_position: u64,
}

#[derive(Debug)]
struct PendingValue<V> {
    queued_at: Instant,
    value: V,
}

impl<K, V> Default for PendingByKey<K, V> {
    fn default() -> Self {
        Self {
            values: HashMap::new(),
            queue: BTreeMap::new(),
            next_position: 0,
        }
    }
}

impl<K: Clone + Eq + Hash, R> PendingByKey<K, Option<R>> {
    /// Moves rows into a batch until it has `max_ops` operations.
    fn drain(&mut self, max_ops: usize, op: fn(R) -> StoreOp, batch: &mut OpBatch) {
        while batch.ops.len() < max_ops {
            let Some((_, queued_at, row)) = self.pop() else {
                break;
            };
            row.into_iter()
                .for_each(|row| batch.push(op(row), queued_at));
        }
    }
}

impl<K: Clone + Eq + Hash, V: Default> PendingByKey<K, V> {
    fn entry(&mut self, key: &K, queued_at: Instant) -> &mut V {
        let pending = self.values.entry(key.clone()).or_insert_with(|| {
            let position = self.next_position;
            self.next_position += 1;
            self.queue.insert(position, key.clone());
            PendingValue {
                queued_at,
                value: V::default(),
            }
        });
        pending.queued_at = pending.queued_at.min(queued_at);
        &mut pending.value
    }

    fn pop(&mut self) -> Option<(K, Instant, V)> {
        let (_, key) = self.queue.pop_first()?;
        let pending = self.values.remove(&key)?;
        Some((key, pending.queued_at, pending.value))
    }

    fn queued_times(&self) -> impl Iterator<Item = Instant> {
        self.values.values().map(|pending| pending.queued_at)
    }
}
