//! Two sides of the same calls: services measure what they wait for, the server counts what it
//! does. Where they disagree, the network or a pool is in between.

use super::context::{
    DashboardContext, RATE, counter, gauge, greatest, histogram, increase, rate, ratio_or_zero,
    total,
};
use super::panel_spec::{
    PanelSpec, bar_gauge, bars, distribution, lines, percentiles, row, stacked, stat, table,
    traced_percentiles, with_limit_lines, with_outcome_colors,
};
use crate::generate::grafana::{
    Color, DashboardModel, DisplayUnit, FieldOverride, Panel, ThresholdSteps,
};
use crate::model::alerts::{AlertSignal, DashboardId};
use crate::model::catalog::database::{self, server};
use crate::model::catalog::process;
use crate::model::promql::{HistogramQuery, InstantVector, QueryWindow, Select as _};

const POOL: &str = "db.client.connection.pool.name";
const OPERATION: &str = "db.operation.name";
const TABLE: &str = "db.collection.name";
const DATABASE: &[&str] = &["db.namespace"];

/// The number of largest items shown.
const TOP: u32 = 15;

/// Returns the dashboard of calls as services measure them, and of the server's own statistics.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    context.dashboard(
        DashboardId::Database,
        "Database performance",
        "Database calls as the services see them, their pools, and PostgreSQL as it sees itself.",
        "1h",
        vec![
            row(context, "Overview", OVERVIEW),
            row(
                context,
                "Queries and transactions: rate, errors, duration",
                QUERIES,
            ),
            row(context, "Saturation: pools and connections", SATURATION),
            row(context, "Size and indexes, as sampled", SIZES),
            row(context, "Size and indexes, queried now", POSTGRES_TABLES),
        ],
    )
}

const OVERVIEW: &[PanelSpec] = &[
    stat("Database", DisplayUnit::Count)
        .shows("Whether the database answers; the worst of several.", "up.")
        .query("up", || greatest(&database::UP, &["db.system.name", "db.namespace"]).min_by(&[]))
        .with(|panel, _| {
            panel
                .alert_levels(ThresholdSteps::single(Color::Red).step(1.0, Color::Green))
                .value_mapping(0.0, "down", Color::Red)
                .value_mapping(1.0, "up", Color::Green)
        })
        .alert(AlertSignal::DatabaseUnreachable),
    stat("Fullest pool", DisplayUnit::Share)
        .shows("Connections in use as a share of those that the pool may open, of the fullest pool.", "Below the alert's level.")
        .query("in use", || pool_usage().max_by(&[]))
        .with(|panel, _| panel.decimals(1))
        .levels(AlertSignal::PoolUsage),
    stat("Slow queries", DisplayUnit::Share)
        .shows("The share of calls that took longer than a second in 10 minutes, which is what the alert looks at.", "0 %.")
        .query("slow", || {
            let minutes = QueryWindow::minutes(10);
            let slow = increase(&database::SLOW_QUERIES, minutes, &[]);
            ratio_or_zero(&slow, &calls().increase(minutes).sum_by(&[]))
        })
        .with(|panel, _| panel.decimals(2).no_value("no calls"))
        .levels(AlertSignal::SlowQueryShare),
    stat("Query duration, p95", DisplayUnit::Seconds)
        .shows("95 of 100 calls took at most this long.", "Milliseconds.")
        .query("p95", || calls().percentile(95, RATE, &[]))
        .with(|panel, _| panel.no_value("no calls"))
        .alert(AlertSignal::SlowQueryShare),
    stat("Growth in a day", DisplayUnit::Share)
        .shows("How much the database that grows fastest has grown in 24 hours, as a share of its size then.", "A few per cent.")
        .query("growth", || daily_growth().max_by(&[]))
        .with(|panel, _| panel.decimals(1).no_value("no day of history"))
        .levels(AlertSignal::DatabaseGrowth),
    stat("Least free disk space", DisplayUnit::Share)
        .shows("Free space of the fullest watched file system, as a share.", "Well above the level.")
        .query("free", || greatest(&process::DISK_UTILIZATION, &[]).complement())
        .with(|panel, _| panel.decimals(1))
        .levels(AlertSignal::DiskFree),
    stat("Database size", DisplayUnit::Bytes)
        .shows("Size of the databases on disk.", "As planned.")
        .query("size", || greatest(&server::SIZE, DATABASE).sum_by(&[]))
        .with(of_postgres)
        .alert(AlertSignal::DatabaseGrowth),
];

const QUERIES: &[PanelSpec] = &[
    stacked("Query rate", DisplayUnit::OperationsPerSecond)
        .shows("Database calls per second, by operation and table.", "In step with requests and jobs.")
        .query(BY_OPERATION, || calls().count(RATE).sum_by(&[OPERATION, TABLE]))
        .page("database-issues"),
    traced_percentiles("Query duration percentiles", calls)
        .shows("50, 90, 95 and 99 of 100 calls took at most this long, as the services see it. Points are traces: click one.", "p99 far below a second, from which on a call is slow.")
        .alert(AlertSignal::SlowQueryShare),
    bars("Failed queries", DisplayUnit::OperationsPerSecond)
        .shows("Calls per second that failed, by operation and error.", "None.")
        .query("{{db_operation_name}} {{error_type}}", || {
            let failed = calls().with("error.type").other_than("");
            failed.count(RATE).sum_by(&[OPERATION, "error.type"])
        })
        .with(|panel, _| panel.no_value("none"))
        .page("database-issues"),
    lines("Query duration p95 by operation", DisplayUnit::Seconds)
        .shows("95 of 100 calls took at most this long, by operation and table.", "No operation far from the others without a reason.")
        .query(BY_OPERATION, || calls().percentile(95, RATE, &[OPERATION, TABLE]))
        .alert(AlertSignal::SlowQueryShare),
    bars("Slow queries (> 1 s)", DisplayUnit::OperationsPerSecond)
        .shows("Calls per second that took longer than one second, by operation and table.", "None.")
        .query(BY_OPERATION, || rate(&database::SLOW_QUERIES, &[OPERATION, TABLE]))
        .with(|panel, _| panel.no_value("none"))
        .alert(AlertSignal::SlowQueryShare),
    distribution("Query duration distribution", calls)
        .shows("How many calls per second took how long.", "Bands below 100 ms.")
        .alert(AlertSignal::SlowQueryShare),
    stacked("Transaction rate", DisplayUnit::OperationsPerSecond)
        .shows("Transactions that ended per second, by outcome, as the services see them.", "Nearly all green.")
        .query("{{outcome}}", || rate(&database::TRANSACTIONS, &["outcome"]))
        .with(|panel, _| with_outcome_colors(panel))
        .page("database-issues"),
    lines("Transaction rate of all clients", DisplayUnit::OperationsPerSecond)
        .shows("Transactions per second of all clients of the database, and deadlocks, as the server counts them.", "No deadlocks; rolled back far below committed.")
        .query("{{outcome}} {{db_namespace}}", || {
            counter(&server::TRANSACTIONS).rate(RATE).max_by(&["db.namespace", "outcome"])
        })
        .query("deadlocks {{db_namespace}}", || {
            counter(&server::DEADLOCKS).increase(RATE).max_by(DATABASE)
        })
        .with(of_postgres)
        .page("database-issues"),
];

const SATURATION: &[PanelSpec] = &[
    lines("Connection pool utilization", DisplayUnit::Share)
        .shows(
            "Connections in use as a share of those that the pool may open.",
            "Below the line; at 100 % callers wait.",
        )
        .query("{{db_client_connection_pool_name}} {{instance}}", || {
            pool_usage()
        })
        .levels(AlertSignal::PoolUsage),
    lines("Connections by state", DisplayUnit::Count)
        .shows(
            "Open connections of all pools, by state, and those that they may open.",
            "Some are idle.",
        )
        .query(
            "{{db_client_connection_state}} {{db_client_connection_pool_name}}",
            || {
                total(
                    &database::CONNECTIONS,
                    &["db.client.connection.state", POOL],
                )
            },
        )
        .query("limit {{db_client_connection_pool_name}}", || {
            total(&database::CONNECTIONS_MAX, &[POOL])
        })
        .with(|panel, _| with_limit_lines(panel))
        .alert(AlertSignal::PoolUsage),
    percentiles("Time to get a connection", || {
        histogram(&database::WAIT_TIME)
    })
    .shows(
        "50, 90, 95 and 99 of 100 callers waited at most this long for a connection of a pool.",
        "Below a millisecond: a pool that is large enough.",
    )
    .alert(AlertSignal::PoolUsage),
    lines("Callers that wait for a connection", DisplayUnit::Count)
        .shows(
            "Callers that wait for a connection of a pool, and callers per second that gave up.",
            "0.",
        )
        .query("{{db_client_connection_pool_name}} {{instance}}", || {
            total(&database::PENDING_REQUESTS, &["job", "instance", POOL])
        })
        .query("gave up {{db_client_connection_pool_name}}", || {
            rate(&database::TIMEOUTS, &[POOL])
        })
        .with(|panel, _| {
            let gave_up = FieldOverride::by_regex("gave up.*");
            panel.with_override(gave_up.unit(DisplayUnit::PerSecond).color(Color::Red))
        })
        .alert(AlertSignal::PoolUsage),
    lines("Clients of the server", DisplayUnit::Count)
        .shows(
            "Clients of the whole server by state, and the maximum.",
            "Far from the limit, and hardly any idle in a transaction.",
        )
        .query("{{state}} {{db_namespace}}", || {
            greatest(&server::CONNECTIONS, &["db.namespace", "state"])
        })
        .query("limit {{db_namespace}}", || {
            greatest(&server::CONNECTIONS_MAX, DATABASE)
        })
        .with(|panel, context| with_limit_lines(of_postgres(panel, context)))
        .alert(AlertSignal::PoolUsage),
    stacked("Blocks read", DisplayUnit::OperationsPerSecond)
        .shows(
            "Blocks that the server reads per second, from its own cache or from the system.",
            "Nearly all from the cache.",
        )
        .query("{{source}} {{db_namespace}}", || {
            counter(&server::BLOCKS)
                .rate(RATE)
                .max_by(&["db.namespace", "source"])
        })
        .with(of_postgres)
        .page("database-issues"),
];

const SIZES: &[PanelSpec] = &[
    lines("Database size growth", DisplayUnit::Bytes)
        .shows(
            "Size of each database on disk.",
            "An even slope; a step is a load or a table that is no longer cleaned up.",
        )
        .query("{{db_namespace}}", || greatest(&server::SIZE, DATABASE))
        .with(of_postgres)
        .alert(AlertSignal::DatabaseGrowth),
    lines("Growth in a day", DisplayUnit::Share)
        .shows(
            "How much each database has grown in 24 hours, as a share of its size then.",
            "Below the line.",
        )
        .query("{{db_namespace}}", daily_growth)
        .with(|panel, _| panel.no_value("no day of history"))
        .levels(AlertSignal::DatabaseGrowth),
    bar_gauge("Largest tables", DisplayUnit::Bytes)
        .shows("Size on disk without indexes.", "No surprise.")
        .instant("{{db_collection_name}} {{db_namespace}}", || {
            greatest(&server::TABLE_SIZE, &["db.namespace", TABLE]).topk(TOP)
        })
        .with(of_postgres)
        .alert(AlertSignal::DatabaseGrowth),
    bar_gauge("Largest indexes", DisplayUnit::Bytes)
        .shows("Size on disk.", "No index larger than its table.")
        .instant("{{index}} {{db_namespace}}", || {
            greatest(&server::INDEX_SIZE, &["db.namespace", TABLE, "index"]).topk(TOP)
        })
        .with(of_postgres)
        .alert(AlertSignal::DatabaseGrowth),
    lines("Index usage", DisplayUnit::Share)
        .shows(
            "The share of scans of tables that went by an index.",
            "Near 100 %; small tables are read as a whole, rightly.",
        )
        .query("{{db_namespace}}", || {
            greatest(&server::INDEX_USAGE, DATABASE)
        })
        .with(|panel, context| of_postgres(panel, context).zero_to_one())
        .alert(AlertSignal::SlowQueryShare),
    stacked("Scans of tables", DisplayUnit::OperationsPerSecond)
        .shows(
            "Scans per second, by table and whether an index was used.",
            "Sequential ones of small tables only.",
        )
        .query("{{access}} {{db_collection_name}}", || {
            counter(&server::TABLE_SCANS)
                .rate(RATE)
                .max_by(&["db.namespace", TABLE, "access"])
                .sum_by(&["access", TABLE])
        })
        .with(of_postgres)
        .alert(AlertSignal::SlowQueryShare),
    lines("Scans by index", DisplayUnit::OperationsPerSecond)
        .shows(
            "Scans per second of each index.",
            "Each is used; one that never is costs writes for nothing.",
        )
        .query("{{index}}", || {
            counter(&server::INDEX_SCANS)
                .rate(RATE)
                .max_by(&["db.namespace", TABLE, "index"])
        })
        .with(of_postgres)
        .alert(AlertSignal::SlowQueryShare),
];

const POSTGRES_TABLES: &[PanelSpec] = &[
    table("Index usage statistics")
        .shows("Every index with its scans since the statistics began, from pg_stat_user_indexes; the least used first.", "Scans everywhere; an index that is not unique and never scanned may go.")
        .sql(|| INDEXES.into())
        .with(|panel, _| {
            with_units(panel, &[("size", DisplayUnit::Bytes), ("scans", DisplayUnit::Whole)])
        })
        .alert(AlertSignal::SlowQueryShare),
    table("Table statistics")
        .shows("The largest tables, from pg_stat_user_tables: size, rows, the share of scans by an index, and when they were vacuumed.", "Few dead rows.")
        .sql(|| TABLES.into())
        .with(|panel, _| {
            let units = [
                ("size", DisplayUnit::Bytes),
                ("indexes", DisplayUnit::Bytes),
                ("index_usage", DisplayUnit::Share),
            ];
            with_units(panel, &units)
        })
        .alert(AlertSignal::DatabaseGrowth),
    table("Databases of the server")
        .shows("Size of every database that this user may connect to, from pg_database.", "No surprise.")
        .sql(|| DATABASES.into())
        .with(|panel, _| with_units(panel, &[("size", DisplayUnit::Bytes)]))
        .alert(AlertSignal::DatabaseGrowth),
];

const BY_OPERATION: &str = "{{db_operation_name}} {{db_collection_name}}";

fn calls() -> HistogramQuery {
    histogram(&database::OPERATION_DURATION)
}

/// Returns connections in use over the pool's limit.
fn pool_usage() -> InstantVector {
    let used = gauge(&database::CONNECTIONS)
        .with("db.client.connection.state")
        .is("used");
    let max = gauge(&database::CONNECTIONS_MAX).now();
    used.now()
        .div_ignoring(&["db.client.connection.state"], &max)
}

/// Returns the growth within a day as a share of the size a day ago.
fn daily_growth() -> InstantVector {
    let size = gauge(&server::SIZE);
    let now = size.now().max_by(DATABASE);
    let then = size.offset(QueryWindow::hours(24)).max_by(DATABASE);
    now.div(&then).sub_number(1_u32)
}

fn of_postgres(panel: Panel, _: &DashboardContext<'_>) -> Panel {
    panel.no_value("no PostgreSQL is watched")
}

fn with_units(panel: Panel, columns: &[(&str, DisplayUnit)]) -> Panel {
    columns.iter().fold(panel, |panel, (column, unit)| {
        panel.with_override(FieldOverride::by_name(column).unit(*unit))
    })
}

const INDEXES: &str = "\
SELECT s.schemaname || '.' || s.relname AS \"table\",
       s.indexrelname AS \"index\",
       s.idx_scan AS scans,
       s.idx_tup_read AS rows_read,
       pg_relation_size(s.indexrelid) AS size,
       i.indisunique AS is_unique
FROM pg_stat_user_indexes s
JOIN pg_index i USING (indexrelid)
ORDER BY s.idx_scan, pg_relation_size(s.indexrelid) DESC
LIMIT 100";

const TABLES: &str = "\
SELECT schemaname || '.' || relname AS \"table\",
       pg_table_size(relid) AS size,
       pg_indexes_size(relid) AS indexes,
       n_live_tup AS live_rows,
       n_dead_tup AS dead_rows,
       CASE WHEN seq_scan + COALESCE(idx_scan, 0) > 0
            THEN COALESCE(idx_scan, 0)::float8 / (seq_scan + COALESCE(idx_scan, 0))
       END AS index_usage,
       COALESCE(last_autovacuum, last_vacuum) AS vacuumed
FROM pg_stat_user_tables
ORDER BY pg_total_relation_size(relid) DESC
LIMIT 100";

const DATABASES: &str = "\
SELECT datname AS \"database\", pg_database_size(oid) AS size
FROM pg_database
WHERE NOT datistemplate AND has_database_privilege(oid, 'CONNECT')
ORDER BY pg_database_size(oid) DESC";
