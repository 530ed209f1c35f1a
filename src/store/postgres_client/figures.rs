//! What PostgreSQL tells of itself, read from its statistics as an ordinary user may.
//!
//! Each part is a transaction of its own: one that is not permitted, or takes too long, is left out,
//! and the others are there. The largest tables are found by the sizes in the catalog, which cost no
//! look at files and no lock; only what is shown is measured.

mod rest;

mod relations;

use std::time::Duration;

use tokio_postgres::Row;

use super::error::PostgresError;
use super::pool::{Limits, Pool, within};
use crate::model::snapshot::database::{Activity, Connections, Database};
use relations::Known;

/// For a whole sample.
const WITHIN: Duration = Duration::from_secs(10);

/// A statement that takes longer is given up, and so is the wait for a lock that a migration holds.
const LIMITS: Limits = Limits {
    mode: "READ ONLY",
    statement: Duration::from_secs(3),
    lock: Duration::from_millis(200),
};

const ACTIVITY: &str = "
SELECT xact_commit, xact_rollback, deadlocks, blks_hit, blks_read
FROM pg_stat_database WHERE datname = current_database()";

const SIZE: &str = "SELECT pg_database_size(current_database())";

/// What others do is not told to an ordinary user, but that they are there. A background worker has
/// no user.
const CONNECTIONS: &str = "
SELECT state, count(*) FROM pg_stat_activity
WHERE datid IS NOT NULL AND usesysid IS NOT NULL
    AND (backend_type = 'client backend' OR backend_type IS NULL)
GROUP BY state";

/// Those kept for superusers help nobody else; the second setting came with version 16.
const MAX: &str = "
SELECT sum(CASE name WHEN 'max_connections' THEN setting::bigint ELSE -setting::bigint END)::bigint
FROM pg_settings
WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')";

/// Reads figures of one database.
pub(crate) struct Figures {
    pool: Pool,
    known: Known,
}

impl Figures {
    pub(super) fn new(pool: Pool) -> Self {
        Self {
            pool,
            known: Known::default(),
        }
    }

    /// One sample, within its deadline. Fails where the server does not answer.
    pub(super) async fn sample(&mut self) -> Result<Database, PostgresError> {
        let (pool, known) = (&self.pool, &mut self.known);
        within(WITHIN, async {
            let activity = rows(pool, ACTIVITY).await?;
            let activity = activity.first().map(activity_of).transpose()?;
            Ok(Database {
                activity: activity.unwrap_or_default(),
                size_bytes: left_out(size(pool).await)?,
                connections: left_out(connections(pool).await)?,
                relations: left_out(known.read(pool).await)?,
            })
        })
        .await
    }
}

/// The rows that one statement answers, in a transaction of its own.
async fn rows(pool: &Pool, sql: &'static str) -> Result<Vec<Row>, PostgresError> {
    let mut transaction = pool.begin(LIMITS).await?;
    let rows = transaction.query(sql, &[]).await?;
    transaction.commit().await?;
    Ok(rows)
}

/// A part that the server did not give; where it is gone, the sample is.
fn left_out<T>(part: Result<T, PostgresError>) -> Result<Option<T>, PostgresError> {
    match part {
        Ok(part) => Ok(Some(part)),
        Err(error) if error.is_answer() => {
            tracing::debug!(target: "vantage_obs", error = error.told(), "a part of PostgreSQL's figures is left out");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn activity_of(row: &Row) -> Result<Activity, PostgresError> {
    Ok(Activity {
        committed: count(row, 0)?,
        rolled_back: count(row, 1)?,
        deadlocks: count(row, 2)?,
        blocks_from_cache: count(row, 3)?,
        blocks_from_disk: count(row, 4)?,
    })
}

async fn size(pool: &Pool) -> Result<u64, PostgresError> {
    let rows = rows(pool, SIZE).await?;
    rows.first().map_or(Ok(0), |row| count(row, 0))
}

async fn connections(pool: &Pool) -> Result<Connections, PostgresError> {
    let max = rows(pool, MAX).await?;
    let max = max.first().map_or(Ok(0), |row| count(row, 0))?;
    let mut by_state: Vec<_> = STATES.iter().map(|(_, state)| (*state, 0)).collect();
    for row in rows(pool, CONNECTIONS).await? {
        let (state, clients) = (row.try_get::<_, Option<&str>>(0)?, count(&row, 1)?);
        let state = word(state);
        if let Some(entry) = by_state.iter_mut().find(|(known, _)| *known == state) {
            entry.1 += clients;
        }
    }
    Ok(Connections { max, by_state })
}

/// The server's words and ours; what is not told is the last.
const STATES: [(&str, &str); 5] = [
    ("active", "active"),
    ("idle", "idle"),
    ("idle in transaction", "idle_in_transaction"),
    (
        "idle in transaction (aborted)",
        "idle_in_transaction_aborted",
    ),
    ("", "unknown"),
];

fn word(state: Option<&str>) -> &'static str {
    let known = STATES.iter().find(|(theirs, _)| Some(*theirs) == state);
    known.map_or("unknown", |(_, ours)| ours)
}

/// A count that the server keeps as a signed number, and none where it says nothing.
fn count(row: &Row, index: usize) -> Result<u64, PostgresError> {
    let value: Option<i64> = row.try_get(index)?;
    Ok(u64::try_from(value.unwrap_or_default()).unwrap_or_default())
}
