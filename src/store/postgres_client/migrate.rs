//! Brings the schema `vantage_obs` to the version that this release knows.
//!
//! Each step is one transaction under one lock, so that any number of replicas may start at once and
//! a step that fails leaves nothing behind. A step says from which version on a release can still
//! work with its result: an older release, rolled back to, reads that and goes on or refuses.

use std::time::Duration;

use super::error::PostgresError;
use super::pool::{Limits, Pool, Transaction};

/// One step of the schema.
struct Step {
    sql: &'static str,
    /// The oldest version whose releases can use the schema after this step.
    compatible: i32,
}

/// The first brings an empty schema to version 1.
const STEPS: &[Step] = &[
    Step {
        sql: include_str!("migrations/0001.sql"),
        compatible: 1,
    },
    Step {
        sql: include_str!("migrations/0002.sql"),
        compatible: 1,
    },
    Step {
        sql: include_str!("migrations/0003.sql"),
        compatible: 1,
    },
    Step {
        sql: include_str!("migrations/0004.sql"),
        compatible: 1,
    },
];

/// The lock's key: `vantage` in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(x'76616e74616765'::bigint)";

const LIMITS: Limits = Limits {
    mode: "",
    statement: Duration::from_secs(30),
    lock: Duration::from_secs(30),
};

/// Made by whoever is first; the rest is made by the steps.
const GROUND: &str = "
CREATE SCHEMA IF NOT EXISTS vantage_obs;
CREATE TABLE IF NOT EXISTS vantage_obs.migrations (
    version integer PRIMARY KEY,
    compatible integer NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)";

/// Asked of the catalog's rows: looking the name up would answer from what the session knew of it
/// before it waited for the lock.
const IS_THERE: &str = "
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'vantage_obs' AND tablename = 'migrations'
)";
const NEWEST: &str =
    "SELECT version, compatible FROM vantage_obs.migrations ORDER BY version DESC LIMIT 1";
const RECORD: &str = "INSERT INTO vantage_obs.migrations (version, compatible) VALUES ($1, $2)";

/// Applies what is missing. A schema that is complete is only read: that needs no right to change it.
pub(crate) async fn migrate(pool: &Pool) -> Result<(), PostgresError> {
    bring_up(pool, STEPS).await
}

async fn bring_up(pool: &Pool, steps: &[Step]) -> Result<(), PostgresError> {
    let mut transaction = pool.begin(LIMITS).await?;
    let complete = next(&mut transaction, steps).await?.is_none();
    transaction.commit().await?;
    if complete {
        return Ok(());
    }
    while apply_one(pool, steps).await? {}
    Ok(())
}

/// Applies the first step that is missing; `false` where none is.
async fn apply_one(pool: &Pool, steps: &[Step]) -> Result<bool, PostgresError> {
    let mut transaction = pool.begin(LIMITS).await?;
    transaction.query(LOCK, &[]).await?;
    // Somebody else may have been here while we waited.
    let missing = next(&mut transaction, steps).await?;
    if let Some(index) = missing {
        transaction.script(GROUND).await?;
        transaction.script(steps[index].sql).await?;
        let version = number(index + 1);
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&version, &steps[index].compatible];
        transaction.execute(RECORD, &values).await?;
    }
    transaction.commit().await?;
    Ok(missing.is_some())
}

/// The index of the first step that is missing.
async fn next(
    transaction: &mut Transaction,
    steps: &[Step],
) -> Result<Option<usize>, PostgresError> {
    let there = transaction.query(IS_THERE, &[]).await?;
    if !there.first().is_some_and(|row| row.get(0)) {
        return Ok(Some(0));
    }
    let newest = transaction.query(NEWEST, &[]).await?;
    let Some(row) = newest.first() else {
        return Ok(Some(0));
    };
    let (version, compatible): (i32, i32) = (row.try_get(0)?, row.try_get(1)?);
    judge(version, compatible, number(steps.len()))
}

/// What follows from the version that is there, for a release that knows `known`.
fn judge(version: i32, compatible: i32, known: i32) -> Result<Option<usize>, PostgresError> {
    if version < known {
        return Ok(usize::try_from(version).ok());
    }
    if compatible <= known {
        return Ok(None);
    }
    Err(PostgresError::lasting(
        "newer_schema",
        format!(
            "the schema vantage_obs of PostgreSQL has version {version}, which needs a release that \
             knows version {compatible}; this one knows {known}: install a newer one"
        ),
    ))
}

fn number(steps: usize) -> i32 {
    i32::try_from(steps).unwrap_or(i32::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_is_used_only_where_it_says_so() {
        assert_eq!(judge(1, 1, 3).unwrap(), Some(1));
        assert_eq!(judge(3, 1, 3).unwrap(), None);
        assert_eq!(judge(5, 3, 3).unwrap(), None);
        let error = judge(5, 4, 3).unwrap_err();
        assert!(error.to_string().contains("version 5"), "{error}");
        assert!(!error.is_passing());
    }

    /// A second step that fails after it has changed something.
    pub(in crate::store::postgres_client) async fn with_a_broken_step(
        pool: &Pool,
    ) -> Result<(), PostgresError> {
        let broken = Step {
            sql: "CREATE TABLE vantage_obs.half (a int); SELECT 1 / 0",
            compatible: 1,
        };
        let first = Step { ..STEPS[0] };
        bring_up(pool, &[first, broken]).await
    }
}
