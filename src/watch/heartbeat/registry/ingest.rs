//! What a beat means to what is known of its worker.
//!
//! | a beat of | is |
//! |---|---|
//! | an unknown worker, or one that was only expected | accepted |
//! | the current boot, with a higher sequence | accepted |
//! | the current boot, otherwise | a duplicate, or out of order: it says nothing |
//! | a boot that another has followed | superseded: it says nothing, unless the current one is offline or stopped; and a goodbye of such a boot never says anything |
//! | another boot | a restart |
//!
//! So two processes with one id don't take turns in being the worker: the one that came last is it,
//! until it goes.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::counters::{Reception, Refusal};
use super::state::State;
use super::workers::{Book, Entry};
use crate::model::heartbeat::{Beat, BeatId, Condition, Progress, Role};
use crate::store::WorkerRow;

/// More beats of one worker in a second than that are refused.
const MOST_PER_SECOND: u32 = 20;

/// Boots before the previous one that are remembered.
const EARLIER_BOOTS: usize = 8;

/// What became of a beat.
#[derive(Debug)]
pub(crate) struct Receipt {
    pub(crate) reception: Reception,
    pub(crate) state: State,
    /// Whether the boot before had said goodbye, so that another one is no surprise.
    pub(crate) announced: bool,
    /// What is known now, to be kept; `None` where the beat said nothing new.
    pub(crate) row: Option<WorkerRow>,
}

/// Which boot a beat belongs to.
enum Boot {
    First,
    Current,
    Followed,
    New,
}

impl Book {
    pub(super) fn beat(
        &mut self,
        id: &BeatId,
        beat: Beat,
        now: Timestamp,
    ) -> Result<Receipt, Refusal> {
        self.reach(now);
        let received = self.receive(id, beat);
        let reception = received.as_ref().map(|receipt| receipt.reception);
        self.tally.count(reception.map_err(|refusal| *refusal));
        received
    }

    fn receive(&mut self, id: &BeatId, beat: Beat) -> Result<Receipt, Refusal> {
        let now = self.now;
        let Some(entry) = self.entries.get_mut(id) else {
            return self.welcome(id, beat);
        };
        if !entry.keeps_pace(now) {
            return Err(Refusal::TooFast);
        }
        let reception = entry.judge(&beat);
        if !matches!(reception, Reception::Accepted | Reception::Restarted) {
            return Ok(entry.receipt(reception, false));
        }
        let was = entry.row.role;
        let announced = entry.row.condition == Condition::Stopped;
        self.tidings.lost_jobs += entry.take_in(beat, reception, now);
        if was == entry.row.role && entry.rests(&self.terms, now) {
            return Ok(entry.receipt(reception, true).announced(announced));
        }
        self.renew(id, was, now);
        let entry = self.entries.get(id).ok_or(Refusal::Full)?;
        Ok(entry.receipt(reception, true).announced(announced))
    }

    /// The first beat of somebody unknown.
    fn welcome(&mut self, id: &BeatId, beat: Beat) -> Result<Receipt, Refusal> {
        if self.entries.len() >= self.terms.capacity {
            return Err(Refusal::Full);
        }
        let now = self.now;
        let mut row = registered(id, beat.role, beat.interval, now);
        row.follow(beat, now);
        let state = self.terms.state(&row, false, now);
        self.add(row.clone(), false, state, now);
        Ok(Receipt {
            reception: Reception::Accepted,
            state,
            announced: false,
            row: Some(row),
        })
    }
}

impl Receipt {
    fn announced(self, announced: bool) -> Self {
        Self { announced, ..self }
    }
}

impl Entry {
    /// A sender that has lost its head must not keep the receiver busy.
    fn keeps_pace(&mut self, now: Timestamp) -> bool {
        let second = now.as_second();
        if self.pace.0 != second {
            self.pace = (second, 0);
        }
        self.pace.1 = self.pace.1.saturating_add(1);
        self.pace.1 <= MOST_PER_SECOND
    }

    fn judge(&self, beat: &Beat) -> Reception {
        let gone = matches!(self.state, State::Offline | State::Stopped);
        match self.boot(&beat.boot_id) {
            Boot::First => Reception::Accepted,
            Boot::Current if beat.sequence > self.row.sequence => Reception::Accepted,
            Boot::Current if beat.sequence == self.row.sequence => Reception::Duplicate,
            Boot::Current => Reception::OutOfOrder,
            Boot::Followed if gone && beat.condition != Condition::Stopped => Reception::Accepted,
            Boot::Followed => Reception::Superseded,
            Boot::New => Reception::Restarted,
        }
    }

    fn boot(&self, id: &Arc<str>) -> Boot {
        match &self.row.boot_id {
            None => Boot::First,
            Some(current) if current == id => Boot::Current,
            _ if self.row.previous_boot_id.as_ref() == Some(id) => Boot::Followed,
            _ if self.earlier.contains(id) => Boot::Followed,
            _ => Boot::New,
        }
    }

    /// Makes the beat's news its own; how many jobs were lost.
    fn take_in(&mut self, beat: Beat, reception: Reception, now: Timestamp) -> u64 {
        let mut lost = None;
        if self.row.boot_id.as_ref() != Some(&beat.boot_id) {
            // Without a goodbye, what the boot before ran is lost.
            if self.row.condition != Condition::Stopped {
                lost = self.lose();
            }
            self.change_boot(&beat.boot_id);
        }
        self.row.restarts += u64::from(reception == Reception::Restarted);
        self.row.follow(beat, now);
        lost.unwrap_or_default()
    }

    fn receipt(&self, reception: Reception, news: bool) -> Receipt {
        Receipt {
            reception,
            state: self.state,
            announced: false,
            row: news.then(|| self.row.clone()),
        }
    }

    /// Remembers the boots that were.
    pub(super) fn change_boot(&mut self, to: &Arc<str>) {
        let current = self.row.boot_id.take();
        let previous = std::mem::replace(&mut self.row.previous_boot_id, current);
        self.earlier.extend(previous);
        self.earlier.retain(|boot| boot != to);
        while self.earlier.len() > EARLIER_BOOTS {
            self.earlier.pop_front();
        }
        // What it says of its progress and its jobs is another's.
        self.row.progress = Progress::default();
        self.row.progressed_at = None;
        self.row.lost = false;
    }
}

impl WorkerRow {
    /// Takes in a beat that says something new.
    fn follow(&mut self, beat: Beat, now: Timestamp) {
        if self.progressed_at.is_none() || has_progressed(&self.progress, &beat.progress) {
            self.progressed_at = Some(now);
        }
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
        self.last_seen = self.last_seen.max(Some(now));
        self.interval = beat.interval;
        self.condition = beat.condition;
        self.progress = beat.progress;
        self.clock_skew_ms = beat.sent_at.map(|sent| skew(now, sent));
    }
}

fn has_progressed(before: &Progress, after: &Progress) -> bool {
    before.processed_total != after.processed_total
        || before.last_progress_at != after.last_progress_at
        || (after.has_work() && !before.has_work())
}

/// What is known of somebody who has not beaten.
pub(super) fn registered(id: &BeatId, role: Role, interval: Duration, now: Timestamp) -> WorkerRow {
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
        condition: Condition::Running,
        version: None,
        progress: Progress::default(),
        restarts: 0,
        clock_skew_ms: None,
        lost: false,
    }
}

fn skew(now: Timestamp, sent: Timestamp) -> i64 {
    let millis = now.duration_since(sent).as_millis();
    millis.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}
