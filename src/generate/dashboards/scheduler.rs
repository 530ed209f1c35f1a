use super::context::{
    DashboardContext, RATE, counter, distribution_panel, gauge, histogram, over_time, percent,
    ratio_or_zero, traced_percentiles_panel, with_outcome_colors,
};
use crate::generate::grafana::{
    DashboardModel, DashboardRow, DisplayUnit, Panel, PanelQuery, Visualization,
};
use crate::model::alerts::{self, AlertSignal};
use crate::model::catalog::scheduler;
use crate::model::promql::{InstantVector, QueryWindow, Select as _};

/// Returns the dashboard of schedules and their executions.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    DashboardModel {
        uid: alerts::DashboardId::Scheduler.uid(),
        title: "Scheduler performance",
        description: "The scheduler: what it schedules, how late that starts, and how much of it succeeds.",
        since: "6h",
        variables: context.variables(),
        annotations: context.annotations(),
        rows: vec![
            DashboardRow::new("Overview", overview(context)),
            DashboardRow::new("Executions: rate, errors, duration", executions(context)),
            DashboardRow::new("Lag", lag(context)),
            DashboardRow::new("Saturation", saturation(context)),
        ],
    }
}

/// Returns the processes that schedule.
fn schedules() -> InstantVector {
    gauge(&scheduler::ACTIVE_EXECUTIONS).now()
}

fn succeeded(window: QueryWindow) -> InstantVector {
    counter(&scheduler::EXECUTIONS)
        .with("outcome")
        .is("succeeded")
        .increase(window)
        .sum_by(&[])
}

fn overview(context: &DashboardContext<'_>) -> Vec<Panel> {
    let hour = QueryWindow::hours(1);
    let success = ratio_or_zero(
        &succeeded(hour),
        &counter(&scheduler::EXECUTIONS).increase(hour).sum_by(&[]),
    );
    let p95 = histogram(&scheduler::EXECUTION_LAG).quantile(percent(95), RATE, &[]);
    let scheduled = counter(&scheduler::SCHEDULED_JOBS)
        .increase(hour)
        .sum_by(&[]);
    let missed = counter(&scheduler::MISSED_RUNS).increase(hour).sum_by(&[]);
    let max_age = gauge(&scheduler::HEARTBEAT)
        .now()
        .max_by(&["scheduler.id"])
        .min_by(&[])
        .age();
    let stat = |title, shows, good, unit| {
        Panel::new(Visualization::Stat, title)
            .describe(shows, good)
            .unit(unit)
    };
    vec![
        context.with_alert_runbook(
            stat("Scheduled in an hour", "Jobs that were scheduled in the last hour.", "As usual.", DisplayUnit::Count)
                .decimals(0)
                .query(over_time(&scheduled).legend("scheduled")),
            AlertSignal::SchedulersAbsent,
        ),
        context.with_alert_levels(
            stat("Execution lag, p95", "95 of 100 executions started within this time after they were due.", "Seconds.", DisplayUnit::Seconds)
                .no_value("no executions")
                .query(over_time(&p95).legend("p95")),
            AlertSignal::ExecutionLag,
        ),
        context.with_alert_levels(
            stat("Success rate", "The share of executions that succeeded in an hour, which is what the alert looks at.", "Near 100 %.", DisplayUnit::Share)
                .decimals(1)
                .no_value("no executions")
                .query(over_time(&success).legend("success rate")),
            AlertSignal::SchedulerSuccessRatio,
        ),
        context.with_alert_levels(
            stat("Longest silence", "Time since the last beat of the scheduler that has been silent for longest; those that said goodbye don't count.", "Below a minute.", DisplayUnit::Seconds)
                .no_value("no scheduler")
                .query(over_time(&max_age).legend("silence")),
            AlertSignal::SchedulerOffline,
        ),
        context.with_alert_runbook(
            stat("Missed in an hour", "Runs that were due in the last hour and never started.", "0.", DisplayUnit::Count)
                .decimals(0)
                .no_value("none")
                .query(over_time(&missed).legend("missed")),
            AlertSignal::ExecutionLag,
        ),
        context.memory_stat(Some(&schedules())),
    ]
}

fn executions(context: &DashboardContext<'_>) -> Vec<Panel> {
    let scheduled = counter(&scheduler::SCHEDULED_JOBS)
        .increase(RATE)
        .sum_by(&["schedule"]);
    let all = counter(&scheduler::EXECUTIONS).rate(RATE);
    let good = counter(&scheduler::EXECUTIONS)
        .with("outcome")
        .is("succeeded")
        .rate(RATE);
    let by = ["schedule"];
    let success = ratio_or_zero(&good.sum_by(&by), &all.sum_by(&by));
    let reasons = counter(&scheduler::EXECUTION_FAILURES)
        .increase(QueryWindow::Range)
        .sum_by(&["schedule", "reason"]);
    let over = counter(&scheduler::EXECUTION_FAILURES)
        .rate(RATE)
        .sum_by(&["schedule", "reason"]);
    vec![
        context.with_alert_runbook(
            Panel::new(Visualization::Bars, "Scheduled jobs")
                .describe("Jobs that were scheduled, by schedule, in each interval of the panel.", "The pattern of the day before.")
                .unit(DisplayUnit::Count)
                .query(over_time(&scheduled).legend("{{schedule}}")),
            AlertSignal::SchedulersAbsent,
        ),
        context.with_alert_levels(
            Panel::new(Visualization::Lines, "Success rate")
                .describe("The share of executions that succeeded, by schedule.", "Above the line.")
                .unit(DisplayUnit::Share)
                .zero_to_one()
                .query(over_time(&success).legend("{{schedule}}")),
            AlertSignal::SchedulerSuccessRatio,
        ),
        context.with_alert_runbook(
            with_outcome_colors(Panel::new(Visualization::Stacked, "Executions by outcome"))
                .describe("Executions that ended a second, by outcome.", "Green, but for a few.")
                .unit(DisplayUnit::OperationsPerSecond)
                .query(over_time(&all.sum_by(&["outcome"])).legend("{{outcome}}")),
            AlertSignal::SchedulerSuccessRatio,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::BarGauge, "Failed job reasons")
                .describe("Executions that failed in the time that is shown, by schedule and the reason that the scheduler gives.", "Few, and no reason that was not there yesterday.")
                .unit(DisplayUnit::Count)
                .decimals(0)
                .no_value("no failures")
                .query(PanelQuery::instant(reasons.to_string()).legend("{{schedule}}: {{reason}}")),
            AlertSignal::SchedulerSuccessRatio,
        ),
        context.with_alert_runbook(
            traced_percentiles_panel("Execution duration percentiles", &histogram(&scheduler::EXECUTION_DURATION))
                .describe("50, 90, 95 and 99 of 100 executions took at most so long. Points are traces: click one.", "Shorter than the distance of two runs."),
            AlertSignal::ExecutionLag,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Bars, "Failures over time")
                .describe("Executions that failed a second, by schedule and reason.", "None for most of the time.")
                .unit(DisplayUnit::OperationsPerSecond)
                .no_value("no failures")
                .query(over_time(&over).legend("{{schedule}}: {{reason}}")),
            AlertSignal::SchedulerSuccessRatio,
        ),
    ]
}

fn lag(context: &DashboardContext<'_>) -> Vec<Panel> {
    let lag = histogram(&scheduler::EXECUTION_LAG);
    let missed = counter(&scheduler::MISSED_RUNS)
        .increase(RATE)
        .sum_by(&["schedule"]);
    let overlapping = counter(&scheduler::OVERLAPPING_RUNS)
        .increase(RATE)
        .sum_by(&["schedule"]);
    vec![
        context.with_alert_runbook(
            distribution_panel("Execution lag distribution", &lag)
                .describe("How many executions a second started how late.", "One band near 0."),
            AlertSignal::ExecutionLag,
        ),
        context.with_alert_levels(
            traced_percentiles_panel("Execution lag percentiles", &lag)
                .describe("50, 90, 95 and 99 of 100 executions started within this time after they were due. Points are traces: click one.", "Far below the line."),
            AlertSignal::ExecutionLag,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Bars, "Missed runs")
                .describe("Runs that were due and never started, by schedule.", "None.")
                .unit(DisplayUnit::Count)
                .no_value("none")
                .query(over_time(&missed).legend("{{schedule}}")),
            AlertSignal::ExecutionLag,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Bars, "Overlapping runs")
                .describe("Runs that started while an earlier one of the same schedule was running.", "None: a schedule that overlaps is too tight.")
                .unit(DisplayUnit::Count)
                .no_value("none")
                .query(over_time(&overlapping).legend("{{schedule}}")),
            AlertSignal::ExecutionLag,
        ),
    ]
}

fn saturation(context: &DashboardContext<'_>) -> Vec<Panel> {
    let active = gauge(&scheduler::ACTIVE_EXECUTIONS)
        .now()
        .sum_by(&["schedule"]);
    let heartbeat_age = gauge(&scheduler::HEARTBEAT)
        .now()
        .max_by(&["scheduler.id"])
        .age();
    vec![
        context.with_alert_runbook(
            Panel::new(Visualization::Stacked, "Executions in progress")
                .describe("Executions that are running, by schedule.", "At most one of each.")
                .unit(DisplayUnit::Count)
                .query(over_time(&active).legend("{{schedule}}")),
            AlertSignal::ExecutionLag,
        ),
        context.with_alert_levels(
            Panel::new(Visualization::StateTimeline, "Scheduler heartbeat status")
                .describe("Time since the last beat of each scheduler: red from the moment at which it counts as offline. A row ends with a goodbye.", "Green rows without a gap.")
                .unit(DisplayUnit::Seconds)
                .query(over_time(&heartbeat_age).legend("{{scheduler_id}}")),
            AlertSignal::SchedulerOffline,
        ),
        context.memory_usage("Scheduler memory usage", Some(&schedules())),
        context.cpu_usage("Scheduler CPU usage", Some(&schedules())),
    ]
}
