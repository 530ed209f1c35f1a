//! The PromQL queries of the pages. All but those on faults or weeks of history have results while nothing
//! is wrong, so that a reader who practises sees the usual values.

use crate::generate::alerts::requests::{select_answered, select_failed};
use crate::generate::alerts::{Counted, CountedWindow, remaining_budgets};
use crate::model::catalog::{
    MetricSpec, api, database, health, process, scheduler, store, telemetry, worker,
};
use crate::model::promql::{
    CounterQuery, GaugeQuery, HistogramQuery, InstantVector, QueryWindow, Select,
};

/// A query of the pages.
#[derive(Debug)]
pub(super) struct RunbookQuery {
    /// The name in directives.
    pub(super) name: &'static str,
    /// The caption, which ends with a colon.
    pub(super) caption: &'static str,
    pub(super) vector: fn() -> InstantVector,
}

/// Short, so that a reader sees the effect of what has just been done.
const RECENT: QueryWindow = QueryWindow::minutes(5);
const HOUR: QueryWindow = QueryWindow::hours(1);
/// The number of worst series shown.
const WORST: u32 = 10;

/// Expands the directive `query NAME`.
pub(super) fn expand(directive: &str) -> Option<String> {
    let name = directive.strip_prefix("query ")?;
    let query = QUERIES.iter().find(|query| query.name == name)?;
    Some(to_markdown(query.caption, &(query.vector)()))
}

/// Formats a query below its caption.
pub(super) fn to_markdown(caption: &str, vector: &InstantVector) -> String {
    format!("{caption}\n\n```promql\n{vector}\n```")
}

/// Returns the 95th percentile of the worst series.
fn p95(histogram: &HistogramQuery, by: &[&str]) -> InstantVector {
    // What nothing was measured of has no percentile.
    let some = histogram.count(RECENT).sum_by(by).above(0_u32);
    histogram.percentile(95, RECENT, by).and(&some).topk(WORST)
}

const fn query(
    name: &'static str,
    caption: &'static str,
    vector: fn() -> InstantVector,
) -> RunbookQuery {
    RunbookQuery {
        name,
        caption,
        vector,
    }
}

pub(super) const QUERIES: &[RunbookQuery] = &[
    // Requests and health
    query(
        "failing_requests",
        "Failing routes by error type, in requests per second:",
        || {
            select_failed(CounterQuery::new(&api::REQUESTS))
                .rate(RECENT)
                .sum_by(&["job", "http.route", "error.type"])
                .topk(WORST)
        },
    ),
    query(
        "slow_routes",
        "The slowest routes (95th percentile in seconds):",
        || {
            let durations = select_answered(HistogramQuery::new(&api::REQUEST_DURATION));
            p95(&durations, &["job", "http.route"])
        },
    ),
    query(
        "busy_routes",
        "The busiest routes, in requests per second:",
        || {
            select_answered(CounterQuery::new(&api::REQUESTS))
                .rate(RECENT)
                .sum_by(&["job", "http.route"])
                .topk(WORST)
        },
    ),
    query(
        "failing_checks",
        "Failing health checks (1 means failing):",
        || {
            let checks = GaugeQuery::new(&health::CHECK_STATUS);
            let failed = checks.with("status").is("fail");
            failed.now().max_by(&["job", "check"])
        },
    ),
    query(
        "readiness",
        "Readiness of instances (0 means not ready):",
        || least(&health::READY, &["job", "instance"]),
    ),
    // Processes
    query(
        "targets",
        "Processes that answer their scrape (0 means no answer):",
        || InstantVector::up().min_by(&["job", "instance"]),
    ),
    query(
        "uptime",
        "Seconds since each process started (a process in a restart loop is always young):",
        || least(&process::UPTIME, &["job", "instance"]),
    ),
    query(
        "memory",
        "The processes that use most memory, in bytes:",
        || GaugeQuery::new(&process::MEMORY).now().topk(WORST),
    ),
    query("free_bytes", "Free space, in bytes:", || {
        let disks = GaugeQuery::new(&process::DISK_USAGE);
        let free = disks.with("system.filesystem.state").is("free");
        let by = ["job", "instance", "system.filesystem.mountpoint"];
        free.now().min_by(&by)
    }),
    // Jobs, queues and workers
    query("workers", "Workers by state:", || {
        greatest(&worker::WORKERS, &["environment", "state"])
    }),
    query(
        "jobs",
        "Processed jobs by kind, in jobs per second:",
        || rate(&worker::JOBS, &["job", "job.kind"]),
    ),
    query(
        "job_outcomes",
        "Jobs by kind and outcome, in jobs per second:",
        || rate(&worker::JOBS, &["job.kind", "outcome"]),
    ),
    query(
        "job_failures",
        "Reasons for job failures, in failures per second:",
        || rate(&worker::JOB_FAILURES, &["job.kind", "reason"]).topk(WORST),
    ),
    query("active_jobs", "Running jobs, by kind:", || {
        sum(&worker::ACTIVE_JOBS, &["job.kind"])
    }),
    query("queue_depths", "Waiting jobs, by queue:", || {
        greatest(&worker::QUEUE_DEPTH, &["environment", "queue"])
    }),
    query(
        "queue_lags",
        "Delay of job starts (95th percentile in seconds):",
        || p95(&HistogramQuery::new(&worker::QUEUE_LAG), &["job.kind"]),
    ),
    // Schedules
    query(
        "schedule_lags",
        "The most delayed schedules (95th percentile in seconds):",
        || {
            let lag = HistogramQuery::new(&scheduler::EXECUTION_LAG);
            p95(&lag, &["schedule"])
        },
    ),
    query("running_executions", "Running executions:", || {
        sum(&scheduler::ACTIVE_EXECUTIONS, &["schedule"])
    }),
    query(
        "executions",
        "Executions by schedule and outcome, in executions per second:",
        || rate(&scheduler::EXECUTIONS, &["schedule", "outcome"]),
    ),
    query(
        "execution_failures",
        "Reasons for execution failures, in failures per second:",
        || {
            CounterQuery::new(&scheduler::EXECUTION_FAILURES)
                .rate(HOUR)
                .sum_by(&["schedule", "reason"])
                .topk(WORST)
        },
    ),
    query(
        "scheduler_ages",
        "Seconds since each scheduler's last heartbeat:",
        || greatest(&scheduler::HEARTBEAT, &["environment", "scheduler.id"]).age(),
    ),
    // The database
    query(
        "slow_calls",
        "The slowest database calls (95th percentile in seconds):",
        || {
            let by = ["job", "db.collection.name", "db.operation.name"];
            p95(&HistogramQuery::new(&database::OPERATION_DURATION), &by)
        },
    ),
    query(
        "busy_tables",
        "The busiest tables, in calls per second:",
        || {
            HistogramQuery::new(&database::OPERATION_DURATION)
                .count(RECENT)
                .sum_by(&["job", "db.collection.name"])
                .topk(WORST)
        },
    ),
    query(
        "pools",
        "Connections in use, as a share of the pool:",
        || {
            let connections = GaugeQuery::new(&database::CONNECTIONS);
            let used = connections.with("db.client.connection.state").is("used");
            used.now()
                .sum_by(&POOL)
                .div(&sum(&database::CONNECTIONS_MAX, &POOL))
        },
    ),
    query(
        "pool_waits",
        "Callers that are waiting for a connection:",
        || sum(&database::PENDING_REQUESTS, &POOL),
    ),
    query(
        "database_size",
        "The size of each database, in bytes:",
        || greatest(&database::server::SIZE, &["db.namespace"]),
    ),
    query("large_tables", "The largest tables, in bytes:", || {
        let by = ["db.namespace", "db.collection.name"];
        greatest(&database::server::TABLE_SIZE, &by).topk(WORST)
    }),
    query(
        "database_reachability",
        "Database reachability by instance (0 means unreachable):",
        || least(&database::UP, &["job", "instance", "db.namespace"]),
    ),
    // Business
    query("posts", "Posts in the last 3 hours:", || {
        Counted::posts()
            .all_events(CountedWindow::Hours)
            .sum_by(&["environment"])
    }),
    query(
        "generations",
        "Generations in the last 3 hours, by service:",
        || {
            Counted::generations()
                .all_events(CountedWindow::Hours)
                .sum_by(&["job"])
        },
    ),
    query(
        "revenue",
        "Revenue in the last 3 hours, in minor units:",
        || {
            Counted::revenue()
                .all_events(CountedWindow::Hours)
                .sum_by(&["currency"])
        },
    ),
    // Error budgets
    query(
        "remaining_budgets",
        "Remaining budgets, as a share (below 0 means overspent):",
        || remaining_budgets().now(),
    ),
    query(
        "burn_rates",
        "Burn rate of each budget (highest of all processes):",
        || greatest(&telemetry::SLO_BURN_RATE, &["job", "objective", "window"]),
    ),
    query(
        "bad_events",
        "Bad events by service and objective, in events per second:",
        || {
            let events = CounterQuery::new(&telemetry::SLO_EVENTS);
            let bad = events.with("result").is("bad");
            bad.rate(RECENT).sum_by(&["job", "objective"])
        },
    ),
    // The telemetry itself
    query(
        "export_results",
        "Exported spans per second; those with an error type did not arrive:",
        || rate(&telemetry::SPANS_EXPORTED, &["job", "error.type"]),
    ),
    query("span_queue", "Spans waiting for export:", || {
        sum(&telemetry::SPAN_QUEUE_SIZE, &["job", "instance"])
    }),
    query("scrape_errors", "Omitted metrics, by part:", || {
        let by = ["job", "instance", "part"];
        increase(&telemetry::SCRAPE_ERRORS, RECENT, &by).above(0_u32)
    }),
    query(
        "scrape_time",
        "Scrape duration (95th percentile in seconds):",
        || {
            let duration = HistogramQuery::new(&telemetry::SCRAPE_DURATION);
            p95(&duration, &["job", "instance"])
        },
    ),
    query("down_threads", "Threads that are down:", || {
        let by = ["job", "instance", "thread"];
        least(&telemetry::THREAD_UP, &by).equal(0_u32)
    }),
    query(
        "overflown_instruments",
        "Instruments at their series limit:",
        || increase(&telemetry::SERIES_OVERFLOW, HOUR, &["job", "instrument"]).above(0_u32),
    ),
    query("pending_changes", "Changes waiting for the store:", || {
        sum(&store::PENDING, &["job", "instance"])
    }),
    query("commit_results", "Commits per second, by result:", || {
        rate(&store::COMMITS, &["job", "result"])
    }),
];

const POOL: [&str; 3] = ["job", "instance", "db.client.connection.pool.name"];

fn rate(counter: &'static MetricSpec, by: &[&str]) -> InstantVector {
    CounterQuery::new(counter).rate(RECENT).sum_by(by)
}

fn increase(counter: &'static MetricSpec, window: QueryWindow, by: &[&str]) -> InstantVector {
    CounterQuery::new(counter).increase(window).sum_by(by)
}

fn greatest(gauge: &'static MetricSpec, by: &[&str]) -> InstantVector {
    GaugeQuery::new(gauge).now().max_by(by)
}

fn least(gauge: &'static MetricSpec, by: &[&str]) -> InstantVector {
    GaugeQuery::new(gauge).now().min_by(by)
}

fn sum(gauge: &'static MetricSpec, by: &[&str]) -> InstantVector {
    GaugeQuery::new(gauge).now().sum_by(by)
}
