//! Workers report by beats and jobs by counters: a worker that beats and does nothing shows in the
//! first and not in the second.

use super::context::{
    DashboardContext, counter, gauge, greatest, histogram, of_processes, rate, ratio_or_zero, total,
};
use super::panel_spec::{
    MEMORY_STAT, PanelSpec, bars, cpu_usage, distribution, lines, memory_usage, row, stacked, stat,
    state_timeline, traced_percentiles, with_link, with_outcome_colors,
};
use crate::generate::grafana::{Color, DashboardModel, DisplayUnit, FieldOverride, Panel};
use crate::model::alerts::{AlertSignal, DashboardId};
use crate::model::catalog::process::{CPU_UTILIZATION, MEMORY_UTILIZATION};
use crate::model::catalog::{telemetry, worker};
use crate::model::promql::{CounterQuery, InstantVector, QueryWindow, Select as _};

/// Returns the dashboard of jobs, queues and workers.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    context.dashboard(
        DashboardId::Workers,
        "Worker health",
        "Workers: which are online, how many jobs they process, how many fail, and how long the others wait.",
        "1h",
        vec![
            row(context, "Overview", OVERVIEW),
            row(context, "Jobs: rate, errors, duration", JOBS),
            row(context, "Workers", WORKERS),
            row(context, "Saturation", SATURATION),
        ],
    )
}

const OVERVIEW: &[PanelSpec] = &[
    stat("Workers online", DisplayUnit::Count)
        .shows("Workers that send heartbeats on time.", "As many as are deployed.")
        .query("online", || {
            let workers = gauge(&worker::WORKERS).with("state").is("online");
            workers.now().max_by(&[])
        })
        .alert(AlertSignal::WorkersAbsent),
    stat("Longest silence", DisplayUnit::Seconds)
        .shows("Time since the last beat of the worker that has been silent for longest; those that signed off don't count.", "Below a minute.")
        // The one that has been silent for longest is the one whose newest beat is the oldest.
        .query("silence", || greatest(&worker::HEARTBEAT, &["worker.id"]).min_by(&[]).age())
        .with(|panel, _| panel.no_value("no workers"))
        .levels(AlertSignal::WorkerOffline),
    stat("Deepest queue", DisplayUnit::Count)
        .shows("Jobs waiting in the deepest queue.", "Near 0, and back there after a peak.")
        .query("jobs", || greatest(&worker::QUEUE_DEPTH, &["queue"]).max_by(&[]))
        .levels(AlertSignal::QueueDepth),
    stat("Oldest waiting job", DisplayUnit::Seconds)
        .shows("Time that the oldest waiting job has been due.", "Seconds.")
        .query("age", || greatest(&worker::QUEUE_OLDEST, &[]))
        .with(|panel, _| panel.no_value("none waiting"))
        .levels(AlertSignal::OldestJobAge),
    stat("Job failure rate", DisplayUnit::Share)
        .shows("The share of jobs that failed, panicked or were abandoned in 15 minutes, which is what the alert looks at.", "Below the first level.")
        .query("failure rate", || {
            let minutes = QueryWindow::minutes(15);
            let [failed, all] = [unsuccessful_jobs(), counter(&worker::JOBS)]
                .map(|jobs| jobs.increase(minutes).sum_by(&[]));
            ratio_or_zero(&failed, &all)
        })
        .with(|panel, _| panel.decimals(2).no_value("no jobs"))
        .levels(AlertSignal::JobFailureRatio),
    MEMORY_STAT.query("memory", || of_processes(&MEMORY_UTILIZATION, &job_processes()).max_by(&[])),
];

const JOBS: &[PanelSpec] = &[
    stacked("Job processing rate", DisplayUnit::OperationsPerSecond)
        .shows(
            "Jobs that ended per second, by kind.",
            "As many as are queued; if it is less, the queue grows.",
        )
        .query("{{job_kind}}", || rate(&worker::JOBS, &["job.kind"]))
        .page("worker-issues"),
    lines("Job success and failure rate", DisplayUnit::Share)
        .shows(
            "The share of jobs that succeeded, and the share that did not.",
            "Failures below the line.",
        )
        .query("succeeded", || failure_ratio().complement())
        .query("failed", failure_ratio)
        .with(|panel, _| {
            panel
                .zero_to_one()
                .with_override(FieldOverride::by_name("succeeded").color(Color::Green))
                .with_override(FieldOverride::by_name("failed").color(Color::Red))
        })
        .levels(AlertSignal::JobFailureRatio),
    traced_percentiles("Job duration percentiles", || {
        histogram(&worker::JOB_DURATION)
    })
    .shows(
        "50, 90, 95 and 99 of 100 jobs took at most this long. Points are traces: click one.",
        "p95 below the objective's 5 minutes.",
    )
    .with(with_budget_link)
    .page("worker-issues"),
    stacked("Jobs by outcome", DisplayUnit::OperationsPerSecond)
        .shows(
            "Jobs that ended per second, by outcome; `aborted` were dropped without a verdict.",
            "Nearly all green.",
        )
        .query("{{outcome}}", || rate(&worker::JOBS, &["outcome"]))
        .with(|panel, _| with_outcome_colors(panel))
        .alert(AlertSignal::JobFailureRatio),
    traced_percentiles("Queue lag percentiles", || histogram(&worker::QUEUE_LAG))
        .shows(
            "50, 90, 95 and 99 of 100 jobs started within this time after they were due.",
            "p99 below the objective's 5 minutes.",
        )
        .with(with_budget_link)
        .alert(AlertSignal::OldestJobAge),
    bars("Reasons of failures", DisplayUnit::OperationsPerSecond)
        .shows(
            "Jobs that failed per second, by kind and the reason that the worker gives.",
            "Few, and no reason that was not there yesterday.",
        )
        .query("{{job_kind}} {{reason}}", || {
            rate(&worker::JOB_FAILURES, &["job.kind", "reason"])
        })
        .with(|panel, _| panel.no_value("no failures"))
        .alert(AlertSignal::JobFailureRatio),
    distribution("Job duration distribution", || {
        histogram(&worker::JOB_DURATION)
    })
    .shows(
        "How many jobs per second took how long.",
        "A band for each kind of job.",
    )
    .page("worker-issues"),
    distribution("Queue lag distribution", || histogram(&worker::QUEUE_LAG))
        .shows(
            "How many jobs per second started how late.",
            "One band near 0.",
        )
        .alert(AlertSignal::OldestJobAge),
];

const WORKERS: &[PanelSpec] = &[
    state_timeline("Worker heartbeat status", DisplayUnit::Seconds)
        .shows("Time since the last beat of each worker: red from the moment at which it counts as offline. A row ends when its sender signs off.", "Green rows without a gap.")
        // Of several processes that report a worker, the newest beat counts.
        .query("{{worker_id}}", || greatest(&worker::HEARTBEAT, &["worker.id"]).age())
        .levels(AlertSignal::WorkerOffline),
    stacked("Workers by state", DisplayUnit::Count)
        .shows(
            "Known workers, by state.",
            "All online, and stopped ones during a release.",
        )
        .query("{{state}}", || greatest(&worker::WORKERS, &["state"]))
        .with(with_state_colors)
        .alert(AlertSignal::WorkerOffline),
    stacked("Beats received", DisplayUnit::PerSecond)
        .shows(
            "Heartbeats received per second, by result.",
            "accepted, and restarted during a release.",
        )
        .query("{{result}}", || rate(&worker::BEATS, &["result"]))
        .query("unknown fields", || rate(&worker::UNKNOWN_FIELDS, &[]))
        .alert(AlertSignal::WorkersAbsent),
    stacked("Beats sent to an API", DisplayUnit::PerSecond)
        .shows(
            "Heartbeats sent to the API of another process, per second, by result.",
            "taken.",
        )
        .query("{{job}} {{result}}", || rate(&telemetry::HEARTBEAT_SENDS, &["job", "result"]))
        .with(|panel, _| panel.no_value("workers report to their own process"))
        .alert(AlertSignal::WorkersAbsent),
];

const SATURATION: &[PanelSpec] = &[
    lines("Queue depth", DisplayUnit::Count)
        .shows("Jobs that wait, by queue.", "Back near 0 after a peak.")
        .query("{{queue}}", || greatest(&worker::QUEUE_DEPTH, &["queue"]))
        .levels(AlertSignal::QueueDepth),
    lines("Age of the oldest waiting job", DisplayUnit::Seconds)
        .shows("Time that the oldest waiting job of each queue has been due; no line if none is waiting.", "Seconds.")
        .query("{{queue}}", || greatest(&worker::QUEUE_OLDEST, &["queue"]))
        .with(|panel, _| panel.no_value("none waiting"))
        .levels(AlertSignal::OldestJobAge),
    stacked("Jobs in progress", DisplayUnit::Count)
        .shows(
            "Jobs that are running, by kind.",
            "Below the number of workers most of the time.",
        )
        .query("{{job_kind}}", || total(&worker::ACTIVE_JOBS, &["job.kind"]))
        .page("worker-issues"),
    stacked("Workers that are busy", DisplayUnit::Count)
        .shows("Time spent in jobs per second: how many workers are busy on average.", "Room for a peak: below the number of workers.")
        .query("{{job_kind}}", || rate(&worker::BUSY_TIME, &["job.kind"]))
        .page("worker-issues"),
    memory_usage("Worker memory usage").query("{{job}} {{instance}}", || {
        of_processes(&MEMORY_UTILIZATION, &job_processes()).max_by(&["job", "instance"])
    }),
    cpu_usage("Worker CPU usage").query("{{job}} {{instance}}", || {
        of_processes(&CPU_UTILIZATION, &job_processes()).max_by(&["job", "instance"])
    }),
];

/// Returns the processes that run jobs.
fn job_processes() -> InstantVector {
    gauge(&worker::ACTIVE_JOBS).now()
}

fn unsuccessful_jobs() -> CounterQuery {
    counter(&worker::JOBS)
        .with("outcome")
        .other_than("succeeded")
}

fn failure_ratio() -> InstantVector {
    let failed = unsuccessful_jobs()
        .rate(QueryWindow::RATE_INTERVAL)
        .sum_by(&[]);
    ratio_or_zero(&failed, &rate(&worker::JOBS, &[]))
}

fn with_budget_link(panel: Panel, _: &DashboardContext<'_>) -> Panel {
    with_link(panel, "Error budgets", DashboardId::Slo)
}

fn with_state_colors(panel: Panel, _: &DashboardContext<'_>) -> Panel {
    let colors = [
        ("online", Color::Green),
        ("new", Color::Blue),
        ("late", Color::Yellow),
        ("stalled", Color::Orange),
        ("offline", Color::Red),
        ("stopped", Color::Gray),
    ];
    colors.into_iter().fold(panel, |panel, (state, color)| {
        panel.with_override(FieldOverride::by_name(state).color(color))
    })
}
