//! The workers of the registry: their rows, states and next deadlines.
//!
//! The states are kept beside the rows, so that counts and pages need no scan. They change at exact
//! instants, found in the order of their deadlines: a beat that only moves a deadline later leaves it
//! where it is, and whoever comes to it looks again.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use jiff::{SignedDuration, Timestamp};

use super::carrier::StoreCarrier;
use super::events::{
    RegistryCounters, RegistryEvents, SliceClock, WorkerSliceCounts, WorkerTransition,
};
use super::state::{Excuse, StateBasis, StateIndex, StateTimeouts, WorkerState, saturating_add};
use crate::model::heartbeat::{BeatId, BeatRole};
use crate::record::clock::{ClockReading, ClockSteps, saturating_step};
use crate::store::{StoreOp, WorkerRow};

/// The time that an id has for its second beat before it may have to make room.
const UNPROVEN_FOR: Duration = Duration::from_secs(10);

/// One worker or scheduler.
#[derive(Debug)]
pub(super) struct WorkerEntry {
    pub(super) row: WorkerRow,
    /// Missed also when it has never beaten, and never forgotten.
    pub(super) expected: bool,
    /// `true` after a second beat: an id that beat once may be invented.
    pub(super) is_proven: bool,
    /// `true` after a second beat of its boot.
    pub(super) has_beaten_again: bool,
    /// The latest last-seen time that may be stored, where the clock was set back since.
    latest_seen: Option<Timestamp>,
    /// The latest beat that came through the store.
    pub(super) carried_at: Option<Timestamp>,
    /// The silence that an outage of the store explains.
    pub(super) excuse: Option<Excuse>,
    /// The hour in which jobs of it were lost, and their number.
    lost_jobs: LostJobs,
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
    /// The ids that the configuration expects, also while one of them is not among the entries: its next beat makes
    /// it missed again.
    pub(super) expected: HashSet<BeatId>,
    pub(super) state_index: StateIndex,
    /// One for each worker that has any; the first is the next thing to do.
    deadlines: BTreeSet<(Timestamp, BeatId)>,
    /// Workers with a deadline that is due, and of which nothing can be known before the store can be read.
    pub(super) held: BTreeSet<BeatId>,
    /// The store, where it carries beats of other processes.
    pub(super) carrier: Option<StoreCarrier>,
    /// The ids that beat once, by that beat's time.
    pub(super) unproven: BTreeSet<(Timestamp, BeatId)>,
    /// The latest moment of a call. Time goes back here by a step of the clock only.
    pub(super) now: Timestamp,
    clock_steps: ClockSteps,
    slices: SliceClock,
    pub(super) events: RegistryEvents,
    pub(super) counters: RegistryCounters,
    /// `true` if lost jobs and slices are counted here and not by another process.
    is_leader: bool,
    /// Workers whose jobs are lost as soon as the receiver has listened for long enough to know.
    suspected_lost: BTreeSet<BeatId>,
    /// Lost jobs of boots that beat once.
    pub(super) unproven_lost_jobs: LostJobs,
}

/// The number of jobs that were lost in an hour.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LostJobs {
    hour: i64,
    jobs: u64,
}

/// The most lost jobs of one worker that are counted in an hour, and of all boots together that beat once:
/// an id costs nothing to invent, nor does a number.
const MAX_LOST_JOBS_AN_HOUR: u64 = 1_000;

impl LostJobs {
    /// Returns how many of these jobs are counted.
    fn limit(&mut self, jobs: u64, now: Timestamp) -> u64 {
        let hour = now.as_second().div_euclid(3_600);
        if self.hour != hour {
            *self = Self { hour, jobs: 0 };
        }
        let counted = jobs.min(MAX_LOST_JOBS_AN_HOUR.saturating_sub(self.jobs));
        self.jobs += counted;
        counted
    }
}

impl WorkerRegistry {
    /// Creates an empty registry, of a receiver that has listened since `now`.
    pub(crate) fn new(timeouts: StateTimeouts, now: Timestamp) -> Self {
        Self {
            timeouts,
            entries: HashMap::new(),
            expected: HashSet::new(),
            state_index: StateIndex::default(),
            deadlines: BTreeSet::new(),
            held: BTreeSet::new(),
            carrier: None,
            unproven: BTreeSet::new(),
            now,
            clock_steps: ClockSteps::default(),
            slices: SliceClock::starting_at(now),
            events: RegistryEvents::default(),
            counters: RegistryCounters::default(),
            is_leader: true,
            suspected_lost: BTreeSet::new(),
            unproven_lost_jobs: LostJobs::default(),
        }
    }

    /// Follows the receiver's clocks; returns the time of day.
    ///
    /// The wall clock dates what is shown, and the monotonic one tells how long a worker has been silent. Where
    /// the wall clock was set, or the host was suspended, all dates move with it, so that every age stays what
    /// it was: a step is no silence.
    pub(crate) fn follow_clocks(&mut self, clocks: ClockReading) -> Timestamp {
        if let Some(step) = self.clock_steps.follow(clocks) {
            self.shift_by(step);
        }
        clocks.wall
    }

    /// Moves all dates by a step of the clock.
    fn shift_by(&mut self, step: SignedDuration) {
        self.now = saturating_step(self.now, step);
        self.slices.follow_step(step, self.now);
        if let Some(carrier) = &mut self.carrier {
            carrier.shift_by(step);
        }
        self.deadlines.clear();
        self.unproven.clear();
        for entry in self.entries.values_mut() {
            entry.latest_seen = entry.latest_seen.max(entry.row.last_seen);
            entry.row.shift_by(step);
            entry.carried_at = entry.carried_at.map(|at| saturating_step(at, step));
            if let Some(excuse) = &mut entry.excuse {
                excuse.shift_by(step);
            }
            entry.since = saturating_step(entry.since, step);
            entry.deadline = None;
            if !entry.is_proven {
                self.unproven.insert(entry.unproven_key());
            }
        }
        let ids: Vec<_> = self.entries.keys().cloned().collect();
        for id in ids {
            self.schedule(&id);
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
        // A clock that went back by a little stands still: no worker may be judged twice for the
        // same moment.
        let now = now.max(self.now);
        let horizon = self.judge_until(now);
        // First, because the slices below ask whether the receiver has listened.
        self.slices.record_activity(self.now, now);
        while let Some(end) = self.slices.next_ended(now) {
            // A change at the very end of a slice belongs to the next one.
            self.apply_due(|at| at < end, horizon);
            let count = self.evaluate_slice(end);
            self.events.slices.add(count);
        }
        self.apply_due(|at| at <= now, horizon);
        self.now = now;
        self.count_lost_jobs();
    }

    /// Advances to `now`, and returns the slices that have ended and were not taken yet.
    pub(crate) fn take_slices(&mut self, now: Timestamp) -> WorkerSliceCounts {
        self.advance_to(now);
        std::mem::take(&mut self.events.slices)
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
        let counts = self.known_counts_at(BeatRole::Worker, end);
        let count = |state| counts.count(state) as u64;
        let bad = count(WorkerState::Offline);
        let good =
            count(WorkerState::Online) + count(WorkerState::Late) + count(WorkerState::Stalled);
        // Silence is known only after having listened for as long.
        // Where none is offline there is nothing to doubt.
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
                && matches!(entry.state, WorkerState::Offline | WorkerState::Forgotten)
                && let Some(lost) = entry.take_lost_jobs(&mut self.unproven_lost_jobs, self.now)
            {
                self.events.lost_jobs += lost;
                let store_op = StoreOp::Worker(entry.row.clone());
                self.events.store_ops.push(store_op);
            }
        }
    }

    /// Applies all deadlines that are due, in their order; of workers that beat through the store, those until
    /// `horizon`.
    fn apply_due(&mut self, is_due: impl Fn(Timestamp) -> bool, horizon: Timestamp) {
        while let Some((at, _)) = self.deadlines.first() {
            if !is_due(*at) {
                break;
            }
            if let Some((_, id)) = self.deadlines.pop_first() {
                self.apply_due_of(id, &is_due, horizon);
            }
        }
    }

    /// Applies the changes of one worker that are due, and schedules its next deadline.
    fn apply_due_of(
        &mut self,
        id: BeatId,
        is_due: &impl Fn(Timestamp) -> bool,
        horizon: Timestamp,
    ) {
        let timeouts = self.timeouts;
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let is_carried = self.carrier.is_some() && entry.is_carried(&timeouts);
        let is_known = |at| is_due(at) && (!is_carried || at <= horizon);
        entry.deadline = None;
        // Mostly it has beaten since, and only the deadline is another.
        let next = timeouts.earliest_deadline(entry.basis(), entry.since);
        if let Some(at) = next.filter(|at| !is_known(*at)) {
            if is_due(at) {
                self.held.insert(id);
                return;
            }
            // Moved here, when it is reached, and not at each beat: a worker beats many times
            // within one deadline.
            entry.deadline = Some(at);
            self.deadlines.insert((at, id));
            return;
        }
        let id = &id;
        // Several changes may be due at once, each with its own date: late, then offline, then
        // expired.
        while let Some(entry) = self.entries.get(id) {
            match timeouts.next_change(entry.basis(), entry.since) {
                Some((at, state)) if is_known(at) => self.transition(id, state, at),
                // Not scheduled: it would be due at once, again and again.
                Some((at, _)) if is_due(at) => {
                    self.held.insert(id.clone());
                    return;
                }
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
            WorkerState::Expired => self.delete(id),
            WorkerState::Offline => {
                self.state_index.insert(role, to, id);
                self.suspected_lost.insert(id.clone());
            }
            _ => self.state_index.insert(role, to, id),
        }
    }

    /// Removes a worker here and, as an event, from the store.
    fn delete(&mut self, id: &BeatId) {
        if let Some(entry) = self.remove(id) {
            let last_seen = entry.row.last_seen.max(entry.latest_seen);
            let delete = StoreOp::DeleteWorker(entry.row.id, last_seen);
            self.events.store_ops.push(delete);
        }
    }

    /// Removes a worker here.
    pub(super) fn remove(&mut self, id: &BeatId) -> Option<WorkerEntry> {
        self.suspected_lost.remove(id);
        self.held.remove(id);
        let entry = self.entries.remove(id)?;
        self.state_index.remove(entry.row.role, entry.state, id);
        if let Some(deadline) = entry.deadline {
            self.deadlines.remove(&(deadline, id.clone()));
        }
        if !entry.is_proven {
            self.unproven.remove(&entry.unproven_key());
        }
        Some(entry)
    }

    /// Forgets a worker that will not come back, whatever its state; `None` where it is unknown or expired. A
    /// later beat registers it anew.
    pub(crate) fn forget(&mut self, id: &BeatId, now: Timestamp) -> Option<WorkerRow> {
        self.advance_to(now);
        let row = self.remove(id)?.row;
        // A row that waits to be stored would bring it back.
        let is_of_it = |op: &StoreOp| matches!(op, StoreOp::Worker(row) if row.id == *id);
        self.events.store_ops.retain(|op| !is_of_it(op));
        Some(row)
    }

    /// Makes room for another worker, where there is none, at the cost of one that nobody waits for: one that beat
    /// once and not again, else one that is forgotten or said goodbye. One that is expected stays, and so does one
    /// that is offline: ids without end must not hide an outage.
    pub(super) fn make_room(&mut self) -> bool {
        if self.entries.len() < self.timeouts.capacity {
            return true;
        }
        let Some(id) = self.most_dispensable() else {
            return false;
        };
        self.events.evicted += 1;
        self.delete(&id);
        true
    }

    fn most_dispensable(&self) -> Option<BeatId> {
        let silent = self.unproven.first();
        let silent = silent.filter(|(seen, _)| saturating_add(*seen, UNPROVEN_FOR) <= self.now);
        if let Some((_, id)) = silent {
            return Some(id.clone());
        }
        let states = [WorkerState::Forgotten, WorkerState::Stopped];
        let is_expected = |id: &BeatId| self.entries.get(id).is_some_and(|entry| entry.expected);
        let mut sets = states
            .into_iter()
            .flat_map(|state| BeatRole::ALL.map(|role| self.state_index.ids(role, state)));
        sets.find_map(|ids| ids?.iter().find(|id| !is_expected(id)))
            .cloned()
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
            is_proven: true,
            has_beaten_again: true,
            latest_seen: None,
            carried_at: None,
            excuse: None,
            lost_jobs: LostJobs::default(),
            state,
            since,
            deadline: None,
            earlier_boots: VecDeque::new(),
            // The beat that inserts it counts.
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
        let state = self.timeouts.state(entry.basis(), at);
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
    pub(super) fn schedule(&mut self, id: &BeatId) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let next = self.timeouts.next_change(entry.basis(), entry.since);
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
    /// Returns what its state follows from.
    pub(super) const fn basis(&self) -> StateBasis<'_> {
        StateBasis {
            row: &self.row,
            expected: self.expected,
            excuse: self.excuse,
        }
    }

    /// Returns the running jobs that are lost with a worker, and marks them as counted: those whose start was
    /// seen, within the limits of an hour.
    pub(super) fn take_lost_jobs(
        &mut self,
        unproven: &mut LostJobs,
        now: Timestamp,
    ) -> Option<u64> {
        // Jobs beyond their threshold were counted as bad already, when they passed it.
        let running = self.row.progress.in_flight_within_threshold();
        let jobs = running.min(self.row.jobs_seen);
        if self.row.role != BeatRole::Worker || jobs == 0 || self.row.lost {
            return None;
        }
        self.row.lost = true;
        let counted = self.lost_jobs.limit(jobs, now);
        Some(match self.has_beaten_again {
            true => counted,
            false => unproven.limit(counted, now),
        })
    }

    /// Returns the place among the ids that beat once.
    pub(super) fn unproven_key(&self) -> (Timestamp, BeatId) {
        let seen = self.row.last_seen.unwrap_or(self.row.registered_at);
        (seen, self.row.id.clone())
    }

    /// Returns whether nothing is to be done after its row was changed at `at`: its state stays the
    /// same, and so does its place among the deadlines.
    pub(super) fn keeps_state_at(&mut self, timeouts: &StateTimeouts, at: Timestamp) -> bool {
        let is_scheduled = self.deadline.is_some_and(|deadline| {
            let next = timeouts.earliest_deadline(self.basis(), at);
            next.is_none_or(|next| deadline <= next)
        });
        let is_unchanged = is_scheduled && timeouts.state(self.basis(), at) == self.state;
        if is_unchanged {
            self.since = self.since.max(at);
        }
        is_unchanged
    }
}

impl WorkerRow {
    /// Moves the dates that a receiver's clock gave.
    pub(super) fn shift_by(&mut self, step: SignedDuration) {
        self.last_seen = self.last_seen.map(|at| saturating_step(at, step));
        self.progressed_at = self.progressed_at.map(|at| saturating_step(at, step));
        self.registered_at = saturating_step(self.registered_at, step);
    }

    /// Clamps last-seen times to `now`; another host's clock may be ahead, and a last beat in the future would
    /// keep a dead worker online until then.
    pub(super) fn clamp_to(&mut self, now: Timestamp) {
        self.last_seen = self.last_seen.map(|seen| seen.min(now));
        self.progressed_at = self.progressed_at.map(|at| at.min(now));
        self.registered_at = self.registered_at.min(now);
    }
}
