//! One worker of the roster: what is known, and which state was told last.

use std::time::Duration;

use jiff::Timestamp;

use super::deadlines::Deadlines;
use super::{Changes, Transition};
use crate::beat::Role;
use crate::heartbeat::life::{Limits, State};
use crate::store::{Change, WorkerRow};

/// Transitions that wait for somebody to ask; further ones are not told of.
const WAITING: usize = 200_000;

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) row: WorkerRow,
    /// As told last; `None` before anything was told, and once expired.
    pub(super) state: Option<State>,
    /// When the state may be another.
    due: Option<Timestamp>,
    /// The deadline that the heap holds, which may be an earlier one.
    pub(super) queued: Option<Timestamp>,
    /// The last beat before the minute of the present one.
    pub(super) seen_before: Option<Timestamp>,
}

impl Entry {
    pub(super) fn new(row: WorkerRow) -> Self {
        Self {
            row,
            state: None,
            due: None,
            queued: None,
            seen_before: None,
        }
    }

    /// Tells of everything that was due until `now`, each with its own date.
    pub(super) fn settle(&mut self, limits: &Limits, now: Timestamp, changes: &mut Changes) {
        while let Some(due) = self.due.filter(|due| *due <= now) {
            self.due = limits.next_change(&self.row, due);
            self.tell(limits.state(&self.row, due), due, changes);
        }
    }

    /// Takes in another row.
    pub(super) fn replace(
        &mut self,
        row: WorkerRow,
        limits: &Limits,
        now: Timestamp,
        changes: &mut Changes,
    ) {
        let restarted = row.restarts > self.row.restarts;
        if restarted {
            self.lose(now, changes);
        }
        if row.last_seen.map(minute) != self.row.last_seen.map(minute) {
            self.seen_before = self.row.last_seen;
        }
        // A row that nobody told of yet begins when it was last heard of, so that what became due
        // while no receiver was there is found with its date.
        let since = match self.state {
            None => row.last_seen.unwrap_or(row.registered_at).min(now),
            Some(_) => now,
        };
        self.row = row;
        self.tell(limits.state(&self.row, since), since, changes);
        self.due = limits.next_change(&self.row, since);
        self.settle(limits, now, changes);
    }

    /// Has the heap look here in time.
    pub(super) fn queue(&mut self, deadlines: &mut Deadlines) {
        let Some(due) = self.due else { return };
        if self.queued.is_none_or(|queued| due < queued) {
            self.queued = Some(due);
            deadlines.push(due, self.row.id.clone());
        }
    }

    fn tell(&mut self, to: Option<State>, at: Timestamp, changes: &mut Changes) {
        if to == self.state {
            return;
        }
        let transition = self.transition(to, at);
        self.state = to;
        match to {
            None => changes
                .keep
                .push(Change::Forget(self.row.id.clone(), self.row.last_seen)),
            Some(State::Offline) => return self.go_offline(transition, changes),
            Some(_) => {}
        }
        changes.tell(transition);
    }

    fn go_offline(&mut self, mut transition: Transition, changes: &mut Changes) {
        transition.lost_jobs = self.take_lost();
        if self.row.lost {
            changes.keep.push(Change::Worker(self.row.clone()));
        }
        changes.tell(transition);
    }

    /// The boot before has ended, and its jobs with it.
    fn lose(&mut self, now: Timestamp, changes: &mut Changes) {
        let mut transition = self.transition(self.state, now);
        transition.lost_jobs = self.take_lost();
        transition.restarted = true;
        changes.tell(transition);
    }

    /// Jobs that were running and were not counted yet; once.
    fn take_lost(&mut self) -> u64 {
        let counted = self.row.lost || self.row.role != Role::Worker;
        let goodbye = self.state == Some(State::Stopped);
        let lost = self.row.progress.not_yet_bad();
        if counted || goodbye || lost == 0 {
            return 0;
        }
        self.row.lost = true;
        lost
    }

    fn transition(&self, to: Option<State>, at: Timestamp) -> Transition {
        Transition {
            id: self.row.id.clone(),
            role: self.row.role,
            from: self.state,
            to,
            at,
            last_seen: self.row.last_seen,
            lost_jobs: 0,
            restarted: false,
        }
    }
}

impl Changes {
    fn tell(&mut self, transition: Transition) {
        if self.transitions.len() < WAITING {
            self.transitions.push(transition);
        }
    }
}

/// The minute since 1970 in which a time lies.
pub(super) fn minute(time: Timestamp) -> i64 {
    time.as_second().div_euclid(60)
}

/// The end of a minute, which is the start of the next.
pub(super) fn end_of(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH
        .saturating_add(Duration::from_secs((minute + 1).max(0).unsigned_abs() * 60))
        .unwrap_or(Timestamp::MAX)
}
