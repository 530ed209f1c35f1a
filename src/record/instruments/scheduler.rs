//! Schedules: what was planned, what ran, and how late.
//!
//! | what happens | counted in |
//! |---|---|
//! | jobs are planned | `scheduled_jobs` |
//! | a run starts | lag, active; overlapping, if the one before still runs |
//! | it ends | executions, duration |
//! | it never starts | missed: told by the service, or expected and not seen |

use std::borrow::Cow;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use hashbrown::HashMap;
use jiff::Timestamp;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};

use super::expected_runs::{ExpectedRuns, MissedRuns};
use super::in_flight::InFlight;
use super::lazy::LazySeries;
use super::run::{self, ByOutput, ByReason, Failed, Run, RunOutput, StartedWork, Work};
use super::work::{OpenWork, WorkSeries, WorkSpecs};
use super::worker_keys::{Slot, WorkerKeys};
use crate::model::catalog::scheduler::{
    ACTIVE_EXECUTIONS, BY_SCHEDULE, EXECUTION, EXECUTION_DURATION, EXECUTION_FAILURES,
    EXECUTION_LAG, EXECUTIONS, FAILURE, MISSED_RUNS, OVERLAPPING_RUNS, SCHEDULED_JOBS,
};
use crate::model::heartbeat::{BeatId, BeatRole};
use crate::model::schedule::Schedule;
use crate::record::clock::Clock;
use crate::record::error_reasons::ErrorReasons;
use crate::record::series::{BoundSeries, Counter, Histogram, Instruments, UpDownCounter};
use crate::record::sync::lock;
use crate::record::trace::{Carrier, Traced, Tracer};

// A label order of its own: keys stand in the order of the alphabet, and `outcome` comes before
// `schedule`, but after `job.kind`.
const SPECS: WorkSpecs = WorkSpecs {
    ended: [&EXECUTIONS, &EXECUTION_DURATION],
    by_outcome: &EXECUTION,
    failures: &EXECUTION_FAILURES,
    by_reason: &FAILURE,
    in_order: |schedule, label| [label, schedule],
    outcome_key: "vantage.execution.outcome",
};

/// The instruments of all schedulers of the process.
#[derive(Clone, Debug)]
pub(crate) struct ExecutionInstruments {
    series: LazySeries<Inner>,
    expected_runs: ExpectedRuns,
    worker_keys: WorkerKeys,
    /// One for the process: all schedulers of a process are one.
    /// `None` where the service's name is too long for an id: then it has no heartbeat.
    id: Option<BeatId>,
}

#[derive(Debug)]
struct Inner {
    work: Arc<WorkSeries>,
    by_schedule: BoundSeries<ScheduleSeries, 1>,
    running: RunningSchedules,
}

/// The number of running executions per schedule. Clones share it.
///
/// Only schedules that run are in the map, so that it does not grow with names of the past.
#[derive(Clone, Debug, Default)]
struct RunningSchedules(Arc<Mutex<HashMap<Box<str>, u64>>>);

/// All that is recorded by schedule, found by one look-up.
#[derive(Debug)]
struct ScheduleSeries {
    scheduled: Counter,
    lag: Histogram,
    active: UpDownCounter,
    missed: Counter,
    overlapping: Counter,
}

impl ExecutionInstruments {
    /// Executions that are running are in `in_flight`. The scheduler registers in `worker_keys` under this id when
    /// it is first used.
    pub(crate) fn new(
        instruments: &Instruments,
        clock: Clock,
        in_flight: InFlight,
        worker_keys: WorkerKeys,
        id: Option<BeatId>,
        tracer: Tracer,
        error_reasons: ErrorReasons,
    ) -> Self {
        let instruments = instruments.clone();
        let series = LazySeries::new(move || {
            Inner::new(&instruments, clock, in_flight, tracer, error_reasons)
        });
        Self {
            series,
            expected_runs: ExpectedRuns::default(),
            worker_keys,
            id,
        }
    }

    /// Counts and returns the expected runs that were missed since the last call.
    pub(crate) fn count_missed_runs(&self, now: Instant, wall: SystemTime) -> Vec<MissedRuns> {
        let missed = self.expected_runs.take_missed(now, wall_timestamp(wall));
        for MissedRuns { schedule, runs, .. } in &missed {
            self.add_missed(schedule, *runs);
        }
        missed
    }

    fn add_missed(&self, schedule: &str, runs: u64) {
        self.series
            .by_schedule
            .with([schedule], |series| series.missed.add(runs));
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
        match &self.id {
            Some(id) => self.worker_keys.register(id, BeatRole::Scheduler),
            None => self.worker_keys.refuse(),
        }
    }
}

impl Inner {
    fn new(
        instruments: &Instruments,
        clock: Clock,
        in_flight: InFlight,
        tracer: Tracer,
        error_reasons: ErrorReasons,
    ) -> Self {
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
        let work = WorkSeries::new(instruments, clock, tracer, in_flight, error_reasons, &SPECS);
        Self {
            work: Arc::new(work),
            by_schedule,
            running: RunningSchedules::default(),
        }
    }
}

/// The process's scheduler. A cheap clone.
///
/// It beats under the service's name, as a [`Worker`](super::Worker) does under its id: from the
/// start where the process has the role `scheduler`, and else from its first handle on.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use std::time::Duration;
/// # use vantage_obs::testing::TestTelemetry;
///
/// # let test = TestTelemetry::new();
/// let scheduler = test.telemetry().scheduler();
/// let planned = test.clock().wall();
/// test.clock().advance(Duration::from_secs(3)); // it wakes up late
/// scheduler.start("digest", planned).succeed();
/// let labels = [("schedule", "digest")];
/// assert_eq!(test.value("vantage_scheduler_execution_lag_seconds_sum", &labels), Some(3.0));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Scheduler {
    executions: ExecutionInstruments,
    slot: Slot,
}

impl Scheduler {
    /// Counts `jobs` that were put on the calendar of a schedule.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// let scheduler = test.telemetry().scheduler();
    /// scheduler.record_scheduled("digest", 24); // the day's runs
    /// let labels = [("schedule", "digest")];
    /// assert_eq!(test.value("vantage_scheduler_scheduled_jobs_total", &labels), Some(24.0));
    /// # }
    /// ```
    pub fn record_scheduled(&self, schedule: &str, jobs: u64) {
        self.executions
            .series
            .by_schedule
            .with([schedule], |series| series.scheduled.add(jobs));
    }

    /// Counts `runs` of a schedule that were due and never started.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// let scheduler = test.telemetry().scheduler();
    /// scheduler.record_missed("digest", 2); // the process was down at two and at three
    /// let labels = [("schedule", "digest")];
    /// assert_eq!(test.value("vantage_scheduler_missed_runs_total", &labels), Some(2.0));
    /// # }
    /// ```
    pub fn record_missed(&self, schedule: &str, runs: u64) {
        self.executions.add_missed(schedule, runs);
    }

    /// Expects the runs of a schedule from now on: one that is due and does not [`start`](Self::start) within
    /// `grace` is counted as missed, with a log line, and without a call by which the service would say so.
    ///
    /// `job` is the name of the schedule as `start` has it, and `schedule` an interval or a [`Schedule`]. A run
    /// counts for the time that it was planned for; after an interval, any run begins the next. Let `grace` be
    /// shorter than the distance of two runs. Expect in the process where the job is to run: others would miss
    /// it.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use std::time::Duration;
    /// use vantage_obs::instruments::Schedule;
    ///
    /// # let test = vantage_obs::testing::TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let scheduler = telemetry.scheduler();
    /// let nightly = Schedule::cron("0 3 * * *", "Europe/Berlin")?;
    /// scheduler.expect("backup", nightly, Duration::from_secs(600));
    /// scheduler.expect("digest", Duration::from_secs(3_600), Duration::from_secs(60));
    /// // From 0 on, so that the first miss is an increase.
    /// let labels = [("schedule", "backup")];
    /// assert_eq!(test.value("vantage_scheduler_missed_runs_total", &labels), Some(0.0));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expect(&self, job: &str, schedule: impl Into<Schedule>, grace: Duration) {
        let executions = &self.executions;
        let now = wall_timestamp(self.clock().wall());
        // From 0 on, so that the first is seen as an increase.
        executions.add_missed(job, 0);
        executions
            .expected_runs
            .expect(job, schedule.into(), grace, now);
    }

    /// Expects no runs of a schedule any more.
    pub fn stop_expecting(&self, job: &str) {
        self.executions.expected_runs.remove(job);
    }

    /// Starts an execution that was planned for `scheduled_for`; the time since is its lag.
    ///
    /// When an earlier one of the same schedule still runs, an overlapping run is counted.
    pub fn start(&self, schedule: &str, scheduled_for: impl Into<SystemTime>) -> Execution {
        self.prepare(schedule, scheduled_for).start()
    }

    /// Runs a future as an execution of a schedule that was planned for `scheduled_for`, inside the execution's span:
    /// `Ok` is a success and `Err` a failure, whose reason follows from the error.
    ///
    /// The output is handed on as it is, and so is a panic, as [`Worker::run`](super::Worker::run) does. The execution
    /// starts with the first poll; dropped before its end it counts as aborted.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # use vantage_obs::testing::TestTelemetry;
    /// use std::io::{Error, ErrorKind};
    ///
    /// # let test = TestTelemetry::new();
    /// let scheduler = test.telemetry().scheduler();
    /// let planned = test.clock().wall();
    /// let digest = async { Err::<(), _>(Error::from(ErrorKind::ConnectionRefused)) };
    /// assert!(scheduler.run("digest", planned, digest).await.is_err());
    /// let labels = [("reason", "connection_refused"), ("schedule", "digest")];
    /// assert_eq!(test.value("vantage_scheduler_execution_failures_total", &labels), Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run<F, V>(
        &self,
        schedule: &str,
        scheduled_for: impl Into<SystemTime>,
        future: F,
    ) -> Run<F, ExecutionStart, ByOutput<V>>
    where
        F: Future<Output: RunOutput<V>>,
    {
        let execution = self.prepare(schedule, scheduled_for);
        Run::new(execution, future, ByOutput::new())
    }

    /// Runs a future as [`run`](Self::run) does, with the reason that `reason` makes of the error, which may be of any
    /// type. The reason becomes a label: leave ids, amounts and messages out of it.
    pub fn run_with<F, T, E, G, R>(
        &self,
        schedule: &str,
        scheduled_for: impl Into<SystemTime>,
        future: F,
        reason: G,
    ) -> Run<F, ExecutionStart, ByReason<G>>
    where
        F: Future<Output = Result<T, E>>,
        G: Fn(&E) -> R,
        R: Into<Cow<'static, str>>,
    {
        let execution = self.prepare(schedule, scheduled_for);
        Run::new(execution, future, ByReason(reason))
    }

    /// Runs a function as [`run`](Self::run) does a future, for a scheduler whose thread may block.
    pub fn run_blocking<O: RunOutput<V>, V>(
        &self,
        schedule: &str,
        scheduled_for: impl Into<SystemTime>,
        work: impl FnOnce() -> O,
    ) -> O {
        let execution = self.prepare(schedule, scheduled_for);
        run::run_blocking(execution, &ByOutput::new(), work)
    }

    /// Returns the clock by which runs are due.
    pub(crate) fn clock(&self) -> &Clock {
        &self.executions.series.work.clock
    }

    fn prepare(&self, schedule: &str, scheduled_for: impl Into<SystemTime>) -> ExecutionStart {
        ExecutionStart {
            scheduler: self.clone(),
            schedule: schedule.into(),
            scheduled_for: scheduled_for.into(),
            // A scheduler's loop has no caller; where it runs inside a span, that is the parent.
            parent: Context::current(),
        }
    }

    fn start_execution(
        &self,
        schedule: Box<str>,
        scheduled_for: SystemTime,
        parent: Context,
    ) -> Execution {
        let inner = &self.executions.series;
        let work = &inner.work;
        let wall = work.clock.wall();
        // By the wall clock, because the planned time is one. Early is on time.
        let lag = wall.duration_since(scheduled_for).unwrap_or_default();
        self.executions.expected_runs.record_start(
            &schedule,
            wall_timestamp(scheduled_for),
            wall_timestamp(wall),
        );
        let series = inner.by_schedule.get([&schedule]);
        series.active.add(1);
        let started = work.clock.now();
        let id = work.in_flight.start(self.slot, started, None, None);
        // Counted at the start, and not when the earlier run ends: that one may never.
        if inner.running.start(&schedule) > 1 {
            series.overlapping.add(1);
        }
        let tracer = &work.tracer;
        let scope = tracer.start(parent, SpanKind::Internal, "execution", Vec::new());
        scope.rename(|| schedule.to_string());
        scope.set_attributes(|| [KeyValue::new("vantage.schedule", schedule.to_string())]);
        series.lag.record_in(scope.sampled(), lag.as_secs_f64());
        Execution {
            work: OpenWork {
                series: Arc::clone(work),
                name: schedule.clone(),
                scope,
                active: series.active.clone(),
                started,
                id,
                outcome: None,
            },
            _running: RunningSchedule {
                schedules: inner.running.clone(),
                schedule,
            },
        }
    }
}

/// An execution that has not begun.
#[derive(Debug)]
pub struct ExecutionStart {
    scheduler: Scheduler,
    schedule: Box<str>,
    scheduled_for: SystemTime,
    parent: Context,
}

impl Work for ExecutionStart {
    type Started = Execution;

    fn start(self) -> Execution {
        self.scheduler
            .start_execution(self.schedule, self.scheduled_for, self.parent)
    }
}

impl StartedWork for Execution {
    fn context(&self) -> Option<&Context> {
        Some(self.work.scope.context())
    }

    fn is_recording(&self) -> bool {
        self.work.scope.is_recording()
    }

    fn error_reasons(&self) -> &ErrorReasons {
        &self.work.series.error_reasons
    }

    fn end(self, failure: Option<Failed<'_>>) {
        self.work.end(failure);
    }
}

/// An execution that is running: end it with [`succeed`](Self::succeed) or [`fail`](Self::fail).
///
/// Dropped without either it counts as aborted, and as panicked when a panic drops it.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # use vantage_obs::testing::TestTelemetry;
/// # let test = TestTelemetry::new();
/// let scheduler = test.telemetry().scheduler();
/// let execution = scheduler.start("digest", test.clock().wall());
/// execution.fail("database_unreachable");
/// let labels = [("reason", "database_unreachable"), ("schedule", "digest")];
/// assert_eq!(test.value("vantage_scheduler_execution_failures_total", &labels), Some(1.0));
/// # }
/// ```
#[must_use = "an execution that is dropped at once counts as aborted"]
#[derive(Debug)]
pub struct Execution {
    work: OpenWork,
    _running: RunningSchedule,
}

impl Execution {
    /// Ends the execution well.
    pub fn succeed(self) {
        self.work.succeed();
    }

    /// Ends the execution badly, for a reason out of a small set, such as `database_unreachable`.
    pub fn fail(self, reason: &str) {
        self.work.fail(reason);
    }

    /// Runs `work` inside the execution's span: what it logs and starts belongs to it.
    pub fn in_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        self.work.scope.enter(work)
    }

    /// Runs a future inside the execution's span, as [`in_scope`](Self::in_scope) does.
    pub fn trace<F>(&self, future: F) -> Traced<F> {
        self.work.trace(future)
    }

    /// Returns the execution's trace, to be put beside a job into a queue.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.work.carrier()
    }
}

/// Converts a time; the last one that can be represented stands for all later ones.
fn wall_timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::MAX)
}

impl RunningSchedules {
    /// Counts one more execution of a schedule; returns how many there are now.
    fn start(&self, schedule: &str) -> u64 {
        let mut by_schedule = lock(&self.0);
        let executions = by_schedule.entry(schedule.into()).or_default();
        *executions += 1;
        *executions
    }
}

/// One execution in the number of its schedule, until it is dropped.
#[derive(Debug)]
struct RunningSchedule {
    schedules: RunningSchedules,
    schedule: Box<str>,
}

impl Drop for RunningSchedule {
    fn drop(&mut self) {
        let mut by_schedule = lock(&self.schedules.0);
        if let Some(executions) = by_schedule.get_mut(&self.schedule) {
            // At least 1: each entry was counted by this type's constructor.
            *executions -= 1;
            if *executions == 0 {
                by_schedule.remove(&self.schedule);
            }
        }
    }
}
