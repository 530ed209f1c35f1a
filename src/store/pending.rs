//! Changes that wait, one for each key: of a worker, the newest state is all that counts.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{BulletinRow, Change, NoteRow, SliceRow, SpanRow, TotalRow, WorkerRow};
use crate::model::heartbeat::BeatId;
use crate::model::status::{ComponentState, StatusId};

/// Changes by their keys, each with the time since when it has been waiting.
#[derive(Debug, Default)]
pub(super) struct Pending {
    workers: Lane<BeatId, WorkerChange>,
    slices: Lane<SliceKey, Option<SliceRow>>,
    notes: Lane<NoteKey, Option<NoteRow>>,
    /// Each version by itself: none may be left out.
    bulletins: Lane<(StatusId, u64), Option<BulletinRow>>,
    spans: Lane<(Arc<str>, i64, ComponentState), Option<SpanRow>>,
    totals: Lane<TotalKey, Option<TotalRow>>,
}

/// Changes in the order in which they are to be made, beside the time of each.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) changes: Vec<Change>,
    pub(super) since: Vec<Instant>,
}

/// What is to happen to one worker: first this, then that.
#[derive(Debug, Default)]
struct WorkerChange {
    forget: Option<Option<Timestamp>>,
    row: Option<WorkerRow>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct SliceKey {
    instance: Arc<str>,
    objective: Arc<str>,
    start: Timestamp,
}

/// Instance and subject.
type NoteKey = (Arc<str>, Arc<str>);

/// Day, figure, attribute and source.
type TotalKey = (Date, &'static str, Arc<str>, Arc<str>);

impl Pending {
    /// Adds a change; what waits for the same key already keeps its place and its time.
    pub(super) fn put(&mut self, change: Change, since: Instant) {
        match change {
            Change::Worker(row) => {
                let waiting = self.workers.entry(&row.id, since);
                let known = waiting.row.as_ref();
                if known.is_none_or(|known| row.supersedes(known)) {
                    waiting.row = Some(row);
                }
            }
            Change::Forget(id, seen) => self.workers.entry(&id, since).forget(seen),
            Change::Slice(row) => {
                let key = SliceKey::of(&row);
                *self.slices.entry(&key, since) = Some(row);
            }
            Change::Note(row) => {
                let key = (Arc::clone(&row.instance), Arc::clone(&row.subject));
                *self.notes.entry(&key, since) = Some(row);
            }
            Change::Bulletin(row) => {
                let key = (row.id, row.version);
                *self.bulletins.entry(&key, since) = Some(row);
            }
            Change::Span(mut row) => {
                let key = (Arc::clone(&row.component), row.start, row.state);
                let waiting = self.spans.entry(&key, since);
                row.end = waiting
                    .as_ref()
                    .map_or(row.end, |known| known.end.max(row.end));
                *waiting = Some(row);
            }
            Change::Total(row) => {
                let (attribute, source) = (Arc::clone(&row.attribute), Arc::clone(&row.source));
                let key = (row.day, row.figure, attribute, source);
                let waiting = self.totals.entry(&key, since);
                if waiting.as_ref().is_none_or(|known| known.value < row.value) {
                    *waiting = Some(row);
                }
            }
        }
    }

    pub(super) fn put_all(&mut self, batch: Batch) {
        for (change, since) in batch.changes.into_iter().zip(batch.since) {
            self.put(change, since);
        }
    }

    /// Takes about this many changes out, the first ones first.
    pub(super) fn take(&mut self, most: usize) -> Batch {
        let mut batch = Batch::default();
        while batch.changes.len() < most {
            let Some((id, since, waiting)) = self.workers.pop() else {
                break;
            };
            let forget = waiting.forget.map(|seen| Change::Forget(id, seen));
            let row = waiting.row.map(Change::Worker);
            forget
                .into_iter()
                .chain(row)
                .for_each(|change| batch.push(change, since));
        }
        self.totals.drain(most, Change::Total, &mut batch);
        self.notes.drain(most, Change::Note, &mut batch);
        self.bulletins.drain(most, Change::Bulletin, &mut batch);
        self.spans.drain(most, Change::Span, &mut batch);
        self.slices.drain(most, Change::Slice, &mut batch);
        batch
    }

    /// Gives up what is over the bound: the oldest slices before anything else, and then workers, whose
    /// next beat tells their state again. How many that were.
    pub(super) fn trim(&mut self, bound: usize) -> u64 {
        let mut dropped = 0;
        while self.len() > bound {
            let _ = self.slices.pop().is_some()
                || self.workers.pop().is_some()
                || self.spans.pop().is_some()
                || self.notes.pop().is_some()
                || self.bulletins.pop().is_some()
                || self.totals.pop().is_some();
            dropped += 1;
        }
        dropped
    }

    /// How many keys wait.
    pub(super) fn len(&self) -> usize {
        let (workers, slices) = (self.workers.held.len(), self.slices.held.len());
        let (bulletins, spans) = (self.bulletins.held.len(), self.spans.held.len());
        workers + slices + self.notes.held.len() + self.totals.held.len() + bulletins + spans
    }

    /// Since when the oldest has been waiting.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let rows = self.slices.times().chain(self.notes.times());
        let rows = rows.chain(self.totals.times());
        let status = self.bulletins.times().chain(self.spans.times());
        self.workers.times().chain(rows).chain(status).min()
    }
}

impl WorkerChange {
    fn forget(&mut self, seen: Option<Timestamp>) {
        if self.row.as_ref().is_some_and(|row| row.last_seen > seen) {
            return;
        }
        self.row = None;
        self.forget = Some(self.forget.map_or(seen, |known| known.max(seen)));
    }
}

impl SliceKey {
    fn of(row: &SliceRow) -> Self {
        Self {
            instance: Arc::clone(&row.instance),
            objective: Arc::clone(&row.objective),
            start: row.start,
        }
    }
}

impl Batch {
    pub(super) fn push(&mut self, change: Change, since: Instant) {
        self.changes.push(change);
        self.since.push(since);
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.changes.append(&mut other.changes);
        self.since.append(&mut other.since);
    }

    /// The second half, which is taken out of this one.
    pub(super) fn halve(&mut self) -> Self {
        let middle = self.changes.len() / 2;
        Self {
            changes: self.changes.split_off(middle),
            since: self.since.split_off(middle),
        }
    }
}

/// Values of one kind, first in, first out.
#[derive(Debug)]
struct Lane<K, V> {
    held: HashMap<K, Held<V>>,
    order: BTreeMap<u64, K>,
    next: u64,
}

#[derive(Debug)]
struct Held<V> {
    since: Instant,
    value: V,
}

impl<K, V> Default for Lane<K, V> {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            order: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<K: Clone + Eq + Hash, R> Lane<K, Option<R>> {
    /// Moves rows into a batch until that has so many changes.
    fn drain(&mut self, most: usize, change: fn(R) -> Change, batch: &mut Batch) {
        while batch.changes.len() < most {
            let Some((_, since, row)) = self.pop() else {
                break;
            };
            row.into_iter()
                .for_each(|row| batch.push(change(row), since));
        }
    }
}

impl<K: Clone + Eq + Hash, V: Default> Lane<K, V> {
    fn entry(&mut self, key: &K, since: Instant) -> &mut V {
        let held = self.held.entry(key.clone()).or_insert_with(|| {
            let place = self.next;
            self.next += 1;
            self.order.insert(place, key.clone());
            Held {
                since,
                value: V::default(),
            }
        });
        held.since = held.since.min(since);
        &mut held.value
    }

    fn pop(&mut self) -> Option<(K, Instant, V)> {
        let (_, key) = self.order.pop_first()?;
        let held = self.held.remove(&key)?;
        Some((key, held.since, held.value))
    }

    fn times(&self) -> impl Iterator<Item = Instant> {
        self.held.values().map(|held| held.since)
    }
}
