//! Beats and stored rows on their way into the registry.
//!
//! | boot of the beat | sequence | outcome |
//! |---|---|---|
//! | first that is known | any | accepted |
//! | current | higher | accepted |
//! | current | equal | duplicate |
//! | current | lower | out of order |
//! | new | any | restarted; without a goodbye, running jobs are lost |
//! | earlier | any, while the worker is offline or stopped | accepted, unless it is a goodbye |
//! | earlier | any, otherwise | superseded |
//!
//! The last but one is for two processes under one id of which one has ended: the other, which was
//! superseded, is then the worker.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::events::{BeatOutcome, BeatRejection, ClockSkew};
use super::state::{StateBasis, WorkerState, saturating_add};
use super::workers::{LostJobs, WorkerEntry, WorkerRegistry};
use crate::model::heartbeat::{Beat, BeatId, BeatProgress, BeatRole, LifecycleState};
use crate::store::WorkerRow;

/// More beats of one worker in a second than that are refused.
/// A process that beats in a loop would otherwise keep the store busy.
const MAX_BEATS_PER_SECOND: u32 = 20;

/// Running jobs that are believed by the first beat of a boot: it comes when the worker starts.
const MAX_JOBS_AT_FIRST: u64 = 100;

/// Running jobs of one worker that are believed at all.
const MAX_JOBS_SEEN: u64 = 1_000;

/// Boots before the previous one that are remembered.
/// A late beat is a matter of seconds; a worker that restarts eight times in that time has other
/// troubles.
const MAX_EARLIER_BOOTS: usize = 8;

/// The result of a beat.
#[derive(Debug)]
pub(crate) struct BeatReceipt {
    pub(crate) outcome: BeatOutcome,
    pub(crate) state: WorkerState,
    /// `true` if the boot before ended with a goodbye, so that another one is expected.
    pub(crate) after_goodbye: bool,
    /// The updated row, to be stored; `None` where the beat said nothing new.
    pub(crate) row: Option<WorkerRow>,
}

/// The relation of a beat's boot to the worker's boots.
enum BootMatch {
    First,
    Current,
    Superseded,
    New,
}

impl WorkerRegistry {
    /// Updates a worker from a beat.
    ///
    /// # Errors
    ///
    /// When there is no room for another worker, or one beats far too often.
    pub(crate) fn ingest(
        &mut self,
        id: &BeatId,
        beat: Beat,
        now: Timestamp,
    ) -> Result<BeatReceipt, BeatRejection> {
        self.advance_to(now);
        let result = self.receive(id, beat);
        let outcome = result.as_ref().map(|receipt| receipt.outcome);
        if result.as_ref().is_ok_and(|receipt| receipt.row.is_some()) {
            self.check_clock(id);
        }
        self.counters.record(outcome.map_err(|refusal| *refusal));
        result
    }

    /// Applies a beat at the registry's time, which has been advanced.
    fn receive(&mut self, id: &BeatId, beat: Beat) -> Result<BeatReceipt, BeatRejection> {
        let now = self.now;
        let Some(entry) = self.entries.get_mut(id) else {
            return self.insert_new(id, beat);
        };
        // Before anything is compared or cloned: refusing must be cheap.
        if !entry.check_rate(now) {
            return Err(BeatRejection::TooFast);
        }
        let outcome = entry.classify(&beat);
        if !matches!(outcome, BeatOutcome::Accepted | BeatOutcome::Restarted) {
            return Ok(entry.receipt(outcome));
        }
        let old_role = entry.row.role;
        let after_goodbye = entry.row.condition == LifecycleState::Stopped;
        let receipt = |entry: &WorkerEntry| BeatReceipt {
            after_goodbye,
            row: Some(entry.row.clone()),
            ..entry.receipt(outcome)
        };
        if !std::mem::replace(&mut entry.is_proven, true) {
            self.unproven.remove(&entry.unproven_key());
        }
        self.events.lost_jobs += entry.apply_beat(beat, outcome, &mut self.unproven_lost_jobs, now);
        // The usual case, and the reason that a beat costs no search among deadlines.
        if old_role == entry.row.role && entry.keeps_state_at(&self.timeouts, now) {
            return Ok(receipt(entry));
        }
        self.update_state(id, old_role, now);
        let entry = self.entries.get(id).ok_or(BeatRejection::Full)?;
        Ok(receipt(entry))
    }

    /// Notes that a worker's clock is off: once, until it was right again.
    fn check_clock(&mut self, id: &BeatId) {
        let Some(entry) = self.entries.get_mut(id) else {
            return;
        };
        let millis = entry.row.clock_skew_ms.unwrap_or_default();
        if millis.unsigned_abs() > ClockSkew::MAX_MILLIS {
            if !std::mem::replace(&mut entry.skew_told, true) {
                let id = id.clone();
                self.events.push_clock_skew(ClockSkew { id, millis });
            }
        // Half, so that a clock around the limit is not told again and again.
        } else if millis.unsigned_abs() <= ClockSkew::MAX_MILLIS / 2 {
            entry.skew_told = false;
        }
    }

    /// Inserts an unknown worker with its first beat.
    fn insert_new(&mut self, id: &BeatId, beat: Beat) -> Result<BeatReceipt, BeatRejection> {
        if !self.make_room() {
            return Err(BeatRejection::Full);
        }
        let now = self.now;
        let mut row = new_row(id, beat.role, beat.interval, now);
        row.update(beat, now);
        let expected = self.expected.contains(id);
        let basis = StateBasis {
            row: &row,
            expected,
            excuse: None,
        };
        let state = self.timeouts.state(basis, now);
        self.insert(row.clone(), expected, state, now);
        self.set_proof(id, expected, false);
        Ok(BeatReceipt {
            outcome: BeatOutcome::Accepted,
            state,
            after_goodbye: false,
            row: Some(row),
        })
    }

    /// Notes what is believed of a worker that was just inserted.
    fn set_proof(&mut self, id: &BeatId, is_proven: bool, has_beaten_again: bool) {
        if let Some(entry) = self.entries.get_mut(id) {
            (entry.is_proven, entry.has_beaten_again) = (is_proven, has_beaten_again);
            if !is_proven {
                self.unproven.insert(entry.unproven_key());
            }
        }
    }
}

impl WorkerEntry {
    /// Rate-limits a worker that beats too often.
    fn check_rate(&mut self, now: Timestamp) -> bool {
        let second = now.as_second();
        if self.beat_rate.0 != second {
            self.beat_rate = (second, 0);
        }
        self.beat_rate.1 = self.beat_rate.1.saturating_add(1);
        self.beat_rate.1 <= MAX_BEATS_PER_SECOND
    }

    /// Classifies a beat by its boot and sequence, without changing anything.
    fn classify(&self, beat: &Beat) -> BeatOutcome {
        match self.match_boot(&beat.boot_id) {
            BootMatch::First => BeatOutcome::Accepted,
            BootMatch::Current if beat.sequence > self.row.sequence => BeatOutcome::Accepted,
            BootMatch::Current if beat.sequence == self.row.sequence => BeatOutcome::Duplicate,
            BootMatch::Current => BeatOutcome::OutOfOrder,
            BootMatch::Superseded if self.is_gone() && beat.state != LifecycleState::Stopped => {
                BeatOutcome::Accepted
            }
            BootMatch::Superseded => BeatOutcome::Superseded,
            BootMatch::New => BeatOutcome::Restarted,
        }
    }

    /// Finds out which of the worker's boots a beat is of.
    fn match_boot(&self, id: &Arc<str>) -> BootMatch {
        match &self.row.boot_id {
            None => BootMatch::First,
            Some(current) if current == id => BootMatch::Current,
            _ if self.row.previous_boot_id.as_ref() == Some(id) => BootMatch::Superseded,
            _ if self.earlier_boots.contains(id) => BootMatch::Superseded,
            _ => BootMatch::New,
        }
    }

    /// Applies an accepted beat; returns the number of lost jobs.
    fn apply_beat(
        &mut self,
        beat: Beat,
        outcome: BeatOutcome,
        unproven: &mut LostJobs,
        now: Timestamp,
    ) -> u64 {
        let mut lost = None;
        let is_same_boot = self.row.boot_id.as_ref() == Some(&beat.boot_id);
        if !is_same_boot {
            // Without a goodbye, what the boot before ran is lost.
            if self.row.condition != LifecycleState::Stopped {
                lost = self.take_lost_jobs(unproven, now);
            }
            self.change_boot(&beat.boot_id);
        }
        self.row.restarts += u64::from(outcome == BeatOutcome::Restarted);
        self.row.update(beat, now);
        self.has_beaten_again = is_same_boot;
        lost.unwrap_or_default()
    }

    /// Returns the receipt of a beat that said nothing new.
    fn receipt(&self, outcome: BeatOutcome) -> BeatReceipt {
        BeatReceipt {
            outcome,
            state: self.state,
            after_goodbye: false,
            row: None,
        }
    }

    /// Changes the current boot and remembers the ones before.
    pub(super) fn change_boot(&mut self, to: &Arc<str>) {
        let current = self.row.boot_id.take();
        let previous = std::mem::replace(&mut self.row.previous_boot_id, current);
        self.earlier_boots.extend(previous);
        self.earlier_boots.retain(|boot| boot != to);
        while self.earlier_boots.len() > MAX_EARLIER_BOOTS {
            self.earlier_boots.pop_front();
        }
        // What it says of its progress and its jobs is another's.
        self.row.progress = BeatProgress::default();
        self.row.jobs_seen = 0;
        self.row.progressed_at = None;
        self.row.lost = false;
    }
}

impl WorkerRow {
    /// Updates the row from an accepted beat.
    fn update(&mut self, beat: Beat, now: Timestamp) {
        if self.progressed_at.is_none() || has_progressed(&self.progress, &beat.progress) {
            self.progressed_at = Some(now);
        }
        self.jobs_seen = self.count_jobs_seen(&beat);
        // Nothing runs any more that could have been counted as lost.
        self.lost &= beat.progress.in_flight > 0;
        self.role = beat.role;
        if self.boot_id.as_ref() != Some(&beat.boot_id) {
            self.boot_id = Some(beat.boot_id);
        }
        if self.version != beat.version {
            self.version = beat.version;
        }
        self.sequence = beat.sequence;
        // A row of another receiver may be ahead by a little.
        self.last_seen = self.last_seen.max(Some(now));
        self.interval = beat.interval;
        self.condition = beat.state;
        self.progress = beat.progress;
        self.clock_skew_ms = beat.sent_at.map(|sent| clock_skew_ms(now, sent));
    }

    /// Returns how many of the jobs that run by this beat were seen to start: between two beats of a boot, or
    /// before its first one.
    fn count_jobs_seen(&self, beat: &Beat) -> u64 {
        let started =
            |progress: &BeatProgress| progress.processed_total.saturating_add(progress.in_flight);
        let since = if self.boot_id.as_ref() == Some(&beat.boot_id) {
            started(&beat.progress).saturating_sub(started(&self.progress))
        } else {
            MAX_JOBS_AT_FIRST
        };
        let seen = self.jobs_seen.saturating_add(since).min(MAX_JOBS_SEEN);
        seen.min(beat.progress.in_flight)
    }
}

/// Returns whether work was done between two beats; beginning to work counts, so that an idle
/// worker does not stall with its first job.
fn has_progressed(before: &BeatProgress, after: &BeatProgress) -> bool {
    before.processed_total != after.processed_total
        || before.last_progress_at != after.last_progress_at
        || (after.has_work() && !before.has_work())
}

/// Returns the row of a worker that has not beaten.
pub(super) fn new_row(
    id: &BeatId,
    role: BeatRole,
    interval: Duration,
    now: Timestamp,
) -> WorkerRow {
    WorkerRow {
        id: id.clone(),
        role,
        boot_id: None,
        previous_boot_id: None,
        sequence: 0,
        registered_at: now,
        last_seen: None,
        progressed_at: None,
        interval,
        condition: LifecycleState::Running,
        version: None,
        progress: BeatProgress::default(),
        jobs_seen: 0,
        restarts: 0,
        clock_skew_ms: None,
        lost: false,
        forgotten_at: None,
    }
}

/// Returns the receiver's time minus the sender's, in milliseconds; the way of the beat is a part
/// of it.
fn clock_skew_ms(now: Timestamp, sent: Timestamp) -> i64 {
    let millis = now.duration_since(sent).as_millis();
    millis.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

impl WorkerRegistry {
    /// Merges what a store knows, where it is newer. Returns the number of rows that there was no room for.
    /// Nothing becomes due by it: that is [`advance`](Self::advance)'s part.
    pub(crate) fn merge(&mut self, rows: Vec<WorkerRow>, now: Timestamp) -> u64 {
        self.merge_all(rows, now, false)
    }

    /// Merges as [`merge`](Self::merge) does what a store got since it was read before, a moment ago: a worker that
    /// is unknown here and has an old date was heard by a receiver whose clock is behind.
    pub(crate) fn merge_changes(&mut self, rows: Vec<WorkerRow>, now: Timestamp) -> u64 {
        self.merge_all(rows, now, true)
    }

    fn merge_all(&mut self, rows: Vec<WorkerRow>, now: Timestamp, are_recent: bool) -> u64 {
        let now = now.max(self.now);
        let mut refused = 0;
        for mut row in rows {
            // Before the dates are moved, by which two of them may become the same.
            let has_beaten_again = row.last_seen > Some(row.registered_at);
            // Another receiver's clock may be ahead.
            row.clamp_to(now);
            let is_known = self.entries.contains_key(&row.id);
            if are_recent && !is_known {
                self.follow_clock_behind(&mut row, now);
            }
            refused += u64::from(!self.merge_one(row, has_beaten_again, now));
        }
        self.counters.full += refused;
        refused
    }

    /// Moves the dates of a row that was stored a moment ago and would be offline by them.
    fn follow_clock_behind(&self, row: &mut WorkerRow, now: Timestamp) {
        let heard_at = row.last_seen.unwrap_or(row.registered_at);
        if saturating_add(heard_at, self.timeouts.offline_after) <= now {
            row.shift_by(now.duration_since(heard_at));
        }
    }

    /// Merges one row; returns false where there is no room for it.
    fn merge_one(&mut self, mut row: WorkerRow, has_beaten_again: bool, now: Timestamp) -> bool {
        let id = row.id.clone();
        if row.forgotten_at.is_some() {
            let known = self.entries.get(&id);
            if known.is_some_and(|known| row.supersedes(&known.row)) {
                let _ = self.remove(&id);
            }
            return true;
        }
        let Some(entry) = self.entries.get_mut(&id) else {
            return self.insert_stored(row, has_beaten_again, now);
        };
        let registered_at = entry.row.registered_at.min(row.registered_at);
        entry.row.registered_at = registered_at;
        // The store's rule, so that all receivers and the store agree on which row is newer.
        if !row.supersedes(&entry.row) {
            entry.merge_older(row);
            self.update_new(&id);
            return true;
        }
        let is_same_boot = row.boot_id == entry.row.boot_id;
        if is_same_boot && row.sequence == entry.row.sequence {
            // The same beat, of which another receiver counted the lost jobs: its dates are of another clock, and it
            // says nothing new of its sender.
            if row.lost && !std::mem::replace(&mut entry.row.lost, true) {
                // That receiver could read the store, and found it offline.
                entry.excuse = None;
                let (role, heard_at) = (entry.row.role, entry.row.last_seen);
                self.update_state(&id, role, heard_at.unwrap_or(registered_at));
            }
            return true;
        }
        if !std::mem::replace(&mut entry.is_proven, true) {
            self.unproven.remove(&entry.unproven_key());
        }
        entry.has_beaten_again = is_same_boot;
        // A newer beat with an older date: the receiver that got it has another clock. It was read soon after.
        if let Some(seen) = row.last_seen
            && Some(seen) < entry.row.last_seen
        {
            row.shift_by(now.duration_since(seen));
        }
        let (old_role, seen_at) = (entry.row.role, row.last_seen.unwrap_or(row.registered_at));
        if let Some(boot) = row.boot_id.as_ref()
            && entry.row.boot_id.as_ref() != Some(boot)
        {
            entry.change_boot(boot);
        }
        entry.carried_at = row.last_seen.or(entry.carried_at);
        entry.row = WorkerRow {
            registered_at,
            ..row
        };
        // As of when it was seen, and not of now: what has changed since gets its own date.
        self.update_state(&id, old_role, seen_at);
        true
    }

    /// Updates the state of a new worker: an earlier registration can bring a deadline nearer.
    fn update_new(&mut self, id: &BeatId) {
        if let Some(entry) = self.entries.get(id)
            && entry.state == WorkerState::New
        {
            let (role, since) = (entry.row.role, entry.since);
            self.update_state(id, role, since);
        }
    }

    /// Inserts an unknown worker from a store. Its state is the one right after it was heard of, so
    /// that whatever changed since is found with its date.
    ///
    /// A row tells no more of its sender than its dates do: an id that beat once is as doubtful after a restart, or
    /// at another receiver, as it was before.
    fn insert_stored(&mut self, row: WorkerRow, has_beaten_again: bool, now: Timestamp) -> bool {
        if self.entries.len() >= self.timeouts.capacity {
            // Those who have expired meanwhile make room.
            self.advance_to(now);
        }
        if !self.make_room() {
            return false;
        }
        let heard_at = row.last_seen.unwrap_or(row.registered_at);
        let id = row.id.clone();
        let expected = self.expected.contains(&id);
        let is_proven = has_beaten_again || expected || row.last_seen.is_none();
        // The beats before may have been of other boots.
        let has_beaten_again = has_beaten_again && row.restarts == 0;
        let basis = StateBasis {
            row: &row,
            expected,
            excuse: None,
        };
        let state = self.timeouts.state(basis, heard_at);
        let carried_at = row.last_seen;
        self.insert(row, expected, state, heard_at);
        self.set_proof(&id, is_proven, has_beaten_again);
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.carried_at = carried_at;
        }
        true
    }

    /// Marks a worker as expected: it is missed also when it never beats, and never forgotten. Returns
    /// the row to be stored, where it is new.
    pub(crate) fn register_expected(
        &mut self,
        id: &BeatId,
        role: BeatRole,
        now: Timestamp,
    ) -> Option<WorkerRow> {
        self.advance_to(now);
        let now = self.now;
        self.expected.insert(id.clone());
        if let Some(entry) = self.entries.get_mut(id) {
            entry.expected = true;
            if !std::mem::replace(&mut entry.is_proven, true) {
                self.unproven.remove(&entry.unproven_key());
            }
            return None;
        }
        // Whoever is expected is part of the configuration, and not of the flood that the capacity
        // is there for.
        let row = new_row(id, role, Beat::DEFAULT_INTERVAL, now);
        self.insert(row.clone(), true, WorkerState::New, now);
        Some(row)
    }
}

impl WorkerEntry {
    /// Merges the history of a row that is older than the known one: a worker may have beaten
    /// here before the store had answered.
    fn merge_older(&mut self, older: WorkerRow) {
        if self.row.boot_id == older.boot_id {
            self.row.restarts = self.row.restarts.max(older.restarts);
            if self.row.previous_boot_id.is_none() {
                self.row.previous_boot_id = older.previous_boot_id;
            }
        } else if self.row.previous_boot_id.is_none() && older.boot_id.is_some() {
            self.row.restarts = self.row.restarts.max(older.restarts + 1);
            self.row.previous_boot_id = older.boot_id;
        }
    }
}
