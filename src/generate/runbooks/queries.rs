//! PromQL queries of each page. All but those on faults or weeks of history have results while nothing
//! is wrong, so that a reader who practises sees the usual values.

use crate::generate::GenerateInput;
use crate::generate::alert_query::{self, AlertQuery};
use crate::model::alerts::AlertSignal;
use crate::model::catalog::{
    api, business, database, health, process, scheduler, store, telemetry, worker,
};
use crate::model::promql::{
    CounterQuery, GaugeQuery, HistogramQuery, InstantVector, QueryWindow, Select,
};
use crate::model::units::Ratio;

/// A PromQL query with its caption.
#[derive(Debug)]
pub(super) struct RunbookQuery {
    /// The caption, which ends with a colon.
    pub(super) caption: &'static str,
    pub(super) vector: InstantVector,
}

const RECENT: QueryWindow = QueryWindow::minutes(5);
/// The number of worst series shown.
const WORST: u32 = 10;

fn query(caption: &'static str, vector: InstantVector) -> RunbookQuery {
    RunbookQuery { caption, vector }
}

/// Returns the queries of an alert's page.
pub(super) fn queries_for(signal: AlertSignal, input: &GenerateInput) -> Vec<RunbookQuery> {
    let value = |caption| {
        let alert_query = AlertQuery::for_signal(signal, input);
        alert_query.map(|alert_query| query(caption, alert_query.value))
    };
    let (first, more) = match signal {
        AlertSignal::ApiErrorRatio => (
            value("The share that fails, by service:"),
            vec![failing_requests(input), failing_checks()],
        ),
        AlertSignal::ApiLatency => (
            value("The 95th percentile, by service, in seconds:"),
            vec![slow_routes(input), slow_calls(), pools()],
        ),
        AlertSignal::MemoryUsage => (
            value("Memory as a share of the limit:"),
            vec![memory(), busy_routes(input)],
        ),
        AlertSignal::CpuUsage => (
            value("Processor time as a share of the limit:"),
            vec![busy_routes(input), jobs()],
        ),
        AlertSignal::DiskFree => (value("What is free, as a share:"), vec![free_bytes()]),
        AlertSignal::DiskFullIn => (None, vec![free_bytes()]),
        AlertSignal::WorkerOffline => (
            value("Seconds since each worker's last beat:"),
            vec![workers(), jobs()],
        ),
        AlertSignal::WorkersOffline | AlertSignal::WorkersAbsent => {
            (None, vec![workers(), targets()])
        }
        AlertSignal::QueueDepth => (
            value("Jobs that wait, by queue:"),
            vec![jobs(), active_jobs(), workers()],
        ),
        AlertSignal::JobFailureRatio => (
            value("The share that fails, by service:"),
            vec![job_outcomes(), job_failures()],
        ),
        AlertSignal::OldestJobAge => (None, vec![queue_depths(), queue_lags(), workers()]),
        AlertSignal::ExecutionLag => (
            value("The 95th percentile of the delay, in seconds:"),
            vec![schedule_lags(), running_executions()],
        ),
        AlertSignal::SchedulerSuccessRatio => (
            value("The share that succeeds:"),
            vec![executions(), execution_failures()],
        ),
        AlertSignal::SchedulerOffline | AlertSignal::SchedulersAbsent => (
            Some(query(
                "Seconds since each scheduler's last beat:",
                scheduler_ages(),
            )),
            vec![targets()],
        ),
        AlertSignal::PoolUsage => (
            value("Connections in use, as a share:"),
            vec![pool_waits(), slow_calls()],
        ),
        AlertSignal::SlowQueryShare => (None, vec![slow_calls(), busy_tables(), pools()]),
        AlertSignal::DatabaseGrowth => (None, vec![database_size(), large_tables()]),
        AlertSignal::DatabaseUnreachable | AlertSignal::DatabaseAbsent => (
            None,
            vec![database_reachability(), failing_checks(), pools()],
        ),
        AlertSignal::PostsPublished => {
            (None, vec![posts(), failing_requests(input), job_outcomes()])
        }
        AlertSignal::AiGenerations => (None, vec![generations(), busy_routes(input)]),
        AlertSignal::Revenue => (None, vec![revenue(), failing_requests(input)]),
        AlertSignal::ErrorBudget => (
            Some(query(
                "What is left of the budgets, as a share; below 0 it is overspent:",
                alert_query::remaining_budgets(),
            )),
            vec![burn_rates(), bad_events()],
        ),
        AlertSignal::ServiceAbsent | AlertSignal::TargetDown => (None, vec![targets(), uptime()]),
        AlertSignal::QueuesAbsent => (None, vec![queue_depths(), targets()]),
        AlertSignal::ObjectivesAbsent => (None, vec![bad_events(), targets()]),
        AlertSignal::NotReady => (None, vec![readiness(), failing_checks()]),
        AlertSignal::ExportFailures => (None, vec![export_results(), span_queue()]),
        AlertSignal::ScrapeIncomplete => (None, vec![scrape_errors(), scrape_time()]),
        AlertSignal::SeriesOverflow => (None, vec![overflown_instruments()]),
        AlertSignal::StoreDelay => (
            value("How long the oldest change has waited, in seconds:"),
            vec![pending_changes(), commit_results()],
        ),
        AlertSignal::Watchdog => (None, vec![targets()]),
    };
    first.into_iter().chain(more).collect()
}

/// Returns the 95th percentile of the worst series.
fn p95(histogram: &HistogramQuery, by: &[&str]) -> InstantVector {
    let share = Ratio::new(95, 100).unwrap_or(Ratio::ONE);
    // What nothing was measured of has no percentile.
    let some = histogram.count(RECENT).sum_by(by).above(0_u32);
    histogram.quantile(share, RECENT, by).and(&some).topk(WORST)
}

pub(super) fn failing_requests(input: &GenerateInput) -> RunbookQuery {
    let requests = alert_query::select_failed(
        CounterQuery::new(&api::REQUESTS),
        alert_query::ScaledWindows { input },
    );
    let rate = requests
        .rate(RECENT)
        .sum_by(&["job", "http.route", "error.type"]);
    query(
        "Which routes fail, and how, in requests a second:",
        rate.topk(WORST),
    )
}

pub(super) fn slow_routes(input: &GenerateInput) -> RunbookQuery {
    let durations = alert_query::select_answered(
        HistogramQuery::new(&api::REQUEST_DURATION),
        alert_query::ScaledWindows { input },
    );
    query(
        "The slowest routes: the 95th percentile in seconds:",
        p95(&durations, &["job", "http.route"]),
    )
}

pub(super) fn busy_routes(input: &GenerateInput) -> RunbookQuery {
    let requests = alert_query::select_answered(
        CounterQuery::new(&api::REQUESTS),
        alert_query::ScaledWindows { input },
    );
    let rate = requests.rate(RECENT).sum_by(&["job", "http.route"]);
    query(
        "The busiest routes, in requests a second:",
        rate.topk(WORST),
    )
}

pub(super) fn failing_checks() -> RunbookQuery {
    let failed = GaugeQuery::new(&health::CHECK_STATUS)
        .with("status")
        .is("fail");
    query(
        "Which health checks fail (1 is a failing one):",
        failed.now().max_by(&["job", "check"]),
    )
}

pub(super) fn slow_calls() -> RunbookQuery {
    let by = ["job", "db.collection.name", "db.operation.name"];
    query(
        "The slowest database calls: the 95th percentile in seconds:",
        p95(&HistogramQuery::new(&database::OPERATION_DURATION), &by),
    )
}

fn busy_tables() -> RunbookQuery {
    let calls = HistogramQuery::new(&database::OPERATION_DURATION).count(RECENT);
    query(
        "Which tables are asked most, in calls a second:",
        calls.sum_by(&["job", "db.collection.name"]).topk(WORST),
    )
}

pub(super) fn pools() -> RunbookQuery {
    let used = GaugeQuery::new(&database::CONNECTIONS)
        .with("db.client.connection.state")
        .is("used");
    let by = ["job", "instance", "db.client.connection.pool.name"];
    let max = GaugeQuery::new(&database::CONNECTIONS_MAX)
        .now()
        .sum_by(&by);
    query(
        "Connections in use as a share of the pool:",
        used.now().sum_by(&by).div(&max),
    )
}

fn pool_waits() -> RunbookQuery {
    let by = ["job", "instance", "db.client.connection.pool.name"];
    query(
        "Callers that wait for a connection:",
        GaugeQuery::new(&database::PENDING_REQUESTS)
            .now()
            .sum_by(&by),
    )
}

pub(super) fn memory() -> RunbookQuery {
    query(
        "Which processes hold most, in bytes:",
        GaugeQuery::new(&process::MEMORY).now().topk(WORST),
    )
}

pub(super) fn free_bytes() -> RunbookQuery {
    let free = GaugeQuery::new(&process::DISK_USAGE)
        .with("system.filesystem.state")
        .is("free");
    let by = ["job", "instance", "system.filesystem.mountpoint"];
    query("What is free, in bytes:", free.now().min_by(&by))
}

pub(super) fn workers() -> RunbookQuery {
    let each = GaugeQuery::new(&worker::WORKERS)
        .now()
        .max_by(&["environment", "state"]);
    query("Workers by state:", each)
}

pub(super) fn targets() -> RunbookQuery {
    query(
        "Which processes answer their scrape (0 is one that doesn't):",
        InstantVector::up().min_by(&["job", "instance"]),
    )
}

fn uptime() -> RunbookQuery {
    let youngest = GaugeQuery::new(&process::UPTIME)
        .now()
        .min_by(&["job", "instance"]);
    query(
        "Seconds since each process started: what restarts in a loop is always young:",
        youngest,
    )
}

pub(super) fn jobs() -> RunbookQuery {
    let done = CounterQuery::new(&worker::JOBS)
        .rate(RECENT)
        .sum_by(&["job", "job.kind"]);
    query("Jobs done, by kind, in jobs a second:", done)
}

fn job_outcomes() -> RunbookQuery {
    let done = CounterQuery::new(&worker::JOBS)
        .rate(RECENT)
        .sum_by(&["job.kind", "outcome"]);
    query("Jobs by kind and outcome, in jobs a second:", done)
}

pub(super) fn job_failures() -> RunbookQuery {
    let failed = CounterQuery::new(&worker::JOB_FAILURES).rate(RECENT);
    query(
        "Why jobs fail, in failures a second:",
        failed.sum_by(&["job.kind", "reason"]).topk(WORST),
    )
}

fn active_jobs() -> RunbookQuery {
    query(
        "Jobs that run now, by kind:",
        GaugeQuery::new(&worker::ACTIVE_JOBS)
            .now()
            .sum_by(&["job.kind"]),
    )
}

fn queue_depths() -> RunbookQuery {
    query(
        "Jobs that wait, by queue:",
        GaugeQuery::new(&worker::QUEUE_DEPTH)
            .now()
            .max_by(&["environment", "queue"]),
    )
}

fn queue_lags() -> RunbookQuery {
    query(
        "How late jobs start: the 95th percentile in seconds:",
        p95(&HistogramQuery::new(&worker::QUEUE_LAG), &["job.kind"]),
    )
}

fn schedule_lags() -> RunbookQuery {
    query(
        "The latest schedules: the 95th percentile in seconds:",
        p95(
            &HistogramQuery::new(&scheduler::EXECUTION_LAG),
            &["schedule"],
        ),
    )
}

fn running_executions() -> RunbookQuery {
    query(
        "Executions that run now:",
        GaugeQuery::new(&scheduler::ACTIVE_EXECUTIONS)
            .now()
            .sum_by(&["schedule"]),
    )
}

fn executions() -> RunbookQuery {
    let ended = CounterQuery::new(&scheduler::EXECUTIONS).rate(RECENT);
    query(
        "Executions by schedule and outcome, in executions a second:",
        ended.sum_by(&["schedule", "outcome"]),
    )
}

fn execution_failures() -> RunbookQuery {
    let failed = CounterQuery::new(&scheduler::EXECUTION_FAILURES).rate(QueryWindow::hours(1));
    query(
        "Why executions fail, in failures a second:",
        failed.sum_by(&["schedule", "reason"]).topk(WORST),
    )
}

fn scheduler_ages() -> InstantVector {
    let last = GaugeQuery::new(&scheduler::HEARTBEAT).now();
    last.max_by(&["environment", "scheduler.id"]).age()
}

fn database_size() -> RunbookQuery {
    query(
        "The size of each database, in bytes:",
        GaugeQuery::new(&database::server::SIZE)
            .now()
            .max_by(&["db.namespace"]),
    )
}

fn large_tables() -> RunbookQuery {
    let sizes = GaugeQuery::new(&database::server::TABLE_SIZE).now();
    query(
        "The largest tables, in bytes:",
        sizes
            .max_by(&["db.namespace", "db.collection.name"])
            .topk(WORST),
    )
}

fn database_reachability() -> RunbookQuery {
    query(
        "Who reaches which database (0 is one that doesn't):",
        GaugeQuery::new(&database::UP)
            .now()
            .min_by(&["job", "instance", "db.namespace"]),
    )
}

fn posts() -> RunbookQuery {
    query(
        "Posts of the last 3 hours:",
        CounterQuery::new(&business::POSTS)
            .increase(QueryWindow::hours(3))
            .sum_by(&["environment"]),
    )
}

fn generations() -> RunbookQuery {
    let increase = CounterQuery::new(&business::AI_GENERATIONS).increase(QueryWindow::hours(3));
    query(
        "Generations of the last 3 hours, by service:",
        increase.sum_by(&["job"]),
    )
}

fn revenue() -> RunbookQuery {
    let increase = CounterQuery::new(&business::REVENUE).increase(QueryWindow::hours(3));
    query(
        "Revenue of the last 3 hours, in minor units:",
        increase.sum_by(&["currency"]),
    )
}

pub(super) fn burn_rates() -> RunbookQuery {
    let rates = GaugeQuery::new(&telemetry::SLO_BURN_RATE).now();
    query(
        "How fast each budget burns, the worst process of each:",
        rates.max_by(&["objective", "window"]),
    )
}

fn bad_events() -> RunbookQuery {
    let bad = CounterQuery::new(&telemetry::SLO_EVENTS)
        .with("result")
        .is("bad");
    query(
        "Bad events by objective, in events a second:",
        bad.rate(RECENT).sum_by(&["objective"]),
    )
}

fn readiness() -> RunbookQuery {
    query(
        "Which instances are ready (0 is one that isn't):",
        GaugeQuery::new(&health::READY)
            .now()
            .min_by(&["job", "instance"]),
    )
}

fn export_results() -> RunbookQuery {
    let spans = CounterQuery::new(&telemetry::SPANS_EXPORTED).rate(RECENT);
    query(
        "Spans that left, and with an error those that did not arrive, a second:",
        spans.sum_by(&["job", "error.type"]),
    )
}

fn span_queue() -> RunbookQuery {
    query(
        "Spans that wait:",
        GaugeQuery::new(&telemetry::SPAN_QUEUE_SIZE)
            .now()
            .sum_by(&["job", "instance"]),
    )
}

fn scrape_errors() -> RunbookQuery {
    let errors = CounterQuery::new(&telemetry::SCRAPE_ERRORS).increase(RECENT);
    query(
        "What was left out, by part:",
        errors.sum_by(&["job", "instance", "part"]).above(0_u32),
    )
}

fn scrape_time() -> RunbookQuery {
    query(
        "How long scrapes take: the 95th percentile in seconds:",
        p95(
            &HistogramQuery::new(&telemetry::SCRAPE_DURATION),
            &["job", "instance"],
        ),
    )
}

fn overflown_instruments() -> RunbookQuery {
    let overflown = CounterQuery::new(&telemetry::SERIES_OVERFLOW).increase(QueryWindow::hours(1));
    query(
        "Which instruments are full:",
        overflown.sum_by(&["job", "instrument"]).above(0_u32),
    )
}

fn pending_changes() -> RunbookQuery {
    query(
        "Changes that wait:",
        GaugeQuery::new(&store::PENDING)
            .now()
            .sum_by(&["job", "instance"]),
    )
}

fn commit_results() -> RunbookQuery {
    query(
        "Commits by result, a second:",
        CounterQuery::new(&store::COMMITS)
            .rate(RECENT)
            .sum_by(&["job", "result"]),
    )
}
