use super::context::{
    DashboardContext, RATE, counter, distribution_panel, gauge, histogram, over_time,
    ratio_or_zero, traced_percentiles_panel, with_outcome_colors,
};
use crate::generate::grafana::{
    Color, DashboardModel, DashboardRow, DisplayUnit, FieldOverride, Panel, Visualization,
};
use crate::model::alerts::{self, AlertSignal};
use crate::model::catalog::{telemetry, worker};
use crate::model::promql::{CounterQuery, InstantVector, QueryWindow, Select as _};

/// Returns the dashboard of jobs, queues and workers.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    DashboardModel {
        uid: alerts::DashboardId::Workers.uid(),
        title: "Worker health",
        description: "Workers: who beats, how many jobs are done, how many fail, and how long the others wait.",
        since: "1h",
        variables: context.variables(),
        annotations: context.annotations(),
        rows: vec![
            DashboardRow::new("Overview", overview(context)),
            DashboardRow::new("Jobs: rate, errors, duration", jobs(context)),
            DashboardRow::new("Workers", workers(context)),
            DashboardRow::new("Saturation", saturation(context)),
        ],
    }
}

fn finished_jobs(labels: &[&str]) -> InstantVector {
    counter(&worker::JOBS).rate(RATE).sum_by(labels)
}

fn unsuccessful_jobs() -> CounterQuery {
    counter(&worker::JOBS).with("outcome").is_not("succeeded")
}

/// Returns the age of workers' last beats; of several processes that report one, the newest counts.
fn heartbeat_age(labels: &[&str]) -> InstantVector {
    gauge(&worker::HEARTBEAT).now().max_by(labels).age()
}

/// Returns the processes that run jobs.
fn job_processes() -> InstantVector {
    gauge(&worker::ACTIVE_JOBS).now()
}

fn overview(context: &DashboardContext<'_>) -> Vec<Panel> {
    let online = gauge(&worker::WORKERS)
        .with("state")
        .is("online")
        .now()
        .max_by(&[]);
    let minutes = QueryWindow::minutes(15);
    let failures = ratio_or_zero(
        &unsuccessful_jobs().increase(minutes).sum_by(&[]),
        &counter(&worker::JOBS).increase(minutes).sum_by(&[]),
    );
    let depth = gauge(&worker::QUEUE_DEPTH)
        .now()
        .max_by(&["queue"])
        .max_by(&[]);
    let oldest = gauge(&worker::QUEUE_OLDEST).now().max_by(&[]);
    // The one that has been silent for longest is the one whose newest beat is the oldest.
    let max_age = gauge(&worker::HEARTBEAT)
        .now()
        .max_by(&["worker.id"])
        .min_by(&[])
        .age();
    let stat = |title, shows, good, unit| {
        Panel::new(Visualization::Stat, title)
            .describe(shows, good)
            .unit(unit)
    };
    vec![
        context.with_alert_runbook(
            stat("Workers online", "Workers that beat as they should.", "As many as are deployed.", DisplayUnit::Count)
                .query(over_time(&online).legend("online")),
            AlertSignal::WorkersAbsent,
        ),
        context.with_alert_levels(
            stat("Longest silence", "Time since the last beat of the worker that has been silent for longest; those that said goodbye don't count.", "Below a minute.", DisplayUnit::Seconds)
                .no_value("no workers")
                .query(over_time(&max_age).legend("silence")),
            AlertSignal::WorkerOffline,
        ),
        context.with_alert_levels(
            stat("Deepest queue", "Jobs that wait in the queue that has most of them.", "Near 0, and back there after a peak.", DisplayUnit::Count)
                .query(over_time(&depth).legend("jobs")),
            AlertSignal::QueueDepth,
        ),
        context.with_alert_levels(
            stat("Oldest waiting job", "For how long the oldest waiting job has been due.", "Seconds.", DisplayUnit::Seconds)
                .no_value("none waits")
                .query(over_time(&oldest).legend("age")),
            AlertSignal::OldestJobAge,
        ),
        context.with_alert_levels(
            stat("Job failure rate", "The share of jobs that failed, panicked or were given up in 15 minutes, which is what the alert looks at.", "Below the first level.", DisplayUnit::Share)
                .decimals(2)
                .no_value("no jobs")
                .query(over_time(&failures).legend("failure rate")),
            AlertSignal::JobFailureRatio,
        ),
        context.memory_stat(Some(&job_processes())),
    ]
}

fn jobs(context: &DashboardContext<'_>) -> Vec<Panel> {
    let duration = histogram(&worker::JOB_DURATION);
    let lag = histogram(&worker::QUEUE_LAG);
    let reasons = counter(&worker::JOB_FAILURES)
        .rate(RATE)
        .sum_by(&["job.kind", "reason"]);
    let rate = Panel::new(Visualization::Stacked, "Job processing rate")
        .describe(
            "Jobs that ended a second, by kind.",
            "As many as are queued; less than that is a queue that grows.",
        )
        .unit(DisplayUnit::OperationsPerSecond)
        .query(over_time(&finished_jobs(&["job.kind"])).legend("{{job_kind}}"));
    let by_outcome = with_outcome_colors(Panel::new(Visualization::Stacked, "Jobs by outcome"))
        .describe(
            "Jobs that ended a second, by outcome; `aborted` were dropped without a verdict.",
            "Green, but for a few.",
        )
        .unit(DisplayUnit::OperationsPerSecond)
        .query(over_time(&finished_jobs(&["outcome"])).legend("{{outcome}}"));
    vec![
        context.with_runbook(rate, "worker-issues"),
        success_and_failure(context),
        context.with_runbook(
            traced_percentiles_panel("Job duration percentiles", &duration)
                .describe("50, 90, 95 and 99 of 100 jobs took at most so long. Points are traces: click one.", "p95 below the objective's 5 minutes.")
                .link(context.dashboard_link("Error budgets", alerts::DashboardId::Slo)),
            "worker-issues",
        ),
        context.with_alert_runbook(by_outcome, AlertSignal::JobFailureRatio),
        context.with_alert_runbook(
            traced_percentiles_panel("Queue lag percentiles", &lag)
                .describe("50, 90, 95 and 99 of 100 jobs started within this time after they were due.", "p99 below the objective's 5 minutes.")
                .link(context.dashboard_link("Error budgets", alerts::DashboardId::Slo)),
            AlertSignal::OldestJobAge,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Bars, "Reasons of failures")
                .describe("Jobs that failed a second, by kind and the reason that the worker gives.", "Few, and no reason that was not there yesterday.")
                .unit(DisplayUnit::OperationsPerSecond)
                .no_value("no failures")
                .query(over_time(&reasons).legend("{{job_kind}} {{reason}}")),
            AlertSignal::JobFailureRatio,
        ),
        context.with_runbook(
            distribution_panel("Job duration distribution", &duration)
                .describe("How many jobs a second took how long.", "A band for each kind of job."),
            "worker-issues",
        ),
        context.with_alert_runbook(
            distribution_panel("Queue lag distribution", &lag)
                .describe("How many jobs a second started how late.", "One band near 0."),
            AlertSignal::OldestJobAge,
        ),
    ]
}

fn success_and_failure(context: &DashboardContext<'_>) -> Panel {
    let failed = ratio_or_zero(
        &unsuccessful_jobs().rate(RATE).sum_by(&[]),
        &finished_jobs(&[]),
    );
    let panel = Panel::new(Visualization::Lines, "Job success and failure rate")
        .describe(
            "The share of jobs that succeeded, and the share that did not.",
            "Failures below the line.",
        )
        .unit(DisplayUnit::Share)
        .zero_to_one()
        .query(over_time(&failed.complement()).legend("succeeded"))
        .query(over_time(&failed).legend("failed"))
        .with_override(FieldOverride::by_name("succeeded").color(Color::Green))
        .with_override(FieldOverride::by_name("failed").color(Color::Red));
    context.with_alert_levels(panel, AlertSignal::JobFailureRatio)
}

fn workers(context: &DashboardContext<'_>) -> Vec<Panel> {
    let states = gauge(&worker::WORKERS).now().max_by(&["state"]);
    let beats = counter(&worker::BEATS).rate(RATE).sum_by(&["result"]);
    let unknown = counter(&worker::UNKNOWN_FIELDS).rate(RATE).sum_by(&[]);
    let sent = counter(&telemetry::HEARTBEAT_SENDS)
        .rate(RATE)
        .sum_by(&["job", "result"]);
    let status = Panel::new(Visualization::StateTimeline, "Worker heartbeat status")
        .describe("Time since the last beat of each worker: red from the moment at which it counts as offline. A row ends with a goodbye.", "Green rows without a gap.")
        .unit(DisplayUnit::Seconds)
        .query(over_time(&heartbeat_age(&["worker.id"])).legend("{{worker_id}}"));
    let states = Panel::new(Visualization::Stacked, "Workers by state")
        .describe(
            "Workers that are known, by state.",
            "All online, and stopped ones during a release.",
        )
        .unit(DisplayUnit::Count)
        .query(over_time(&states).legend("{{state}}"));
    let colors = [
        ("online", Color::Green),
        ("new", Color::Blue),
        ("late", Color::Yellow),
        ("stalled", Color::Orange),
        ("offline", Color::Red),
        ("stopped", Color::Gray),
    ];
    let states = colors.into_iter().fold(states, |panel, (state, color)| {
        panel.with_override(FieldOverride::by_name(state).color(color))
    });
    vec![
        context.with_alert_levels(status, AlertSignal::WorkerOffline),
        context.with_alert_runbook(states, AlertSignal::WorkerOffline),
        context.with_alert_runbook(
            Panel::new(Visualization::Stacked, "Beats received")
                .describe(
                    "Beats that arrived a second, by what became of them.",
                    "accepted, and restarted during a release.",
                )
                .unit(DisplayUnit::PerSecond)
                .query(over_time(&beats).legend("{{result}}"))
                .query(over_time(&unknown).legend("unknown fields")),
            AlertSignal::WorkersAbsent,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Stacked, "Beats sent to an API")
                .describe(
                    "Beats that workers of other processes sent, by what became of them.",
                    "taken.",
                )
                .unit(DisplayUnit::PerSecond)
                .no_value("workers beat into their own process")
                .query(over_time(&sent).legend("{{job}} {{result}}")),
            AlertSignal::WorkersAbsent,
        ),
    ]
}

fn saturation(context: &DashboardContext<'_>) -> Vec<Panel> {
    let depth = gauge(&worker::QUEUE_DEPTH).now().max_by(&["queue"]);
    let oldest = gauge(&worker::QUEUE_OLDEST).now().max_by(&["queue"]);
    let active = gauge(&worker::ACTIVE_JOBS).now().sum_by(&["job.kind"]);
    let busy = counter(&worker::BUSY_TIME).rate(RATE).sum_by(&["job.kind"]);
    vec![
        context.with_alert_levels(
            Panel::new(Visualization::Lines, "Queue depth")
                .describe("Jobs that wait, by queue.", "Back near 0 after a peak.")
                .unit(DisplayUnit::Count)
                .query(over_time(&depth).legend("{{queue}}")),
            AlertSignal::QueueDepth,
        ),
        context.with_alert_levels(
            Panel::new(Visualization::Lines, "Age of the oldest waiting job")
                .describe("For how long the oldest waiting job of each queue has been due; no line while none waits.", "Seconds.")
                .unit(DisplayUnit::Seconds)
                .no_value("none waits")
                .query(over_time(&oldest).legend("{{queue}}")),
            AlertSignal::OldestJobAge,
        ),
        context.with_runbook(
            Panel::new(Visualization::Stacked, "Jobs in progress")
                .describe("Jobs that are running, by kind.", "Below the number of workers for most of the time.")
                .unit(DisplayUnit::Count)
                .query(over_time(&active).legend("{{job_kind}}")),
            "worker-issues",
        ),
        context.with_runbook(
            Panel::new(Visualization::Stacked, "Workers that are busy")
                .describe("Time spent in jobs a second: how many workers are busy on average.", "Room for a peak: below the number of workers.")
                .unit(DisplayUnit::Count)
                .query(over_time(&busy).legend("{{job_kind}}")),
            "worker-issues",
        ),
        context.memory_usage("Worker memory usage", Some(&job_processes())),
        context.cpu_usage("Worker CPU usage", Some(&job_processes())),
    ]
}
