//! Schedules: what was planned, what ran, and how late.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use hashbrown::HashMap;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};

use super::lazy::Live;
use super::outcome::Verdict;
use super::progress::{Tallies, Tally};
use super::worker_keys::{Crew, Number};
use crate::model::catalog::scheduler::{
    ACTIVE_EXECUTIONS, BY_SCHEDULE, EXECUTION, EXECUTION_DURATION, EXECUTION_FAILURES,
    EXECUTION_LAG, EXECUTIONS, FAILURE, MISSED_RUNS, OVERLAPPING_RUNS, SCHEDULED_JOBS,
};
use crate::model::heartbeat::{BeatId, Role};
use crate::record::clock::Clock;
use crate::record::series::{Counter, Histogram, Instruments, Series, UpDownCounter};
use crate::record::trace::{Carrier, Scope, Traced, Tracing};

/// The instruments of all schedulers of the process.
#[derive(Clone, Debug)]
pub(crate) struct Executions {
    live: Live<Inner>,
    going: Going,
    crew: Crew,
    id: BeatId,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    tracing: Tracing,
    by_schedule: Series<ScheduleSeries, 1>,
    ended: Series<(Counter, Histogram), 2>,
    failures: Series<Counter, 2>,
}

/// The executions that go on. Clones share them.
#[derive(Clone, Debug, Default)]
struct Going(Arc<Mutex<Runs>>);

#[derive(Debug, Default)]
struct Runs {
    last: u64,
    /// How many there are of each schedule.
    by_schedule: HashMap<Box<str>, u64>,
    running: HashMap<u64, (Number, Instant)>,
    tallies: Tallies,
}

#[derive(Debug)]
struct ScheduleSeries {
    scheduled: Counter,
    lag: Histogram,
    active: UpDownCounter,
    missed: Counter,
    overlapping: Counter,
}

impl Executions {
    /// The scheduler joins the `crew` under this id when it is first used.
    pub(crate) fn new(
        instruments: &Instruments,
        clock: Clock,
        crew: Crew,
        id: BeatId,
        tracing: Tracing,
    ) -> Self {
        let instruments = instruments.clone();
        Self {
            live: Live::new(move || Inner::new(&instruments, clock, tracing)),
            going: Going::default(),
            crew,
            id,
        }
    }

    /// How far the executions have come.
    pub(crate) fn tallies(&self) -> HashMap<Number, Tally> {
        let runs = self.going.lock();
        let running = runs.running.values();
        let running = running.map(|(member, started)| (*member, *started, false));
        runs.tallies.with(running)
    }

    /// Shows the family before anything happens.
    pub(crate) fn announce(&self) {
        self.live.announce();
        self.join();
    }

    pub(crate) fn scheduler(&self) -> Scheduler {
        let (executions, member) = (self.clone(), self.join());
        Scheduler { executions, member }
    }

    fn join(&self) -> Number {
        self.crew.join(self.id.as_str(), Role::Scheduler).1
    }
}

impl Inner {
    fn new(instruments: &Instruments, clock: Clock, tracing: Tracing) -> Self {
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
            tracing,
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
    executions: Executions,
    member: Number,
}

impl Scheduler {
    /// Counts `jobs` that were put on the calendar of a schedule.
    pub fn scheduled(&self, schedule: &str, jobs: u64) {
        self.executions
            .live
            .by_schedule
            .with([schedule], |series| series.scheduled.add(jobs));
    }

    /// Counts `runs` of a schedule that were due and never started.
    pub fn missed(&self, schedule: &str, runs: u64) {
        self.executions
            .live
            .by_schedule
            .with([schedule], |series| series.missed.add(runs));
    }

    /// Starts an execution that was planned for `scheduled_for`; the time since is its lag.
    ///
    /// When an earlier one of the same schedule still runs, an overlapping run is counted.
    pub fn start(&self, schedule: &str, scheduled_for: SystemTime) -> Execution {
        let inner = &self.executions.live;
        let lag = inner
            .clock
            .wall()
            .duration_since(scheduled_for)
            .unwrap_or_default();
        let series = inner.by_schedule.get([schedule]);
        series.active.add(1);
        let started = inner.clock.now();
        let (run, overlapping) = self.executions.going.enter(self.member, schedule, started);
        if overlapping {
            series.overlapping.add(1);
        }
        let parent = Context::current();
        let scope = inner
            .tracing
            .start(parent, SpanKind::Internal, "execution", Vec::new());
        scope.rename(|| schedule.to_owned());
        scope.set(|| [KeyValue::new("vantage.schedule", schedule.to_owned())]);
        series.lag.record_in(scope.sampled(), lag.as_secs_f64());
        Execution {
            scope,
            executions: self.executions.clone(),
            schedule: schedule.into(),
            series,
            run,
            started,
            verdict: Verdict::default(),
        }
    }
}

/// An execution that is running: end it with [`succeed`](Self::succeed) or [`fail`](Self::fail).
///
/// Dropped without a verdict it counts as aborted, and as panicked when a panic drops it.
#[must_use = "an execution that is dropped at once counts as aborted"]
#[derive(Debug)]
pub struct Execution {
    scope: Scope,
    executions: Executions,
    schedule: Box<str>,
    series: Arc<ScheduleSeries>,
    run: u64,
    started: Instant,
    verdict: Verdict,
}

impl Execution {
    /// Ends the execution well.
    pub fn succeed(mut self) {
        self.verdict = Verdict::SUCCEEDED;
    }

    /// Ends the execution badly, for a reason out of a small set, such as `database_unreachable`.
    pub fn fail(mut self, reason: &str) {
        self.verdict = Verdict::FAILED;
        self.executions
            .live
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
        Carrier::of(&self.executions.live.tracing, self.scope.context())
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        let inner = &self.executions.live;
        let outcome = self
            .verdict
            .conclude(&self.scope, "vantage.execution.outcome");
        let now = inner.clock.now();
        let elapsed = now.saturating_duration_since(self.started);
        self.series.active.add(-1);
        let going = &self.executions.going;
        going.leave(self.run, &self.schedule, now, self.verdict.is_good());
        inner
            .ended
            .with([outcome, &self.schedule], |(count, duration)| {
                count.add(1);
                duration.record_in(self.scope.sampled(), elapsed.as_secs_f64());
            });
    }
}

impl Going {
    /// The run's number, and whether another execution of the schedule is running already.
    fn enter(&self, member: Number, schedule: &str, now: Instant) -> (u64, bool) {
        let mut runs = self.lock();
        runs.last += 1;
        let run = runs.last;
        runs.running.insert(run, (member, now));
        runs.tallies.start(member, now);
        let executions = runs.by_schedule.entry(schedule.into()).or_default();
        *executions += 1;
        (run, *executions > 1)
    }

    fn leave(&self, run: u64, schedule: &str, now: Instant, well: bool) {
        let mut runs = self.lock();
        if let Some((member, _)) = runs.running.remove(&run) {
            runs.tallies.end(member, now, well);
        }
        if let Some(executions) = runs.by_schedule.get_mut(schedule) {
            *executions -= 1;
            if *executions == 0 {
                runs.by_schedule.remove(schedule);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Runs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
