//! Alerts about jobs, queues and workers.

use std::time::Duration;

use super::{
    AlertLevels, AlertSignal, AlertSpec, AlertThreshold, DashboardId, ThresholdComparison,
    ThresholdQuantity,
};

/// A worker no longer beats.
pub(super) const OFFLINE: AlertSpec = AlertSpec {
    signal: AlertSignal::WorkerOffline,
    name: "WorkerOffline",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::NONE.with_critical(AlertThreshold::seconds(300)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Workers,
    summary: "Worker {{ $labels.worker_id }} has not been heard of for more than {threshold}",
    critical_summary: None,
    description: "The last beat of worker {{ $labels.worker_id }} came {{ $value | humanizeDuration }} ago, and it did not say goodbye; after {threshold} it counts as offline.",
    meaning: "The jobs that it ran are lost or late, and the others have to do its work.",
};

/// Workers no longer beat, where there are too many to name.
pub(super) const MANY_OFFLINE: AlertSpec = AlertSpec {
    signal: AlertSignal::WorkersOffline,
    name: "WorkersOffline",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Share,
    levels: AlertLevels::NONE.with_critical(AlertThreshold::percent(1)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Workers,
    summary: "More than {threshold} of the workers are offline",
    critical_summary: None,
    description: "{{ $value | humanizePercentage }} of more than 1000 workers are offline and did not say goodbye; at most {threshold} may be. There are too many to name each.",
    meaning: "The jobs that they ran are lost or late, and the others have to do their work.",
};

/// Too many jobs wait.
pub(super) const QUEUE_DEPTH: AlertSpec = AlertSpec {
    signal: AlertSignal::QueueDepth,
    name: "QueueDepthHigh",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Count,
    levels: AlertLevels::warning(AlertThreshold::Count(500)).with_high(AlertThreshold::Count(1000)),
    for_duration: Duration::from_secs(300),
    team: "platform",
    dashboard: DashboardId::Workers,
    summary: "More than {threshold} jobs wait in queue {{ $labels.queue }}",
    critical_summary: None,
    description: "{{ $value | humanize }} jobs wait in queue {{ $labels.queue }}; at most {threshold} should.",
    meaning: "Jobs come in faster than they are done, so that everything in this queue is late.",
};

/// Too many jobs fail.
pub(super) const FAILURES: AlertSpec = AlertSpec {
    signal: AlertSignal::JobFailureRatio,
    name: "JobFailureRatioHigh",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Share,
    levels: AlertLevels::warning(AlertThreshold::percent(10)),
    for_duration: Duration::from_secs(300),
    team: "platform",
    dashboard: DashboardId::Workers,
    summary: "More than {threshold} of the jobs of {{ $labels.job }} fail",
    critical_summary: None,
    description: "{{ $value | humanizePercentage }} of the jobs that {{ $labels.job }} ended in the last 15 minutes failed, panicked or were given up; at most {threshold} may.",
    meaning: "Work that people asked for is not done.",
};

/// A job waits for too long.
pub(super) const OLDEST: AlertSpec = AlertSpec {
    signal: AlertSignal::OldestJobAge,
    name: "OldestJobWaiting",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(300)),
    for_duration: Duration::from_secs(60),
    team: "platform",
    dashboard: DashboardId::Workers,
    summary: "A job in queue {{ $labels.queue }} has been due for more than {threshold}",
    critical_summary: None,
    description: "The oldest job in queue {{ $labels.queue }} has been due for {{ $value | humanizeDuration }}; none should wait longer than {threshold}.",
    meaning: "Something is published or delivered later than it was promised, even if the queue is short.",
};
