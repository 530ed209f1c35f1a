//! Alerts about telemetry itself.

use std::time::Duration;

use super::{
    AlertLevels, AlertSignal, AlertSpec, AlertThreshold, DashboardId, ThresholdComparison,
    ThresholdQuantity,
};

/// An instance does not answer its scrape.
pub(super) const TARGET_DOWN: AlertSpec = AlertSpec {
    signal: AlertSignal::TargetDown,
    name: "TargetDown",
    comparison: ThresholdComparison::Sustained,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(300)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Api,
    summary: "{{ $labels.instance }} of {{ $labels.job }} is not scraped",
    critical_summary: None,
    description: "Prometheus has not been able to scrape {{ $labels.instance }} of {{ $labels.job }} for {threshold}.",
    meaning: "The instance is down or cut off; what it does is not known.",
};

/// An instance is not ready.
pub(super) const NOT_READY: AlertSpec = AlertSpec {
    signal: AlertSignal::NotReady,
    name: "InstanceNotReady",
    comparison: ThresholdComparison::Sustained,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(600)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Api,
    summary: "{{ $labels.instance }} of {{ $labels.job }} is not ready",
    critical_summary: None,
    description: "{{ $labels.instance }} of {{ $labels.job }} has not been ready for {threshold}: load balancers send it nothing.",
    meaning: "The others carry its share of the load.",
};

/// Telemetry is not taken.
pub(super) const EXPORT: AlertSpec = AlertSpec {
    signal: AlertSignal::ExportFailures,
    name: "TelemetryExportFailing",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Share,
    levels: AlertLevels::warning(AlertThreshold::percent(10)),
    for_duration: Duration::from_secs(600),
    team: "platform",
    dashboard: DashboardId::Api,
    summary: "More than {threshold} of the {{ $labels.telemetry }} of {{ $labels.job }} are lost",
    critical_summary: None,
    description: "{{ $value | humanizePercentage }} of the {{ $labels.telemetry }} that {{ $labels.job }} had to push in the last 15 minutes were dropped or not taken; at most {threshold} may be.",
    meaning: "Traces and logs of the next incident will be missing.",
};

/// Scrapes are incomplete.
pub(super) const SCRAPE: AlertSpec = AlertSpec {
    signal: AlertSignal::ScrapeIncomplete,
    name: "ScrapeIncomplete",
    comparison: ThresholdComparison::Sustained,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(300)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Api,
    summary: "Scrapes of {{ $labels.instance }} of {{ $labels.job }} leave something out",
    critical_summary: None,
    description: "Scrapes of {{ $labels.instance }} of {{ $labels.job }} have been incomplete for {threshold}: {{ $value | humanize }} parts were left out in the last 5 minutes.",
    meaning: "Panels and alerts that need the missing series say nothing.",
};

/// An instrument is full.
pub(super) const OVERFLOW: AlertSpec = AlertSpec {
    signal: AlertSignal::SeriesOverflow,
    name: "SeriesOverflow",
    comparison: ThresholdComparison::Sustained,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(900)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Api,
    summary: "Instrument {{ $labels.instrument }} of {{ $labels.job }} has too many series",
    critical_summary: None,
    description: "Instrument {{ $labels.instrument }} of {{ $labels.job }} has held as many series as it may for {threshold}: {{ $value | humanize }} measurements in the last 15 minutes lost their labels.",
    meaning: "Sums stay right, but the newest routes, kinds or tables are not told apart.",
};

/// What must last is not durable.
pub(super) const STORE: AlertSpec = AlertSpec {
    signal: AlertSignal::StoreDelay,
    name: "StoreDelayed",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(60)),
    for_duration: Duration::from_secs(120),
    team: "platform",
    dashboard: DashboardId::Database,
    summary: "{{ $labels.instance }} of {{ $labels.job }} has not stored anything for more than {threshold}",
    critical_summary: None,
    description: "The oldest change of {{ $labels.instance }} of {{ $labels.job }} has waited {{ $value | humanizeDuration }} to be made durable; the limit is {threshold}.",
    meaning: "Beats, incidents and slices of this time are lost if the process ends now.",
};

/// Alerting works.
pub(super) const WATCHDOG: AlertSpec = AlertSpec {
    signal: AlertSignal::Watchdog,
    name: "Watchdog",
    comparison: ThresholdComparison::Sustained,
    quantity: ThresholdQuantity::None,
    levels: AlertLevels::NONE,
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Slo,
    summary: "Alerting works",
    critical_summary: None,
    description: "This alert always fires. Let something outside page when it stops arriving.",
    meaning: "While it arrives, Prometheus evaluates rules and Alertmanager delivers.",
};
