//! The store of a process that keeps nothing: what it knows ends with it.

use std::collections::BTreeMap;
use std::future::ready;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::HashMap;
use jiff::Timestamp;

use super::{Answer, BulletinRow, Change, NoteRow, Revision, SliceRow, SpanRow, Store, WorkerRow};
use crate::model::heartbeat::BeatId;
use crate::model::status::{ComponentState, StatusId};

/// How many slices it holds. Nobody can read them after a restart, so that the tracker's own memory
/// is what counts, and these are for its tests and for a tracker that starts later.
const SLICES: usize = 10_000;

/// Keeps in memory. Always works.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    revision: i64,
    workers: HashMap<BeatId, (WorkerRow, i64)>,
    by_revision: BTreeMap<i64, BeatId>,
    slices: BTreeMap<SliceKey, SliceRow>,
    notes: BTreeMap<(Arc<str>, Arc<str>), NoteRow>,
    bulletins: BTreeMap<StatusId, BulletinRow>,
    /// The end of each.
    spans: BTreeMap<SpanKey, i64>,
}

/// Component, start and state.
type SpanKey = (Arc<str>, i64, ComponentState);

/// Start, instance and objective, so that the oldest is the first.
type SliceKey = (Timestamp, Arc<str>, Arc<str>);

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn apply(&mut self, change: &Change) {
        match change {
            Change::Worker(row) => self.put(row),
            Change::Forget(id, seen) => self.forget(id, *seen),
            Change::Slice(row) => {
                self.slices.insert(key(row), row.clone());
                if self.slices.len() > SLICES {
                    self.slices.pop_first();
                }
            }
            // Nobody could ask for it.
            Change::Total(_) => {}
            Change::Note(row) => {
                let key = (Arc::clone(&row.instance), Arc::clone(&row.subject));
                self.notes.insert(key, row.clone());
            }
            Change::Bulletin(row) => self.post(row),
            Change::Span(row) => {
                let key = (Arc::clone(&row.component), row.start, row.state);
                let end = self.spans.entry(key).or_insert(row.end);
                *end = (*end).max(row.end);
            }
        }
    }

    fn put(&mut self, row: &WorkerRow) {
        let known = self.workers.get(&row.id);
        if known.is_some_and(|(known, _)| !row.supersedes(known)) {
            return;
        }
        if let Some((_, revision)) = known {
            self.by_revision.remove(revision);
        }
        self.revision += 1;
        self.by_revision.insert(self.revision, row.id.clone());
        self.workers
            .insert(row.id.clone(), (row.clone(), self.revision));
    }

    fn forget(&mut self, id: &BeatId, seen: Option<Timestamp>) {
        let Some((known, revision)) = self.workers.get(id) else {
            return;
        };
        if known.last_seen <= seen {
            self.by_revision.remove(revision);
            self.workers.remove(id);
        }
    }

    fn post(&mut self, row: &BulletinRow) {
        let fits = match self.bulletins.get(&row.id) {
            Some(known) => row.follows(known),
            None => !self.bulletins.values().any(|open| row.is_shut_out_by(open)),
        };
        if fits {
            self.bulletins.insert(row.id, row.clone());
        }
    }

    fn changed(&self, since: Revision) -> Vec<WorkerRow> {
        let newer = self.by_revision.range(since.0.saturating_add(1)..);
        let rows = newer.filter_map(|(_, id)| self.workers.get(id));
        rows.map(|(row, _)| row.clone()).collect()
    }

    fn slices(&self, instance: &str, since: Timestamp) -> Vec<SliceRow> {
        let wanted = |row: &&SliceRow| &*row.instance == instance && row.end() > since;
        self.slices.values().filter(wanted).cloned().collect()
    }
}

impl Store for Memory {
    fn commit<'a>(&'a self, changes: &'a [Change]) -> Answer<'a, ()> {
        let mut inner = self.lock();
        changes.iter().for_each(|change| inner.apply(change));
        Box::pin(ready(Ok(())))
    }

    fn workers(&self, since: Revision) -> Answer<'_, (Vec<WorkerRow>, Revision)> {
        let inner = self.lock();
        let answer = (inner.changed(since), Revision(inner.revision));
        Box::pin(ready(Ok(answer)))
    }

    fn instances(&self) -> Answer<'_, Vec<Arc<str>>> {
        let inner = self.lock();
        let names = inner.slices.values().map(|row| Arc::clone(&row.instance));
        let names: std::collections::BTreeSet<_> = names.collect();
        Box::pin(ready(Ok(names.into_iter().collect())))
    }

    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> Answer<'a, Vec<SliceRow>> {
        let slices = self.lock().slices(instance, since);
        Box::pin(ready(Ok(slices)))
    }

    fn notes<'a>(&'a self, instance: &'a str) -> Answer<'a, Vec<NoteRow>> {
        let inner = self.lock();
        let own = inner
            .notes
            .values()
            .filter(|row| &*row.instance == instance);
        Box::pin(ready(Ok(own.cloned().collect())))
    }

    fn bulletins(&self, since: Timestamp) -> Answer<'_, Vec<BulletinRow>> {
        let inner = self.lock();
        let rows = inner.bulletins.values();
        let rows = rows.filter(|row| row.matters_after(since));
        Box::pin(ready(Ok(rows.cloned().collect())))
    }

    fn bulletin(&self, id: StatusId) -> Answer<'_, Option<BulletinRow>> {
        let row = self.lock().bulletins.get(&id).cloned();
        Box::pin(ready(Ok(row)))
    }

    fn spans(&self, since: i64) -> Answer<'_, Vec<SpanRow>> {
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

    fn sweep(&self, before: Timestamp) -> Answer<'_, u64> {
        let mut inner = self.lock();
        inner.notes.retain(|_, row| row.written_at >= before);
        let all = inner.slices.len();
        inner.slices.retain(|_, row| row.end() >= before);
        let swept = all - inner.slices.len();
        Box::pin(ready(Ok(u64::try_from(swept).unwrap_or(u64::MAX))))
    }

    fn sweep_status(&self, before: Timestamp) -> Answer<'_, u64> {
        let mut inner = self.lock();
        let all = inner.bulletins.len() + inner.spans.len();
        inner.bulletins.retain(|_, row| row.matters_after(before));
        inner.spans.retain(|_, end| *end >= before.as_second());
        let swept = all - inner.bulletins.len() - inner.spans.len();
        Box::pin(ready(Ok(u64::try_from(swept).unwrap_or(u64::MAX))))
    }

    fn lead<'a>(&'a self, _: &'a str, _: &'a str, _: Duration) -> Answer<'a, bool> {
        Box::pin(ready(Ok(true)))
    }

    fn is_shared(&self) -> bool {
        false
    }
}

fn key(row: &SliceRow) -> SliceKey {
    (
        row.start,
        Arc::clone(&row.instance),
        Arc::clone(&row.objective),
    )
}
