use super::sheet::{
    RATE, Sheet, counter, distribution, gauge, histogram, hundredths, outcomes, over_time, share,
    traced_percentiles,
};
use crate::generate::grafana::{Dashboard, Panel, Query, Row, Unit, View};
use crate::model::alerts::{self, Signal};
use crate::model::catalog::scheduler;
use crate::model::promql::{Select as _, Vector, Window};

/// Schedules and their executions.
pub(super) fn dashboard(sheet: &Sheet<'_>) -> Dashboard {
    Dashboard {
        uid: alerts::Dashboard::Scheduler.uid(),
        title: "Scheduler performance",
        description: "The scheduler: what it schedules, how late that starts, and how much of it succeeds.",
        since: "6h",
        variables: sheet.variables(),
        annotations: sheet.annotations(),
        rows: vec![
            Row::new("Overview", overview(sheet)),
            Row::new("Executions: rate, errors, duration", executions(sheet)),
            Row::new("Lag", lag(sheet)),
            Row::new("Saturation", saturation(sheet)),
        ],
    }
}

/// The processes that schedule.
fn schedules() -> Vector {
    gauge(&scheduler::ACTIVE_EXECUTIONS).now()
}

fn succeeded(window: Window) -> Vector {
    counter(&scheduler::EXECUTIONS)
        .with("outcome")
        .is("succeeded")
        .increase(window)
        .sum_by(&[])
}

fn overview(sheet: &Sheet<'_>) -> Vec<Panel> {
    let hour = Window::hours(1);
    let success = share(
        &succeeded(hour),
        &counter(&scheduler::EXECUTIONS).increase(hour).sum_by(&[]),
    );
    let p95 = histogram(&scheduler::EXECUTION_LAG).quantile(hundredths(95), RATE, &[]);
    let scheduled = counter(&scheduler::SCHEDULED_JOBS)
        .increase(hour)
        .sum_by(&[]);
    let missed = counter(&scheduler::MISSED_RUNS).increase(hour).sum_by(&[]);
    let quietest = gauge(&scheduler::HEARTBEAT)
        .now()
        .max_by(&["scheduler.id"])
        .min_by(&[])
        .age();
    let stat = |title, shows, good, unit| {
        Panel::new(View::Stat, title)
            .describe(shows, good)
            .unit(unit)
    };
    vec![
        sheet.page_of(
            stat("Scheduled in an hour", "Jobs that were scheduled in the last hour.", "As usual.", Unit::Count)
                .decimals(0)
                .query(over_time(&scheduled).legend("scheduled")),
            Signal::SchedulersAbsent,
        ),
        sheet.alert(
            stat("Execution lag, p95", "95 of 100 executions started within this time after they were due.", "Seconds.", Unit::Seconds)
                .nothing("no executions")
                .query(over_time(&p95).legend("p95")),
            Signal::ExecutionLag,
        ),
        sheet.alert(
            stat("Success rate", "The share of executions that succeeded in an hour, which is what the alert looks at.", "Near 100 %.", Unit::Share)
                .decimals(1)
                .nothing("no executions")
                .query(over_time(&success).legend("success rate")),
            Signal::SchedulerSuccessRatio,
        ),
        sheet.alert(
            stat("Longest silence", "Time since the last beat of the scheduler that has been silent for longest; those that said goodbye don't count.", "Below a minute.", Unit::Seconds)
                .nothing("no scheduler")
                .query(over_time(&quietest).legend("silence")),
            Signal::SchedulerOffline,
        ),
        sheet.page_of(
            stat("Missed in an hour", "Runs that were due in the last hour and never started.", "0.", Unit::Count)
                .decimals(0)
                .nothing("none")
                .query(over_time(&missed).legend("missed")),
            Signal::ExecutionLag,
        ),
        sheet.memory_stat(Some(&schedules())),
    ]
}

fn executions(sheet: &Sheet<'_>) -> Vec<Panel> {
    let scheduled = counter(&scheduler::SCHEDULED_JOBS)
        .increase(RATE)
        .sum_by(&["schedule"]);
    let all = counter(&scheduler::EXECUTIONS).rate(RATE);
    let good = counter(&scheduler::EXECUTIONS)
        .with("outcome")
        .is("succeeded")
        .rate(RATE);
    let by = ["schedule"];
    let success = share(&good.sum_by(&by), &all.sum_by(&by));
    let reasons = counter(&scheduler::EXECUTION_FAILURES)
        .increase(Window::Range)
        .sum_by(&["schedule", "reason"]);
    let over = counter(&scheduler::EXECUTION_FAILURES)
        .rate(RATE)
        .sum_by(&["schedule", "reason"]);
    vec![
        sheet.page_of(
            Panel::new(View::Bars, "Scheduled jobs")
                .describe("Jobs that were scheduled, by schedule, in each interval of the panel.", "The pattern of the day before.")
                .unit(Unit::Count)
                .query(over_time(&scheduled).legend("{{schedule}}")),
            Signal::SchedulersAbsent,
        ),
        sheet.alert(
            Panel::new(View::Lines, "Success rate")
                .describe("The share of executions that succeeded, by schedule.", "Above the line.")
                .unit(Unit::Share)
                .whole_share()
                .query(over_time(&success).legend("{{schedule}}")),
            Signal::SchedulerSuccessRatio,
        ),
        sheet.page_of(
            outcomes(Panel::new(View::Stacked, "Executions by outcome"))
                .describe("Executions that ended a second, by outcome.", "Green, but for a few.")
                .unit(Unit::OperationsPerSecond)
                .query(over_time(&all.sum_by(&["outcome"])).legend("{{outcome}}")),
            Signal::SchedulerSuccessRatio,
        ),
        sheet.page_of(
            Panel::new(View::BarGauge, "Failed job reasons")
                .describe("Executions that failed in the time that is shown, by schedule and the reason that the scheduler gives.", "Few, and no reason that was not there yesterday.")
                .unit(Unit::Count)
                .decimals(0)
                .nothing("no failures")
                .query(Query::instant(reasons.to_string()).legend("{{schedule}}: {{reason}}")),
            Signal::SchedulerSuccessRatio,
        ),
        sheet.page_of(
            traced_percentiles("Execution duration percentiles", &histogram(&scheduler::EXECUTION_DURATION))
                .describe("50, 90, 95 and 99 of 100 executions took at most so long. Points are traces: click one.", "Shorter than the distance of two runs."),
            Signal::ExecutionLag,
        ),
        sheet.page_of(
            Panel::new(View::Bars, "Failures over time")
                .describe("Executions that failed a second, by schedule and reason.", "None for most of the time.")
                .unit(Unit::OperationsPerSecond)
                .nothing("no failures")
                .query(over_time(&over).legend("{{schedule}}: {{reason}}")),
            Signal::SchedulerSuccessRatio,
        ),
    ]
}

fn lag(sheet: &Sheet<'_>) -> Vec<Panel> {
    let lag = histogram(&scheduler::EXECUTION_LAG);
    let missed = counter(&scheduler::MISSED_RUNS)
        .increase(RATE)
        .sum_by(&["schedule"]);
    let overlapping = counter(&scheduler::OVERLAPPING_RUNS)
        .increase(RATE)
        .sum_by(&["schedule"]);
    vec![
        sheet.page_of(
            distribution("Execution lag distribution", &lag)
                .describe("How many executions a second started how late.", "One band near 0."),
            Signal::ExecutionLag,
        ),
        sheet.alert(
            traced_percentiles("Execution lag percentiles", &lag)
                .describe("50, 90, 95 and 99 of 100 executions started within this time after they were due. Points are traces: click one.", "Far below the line."),
            Signal::ExecutionLag,
        ),
        sheet.page_of(
            Panel::new(View::Bars, "Missed runs")
                .describe("Runs that were due and never started, by schedule.", "None.")
                .unit(Unit::Count)
                .nothing("none")
                .query(over_time(&missed).legend("{{schedule}}")),
            Signal::ExecutionLag,
        ),
        sheet.page_of(
            Panel::new(View::Bars, "Overlapping runs")
                .describe("Runs that started while an earlier one of the same schedule was running.", "None: a schedule that overlaps is too tight.")
                .unit(Unit::Count)
                .nothing("none")
                .query(over_time(&overlapping).legend("{{schedule}}")),
            Signal::ExecutionLag,
        ),
    ]
}

fn saturation(sheet: &Sheet<'_>) -> Vec<Panel> {
    let active = gauge(&scheduler::ACTIVE_EXECUTIONS)
        .now()
        .sum_by(&["schedule"]);
    let silence = gauge(&scheduler::HEARTBEAT)
        .now()
        .max_by(&["scheduler.id"])
        .age();
    vec![
        sheet.page_of(
            Panel::new(View::Stacked, "Executions in progress")
                .describe("Executions that are running, by schedule.", "At most one of each.")
                .unit(Unit::Count)
                .query(over_time(&active).legend("{{schedule}}")),
            Signal::ExecutionLag,
        ),
        sheet.alert(
            Panel::new(View::StateTimeline, "Scheduler heartbeat status")
                .describe("Time since the last beat of each scheduler: red from the moment at which it counts as offline. A row ends with a goodbye.", "Green rows without a gap.")
                .unit(Unit::Seconds)
                .query(over_time(&silence).legend("{{scheduler_id}}")),
            Signal::SchedulerOffline,
        ),
        sheet.memory_usage("Scheduler memory usage", Some(&schedules())),
        sheet.cpu_usage("Scheduler CPU usage", Some(&schedules())),
    ]
}
