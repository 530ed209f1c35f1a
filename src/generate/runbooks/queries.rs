//! What to ask Prometheus on each page. All of it is answered while nothing is wrong, but for what only
//! a fault or weeks of history bring about, so that whoever practises sees what is usual.

use crate::generate::Source;
use crate::generate::alert_query::{self, Measure};
use crate::model::alerts::Signal;
use crate::model::catalog::{
    api, business, database, health, process, scheduler, store, telemetry, worker,
};
use crate::model::promql::{Counter, Gauge, Histogram, Select, Vector, Window};
use crate::model::units::Ratio;

/// A question for Prometheus.
#[derive(Debug)]
pub(super) struct Query {
    /// What it asks, as a sentence that ends with a colon.
    pub(super) asks: &'static str,
    pub(super) vector: Vector,
}

const RECENT: Window = Window::minutes(5);
/// As many as a person reads.
const WORST: u32 = 10;

fn query(asks: &'static str, vector: Vector) -> Query {
    Query { asks, vector }
}

/// What is asked on an alert's page.
pub(super) fn of(signal: Signal, source: &Source) -> Vec<Query> {
    let value = |asks| {
        let measure = Measure::of(signal, source);
        measure.map(|measure| query(asks, measure.value))
    };
    let (first, more) = match signal {
        Signal::ApiErrorRatio => (
            value("The share that fails, by service:"),
            vec![failing(source), failing_checks()],
        ),
        Signal::ApiLatency => (
            value("The 95th percentile, by service, in seconds:"),
            vec![slow_routes(source), slow_calls(), pools()],
        ),
        Signal::MemoryUsage => (
            value("Memory as a share of the limit:"),
            vec![memory(), busy_routes(source)],
        ),
        Signal::CpuUsage => (
            value("Processor time as a share of the limit:"),
            vec![busy_routes(source), jobs()],
        ),
        Signal::DiskFree => (value("What is free, as a share:"), vec![free_bytes()]),
        Signal::DiskFullIn => (None, vec![free_bytes()]),
        Signal::WorkerOffline => (
            value("Seconds since each worker's last beat:"),
            vec![workers(), jobs()],
        ),
        Signal::WorkersOffline | Signal::WorkersAbsent => (None, vec![workers(), targets()]),
        Signal::QueueDepth => (
            value("Jobs that wait, by queue:"),
            vec![jobs(), active_jobs(), workers()],
        ),
        Signal::JobFailureRatio => (
            value("The share that fails, by service:"),
            vec![outcomes(), job_failures()],
        ),
        Signal::OldestJobAge => (None, vec![depths(), lags(), workers()]),
        Signal::ExecutionLag => (
            value("The 95th percentile of the delay, in seconds:"),
            vec![lags_of_schedules(), running()],
        ),
        Signal::SchedulerSuccessRatio => (
            value("The share that succeeds:"),
            vec![executions(), execution_failures()],
        ),
        Signal::SchedulerOffline | Signal::SchedulersAbsent => (
            Some(query(
                "Seconds since each scheduler's last beat:",
                scheduler_ages(),
            )),
            vec![targets()],
        ),
        Signal::PoolUsage => (
            value("Connections in use, as a share:"),
            vec![waiting(), slow_calls()],
        ),
        Signal::SlowQueryShare => (None, vec![slow_calls(), tables(), pools()]),
        Signal::DatabaseGrowth => (None, vec![size(), large_tables()]),
        Signal::DatabaseUnreachable | Signal::DatabaseAbsent => {
            (None, vec![reached(), failing_checks(), pools()])
        }
        Signal::PostsPublished => (None, vec![posts(), failing(source), outcomes()]),
        Signal::AiGenerations => (None, vec![generations(), busy_routes(source)]),
        Signal::Revenue => (None, vec![revenue(), failing(source)]),
        Signal::ErrorBudget => (
            Some(query(
                "What is left of the budgets, as a share; below 0 it is overspent:",
                alert_query::budgets_left(),
            )),
            vec![burning(), bad_events()],
        ),
        Signal::ServiceAbsent | Signal::TargetDown => (None, vec![targets(), uptime()]),
        Signal::QueuesAbsent => (None, vec![depths(), targets()]),
        Signal::ObjectivesAbsent => (None, vec![bad_events(), targets()]),
        Signal::NotReady => (None, vec![ready(), failing_checks()]),
        Signal::ExportFailures => (None, vec![exported(), span_queue()]),
        Signal::ScrapeIncomplete => (None, vec![scrape_errors(), scrape_time()]),
        Signal::SeriesOverflow => (None, vec![overflown()]),
        Signal::StoreDelay => (
            value("How long the oldest change has waited, in seconds:"),
            vec![pending(), commits()],
        ),
        Signal::Watchdog => (None, vec![targets()]),
    };
    first.into_iter().chain(more).collect()
}

/// The 95th percentile, for the worst.
fn p95(histogram: &Histogram, by: &[&str]) -> Vector {
    let share = Ratio::new(95, 100).unwrap_or(Ratio::ONE);
    // What nothing was measured of has no percentile.
    let some = histogram.count(RECENT).sum_by(by).above(0_u32);
    histogram.quantile(share, RECENT, by).and(&some).topk(WORST)
}

pub(super) fn failing(source: &Source) -> Query {
    let requests = alert_query::failed(Counter::of(&api::REQUESTS), alert_query::Time { source });
    let rate = requests
        .rate(RECENT)
        .sum_by(&["job", "http.route", "error.type"]);
    query(
        "Which routes fail, and how, in requests a second:",
        rate.topk(WORST),
    )
}

pub(super) fn slow_routes(source: &Source) -> Query {
    let durations = alert_query::answered(
        Histogram::of(&api::REQUEST_DURATION),
        alert_query::Time { source },
    );
    query(
        "The slowest routes: the 95th percentile in seconds:",
        p95(&durations, &["job", "http.route"]),
    )
}

pub(super) fn busy_routes(source: &Source) -> Query {
    let requests = alert_query::answered(Counter::of(&api::REQUESTS), alert_query::Time { source });
    let rate = requests.rate(RECENT).sum_by(&["job", "http.route"]);
    query(
        "The busiest routes, in requests a second:",
        rate.topk(WORST),
    )
}

pub(super) fn failing_checks() -> Query {
    let failed = Gauge::of(&health::CHECK_STATUS).with("status").is("fail");
    query(
        "Which health checks fail (1 is a failing one):",
        failed.now().max_by(&["job", "check"]),
    )
}

pub(super) fn slow_calls() -> Query {
    let by = ["job", "db.collection.name", "db.operation.name"];
    query(
        "The slowest database calls: the 95th percentile in seconds:",
        p95(&Histogram::of(&database::OPERATION_DURATION), &by),
    )
}

fn tables() -> Query {
    let calls = Histogram::of(&database::OPERATION_DURATION).count(RECENT);
    query(
        "Which tables are asked most, in calls a second:",
        calls.sum_by(&["job", "db.collection.name"]).topk(WORST),
    )
}

pub(super) fn pools() -> Query {
    let used = Gauge::of(&database::CONNECTIONS)
        .with("db.client.connection.state")
        .is("used");
    let by = ["job", "instance", "db.client.connection.pool.name"];
    let most = Gauge::of(&database::CONNECTIONS_MAX).now().sum_by(&by);
    query(
        "Connections in use as a share of the pool:",
        used.now().sum_by(&by).over(&most),
    )
}

fn waiting() -> Query {
    let by = ["job", "instance", "db.client.connection.pool.name"];
    query(
        "Callers that wait for a connection:",
        Gauge::of(&database::PENDING_REQUESTS).now().sum_by(&by),
    )
}

pub(super) fn memory() -> Query {
    query(
        "Which processes hold most, in bytes:",
        Gauge::of(&process::MEMORY).now().topk(WORST),
    )
}

pub(super) fn free_bytes() -> Query {
    let free = Gauge::of(&process::DISK_USAGE)
        .with("system.filesystem.state")
        .is("free");
    let by = ["job", "instance", "system.filesystem.mountpoint"];
    query("What is free, in bytes:", free.now().min_by(&by))
}

pub(super) fn workers() -> Query {
    let each = Gauge::of(&worker::WORKERS)
        .now()
        .max_by(&["environment", "state"]);
    query("Workers by state:", each)
}

pub(super) fn targets() -> Query {
    query(
        "Which processes answer their scrape (0 is one that doesn't):",
        Vector::up().min_by(&["job", "instance"]),
    )
}

fn uptime() -> Query {
    let youngest = Gauge::of(&process::UPTIME)
        .now()
        .min_by(&["job", "instance"]);
    query(
        "Seconds since each process started: what restarts in a loop is always young:",
        youngest,
    )
}

pub(super) fn jobs() -> Query {
    let done = Counter::of(&worker::JOBS)
        .rate(RECENT)
        .sum_by(&["job", "job.kind"]);
    query("Jobs done, by kind, in jobs a second:", done)
}

fn outcomes() -> Query {
    let done = Counter::of(&worker::JOBS)
        .rate(RECENT)
        .sum_by(&["job.kind", "outcome"]);
    query("Jobs by kind and outcome, in jobs a second:", done)
}

pub(super) fn job_failures() -> Query {
    let failed = Counter::of(&worker::JOB_FAILURES).rate(RECENT);
    query(
        "Why jobs fail, in failures a second:",
        failed.sum_by(&["job.kind", "reason"]).topk(WORST),
    )
}

fn active_jobs() -> Query {
    query(
        "Jobs that run now, by kind:",
        Gauge::of(&worker::ACTIVE_JOBS).now().sum_by(&["job.kind"]),
    )
}

fn depths() -> Query {
    query(
        "Jobs that wait, by queue:",
        Gauge::of(&worker::QUEUE_DEPTH)
            .now()
            .max_by(&["environment", "queue"]),
    )
}

fn lags() -> Query {
    query(
        "How late jobs start: the 95th percentile in seconds:",
        p95(&Histogram::of(&worker::QUEUE_LAG), &["job.kind"]),
    )
}

fn lags_of_schedules() -> Query {
    query(
        "The latest schedules: the 95th percentile in seconds:",
        p95(&Histogram::of(&scheduler::EXECUTION_LAG), &["schedule"]),
    )
}

fn running() -> Query {
    query(
        "Executions that run now:",
        Gauge::of(&scheduler::ACTIVE_EXECUTIONS)
            .now()
            .sum_by(&["schedule"]),
    )
}

fn executions() -> Query {
    let ended = Counter::of(&scheduler::EXECUTIONS).rate(RECENT);
    query(
        "Executions by schedule and outcome, in executions a second:",
        ended.sum_by(&["schedule", "outcome"]),
    )
}

fn execution_failures() -> Query {
    let failed = Counter::of(&scheduler::EXECUTION_FAILURES).rate(Window::hours(1));
    query(
        "Why executions fail, in failures a second:",
        failed.sum_by(&["schedule", "reason"]).topk(WORST),
    )
}

fn scheduler_ages() -> Vector {
    let last = Gauge::of(&scheduler::HEARTBEAT).now();
    last.max_by(&["environment", "scheduler.id"]).age()
}

fn size() -> Query {
    query(
        "The size of each database, in bytes:",
        Gauge::of(&database::server::SIZE)
            .now()
            .max_by(&["db.namespace"]),
    )
}

fn large_tables() -> Query {
    let sizes = Gauge::of(&database::server::TABLE_SIZE).now();
    query(
        "The largest tables, in bytes:",
        sizes
            .max_by(&["db.namespace", "db.collection.name"])
            .topk(WORST),
    )
}

fn reached() -> Query {
    query(
        "Who reaches which database (0 is one that doesn't):",
        Gauge::of(&database::UP)
            .now()
            .min_by(&["job", "instance", "db.namespace"]),
    )
}

fn posts() -> Query {
    query(
        "Posts of the last 3 hours:",
        Counter::of(&business::POSTS)
            .increase(Window::hours(3))
            .sum_by(&["environment"]),
    )
}

fn generations() -> Query {
    let made = Counter::of(&business::AI_GENERATIONS).increase(Window::hours(3));
    query(
        "Generations of the last 3 hours, by service:",
        made.sum_by(&["job"]),
    )
}

fn revenue() -> Query {
    let made = Counter::of(&business::REVENUE).increase(Window::hours(3));
    query(
        "Revenue of the last 3 hours, in minor units:",
        made.sum_by(&["currency"]),
    )
}

pub(super) fn burning() -> Query {
    let rates = Gauge::of(&telemetry::SLO_BURN_RATE).now();
    query(
        "How fast each budget burns, the worst process of each:",
        rates.max_by(&["objective", "window"]),
    )
}

fn bad_events() -> Query {
    let bad = Counter::of(&telemetry::SLO_EVENTS).with("result").is("bad");
    query(
        "Bad events by objective, in events a second:",
        bad.rate(RECENT).sum_by(&["objective"]),
    )
}

fn ready() -> Query {
    query(
        "Which instances are ready (0 is one that isn't):",
        Gauge::of(&health::READY).now().min_by(&["job", "instance"]),
    )
}

fn exported() -> Query {
    let spans = Counter::of(&telemetry::SPANS_EXPORTED).rate(RECENT);
    query(
        "Spans that left, and with an error those that did not arrive, a second:",
        spans.sum_by(&["job", "error.type"]),
    )
}

fn span_queue() -> Query {
    query(
        "Spans that wait:",
        Gauge::of(&telemetry::SPAN_QUEUE_SIZE)
            .now()
            .sum_by(&["job", "instance"]),
    )
}

fn scrape_errors() -> Query {
    let errors = Counter::of(&telemetry::SCRAPE_ERRORS).increase(RECENT);
    query(
        "What was left out, by part:",
        errors.sum_by(&["job", "instance", "part"]).above(0_u32),
    )
}

fn scrape_time() -> Query {
    query(
        "How long scrapes take: the 95th percentile in seconds:",
        p95(
            &Histogram::of(&telemetry::SCRAPE_DURATION),
            &["job", "instance"],
        ),
    )
}

fn overflown() -> Query {
    let overflown = Counter::of(&telemetry::SERIES_OVERFLOW).increase(Window::hours(1));
    query(
        "Which instruments are full:",
        overflown.sum_by(&["job", "instrument"]).above(0_u32),
    )
}

fn pending() -> Query {
    query(
        "Changes that wait:",
        Gauge::of(&store::PENDING)
            .now()
            .sum_by(&["job", "instance"]),
    )
}

fn commits() -> Query {
    query(
        "Commits by result, a second:",
        Counter::of(&store::COMMITS)
            .rate(RECENT)
            .sum_by(&["job", "result"]),
    )
}
