use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use deadpool::managed::{Manager, Object, Pool, PoolError, Timeouts};

use crate::PoolState;
use crate::integrations::pool::{AcquireError as _, WaitRecorder};
use crate::record::instruments::Database;
use crate::telemetry::{Telemetry, WatchGuard};

/// The conventional names of the products behind the pools that deadpool has crates for.
const SYSTEMS: [(&str, &str); 6] = [
    ("deadpool_memcached::", "memcached"),
    ("deadpool_postgres::", "postgresql"),
    ("deadpool_redis::", "redis"),
    ("deadpool_sqlite::", "sqlite"),
    ("deadpool_tiberius::", "microsoft.sql_server"),
    // The conventions' value for a product that is not known.
    ("", "other_sql"),
];

/// A pool whose waits are measured: [`get`](Self::get) takes the place of the pool's own. A cheap clone; the last one that
/// goes ends the watching, and leaves the pool as it is.
///
/// The [module](super) says what is recorded.
pub struct MeasuredPool<M: Manager, W: From<Object<M>> = Object<M>> {
    pool: Pool<M, W>,
    name: Arc<str>,
    waits: WaitRecorder,
    _guard: Arc<WatchGuard>,
}

impl Telemetry {
    /// Measures and watches a pool of deadpool under this name, until the last clone of the handle is dropped.
    pub fn deadpool<M, W>(
        &self,
        name: &str,
        pool: &Pool<M, W>,
    ) -> crate::integrations::deadpool::MeasuredPool<M, W>
    where
        M: Manager<Error: std::error::Error> + 'static,
        W: From<Object<M>> + 'static,
    {
        // Of a type of its own for each manager; those of tokio-postgres itself are known from the start.
        self.classify_errors_by_default(|error: &PoolError<M::Error>| error.error_type());
        let database = self.database(system_name::<M>()).for_namespace(name);
        let sampled = pool.clone();
        // The manager of a pool lies in what all its clones share.
        let identity = std::ptr::from_ref(pool.manager()).cast::<()>().addr();
        let guard = self.watch_one_pool(name, identity, move || {
            let status = sampled.status();
            PoolState {
                used: status.size.saturating_sub(status.available) as u64,
                idle: status.available as u64,
                max: status.max_size as u64,
                pending: status.waiting as u64,
            }
        });
        MeasuredPool {
            pool: pool.clone(),
            name: name.into(),
            waits: WaitRecorder::new(database, name),
            _guard: Arc::new(guard),
        }
    }
}

/// Returns the conventional name of the product whose connections the manager makes.
fn system_name<M>() -> &'static str {
    let manager = type_name::<M>();
    let mut known = SYSTEMS.iter();
    let known = known.find(|(owner, _)| manager.starts_with(owner));
    known.map_or("other_sql", |(_, system)| system)
}

impl<M, W> MeasuredPool<M, W>
where
    M: Manager<Error: std::error::Error> + 'static,
    W: From<Object<M>>,
{
    /// Takes a connection out of the pool.
    ///
    /// # Errors
    ///
    /// As [`Pool::get`].
    pub async fn get(&self) -> Result<W, PoolError<M::Error>> {
        self.waits.wait(None, self.pool.get()).await
    }

    /// Takes a connection out of the pool within other time limits than the pool's.
    ///
    /// # Errors
    ///
    /// As [`Pool::timeout_get`].
    pub async fn timeout_get(&self, timeouts: &Timeouts) -> Result<W, PoolError<M::Error>> {
        self.waits.wait(None, self.pool.timeout_get(timeouts)).await
    }
}

impl<M: Manager, W: From<Object<M>>> MeasuredPool<M, W> {
    /// Returns the handle for calls to the database, such as `db.database().run("SELECT", "orders", future)`.
    #[must_use]
    pub const fn database(&self) -> &Database {
        self.waits.database()
    }

    /// Returns the pool itself. Who waits there is not measured.
    #[must_use]
    pub const fn pool(&self) -> &Pool<M, W> {
        &self.pool
    }
}

impl<M: Manager, W: From<Object<M>>> Clone for MeasuredPool<M, W> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            name: Arc::clone(&self.name),
            waits: self.waits.clone(),
            _guard: Arc::clone(&self._guard),
        }
    }
}

impl<M: Manager, W: From<Object<M>>> fmt::Debug for MeasuredPool<M, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeasuredPool")
            .field("name", &self.name)
            .field("status", &self.pool.status())
            .finish()
    }
}
