//! A queue that is a table: its depth and the age of its oldest job, by a query of the service's.

use std::time::Duration;

use super::address::PostgresAddress;
use super::error::PostgresError;
use super::pool::{PostgresPool, TransactionLimits};
use crate::model::snapshot::QueueState;

/// A query for the state of a queue, over a connection of its own. Clones share it.
#[derive(Clone)]
pub(crate) struct QueueQuery {
    pool: PostgresPool,
    sql: Box<str>,
    limits: TransactionLimits,
}

impl QueueQuery {
    /// `sql` returns one row of two columns: the number of jobs that wait, and the seconds since the oldest was due.
    pub(crate) fn new(address: PostgresAddress, sql: &str, timeout: Duration) -> Self {
        let sql = sql.trim_end().trim_end_matches(';');
        Self {
            pool: PostgresPool::new(address, 1),
            // Cast here, so that a count and an `extract` of any release do as they are.
            sql: format!(
                "SELECT depth::bigint, oldest::float8 FROM ({sql}\n) AS queue (depth, oldest)"
            )
            .into(),
            limits: TransactionLimits {
                // Whatever the query is, it changes nothing.
                mode: "READ ONLY",
                statement: timeout,
                lock: timeout / 2,
            },
        }
    }

    pub(crate) async fn read(&self) -> Result<QueueState, PostgresError> {
        let mut transaction = self.pool.begin(self.limits).await?;
        let rows = transaction.query_text(&self.sql).await?;
        transaction.commit().await?;
        let [row] = &rows[..] else {
            return Err(PostgresError::wrong_result(rows.len()));
        };
        let (depth, oldest): (i64, Option<f64>) = (row.try_get(0)?, row.try_get(1)?);
        // Due in the future: nothing waits yet.
        let oldest = oldest.map(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)));
        Ok(QueueState {
            depth: depth.try_into().unwrap_or(0),
            oldest: oldest.and_then(Result::ok),
        })
    }
}
