//! Jobs, queues, schedules, workers and schedulers.

use super::requests::p95;
use super::{AlertQuery, SERVICE, ScaledWindows};
use crate::model::catalog::{scheduler, worker};
use crate::model::promql::{CounterQuery, GaugeQuery, HistogramQuery, Select};

/// Every replica reports what it knows of a worker or a queue.
const WORKER: [&str; 2] = ["environment", "worker.id"];
const SCHEDULER: [&str; 2] = ["environment", "scheduler.id"];
const QUEUE: [&str; 2] = ["environment", "queue"];

/// Beyond so many workers only their states are reported.
const MAX_REPORTED_WORKERS: u32 = 1_000;

pub(super) fn worker_heartbeat_age() -> AlertQuery {
    // The newest beat that anybody has heard.
    let last = GaugeQuery::new(&worker::HEARTBEAT).now().max_by(&WORKER);
    AlertQuery::from_value(last.age())
}

pub(super) fn offline_share() -> AlertQuery {
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

pub(super) fn queue_depth() -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&worker::QUEUE_DEPTH).now().max_by(&QUEUE))
}

pub(super) fn oldest_age() -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&worker::QUEUE_OLDEST).now().max_by(&QUEUE))
}

pub(super) fn failure_ratio(windows: ScaledWindows<'_>) -> AlertQuery {
    let window = windows.minutes(15);
    let jobs = CounterQuery::new(&worker::JOBS);
    let failed = jobs.clone().with("outcome").is_not("succeeded");
    let all = jobs.rate(window).sum_by(&SERVICE);
    AlertQuery::with_min_rate(failed.rate(window).sum_by(&SERVICE).div(&all), &all)
}

pub(super) fn execution_lag(windows: ScaledWindows<'_>) -> AlertQuery {
    let lag = HistogramQuery::new(&scheduler::EXECUTION_LAG);
    AlertQuery::from_value(lag.quantile(p95(), windows.minutes(15), &SERVICE))
}

pub(super) fn success_ratio(windows: ScaledWindows<'_>) -> AlertQuery {
    let window = windows.hours(1);
    let executions = CounterQuery::new(&scheduler::EXECUTIONS);
    let succeeded = executions.clone().with("outcome").is("succeeded");
    let all = executions.rate(window).sum_by(&SERVICE);
    // Where none ever succeeded there is no such series, and the ratio is 0.
    let succeeded = succeeded.rate(window).sum_by(&SERVICE).or_zero_for(&all);
    AlertQuery::with_min_rate(succeeded.div(&all), &all)
}

pub(super) fn scheduler_heartbeat_age() -> AlertQuery {
    let last = GaugeQuery::new(&scheduler::HEARTBEAT)
        .now()
        .max_by(&SCHEDULER);
    AlertQuery::from_value(last.age())
}
