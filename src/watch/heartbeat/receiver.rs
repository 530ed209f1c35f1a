//! The receiver's side: what arrives is put into the roster, what changes into the store, and what it
//! means for the objectives into the ledger.

mod log;
mod store_sync;

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use self::log::Restarts;
use self::store_sync::Others;
use super::registry::{Receipt, Reception as Arrived, Refusal, Roster, SliceCount, Terms};
use super::sink::Desk;
use crate::background::log_sink::Voice;
use crate::config::{Config, Role};
use crate::model::heartbeat::{Beat, BeatId, Role as Sender};
use crate::model::slo::{Kind, Service};
use crate::record::clock::Clock;
use crate::record::slo_events::Ledger;
use crate::store::{Change, Keeper};

/// What one look may count as lost: a beat can say anything, and a count that overflows is lost itself.
const MOST_LOST: u64 = 1_000_000;

/// Where beats arrive, from this process and from others.
#[derive(Debug)]
pub(crate) struct Reception {
    clock: Clock,
    keeper: Keeper,
    roster: Roster,
    ledger: Ledger,
    others: Mutex<Others>,
    restarts: Mutex<Restarts>,
}

impl Reception {
    pub(crate) fn new(config: &Config, clock: Clock, keeper: Keeper, ledger: Ledger) -> Self {
        let roles = &config.service.roles;
        let reads = roles
            .iter()
            .any(|role| matches!(role, Role::Api | Role::Web));
        let others = Others::new(config, keeper.clone(), reads);
        let roster = Roster::new(Terms::of(&config.heartbeat), timestamp(&clock));
        roster.lead(others.has_lead());
        let reception = Self {
            clock,
            keeper,
            roster,
            ledger,
            others: Mutex::new(others),
            restarts: Mutex::default(),
        };
        reception.expect(&config.heartbeat.expected);
        reception
    }

    /// Takes in a beat, wherever it came from.
    ///
    /// # Errors
    ///
    /// When there is no room for another worker, or one beats far too often.
    pub(crate) fn take(&self, id: &BeatId, beat: Beat) -> Result<Receipt, Refusal> {
        let receipt = self.roster.beat(id, beat, self.now())?;
        if let Some(row) = &receipt.row {
            self.keeper.keep(Change::Worker(row.clone()));
        }
        if receipt.reception == Arrived::Restarted && !receipt.announced {
            lock(&self.restarts).add(id);
        }
        Ok(receipt)
    }

    pub(crate) const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The receiver's time of day.
    pub(crate) fn now(&self) -> Timestamp {
        timestamp(&self.clock)
    }

    fn expect(&self, ids: &[String]) {
        let now = self.now();
        for id in ids.iter().filter_map(|id| BeatId::parse(id)) {
            if let Some(row) = self.roster.expect(&id, Sender::Worker, now) {
                self.keeper.keep(Change::Worker(row));
            }
        }
    }

    fn count(&self, slices: SliceCount, lost_jobs: u64) {
        if slices != SliceCount::default()
            && let Some(account) = self.ledger.open_slices(&Service::Workers)
        {
            account.add(true, slices.good);
            account.add(false, slices.bad);
        }
        if lost_jobs > 0
            && let Some(account) = self.ledger.open(Kind::ProcessingTime)
        {
            account.add(false, lost_jobs.min(MOST_LOST));
        }
    }
}

impl Desk for Reception {
    fn receive(&self, id: &BeatId, beat: Beat) {
        if let Some(row) = lock(&self.others).recognise(id) {
            self.roster.merge(vec![row], self.now());
        }
        // What was refused is counted by the roster.
        let _ = self.take(id, beat);
    }

    fn tick(&self, voice: &Voice) {
        let (mut others, now) = (lock(&self.others), self.now());
        let ours = |id: &BeatId| self.roster.view(id, now).is_some();
        if let Some(rows) = others.ask(self.clock.now(), ours) {
            self.roster.merge(rows, now);
        }
        if !others.is_ready() {
            // Who beat before the start would be missed, or forgotten, before they are known.
            return;
        }
        self.roster.lead(others.has_lead());
        let tidings = self.roster.advance(self.now());
        self.count(tidings.slices, tidings.lost_jobs);
        for change in tidings.changes {
            self.keeper.keep(change);
        }
        log::tell(voice, tidings.transitions, tidings.unsaid);
        std::mem::take(&mut *lock(&self.restarts)).tell(voice);
        log::tell_lost(voice, tidings.lost_jobs);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn timestamp(clock: &Clock) -> Timestamp {
    Timestamp::try_from(clock.wall()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
