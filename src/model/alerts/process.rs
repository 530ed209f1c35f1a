//! Alerts about the process and its machine.

use std::time::Duration;

use super::{
    AlertLevels, AlertSignal, AlertSpec, AlertThreshold, DashboardId, ThresholdComparison,
    ThresholdQuantity,
};

/// Memory runs out.
pub(super) const MEMORY: AlertSpec = AlertSpec {
    signal: AlertSignal::MemoryUsage,
    name: "MemoryUsageHigh",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Share,
    levels: AlertLevels::warning(AlertThreshold::percent(80))
        .with_critical(AlertThreshold::percent(90)),
    for_duration: Duration::from_secs(300),
    team: "platform",
    dashboard: DashboardId::Api,
    summary: "{{ $labels.job }} on {{ $labels.instance }} uses more than {threshold} of its memory limit",
    critical_summary: None,
    description: "{{ $labels.instance }} of {{ $labels.job }} uses {{ $value | humanizePercentage }} of the memory that it may use; the limit of this alert is {threshold}.",
    meaning: "At 100% the kernel kills the process in the middle of what it does.",
};

/// Processors are busy.
pub(super) const CPU: AlertSpec = AlertSpec {
    signal: AlertSignal::CpuUsage,
    name: "CpuUsageHigh",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Share,
    levels: AlertLevels::warning(AlertThreshold::percent(80)),
    for_duration: Duration::from_secs(300),
    team: "platform",
    dashboard: DashboardId::Api,
    summary: "{{ $labels.job }} on {{ $labels.instance }} uses more than {threshold} of its processors",
    critical_summary: None,
    description: "{{ $labels.instance }} of {{ $labels.job }} used {{ $value | humanizePercentage }} of the processor time that it may use in the last 10 minutes; the limit of this alert is {threshold}.",
    meaning: "There is no room for a peak: requests and jobs begin to wait for a processor.",
};

/// A disk is nearly full.
pub(super) const DISK_FREE: AlertSpec = AlertSpec {
    signal: AlertSignal::DiskFree,
    name: "DiskSpaceLow",
    comparison: ThresholdComparison::Below,
    quantity: ThresholdQuantity::Share,
    levels: AlertLevels::NONE.with_critical(AlertThreshold::percent(10)),
    for_duration: Duration::from_secs(300),
    team: "platform",
    dashboard: DashboardId::Database,
    summary: "Less than {threshold} of {{ $labels.system_filesystem_mountpoint }} on {{ $labels.instance }} is free",
    critical_summary: None,
    description: "{{ $value | humanizePercentage }} of {{ $labels.system_filesystem_mountpoint }} on {{ $labels.instance }} ({{ $labels.job }}) is free; it must be {threshold} at least.",
    meaning: "When it is full nothing more can be written: stores, logs and the database stop.",
};

/// A disk will be full soon.
pub(super) const DISK_FULL_IN: AlertSpec = AlertSpec {
    signal: AlertSignal::DiskFullIn,
    name: "DiskFullSoon",
    comparison: ThresholdComparison::Below,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(604800)),
    for_duration: Duration::from_secs(3600),
    team: "platform",
    dashboard: DashboardId::Database,
    summary: "{{ $labels.system_filesystem_mountpoint }} on {{ $labels.instance }} is full in less than {threshold} at this pace",
    critical_summary: None,
    description: "{{ $labels.system_filesystem_mountpoint }} on {{ $labels.instance }} ({{ $labels.job }}) is full in {{ $value | humanizeDuration }} if it goes on filling as in the last 6 hours; the limit is {threshold}.",
    meaning: "There is time to make room before anything breaks, but not much.",
};
