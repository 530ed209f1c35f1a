//! The workers of the registry: their rows, states and next deadlines.
//!
//! The states are kept beside the rows, so that counts and pages need no scan. They change at exact
//! instants, found in the order of their deadlines: a beat that only moves a deadline later leaves it
//! where it is, and whoever comes to it looks again.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use jiff::Timestamp;

use super::events::{
    RegistryCounters, RegistryEvents, SliceClock, WorkerSliceCounts, WorkerTransition,
};
use super::state::{StateIndex, StateTimeouts, WorkerState, saturating_add};
use crate::model::heartbeat::{BeatId, BeatRole};
use crate::store::{StoreOp, WorkerRow};

/// A clock that goes back by less stands still for as long. One that goes back further was set, and
/// nobody would be missed until it has come as far again.
const MAX_STEP_BACK: Duration = Duration::from_secs(5);

/// One worker or scheduler.
#[derive(Debug)]
pub(super) struct WorkerEntry {
    pub(super) row: WorkerRow,
    /// Missed also when it has never beaten, and never forgotten.
    pub(super) expected: bool,
    /// As of `since`, and until the next deadline.
    pub(super) state: WorkerState,
    pub(super) since: Timestamp,
    /// Its place in the registry's deadlines; not later than the real one.
    deadline: Option<Timestamp>,
    /// Boots before the previous one, newest last, whose late beats are superseded too.
    pub(super) earlier_boots: VecDeque<Arc<str>>,
    /// The second of the latest beat, and the number of beats in it.
    pub(super) beat_rate: (i64, u32),
    /// `true` once it was told that the worker's clock is off.
    pub(super) skew_told: bool,
}

/// The registry of workers.
#[derive(Debug)]
pub(crate) struct WorkerRegistry {
    pub(super) timeouts: StateTimeouts,
    pub(super) entries: HashMap<BeatId, WorkerEntry>,
    pub(super) state_index: StateIndex,
    deadlines: BTreeSet<(Timestamp, BeatId)>,
    /// The latest moment of a call. Time does not go back here.
    pub(super) now: Timestamp,
    slices: SliceClock,
    pub(super) events: RegistryEvents,
    pub(super) counters: RegistryCounters,
    /// `true` if lost jobs and slices are counted here and not by another process.
    is_leader: bool,
    /// Workers whose jobs are lost as soon as the receiver has listened for long enough to know.
    suspected_lost: BTreeSet<BeatId>,
}

impl WorkerRegistry {
    /// Creates an empty registry, of a receiver that has listened since `now`.
    pub(crate) fn new(timeouts: StateTimeouts, now: Timestamp) -> Self {
        Self {
            timeouts,
            entries: HashMap::new(),
            state_index: StateIndex::default(),
            deadlines: BTreeSet::new(),
            now,
            slices: SliceClock::starting_at(now),
            events: RegistryEvents::default(),
            counters: RegistryCounters::default(),
            is_leader: true,
            suspected_lost: BTreeSet::new(),
        }
    }

    /// Sets whether lost jobs and slices are counted here: of several receivers with one store, one
    /// does. They are counted here until another process takes the lead. Taking the lead checks all offline
    /// workers once: the leader before may have gone before it counted them.
    pub(crate) fn set_leader(&mut self, is_leader: bool) {
        if is_leader && !self.is_leader {
            let offline = self.state_index.ids(BeatRole::Worker, WorkerState::Offline);
            self.suspected_lost = offline.cloned().unwrap_or_default();
        }
        self.is_leader = is_leader;
    }

    /// Advances to `now`, and returns the events since the last call.
    pub(crate) fn advance(&mut self, now: Timestamp) -> RegistryEvents {
        self.advance_to(now);
        let mut events = std::mem::take(&mut self.events);
        events.transitions.sort_by_key(|transition| transition.at);
        events
    }

    /// Advances to `now`: every slice that has ended is counted, every change that is due is made.
    pub(super) fn advance_to(&mut self, now: Timestamp) {
        if saturating_add(now, MAX_STEP_BACK) < self.now {
            self.rewind_to(now);
        }
        let now = now.max(self.now);
        self.slices.record_activity(self.now, now);
        while let Some(end) = self.slices.next_ended(now) {
            // A change at the very end of a slice belongs to the next one.
            self.apply_due(|at| at < end);
            let count = self.evaluate_slice(end);
            self.events.slices.add(count);
        }
        self.apply_due(|at| at <= now);
        self.now = now;
        self.count_lost_jobs();
    }

    /// Returns whether slices are counted here and there is a worker to count them of.
    pub(crate) fn counts_slices(&self) -> bool {
        let states = [
            WorkerState::Online,
            WorkerState::Late,
            WorkerState::Stalled,
            WorkerState::Offline,
        ];
        let any = |state| self.state_index.count(BeatRole::Worker, state) > 0;
        self.is_leader && states.into_iter().any(any)
    }

    /// Counts good and bad workers at the end of a slice; none where that can't be known.
    fn evaluate_slice(&self, end: Timestamp) -> WorkerSliceCounts {
        let count = |state| self.state_index.count(BeatRole::Worker, state) as u64;
        let bad = count(WorkerState::Offline);
        let good =
            count(WorkerState::Online) + count(WorkerState::Late) + count(WorkerState::Stalled);
        // Silence is known only after having listened for as long.
        let known = bad == 0 || self.slices.has_listened(end, self.timeouts.offline_after);
        if self.is_leader && known {
            WorkerSliceCounts { good, bad }
        } else {
            WorkerSliceCounts::default()
        }
    }

    /// Counts the running jobs of workers that went offline, once it is sure that they did: whoever
    /// was away itself has to listen for as long first.
    fn count_lost_jobs(&mut self) {
        if self.suspected_lost.is_empty()
            || !self.is_leader
            || !self
                .slices
                .has_listened(self.now, self.timeouts.offline_after)
        {
            return;
        }
        for id in std::mem::take(&mut self.suspected_lost) {
            if let Some(entry) = self.entries.get_mut(&id)
                && entry.state == WorkerState::Offline
                && let Some(lost) = entry.take_lost_jobs()
            {
                self.events.lost_jobs += lost;
                let store_op = StoreOp::Worker(entry.row.clone());
                self.events.store_ops.push(store_op);
            }
        }
    }

    /// Follows a clock that was set back: no worker was seen later than now. Slices go on where
    /// they were, so that none is counted twice.
    fn rewind_to(&mut self, now: Timestamp) {
        self.deadlines.clear();
        for entry in self.entries.values_mut() {
            entry.row.clamp_to(now);
            entry.since = entry.since.min(now);
            entry.deadline = None;
        }
        self.now = now;
        self.slices.rewind_to(now);
        let ids: Vec<_> = self.entries.keys().cloned().collect();
        for id in ids {
            self.schedule(&id);
        }
    }

    fn apply_due(&mut self, is_due: impl Fn(Timestamp) -> bool) {
        while let Some((at, _)) = self.deadlines.first() {
            if !is_due(*at) {
                break;
            }
            if let Some((_, id)) = self.deadlines.pop_first() {
                self.apply_due_of(id, &is_due);
            }
        }
    }

    /// Applies the changes of one worker that are due, and schedules its next deadline.
    fn apply_due_of(&mut self, id: BeatId, is_due: &impl Fn(Timestamp) -> bool) {
        let timeouts = self.timeouts;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.deadline = None;
            // Mostly it has beaten since, and only the deadline is another.
            let next = timeouts.earliest_deadline(&entry.row, entry.expected, entry.since);
            if let Some(at) = next.filter(|at| !is_due(*at)) {
                entry.deadline = Some(at);
                self.deadlines.insert((at, id));
                return;
            }
        }
        let id = &id;
        while let Some(entry) = self.entries.get(id) {
            match timeouts.next_change(&entry.row, entry.expected, entry.since) {
                Some((at, state)) if is_due(at) => self.transition(id, state, at),
                _ => break,
            }
        }
        self.schedule(id);
    }

    /// Changes a worker's state.
    pub(super) fn transition(&mut self, id: &BeatId, to: WorkerState, at: Timestamp) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let (role, from) = (entry.row.role, entry.state);
        (entry.state, entry.since) = (to, at);
        self.events.push(
            WorkerTransition {
                id: id.clone(),
                role,
                from,
                to,
                at,
            },
            self.timeouts.capacity,
        );
        self.state_index.remove(role, from, id);
        match to {
            WorkerState::Expired => self.remove_expired(id),
            WorkerState::Offline => {
                self.state_index.insert(role, to, id);
                self.suspected_lost.insert(id.clone());
            }
            _ => self.state_index.insert(role, to, id),
        }
    }

    fn remove_expired(&mut self, id: &BeatId) {
        self.suspected_lost.remove(id);
        if let Some(entry) = self.entries.remove(id) {
            if let Some(deadline) = entry.deadline {
                self.deadlines.remove(&(deadline, id.clone()));
            }
            let delete = StoreOp::DeleteWorker(entry.row.id, entry.row.last_seen);
            self.events.store_ops.push(delete);
        }
    }

    /// Inserts a worker; `since` is when its state began.
    pub(super) fn insert(
        &mut self,
        row: WorkerRow,
        expected: bool,
        state: WorkerState,
        since: Timestamp,
    ) {
        let id = row.id.clone();
        self.state_index.insert(row.role, state, &id);
        let entry = WorkerEntry {
            row,
            expected,
            state,
            since,
            deadline: None,
            earlier_boots: VecDeque::new(),
            beat_rate: (since.as_second(), 1),
            skew_told: false,
        };
        self.entries.insert(id.clone(), entry);
        self.schedule(&id);
    }

    /// Updates the state of a worker after its row was changed at `at`, by a beat or by another
    /// receiver.
    pub(super) fn update_state(&mut self, id: &BeatId, old_role: BeatRole, at: Timestamp) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let (role, before) = (entry.row.role, entry.state);
        let at = at.max(entry.since);
        let state = self.timeouts.state(&entry.row, entry.expected, at);
        if state == before {
            entry.since = at;
        }
        if old_role != role {
            self.state_index.remove(old_role, before, id);
            self.state_index.insert(role, before, id);
        }
        if state != before {
            self.transition(id, state, at);
        }
        self.schedule(id);
    }

    /// Schedules a worker's next deadline, unless an earlier one is there.
    fn schedule(&mut self, id: &BeatId) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let next = self
            .timeouts
            .next_change(&entry.row, entry.expected, entry.since);
        let Some((at, _)) = next else { return };
        match entry.deadline {
            Some(deadline) if deadline <= at => return,
            Some(deadline) => {
                self.deadlines.remove(&(deadline, id.clone()));
            }
            None => {}
        }
        entry.deadline = Some(at);
        self.deadlines.insert((at, id.clone()));
    }
}

impl WorkerEntry {
    /// Returns the running jobs that are lost with a worker, and marks them as counted.
    pub(super) fn take_lost_jobs(&mut self) -> Option<u64> {
        let jobs = self.row.progress.in_flight_within_threshold();
        let lost = self.row.role == BeatRole::Worker && jobs > 0 && !self.row.lost;
        self.row.lost |= lost;
        lost.then_some(jobs)
    }

    /// Returns whether nothing is to be done after its row was changed at `at`: its state stays the
    /// same, and so does its place among the deadlines.
    pub(super) fn keeps_state_at(&mut self, timeouts: &StateTimeouts, at: Timestamp) -> bool {
        let is_scheduled = self.deadline.is_some_and(|deadline| {
            let next = timeouts.earliest_deadline(&self.row, self.expected, at);
            next.is_none_or(|next| deadline <= next)
        });
        let is_unchanged =
            is_scheduled && timeouts.state(&self.row, self.expected, at) == self.state;
        if is_unchanged {
            self.since = self.since.max(at);
        }
        is_unchanged
    }
}

impl WorkerRow {
    /// Clamps last-seen times to `now`; another host's clock may be ahead.
    pub(super) fn clamp_to(&mut self, now: Timestamp) {
        self.last_seen = self.last_seen.map(|seen| seen.min(now));
        self.progressed_at = self.progressed_at.map(|at| at.min(now));
        self.registered_at = self.registered_at.min(now);
    }
}
