//! The check whether the database of a pool answers.

use sqlx::{Database, Pool};

use super::error::error_type;
use super::spare::SpareConnection;
use crate::record::instruments;
use crate::watch::health::{CheckBuilder, CheckHandle, Finding};

impl CheckBuilder {
    /// Registers a check that the database of this pool answers, as
    /// [`Telemetry::sqlx`](crate::Telemetry::sqlx) does: for one with other settings, in place of that one. Each run also
    /// sets `vantage.database.up` for the namespace of the pool's name.
    ///
    /// Critical and shared, unless it is told otherwise. It runs until it is removed.
    pub fn sqlx<DB: Database>(
        self,
        pool: &crate::integrations::sqlx::MeasuredPool<DB>,
    ) -> CheckHandle {
        register(self, pool.pool(), pool.database())
    }
}

/// Registers the check of a pool's database.
pub(super) fn register<DB: Database>(
    builder: CheckBuilder,
    pool: &Pool<DB>,
    database: &instruments::Database,
) -> CheckHandle {
    let pool = pool.clone();
    builder.database(database, move || {
        let pool = pool.clone();
        async move {
            match SpareConnection::take(&pool).await {
                Ok(connection) => {
                    connection.give_back().await;
                    Finding::pass()
                }
                Err(error) => Finding::fail(error_type(&error)).with_detail(error.to_string()),
            }
        }
    })
}
