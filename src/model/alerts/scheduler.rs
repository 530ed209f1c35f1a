//! Alerts about schedules and their executions.

use std::time::Duration;

use super::{
    AlertLevels, AlertSignal, AlertSpec, AlertThreshold, DashboardId, ThresholdComparison,
    ThresholdQuantity,
};

/// Executions start late.
pub(super) const LAG: AlertSpec = AlertSpec {
    signal: AlertSignal::ExecutionLag,
    name: "ExecutionLagHigh",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::NONE.with_high(AlertThreshold::seconds(300)),
    for_duration: Duration::from_secs(300),
    team: "platform",
    dashboard: DashboardId::Scheduler,
    summary: "Executions of {{ $labels.job }} start more than {threshold} late",
    critical_summary: None,
    description: "One execution in twenty of {{ $labels.job }} started more than {{ $value | humanizeDuration }} late in the last 15 minutes; the limit is {threshold}.",
    meaning: "What is planned for a certain time happens noticeably later.",
};

/// Executions fail.
pub(super) const SUCCESS: AlertSpec = AlertSpec {
    signal: AlertSignal::SchedulerSuccessRatio,
    name: "SchedulerSuccessRatioLow",
    comparison: ThresholdComparison::Below,
    quantity: ThresholdQuantity::Share,
    levels: AlertLevels::NONE.with_high(AlertThreshold::percent(90)),
    for_duration: Duration::from_secs(300),
    team: "platform",
    dashboard: DashboardId::Scheduler,
    summary: "Less than {threshold} of the executions of {{ $labels.job }} succeed",
    critical_summary: None,
    description: "{{ $value | humanizePercentage }} of the executions that {{ $labels.job }} ended in the last hour succeeded; it must be {threshold} at least.",
    meaning: "Planned work is not done, and nobody sees it by looking at requests.",
};

/// A scheduler no longer beats.
pub(super) const OFFLINE: AlertSpec = AlertSpec {
    signal: AlertSignal::SchedulerOffline,
    name: "SchedulerOffline",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::NONE.with_critical(AlertThreshold::seconds(300)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Scheduler,
    summary: "Scheduler {{ $labels.scheduler_id }} has not been heard of for more than {threshold}",
    critical_summary: None,
    description: "The last beat of scheduler {{ $labels.scheduler_id }} came {{ $value | humanizeDuration }} ago, and it did not say goodbye; after {threshold} it counts as offline.",
    meaning: "Nothing is scheduled any more unless another scheduler runs.",
};
