//! Alerts about absent series: silence is not health, and a series that vanished raises nothing by itself.

use std::time::Duration;

use super::{
    AlertLevels, AlertSignal, AlertSpec, AlertThreshold, DashboardId, ThresholdComparison,
    ThresholdQuantity,
};

/// A service is gone.
pub(super) const SERVICE: AlertSpec = AlertSpec {
    signal: AlertSignal::ServiceAbsent,
    name: "ServiceAbsent",
    comparison: ThresholdComparison::Sustained,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(600)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Api,
    summary: "No instance of {{ $labels.job }} is scraped any more",
    critical_summary: None,
    description: "{{ $labels.job }} was scraped within the last day, and for {threshold} no instance of it has been. Alerts about it are silent meanwhile.",
    meaning: "The service is down, or Prometheus no longer finds it: nothing can be said of it.",
};

/// No worker beats.
pub(super) const WORKERS: AlertSpec = AlertSpec {
    signal: AlertSignal::WorkersAbsent,
    name: "WorkersAbsent",
    comparison: ThresholdComparison::Sustained,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(600)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Workers,
    summary: "No worker beats",
    critical_summary: None,
    description: "For {threshold} nobody has reported a beat of any worker. Alerts about single workers are silent meanwhile.",
    meaning: "No job is done, or nobody would notice.",
};

/// No scheduler beats.
pub(super) const SCHEDULERS: AlertSpec = AlertSpec {
    signal: AlertSignal::SchedulersAbsent,
    name: "SchedulersAbsent",
    comparison: ThresholdComparison::Sustained,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(600)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Scheduler,
    summary: "No scheduler beats",
    critical_summary: None,
    description: "For {threshold} nobody has reported a beat of any scheduler. Alerts about single schedulers are silent meanwhile.",
    meaning: "Nothing is scheduled, or nobody would notice.",
};

/// Nobody watches the database.
pub(super) const DATABASE: AlertSpec = AlertSpec {
    signal: AlertSignal::DatabaseAbsent,
    name: "DatabaseAbsent",
    comparison: ThresholdComparison::Sustained,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(600)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Database,
    summary: "{{ $labels.job }} no longer says whether database {{ $labels.db_namespace }} answers",
    critical_summary: None,
    description: "{{ $labels.job }} said within the last day whether database {{ $labels.db_namespace }} answers, and has not for {threshold}. Alerts about it are silent meanwhile.",
    meaning: "Whether data can be read and written is not known.",
};

/// Nobody watches the queues.
pub(super) const QUEUES: AlertSpec = AlertSpec {
    signal: AlertSignal::QueuesAbsent,
    name: "QueuesAbsent",
    comparison: ThresholdComparison::Sustained,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(600)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Workers,
    summary: "Nobody says any more how many jobs wait in queue {{ $labels.queue }}",
    critical_summary: None,
    description: "The depth of queue {{ $labels.queue }} was reported within the last day, and has not been for {threshold}. Alerts about it are silent meanwhile.",
    meaning: "Jobs may pile up without anybody noticing.",
};

/// Events of an objective are no longer counted.
pub(super) const OBJECTIVES: AlertSpec = AlertSpec {
    signal: AlertSignal::ObjectivesAbsent,
    name: "ObjectivesAbsent",
    comparison: ThresholdComparison::Sustained,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(600)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Slo,
    summary: "Events of {{ $labels.objective }} are no longer counted",
    critical_summary: None,
    description: "Events of {{ $labels.objective }} were counted within the last day, and have not been for {threshold}. Its error budget does not burn visibly meanwhile.",
    meaning: "Whether what was promised is kept is not known.",
};
