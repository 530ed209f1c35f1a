//! The creation of the schema `vantage_obs`, and the check of one that is there.
//!
//! The creation is one transaction under one lock, so that any number of replicas may start at once and
//! a failure leaves nothing behind. A schema says from which version on a release can work with it: an
//! older release, rolled back to, reads that and goes on or refuses.
//!
//! | found | this release |
//! |---|---|
//! | no schema | creates it |
//! | its own version | uses it |
//! | a later one that is compatible | uses it |
//! | a later one that is not | refuses, and says which release is needed |
//! | an earlier one | refuses: none was ever released |

use std::time::Duration;

use super::error::PostgresError;
use super::pool::{PooledTransaction, PostgresPool, TransactionLimits};

/// The tables, indexes and views.
const SCHEMA: &str = include_str!("schema.sql");

/// The version of the schema. Those before were never released.
const VERSION: i32 = 6;

/// The lock's key: `vantage` in ASCII.
///
/// An advisory lock ends with the transaction, also when the process is killed.
const LOCK: &str = "SELECT pg_advisory_xact_lock(x'76616e74616765'::bigint)";

/// Longer than other calls: creating the schema may wait for another replica that does the same.
const LIMITS: TransactionLimits = TransactionLimits {
    mode: "",
    statement: Duration::from_secs(30),
    lock: Duration::from_secs(30),
};

/// The schema and the table of its versions; `compatible` is the oldest one whose releases can use it.
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
const RECORD: &str = "INSERT INTO vantage_obs.migrations (version, compatible) VALUES ($1, $1)";

/// Creates the schema if it is missing. One that is there is only read: that needs no right to change it.
pub(crate) async fn migrate(pool: &PostgresPool) -> Result<(), PostgresError> {
    create_if_missing(pool, SCHEMA).await
}

/// Requires the schema to be there, and creates nothing: for a reader.
#[cfg(feature = "cli")]
pub(crate) async fn require_schema(pool: &PostgresPool) -> Result<(), PostgresError> {
    let mut transaction = pool.begin(LIMITS).await?;
    if !is_usable(&mut transaction).await? {
        return Err(PostgresError::permanent(
            "no_schema",
            "the database has no schema vantage_obs: no service has kept anything there",
        ));
    }
    transaction.commit().await
}

// Asked before the lock is taken: all starts but the first need none.
async fn create_if_missing(pool: &PostgresPool, schema: &str) -> Result<(), PostgresError> {
    let mut transaction = pool.begin(LIMITS).await?;
    if !is_usable(&mut transaction).await? {
        transaction.query(LOCK, &[]).await?;
        // Another process may have created it while this one waited.
        if !is_usable(&mut transaction).await? {
            transaction.execute_script(CREATE_SCHEMA).await?;
            transaction.execute_script(schema).await?;
            transaction.execute(RECORD, &[&VERSION]).await?;
        }
    }
    transaction.commit().await
}

/// Returns false if there is no schema.
pub(super) async fn is_usable(transaction: &mut PooledTransaction) -> Result<bool, PostgresError> {
    let exists = transaction.query(TABLE_EXISTS, &[]).await?;
    if !exists.first().is_some_and(|row| row.get(0)) {
        return Ok(false);
    }
    let newest = transaction.query(NEWEST, &[]).await?;
    let Some(row) = newest.first() else {
        return Ok(false);
    };
    // Refusing is an error and not `false`, which would create tables over those of another
    // release.
    check_version(row.try_get(0)?, row.try_get(1)?)?;
    Ok(true)
}

/// Returns an error for a version that this release cannot use.
fn check_version(version: i32, compatible: i32) -> Result<(), PostgresError> {
    if version < VERSION {
        return Err(PostgresError::permanent(
            "older_schema",
            format!(
                "the schema vantage_obs of PostgreSQL has version {version}, of a development version that \
                 was never released; this release knows {VERSION}: rename or drop the schema"
            ),
        ));
    }
    if compatible <= VERSION {
        return Ok(());
    }
    Err(PostgresError::permanent(
        "newer_schema",
        format!(
            "the schema vantage_obs of PostgreSQL has version {version}, which needs a release that \
             knows version {compatible}; this one knows {VERSION}: install a newer one"
        ),
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_is_used_only_where_it_says_so_and_an_older_one_never() {
        assert!(check_version(VERSION, VERSION).is_ok());
        assert!(check_version(VERSION + 2, VERSION).is_ok());
        let error = check_version(VERSION + 2, VERSION + 1).unwrap_err();
        assert!(error.to_string().contains("version 8"), "{error}");
        assert!(!error.is_transient());
        let error = check_version(4, 1).unwrap_err();
        assert!(error.to_string().contains("never released"), "{error}");
        assert!(!error.is_transient());
    }

    /// A creation that fails after it has created something.
    pub(in crate::store::postgres_client) async fn with_a_broken_script(
        pool: &PostgresPool,
    ) -> Result<(), PostgresError> {
        create_if_missing(pool, &format!("{SCHEMA}; SELECT 1 / 0")).await
    }
}
