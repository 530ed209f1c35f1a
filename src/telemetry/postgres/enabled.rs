//! A PostgreSQL that is watched.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, Secret, StoreKind};
use crate::model::snapshot;
use crate::record::instruments::observe_databases;
use crate::record::series::Instruments;
use crate::store::postgres_client::{
    DatabaseSampler, LatestDatabase, PostgresAddress, PostgresError, QueueQuery,
};
use crate::store::{PostgresStore, Store};
use crate::telemetry::{InitError, Telemetry, WatchGuard};
use crate::watch::health::CheckBuilder;

/// The time limit of one call to the store's database; its writer gives up a little later.
/// So the error names the call that hung, and not the writer that waited.
const STORE_CALL_TIMEOUT: Duration = Duration::from_secs(4);

/// The time limits of the query for a queue, by the interval between two of them.
const MIN_QUERY_TIME: Duration = Duration::from_secs(1);
const MAX_QUERY_TIME: Duration = Duration::from_secs(10);

impl Telemetry {
    /// Watches a PostgreSQL database until the guard is dropped: reads its sizes, scans, transactions,
    /// connections, deadlocks and block reads every 15 to 60 seconds, on a thread of its own.
    ///
    /// An ordinary user will do; what it may not read is left out. While the server does not answer
    /// its figures are gone, and `vantage.database.up` of the namespace `name` is 0.
    ///
    /// ```no_run
    /// # use vantage_obs::config::Secret;
    /// # fn f(telemetry: &vantage_obs::Telemetry) -> Result<(), vantage_obs::PostgresError> {
    /// let url = Secret::new("postgres://watcher:secret@db.internal/app?sslmode=prefer");
    /// let _watch = telemetry.watch_postgres("app", &url)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the URL or its certificates cannot be right, which is a fault of whoever wrote them, or
    /// no thread could be started. A server that is not there is no error.
    pub fn watch_postgres(&self, name: &str, url: &Secret) -> Result<WatchGuard, PostgresError> {
        let address = PostgresAddress::parse(url)?;
        self.watch_address(name, address)
    }

    /// Watches a queue that is a table of a PostgreSQL, as [`watch_queue_async`](Self::watch_queue_async) does, over a
    /// connection of its own.
    ///
    /// `sql` returns one row of two columns: the number of jobs that wait, and for how many seconds the oldest has been due,
    /// or `NULL`. It runs in a transaction that can't write.
    ///
    /// ```no_run
    /// # use vantage_obs::config::Secret;
    /// # fn f(telemetry: &vantage_obs::Telemetry) -> Result<(), vantage_obs::PostgresError> {
    /// use std::time::Duration;
    ///
    /// let url = Secret::new("postgres://watcher:secret@db.internal/app");
    /// let sql = "SELECT count(*), extract(epoch FROM now() - min(run_at)) FROM jobs WHERE run_at <= now()";
    /// let _watch = telemetry.watch_postgres_queue("orders", Duration::from_secs(15), &url, sql)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// When the URL or its certificates cannot be right. A server that is not there, or refuses the query, is no error:
    /// the log says it.
    pub fn watch_postgres_queue(
        &self,
        name: &str,
        interval: Duration,
        url: &Secret,
        sql: &str,
    ) -> Result<WatchGuard, PostgresError> {
        let address = PostgresAddress::parse(url)?;
        let query = QueueQuery::new(address, sql, interval.clamp(MIN_QUERY_TIME, MAX_QUERY_TIME));
        Ok(self.watch_queue_async(name, interval, move || {
            let query = query.clone();
            async move { query.read().await }
        }))
    }

    /// The same for an address that was understood already.
    fn watch_address(
        &self,
        name: &str,
        address: PostgresAddress,
    ) -> Result<WatchGuard, PostgresError> {
        let latest = LatestDatabase::default();
        let database = self.database("postgresql").for_namespace(name);
        // Without a reader there are no figures, and the guard is the same.
        let reader = if self.0.config.config.disabled {
            None
        } else {
            // By the reader and not by the sampler: `up` changes with each attempt, also while the
            // last figures are still shown.
            let told = move |up| database.record_up(up);
            let watcher = DatabaseSampler::start(
                address,
                Arc::clone(&latest),
                told,
                &self.0.recording.supervisor,
            )?;
            Some(Box::new(watcher) as Box<dyn Any + Send + Sync>)
        };
        let read = Arc::new(move || latest.load_full());
        let sampler = &self.0.watch.sampler;
        let id = sampler.watch_database(name, read);
        Ok(WatchGuard::new(sampler, id, reader))
    }

    /// A database that is our store is watched, whether or not the service watches it too.
    pub(crate) fn watch_store(&self) -> Result<(), InitError> {
        let config = &self.0.config.config;
        if config.disabled || config.store.kind != StoreKind::Postgres {
            return Ok(());
        }
        let address = store_address(config).map_err(InitError::Store)?;
        let watch = self.watch_address("store", address);
        let watch = watch.map_err(|error| InitError::Store(io::Error::other(error)))?;
        self.0.background.keep(watch);
        Ok(())
    }
}

/// Opens the store of the configuration.
pub(crate) fn open_store(config: &Config) -> io::Result<Arc<dyn Store>> {
    let address = store_address(config)?;
    let pool_size = config.store.pool_size;
    Ok(Arc::new(PostgresStore::new(
        address,
        STORE_CALL_TIMEOUT,
        pool_size,
    )))
}

fn store_address(config: &Config) -> io::Result<PostgresAddress> {
    let none = || io::Error::new(io::ErrorKind::InvalidInput, "store.url is missing");
    let url = config.store.url.as_ref().ok_or_else(none)?;
    PostgresAddress::parse(url).map_err(io::Error::other)
}

/// Shows the figures of the databases that are watched.
pub(crate) fn observe(instruments: &Instruments, latest: &snapshot::LatestSnapshot) {
    observe_databases(instruments, latest);
}

/// Names the database whose state a check of this id reports.
pub(crate) fn with_database(check: CheckBuilder, telemetry: &Telemetry, id: &str) -> CheckBuilder {
    check.with_database(telemetry.database("postgresql").for_namespace(id))
}
