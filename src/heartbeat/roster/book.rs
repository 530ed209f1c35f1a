//! Everybody who is known, who is in which state, and who changes next.
//!
//! The states are kept beside the rows, so that counts and pages need no scan. They change at exact
//! instants, found in the order of their deadlines: a beat that only moves a deadline later leaves it
//! where it is, and whoever comes to it looks again.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::slices::Slices;
use super::tally::Tally;
use super::terms::{State, Terms};
use super::tidings::{SliceCount, Tidings, Transition};
use crate::beat::{BeatId, Role};
use crate::store::{Change, WorkerRow};

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
    /// The ids in each state, in order: workers' and schedulers'.
    index: [[BTreeSet<BeatId>; State::LISTED.len()]; Role::ALL.len()],
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
            index: Default::default(),
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

    fn settle(&mut self, is_due: impl Fn(Timestamp) -> bool) {
        while let Some((at, _)) = self.deadlines.first() {
            if !is_due(*at) {
                break;
            }
            if let Some((_, id)) = self.deadlines.pop_first() {
                self.settle_one(&id, &is_due);
            }
        }
    }

    /// Makes the changes of one worker that are due, and files its next deadline.
    fn settle_one(&mut self, id: &BeatId, is_due: &impl Fn(Timestamp) -> bool) {
        let terms = self.terms;
        if let Some(entry) = self.entries.get_mut(id) {
            entry.queued = None;
        }
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
        Self::unlist(&mut self.index, role, from, id);
        match to {
            State::Expired => self.forget(id),
            State::Offline => {
                self.list(role, to, id);
                self.doubtful.insert(id.clone());
            }
            _ => self.list(role, to, id),
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
        self.list(row.role, state, &id);
        let entry = Entry {
            row,
            expected,
            state,
            since,
            queued: None,
            earlier: VecDeque::new(),
            pace: (0, 0),
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
            Self::unlist(&mut self.index, was, before, id);
            self.list(role, before, id);
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

    fn list(&mut self, role: Role, state: State, id: &BeatId) {
        if let Some(ids) = self.index[role as usize].get_mut(state as usize) {
            ids.insert(id.clone());
        }
    }

    fn unlist(
        index: &mut [[BTreeSet<BeatId>; State::LISTED.len()]; Role::ALL.len()],
        role: Role,
        state: State,
        id: &BeatId,
    ) {
        if let Some(ids) = index[role as usize].get_mut(state as usize) {
            ids.remove(id);
        }
    }

    /// The ids in a state, in order.
    pub(super) fn in_state(&self, role: Role, state: State) -> Option<&BTreeSet<BeatId>> {
        self.index[role as usize].get(state as usize)
    }

    pub(super) fn count(&self, role: Role, state: State) -> usize {
        self.in_state(role, state).map_or(0, BTreeSet::len)
    }

    /// Whoever takes the lead looks once at all who are offline: the one before may have gone before it
    /// counted them.
    pub(super) fn lead(&mut self, leads: bool) {
        if leads && !self.leads {
            let offline = self.in_state(Role::Worker, State::Offline);
            self.doubtful = offline.cloned().unwrap_or_default();
        }
        self.leads = leads;
    }

    /// Good and bad workers at the end of a slice; nothing where that can't be known.
    fn judge_slice(&self, end: Timestamp) -> SliceCount {
        let count = |state| self.count(Role::Worker, state) as u64;
        let bad = count(State::Offline);
        let good = count(State::Online) + count(State::Late) + count(State::Stalled);
        // Silence is only known to whoever has listened.
        let known = bad == 0 || self.slices.listened(end, self.terms.offline_after);
        if self.leads && known {
            SliceCount { good, bad }
        } else {
            SliceCount::default()
        }
    }

    /// Counts the running jobs of workers that went offline, once it is sure that they did: whoever
    /// was away itself has to listen for as long first.
    fn give_up_doubtful(&mut self) {
        if self.doubtful.is_empty()
            || !self.leads
            || !self.slices.listened(self.now, self.terms.offline_after)
        {
            return;
        }
        for id in std::mem::take(&mut self.doubtful) {
            if let Some(entry) = self.entries.get_mut(&id)
                && entry.state == State::Offline
                && let Some(lost) = entry.lose()
            {
                self.tidings.lost_jobs += lost;
                let keep = Change::Worker(entry.row.clone());
                self.tidings.changes.push(keep);
            }
        }
    }
}

impl Entry {
    /// The running jobs that are lost with a worker, and were not counted before.
    pub(super) fn lose(&mut self) -> Option<u64> {
        let jobs = self.row.progress.not_yet_bad();
        let lost = self.row.role == Role::Worker && jobs > 0 && !self.row.lost;
        self.row.lost |= lost;
        lost.then_some(jobs)
    }
}
