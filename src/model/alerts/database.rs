//! Alerts about the database.

use std::time::Duration;

use super::{AlertSpec, Comparison, Dashboard, Levels, Quantity, Signal, Threshold};

/// Connections run out.
pub(super) const POOL: AlertSpec = AlertSpec {
    signal: Signal::PoolUsage,
    name: "PoolUsageHigh",
    comparison: Comparison::Above,
    quantity: Quantity::Share,
    levels: Levels::warning(Threshold::percent(80)),
    hold: Duration::from_secs(300),
    team: "platform",
    dashboard: Dashboard::Database,
    summary: "Pool {{ $labels.db_client_connection_pool_name }} of {{ $labels.job }} on {{ $labels.instance }} is used to more than {threshold}",
    critical_summary: None,
    description: "{{ $value | humanizePercentage }} of the connections of pool {{ $labels.db_client_connection_pool_name }} of {{ $labels.job }} on {{ $labels.instance }} are in use; the limit of this alert is {threshold}.",
    meaning: "At 100% every further request waits for a connection, and some time out.",
};

/// Too many calls are slow.
pub(super) const SLOW_QUERIES: AlertSpec = AlertSpec {
    signal: Signal::SlowQueryShare,
    name: "SlowQueryShareHigh",
    comparison: Comparison::Above,
    quantity: Quantity::Share,
    levels: Levels::warning(Threshold::percent(1)),
    hold: Duration::from_secs(300),
    team: "platform",
    dashboard: Dashboard::Database,
    summary: "More than {threshold} of the database calls of {{ $labels.job }} take longer than a second",
    critical_summary: None,
    description: "{{ $value | humanizePercentage }} of the database calls of {{ $labels.job }} took longer than a second in the last 10 minutes; at most {threshold} may.",
    meaning: "Requests and jobs wait for the database, and hold its connections meanwhile.",
};

/// The database grows too fast.
pub(super) const GROWTH: AlertSpec = AlertSpec {
    signal: Signal::DatabaseGrowth,
    name: "DatabaseGrowthHigh",
    comparison: Comparison::Above,
    quantity: Quantity::Multiple,
    levels: Levels::warning(Threshold::percent(20)),
    hold: Duration::from_secs(900),
    team: "platform",
    dashboard: Dashboard::Database,
    summary: "Database {{ $labels.db_namespace }} has grown by more than {threshold} in a day",
    critical_summary: None,
    description: "Database {{ $labels.db_namespace }} has grown by {{ $value | humanizePercentage }} in the last 24 hours; up to {threshold} is usual.",
    meaning: "Something writes more than it should, or no longer cleans up; queries and backups get slower, and the disk fills.",
};

/// The database does not answer.
pub(super) const UNREACHABLE: AlertSpec = AlertSpec {
    signal: Signal::DatabaseUnreachable,
    name: "DatabaseUnreachable",
    comparison: Comparison::Lasts,
    quantity: Quantity::Time,
    levels: Levels::NONE.and_critical(Threshold::seconds(60)),
    hold: Duration::ZERO,
    team: "platform",
    dashboard: Dashboard::Database,
    summary: "{{ $labels.job }} cannot reach database {{ $labels.db_namespace }}",
    critical_summary: None,
    description: "No instance of {{ $labels.job }} has had an answer of database {{ $labels.db_namespace }} ({{ $labels.db_system_name }}) for {threshold}.",
    meaning: "Whatever reads or writes data fails.",
};
