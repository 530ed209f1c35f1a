//! Jobs, queues, schedules, and those that work on them.

use super::requests::p95;
use super::{Measure, SERVICE, Time};
use crate::model::catalog::{scheduler, worker};
use crate::model::promql::{Counter, Gauge, Histogram, Select};

/// Every replica reports what it knows of a worker or a queue.
const WORKER: [&str; 2] = ["environment", "worker.id"];
const SCHEDULER: [&str; 2] = ["environment", "scheduler.id"];
const QUEUE: [&str; 2] = ["environment", "queue"];

/// Beyond so many workers only their states are reported.
const NAMED: u32 = 1_000;

pub(super) fn worker_silence() -> Measure {
    // The newest beat that anybody has heard.
    let last = Gauge::of(&worker::HEARTBEAT).now().max_by(&WORKER);
    Measure::of_value(last.age())
}

pub(super) fn offline_share() -> Measure {
    let workers = || Gauge::of(&worker::WORKERS).with("state");
    let known = workers()
        .is_not("stopped")
        .now()
        .sum_by(&["environment", "instance", "job"]);
    let offline = workers()
        .is("offline")
        .now()
        .sum_by(&["environment", "instance", "job"]);
    let share = offline.over(&known).max_by(&SERVICE);
    Measure::only(share, known.max_by(&SERVICE).above(NAMED))
}

pub(super) fn queue_depth() -> Measure {
    Measure::of_value(Gauge::of(&worker::QUEUE_DEPTH).now().max_by(&QUEUE))
}

pub(super) fn oldest_age() -> Measure {
    Measure::of_value(Gauge::of(&worker::QUEUE_OLDEST).now().max_by(&QUEUE))
}

pub(super) fn failure_ratio(time: Time<'_>) -> Measure {
    let window = time.minutes(15);
    let jobs = Counter::of(&worker::JOBS);
    let failed = jobs.clone().with("outcome").is_not("succeeded");
    let all = jobs.rate(window).sum_by(&SERVICE);
    Measure::of_busy(failed.rate(window).sum_by(&SERVICE).over(&all), &all)
}

pub(super) fn execution_lag(time: Time<'_>) -> Measure {
    let lag = Histogram::of(&scheduler::EXECUTION_LAG);
    Measure::of_value(lag.quantile(p95(), time.minutes(15), &SERVICE))
}

pub(super) fn success_ratio(time: Time<'_>) -> Measure {
    let window = time.hours(1);
    let executions = Counter::of(&scheduler::EXECUTIONS);
    let succeeded = executions.clone().with("outcome").is("succeeded");
    let all = executions.rate(window).sum_by(&SERVICE);
    // Where none ever succeeded there is no such series, and the ratio is 0.
    let succeeded = succeeded.rate(window).sum_by(&SERVICE).or_zero_of(&all);
    Measure::of_busy(succeeded.over(&all), &all)
}

pub(super) fn scheduler_silence() -> Measure {
    let last = Gauge::of(&scheduler::HEARTBEAT).now().max_by(&SCHEDULER);
    Measure::of_value(last.age())
}
