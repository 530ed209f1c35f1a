//! Alerts about the database.

use std::time::Duration;

use super::{
    AlertLevels, AlertSignal, AlertSpec, AlertThreshold, DashboardId, ThresholdComparison,
    ThresholdQuantity,
};

/// Connections run out.
pub(super) const POOL: AlertSpec = AlertSpec {
    signal: AlertSignal::PoolUsage,
    name: "PoolUsageHigh",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Share,
    levels: AlertLevels::warning(AlertThreshold::percent(80)),
    for_duration: Duration::from_secs(300),
    team: "platform",
    dashboard: DashboardId::Database,
    summary: "Pool {{ $labels.db_client_connection_pool_name }} of {{ $labels.job }} on {{ $labels.instance }} is used to more than {threshold}",
    critical_summary: None,
    description: "{{ $value | humanizePercentage }} of the connections of pool {{ $labels.db_client_connection_pool_name }} of {{ $labels.job }} on {{ $labels.instance }} are in use; the limit of this alert is {threshold}.",
    meaning: "At 100% every further request waits for a connection, and some time out.",
};

/// Too many calls are slow.
pub(super) const SLOW_QUERIES: AlertSpec = AlertSpec {
    signal: AlertSignal::SlowQueryShare,
    name: "SlowQueryShareHigh",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Share,
    levels: AlertLevels::warning(AlertThreshold::percent(1)),
    for_duration: Duration::from_secs(300),
    team: "platform",
    dashboard: DashboardId::Database,
    summary: "More than {threshold} of the database calls of {{ $labels.job }} take longer than a second",
    critical_summary: None,
    description: "{{ $value | humanizePercentage }} of the database calls of {{ $labels.job }} took longer than a second in the last 10 minutes; at most {threshold} may.",
    meaning: "Requests and jobs wait for the database, and hold its connections meanwhile.",
};

/// The database grows too fast.
pub(super) const GROWTH: AlertSpec = AlertSpec {
    signal: AlertSignal::DatabaseGrowth,
    name: "DatabaseGrowthHigh",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Multiple,
    levels: AlertLevels::warning(AlertThreshold::percent(20)),
    for_duration: Duration::from_secs(900),
    team: "platform",
    dashboard: DashboardId::Database,
    summary: "Database {{ $labels.db_namespace }} has grown by more than {threshold} in a day",
    critical_summary: None,
    description: "Database {{ $labels.db_namespace }} has grown by {{ $value | humanizePercentage }} in the last 24 hours; up to {threshold} is usual.",
    meaning: "Something writes more than it should, or no longer cleans up; queries and backups get slower, and the disk fills.",
};

/// The database does not answer.
pub(super) const UNREACHABLE: AlertSpec = AlertSpec {
    signal: AlertSignal::DatabaseUnreachable,
    name: "DatabaseUnreachable",
    comparison: ThresholdComparison::Sustained,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::NONE.with_critical(AlertThreshold::seconds(60)),
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Database,
    summary: "{{ $labels.job }} cannot reach database {{ $labels.db_namespace }}",
    critical_summary: None,
    description: "No instance of {{ $labels.job }} has had an answer of database {{ $labels.db_namespace }} ({{ $labels.db_system_name }}) for {threshold}.",
    meaning: "Whatever reads or writes data fails.",
};
