//! Alerts about schedules and their executions.

use std::time::Duration;

use super::{AlertSpec, Comparison, Dashboard, Levels, Quantity, Signal, Threshold};

/// Executions start late.
pub(super) const LAG: AlertSpec = AlertSpec {
    signal: Signal::ExecutionLag,
    name: "ExecutionLagHigh",
    comparison: Comparison::Above,
    quantity: Quantity::Time,
    levels: Levels::NONE.and_high(Threshold::seconds(300)),
    hold: Duration::from_secs(300),
    team: "platform",
    dashboard: Dashboard::Scheduler,
    summary: "Executions of {{ $labels.job }} start more than {threshold} late",
    critical_summary: None,
    description: "One execution in twenty of {{ $labels.job }} started more than {{ $value | humanizeDuration }} late in the last 15 minutes; the limit is {threshold}.",
    meaning: "What is planned for a certain time happens noticeably later.",
};

/// Executions fail.
pub(super) const SUCCESS: AlertSpec = AlertSpec {
    signal: Signal::SchedulerSuccessRatio,
    name: "SchedulerSuccessRatioLow",
    comparison: Comparison::Below,
    quantity: Quantity::Share,
    levels: Levels::NONE.and_high(Threshold::percent(90)),
    hold: Duration::from_secs(300),
    team: "platform",
    dashboard: Dashboard::Scheduler,
    summary: "Less than {threshold} of the executions of {{ $labels.job }} succeed",
    critical_summary: None,
    description: "{{ $value | humanizePercentage }} of the executions that {{ $labels.job }} ended in the last hour succeeded; it must be {threshold} at least.",
    meaning: "Planned work is not done, and nobody sees it by looking at requests.",
};

/// A scheduler no longer beats.
pub(super) const OFFLINE: AlertSpec = AlertSpec {
    signal: Signal::SchedulerOffline,
    name: "SchedulerOffline",
    comparison: Comparison::Above,
    quantity: Quantity::Time,
    levels: Levels::NONE.and_critical(Threshold::seconds(300)),
    hold: Duration::ZERO,
    team: "platform",
    dashboard: Dashboard::Scheduler,
    summary: "Scheduler {{ $labels.scheduler_id }} has not been heard of for more than {threshold}",
    critical_summary: None,
    description: "The last beat of scheduler {{ $labels.scheduler_id }} came {{ $value | humanizeDuration }} ago, and it did not say goodbye; after {threshold} it counts as offline.",
    meaning: "Nothing is scheduled any more unless another scheduler runs.",
};
