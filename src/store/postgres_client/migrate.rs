//! The migrations of the schema `vantage_obs` to the version that this release knows.
//!
//! Each step is one transaction under one lock, so that any number of replicas may start at once and
//! a step that fails leaves nothing behind. A step says from which version on a release can still
//! work with its result: an older release, rolled back to, reads that and goes on or refuses.

use std::time::Duration;

use super::error::PostgresError;
use super::pool::{PooledTransaction, PostgresPool, TransactionLimits};

/// One migration of the schema.
struct Migration {
    sql: &'static str,
    /// The oldest version whose releases can use the schema after this step.
    compatible: i32,
}

/// The first brings an empty schema to version 1.
const MIGRATIONS: &[Migration] = &[
    Migration {
        sql: include_str!("migrations/0001.sql"),
        compatible: 1,
    },
    Migration {
        sql: include_str!("migrations/0002.sql"),
        compatible: 1,
    },
    Migration {
        sql: include_str!("migrations/0003.sql"),
        compatible: 1,
    },
    Migration {
        sql: include_str!("migrations/0004.sql"),
        compatible: 1,
    },
];

/// The lock's key: `vantage` in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(x'76616e74616765'::bigint)";

const LIMITS: TransactionLimits = TransactionLimits {
    mode: "",
    statement: Duration::from_secs(30),
    lock: Duration::from_secs(30),
};

/// The schema and the table of migrations, created before the first migration.
const CREATE_SCHEMA: &str = "
CREATE SCHEMA IF NOT EXISTS vantage_obs;
CREATE TABLE IF NOT EXISTS vantage_obs.migrations (
    version integer PRIMARY KEY,
    compatible integer NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)";

/// Reads the catalog's rows: looking the name up would answer from what the session knew of it
/// before it waited for the lock.
const TABLE_EXISTS: &str = "
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'vantage_obs' AND tablename = 'migrations'
)";
const NEWEST: &str =
    "SELECT version, compatible FROM vantage_obs.migrations ORDER BY version DESC LIMIT 1";
const RECORD: &str = "INSERT INTO vantage_obs.migrations (version, compatible) VALUES ($1, $2)";

/// Applies the missing migrations. A schema that is complete is only read: that needs no right to change it.
pub(crate) async fn migrate(pool: &PostgresPool) -> Result<(), PostgresError> {
    apply_all(pool, MIGRATIONS).await
}

async fn apply_all(pool: &PostgresPool, migrations: &[Migration]) -> Result<(), PostgresError> {
    let mut transaction = pool.begin(LIMITS).await?;
    let complete = find_missing(&mut transaction, migrations).await?.is_none();
    transaction.commit().await?;
    if complete {
        return Ok(());
    }
    while apply_next(pool, migrations).await? {}
    Ok(())
}

/// Applies the first missing migration; returns `false` if there is none.
async fn apply_next(pool: &PostgresPool, migrations: &[Migration]) -> Result<bool, PostgresError> {
    let mut transaction = pool.begin(LIMITS).await?;
    transaction.query(LOCK, &[]).await?;
    // Another process may have applied it while this one waited.
    let missing = find_missing(&mut transaction, migrations).await?;
    if let Some(index) = missing {
        transaction.execute_script(CREATE_SCHEMA).await?;
        transaction.execute_script(migrations[index].sql).await?;
        let version = version_number(index + 1);
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&version, &migrations[index].compatible];
        transaction.execute(RECORD, &values).await?;
    }
    transaction.commit().await?;
    Ok(missing.is_some())
}

/// Returns the index of the first missing migration.
async fn find_missing(
    transaction: &mut PooledTransaction,
    migrations: &[Migration],
) -> Result<Option<usize>, PostgresError> {
    let exists = transaction.query(TABLE_EXISTS, &[]).await?;
    if !exists.first().is_some_and(|row| row.get(0)) {
        return Ok(Some(0));
    }
    let newest = transaction.query(NEWEST, &[]).await?;
    let Some(row) = newest.first() else {
        return Ok(Some(0));
    };
    let (version, compatible): (i32, i32) = (row.try_get(0)?, row.try_get(1)?);
    first_missing(version, compatible, version_number(migrations.len()))
}

/// Returns the index of the first missing migration for the version that is there, and an error if it
/// is newer than a release that knows `supported` can use.
fn first_missing(
    version: i32,
    compatible: i32,
    supported: i32,
) -> Result<Option<usize>, PostgresError> {
    if version < supported {
        return Ok(usize::try_from(version).ok());
    }
    if compatible <= supported {
        return Ok(None);
    }
    Err(PostgresError::permanent(
        "newer_schema",
        format!(
            "the schema vantage_obs of PostgreSQL has version {version}, which needs a release that \
             knows version {compatible}; this one knows {supported}: install a newer one"
        ),
    ))
}

fn version_number(migrations: usize) -> i32 {
    i32::try_from(migrations).unwrap_or(i32::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_is_used_only_where_it_says_so() {
        assert_eq!(first_missing(1, 1, 3).unwrap(), Some(1));
        assert_eq!(first_missing(3, 1, 3).unwrap(), None);
        assert_eq!(first_missing(5, 3, 3).unwrap(), None);
        let error = first_missing(5, 4, 3).unwrap_err();
        assert!(error.to_string().contains("version 5"), "{error}");
        assert!(!error.is_transient());
    }

    /// A second step that fails after it has changed something.
    pub(in crate::store::postgres_client) async fn with_a_broken_step(
        pool: &PostgresPool,
    ) -> Result<(), PostgresError> {
        let broken = Migration {
            sql: "CREATE TABLE vantage_obs.half (a int); SELECT 1 / 0",
            compatible: 1,
        };
        let first = Migration { ..MIGRATIONS[0] };
        apply_all(pool, &[first, broken]).await
    }
}
