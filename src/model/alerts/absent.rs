//! Twins of what beats: silence is not health, and a series that vanished raises nothing by itself.

use std::time::Duration;

use super::{AlertSpec, Comparison, Dashboard, Levels, Quantity, Signal, Threshold};

/// A service is gone.
pub(super) const SERVICE: AlertSpec = AlertSpec {
    signal: Signal::ServiceAbsent,
    name: "ServiceAbsent",
    comparison: Comparison::Lasts,
    quantity: Quantity::Time,
    levels: Levels::warning(Threshold::seconds(600)),
    hold: Duration::ZERO,
    team: "platform",
    dashboard: Dashboard::Api,
    summary: "No instance of {{ $labels.job }} is scraped any more",
    critical_summary: None,
    description: "{{ $labels.job }} was scraped within the last day, and for {threshold} no instance of it has been. Alerts about it are silent meanwhile.",
    meaning: "The service is down, or Prometheus no longer finds it: nothing can be said of it.",
};

/// No worker beats.
pub(super) const WORKERS: AlertSpec = AlertSpec {
    signal: Signal::WorkersAbsent,
    name: "WorkersAbsent",
    comparison: Comparison::Lasts,
    quantity: Quantity::Time,
    levels: Levels::warning(Threshold::seconds(600)),
    hold: Duration::ZERO,
    team: "platform",
    dashboard: Dashboard::Workers,
    summary: "No worker beats",
    critical_summary: None,
    description: "For {threshold} nobody has reported a beat of any worker. Alerts about single workers are silent meanwhile.",
    meaning: "No job is done, or nobody would notice.",
};

/// No scheduler beats.
pub(super) const SCHEDULERS: AlertSpec = AlertSpec {
    signal: Signal::SchedulersAbsent,
    name: "SchedulersAbsent",
    comparison: Comparison::Lasts,
    quantity: Quantity::Time,
    levels: Levels::warning(Threshold::seconds(600)),
    hold: Duration::ZERO,
    team: "platform",
    dashboard: Dashboard::Scheduler,
    summary: "No scheduler beats",
    critical_summary: None,
    description: "For {threshold} nobody has reported a beat of any scheduler. Alerts about single schedulers are silent meanwhile.",
    meaning: "Nothing is scheduled, or nobody would notice.",
};

/// Nobody watches the database.
pub(super) const DATABASE: AlertSpec = AlertSpec {
    signal: Signal::DatabaseAbsent,
    name: "DatabaseAbsent",
    comparison: Comparison::Lasts,
    quantity: Quantity::Time,
    levels: Levels::warning(Threshold::seconds(600)),
    hold: Duration::ZERO,
    team: "platform",
    dashboard: Dashboard::Database,
    summary: "{{ $labels.job }} no longer says whether database {{ $labels.db_namespace }} answers",
    critical_summary: None,
    description: "{{ $labels.job }} said within the last day whether database {{ $labels.db_namespace }} answers, and has not for {threshold}. Alerts about it are silent meanwhile.",
    meaning: "Whether data can be read and written is not known.",
};

/// Nobody watches the queues.
pub(super) const QUEUES: AlertSpec = AlertSpec {
    signal: Signal::QueuesAbsent,
    name: "QueuesAbsent",
    comparison: Comparison::Lasts,
    quantity: Quantity::Time,
    levels: Levels::warning(Threshold::seconds(600)),
    hold: Duration::ZERO,
    team: "platform",
    dashboard: Dashboard::Workers,
    summary: "Nobody says any more how many jobs wait in queue {{ $labels.queue }}",
    critical_summary: None,
    description: "The depth of queue {{ $labels.queue }} was reported within the last day, and has not been for {threshold}. Alerts about it are silent meanwhile.",
    meaning: "Jobs may pile up without anybody noticing.",
};

/// Events of an objective are no longer counted.
pub(super) const OBJECTIVES: AlertSpec = AlertSpec {
    signal: Signal::ObjectivesAbsent,
    name: "ObjectivesAbsent",
    comparison: Comparison::Lasts,
    quantity: Quantity::Time,
    levels: Levels::warning(Threshold::seconds(600)),
    hold: Duration::ZERO,
    team: "platform",
    dashboard: Dashboard::Slo,
    summary: "Events of {{ $labels.objective }} are no longer counted",
    critical_summary: None,
    description: "Events of {{ $labels.objective }} were counted within the last day, and have not been for {threshold}. Its error budget does not burn visibly meanwhile.",
    meaning: "Whether what was promised is kept is not known.",
};
