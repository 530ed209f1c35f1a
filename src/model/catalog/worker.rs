//! Jobs and the queues that they come from.
//!
//! No synchronous instrument here has a worker's id as a label: ids come and go with pods, and a
//! series of the past is never forgotten by a counter. Figures of single workers are observable,
//! and end with the worker.

use super::{Attribute, Instrument, MetricFamily, MetricSpec, family};
use crate::model::units::Unit;

/// The outcomes of a job or an execution.
///
/// `aborted` is a handle that was dropped without a verdict; `panicked` one that was dropped by a
/// panic.
pub(crate) const OUTCOMES: &[&str] = &["succeeded", "failed", "aborted", "panicked"];

/// The states of a worker.
pub(crate) const STATES: &[&str] = &["late", "new", "offline", "online", "stalled", "stopped"];

/// The results of receiving a heartbeat.
///
/// Each beat that arrives is counted under exactly one of them.
pub(crate) const BEAT_RESULTS: &[&str] = &[
    "accepted",
    "duplicate",
    "full",
    "out_of_order",
    "refused",
    "restarted",
    "superseded",
    "too_fast",
];

/// Bounds for work that takes from milliseconds to an hour, in seconds.
///
/// Wide on purpose: a job of a queue takes milliseconds or most of an hour, and a quantile is only
/// as exact as the bucket that it falls into.
pub(crate) const WORK_BOUNDS: &[f64] = &[
    0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0,
];

const KIND: Attribute = Attribute::open(
    "job.kind",
    "the kind that the worker names at the start of a job",
);
const QUEUE: Attribute = Attribute::open("queue", "the name under which the queue is watched");

/// The labels of a job that ended.
pub(crate) const JOB: [Attribute; 2] = [KIND, Attribute::one_of("outcome", OUTCOMES)];
pub(crate) const BY_KIND: [Attribute; 1] = [KIND];
/// The labels of a failure.
pub(crate) const FAILURE: [Attribute; 2] = [
    KIND,
    Attribute::open(
        "reason",
        "the reason that the worker gives, a fixed text without values",
    ),
];

family! {
    /// Finished jobs.
    pub(crate) const JOBS: MetricSpec = MetricSpec::new(
        MetricFamily::Worker,
        "vantage.worker.jobs",
        Instrument::Counter,
        Unit::Count("{job}"),
        "Jobs that ended, by kind and outcome",
        &JOB,
    );

    /// Why jobs failed.
    pub(crate) const JOB_FAILURES: MetricSpec = MetricSpec::new(
        MetricFamily::Worker,
        "vantage.worker.job.failures",
        Instrument::Counter,
        Unit::Count("{failure}"),
        "Jobs that failed, by kind and reason",
        &FAILURE,
    );

    /// Time from start to end.
    pub(crate) const JOB_DURATION: MetricSpec = MetricSpec::new(
        MetricFamily::Worker,
        "vantage.worker.job.duration",
        Instrument::Histogram(WORK_BOUNDS),
        Unit::Seconds,
        "Time from the start of a job to its end",
        &JOB,
    );

    /// Jobs that are running.
    pub(crate) const ACTIVE_JOBS: MetricSpec = MetricSpec::new(
        MetricFamily::Worker,
        "vantage.worker.active_jobs",
        Instrument::UpDownCounter,
        Unit::Count("{job}"),
        "Jobs that are running",
        &BY_KIND,
    );

    /// Time spent in jobs, ticking while they run.
    pub(crate) const BUSY_TIME: MetricSpec = MetricSpec::new(
        MetricFamily::Worker,
        "vantage.worker.busy_time",
        Instrument::Counter,
        Unit::Seconds,
        "Time spent in jobs; it grows while they run, so that a job that never ends shows",
        &BY_KIND,
    );

    /// Time from when a job was due until it started.
    pub(crate) const QUEUE_LAG: MetricSpec = MetricSpec::new(
        MetricFamily::Worker,
        "vantage.worker.queue.lag",
        Instrument::Histogram(WORK_BOUNDS),
        Unit::Seconds,
        "Time from the moment a job was due to its start",
        &BY_KIND,
    );

    /// Jobs that wait.
    pub(crate) const QUEUE_DEPTH: MetricSpec = MetricSpec::new(
        MetricFamily::Worker,
        "vantage.worker.queue.depth",
        Instrument::ObservableGauge,
        Unit::Count("{job}"),
        "Jobs that are waiting in a queue",
        &[QUEUE],
    );

    /// Age of the job that has waited longest.
    pub(crate) const QUEUE_OLDEST: MetricSpec = MetricSpec::new(
        MetricFamily::Worker,
        "vantage.worker.queue.oldest_age",
        Instrument::ObservableGauge,
        Unit::Seconds,
        "Time for which the oldest waiting job has been due; absent if none is waiting",
        &[QUEUE],
    );

    /// The time of each worker's last heartbeat.
    pub(crate) const HEARTBEAT: MetricSpec = MetricSpec::new(
        MetricFamily::Worker,
        "vantage.worker.heartbeat.timestamp",
        Instrument::ObservableGauge,
        Unit::Seconds,
        "Time at which the last heartbeat of a worker arrived, in seconds since 1970; absent if there are more than 1,000 workers, and for a worker that signed off, has been silent for heartbeat.forget_after, or sends heartbeats through a store that cannot be read",
        &[Attribute::open(
            "worker.id",
            "the name under which the worker sends heartbeats",
        )],
    );

    /// The difference of each worker's clock to the receiver's.
    pub(crate) const CLOCK_SKEW: MetricSpec = MetricSpec::new(
        MetricFamily::Worker,
        "vantage.worker.heartbeat.clock_skew",
        Instrument::ObservableGauge,
        Unit::Seconds,
        "Time by which a worker's clock was behind its receiver's at its last heartbeat, negative if it was ahead; absent where the time of its last heartbeat is",
        &[Attribute::open(
            "worker.id",
            "the name under which the worker sends heartbeats",
        )],
    );

    /// Workers by state.
    pub(crate) const WORKERS: MetricSpec = MetricSpec::new(
        MetricFamily::Worker,
        "vantage.worker.workers",
        Instrument::ObservableGauge,
        Unit::Count("{worker}"),
        "Known workers, by state, without those that have been silent for heartbeat.forget_after",
        &[Attribute::one_of("state", STATES)],
    );

    /// Beats that arrived.
    pub(crate) const BEATS: MetricSpec = MetricSpec::new(
        MetricFamily::Worker,
        "vantage.worker.beats",
        Instrument::ObservableCounter,
        Unit::Count("{beat}"),
        "Heartbeats that arrived, by result",
        &[Attribute::one_of("result", BEAT_RESULTS)],
    );

    /// Members of heartbeats that this release doesn't know.
    pub(crate) const UNKNOWN_FIELDS: MetricSpec = MetricSpec::new(
        MetricFamily::Worker,
        "vantage.worker.beat.unknown_fields",
        Instrument::ObservableCounter,
        Unit::Count("{field}"),
        "Fields of heartbeats that were ignored because this version does not know them",
        &[],
    );
}
