//! PostgreSQL's own statistics, read as an ordinary user may.
//!
//! Each part is a transaction of its own: one that is not permitted, or takes too long, is left out,
//! and the others are there. The largest tables are found by the sizes in the catalog, which cost no
//! look at files and no lock; only what is shown is measured.
//!
//! | part | needs | missing |
//! |---|---|---|
//! | activity | nothing; every user may read it | the sample fails: the server is away |
//! | size | `CONNECT` on the database | `None` |
//! | connections | nothing; states of others need `pg_monitor` | counted as unknown |
//! | relations | to read the catalog | `None` |

mod monotonic_sum;

mod relations;

use std::time::Duration;

use tokio_postgres::Row;

use super::error::PostgresError;
use super::pool::{PostgresPool, TransactionLimits, with_timeout};
use crate::model::snapshot::database::{DatabaseActivity, DatabaseFigures, ServerConnections};
use relations::RelationStatistics;

/// The time limit of a whole sample.
///
/// Less than the shortest interval between samples.
const SAMPLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The limits of each statement: one that takes longer is given up, and so is the wait for a lock that a migration holds.
// A short wait for locks: a migration must not find us in its way, nor wait behind us.
const LIMITS: TransactionLimits = TransactionLimits {
    mode: "READ ONLY",
    statement: Duration::from_secs(3),
    lock: Duration::from_millis(200),
};

const SELECT_ACTIVITY: &str = "
SELECT xact_commit, xact_rollback, deadlocks, blks_hit, blks_read
FROM pg_stat_database WHERE datname = current_database()";

const SELECT_SIZE: &str = "SELECT pg_database_size(current_database())";

/// An ordinary user sees that other sessions exist, but not their state. A background worker has
/// no user.
const SELECT_CONNECTIONS: &str = "
SELECT state, count(*) FROM pg_stat_activity
WHERE datid IS NOT NULL AND usesysid IS NOT NULL
    AND (backend_type = 'client backend' OR backend_type IS NULL)
GROUP BY state";

/// Connections reserved for superusers are subtracted; the second setting came with version 16.
const SELECT_MAX_CONNECTIONS: &str = "
SELECT sum(CASE name WHEN 'max_connections' THEN setting::bigint ELSE -setting::bigint END)::bigint
FROM pg_settings
WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')";

/// The reader of one database's statistics.
pub(crate) struct DatabaseStatistics {
    pool: PostgresPool,
    relations: RelationStatistics,
}

impl DatabaseStatistics {
    pub(super) fn new(pool: PostgresPool) -> Self {
        Self {
            pool,
            relations: RelationStatistics::default(),
        }
    }

    /// Takes one sample, within its deadline. Fails if the server does not answer.
    pub(super) async fn sample(&mut self) -> Result<DatabaseFigures, PostgresError> {
        let (pool, relations) = (&self.pool, &mut self.relations);
        with_timeout(SAMPLE_TIMEOUT, async {
            Ok(DatabaseFigures {
                activity: activity(pool).await?,
                size_bytes: optional_part(query_count(pool, SELECT_SIZE).await)?,
                connections: optional_part(connections(pool).await)?,
                relations: optional_part(relations.read(pool).await)?,
            })
        })
        .await
    }
}

/// Returns the rows of one statement, run in a transaction of its own.
async fn query_rows(pool: &PostgresPool, sql: &'static str) -> Result<Vec<Row>, PostgresError> {
    let mut transaction = pool.begin(LIMITS).await?;
    let rows = transaction.query(sql, &[]).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// Returns the count that one statement selects.
async fn query_count(pool: &PostgresPool, sql: &'static str) -> Result<u64, PostgresError> {
    let rows = query_rows(pool, sql).await?;
    rows.first().map_or(Ok(0), |row| get_count(row, 0))
}

/// Turns a part that the server refused into `None`; any other error fails the sample.
fn optional_part<T>(result: Result<T, PostgresError>) -> Result<Option<T>, PostgresError> {
    match result {
        Ok(part) => Ok(Some(part)),
        Err(error) if error.is_server_response() => {
            tracing::debug!(target: "vantage_obs", error = error.with_causes(), "some of PostgreSQL's statistics could not be read");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Reads the counters of the database; all 0 where it has none yet.
async fn activity(pool: &PostgresPool) -> Result<DatabaseActivity, PostgresError> {
    let rows = query_rows(pool, SELECT_ACTIVITY).await?;
    let Some(row) = rows.first() else {
        return Ok(DatabaseActivity::default());
    };
    Ok(DatabaseActivity {
        committed: get_count(row, 0)?,
        rolled_back: get_count(row, 1)?,
        deadlocks: get_count(row, 2)?,
        blocks_from_cache: get_count(row, 3)?,
        blocks_from_disk: get_count(row, 4)?,
    })
}

/// The server's names of states and ours.
// Spaces and parentheses are no characters for values of labels that people type.
const STATES: [(&str, &str); 4] = [
    ("active", "active"),
    ("idle", "idle"),
    ("idle in transaction", "idle_in_transaction"),
    (
        "idle in transaction (aborted)",
        "idle_in_transaction_aborted",
    ),
];

/// Reads clients by state, and their limit.
async fn connections(pool: &PostgresPool) -> Result<ServerConnections, PostgresError> {
    let max = query_count(pool, SELECT_MAX_CONNECTIONS).await?;
    let mut by_state = STATES.map(|(_, name)| (name, 0)).to_vec();
    // Also the states that later versions may add: the sum stays right.
    let mut unknown = 0;
    for row in query_rows(pool, SELECT_CONNECTIONS).await? {
        let state: Option<&str> = row.try_get(0)?;
        let nth = STATES.iter().position(|(name, _)| Some(*name) == state);
        let clients = nth.map_or(&mut unknown, |nth| &mut by_state[nth].1);
        *clients += get_count(&row, 1)?;
    }
    by_state.push(("unknown", unknown));
    Ok(ServerConnections { max, by_state })
}

/// Returns a count, which the server keeps as a signed number; 0 for NULL.
fn get_count(row: &Row, index: usize) -> Result<u64, PostgresError> {
    let value: Option<i64> = row.try_get(index)?;
    Ok(u64::try_from(value.unwrap_or_default()).unwrap_or_default())
}
