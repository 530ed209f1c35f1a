//! The receiver's list of workers. Time is an argument: the receiver's time of day.
//!
//! A worker's state is judged at the moment at which somebody asks, so that it is exact whoever asks
//! when. The roster also finds each change of state once, with the date at which it was due, and
//! without looking at the workers that have none.

mod deadlines;
mod entry;
mod page;
mod receipt;
mod slices;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::life::{Limits, State};
use crate::beat::{Beat, BeatId, Role};
use crate::store::{Change, WorkerRow};
use deadlines::Deadlines;
use entry::Entry;
pub(crate) use page::{Page, Query, View};
pub(crate) use receipt::Receipt;
pub(crate) use slices::SliceCount;
use slices::Slices;

/// Every worker that is known. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Roster(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    workers: BTreeMap<BeatId, Entry>,
    deadlines: Deadlines,
    slices: Slices,
    changes: Changes,
}

/// What happened since somebody asked last.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) transitions: Vec<Transition>,
    /// What the store is to learn of it.
    pub(crate) keep: Vec<Change>,
}

/// A worker that became something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transition {
    pub(crate) id: BeatId,
    pub(crate) role: Role,
    /// `None` for a worker that nobody knew.
    pub(crate) from: Option<State>,
    /// `None` for a worker that has expired.
    pub(crate) to: Option<State>,
    /// When it was due, however late it was found.
    pub(crate) at: Timestamp,
    pub(crate) last_seen: Option<Timestamp>,
    /// Jobs that were running and never will end, and that nothing has counted yet.
    pub(crate) lost_jobs: u64,
    /// Whether another boot took the place of the one before.
    pub(crate) restarted: bool,
}

impl Roster {
    pub(crate) fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            limits,
            workers: BTreeMap::new(),
            deadlines: Deadlines::default(),
            slices: Slices::default(),
            changes: Changes::default(),
        })))
    }

    /// Takes in a beat that arrived at `now`.
    pub(crate) fn beat(&self, id: &BeatId, beat: &Beat, now: Timestamp) -> Receipt {
        let mut inner = self.lock();
        inner.slices.begin(now);
        if !inner.workers.contains_key(id) && inner.workers.len() >= inner.limits.capacity {
            return Receipt::Full;
        }
        let offline_after = inner.limits.offline_after;
        inner.change(id, now, |row| {
            receipt::take(row, id, beat, now, offline_after)
        })
    }

    /// Expects a worker that may not have come yet.
    pub(crate) fn expect(&self, id: &BeatId, now: Timestamp) {
        self.lock().change(id, now, |row| {
            row.get_or_insert_with(|| receipt::registered(id, Role::Worker, now));
        });
    }

    /// Takes in what a store knows: of each worker the newer row holds.
    pub(crate) fn merge(&self, rows: Vec<WorkerRow>, now: Timestamp) {
        let mut inner = self.lock();
        for row in rows {
            let id = row.id.clone();
            inner.change(&id, now, |known| {
                if known.as_ref().is_none_or(|known| row.supersedes(known)) {
                    *known = Some(row);
                }
            });
        }
    }

    /// Everything that became due until `now`, or happened before.
    pub(crate) fn advance(&self, now: Timestamp) -> Changes {
        let mut inner = self.lock();
        inner.settle_due(now);
        std::mem::take(&mut inner.changes)
    }

    /// Slices of a minute that are over, each counted once.
    pub(crate) fn slices(&self, now: Timestamp) -> SliceCount {
        let mut inner = self.lock();
        let Inner {
            limits,
            workers,
            slices,
            ..
        } = &mut *inner;
        slices.count(limits, workers.values(), now)
    }

    /// One worker; `None` where it is unknown or expired.
    pub(crate) fn one(&self, id: &BeatId, now: Timestamp) -> Option<View> {
        let inner = self.lock();
        View::of(&inner.workers.get(id)?.row, &inner.limits, now)
    }

    pub(crate) fn page(&self, query: &Query, now: Timestamp) -> Page {
        let mut inner = self.lock();
        inner.settle_due(now);
        page::read(&inner.workers, &inner.limits, query, now)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Lets one worker become what `change` makes of it, after what was due before.
    fn change<R>(
        &mut self,
        id: &BeatId,
        now: Timestamp,
        change: impl FnOnce(&mut Option<WorkerRow>) -> R,
    ) -> R {
        let known = self.workers.remove(id);
        let (mut entry, mut row) = (None, None);
        if let Some(mut known) = known {
            known.settle(&self.limits, now, &mut self.changes);
            row = Some(known.row.clone());
            entry = Some(known);
        }
        let answer = change(&mut row);
        let Some(row) = row else { return answer };
        let mut entry = entry.unwrap_or_else(|| Entry::new(row.clone()));
        entry.replace(row, &self.limits, now, &mut self.changes);
        if entry.state.is_some() {
            entry.queue(&mut self.deadlines);
            self.workers.insert(id.clone(), entry);
        }
        answer
    }

    fn settle_due(&mut self, now: Timestamp) {
        while let Some(id) = self.deadlines.pop(now) {
            let Some(entry) = self.workers.get_mut(&id) else {
                continue;
            };
            entry.queued = None;
            entry.settle(&self.limits, now, &mut self.changes);
            if entry.state.is_none() {
                self.workers.remove(&id);
            } else {
                entry.queue(&mut self.deadlines);
            }
        }
    }
}

#[cfg(test)]
mod tests;
