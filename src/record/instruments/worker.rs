//! Jobs: started by a worker, ended by a verdict.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::in_flight::Watched;
use super::lazy::Live;
use super::outcome::Verdict;
use super::worker_keys::{Crew, Number};
use crate::model::catalog::worker::{
    ACTIVE_JOBS, BUSY_TIME, BY_KIND, FAILURE, JOB, JOB_DURATION, JOB_FAILURES, JOBS, QUEUE_LAG,
};
use crate::model::heartbeat::{BeatId, Role};
use crate::model::slo::Kind;
use crate::record::clock::Clock;
use crate::record::series::{
    Counter, Histogram, Instruments, SecondsCounter, Series, UpDownCounter,
};
use crate::record::slo_events::{Account, Ledger};
use crate::record::trace::{Carrier, Parent, Scope, Traced, Tracing};

/// The instruments of all workers of the process.
#[derive(Clone, Debug)]
pub(crate) struct Jobs {
    live: Live<Inner>,
    crew: Crew,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    tracing: Tracing,
    by_kind: Series<KindSeries, 1>,
    ended: Series<(Counter, Histogram), 2>,
    failures: Series<Counter, 2>,
    processing_time: Option<Account>,
    queue_lag: Option<Account>,
    running: Watched,
}

#[derive(Debug)]
struct KindSeries {
    active: UpDownCounter,
    busy: SecondsCounter,
    lag: Histogram,
}

impl Jobs {
    /// `running` is where the sampler finds the jobs that go on; workers join the `crew`.
    pub(crate) fn new(
        instruments: &Instruments,
        ledger: &Ledger,
        clock: Clock,
        running: Watched,
        crew: Crew,
        tracing: Tracing,
    ) -> Self {
        let (instruments, ledger) = (instruments.clone(), ledger.clone());
        let live = Live::new(move || Inner::new(&instruments, &ledger, clock, running, tracing));
        Self { live, crew }
    }

    /// Shows the family before anything happens.
    pub(crate) fn announce(&self) {
        self.live.announce();
    }

    /// The worker of this name, who beats from now on.
    pub(crate) fn worker(&self, name: &str) -> Worker {
        let (id, number) = self.crew.join(name, Role::Worker);
        let jobs = self.clone();
        Worker { id, number, jobs }
    }
}

impl Inner {
    fn new(
        instruments: &Instruments,
        ledger: &Ledger,
        clock: Clock,
        running: Watched,
        tracing: Tracing,
    ) -> Self {
        let by_kind = {
            let (active, busy) = (
                instruments.binder::<UpDownCounter>(&ACTIVE_JOBS),
                instruments.binder::<SecondsCounter>(&BUSY_TIME),
            );
            let lag = instruments.binder::<Histogram>(&QUEUE_LAG);
            instruments.group(
                &[&ACTIVE_JOBS, &BUSY_TIME, &QUEUE_LAG],
                &BY_KIND,
                move |labels| KindSeries {
                    active: active(labels),
                    busy: busy(labels),
                    lag: lag(labels),
                },
            )
        };
        let ended = {
            let (count, duration) = (
                instruments.binder::<Counter>(&JOBS),
                instruments.binder::<Histogram>(&JOB_DURATION),
            );
            instruments.group(&[&JOBS, &JOB_DURATION], &JOB, move |labels| {
                (count(labels), duration(labels))
            })
        };
        Self {
            clock,
            tracing,
            by_kind,
            ended,
            failures: instruments.series(&JOB_FAILURES, &FAILURE),
            processing_time: ledger.open(Kind::ProcessingTime),
            queue_lag: ledger.open(Kind::QueueLag),
            running,
        }
    }
}

/// One worker of the process. A cheap clone.
///
/// It beats from [`Telemetry::worker`](crate::Telemetry::worker) on until the telemetry is shut down
/// or somebody calls [`stop`](Self::stop), however many handles there are of it. Its beats carry how
/// far its jobs have come, and are sent by a thread of the SDK: a runtime that is blocked is seen.
///
/// Its id appears on worker routes and in heartbeat metrics only, never as a label of a job's.
#[derive(Clone, Debug)]
pub struct Worker {
    id: BeatId,
    number: Number,
    jobs: Jobs,
}

impl Worker {
    /// The id under which the worker beats: what is not allowed in one has become `_`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Says goodbye for this worker, which is no longer to be missed. Its handles still measure jobs;
    /// [`Telemetry::worker`](crate::Telemetry::worker) brings it back.
    ///
    /// Shutdown does it for every worker of the process.
    pub fn stop(&self) {
        self.jobs.crew.leave(&self.id);
    }

    /// Starts a job of a kind such as `publish_post`, which was due at `scheduled_for`.
    ///
    /// The time from then to now is its queue lag; a job that starts early has none. Its span
    /// continues the trace of `parent`, `&carrier` out of the queue, or only links to it with
    /// [`carrier.link()`](Carrier::link); `&Carrier::EMPTY` where there is none.
    pub fn start<'a>(
        &self,
        kind: &str,
        scheduled_for: SystemTime,
        parent: impl Into<Parent<'a>>,
    ) -> Job {
        let inner = &self.jobs.live;
        let (now, lag) = (
            inner.clock.now(),
            inner
                .clock
                .wall()
                .duration_since(scheduled_for)
                .unwrap_or_default(),
        );
        let series = inner.by_kind.get([kind]);
        series.active.add(1);
        if let Some(account) = &inner.queue_lag {
            account.count_elapsed(lag);
        }
        let running = inner.running.start(
            self.number,
            now,
            series.busy.clone(),
            inner.processing_time.clone(),
        );
        let (context, links) = parent.into().resolve(&inner.tracing);
        let scope = inner
            .tracing
            .start(context, SpanKind::Consumer, "job", links);
        scope.rename(|| kind.to_owned());
        scope.set(|| {
            [
                KeyValue::new("vantage.job.kind", kind.to_owned()),
                KeyValue::new("vantage.worker.id", self.id.shared()),
            ]
        });
        series.lag.record_in(scope.sampled(), lag.as_secs_f64());
        Job {
            scope,
            jobs: self.jobs.clone(),
            kind: kind.into(),
            series,
            started: now,
            running,
            verdict: Verdict::default(),
        }
    }
}

/// A job that is running: end it with [`succeed`](Self::succeed) or [`fail`](Self::fail).
///
/// Dropped without a verdict it counts as aborted, and as panicked when a panic drops it. Its busy
/// time ticks meanwhile, and a job that passes its objective's threshold counts as bad then.
#[must_use = "a job that is dropped at once counts as aborted"]
#[derive(Debug)]
pub struct Job {
    scope: Scope,
    jobs: Jobs,
    kind: Box<str>,
    series: Arc<KindSeries>,
    started: Instant,
    running: u64,
    verdict: Verdict,
}

impl Job {
    /// Ends the job well.
    pub fn succeed(mut self) {
        self.verdict = Verdict::SUCCEEDED;
    }

    /// Ends the job badly, for a reason out of a small set, such as `upstream_timeout`.
    ///
    /// The reason becomes a label: leave ids, amounts and messages out of it.
    pub fn fail(mut self, reason: &str) {
        self.verdict = Verdict::FAILED;
        self.jobs
            .live
            .failures
            .with([&self.kind, reason], |series| series.add(1));
        self.scope.fail(reason);
    }

    /// Runs `work` inside the job's span: what it logs and starts belongs to it.
    pub fn in_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        self.scope.enter(work)
    }

    /// Runs a future inside the job's span, as [`in_scope`](Self::in_scope) does.
    pub fn trace<F>(&self, future: F) -> Traced<F> {
        Traced::new(future, self.scope.context().clone())
    }

    /// The job's trace, to be put beside a job into a queue.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        Carrier::of(&self.jobs.live.tracing, self.scope.context())
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let inner = &self.jobs.live;
        let now = inner.clock.now();
        let outcome = self.verdict.conclude(&self.scope, "vantage.job.outcome");
        self.series.active.add(-1);
        inner.running.end(self.running, now, self.verdict.is_good());
        inner
            .ended
            .with([&self.kind, outcome], |(count, duration)| {
                count.add(1);
                let elapsed = now.saturating_duration_since(self.started);
                duration.record_in(self.scope.sampled(), elapsed.as_secs_f64());
            });
    }
}
