//! The check whether the database of a pool answers.

use sqlx::{Database, Pool};

use super::spare::SpareConnection;
use crate::record::instruments;
use crate::record::library_errors::sqlx::error_type;
use crate::watch::health::{CheckBuilder, CheckHandle, Finding};

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
