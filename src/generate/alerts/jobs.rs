//! Jobs, queues, schedules, workers and schedulers.

use super::{AlertQuery, AlertRow, SERVICE, ScaledWindows};
use crate::generate::rule::RecordingRule;
use crate::model::alerts::AlertSignal;
use crate::model::catalog::{scheduler, worker};
use crate::model::promql::{
    CounterQuery, GaugeQuery, HistogramQuery, InstantVector, RecordedSeries, Select, TARGET_LABELS,
};

pub(super) const ALERTS: &[AlertRow] = &[
    AlertRow::new(
        AlertSignal::WorkerOffline,
        |_| worker_heartbeat_age(),
        include_str!("worker-offline.md"),
    ),
    AlertRow::new(
        AlertSignal::WorkersOffline,
        |_| offline_share(),
        include_str!("workers-offline.md"),
    ),
    AlertRow::new(
        AlertSignal::QueueDepth,
        |_| queue_depth(),
        include_str!("queue-depth-high.md"),
    ),
    AlertRow::new(
        AlertSignal::JobFailureRatio,
        failure_ratio,
        include_str!("job-failure-ratio-high.md"),
    ),
    AlertRow::new(
        AlertSignal::OldestJobAge,
        |_| oldest_age(),
        include_str!("oldest-job-waiting.md"),
    ),
    AlertRow::new(
        AlertSignal::ExecutionLag,
        execution_lag,
        include_str!("execution-lag-high.md"),
    ),
    AlertRow::new(
        AlertSignal::SchedulerSuccessRatio,
        |_| success_ratio(),
        include_str!("scheduler-success-ratio-low.md"),
    ),
    AlertRow::new(
        AlertSignal::SchedulerOffline,
        |_| scheduler_heartbeat_age(),
        include_str!("scheduler-offline.md"),
    ),
];

/// Every replica reports what it knows of a worker or a queue.
const WORKER: [&str; 2] = ["environment", "worker.id"];
const SCHEDULER: [&str; 2] = ["environment", "scheduler.id"];
const QUEUE: [&str; 2] = ["environment", "queue"];

/// Beyond so many workers only their states are reported.
const MAX_REPORTED_WORKERS: u32 = 1_000;

fn worker_heartbeat_age() -> AlertQuery {
    // The newest beat that anybody has heard.
    let last = GaugeQuery::new(&worker::HEARTBEAT).now().max_by(&WORKER);
    AlertQuery::from_value(last.age())
}

/// Returns the share of workers that are offline, where there are too many for series of their own.
fn offline_share() -> AlertQuery {
    let known = known_workers().now();
    let offline = GaugeQuery::new(&worker::WORKERS)
        .with("state")
        .is("offline");
    // Per process that reports, and then the greatest: replicas see the same workers, and adding
    // them up would count each twice.
    let share = offline
        .now()
        .sum_by(&TARGET_LABELS)
        .div(&known)
        .max_by(&SERVICE);
    AlertQuery::with_condition(share, known.max_by(&SERVICE).above(MAX_REPORTED_WORKERS))
}

fn queue_depth() -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&worker::QUEUE_DEPTH).now().max_by(&QUEUE))
}

fn oldest_age() -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&worker::QUEUE_OLDEST).now().max_by(&QUEUE))
}

fn failure_ratio(windows: ScaledWindows<'_>) -> AlertQuery {
    let window = windows.minutes(15);
    let jobs = CounterQuery::new(&worker::JOBS);
    let failed = jobs.clone().with("outcome").other_than("succeeded");
    let all = jobs.rate(window).sum_by(&SERVICE);
    AlertQuery::with_min_rate(failed.rate(window).sum_by(&SERVICE).div(&all), &all)
}

fn execution_lag(windows: ScaledWindows<'_>) -> AlertQuery {
    let lag = HistogramQuery::new(&scheduler::EXECUTION_LAG);
    AlertQuery::from_value(lag.percentile(95, windows.minutes(15), &SERVICE))
}

fn success_ratio() -> AlertQuery {
    let [all, succeeded] =
        [executions(), successes()].map(|executions| executions.now().sum_by(&SERVICE));
    AlertQuery::with_min_rate(succeeded.div(&all), &all)
}

fn scheduler_heartbeat_age() -> AlertQuery {
    let last = GaugeQuery::new(&scheduler::HEARTBEAT)
        .now()
        .max_by(&SCHEDULER);
    AlertQuery::from_value(last.age())
}

/// The labels of recorded executions.
const SCHEDULE: [&str; 4] = [
    TARGET_LABELS[0],
    TARGET_LABELS[1],
    TARGET_LABELS[2],
    "schedule",
];

/// Returns executions a second that ended, of the last hour.
pub(in crate::generate) fn executions() -> RecordedSeries {
    RecordedSeries::with_labels("vantage:scheduler_executions:rate1h", SCHEDULE)
}

/// Returns those that succeeded: 0 where none did.
pub(in crate::generate) fn successes() -> RecordedSeries {
    RecordedSeries::with_labels("vantage:scheduler_successes:rate1h", SCHEDULE)
}

/// Returns the workers that a process knows, without those that said goodbye.
fn known_workers() -> RecordedSeries {
    RecordedSeries::with_labels("vantage:known_workers:count", TARGET_LABELS)
}

/// Returns the rules that record executions and known workers.
pub(in crate::generate) fn recording_rules(windows: ScaledWindows<'_>) -> Vec<RecordingRule> {
    let window = windows.hours(1);
    let counted = CounterQuery::new(&scheduler::EXECUTIONS);
    let all = counted.rate(window);
    let succeeded = counted.with("outcome").is("succeeded").rate(window);
    let known = GaugeQuery::new(&worker::WORKERS)
        .with("state")
        .other_than("stopped");
    let record =
        |series: RecordedSeries, value: InstantVector| RecordingRule::new(series.name(), &value);
    vec![
        record(executions(), all.sum_by(&SCHEDULE)),
        record(successes(), succeeded.or_zero_for(&all).sum_by(&SCHEDULE)),
        record(known_workers(), known.now().sum_by(&TARGET_LABELS)),
    ]
}
