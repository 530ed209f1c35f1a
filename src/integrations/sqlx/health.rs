//! The check whether the database of a pool answers.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{Connection, Database, Error, Pool};

use super::error::error_type;
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
            let pinged = ping(&pool).await;
            pinged.map_or_else(
                |error| Finding::fail(error_type(&error)).with_detail(error.to_string()),
                |()| Finding::pass(),
            )
        }
    })
}

/// Asks the database over an idle connection of the pool, or over one of its own: where all are in use, what waits
/// for one of them says nothing about the database. So does an idle one that a restart of the server has broken.
async fn ping<DB: Database>(pool: &Pool<DB>) -> Result<(), Error> {
    if pool.is_closed() {
        return Err(Error::PoolClosed);
    }
    if let Some(idle) = pool.try_acquire()
        && Probe(Some(idle)).ping().await.is_ok()
    {
        return Ok(());
    }
    let options: Arc<_> = pool.connect_options();
    let mut connection = <DB::Connection as Connection>::connect_with(&options).await?;
    connection.ping().await?;
    connection.close().await
}

/// An idle connection, which goes back to the pool only if it has answered: one that hangs would be in use for as
/// long as its peer is silent, and each run would take a further one.
struct Probe<DB: Database>(Option<PoolConnection<DB>>);

impl<DB: Database> Probe<DB> {
    async fn ping(mut self) -> Result<(), Error> {
        if let Some(connection) = &mut self.0 {
            connection.ping().await?;
        }
        self.0 = None;
        Ok(())
    }
}

impl<DB: Database> Drop for Probe<DB> {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}
