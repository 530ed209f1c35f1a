//! Schedules and the executions that they start.
//!
//! An execution is one run of a schedule. A run that never started has no duration and no outcome;
//! it is counted by itself as missed.

use super::worker::{OUTCOMES, WORK_BOUNDS};
use super::{Attribute, Instrument, MetricFamily, MetricSpec, family};
use crate::model::units::Unit;

// Open, but bounded all the same by the instrument's limit of series.
const SCHEDULE: Attribute =
    Attribute::open("schedule", "the name that the scheduler gives the schedule");

/// The labels of an execution that ended.
pub(crate) const EXECUTION: [Attribute; 2] = [Attribute::one_of("outcome", OUTCOMES), SCHEDULE];
pub(crate) const BY_SCHEDULE: [Attribute; 1] = [SCHEDULE];
/// The labels of a failure. A counter of its own, because a reason as a label of durations would
/// multiply their buckets.
pub(crate) const FAILURE: [Attribute; 2] = [
    Attribute::open(
        "reason",
        "the reason that the scheduler gives, a fixed text without values",
    ),
    SCHEDULE,
];

family! {
    /// Jobs put on the calendar.
    pub(crate) const SCHEDULED_JOBS: MetricSpec = MetricSpec::new(
        MetricFamily::Scheduler,
        "vantage.scheduler.scheduled_jobs",
        Instrument::Counter,
        Unit::Count("{job}"),
        "Jobs that were scheduled",
        &BY_SCHEDULE,
    );

    /// Executions that ended.
    pub(crate) const EXECUTIONS: MetricSpec = MetricSpec::new(
        MetricFamily::Scheduler,
        "vantage.scheduler.executions",
        Instrument::Counter,
        Unit::Count("{execution}"),
        "Scheduled executions that ended; the success rate is the share that succeeded",
        &EXECUTION,
    );

    /// Why executions failed.
    pub(crate) const EXECUTION_FAILURES: MetricSpec = MetricSpec::new(
        MetricFamily::Scheduler,
        "vantage.scheduler.execution.failures",
        Instrument::Counter,
        Unit::Count("{failure}"),
        "Executions that failed, by schedule and reason",
        &FAILURE,
    );

    /// Delay between the planned and the real start.
    pub(crate) const EXECUTION_LAG: MetricSpec = MetricSpec::new(
        MetricFamily::Scheduler,
        "vantage.scheduler.execution.lag",
        Instrument::Histogram(WORK_BOUNDS),
        Unit::Seconds,
        "Delay between the scheduled and the actual start of an execution",
        &BY_SCHEDULE,
    );

    /// Time from start to end.
    pub(crate) const EXECUTION_DURATION: MetricSpec = MetricSpec::new(
        MetricFamily::Scheduler,
        "vantage.scheduler.execution.duration",
        Instrument::Histogram(WORK_BOUNDS),
        Unit::Seconds,
        "Time from the start of an execution to its end",
        &EXECUTION,
    );

    /// Executions that are running.
    pub(crate) const ACTIVE_EXECUTIONS: MetricSpec = MetricSpec::new(
        MetricFamily::Scheduler,
        "vantage.scheduler.active_executions",
        Instrument::UpDownCounter,
        Unit::Count("{execution}"),
        "Executions that are running",
        &BY_SCHEDULE,
    );

    /// Runs that never started.
    pub(crate) const MISSED_RUNS: MetricSpec = MetricSpec::new(
        MetricFamily::Scheduler,
        "vantage.scheduler.missed_runs",
        Instrument::Counter,
        Unit::Count("{run}"),
        "Runs that were due and never started, including those of an expected schedule that did not begin within its grace period",
        &BY_SCHEDULE,
    );

    /// Runs that started while the one before was still going.
    pub(crate) const OVERLAPPING_RUNS: MetricSpec = MetricSpec::new(
        MetricFamily::Scheduler,
        "vantage.scheduler.overlapping_runs",
        Instrument::Counter,
        Unit::Count("{run}"),
        "Runs that started while an earlier one of the same schedule was running",
        &BY_SCHEDULE,
    );

    /// The time of each scheduler's last heartbeat.
    pub(crate) const HEARTBEAT: MetricSpec = MetricSpec::new(
        MetricFamily::Scheduler,
        "vantage.scheduler.heartbeat.timestamp",
        Instrument::ObservableGauge,
        Unit::Seconds,
        "Time at which the last heartbeat of a scheduler arrived, in seconds since 1970; absent for a scheduler that signed off or sends heartbeats through a store that cannot be read",
        &[Attribute::open(
            "scheduler.id",
            "the name under which the scheduler sends heartbeats",
        )],
    );

    /// The difference of each scheduler's clock to the receiver's.
    pub(crate) const CLOCK_SKEW: MetricSpec = MetricSpec::new(
        MetricFamily::Scheduler,
        "vantage.scheduler.heartbeat.clock_skew",
        Instrument::ObservableGauge,
        Unit::Seconds,
        "Time by which a scheduler's clock was behind its receiver's at its last heartbeat, negative if it was ahead; absent for a scheduler that signed off",
        &[Attribute::open(
            "scheduler.id",
            "the name under which the scheduler sends heartbeats",
        )],
    );
}
