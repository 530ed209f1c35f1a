//! Everybody who is known, who is in which state, and who changes next.
//!
//! The states are kept beside the rows, so that counts and pages need no scan. They change at exact
//! instants, found in the order of their deadlines: a beat that only moves a deadline later leaves it
//! where it is, and whoever comes to it looks again.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use jiff::Timestamp;

use super::counters::Tally;
use super::events::{Tidings, Transition};
use super::slices::Slices;
use super::state::{State, Terms, after};
use super::state_index::Lists;
use crate::model::heartbeat::{BeatId, Role};
use crate::store::{Change, WorkerRow};

/// A clock that goes back by less stands still for as long. One that goes back further was set, and
/// nobody would be missed until it has come as far again.
const FURTHEST_BACK: Duration = Duration::from_secs(5);

/// One worker or scheduler.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) row: WorkerRow,
    /// Missed also when it has never beaten, and never forgotten.
    pub(super) expected: bool,
    /// As of `since`, and until the next deadline.
    pub(super) state: State,
    pub(super) since: Timestamp,
    /// Its place in the book's deadlines; not later than the real one.
    queued: Option<Timestamp>,
    /// Boots before the previous one, newest last, whose stragglers say nothing either.
    pub(super) earlier: VecDeque<Arc<str>>,
    /// The second of the latest beat, and the beats in it.
    pub(super) pace: (i64, u32),
}

/// The roster without its lock.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) terms: Terms,
    pub(super) entries: HashMap<BeatId, Entry>,
    pub(super) lists: Lists,
    deadlines: BTreeSet<(Timestamp, BeatId)>,
    /// The latest moment that anybody has come with. Time does not go back here.
    pub(super) now: Timestamp,
    pub(super) slices: Slices,
    pub(super) tidings: Tidings,
    pub(super) tally: Tally,
    /// Whether jobs that were lost, and slices, are counted here and not by another process.
    pub(super) leads: bool,
    /// Workers whose jobs are lost as soon as the receiver has listened for long enough to know.
    pub(super) doubtful: BTreeSet<BeatId>,
}

impl Book {
    pub(super) fn new(terms: Terms, now: Timestamp) -> Self {
        Self {
            terms,
            entries: HashMap::new(),
            lists: Lists::default(),
            deadlines: BTreeSet::new(),
            now,
            slices: Slices::from(now),
            tidings: Tidings::default(),
            tally: Tally::default(),
            leads: true,
            doubtful: BTreeSet::new(),
        }
    }

    /// Goes on to `now`: every slice that has ended is counted, every change that is due is made.
    pub(super) fn reach(&mut self, now: Timestamp) {
        if after(now, FURTHEST_BACK) < self.now {
            self.set_back(now);
        }
        let now = now.max(self.now);
        self.slices.hear(self.now, now);
        while let Some(end) = self.slices.next_ended(now) {
            // A change at the very end of a slice belongs to the next one.
            self.settle(|at| at < end);
            let count = self.judge_slice(end);
            self.tidings.slices.add(count);
        }
        self.settle(|at| at <= now);
        self.now = now;
        self.give_up_doubtful();
    }

    /// The clock was set back: nobody was seen later than now. Slices go on where they were, so that
    /// none is counted twice.
    fn set_back(&mut self, now: Timestamp) {
        self.deadlines.clear();
        for entry in self.entries.values_mut() {
            entry.row.be_before(now);
            entry.since = entry.since.min(now);
            entry.queued = None;
        }
        self.now = now;
        self.slices.set_back(now);
        let ids: Vec<_> = self.entries.keys().cloned().collect();
        for id in ids {
            self.file(&id);
        }
    }

    fn settle(&mut self, is_due: impl Fn(Timestamp) -> bool) {
        while let Some((at, _)) = self.deadlines.first() {
            if !is_due(*at) {
                break;
            }
            if let Some((_, id)) = self.deadlines.pop_first() {
                self.settle_one(id, &is_due);
            }
        }
    }

    /// Makes the changes of one worker that are due, and files its next deadline.
    fn settle_one(&mut self, id: BeatId, is_due: &impl Fn(Timestamp) -> bool) {
        let terms = self.terms;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.queued = None;
            // Mostly it has beaten since, and only the deadline is another.
            let next = terms.earliest_after(&entry.row, entry.expected, entry.since);
            if let Some(at) = next.filter(|at| !is_due(*at)) {
                entry.queued = Some(at);
                self.deadlines.insert((at, id));
                return;
            }
        }
        let id = &id;
        while let Some(entry) = self.entries.get(id) {
            match terms.next(&entry.row, entry.expected, entry.since) {
                Some((at, state)) if is_due(at) => self.turn(id, state, at),
                _ => break,
            }
        }
        self.file(id);
    }

    /// A worker's state becomes another.
    pub(super) fn turn(&mut self, id: &BeatId, to: State, at: Timestamp) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let (role, from) = (entry.row.role, entry.state);
        (entry.state, entry.since) = (to, at);
        self.tidings.tell(
            Transition {
                id: id.clone(),
                role,
                from,
                to,
                at,
            },
            self.terms.capacity,
        );
        self.lists.remove(role, from, id);
        match to {
            State::Expired => self.forget(id),
            State::Offline => {
                self.lists.add(role, to, id);
                self.doubtful.insert(id.clone());
            }
            _ => self.lists.add(role, to, id),
        }
    }

    fn forget(&mut self, id: &BeatId) {
        self.doubtful.remove(id);
        if let Some(entry) = self.entries.remove(id) {
            if let Some(queued) = entry.queued {
                self.deadlines.remove(&(queued, id.clone()));
            }
            let forget = Change::Forget(entry.row.id, entry.row.last_seen);
            self.tidings.changes.push(forget);
        }
    }

    /// Adds somebody; `since` is when its state began.
    pub(super) fn add(&mut self, row: WorkerRow, expected: bool, state: State, since: Timestamp) {
        let id = row.id.clone();
        self.lists.add(row.role, state, &id);
        let entry = Entry {
            row,
            expected,
            state,
            since,
            queued: None,
            earlier: VecDeque::new(),
            pace: (since.as_second(), 1),
        };
        self.entries.insert(id.clone(), entry);
        self.file(&id);
    }

    /// Takes a row's place in the book after it was changed at `at`, by a beat or by another receiver.
    pub(super) fn renew(&mut self, id: &BeatId, was: Role, at: Timestamp) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let (role, before) = (entry.row.role, entry.state);
        if was != role {
            self.lists.remove(was, before, id);
            self.lists.add(role, before, id);
        }
        let Some(entry) = self.entries.get(id) else {
            return;
        };
        let at = at.max(entry.since);
        let state = self.terms.state(&entry.row, entry.expected, at);
        if state != before {
            self.turn(id, state, at);
        } else if let Some(entry) = self.entries.get_mut(id) {
            entry.since = at;
        }
        self.file(id);
    }

    /// Files a worker's next deadline, unless an earlier one is there.
    fn file(&mut self, id: &BeatId) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let next = self.terms.next(&entry.row, entry.expected, entry.since);
        let Some((at, _)) = next else { return };
        match entry.queued {
            Some(queued) if queued <= at => return,
            Some(queued) => {
                self.deadlines.remove(&(queued, id.clone()));
            }
            None => {}
        }
        entry.queued = Some(at);
        self.deadlines.insert((at, id.clone()));
    }
}

impl Entry {
    /// Whether nothing is to be done after its row was changed at `at`: its state stays the same, and
    /// so does its place among the deadlines.
    pub(super) fn rests(&mut self, terms: &Terms, at: Timestamp) -> bool {
        let filed = self.queued.is_some_and(|queued| {
            let next = terms.earliest_after(&self.row, self.expected, at);
            next.is_none_or(|next| queued <= next)
        });
        let rests = filed && terms.state(&self.row, self.expected, at) == self.state;
        if rests {
            self.since = self.since.max(at);
        }
        rests
    }
}

impl WorkerRow {
    /// Nobody is seen in the future, whatever another clock has said.
    pub(super) fn be_before(&mut self, now: Timestamp) {
        self.last_seen = self.last_seen.map(|seen| seen.min(now));
        self.progressed_at = self.progressed_at.map(|at| at.min(now));
        self.registered_at = self.registered_at.min(now);
    }
}
