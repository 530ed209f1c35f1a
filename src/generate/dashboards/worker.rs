use super::sheet::{
    RATE, Sheet, counter, distribution, gauge, histogram, outcomes, over_time, share,
    traced_percentiles,
};
use crate::generate::grafana::{Color, Dashboard, Override, Panel, Row, Unit, View};
use crate::model::alerts::{self, Signal};
use crate::model::catalog::{telemetry, worker};
use crate::model::promql::{Counter, Select as _, Vector, Window};

/// Jobs, queues, and the workers that empty them.
pub(super) fn dashboard(sheet: &Sheet<'_>) -> Dashboard {
    Dashboard {
        uid: alerts::Dashboard::Workers.uid(),
        title: "Worker health",
        description: "Workers: who beats, how many jobs are done, how many fail, and how long the others wait.",
        since: "1h",
        variables: sheet.variables(),
        annotations: sheet.annotations(),
        rows: vec![
            Row::new("Overview", overview(sheet)),
            Row::new("Jobs: rate, errors, duration", jobs(sheet)),
            Row::new("Workers", workers(sheet)),
            Row::new("Saturation", saturation(sheet)),
        ],
    }
}

fn ended(labels: &[&str]) -> Vector {
    counter(&worker::JOBS).rate(RATE).sum_by(labels)
}

fn not_succeeded() -> Counter {
    counter(&worker::JOBS).with("outcome").is_not("succeeded")
}

/// Every process that knows of a worker tells of it; the newest beat counts.
fn silence(labels: &[&str]) -> Vector {
    gauge(&worker::HEARTBEAT).now().max_by(labels).age()
}

/// The processes that run jobs.
fn runs_jobs() -> Vector {
    gauge(&worker::ACTIVE_JOBS).now()
}

fn overview(sheet: &Sheet<'_>) -> Vec<Panel> {
    let online = gauge(&worker::WORKERS)
        .with("state")
        .is("online")
        .now()
        .max_by(&[]);
    let minutes = Window::minutes(15);
    let failures = share(
        &not_succeeded().increase(minutes).sum_by(&[]),
        &counter(&worker::JOBS).increase(minutes).sum_by(&[]),
    );
    let depth = gauge(&worker::QUEUE_DEPTH)
        .now()
        .max_by(&["queue"])
        .max_by(&[]);
    let oldest = gauge(&worker::QUEUE_OLDEST).now().max_by(&[]);
    // The one that has been silent for longest is the one whose newest beat is the oldest.
    let quietest = gauge(&worker::HEARTBEAT)
        .now()
        .max_by(&["worker.id"])
        .min_by(&[])
        .age();
    let stat = |title, shows, good, unit| {
        Panel::new(View::Stat, title)
            .describe(shows, good)
            .unit(unit)
    };
    vec![
        sheet.page_of(
            stat("Workers online", "Workers that beat as they should.", "As many as are deployed.", Unit::Count)
                .query(over_time(&online).legend("online")),
            Signal::WorkersAbsent,
        ),
        sheet.alert(
            stat("Longest silence", "Time since the last beat of the worker that has been silent for longest; those that said goodbye don't count.", "Below a minute.", Unit::Seconds)
                .nothing("no workers")
                .query(over_time(&quietest).legend("silence")),
            Signal::WorkerOffline,
        ),
        sheet.alert(
            stat("Deepest queue", "Jobs that wait in the queue that has most of them.", "Near 0, and back there after a peak.", Unit::Count)
                .query(over_time(&depth).legend("jobs")),
            Signal::QueueDepth,
        ),
        sheet.alert(
            stat("Oldest waiting job", "For how long the oldest waiting job has been due.", "Seconds.", Unit::Seconds)
                .nothing("none waits")
                .query(over_time(&oldest).legend("age")),
            Signal::OldestJobAge,
        ),
        sheet.alert(
            stat("Job failure rate", "The share of jobs that failed, panicked or were given up in 15 minutes, which is what the alert looks at.", "Below the first level.", Unit::Share)
                .decimals(2)
                .nothing("no jobs")
                .query(over_time(&failures).legend("failure rate")),
            Signal::JobFailureRatio,
        ),
        sheet.memory_stat(Some(&runs_jobs())),
    ]
}

fn jobs(sheet: &Sheet<'_>) -> Vec<Panel> {
    let duration = histogram(&worker::JOB_DURATION);
    let lag = histogram(&worker::QUEUE_LAG);
    let reasons = counter(&worker::JOB_FAILURES)
        .rate(RATE)
        .sum_by(&["job.kind", "reason"]);
    let rate = Panel::new(View::Stacked, "Job processing rate")
        .describe(
            "Jobs that ended a second, by kind.",
            "As many as are queued; less than that is a queue that grows.",
        )
        .unit(Unit::OperationsPerSecond)
        .query(over_time(&ended(&["job.kind"])).legend("{{job_kind}}"));
    let by_outcome = outcomes(Panel::new(View::Stacked, "Jobs by outcome"))
        .describe(
            "Jobs that ended a second, by outcome; `aborted` were dropped without a verdict.",
            "Green, but for a few.",
        )
        .unit(Unit::OperationsPerSecond)
        .query(over_time(&ended(&["outcome"])).legend("{{outcome}}"));
    vec![
        sheet.page(rate, "worker-issues"),
        success_and_failure(sheet),
        sheet.page(
            traced_percentiles("Job duration percentiles", &duration)
                .describe("50, 90, 95 and 99 of 100 jobs took at most so long. Points are traces: click one.", "p95 below the objective's 5 minutes.")
                .link(sheet.to("Error budgets", alerts::Dashboard::Slo)),
            "worker-issues",
        ),
        sheet.page_of(by_outcome, Signal::JobFailureRatio),
        sheet.page_of(
            traced_percentiles("Queue lag percentiles", &lag)
                .describe("50, 90, 95 and 99 of 100 jobs started within this time after they were due.", "p99 below the objective's 5 minutes.")
                .link(sheet.to("Error budgets", alerts::Dashboard::Slo)),
            Signal::OldestJobAge,
        ),
        sheet.page_of(
            Panel::new(View::Bars, "Reasons of failures")
                .describe("Jobs that failed a second, by kind and the reason that the worker gives.", "Few, and no reason that was not there yesterday.")
                .unit(Unit::OperationsPerSecond)
                .nothing("no failures")
                .query(over_time(&reasons).legend("{{job_kind}} {{reason}}")),
            Signal::JobFailureRatio,
        ),
        sheet.page(
            distribution("Job duration distribution", &duration)
                .describe("How many jobs a second took how long.", "A band for each kind of job."),
            "worker-issues",
        ),
        sheet.page_of(
            distribution("Queue lag distribution", &lag)
                .describe("How many jobs a second started how late.", "One band near 0."),
            Signal::OldestJobAge,
        ),
    ]
}

fn success_and_failure(sheet: &Sheet<'_>) -> Panel {
    let failed = share(&not_succeeded().rate(RATE).sum_by(&[]), &ended(&[]));
    let panel = Panel::new(View::Lines, "Job success and failure rate")
        .describe(
            "The share of jobs that succeeded, and the share that did not.",
            "Failures below the line.",
        )
        .unit(Unit::Share)
        .whole_share()
        .query(over_time(&failed.complement()).legend("succeeded"))
        .query(over_time(&failed).legend("failed"))
        .differ(Override::of("succeeded").color(Color::Green))
        .differ(Override::of("failed").color(Color::Red));
    sheet.alert(panel, Signal::JobFailureRatio)
}

fn workers(sheet: &Sheet<'_>) -> Vec<Panel> {
    let states = gauge(&worker::WORKERS).now().max_by(&["state"]);
    let beats = counter(&worker::BEATS).rate(RATE).sum_by(&["result"]);
    let unknown = counter(&worker::UNKNOWN_FIELDS).rate(RATE).sum_by(&[]);
    let sent = counter(&telemetry::HEARTBEAT_SENDS)
        .rate(RATE)
        .sum_by(&["job", "result"]);
    let status = Panel::new(View::StateTimeline, "Worker heartbeat status")
        .describe("Time since the last beat of each worker: red from the moment at which it counts as offline. A row ends with a goodbye.", "Green rows without a gap.")
        .unit(Unit::Seconds)
        .query(over_time(&silence(&["worker.id"])).legend("{{worker_id}}"));
    let states = Panel::new(View::Stacked, "Workers by state")
        .describe(
            "Workers that are known, by state.",
            "All online, and stopped ones during a release.",
        )
        .unit(Unit::Count)
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
        panel.differ(Override::of(state).color(color))
    });
    vec![
        sheet.alert(status, Signal::WorkerOffline),
        sheet.page_of(states, Signal::WorkerOffline),
        sheet.page_of(
            Panel::new(View::Stacked, "Beats received")
                .describe(
                    "Beats that arrived a second, by what became of them.",
                    "accepted, and restarted during a release.",
                )
                .unit(Unit::PerSecond)
                .query(over_time(&beats).legend("{{result}}"))
                .query(over_time(&unknown).legend("unknown fields")),
            Signal::WorkersAbsent,
        ),
        sheet.page_of(
            Panel::new(View::Stacked, "Beats sent to an API")
                .describe(
                    "Beats that workers of other processes sent, by what became of them.",
                    "taken.",
                )
                .unit(Unit::PerSecond)
                .nothing("workers beat into their own process")
                .query(over_time(&sent).legend("{{job}} {{result}}")),
            Signal::WorkersAbsent,
        ),
    ]
}

fn saturation(sheet: &Sheet<'_>) -> Vec<Panel> {
    let depth = gauge(&worker::QUEUE_DEPTH).now().max_by(&["queue"]);
    let oldest = gauge(&worker::QUEUE_OLDEST).now().max_by(&["queue"]);
    let active = gauge(&worker::ACTIVE_JOBS).now().sum_by(&["job.kind"]);
    let busy = counter(&worker::BUSY_TIME).rate(RATE).sum_by(&["job.kind"]);
    vec![
        sheet.alert(
            Panel::new(View::Lines, "Queue depth")
                .describe("Jobs that wait, by queue.", "Back near 0 after a peak.")
                .unit(Unit::Count)
                .query(over_time(&depth).legend("{{queue}}")),
            Signal::QueueDepth,
        ),
        sheet.alert(
            Panel::new(View::Lines, "Age of the oldest waiting job")
                .describe("For how long the oldest waiting job of each queue has been due; no line while none waits.", "Seconds.")
                .unit(Unit::Seconds)
                .nothing("none waits")
                .query(over_time(&oldest).legend("{{queue}}")),
            Signal::OldestJobAge,
        ),
        sheet.page(
            Panel::new(View::Stacked, "Jobs in progress")
                .describe("Jobs that are running, by kind.", "Below the number of workers for most of the time.")
                .unit(Unit::Count)
                .query(over_time(&active).legend("{{job_kind}}")),
            "worker-issues",
        ),
        sheet.page(
            Panel::new(View::Stacked, "Workers that are busy")
                .describe("Time spent in jobs a second: how many workers are busy on average.", "Room for a peak: below the number of workers.")
                .unit(Unit::Count)
                .query(over_time(&busy).legend("{{job_kind}}")),
            "worker-issues",
        ),
        sheet.memory_usage("Worker memory usage", Some(&runs_jobs())),
        sheet.cpu_usage("Worker CPU usage", Some(&runs_jobs())),
    ]
}
