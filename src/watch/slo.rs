//! What became of each objective: samples of the ledger, kept as cumulative slices, and what follows
//! from them.
//!
//! Time is an argument of everything but [`Tracker::tick`], and everything below it is plain
//! arithmetic, so that a month can be played in a test.

mod alert;
mod change;
mod evaluate;
#[cfg(feature = "otlp")]
pub mod fleet;
mod history;
mod history_loader;
mod records;
mod ring;
mod slices;
#[cfg(feature = "cli")]
pub mod stored;
mod tiers;

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

use jiff::Timestamp;

pub use change::SloAlertChange;
#[cfg(feature = "otlp")]
pub(crate) use fleet::refresh::{Refresh, place as fleet_place};
pub(crate) use history_loader::Kept;

use self::evaluate::{Tracked, interval_of};
use self::history::Reading;
use self::history_loader::Past;
use self::slices::Slices;
use self::tiers::intervals;
use crate::background::notify::News;
use crate::config;
use crate::model::slo::report::{Report, Source};
use crate::model::slo::{Objectives, Service};
use crate::model::snapshot::health::LatestHealth;
use crate::model::snapshot::slo::LatestSlo;
use crate::record::clock::Clock;
use crate::record::slo_events::{Account, Ledger};
use crate::store::Change;

/// How often to see whether a sampling interval is over, at most.
const LOOK: Duration = Duration::from_secs(1);

/// Tracks the objectives of a process. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Tracker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    config: config::Slo,
    ledger: Ledger,
    health: LatestHealth,
    latest: LatestSlo,
    state: Mutex<State>,
    news: News<SloAlertChange>,
}

#[derive(Debug)]
struct State {
    tracked: Vec<Tracked>,
    slices: Slices,
    sampled: Option<u64>,
    past: Past,
}

impl Tracker {
    /// Without a place to keep slices in, what is tracked ends with the process.
    pub(crate) fn new(
        clock: Clock,
        config: config::Slo,
        objectives: &Objectives,
        ledger: Ledger,
        health: LatestHealth,
        latest: LatestSlo,
        kept: Option<Kept>,
    ) -> Self {
        let policy = config.alert_policy();
        let (interval, slice) = (config.sample_interval, config.slice);
        let tracked = |objective| Tracked::new(objective, interval, slice, &policy);
        let state = State {
            tracked: objectives.iter().map(tracked).collect(),
            slices: Slices::new(intervals(slice, interval)),
            sampled: None,
            past: Past::new(kept),
        };
        Self(Arc::new(Inner {
            clock,
            config,
            ledger,
            health,
            latest,
            state: Mutex::new(state),
            news: News::default(),
        }))
    }

    /// Samples and judges everything, if a sampling interval is over. Nothing is judged before the store
    /// has told the past.
    pub(crate) fn tick(&self) {
        let inner = &self.0;
        let Ok(now) = Timestamp::try_from(inner.clock.wall()) else {
            return;
        };
        let at = interval_of(now, inner.config.sample_interval);
        let mut state = inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        let restored = inner.restore(&mut state, now);
        let sampled = state.sampled.replace(at) != Some(at);
        if sampled {
            inner.judge_slice(&mut state, at);
            inner.sample(&mut state, now);
        }
        if (sampled || restored) && state.past.is_ready(inner.clock.now()) {
            let changes = inner.judge(&mut state, now);
            inner.latest.publish(inner.report(&mut state, now));
            // In their order, and so before another thread may judge.
            let untold = inner.news.post(changes);
            drop(state);
            inner.news.tell(&untold);
        }
    }

    /// The last look before the store is told for the last time what to keep, so that an orderly end
    /// loses none of the events since the look before.
    pub(crate) fn conclude(&self) {
        let inner = &self.0;
        let Ok(now) = Timestamp::try_from(inner.clock.wall()) else {
            return;
        };
        let mut state = inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        inner.restore(&mut state, now);
        inner.sample(&mut state, now);
    }

    /// A report of this moment.
    #[cfg(feature = "testing")]
    pub(crate) fn report(&self) -> Report {
        let inner = &self.0;
        let now = Timestamp::try_from(inner.clock.wall()).unwrap_or(Timestamp::MIN);
        let mut state = inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        inner.report(&mut state, now)
    }

    /// Starts the loop on a thread of its own; it ends when the answer is dropped.
    pub(crate) fn start(&self) -> io::Result<SyncSender<()>> {
        self.0.news.start()?;
        let (stop, stopped) = sync_channel(0);
        let tracker = self.clone();
        let look = self.0.config.sample_interval.min(LOOK);
        thread::Builder::new()
            .name("vantage-slo".into())
            .spawn(move || {
                while stopped.recv_timeout(look) == Err(RecvTimeoutError::Timeout) {
                    tracker.tick();
                }
            })?;
        Ok(stop)
    }

    pub(crate) fn on_change(&self, callback: impl Fn(&SloAlertChange) + Send + Sync + 'static) {
        self.0.news.subscribe(Arc::new(callback));
    }

    /// The latest report, if the objectives were judged yet.
    pub(crate) fn latest(&self) -> &LatestSlo {
        &self.0.latest
    }
}

impl Inner {
    /// Counts the slice that has just ended into its account, before the accounts are sampled.
    fn judge_slice(&self, state: &mut State, at: u64) {
        let Some(requests) = self.ledger.requests() else {
            return;
        };
        let ready = self.health.read().judge(self.clock.now()).ready;
        // Opened by the first look and not by the first slice: a scraper sees it start at zero.
        let account = self.ledger.open_slices(&Service::Api);
        let verdict = state.slices.look(at, reading(requests), ready);
        if let (Some(account), Some(good)) = (account, verdict) {
            account.count(good);
        }
    }

    /// Takes up what earlier processes kept, if the store has just told it.
    fn restore(&self, state: &mut State, now: Timestamp) -> bool {
        let State { tracked, past, .. } = state;
        tracked.iter_mut().for_each(|tracked| tracked.begin(now));
        let since = tracked.iter().map(|tracked| tracked.since(now)).min();
        let Some(told) = past.ask(self.clock.now(), since.unwrap_or(now)) else {
            return false;
        };
        for tracked in tracked {
            if let Some(shared) = tracked.restore(&told.slices) {
                past.keep(|instance| tracked.row(instance, shared).map(Change::Slice));
            }
            tracked.recall(&told.notes);
        }
        true
    }

    fn sample(&self, state: &mut State, now: Timestamp) {
        let State { tracked, past, .. } = state;
        for tracked in tracked {
            let mut opened = self.ledger.opened();
            let Some(account) = opened.find(|account| account.objective() == tracked.id()) else {
                continue;
            };
            for row in tracked.sample(now, reading(account)) {
                past.keep(|instance| tracked.row(instance, row).map(Change::Slice));
            }
        }
    }

    /// What is raised now and was not before.
    fn judge(&self, state: &mut State, now: Timestamp) -> Vec<SloAlertChange> {
        let opened = |tracked: &&mut Tracked| {
            let mut opened = self.ledger.opened();
            opened.any(|account| account.objective() == tracked.id())
        };
        let State { tracked, past, .. } = state;
        let judged = tracked.iter_mut().filter(opened);
        let changes = judged.filter_map(|tracked| {
            let from = tracked.look(now, &self.config.maintenance);
            past.keep(|instance| tracked.note(instance, now).map(Change::Note));
            let from = from?;
            Some(SloAlertChange {
                objective: tracked.id().into(),
                from,
                to: tracked.alarm().shown(),
            })
        });
        changes.collect()
    }

    fn report(&self, state: &mut State, now: Timestamp) -> Report {
        let mut report = Report::new(now, Source::Local);
        let maintenance = &self.config.maintenance;
        let judged = |tracked: &mut Tracked| {
            let mut report = tracked.report(now, maintenance);
            report.burn_down = tracked.course(&report, now, maintenance);
            report
        };
        report.objectives = state.tracked.iter_mut().map(judged).collect();
        report
    }
}

fn reading(account: &Account) -> Reading {
    Reading {
        good: account.good(),
        bad: account.bad(),
    }
}

#[cfg(test)]
mod tests;
