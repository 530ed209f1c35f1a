//! Jobs, queues, schedules, workers and schedulers.

use super::{AlertQuery, AlertRow, SERVICE, ScaledWindows};
use crate::model::alerts::AlertSignal;
use crate::model::catalog::{scheduler, worker};
use crate::model::promql::{CounterQuery, GaugeQuery, HistogramQuery, Select};

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
        success_ratio,
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

fn offline_share() -> AlertQuery {
    let workers = || GaugeQuery::new(&worker::WORKERS).with("state");
    let known = workers()
        .is_not("stopped")
        .now()
        .sum_by(&["environment", "instance", "job"]);
    let offline = workers()
        .is("offline")
        .now()
        .sum_by(&["environment", "instance", "job"]);
    let share = offline.div(&known).max_by(&SERVICE);
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
    let failed = jobs.clone().with("outcome").is_not("succeeded");
    let all = jobs.rate(window).sum_by(&SERVICE);
    AlertQuery::with_min_rate(failed.rate(window).sum_by(&SERVICE).div(&all), &all)
}

fn execution_lag(windows: ScaledWindows<'_>) -> AlertQuery {
    let lag = HistogramQuery::new(&scheduler::EXECUTION_LAG);
    AlertQuery::from_value(lag.percentile(95, windows.minutes(15), &SERVICE))
}

fn success_ratio(windows: ScaledWindows<'_>) -> AlertQuery {
    let window = windows.hours(1);
    let executions = CounterQuery::new(&scheduler::EXECUTIONS);
    let succeeded = executions.clone().with("outcome").is("succeeded");
    let all = executions.rate(window).sum_by(&SERVICE);
    // Where none ever succeeded there is no such series, and the ratio is 0.
    let succeeded = succeeded.rate(window).sum_by(&SERVICE).or_zero_for(&all);
    AlertQuery::with_min_rate(succeeded.div(&all), &all)
}

fn scheduler_heartbeat_age() -> AlertQuery {
    let last = GaugeQuery::new(&scheduler::HEARTBEAT)
        .now()
        .max_by(&SCHEDULER);
    AlertQuery::from_value(last.age())
}
