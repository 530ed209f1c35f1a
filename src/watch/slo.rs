//! The state of each objective: sampled event counters, kept as cumulative slices, and the reports and
//! alerts that follow from them.
//!
//! Time is an argument of everything but [`SloTracker::tick`], and everything below it is plain
//! arithmetic, so that a month can be played in a test.
//!
//! | | written by | read by |
//! |---|---|---|
//! | counters of events | recording | the tracker, each sampling interval |
//! | history | the tracker, the store at the start | windows, reports |
//! | alert | the tracker | reports, callbacks, the store |
//! | report | the tracker | routes, pages, metrics |

mod alert;
mod bad_slices;
mod change;
mod counted;
mod evaluate;
#[cfg(feature = "otlp")]
pub mod fleet;
mod history;
mod history_loader;
mod objective_state;
mod records;
mod ring;
mod slices;
mod steady_line;
#[cfg(feature = "cli")]
pub mod stored;
mod tiers;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use change::SloAlertChange;
#[cfg(feature = "otlp")]
pub(crate) use fleet::refresh::{FleetRefresher, latest_fleet};
pub(crate) use history_loader::SloStore;

use self::bad_slices::BadSlices;
use self::history::CounterSample;
use self::history_loader::HistoryLoader;
use self::objective_state::{ObjectiveState, interval_at};
use self::slices::SliceEvaluator;
use self::tiers::intervals;
use crate::background::Supervisor;
use crate::background::notify::Notifier;
use crate::background::thread::LoopGuard;
use crate::background::user_code::HangingCalls;
use crate::config;
use crate::model::slo::report::{ReportSource, SloReport};
use crate::model::slo::{Objectives, ServiceKey};
use crate::model::snapshot::health::LatestHealth;
use crate::model::snapshot::slo::{LatestSloReport, SliceOutcomes};
use crate::record::clock::{Clock, ClockReading, ClockSteps};
use crate::record::slo_events::{ObjectiveCounters, SloEvents};
use crate::record::sync::lock;
use crate::store::StoreOp;
use crate::watch::heartbeat::HeartbeatReceiver;

/// The longest interval between two checks whether a sampling interval is over.
const TICK_INTERVAL: Duration = Duration::from_secs(1);

/// The tracker of a process's objectives. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct SloTracker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    config: config::SloConfig,
    slo_events: SloEvents,
    health: LatestHealth,
    latest: LatestSloReport,
    /// Counts the slices of workers.
    workers: Option<Arc<HeartbeatReceiver>>,
    state: Mutex<TrackerState>,
    notifier: Notifier<SloAlertChange>,
}

#[derive(Debug)]
struct TrackerState {
    objectives: Vec<ObjectiveState>,
    /// Of `api.availability`, which counts slices and not requests.
    slice_evaluator: SliceEvaluator,
    bad_slices: BadSlices,
    /// The interval of the last sample, so that each is sampled once however often the loop runs.
    last_interval: Option<u64>,
    history_loader: HistoryLoader,
    clock_steps: ClockSteps,
    /// True if the store's slices were of the future when they were loaded: a clock that was behind then is right
    /// after a step forward, and they are what came before.
    clock_is_behind: bool,
}

impl SloTracker {
    /// Returns a tracker of `objectives`. Without a `slo_store` the history ends with the process.
    pub(crate) fn new(
        clock: Clock,
        config: config::SloConfig,
        objectives: &Objectives,
        slo_events: SloEvents,
        health: LatestHealth,
        latest: LatestSloReport,
        slo_store: Option<SloStore>,
    ) -> Self {
        let policy = config.alert_policy();
        let (interval, slice) = (config.sample_interval, config.slice);
        let objective = |objective| ObjectiveState::new(objective, interval, slice, &policy);
        let slice_evaluator = SliceEvaluator::new(intervals(slice, interval));
        let state = TrackerState {
            objectives: objectives.iter().map(objective).collect(),
            bad_slices: BadSlices::new(interval, slice_evaluator.intervals_per_slice()),
            slice_evaluator,
            last_interval: None,
            history_loader: HistoryLoader::new(slo_store),
            clock_steps: ClockSteps::default(),
            clock_is_behind: false,
        };
        Self(Arc::new(Inner {
            clock,
            config,
            slo_events,
            health,
            latest,
            workers: None,
            state: Mutex::new(state),
            notifier: Notifier::default(),
        }))
    }

    /// Has the slices of workers counted before each sample and each start and end of maintenance, to which they
    /// would otherwise belong or not by chance.
    pub(crate) fn with_workers(mut self, receiver: &Arc<HeartbeatReceiver>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.workers = Some(Arc::clone(receiver));
        }
        self
    }

    /// Samples and evaluates every objective if a sampling interval is over. Nothing is evaluated before the
    /// history is loaded from the store.
    pub(crate) fn tick(&self) {
        let inner = &self.0;
        if let Some(workers) = &inner.workers {
            workers.count_ended_slices();
        }
        let mut state = lock(&inner.state);
        let now = state.follow_clocks(inner.clock.read());
        let at = interval_at(now, inner.config.sample_interval);
        let restored = inner.restore(&mut state, now);
        // Different and not later: a clock that was set back goes on being sampled.
        let sampled = state.last_interval.replace(at) != Some(at);
        if sampled {
            // Before the counters, so that a slice that ends now is in this sample.
            inner.evaluate_slice(&mut state, at);
        }
        // After the slice that has just ended, which is recorded at its end: one that ends with maintenance
        // belongs to it, and one that ends at its start does not.
        let maintenance = &inner.config.maintenance;
        inner.slo_events.update_maintenance(maintenance, now);
        if sampled {
            inner.sample(&mut state, now);
        }
        if (sampled || restored) && state.history_loader.is_ready(inner.clock.now()) {
            let changes = inner.evaluate_alerts(&mut state, now);
            // Within the lock, for the same reason as below.
            inner.latest.publish(inner.report(&mut state, now));
            // In their order, and so before another thread may evaluate.
            let queued = inner.notifier.send(changes);
            drop(state);
            inner.notifier.notify(&queued);
        }
    }

    /// Takes a last sample before the last write to the store, so that an orderly shutdown loses none of the
    /// events since the sample before.
    pub(crate) fn take_final_sample(&self) {
        let inner = &self.0;
        let mut state = lock(&inner.state);
        let now = state.follow_clocks(inner.clock.read());
        inner.restore(&mut state, now);
        inner.sample(&mut state, now);
    }

    /// Returns a report of this moment.
    #[cfg(feature = "testing")]
    pub(crate) fn report(&self) -> SloReport {
        let inner = &self.0;
        let mut state = lock(&inner.state);
        let now = state.follow_clocks(inner.clock.read());
        inner.report(&mut state, now)
    }

    /// Starts the loop on a thread of its own.
    pub(crate) fn start(&self, supervisor: &Supervisor) -> LoopGuard {
        self.0.notifier.start(supervisor);
        let tracker = self.clone();
        let interval = self.0.config.sample_interval.min(TICK_INTERVAL);
        supervisor.repeat("vantage-slo", interval, move || tracker.tick())
    }

    /// Calls back with the present state of each objective, once there is one, and then on each change.
    pub(crate) fn on_change(&self, callback: impl Fn(&SloAlertChange) + Send + Sync + 'static) {
        let callback = Arc::new(callback);
        let inner = &self.0;
        let state = lock(&inner.state);
        let report = inner.latest.read();
        let present = report.iter().flat_map(|report| &report.objectives);
        let present = present.map(SloAlertChange::present).collect();
        let pending = inner.notifier.subscribe(callback.clone(), present);
        drop(state);
        Notifier::notify_one(&*callback, &pending);
    }

    /// The callbacks that were given up and have not returned.
    pub(crate) fn hanging_callbacks(&self) -> &HangingCalls {
        self.0.notifier.hanging()
    }

    /// Returns the latest report, if the objectives were evaluated yet.
    pub(crate) fn latest(&self) -> &LatestSloReport {
        &self.0.latest
    }
}

impl TrackerState {
    /// Follows the clocks; returns the time of day.
    fn follow_clocks(&mut self, clocks: ClockReading) -> Timestamp {
        let now = clocks.wall;
        if let Some(step) = self.clock_steps.follow(clocks) {
            self.follow_step(step, now);
        }
        now
    }

    fn follow_step(&mut self, step: SignedDuration, now: Timestamp) {
        // As the next process would begin, which finds in the store what this one could not know.
        let restarts = step.is_positive() && std::mem::take(&mut self.clock_is_behind);
        if restarts {
            self.history_loader.restart();
        }
        for objective in &mut self.objectives {
            let row = objective.follow_step(step, now);
            if restarts {
                objective.restart(now);
            }
            if let Some(row) = row {
                self.history_loader
                    .save(|instance| objective.slice_row(instance, row).map(StoreOp::Slice));
            }
        }
    }
}

impl Inner {
    /// Counts the slice that has just ended, before the counters are sampled.
    fn evaluate_slice(&self, state: &mut TrackerState, at: u64) {
        let Some(requests) = self.slo_events.requests() else {
            return;
        };
        let ready = self.health.read().evaluate(self.clock.now()).ready;
        // Activated by the first sample and not by the first slice: a scraper sees it start at zero.
        let counters = self.slo_events.activate_slices(&ServiceKey::Api);
        let outcomes = state
            .slice_evaluator
            .sample(at, read_counters(requests), ready);
        let Some(counters) = counters else {
            return;
        };
        for outcome in outcomes {
            counters.record_event(outcome.is_good);
            if !outcome.is_good {
                state.bad_slices.add(outcome.number, false);
            }
        }
        self.latest.publish_slices(SliceOutcomes {
            objective: counters.objective().into(),
            bad: state.bad_slices.periods(),
            is_failing: state.slice_evaluator.is_failing(),
        });
    }

    /// Restores the history of earlier processes, if the store has just returned it.
    fn restore(&self, state: &mut TrackerState, now: Timestamp) -> bool {
        let TrackerState {
            objectives,
            history_loader,
            bad_slices,
            clock_is_behind,
            ..
        } = state;
        objectives
            .iter_mut()
            .for_each(|objective| objective.start(now));
        let start = objectives
            .iter()
            .map(|objective| objective.history_start(now))
            .min();
        let Some(loaded) = history_loader.poll(self.clock.now(), start.unwrap_or(now)) else {
            return false;
        };
        *clock_is_behind = loaded.is_of_the_future(now);
        let mut all_downtime = Vec::new();
        for objective in objectives {
            let (shared, downtime) = objective.restore(&loaded.slices);
            all_downtime.extend(downtime);
            if let Some(shared) = shared {
                history_loader
                    .save(|instance| objective.slice_row(instance, shared).map(StoreOp::Slice));
            }
            objective.restore_alert(&loaded.alert_rows);
        }
        bad_slices.set_downtime(all_downtime);
        true
    }

    /// Samples the counters of all objectives that are counted here, or whose alert fires.
    fn sample(&self, state: &mut TrackerState, now: Timestamp) {
        let TrackerState {
            objectives,
            history_loader,
            ..
        } = state;
        for objective in objectives {
            let Some(sample) = self.counter_sample(objective) else {
                continue;
            };
            for row in objective.sample(now, sample) {
                history_loader
                    .save(|instance| objective.slice_row(instance, row).map(StoreOp::Slice));
            }
        }
    }

    /// Returns the counters' values of an objective that this process evaluates; an objective of workers has
    /// no samples in an API.
    ///
    /// One whose alert fires has them always: an earlier process may have raised it, and where nothing is
    /// counted since, nothing else would end it.
    fn counter_sample(&self, objective: &ObjectiveState) -> Option<CounterSample> {
        let mut active = self.slo_events.active();
        let counters = active.find(|counters| counters.objective() == objective.id());
        let fires = objective.alert().has_firing_pair();
        counters
            .map(read_counters)
            .or_else(|| fires.then(CounterSample::default))
    }

    /// Evaluates all alerts and returns those whose state has changed.
    fn evaluate_alerts(&self, state: &mut TrackerState, now: Timestamp) -> Vec<SloAlertChange> {
        let sampled = |objective: &&mut ObjectiveState| self.counter_sample(objective).is_some();
        let TrackerState {
            objectives,
            history_loader,
            ..
        } = state;
        let evaluated = objectives.iter_mut().filter(sampled);
        let changes = evaluated.filter_map(|objective| {
            let from = objective.evaluate_alert(now, &self.config.maintenance);
            history_loader.save(|instance| {
                objective
                    .changed_alert_row(instance, now)
                    .map(StoreOp::AlertState)
            });
            let from = from?;
            Some(SloAlertChange {
                objective: objective.id().into(),
                from,
                to: objective.alert().state(),
            })
        });
        changes.collect()
    }

    fn report(&self, state: &mut TrackerState, now: Timestamp) -> SloReport {
        let mut report = SloReport::new(now, ReportSource::Local);
        let maintenance = &self.config.maintenance;
        let evaluated = |objective: &mut ObjectiveState| {
            let mut report = objective.report(now, maintenance);
            report.burn_down = objective.cached_burn_down(&report, now, maintenance);
            report
        };
        report.objectives = state.objectives.iter_mut().map(evaluated).collect();
        report
    }
}

fn read_counters(counters: &ObjectiveCounters) -> CounterSample {
    CounterSample {
        good: counters.good(),
        bad: counters.bad(),
    }
}

#[cfg(test)]
mod tests;
