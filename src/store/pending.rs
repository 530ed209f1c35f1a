//! Pending operations, one for each key: of a worker, only the newest state counts.
//!
//! Why by key and not a list? In an outage of an hour a worker beats 120 times, and only the last
//! beat matters. The queue is as long as there are workers, not as the outage lasts.
//!
//! Versions of an incident are an exception: each is an update that must not be lost, so that the
//! version is part of the key.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::record::RecordKind;
use super::{SliceRow, StoreError, StoreOp};

/// Operations by their keys, each with the time at which it was queued.
#[derive(Debug, Default)]
pub(super) struct PendingOps {
    /// By kind in order of importance: batches take from the front, the bound from the back.
    records: BTreeMap<RecordKind, PendingByKey<PendingKey, PendingRecord>>,
    /// Apart, because they are by far the most and matter least.
    slices: PendingByKey<SliceKey, Option<SliceRow>>,
}

/// Operations in the order in which they are to be done, and the time at which each was queued.
#[derive(Debug, Default)]
pub(super) struct OpBatch {
    pub(super) ops: Vec<StoreOp>,
    /// As long as `ops`.
    pub(super) queued_at: Vec<Instant>,
    /// As long as `ops`; `None` for an operation whose caller doesn't wait for its commit.
    replies: Vec<Option<CommitReply>>,
}

/// The sender of the reply to a caller that waits for the commit of its operation.
pub(super) type CommitReply = oneshot::Sender<Result<(), StoreError>>;

/// The pending operations of one record: first the deletion, then the row.
#[derive(Debug, Default)]
struct PendingRecord {
    /// Boxed: most entries have none, and an operation is large.
    deletion: Option<Box<StoreOp>>,
    row: Option<StoreOp>,
}

/// The key of a record, and the version that has to be written by itself.
type PendingKey = (Arc<str>, u64);

/// Instance, objective and start.
type SliceKey = (Arc<str>, Arc<str>, Timestamp);

impl PendingOps {
    /// Adds an operation; one that is pending for the same key keeps its place and its time.
    pub(super) fn insert(&mut self, op: StoreOp, queued_at: Instant) {
        if let StoreOp::Slice(row) = op {
            let (instance, objective) = (Arc::clone(&row.instance), Arc::clone(&row.objective));
            let key = (instance, objective, row.start);
            *self.slices.entry(key, queued_at) = Some(row);
        } else if let Some(key) = op.record_key() {
            let pending = self.records.entry(key.kind).or_default();
            pending.entry((key.key, op.version()), queued_at).add(op);
        }
    }

    /// Puts operations back that were not committed and are not awaited; newer ones with their keys win.
    pub(super) fn insert_all(&mut self, batch: OpBatch) {
        for (op, queued_at) in batch.ops.into_iter().zip(batch.queued_at) {
            self.insert(op, queued_at);
        }
    }

    /// Takes about this many operations out, the first ones of each kind first.
    pub(super) fn take_batch(&mut self, max_ops: usize) -> OpBatch {
        let mut batch = OpBatch::default();
        for pending in self.records.values_mut() {
            // A deletion and its row go together, so that a batch may be one longer.
            while batch.ops.len() < max_ops
                && let Some((queued_at, ops)) = pending.pop()
            {
                let deletion = ops.deletion.map(|deletion| *deletion);
                let ops = deletion.into_iter().chain(ops.row);
                ops.for_each(|op| batch.push(op, queued_at));
            }
        }
        while batch.ops.len() < max_ops
            && let Some((queued_at, slice)) = self.slices.pop()
        {
            let op = slice.map(StoreOp::Slice);
            op.into_iter().for_each(|op| batch.push(op, queued_at));
        }
        batch
    }

    /// Drops what is over the bound and returns the number dropped: the oldest slices before anything
    /// else, and then workers, whose next beat tells their state again.
    pub(super) fn trim(&mut self, bound: usize) -> u64 {
        let mut dropped = 0;
        while self.len() > bound {
            let mut kinds = self.records.values_mut().rev();
            // From the last kind backwards: workers beat again by themselves, incidents don't.
            let _ = self.slices.pop().is_some() || kinds.any(|pending| pending.pop().is_some());
            dropped += 1;
        }
        dropped
    }

    /// Returns the number of pending keys.
    pub(super) fn len(&self) -> usize {
        let records = self.records.values().map(|pending| pending.values.len());
        self.slices.values.len() + records.sum::<usize>()
    }

    /// Returns the time at which the oldest operation was queued.
    pub(super) fn oldest_queued_at(&self) -> Option<Instant> {
        let records = self.records.values().flat_map(PendingByKey::queued_times);
        self.slices.queued_times().chain(records).min()
    }
}

impl PendingRecord {
    /// Merges an operation into what is pending for its key, by the rules that hold in the store.
    fn add(&mut self, op: StoreOp) {
        match &op {
            StoreOp::DeleteWorker(_, last_seen) => {
                if matches!(&self.row, Some(StoreOp::Worker(row)) if row.last_seen > *last_seen) {
                    return;
                }
                // The row was seen before the deletion was asked for.
                self.row = None;
                if !matches!(self.deletion.as_deref(), Some(StoreOp::DeleteWorker(_, known)) if known > last_seen)
                {
                    self.deletion = Some(Box::new(op));
                }
            }
            _ if self.row.as_ref().is_none_or(|row| op.replaces(row)) => self.row = Some(op),
            _ => {}
        }
    }
}

impl OpBatch {
    pub(super) fn push(&mut self, op: StoreOp, queued_at: Instant) {
        self.ops.push(op);
        self.queued_at.push(queued_at);
        self.replies.push(None);
    }

    /// Adds an operation whose caller waits for its commit.
    pub(super) fn push_awaited(&mut self, op: StoreOp, queued_at: Instant, reply: CommitReply) {
        self.push(op, queued_at);
        if let Some(last) = self.replies.last_mut() {
            *last = Some(reply);
        }
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.ops.append(&mut other.ops);
        self.queued_at.append(&mut other.queued_at);
        self.replies.append(&mut other.replies);
    }

    /// Removes the operations whose callers have stopped waiting: to them it has failed, and they may try again.
    pub(super) fn remove_abandoned(&mut self) {
        self.retain(|reply| reply.as_ref().is_none_or(|reply| !reply.is_closed()));
    }

    /// Reports to the waiting callers that all operations are durable.
    pub(super) fn confirm(self) {
        for reply in self.replies.into_iter().flatten() {
            let _ = reply.send(Ok(()));
        }
    }

    /// Removes the operations whose callers wait, and reports the error to these.
    pub(super) fn fail_awaited(&mut self, error: &StoreError) {
        self.retain(|reply| {
            let reply = reply.take();
            let is_awaited = reply.is_some();
            if let Some(reply) = reply {
                let _ = reply.send(Err(error.to_shared()));
            }
            !is_awaited
        });
    }

    /// Keeps the operations for which the function returns true.
    fn retain(&mut self, mut keep: impl FnMut(&mut Option<CommitReply>) -> bool) {
        let Self {
            ops,
            queued_at,
            replies,
        } = std::mem::take(self);
        for ((op, queued_at), mut reply) in ops.into_iter().zip(queued_at).zip(replies) {
            if keep(&mut reply) {
                self.ops.push(op);
                self.queued_at.push(queued_at);
                self.replies.push(reply);
            }
        }
    }

    /// Splits the second half off and returns it.
    ///
    /// The caller commits both halves to find the one that is at fault.
    pub(super) fn split_half(&mut self) -> Self {
        let middle = self.ops.len() / 2;
        Self {
            ops: self.ops.split_off(middle),
            queued_at: self.queued_at.split_off(middle),
            replies: self.replies.split_off(middle),
        }
    }
}

/// Pending values by key, first in, first out.
#[derive(Debug)]
struct PendingByKey<K, V> {
    values: HashMap<K, PendingValue<V>>,
    /// The order of arrival, by position.
    queue: BTreeMap<u64, K>,
    /// Never wraps: 2^64 operations take longer than any process.
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

impl<K: Clone + Eq + Hash, V: Default> PendingByKey<K, V> {
    fn entry(&mut self, key: K, queued_at: Instant) -> &mut V {
        let pending = self.values.entry(key).or_insert_with_key(|key| {
            self.queue.insert(self.next_position, key.clone());
            self.next_position += 1;
            PendingValue {
                queued_at,
                value: V::default(),
            }
        });
        // The oldest time is what the delay is measured from: replacing a value doesn't make it
        // younger.
        pending.queued_at = pending.queued_at.min(queued_at);
        &mut pending.value
    }

    fn pop(&mut self) -> Option<(Instant, V)> {
        let (_, key) = self.queue.pop_first()?;
        let pending = self.values.remove(&key)?;
        Some((pending.queued_at, pending.value))
    }

    fn queued_times(&self) -> impl Iterator<Item = Instant> {
        self.values.values().map(|pending| pending.queued_at)
    }
}
