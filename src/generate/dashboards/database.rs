use super::sheet::{
    RATE, Sheet, counter, distribution, gauge, histogram, hundredths, outcomes, over_time,
    percentiles_panel, share, traced_percentiles,
};
use crate::generate::grafana::{Color, Dashboard, Override, Panel, Query, Row, Steps, Unit, View};
use crate::model::alerts::{self, Signal};
use crate::model::catalog::database::{self, server};
use crate::model::catalog::process;
use crate::model::promql::{Select as _, Vector, Window};

const POOL: &str = "db.client.connection.pool.name";
const OPERATION: &str = "db.operation.name";
const TABLE: &str = "db.collection.name";

/// How many of the largest are shown.
const TOP: u32 = 15;

/// Calls as the services see them, and the server as it sees itself.
pub(super) fn dashboard(sheet: &Sheet<'_>) -> Dashboard {
    Dashboard {
        uid: alerts::Dashboard::Database.uid(),
        title: "Database performance",
        description: "Database calls as the services see them, their pools, and PostgreSQL as it sees itself.",
        since: "1h",
        variables: sheet.variables(),
        annotations: sheet.annotations(),
        rows: vec![
            Row::new("Overview", overview(sheet)),
            Row::new(
                "Queries and transactions: rate, errors, duration",
                queries(sheet),
            ),
            Row::new("Saturation: pools and connections", saturation(sheet)),
            Row::new("Size and indexes, as sampled", sizes(sheet)),
            Row::new("Size and indexes, asked now", asked(sheet)),
        ],
    }
}

/// Connections in use over those that a pool may open.
fn pool_usage() -> Vector {
    let by = ["job", "instance", POOL];
    let used = gauge(&database::CONNECTIONS)
        .with("db.client.connection.state")
        .is("used");
    let used = used.now().sum_by(&by);
    used.over(&gauge(&database::CONNECTIONS_MAX).now().sum_by(&by))
}

fn calls(labels: &[&str]) -> Vector {
    histogram(&database::OPERATION_DURATION)
        .count(RATE)
        .sum_by(labels)
}

/// Growth within a day as a share of the size then.
fn growth() -> Vector {
    let by = ["db.namespace"];
    let size = gauge(&server::SIZE);
    let now = size.now().max_by(&by);
    let then = size.before(Window::hours(24)).max_by(&by);
    now.minus(&then).over(&then)
}

fn overview(sheet: &Sheet<'_>) -> Vec<Panel> {
    let up = gauge(&database::UP)
        .now()
        .max_by(&["db.system.name", "db.namespace"])
        .min_by(&[]);
    let minutes = Window::minutes(10);
    let slow = share(
        &counter(&database::SLOW_QUERIES)
            .increase(minutes)
            .sum_by(&[]),
        &histogram(&database::OPERATION_DURATION)
            .increase(minutes)
            .sum_by(&[]),
    );
    let p95 = histogram(&database::OPERATION_DURATION).quantile(hundredths(95), RATE, &[]);
    let size = gauge(&server::SIZE)
        .now()
        .max_by(&["db.namespace"])
        .sum_by(&[]);
    let free = gauge(&process::DISK_UTILIZATION)
        .now()
        .max_by(&[])
        .complement();
    let stat = |title, shows, good, unit| {
        Panel::new(View::Stat, title)
            .describe(shows, good)
            .unit(unit)
    };
    vec![
        sheet.page_of(
            stat("Database", "Whether the database answers; of several the worst.", "up.", Unit::Count)
                .levels(Steps::plain(Color::Red).from(1.0, Color::Green))
                .word(0.0, "down", Color::Red)
                .word(1.0, "up", Color::Green)
                .query(over_time(&up).legend("up")),
            Signal::DatabaseUnreachable,
        ),
        sheet.alert(
            stat("Fullest pool", "Connections in use as a share of those that the pool may open, of the fullest pool.", "Below the alert's level.", Unit::Share)
                .decimals(1)
                .query(over_time(&pool_usage().max_by(&[])).legend("in use")),
            Signal::PoolUsage,
        ),
        sheet.alert(
            stat("Slow queries", "The share of calls that took longer than a second in 10 minutes, which is what the alert looks at.", "0 %.", Unit::Share)
                .decimals(2)
                .nothing("no calls")
                .query(over_time(&slow).legend("slow")),
            Signal::SlowQueryShare,
        ),
        sheet.page_of(
            stat("Query duration, p95", "95 of 100 calls took at most so long.", "Milliseconds.", Unit::Seconds)
                .nothing("no calls")
                .query(over_time(&p95).legend("p95")),
            Signal::SlowQueryShare,
        ),
        sheet.alert(
            stat("Growth in a day", "How much the database that grows fastest has grown in 24 hours, as a share of its size then.", "A few per cent.", Unit::Share)
                .decimals(1)
                .nothing("no day of history")
                .query(over_time(&growth().max_by(&[])).legend("growth")),
            Signal::DatabaseGrowth,
        ),
        sheet.alert(
            stat("Least free disk space", "What is free of the fullest file system that a service watches, as a share.", "Well above the level.", Unit::Share)
                .decimals(1)
                .query(over_time(&free).legend("free")),
            Signal::DiskFree,
        ),
        sheet.page_of(
            stat("Database size", "Size of the databases on disk.", "As planned.", Unit::Bytes)
                .nothing("no PostgreSQL is watched")
                .query(over_time(&size).legend("size")),
            Signal::DatabaseGrowth,
        ),
    ]
}

fn queries(sheet: &Sheet<'_>) -> Vec<Panel> {
    let duration = histogram(&database::OPERATION_DURATION);
    let failed = histogram(&database::OPERATION_DURATION)
        .with("error.type")
        .is_not("");
    let failed = failed.count(RATE).sum_by(&[OPERATION, "error.type"]);
    let slow = counter(&database::SLOW_QUERIES)
        .rate(RATE)
        .sum_by(&[OPERATION, TABLE]);
    let by_operation = duration.quantile(hundredths(95), RATE, &[OPERATION, TABLE]);
    let ended = counter(&database::TRANSACTIONS)
        .rate(RATE)
        .sum_by(&["outcome"]);
    let server = counter(&server::TRANSACTIONS).rate(RATE);
    let server = server.max_by(&["db.namespace", "outcome"]);
    let dead = counter(&server::DEADLOCKS)
        .increase(RATE)
        .max_by(&["db.namespace"]);
    vec![
        sheet.page(
            Panel::new(View::Stacked, "Query rate")
                .describe("Database calls a second, by operation and table.", "In step with requests and jobs.")
                .unit(Unit::OperationsPerSecond)
                .query(over_time(&calls(&[OPERATION, TABLE])).legend("{{db_operation_name}} {{db_collection_name}}")),
            "database-issues",
        ),
        sheet.page_of(
            traced_percentiles("Query duration percentiles", &duration)
                .describe("50, 90, 95 and 99 of 100 calls took at most so long, as the services see it. Points are traces: click one.", "p99 far below a second, from which on a call is slow."),
            Signal::SlowQueryShare,
        ),
        sheet.page(
            Panel::new(View::Bars, "Failed queries")
                .describe("Calls a second that failed, by operation and error.", "None.")
                .unit(Unit::OperationsPerSecond)
                .nothing("none")
                .query(over_time(&failed).legend("{{db_operation_name}} {{error_type}}")),
            "database-issues",
        ),
        sheet.page_of(
            Panel::new(View::Lines, "Query duration p95 by operation")
                .describe("95 of 100 calls took at most so long, by operation and table.", "No operation far from the others without a reason.")
                .unit(Unit::Seconds)
                .query(over_time(&by_operation).legend("{{db_operation_name}} {{db_collection_name}}")),
            Signal::SlowQueryShare,
        ),
        sheet.page_of(
            Panel::new(View::Bars, "Slow queries (> 1 s)")
                .describe("Calls a second that took longer than one second, by operation and table.", "None.")
                .unit(Unit::OperationsPerSecond)
                .nothing("none")
                .query(over_time(&slow).legend("{{db_operation_name}} {{db_collection_name}}")),
            Signal::SlowQueryShare,
        ),
        sheet.page_of(
            distribution("Query duration distribution", &duration)
                .describe("How many calls a second took how long.", "Bands below 100 ms."),
            Signal::SlowQueryShare,
        ),
        sheet.page(
            outcomes(Panel::new(View::Stacked, "Transaction rate"))
                .describe("Transactions that ended a second, by outcome, as the services see them.", "Green, but for a few.")
                .unit(Unit::OperationsPerSecond)
                .query(over_time(&ended).legend("{{outcome}}")),
            "database-issues",
        ),
        sheet.page(
            Panel::new(View::Lines, "Transaction rate of all clients")
                .describe("Transactions a second of all clients of the database, and deadlocks, as the server counts them.", "No deadlocks; rolled back far below committed.")
                .unit(Unit::OperationsPerSecond)
                .nothing("no PostgreSQL is watched")
                .query(over_time(&server).legend("{{outcome}} {{db_namespace}}"))
                .query(over_time(&dead).legend("deadlocks {{db_namespace}}")),
            "database-issues",
        ),
    ]
}

fn saturation(sheet: &Sheet<'_>) -> Vec<Panel> {
    let by = ["job", "instance", POOL];
    let states = gauge(&database::CONNECTIONS)
        .now()
        .sum_by(&["db.client.connection.state", POOL]);
    let most = gauge(&database::CONNECTIONS_MAX).now().sum_by(&[POOL]);
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
    let limits = |panel: Panel| panel.differ(Override::matching("limit.*").drawn_as_limit());
    vec![
        sheet.alert(
            Panel::new(View::Lines, "Connection pool utilization")
                .describe("Connections in use as a share of those that the pool may open.", "Below the line; at 100 % callers wait.")
                .unit(Unit::Share)
                .query(over_time(&pool_usage()).legend("{{db_client_connection_pool_name}} {{instance}}")),
            Signal::PoolUsage,
        ),
        sheet.page_of(
            limits(
                Panel::new(View::Lines, "Connections by state")
                    .describe("Open connections of all pools, by state, and those that they may open.", "Idle ones to spare.")
                    .unit(Unit::Count)
                    .query(over_time(&states).legend("{{db_client_connection_state}} {{db_client_connection_pool_name}}"))
                    .query(over_time(&most).legend("limit {{db_client_connection_pool_name}}")),
            ),
            Signal::PoolUsage,
        ),
        sheet.page_of(
            percentiles_panel("Time to get a connection", &histogram(&database::WAIT_TIME))
                .describe("50, 90, 95 and 99 of 100 callers waited at most so long for a connection of a pool.", "Below a millisecond: a pool that is large enough."),
            Signal::PoolUsage,
        ),
        sheet.page_of(
            Panel::new(View::Lines, "Callers that wait for a connection")
                .describe("Callers that wait for a connection of a pool, and those a second that gave up.", "0.")
                .unit(Unit::Count)
                .query(over_time(&pending).legend("{{db_client_connection_pool_name}} {{instance}}"))
                .query(over_time(&timeouts).legend("gave up {{db_client_connection_pool_name}}"))
                .differ(Override::matching("gave up.*").unit(Unit::PerSecond).color(Color::Red)),
            Signal::PoolUsage,
        ),
        sheet.page_of(
            limits(
                Panel::new(View::Lines, "Clients of the server")
                    .describe("Clients of the whole server by state, and how many it takes.", "Far from the limit, and hardly any idle in a transaction.")
                    .unit(Unit::Count)
                    .nothing("no PostgreSQL is watched")
                    .query(over_time(&server).legend("{{state}} {{db_namespace}}"))
                    .query(over_time(&server_max).legend("limit {{db_namespace}}")),
            ),
            Signal::PoolUsage,
        ),
        sheet.page(
            Panel::new(View::Stacked, "Blocks read")
                .describe("Blocks that the server reads a second, from its own cache or from the system.", "From the cache, but for a few.")
                .unit(Unit::OperationsPerSecond)
                .nothing("no PostgreSQL is watched")
                .query(over_time(&reads).legend("{{source}} {{db_namespace}}")),
            "database-issues",
        ),
    ]
}

fn sizes(sheet: &Sheet<'_>) -> Vec<Panel> {
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
            .nothing("no PostgreSQL is watched")
    };
    let instant = |vector: &Vector, legend: &str| Query::instant(vector.to_string()).legend(legend);
    vec![
        sheet.page_of(
            panel(
                View::Lines,
                "Database size growth",
                "Size of each database on disk.",
                "An even slope; a step is a load or a table that is no longer cleaned up.",
                Unit::Bytes,
            )
            .query(over_time(&size).legend("{{db_namespace}}")),
            Signal::DatabaseGrowth,
        ),
        sheet.alert(
            panel(
                View::Lines,
                "Growth in a day",
                "How much each database has grown in 24 hours, as a share of its size then.",
                "Below the line.",
                Unit::Share,
            )
            .nothing("no day of history")
            .query(over_time(&growth()).legend("{{db_namespace}}")),
            Signal::DatabaseGrowth,
        ),
        sheet.page_of(
            panel(
                View::BarGauge,
                "Largest tables",
                "Size on disk without indexes.",
                "No surprise.",
                Unit::Bytes,
            )
            .query(instant(&tables, "{{db_collection_name}} {{db_namespace}}")),
            Signal::DatabaseGrowth,
        ),
        sheet.page_of(
            panel(
                View::BarGauge,
                "Largest indexes",
                "Size on disk.",
                "No index larger than its table.",
                Unit::Bytes,
            )
            .query(instant(&indexes, "{{index}} {{db_namespace}}")),
            Signal::DatabaseGrowth,
        ),
        sheet.page_of(
            panel(
                View::Lines,
                "Index usage",
                "The share of scans of tables that went by an index.",
                "Near 100 %; small tables are read as a whole, rightly.",
                Unit::Share,
            )
            .whole_share()
            .query(over_time(&usage).legend("{{db_namespace}}")),
            Signal::SlowQueryShare,
        ),
        sheet.page_of(
            panel(
                View::Stacked,
                "Scans of tables",
                "Scans a second, by table and whether an index was used.",
                "Sequential ones of small tables only.",
                Unit::OperationsPerSecond,
            )
            .query(over_time(&scans).legend("{{access}} {{db_collection_name}}")),
            Signal::SlowQueryShare,
        ),
        sheet.page_of(
            panel(
                View::Lines,
                "Scans by index",
                "Scans a second of each index.",
                "Each is used; one that never is costs writes for nothing.",
                Unit::OperationsPerSecond,
            )
            .query(over_time(&by_index).legend("{{index}}")),
            Signal::SlowQueryShare,
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

fn asked(sheet: &Sheet<'_>) -> Vec<Panel> {
    vec![
        sheet.page_of(
            Panel::new(View::Table, "Index usage statistics")
                .describe("Every index with its scans since the statistics began, from pg_stat_user_indexes; the least used first.", "Scans everywhere; an index that is not unique and never scanned may go.")
                .query(Query::sql(INDEXES))
                .differ(Override::of("size").unit(Unit::Bytes))
                .differ(Override::of("scans").unit(Unit::Whole)),
            Signal::SlowQueryShare,
        ),
        sheet.page_of(
            Panel::new(View::Table, "Table statistics")
                .describe("The largest tables, from pg_stat_user_tables: size, rows, the share of scans by an index, and when they were vacuumed.", "Few dead rows.")
                .query(Query::sql(TABLES))
                .differ(Override::of("size").unit(Unit::Bytes))
                .differ(Override::of("indexes").unit(Unit::Bytes))
                .differ(Override::of("index_usage").unit(Unit::Share)),
            Signal::DatabaseGrowth,
        ),
        sheet.page_of(
            Panel::new(View::Table, "Databases of the server")
                .describe("Size of every database that this user may connect to, from pg_database.", "No surprise.")
                .query(Query::sql(DATABASES))
                .differ(Override::of("size").unit(Unit::Bytes)),
            Signal::DatabaseGrowth,
        ),
    ]
}
