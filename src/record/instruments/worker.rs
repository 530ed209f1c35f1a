//! Jobs: started by a worker, ended with an outcome.

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::trace::{Link, SpanKind};
use opentelemetry::{Context, KeyValue};

use super::in_flight::InFlight;
use super::lazy::LazySeries;
use super::run::{self, ByOutput, ByReason, Failed, Run, RunOutput, StartedWork, Work};
use super::work::{OpenWork, WorkSeries, WorkSpecs};
use super::worker_keys::{Slot, WorkerKeys};
use crate::model::catalog::worker::{
    ACTIVE_JOBS, BUSY_TIME, BY_KIND, FAILURE, JOB, JOB_DURATION, JOB_FAILURES, JOBS, QUEUE_LAG,
};
use crate::model::heartbeat::{BeatId, BeatRole};
use crate::model::slo::ObjectiveKind;
use crate::record::clock::Clock;
use crate::record::error_reasons::ErrorReasons;
use crate::record::series::{BoundSeries, Histogram, Instruments, SecondsCounter, UpDownCounter};
use crate::record::slo_events::{ObjectiveCounters, SloEvents};
use crate::record::trace::{Carrier, Parent, Traced, Tracer};

const SPECS: WorkSpecs = WorkSpecs {
    ended: [&JOBS, &JOB_DURATION],
    by_outcome: &JOB,
    failures: &JOB_FAILURES,
    by_reason: &FAILURE,
    in_order: |kind, label| [kind, label],
    outcome_key: "vantage.job.outcome",
};

/// The instruments of all workers of the process.
#[derive(Clone, Debug)]
pub(crate) struct JobInstruments {
    series: LazySeries<Inner>,
    worker_keys: WorkerKeys,
}

#[derive(Debug)]
struct Inner {
    work: Arc<WorkSeries>,
    by_kind: BoundSeries<KindSeries, 1>,
    /// Counted through [`InFlight`], because a job that never ends has no end to count at.
    processing_time: Option<ObjectiveCounters>,
    /// Counted at the start, when the lag is known.
    queue_lag: Option<ObjectiveCounters>,
}

/// All that is recorded by kind, found by one look-up.
#[derive(Debug)]
struct KindSeries {
    active: UpDownCounter,
    busy: SecondsCounter,
    lag: Histogram,
}

impl JobInstruments {
    /// Jobs that are running are in `in_flight`; workers register in `worker_keys`.
    pub(crate) fn new(
        instruments: &Instruments,
        slo_events: &SloEvents,
        clock: Clock,
        in_flight: InFlight,
        worker_keys: WorkerKeys,
        tracer: Tracer,
        error_reasons: ErrorReasons,
    ) -> Self {
        let (instruments, slo_events) = (instruments.clone(), slo_events.clone());
        let series = LazySeries::new(move || {
            Inner::new(
                &instruments,
                &slo_events,
                clock,
                in_flight,
                tracer,
                error_reasons,
            )
        });
        Self {
            series,
            worker_keys,
        }
    }

    /// Shows the family before anything happens.
    pub(crate) fn initialize(&self) {
        self.series.initialize();
    }

    /// Returns the worker of this name and starts its heartbeat.
    pub(crate) fn worker(&self, name: &str) -> Worker {
        let (id, slot) = self.worker_keys.register_name(name, BeatRole::Worker);
        let (id, jobs) = (id.ok_or_else(|| name.into()), self.clone());
        Worker { id, slot, jobs }
    }
}

impl Inner {
    fn new(
        instruments: &Instruments,
        slo_events: &SloEvents,
        clock: Clock,
        in_flight: InFlight,
        tracer: Tracer,
        error_reasons: ErrorReasons,
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
        let work = WorkSeries::new(instruments, clock, tracer, in_flight, error_reasons, &SPECS);
        Self {
            work: Arc::new(work),
            by_kind,
            processing_time: slo_events.activate(ObjectiveKind::ProcessingTime),
            queue_lag: slo_events.activate(ObjectiveKind::QueueLag),
        }
    }
}

/// A worker of the process. A cheap clone.
///
/// It beats from [`Telemetry::worker`](crate::Telemetry::worker) on until the telemetry is shut down
/// or somebody calls [`stop`](Self::stop), however many handles there are of it. Its beats carry how
/// far its jobs have come, and are sent by a thread of the SDK: a runtime that is blocked is seen.
///
/// Its id appears on worker routes and in heartbeat metrics only, never as a label of a job's.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # use vantage_obs::testing::TestTelemetry;
/// use vantage_obs::trace::Carrier;
///
/// # let test = TestTelemetry::new();
/// # let telemetry = test.telemetry();
/// let worker = telemetry.worker("publisher-1");
/// let same = telemetry.worker("publisher-1");
/// let job = same.start("publish_post", test.clock().wall(), &Carrier::EMPTY);
/// let labels = [("job_kind", "publish_post")];
/// assert_eq!(test.value("vantage_worker_active_jobs", &labels), Some(1.0));
/// job.succeed();
/// assert_eq!(test.value("vantage_worker_active_jobs", &labels), Some(0.0));
/// worker.stop(); // says goodbye: it no longer counts as missing
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Worker {
    /// The text as it was given where it is no id.
    id: Result<BeatId, Arc<str>>,
    slot: Slot,
    jobs: JobInstruments,
}

impl Worker {
    /// Returns the id as it was given, under which the worker beats if it is allowed.
    #[must_use]
    pub fn id(&self) -> &str {
        match &self.id {
            Ok(id) => id.as_str(),
            Err(refused) => refused,
        }
    }

    /// Says goodbye for this worker, which no longer counts as missing. Its handles still measure
    /// jobs; [`Telemetry::worker`](crate::Telemetry::worker) brings it back.
    ///
    /// Shutdown does it for every worker of the process.
    pub fn stop(&self) {
        if let Ok(id) = &self.id {
            self.jobs.worker_keys.remove(id);
        }
    }

    /// Starts a job of a kind such as `publish_post`, which was due at `scheduled_for`.
    ///
    /// The time from then to now is its queue lag; a job that starts early has none. Its span
    /// continues the trace of `parent`, `&carrier` out of the queue, or only links to it with
    /// [`carrier.link()`](Carrier::link); `&Carrier::EMPTY` where there is none.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use std::time::Duration;
    /// use vantage_obs::testing::TestTelemetry;
    /// use vantage_obs::trace::Carrier;
    ///
    /// let test = TestTelemetry::new();
    /// let worker = test.telemetry().worker("publisher-1");
    /// let due = test.clock().wall();
    /// test.clock().advance(Duration::from_secs(90));
    /// let job = worker.start("publish_post", due, &Carrier::EMPTY);
    /// job.succeed();
    /// let labels = [("job_kind", "publish_post")];
    /// assert_eq!(test.value("vantage_worker_queue_lag_seconds_sum", &labels), Some(90.0));
    /// # }
    /// ```
    pub fn start<'a>(
        &self,
        kind: &str,
        scheduled_for: impl Into<SystemTime>,
        parent: impl Into<Parent<'a>>,
    ) -> Job {
        self.prepare(kind, scheduled_for, parent).start()
    }

    /// Runs a future as a job of a kind, which was due at `scheduled_for`, inside the job's span: `Ok` is a success and
    /// `Err` a failure, whose reason follows from the error.
    ///
    /// The arguments are those of [`start`](Self::start), and the output is handed on as it is. The job starts with the
    /// first poll. A panic in it counts as panicked, and goes on; dropped before its end, as by a time limit or an abort,
    /// it counts as aborted.
    ///
    /// The reason is a word and never a message: for an error of one's own the name of its variant, or what
    /// [`Telemetry::classify_errors`](crate::Telemetry::classify_errors) makes of it. [`RunOutput`] says which errors
    /// are understood by themselves; [`run_with`](Self::run_with) takes any.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # use vantage_obs::testing::TestTelemetry;
    /// use vantage_obs::trace::Carrier;
    ///
    /// #[derive(Debug, thiserror::Error)]
    /// enum PublishError {
    ///     #[error("the post {0} is gone")]
    ///     PostGone(u64),
    /// }
    ///
    /// # let test = TestTelemetry::new();
    /// let worker = test.telemetry().worker("publisher-1");
    /// let due = test.clock().wall();
    /// let published: Result<&str, PublishError> = worker
    ///     .run("publish_post", due, &Carrier::EMPTY, async { Ok("https://example.com/1") })
    ///     .await;
    /// assert_eq!(published.unwrap(), "https://example.com/1");
    ///
    /// let publish = async { Err::<(), _>(PublishError::PostGone(2)) };
    /// let gone = worker.run("publish_post", due, &Carrier::EMPTY, publish).await;
    /// assert_eq!(gone.unwrap_err().to_string(), "the post 2 is gone");
    /// let labels = [("job_kind", "publish_post"), ("reason", "post_gone")];
    /// assert_eq!(test.value("vantage_worker_job_failures_total", &labels), Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run<'a, F, V>(
        &self,
        kind: &str,
        scheduled_for: impl Into<SystemTime>,
        parent: impl Into<Parent<'a>>,
        future: F,
    ) -> Run<F, JobStart, ByOutput<V>>
    where
        F: Future<Output: RunOutput<V>>,
    {
        let job = self.prepare(kind, scheduled_for, parent);
        Run::new(job, future, ByOutput::new())
    }

    /// Runs a future as [`run`](Self::run) does, with the reason that `reason` makes of the error, which may be of any
    /// type.
    ///
    /// The reason becomes a label: leave ids, amounts and messages out of it.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # use vantage_obs::testing::TestTelemetry;
    /// use http::StatusCode;
    /// use vantage_obs::trace::Carrier;
    ///
    /// # let test = TestTelemetry::new();
    /// # let worker = test.telemetry().worker("publisher-1");
    /// # let due = test.clock().wall();
    /// let publish = async { Err::<(), _>(StatusCode::TOO_MANY_REQUESTS) };
    /// let reason = |status: &StatusCode| status.as_str().to_owned();
    /// let _ = worker.run_with("publish_post", due, &Carrier::EMPTY, publish, reason).await;
    /// let labels = [("job_kind", "publish_post"), ("reason", "429")];
    /// assert_eq!(test.value("vantage_worker_job_failures_total", &labels), Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run_with<'a, F, T, E, G, R>(
        &self,
        kind: &str,
        scheduled_for: impl Into<SystemTime>,
        parent: impl Into<Parent<'a>>,
        future: F,
        reason: G,
    ) -> Run<F, JobStart, ByReason<G>>
    where
        F: Future<Output = Result<T, E>>,
        G: Fn(&E) -> R,
        R: Into<Cow<'static, str>>,
    {
        let job = self.prepare(kind, scheduled_for, parent);
        Run::new(job, future, ByReason(reason))
    }

    /// Runs a function as [`run`](Self::run) does a future, for a worker whose thread may block.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # use vantage_obs::trace::Carrier;
    /// # let test = TestTelemetry::new();
    /// # let worker = test.telemetry().worker("publisher-1");
    /// # let due = test.clock().wall();
    /// let resize = || std::fs::read("/no/such/picture");
    /// assert!(worker.run_blocking("resize", due, &Carrier::EMPTY, resize).is_err());
    /// let labels = [("job_kind", "resize"), ("reason", "not_found")];
    /// assert_eq!(test.value("vantage_worker_job_failures_total", &labels), Some(1.0));
    /// # }
    /// ```
    pub fn run_blocking<'a, O: RunOutput<V>, V>(
        &self,
        kind: &str,
        scheduled_for: impl Into<SystemTime>,
        parent: impl Into<Parent<'a>>,
        work: impl FnOnce() -> O,
    ) -> O {
        let job = self.prepare(kind, scheduled_for, parent);
        run::run_blocking(job, &ByOutput::new(), work)
    }

    /// Prepares a job, whose parent is that of the caller and not of whoever polls it.
    fn prepare<'a>(
        &self,
        kind: &str,
        scheduled_for: impl Into<SystemTime>,
        parent: impl Into<Parent<'a>>,
    ) -> JobStart {
        JobStart {
            origin: parent.into().resolve(&self.jobs.series.work.tracer),
            worker: self.clone(),
            kind: kind.into(),
            scheduled_for: scheduled_for.into(),
        }
    }

    fn start_job(
        &self,
        kind: Box<str>,
        scheduled_for: SystemTime,
        (context, links): (Context, Vec<Link>),
    ) -> Job {
        let inner = &self.jobs.series;
        let work = &inner.work;
        let (now, wall) = (work.clock.now(), work.clock.wall());
        // By the wall clock: the due time was written by another process. Clocks that differ show
        // as a lag, or as none.
        let lag = wall.duration_since(scheduled_for).unwrap_or_default();
        let series = inner.by_kind.get([&kind]);
        series.active.add(1);
        // Before the span: an objective counts every job, sampled or not.
        if let Some(counters) = &inner.queue_lag {
            counters.record_elapsed(lag);
        }
        let busy = Some(series.busy.clone());
        let threshold = inner.processing_time.clone();
        let id = work.in_flight.start(self.slot, now, busy, threshold);
        let scope = work.tracer.start(context, SpanKind::Consumer, "job", links);
        scope.rename(|| kind.to_string());
        scope.set_attributes(|| {
            let kind = KeyValue::new("vantage.job.kind", kind.to_string());
            let worker = self.id.iter();
            let worker = worker.map(|id| KeyValue::new("vantage.worker.id", id.to_arc()));
            std::iter::once(kind).chain(worker)
        });
        series.lag.record_in(scope.sampled(), lag.as_secs_f64());
        Job(OpenWork {
            series: Arc::clone(work),
            name: kind,
            scope,
            active: series.active.clone(),
            started: now,
            id,
            outcome: None,
        })
    }
}

/// A job that has not begun.
#[derive(Debug)]
pub struct JobStart {
    worker: Worker,
    kind: Box<str>,
    scheduled_for: SystemTime,
    /// The context in which it starts, and what its span links to.
    origin: (Context, Vec<Link>),
}

impl Work for JobStart {
    type Started = Job;

    fn start(self) -> Job {
        self.worker
            .start_job(self.kind, self.scheduled_for, self.origin)
    }
}

impl StartedWork for Job {
    fn context(&self) -> Option<&Context> {
        Some(self.0.scope.context())
    }

    fn is_recording(&self) -> bool {
        self.0.scope.is_recording()
    }

    fn error_reasons(&self) -> &ErrorReasons {
        &self.0.series.error_reasons
    }

    fn end(self, failure: Option<Failed<'_>>) {
        self.0.end(failure);
    }
}

/// A job that is running: end it with [`succeed`](Self::succeed) or [`fail`](Self::fail).
///
/// Dropped without either it counts as aborted, and as panicked when a panic drops it. Its busy
/// time ticks meanwhile, and a job that passes its objective's threshold counts as bad then.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # use vantage_obs::testing::TestTelemetry;
/// use vantage_obs::trace::Carrier;
///
/// # let test = TestTelemetry::new();
/// let worker = test.telemetry().worker("publisher-1");
/// let start = || worker.start("publish_post", test.clock().wall(), &Carrier::EMPTY);
/// start().succeed();
/// start().fail("upstream_timeout");
/// drop(start());
/// let jobs = |outcome| {
///     let labels = [("job_kind", "publish_post"), ("outcome", outcome)];
///     test.value("vantage_worker_jobs_total", &labels)
/// };
/// assert_eq!(["succeeded", "failed", "aborted"].map(jobs), [Some(1.0); 3]);
/// # }
/// ```
#[must_use = "a job that is dropped at once counts as aborted"]
#[derive(Debug)]
pub struct Job(OpenWork);

impl Job {
    /// Ends the job well.
    pub fn succeed(self) {
        self.0.succeed();
    }

    /// Ends the job badly, for a reason out of a small set, such as `upstream_timeout`.
    ///
    /// The reason becomes a label: leave ids, amounts and messages out of it.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # use vantage_obs::trace::Carrier;
    /// # let test = TestTelemetry::new();
    /// # let worker = test.telemetry().worker("publisher-1");
    /// let job = worker.start("publish_post", test.clock().wall(), &Carrier::EMPTY);
    /// job.fail("upstream_timeout");
    /// let labels = [("job_kind", "publish_post"), ("reason", "upstream_timeout")];
    /// assert_eq!(test.value("vantage_worker_job_failures_total", &labels), Some(1.0));
    /// # }
    /// ```
    pub fn fail(self, reason: &str) {
        self.0.fail(reason);
    }

    /// Runs `work` inside the job's span: what it logs and starts belongs to it.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # use vantage_obs::trace::Carrier;
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// # let worker = telemetry.worker("publisher-1");
    /// let job = worker.start("publish_post", test.clock().wall(), &Carrier::EMPTY);
    /// job.in_scope(|| telemetry.database("postgresql").query("SELECT", "posts").succeed());
    /// job.succeed();
    /// test.span("SELECT posts").assert_child_of(&test.span("publish_post"));
    /// # }
    /// ```
    pub fn in_scope<R>(&self, work: impl FnOnce() -> R) -> R {
        self.0.scope.enter(work)
    }

    /// Runs a future inside the job's span, as [`in_scope`](Self::in_scope) does.
    pub fn trace<F>(&self, future: F) -> Traced<F> {
        self.0.trace(future)
    }

    /// Returns the job's trace, to be put beside a job into a queue.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # use vantage_obs::trace::Carrier;
    /// # let test = TestTelemetry::new();
    /// # let worker = test.telemetry().worker("publisher-1");
    /// let job = worker.start("publish_post", test.clock().wall(), &Carrier::EMPTY);
    /// let queued = job.carrier(); // beside the follow-up job, into its queue
    /// let next = worker.start("notify", test.clock().wall(), &queued);
    /// next.succeed();
    /// job.succeed();
    /// assert_eq!(test.span("notify").trace_id, test.span("publish_post").trace_id);
    /// # }
    /// ```
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.0.carrier()
    }
}
