//! A run that is late, one that is missing and one that fails have different causes, so that each
//! has a panel of its own.

use super::context::{
    DashboardContext, RATE, gauge, greatest, histogram, increase, of_processes, rate, total,
};
use super::panel_spec::{
    MEMORY_STAT, PanelSpec, bar_gauge, bars, cpu_usage, distribution, lines, memory_usage, row,
    stacked, stat, state_timeline, traced_percentiles, with_outcome_colors,
};
use crate::generate::alerts::jobs::{executions, successes};
use crate::generate::grafana::{DashboardModel, DisplayUnit};
use crate::model::alerts::{AlertSignal, DashboardId};
use crate::model::catalog::process::{CPU_UTILIZATION, MEMORY_UTILIZATION};
use crate::model::catalog::scheduler;
use crate::model::promql::{InstantVector, QueryWindow};

const HOUR: QueryWindow = QueryWindow::hours(1);

/// Returns the dashboard of schedules and their executions.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    context.dashboard(
        DashboardId::Scheduler,
        "Scheduler performance",
        "The scheduler: what it schedules, how late that starts, and how much of it succeeds.",
        "6h",
        vec![
            row(context, "Overview", OVERVIEW),
            row(context, "Executions: rate, errors, duration", EXECUTIONS),
            row(context, "Lag", LAG),
            row(context, "Saturation", SATURATION),
        ],
    )
}

const OVERVIEW: &[PanelSpec] = &[
    stat("Scheduled in an hour", DisplayUnit::Count)
        .shows("Jobs that were scheduled in the last hour.", "As usual.")
        .query("scheduled", || increase(&scheduler::SCHEDULED_JOBS, HOUR, &[]))
        .with(|panel, _| panel.decimals(0))
        .alert(AlertSignal::SchedulersAbsent),
    stat("Execution lag, p95", DisplayUnit::Seconds)
        .shows("95 of 100 executions started within this time after they were due.", "Seconds.")
        .query("p95", || histogram(&scheduler::EXECUTION_LAG).percentile(95, RATE, &[]))
        .with(|panel, _| panel.no_value("no executions"))
        .levels(AlertSignal::ExecutionLag),
    stat("Success rate", DisplayUnit::Share)
        .shows("The share of executions that succeeded in an hour, which is what the alert looks at.", "Near 100 %.")
        .query("success rate", || {
            success_ratio(&[])
        })
        .with(|panel, _| panel.decimals(1).no_value("no executions"))
        .levels(AlertSignal::SchedulerSuccessRatio),
    stat("Longest silence", DisplayUnit::Seconds)
        .shows("Time since the last beat of the scheduler that has been silent for longest; those that signed off don't count.", "Below a minute.")
        .query("silence", || greatest(&scheduler::HEARTBEAT, &["scheduler.id"]).min_by(&[]).age())
        .with(|panel, _| panel.no_value("no scheduler"))
        .levels(AlertSignal::SchedulerOffline),
    stat("Missed in an hour", DisplayUnit::Count)
        .shows("Runs that were due in the last hour and never started.", "0.")
        .query("missed", || increase(&scheduler::MISSED_RUNS, HOUR, &[]))
        .with(|panel, _| panel.decimals(0).no_value("none"))
        .alert(AlertSignal::ExecutionLag),
    MEMORY_STAT.query("memory", || of_processes(&MEMORY_UTILIZATION, &schedules()).max_by(&[])),
];

const EXECUTIONS: &[PanelSpec] = &[
    bars("Scheduled jobs", DisplayUnit::Count)
        .shows("Jobs that were scheduled, by schedule, in each interval of the panel.", "The pattern of the day before.")
        .query("{{schedule}}", || increase(&scheduler::SCHEDULED_JOBS, RATE, &["schedule"]))
        .alert(AlertSignal::SchedulersAbsent),
    lines("Success rate", DisplayUnit::Share)
        .shows("The share of executions that succeeded in an hour, by schedule.", "Above the line.")
        .query("{{schedule}}", || {
            success_ratio(&["schedule"])
        })
        .with(|panel, _| panel.zero_to_one())
        .levels(AlertSignal::SchedulerSuccessRatio),
    stacked("Executions by outcome", DisplayUnit::OperationsPerSecond)
        .shows("Executions that ended per second, by outcome.", "Nearly all green.")
        .query("{{outcome}}", || rate(&scheduler::EXECUTIONS, &["outcome"]))
        .with(|panel, _| with_outcome_colors(panel))
        .alert(AlertSignal::SchedulerSuccessRatio),
    bar_gauge("Failed job reasons", DisplayUnit::Count)
        .shows("Executions that failed in the time that is shown, by schedule and the reason that the scheduler gives.", "Few, and no reason that was not there yesterday.")
        .instant("{{schedule}}: {{reason}}", || {
            increase(&scheduler::EXECUTION_FAILURES, QueryWindow::Range, &["schedule", "reason"])
        })
        .with(|panel, _| panel.decimals(0).no_value("no failures"))
        .alert(AlertSignal::SchedulerSuccessRatio),
    traced_percentiles("Execution duration percentiles", || histogram(&scheduler::EXECUTION_DURATION))
        .shows("50, 90, 95 and 99 of 100 executions took at most this long. Points are traces: click one.", "Shorter than the interval between two runs.")
        .alert(AlertSignal::ExecutionLag),
    bars("Failures over time", DisplayUnit::OperationsPerSecond)
        .shows("Executions that failed per second, by schedule and reason.", "None most of the time.")
        .query("{{schedule}}: {{reason}}", || rate(&scheduler::EXECUTION_FAILURES, &["schedule", "reason"]))
        .with(|panel, _| panel.no_value("no failures"))
        .alert(AlertSignal::SchedulerSuccessRatio),
];

const LAG: &[PanelSpec] = &[
    distribution("Execution lag distribution", || histogram(&scheduler::EXECUTION_LAG))
        .shows("How many executions per second started how late.", "One band near 0.")
        .alert(AlertSignal::ExecutionLag),
    traced_percentiles("Execution lag percentiles", || histogram(&scheduler::EXECUTION_LAG))
        .shows("50, 90, 95 and 99 of 100 executions started within this time after they were due. Points are traces: click one.", "Far below the line.")
        .levels(AlertSignal::ExecutionLag),
    bars("Missed runs", DisplayUnit::Count)
        .shows("Runs that were due and never started, by schedule.", "None.")
        .query("{{schedule}}", || increase(&scheduler::MISSED_RUNS, RATE, &["schedule"]))
        .with(|panel, _| panel.no_value("none"))
        .alert(AlertSignal::ExecutionLag),
    bars("Overlapping runs", DisplayUnit::Count)
        .shows("Runs that started while an earlier one of the same schedule was running.", "None: overlapping runs mean that the interval is too short.")
        .query("{{schedule}}", || increase(&scheduler::OVERLAPPING_RUNS, RATE, &["schedule"]))
        .with(|panel, _| panel.no_value("none"))
        .alert(AlertSignal::ExecutionLag),
];

const SATURATION: &[PanelSpec] = &[
    stacked("Executions in progress", DisplayUnit::Count)
        .shows("Executions that are running, by schedule.", "At most one of each.")
        .query("{{schedule}}", || total(&scheduler::ACTIVE_EXECUTIONS, &["schedule"]))
        .alert(AlertSignal::ExecutionLag),
    state_timeline("Scheduler heartbeat status", DisplayUnit::Seconds)
        .shows("Time since the last beat of each scheduler: red from the moment at which it counts as offline. A row ends when its sender signs off.", "Green rows without a gap.")
        .query("{{scheduler_id}}", || greatest(&scheduler::HEARTBEAT, &["scheduler.id"]).age())
        .levels(AlertSignal::SchedulerOffline),
    memory_usage("Scheduler memory usage").query("{{job}} {{instance}}", || {
        of_processes(&MEMORY_UTILIZATION, &schedules()).max_by(&["job", "instance"])
    }),
    cpu_usage("Scheduler CPU usage").query("{{job}} {{instance}}", || {
        of_processes(&CPU_UTILIZATION, &schedules()).max_by(&["job", "instance"])
    }),
];

/// Returns the processes that schedule.
fn schedules() -> InstantVector {
    gauge(&scheduler::ACTIVE_EXECUTIONS).now()
}

/// Returns the share of executions that succeeded in an hour, as alerts have it.
fn success_ratio(by: &[&str]) -> InstantVector {
    let [all, succeeded] = [executions(), successes()]
        .map(|executions| executions.with_dashboard_variables().now().sum_by(by));
    succeeded.div(&all.above(0_u32))
}
