use super::context::{
    DashboardContext, RATE, counter, distribution_panel, gauge, histogram, over_time, percent,
    percentiles_panel, ratio_or_zero, traced_percentiles_panel, with_outcome_colors,
};
use crate::generate::grafana::{
    Color, DashboardModel, DashboardRow, DisplayUnit, FieldOverride, Panel, PanelQuery,
    ThresholdSteps, Visualization,
};
use crate::model::alerts::{self, AlertSignal};
use crate::model::catalog::database::{self, server};
use crate::model::catalog::process;
use crate::model::promql::{InstantVector, QueryWindow, Select as _};

const POOL: &str = "db.client.connection.pool.name";
const OPERATION: &str = "db.operation.name";
const TABLE: &str = "db.collection.name";

/// The number of largest items shown.
const TOP: u32 = 15;

/// Returns the dashboard of calls as services measure them, and of the server's own statistics.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    DashboardModel {
        uid: alerts::DashboardId::Database.uid(),
        title: "Database performance",
        description: "Database calls as the services see them, their pools, and PostgreSQL as it sees itself.",
        since: "1h",
        variables: context.variables(),
        annotations: context.annotations(),
        rows: vec![
            DashboardRow::new("Overview", overview(context)),
            DashboardRow::new(
                "Queries and transactions: rate, errors, duration",
                queries(context),
            ),
            DashboardRow::new("Saturation: pools and connections", saturation(context)),
            DashboardRow::new("Size and indexes, as sampled", sizes(context)),
            DashboardRow::new("Size and indexes, asked now", postgres_tables(context)),
        ],
    }
}

/// Returns connections in use over the pool's limit.
fn pool_usage() -> InstantVector {
    let by = ["job", "instance", POOL];
    let used = gauge(&database::CONNECTIONS)
        .with("db.client.connection.state")
        .is("used");
    let used = used.now().sum_by(&by);
    used.div(&gauge(&database::CONNECTIONS_MAX).now().sum_by(&by))
}

fn call_rate(labels: &[&str]) -> InstantVector {
    histogram(&database::OPERATION_DURATION)
        .count(RATE)
        .sum_by(labels)
}

/// Returns the growth within a day as a share of the size a day ago.
fn daily_growth() -> InstantVector {
    let by = ["db.namespace"];
    let size = gauge(&server::SIZE);
    let now = size.now().max_by(&by);
    let then = size.offset(QueryWindow::hours(24)).max_by(&by);
    now.sub(&then).div(&then)
}

fn overview(context: &DashboardContext<'_>) -> Vec<Panel> {
    let up = gauge(&database::UP)
        .now()
        .max_by(&["db.system.name", "db.namespace"])
        .min_by(&[]);
    let minutes = QueryWindow::minutes(10);
    let slow = ratio_or_zero(
        &counter(&database::SLOW_QUERIES)
            .increase(minutes)
            .sum_by(&[]),
        &histogram(&database::OPERATION_DURATION)
            .increase(minutes)
            .sum_by(&[]),
    );
    let p95 = histogram(&database::OPERATION_DURATION).quantile(percent(95), RATE, &[]);
    let size = gauge(&server::SIZE)
        .now()
        .max_by(&["db.namespace"])
        .sum_by(&[]);
    let free = gauge(&process::DISK_UTILIZATION)
        .now()
        .max_by(&[])
        .complement();
    let stat = |title, shows, good, unit| {
        Panel::new(Visualization::Stat, title)
            .describe(shows, good)
            .unit(unit)
    };
    vec![
        context.with_alert_runbook(
            stat("Database", "Whether the database answers; of several the worst.", "up.", DisplayUnit::Count)
                .alert_levels(ThresholdSteps::single(Color::Red).step(1.0, Color::Green))
                .value_mapping(0.0, "down", Color::Red)
                .value_mapping(1.0, "up", Color::Green)
                .query(over_time(&up).legend("up")),
            AlertSignal::DatabaseUnreachable,
        ),
        context.with_alert_levels(
            stat("Fullest pool", "Connections in use as a share of those that the pool may open, of the fullest pool.", "Below the alert's level.", DisplayUnit::Share)
                .decimals(1)
                .query(over_time(&pool_usage().max_by(&[])).legend("in use")),
            AlertSignal::PoolUsage,
        ),
        context.with_alert_levels(
            stat("Slow queries", "The share of calls that took longer than a second in 10 minutes, which is what the alert looks at.", "0 %.", DisplayUnit::Share)
                .decimals(2)
                .no_value("no calls")
                .query(over_time(&slow).legend("slow")),
            AlertSignal::SlowQueryShare,
        ),
        context.with_alert_runbook(
            stat("Query duration, p95", "95 of 100 calls took at most so long.", "Milliseconds.", DisplayUnit::Seconds)
                .no_value("no calls")
                .query(over_time(&p95).legend("p95")),
            AlertSignal::SlowQueryShare,
        ),
        context.with_alert_levels(
            stat("Growth in a day", "How much the database that grows fastest has grown in 24 hours, as a share of its size then.", "A few per cent.", DisplayUnit::Share)
                .decimals(1)
                .no_value("no day of history")
                .query(over_time(&daily_growth().max_by(&[])).legend("growth")),
            AlertSignal::DatabaseGrowth,
        ),
        context.with_alert_levels(
            stat("Least free disk space", "What is free of the fullest file system that a service watches, as a share.", "Well above the level.", DisplayUnit::Share)
                .decimals(1)
                .query(over_time(&free).legend("free")),
            AlertSignal::DiskFree,
        ),
        context.with_alert_runbook(
            stat("Database size", "Size of the databases on disk.", "As planned.", DisplayUnit::Bytes)
                .no_value("no PostgreSQL is watched")
                .query(over_time(&size).legend("size")),
            AlertSignal::DatabaseGrowth,
        ),
    ]
}

fn queries(context: &DashboardContext<'_>) -> Vec<Panel> {
    let duration = histogram(&database::OPERATION_DURATION);
    let failed = histogram(&database::OPERATION_DURATION)
        .with("error.type")
        .is_not("");
    let failed = failed.count(RATE).sum_by(&[OPERATION, "error.type"]);
    let slow = counter(&database::SLOW_QUERIES)
        .rate(RATE)
        .sum_by(&[OPERATION, TABLE]);
    let by_operation = duration.quantile(percent(95), RATE, &[OPERATION, TABLE]);
    let ended = counter(&database::TRANSACTIONS)
        .rate(RATE)
        .sum_by(&["outcome"]);
    let server = counter(&server::TRANSACTIONS).rate(RATE);
    let server = server.max_by(&["db.namespace", "outcome"]);
    let dead = counter(&server::DEADLOCKS)
        .increase(RATE)
        .max_by(&["db.namespace"]);
    vec![
        context.with_runbook(
            Panel::new(Visualization::Stacked, "Query rate")
                .describe("Database calls a second, by operation and table.", "In step with requests and jobs.")
                .unit(DisplayUnit::OperationsPerSecond)
                .query(over_time(&call_rate(&[OPERATION, TABLE])).legend("{{db_operation_name}} {{db_collection_name}}")),
            "database-issues",
        ),
        context.with_alert_runbook(
            traced_percentiles_panel("Query duration percentiles", &duration)
                .describe("50, 90, 95 and 99 of 100 calls took at most so long, as the services see it. Points are traces: click one.", "p99 far below a second, from which on a call is slow."),
            AlertSignal::SlowQueryShare,
        ),
        context.with_runbook(
            Panel::new(Visualization::Bars, "Failed queries")
                .describe("Calls a second that failed, by operation and error.", "None.")
                .unit(DisplayUnit::OperationsPerSecond)
                .no_value("none")
                .query(over_time(&failed).legend("{{db_operation_name}} {{error_type}}")),
            "database-issues",
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Lines, "Query duration p95 by operation")
                .describe("95 of 100 calls took at most so long, by operation and table.", "No operation far from the others without a reason.")
                .unit(DisplayUnit::Seconds)
                .query(over_time(&by_operation).legend("{{db_operation_name}} {{db_collection_name}}")),
            AlertSignal::SlowQueryShare,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Bars, "Slow queries (> 1 s)")
                .describe("Calls a second that took longer than one second, by operation and table.", "None.")
                .unit(DisplayUnit::OperationsPerSecond)
                .no_value("none")
                .query(over_time(&slow).legend("{{db_operation_name}} {{db_collection_name}}")),
            AlertSignal::SlowQueryShare,
        ),
        context.with_alert_runbook(
            distribution_panel("Query duration distribution", &duration)
                .describe("How many calls a second took how long.", "Bands below 100 ms."),
            AlertSignal::SlowQueryShare,
        ),
        context.with_runbook(
            with_outcome_colors(Panel::new(Visualization::Stacked, "Transaction rate"))
                .describe("Transactions that ended a second, by outcome, as the services see them.", "Green, but for a few.")
                .unit(DisplayUnit::OperationsPerSecond)
                .query(over_time(&ended).legend("{{outcome}}")),
            "database-issues",
        ),
        context.with_runbook(
            Panel::new(Visualization::Lines, "Transaction rate of all clients")
                .describe("Transactions a second of all clients of the database, and deadlocks, as the server counts them.", "No deadlocks; rolled back far below committed.")
                .unit(DisplayUnit::OperationsPerSecond)
                .no_value("no PostgreSQL is watched")
                .query(over_time(&server).legend("{{outcome}} {{db_namespace}}"))
                .query(over_time(&dead).legend("deadlocks {{db_namespace}}")),
            "database-issues",
        ),
    ]
}

fn saturation(context: &DashboardContext<'_>) -> Vec<Panel> {
    let by = ["job", "instance", POOL];
    let states = gauge(&database::CONNECTIONS)
        .now()
        .sum_by(&["db.client.connection.state", POOL]);
    let max = gauge(&database::CONNECTIONS_MAX).now().sum_by(&[POOL]);
    let pending = gauge(&database::PENDING_REQUESTS).now().sum_by(&by);
    let timeouts = counter(&database::TIMEOUTS).rate(RATE).sum_by(&[POOL]);
    let server = gauge(&server::CONNECTIONS)
        .now()
        .max_by(&["db.namespace", "state"]);
    let server_max = gauge(&server::CONNECTIONS_MAX)
        .now()
        .max_by(&["db.namespace"]);
    let reads = counter(&server::BLOCKS)
        .rate(RATE)
        .max_by(&["db.namespace", "source"]);
    let limits =
        |panel: Panel| panel.with_override(FieldOverride::by_regex("limit.*").into_limit_line());
    vec![
        context.with_alert_levels(
            Panel::new(Visualization::Lines, "Connection pool utilization")
                .describe("Connections in use as a share of those that the pool may open.", "Below the line; at 100 % callers wait.")
                .unit(DisplayUnit::Share)
                .query(over_time(&pool_usage()).legend("{{db_client_connection_pool_name}} {{instance}}")),
            AlertSignal::PoolUsage,
        ),
        context.with_alert_runbook(
            limits(
                Panel::new(Visualization::Lines, "Connections by state")
                    .describe("Open connections of all pools, by state, and those that they may open.", "Idle ones to spare.")
                    .unit(DisplayUnit::Count)
                    .query(over_time(&states).legend("{{db_client_connection_state}} {{db_client_connection_pool_name}}"))
                    .query(over_time(&max).legend("limit {{db_client_connection_pool_name}}")),
            ),
            AlertSignal::PoolUsage,
        ),
        context.with_alert_runbook(
            percentiles_panel("Time to get a connection", &histogram(&database::WAIT_TIME))
                .describe("50, 90, 95 and 99 of 100 callers waited at most so long for a connection of a pool.", "Below a millisecond: a pool that is large enough."),
            AlertSignal::PoolUsage,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Lines, "Callers that wait for a connection")
                .describe("Callers that wait for a connection of a pool, and those a second that gave up.", "0.")
                .unit(DisplayUnit::Count)
                .query(over_time(&pending).legend("{{db_client_connection_pool_name}} {{instance}}"))
                .query(over_time(&timeouts).legend("gave up {{db_client_connection_pool_name}}"))
                .with_override(FieldOverride::by_regex("gave up.*").unit(DisplayUnit::PerSecond).color(Color::Red)),
            AlertSignal::PoolUsage,
        ),
        context.with_alert_runbook(
            limits(
                Panel::new(Visualization::Lines, "Clients of the server")
                    .describe("Clients of the whole server by state, and how many it takes.", "Far from the limit, and hardly any idle in a transaction.")
                    .unit(DisplayUnit::Count)
                    .no_value("no PostgreSQL is watched")
                    .query(over_time(&server).legend("{{state}} {{db_namespace}}"))
                    .query(over_time(&server_max).legend("limit {{db_namespace}}")),
            ),
            AlertSignal::PoolUsage,
        ),
        context.with_runbook(
            Panel::new(Visualization::Stacked, "Blocks read")
                .describe("Blocks that the server reads a second, from its own cache or from the system.", "From the cache, but for a few.")
                .unit(DisplayUnit::OperationsPerSecond)
                .no_value("no PostgreSQL is watched")
                .query(over_time(&reads).legend("{{source}} {{db_namespace}}")),
            "database-issues",
        ),
    ]
}

fn sizes(context: &DashboardContext<'_>) -> Vec<Panel> {
    let size = gauge(&server::SIZE).now().max_by(&["db.namespace"]);
    let tables = gauge(&server::TABLE_SIZE)
        .now()
        .max_by(&["db.namespace", TABLE])
        .topk(TOP);
    let indexes = gauge(&server::INDEX_SIZE)
        .now()
        .max_by(&["db.namespace", TABLE, "index"])
        .topk(TOP);
    let usage = gauge(&server::INDEX_USAGE).now().max_by(&["db.namespace"]);
    let scans = counter(&server::TABLE_SCANS)
        .rate(RATE)
        .max_by(&["db.namespace", TABLE, "access"]);
    let scans = scans.sum_by(&["access", TABLE]);
    let by_index =
        counter(&server::INDEX_SCANS)
            .rate(RATE)
            .max_by(&["db.namespace", TABLE, "index"]);
    let panel = |view, title, shows, good, unit| {
        Panel::new(view, title)
            .describe(shows, good)
            .unit(unit)
            .no_value("no PostgreSQL is watched")
    };
    let instant = |vector: &InstantVector, legend: &str| {
        PanelQuery::instant(vector.to_string()).legend(legend)
    };
    vec![
        context.with_alert_runbook(
            panel(
                Visualization::Lines,
                "Database size growth",
                "Size of each database on disk.",
                "An even slope; a step is a load or a table that is no longer cleaned up.",
                DisplayUnit::Bytes,
            )
            .query(over_time(&size).legend("{{db_namespace}}")),
            AlertSignal::DatabaseGrowth,
        ),
        context.with_alert_levels(
            panel(
                Visualization::Lines,
                "Growth in a day",
                "How much each database has grown in 24 hours, as a share of its size then.",
                "Below the line.",
                DisplayUnit::Share,
            )
            .no_value("no day of history")
            .query(over_time(&daily_growth()).legend("{{db_namespace}}")),
            AlertSignal::DatabaseGrowth,
        ),
        context.with_alert_runbook(
            panel(
                Visualization::BarGauge,
                "Largest tables",
                "Size on disk without indexes.",
                "No surprise.",
                DisplayUnit::Bytes,
            )
            .query(instant(&tables, "{{db_collection_name}} {{db_namespace}}")),
            AlertSignal::DatabaseGrowth,
        ),
        context.with_alert_runbook(
            panel(
                Visualization::BarGauge,
                "Largest indexes",
                "Size on disk.",
                "No index larger than its table.",
                DisplayUnit::Bytes,
            )
            .query(instant(&indexes, "{{index}} {{db_namespace}}")),
            AlertSignal::DatabaseGrowth,
        ),
        context.with_alert_runbook(
            panel(
                Visualization::Lines,
                "Index usage",
                "The share of scans of tables that went by an index.",
                "Near 100 %; small tables are read as a whole, rightly.",
                DisplayUnit::Share,
            )
            .zero_to_one()
            .query(over_time(&usage).legend("{{db_namespace}}")),
            AlertSignal::SlowQueryShare,
        ),
        context.with_alert_runbook(
            panel(
                Visualization::Stacked,
                "Scans of tables",
                "Scans a second, by table and whether an index was used.",
                "Sequential ones of small tables only.",
                DisplayUnit::OperationsPerSecond,
            )
            .query(over_time(&scans).legend("{{access}} {{db_collection_name}}")),
            AlertSignal::SlowQueryShare,
        ),
        context.with_alert_runbook(
            panel(
                Visualization::Lines,
                "Scans by index",
                "Scans a second of each index.",
                "Each is used; one that never is costs writes for nothing.",
                DisplayUnit::OperationsPerSecond,
            )
            .query(over_time(&by_index).legend("{{index}}")),
            AlertSignal::SlowQueryShare,
        ),
    ]
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

fn postgres_tables(context: &DashboardContext<'_>) -> Vec<Panel> {
    vec![
        context.with_alert_runbook(
            Panel::new(Visualization::Table, "Index usage statistics")
                .describe("Every index with its scans since the statistics began, from pg_stat_user_indexes; the least used first.", "Scans everywhere; an index that is not unique and never scanned may go.")
                .query(PanelQuery::sql(INDEXES))
                .with_override(FieldOverride::by_name("size").unit(DisplayUnit::Bytes))
                .with_override(FieldOverride::by_name("scans").unit(DisplayUnit::Whole)),
            AlertSignal::SlowQueryShare,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Table, "Table statistics")
                .describe("The largest tables, from pg_stat_user_tables: size, rows, the share of scans by an index, and when they were vacuumed.", "Few dead rows.")
                .query(PanelQuery::sql(TABLES))
                .with_override(FieldOverride::by_name("size").unit(DisplayUnit::Bytes))
                .with_override(FieldOverride::by_name("indexes").unit(DisplayUnit::Bytes))
                .with_override(FieldOverride::by_name("index_usage").unit(DisplayUnit::Share)),
            AlertSignal::DatabaseGrowth,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Table, "Databases of the server")
                .describe("Size of every database that this user may connect to, from pg_database.", "No surprise.")
                .query(PanelQuery::sql(DATABASES))
                .with_override(FieldOverride::by_name("size").unit(DisplayUnit::Bytes)),
            AlertSignal::DatabaseGrowth,
        ),
    ]
}
