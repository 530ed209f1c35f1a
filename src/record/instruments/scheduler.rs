//! Schedules: what was planned, what ran, and how late.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Instant, SystemTime};

use hashbrown::HashMap;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};

use super::lazy::LazySeries;
use super::outcome::WorkOutcome;
use super::progress::{ProgressBySlot, WorkProgress};
use super::worker_keys::{Slot, WorkerKeys};
use crate::model::catalog::scheduler::{
    ACTIVE_EXECUTIONS, BY_SCHEDULE, EXECUTION, EXECUTION_DURATION, EXECUTION_FAILURES,
    EXECUTION_LAG, EXECUTIONS, FAILURE, MISSED_RUNS, OVERLAPPING_RUNS, SCHEDULED_JOBS,
};
use crate::model::heartbeat::{BeatId, BeatRole};
use crate::record::clock::Clock;
use crate::record::series::{BoundSeries, Counter, Histogram, Instruments, UpDownCounter};
use crate::record::sync::lock;
use crate::record::trace::{Carrier, SpanScope, Traced, Tracer};

/// The instruments of all schedulers of the process.
#[derive(Clone, Debug)]
pub(crate) struct ExecutionInstruments {
    series: LazySeries<Inner>,
    running_executions: RunningExecutions,
    worker_keys: WorkerKeys,
    id: BeatId,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    tracer: Tracer,
    by_schedule: BoundSeries<ScheduleSeries, 1>,
    ended: BoundSeries<(Counter, Histogram), 2>,
    failures: BoundSeries<Counter, 2>,
}

/// The executions that go on. Clones share them.
#[derive(Clone, Debug, Default)]
struct RunningExecutions(Arc<Mutex<ExecutionTable>>);

#[derive(Debug, Default)]
struct ExecutionTable {
    last: u64,
    /// The number of running executions per schedule.
    by_schedule: HashMap<Box<str>, u64>,
    running: HashMap<u64, (Slot, Instant)>,
    progress: ProgressBySlot,
}

#[derive(Debug)]
struct ScheduleSeries {
    scheduled: Counter,
    lag: Histogram,
    active: UpDownCounter,
    missed: Counter,
    overlapping: Counter,
}

impl ExecutionInstruments {
    /// The scheduler registers in `worker_keys` under this id when it is first used.
    pub(crate) fn new(
        instruments: &Instruments,
        clock: Clock,
        worker_keys: WorkerKeys,
        id: BeatId,
        tracer: Tracer,
    ) -> Self {
        let instruments = instruments.clone();
        Self {
            series: LazySeries::new(move || Inner::new(&instruments, clock, tracer)),
            running_executions: RunningExecutions::default(),
            worker_keys,
            id,
        }
    }

    /// Returns the progress of the executions.
    pub(crate) fn progress(&self) -> HashMap<Slot, WorkProgress> {
        let table = self.running_executions.lock();
        let running = table.running.values();
        let running = running.map(|(slot, started)| (*slot, *started, false));
        table.progress.with_running(running)
    }

    /// Shows the family before anything happens.
    pub(crate) fn initialize(&self) {
        self.series.initialize();
        self.register();
    }

    pub(crate) fn scheduler(&self) -> Scheduler {
        let (executions, slot) = (self.clone(), self.register());
        Scheduler { executions, slot }
    }

    fn register(&self) -> Slot {
        self.worker_keys
            .register(self.id.as_str(), BeatRole::Scheduler)
            .1
    }
}

impl Inner {
    fn new(instruments: &Instruments, clock: Clock, tracer: Tracer) -> Self {
        let by_schedule = {
            let (scheduled, lag) = (
                instruments.binder::<Counter>(&SCHEDULED_JOBS),
                instruments.binder::<Histogram>(&EXECUTION_LAG),
            );
            let active = instruments.binder::<UpDownCounter>(&ACTIVE_EXECUTIONS);
            let (missed, overlapping) = (
                instruments.binder::<Counter>(&MISSED_RUNS),
                instruments.binder::<Counter>(&OVERLAPPING_RUNS),
            );
            let specs = [
                &SCHEDULED_JOBS,
                &EXECUTION_LAG,
                &ACTIVE_EXECUTIONS,
                &MISSED_RUNS,
                &OVERLAPPING_RUNS,
            ];
            instruments.group(&specs, &BY_SCHEDULE, move |labels| ScheduleSeries {
                scheduled: scheduled(labels),
                lag: lag(labels),
                active: active(labels),
                missed: missed(labels),
                overlapping: overlapping(labels),
            })
        };
        let ended = {
            let (count, duration) = (
                instruments.binder::<Counter>(&EXECUTIONS),
                instruments.binder::<Histogram>(&EXECUTION_DURATION),
            );
            instruments.group(
                &[&EXECUTIONS, &EXECUTION_DURATION],
                &EXECUTION,
                move |labels| (count(labels), duration(labels)),
            )
        };
        Self {
            clock,
            tracer,
            by_schedule,
            ended,
            failures: instruments.series(&EXECUTION_FAILURES, &FAILURE),
        }
    }
}

/// The process's scheduler. A cheap clone.
///
/// It beats under the service's name, as a [`Worker`](super::Worker) does under its id: from the
/// start where the process has the role `scheduler`, and else from its first handle on.
#[derive(Clone, Debug)]
pub struct Scheduler {
    executions: ExecutionInstruments,
    slot: Slot,
}

impl Scheduler {
    /// Counts `jobs` that were put on the calendar of a schedule.
    pub fn record_scheduled(&self, schedule: &str, jobs: u64) {
        self.executions
            .series
            .by_schedule
            .with([schedule], |series| series.scheduled.add(jobs));
    }

    /// Counts `runs` of a schedule that were due and never started.
    pub fn record_missed(&self, schedule: &str, runs: u64) {
        self.executions
            .series
            .by_schedule
            .with([schedule], |series| series.missed.add(runs));
    }

    /// Starts an execution that was planned for `scheduled_for`; the time since is its lag.
    ///
    /// When an earlier one of the same schedule still runs, an overlapping run is counted.
    pub fn start(&self, schedule: &str, scheduled_for: SystemTime) -> Execution {
        let inner = &self.executions.series;
        let lag = inner
            .clock
            .wall()
            .duration_since(scheduled_for)
            .unwrap_or_default();
        let series = inner.by_schedule.get([schedule]);
        series.active.add(1);
        let started = inner.clock.now();
        let (run, overlapping) = self
            .executions
            .running_executions
            .start(self.slot, schedule, started);
        if overlapping {
            series.overlapping.add(1);
        }
        let parent = Context::current();
        let scope = inner
            .tracer
            .start(parent, SpanKind::Internal, "execution", Vec::new());
        scope.rename(|| schedule.to_owned());
        scope.set_attributes(|| [KeyValue::new("vantage.schedule", schedule.to_owned())]);
        series.lag.record_in(scope.sampled(), lag.as_secs_f64());
        Execution {
            scope,
            executions: self.executions.clone(),
            schedule: schedule.into(),
            series,
            run,
            started,
            outcome: WorkOutcome::default(),
        }
    }
}

/// An execution that is running: end it with [`succeed`](Self::succeed) or [`fail`](Self::fail).
///
/// Dropped without either it counts as aborted, and as panicked when a panic drops it.
#[must_use = "an execution that is dropped at once counts as aborted"]
#[derive(Debug)]
pub struct Execution {
    scope: SpanScope,
    executions: ExecutionInstruments,
    schedule: Box<str>,
    series: Arc<ScheduleSeries>,
    run: u64,
    started: Instant,
    outcome: WorkOutcome,
}

impl Execution {
    /// Ends the execution well.
    pub fn succeed(mut self) {
        self.outcome = WorkOutcome::SUCCEEDED;
    }

    /// Ends the execution badly, for a reason out of a small set, such as `database_unreachable`.
    pub fn fail(mut self, reason: &str) {
        self.outcome = WorkOutcome::FAILED;
        self.executions
            .series
            .failures
            .with([reason, &self.schedule], |series| series.add(1));
        self.scope.fail(reason);
    }

    /// Runs `work` inside the execution's span: what it logs and starts belongs to it.
    pub fn in_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        self.scope.enter(work)
    }

    /// Runs a future inside the execution's span, as [`in_scope`](Self::in_scope) does.
    pub fn trace<F>(&self, future: F) -> Traced<F> {
        Traced::new(future, self.scope.context().clone())
    }

    /// The execution's trace, to be put beside a job into a queue.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        Carrier::from_context(&self.executions.series.tracer, self.scope.context())
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        let inner = &self.executions.series;
        let outcome = self
            .outcome
            .finish_span(&self.scope, "vantage.execution.outcome");
        let now = inner.clock.now();
        let elapsed = now.saturating_duration_since(self.started);
        self.series.active.add(-1);
        let running_executions = &self.executions.running_executions;
        running_executions.end(self.run, &self.schedule, now, self.outcome.is_success());
        inner
            .ended
            .with([outcome, &self.schedule], |(count, duration)| {
                count.add(1);
                duration.record_in(self.scope.sampled(), elapsed.as_secs_f64());
            });
    }
}

impl RunningExecutions {
    /// The run's number, and whether another execution of the schedule is running already.
    fn start(&self, slot: Slot, schedule: &str, now: Instant) -> (u64, bool) {
        let mut table = self.lock();
        table.last += 1;
        let run = table.last;
        table.running.insert(run, (slot, now));
        table.progress.start(slot, now);
        let executions = table.by_schedule.entry(schedule.into()).or_default();
        *executions += 1;
        (run, *executions > 1)
    }

    fn end(&self, run: u64, schedule: &str, now: Instant, succeeded: bool) {
        let mut table = self.lock();
        if let Some((slot, _)) = table.running.remove(&run) {
            table.progress.end(slot, now, succeeded);
        }
        if let Some(executions) = table.by_schedule.get_mut(schedule) {
            *executions -= 1;
            if *executions == 0 {
                table.by_schedule.remove(schedule);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, ExecutionTable> {
        lock(&self.0)
    }
}
