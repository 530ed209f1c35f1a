use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{ColumnIndex, Database, Decode, Error, Executor, Pool, SqlSafeStr, SqlStr, Transaction};

use super::connection::MeasuredPoolConnection;
use super::driver::{Driver, OwnDriver};
use super::query::end;
use super::transaction::MeasuredTransaction;
use super::{health, queue};
use crate::PoolState;
use crate::integrations::pool::WaitRecorder;
use crate::record::instruments::{self, Query};
use crate::record::sync::lock;
use crate::telemetry::{Telemetry, WatchGuard};
use crate::watch::health::{CheckBuilder, CheckHandle};

/// A pool whose queries, transactions and waits are measured: `&db` runs what `&pool` would.
/// A cheap clone; the last one that goes ends the watching and the check, and leaves the pool as it is.
///
/// The [module](super) says what is recorded.
pub struct MeasuredPool<DB: Database> {
    pool: Pool<DB>,
    driver: &'static dyn Driver<DB>,
    waits: WaitRecorder,
    watched: Arc<Watched>,
}

/// The parts that last as long as the handle: the pool's figures and its check.
struct Watched {
    name: Box<str>,
    guard: WatchGuard,
    check: Mutex<Option<CheckHandle>>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(check) = lock(&self.check).take() {
            check.remove();
        }
    }
}

impl Telemetry {
    /// Measures and watches a pool of sqlx under this name, and registers the check of its database.
    ///
    /// The check has the name for its id, is critical and shared, and asks the database over an idle connection of
    /// the pool, or over one of its own where none is idle: a pool that is used up is no database that is down. A
    /// service that wants another one, or none, says
    /// [`without_health_check`](crate::integrations::sqlx::MeasuredPool::without_health_check). Of several pools of one
    /// name the one that was measured last has the check, so that a pool can be replaced.
    pub fn sqlx<DB: Database>(
        &self,
        name: &str,
        pool: Pool<DB>,
    ) -> crate::integrations::sqlx::MeasuredPool<DB>
    where
        for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    {
        let database = self.database(system_name::<DB>()).for_namespace(name);
        let waits = WaitRecorder::new(database, name);
        let (pending, sampled) = (waits.pending(), pool.clone());
        // The options of a pool lie in what all its clones share.
        let identity = std::ptr::from_ref(pool.options()).addr();
        let guard = self.watch_one_pool(name, identity, move || {
            let (size, idle) = (u64::from(sampled.size()), sampled.num_idle() as u64);
            PoolState {
                used: size.saturating_sub(idle),
                idle,
                max: u64::from(sampled.options().get_max_connections()),
                pending: pending.load(Ordering::Relaxed),
            }
        });
        let check = self.health_check(name).replaceable();
        let check = health::register(check, &pool, waits.database());
        MeasuredPool {
            pool,
            driver: &OwnDriver,
            waits,
            watched: Arc::new(Watched {
                name: name.into(),
                guard,
                check: Mutex::new(Some(check)),
            }),
        }
    }
}

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
        health::register(self, pool.pool(), pool.database())
    }
}

/// Returns the name that the conventions have for the database product.
fn system_name<DB: Database>() -> &'static str {
    match DB::NAME {
        "PostgreSQL" => "postgresql",
        "MySQL" => "mysql",
        "SQLite" => "sqlite",
        // The conventions' value for a product that is not known.
        _ => "other_sql",
    }
}

impl<DB: Database> MeasuredPool<DB> {
    /// Removes the check that [`Telemetry::sqlx`] has registered: its id is free again, for one such as
    /// `telemetry.health_check("shop").degrading().sqlx(&db)`.
    #[must_use]
    pub fn without_health_check(self) -> Self {
        let check = lock(&self.watched.check).take();
        if let Some(check) = check {
            check.remove();
        }
        self
    }

    /// Returns the pool itself, for what takes one, such as migrations. Nothing that runs there is measured.
    #[must_use]
    pub const fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    /// Watches a queue in the database until the guard is dropped, by a query that is run once per `interval`: the
    /// first column of its row is the number of jobs that wait, the second for how many seconds the oldest of them has
    /// been due, in any type of numbers. It may be left out, or be null while none waits.
    ///
    /// It runs on an idle connection of the pool, or on one of its own where none is idle, and is not measured.
    /// [`Telemetry::watch_queue_async`] says what becomes of a query that fails or takes too long.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use vantage_obs::integrations::sqlx::MeasuredPool;
    /// # fn f<DB: sqlx::Database>(db: MeasuredPool<DB>)
    /// # where for<'r> String: sqlx::Decode<'r, DB>, usize: sqlx::ColumnIndex<DB::Row> {
    /// let _watched = db.watch_queue(
    ///     "outbox",
    ///     Duration::from_secs(15),
    ///     "SELECT count(*), extract(epoch FROM now() - min(due)) FROM outbox WHERE due <= now()",
    /// );
    /// # }
    /// ```
    pub fn watch_queue(&self, name: &str, interval: Duration, query: impl SqlSafeStr) -> WatchGuard
    where
        for<'r> String: Decode<'r, DB>,
        usize: ColumnIndex<DB::Row>,
    {
        let (pool, driver, query) = (self.pool.clone(), self.driver, query.into_sql_str());
        let read = move || queue::read(pool.clone(), driver, query.clone());
        self.watched.guard.watch_queue_async(name, interval, read)
    }

    /// Takes a connection out of the pool, whose queries are measured: `execute(&mut *connection)`.
    ///
    /// # Errors
    ///
    /// As [`Pool::acquire`].
    pub async fn acquire(&self) -> Result<MeasuredPoolConnection<DB>, Error> {
        let connection = self.waits.wait(None, self.pool.acquire()).await?;
        Ok(MeasuredPoolConnection::new(
            connection,
            self.database(),
            self.driver,
        ))
    }

    /// Takes an idle connection out of the pool without waiting; `None` where none is idle.
    #[must_use]
    pub fn try_acquire(&self) -> Option<MeasuredPoolConnection<DB>> {
        let connection = self.pool.try_acquire()?;
        Some(MeasuredPoolConnection::new(
            connection,
            self.database(),
            self.driver,
        ))
    }

    /// Begins a transaction, whose queries are measured and whose end is counted: `execute(&mut *transaction)`.
    ///
    /// # Errors
    ///
    /// As [`Pool::begin`].
    pub async fn begin(&self) -> Result<MeasuredTransaction<'static, DB>, Error> {
        self.wait_and_begin(None).await
    }

    /// Begins a transaction by a statement such as `BEGIN IMMEDIATE` or `BEGIN ISOLATION LEVEL SERIALIZABLE`, measured
    /// as [`begin`](Self::begin) is.
    ///
    /// # Errors
    ///
    /// As [`Pool::begin_with`].
    pub async fn begin_with(
        &self,
        statement: impl SqlSafeStr,
    ) -> Result<MeasuredTransaction<'static, DB>, Error> {
        self.wait_and_begin(Some(statement.into_sql_str())).await
    }

    /// Begins a transaction on an idle connection without waiting; `None` where none is idle.
    ///
    /// # Errors
    ///
    /// As [`Pool::try_begin`].
    pub async fn try_begin(&self) -> Result<Option<MeasuredTransaction<'static, DB>>, Error> {
        self.begin_on_idle(None).await
    }

    /// Begins a transaction by a statement on an idle connection without waiting; `None` where none is idle.
    ///
    /// # Errors
    ///
    /// As [`Pool::try_begin_with`].
    pub async fn try_begin_with(
        &self,
        statement: impl SqlSafeStr,
    ) -> Result<Option<MeasuredTransaction<'static, DB>>, Error> {
        self.begin_on_idle(Some(statement.into_sql_str())).await
    }

    async fn wait_and_begin(
        &self,
        statement: Option<SqlStr>,
    ) -> Result<MeasuredTransaction<'static, DB>, Error> {
        let mut begin = self.database().query("BEGIN", "");
        let connection = self.connect(&mut begin).await;
        self.begin_on(connection, begin, statement).await
    }

    async fn begin_on_idle(
        &self,
        statement: Option<SqlStr>,
    ) -> Result<Option<MeasuredTransaction<'static, DB>>, Error> {
        let Some(connection) = self.pool.try_acquire() else {
            return Ok(None);
        };
        let begin = self.database().query("BEGIN", "");
        let begun = self.begin_on(Ok(connection), begin, statement).await;
        begun.map(Some)
    }

    async fn begin_on(
        &self,
        connection: Result<PoolConnection<DB>, Error>,
        begin: Query,
        statement: Option<SqlStr>,
    ) -> Result<MeasuredTransaction<'static, DB>, Error> {
        let begun = match connection {
            Ok(connection) => {
                let begun = Transaction::begin(connection, statement);
                begin.trace(begun).await
            }
            Err(error) => Err(error),
        };
        end(begin, &begun);
        Ok(MeasuredTransaction::begun(
            begun?,
            self.database(),
            self.driver,
        ))
    }

    /// Waits for a connection that `query` needs.
    pub(super) async fn connect(&self, query: &mut Query) -> Result<PoolConnection<DB>, Error> {
        self.waits.wait(Some(query), self.pool.acquire()).await
    }

    pub(super) const fn driver(&self) -> &'static dyn Driver<DB> {
        self.driver
    }

    pub(super) const fn database(&self) -> &instruments::Database {
        self.waits.database()
    }
}

impl<DB: Database> Clone for MeasuredPool<DB> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            driver: self.driver,
            waits: self.waits.clone(),
            watched: Arc::clone(&self.watched),
        }
    }
}

impl<DB: Database> fmt::Debug for MeasuredPool<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredPool")
            .field("name", &self.watched.name)
            .field("pool", &self.pool)
            .finish()
    }
}
