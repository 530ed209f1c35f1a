//! The store in PostgreSQL, which a fleet shares.
//!
//! Rows of workers come from several receivers at once. Which of two rows stays is the same rule as
//! everywhere, applied while the record is locked, so that all receivers come to the same end.
//!
//! | call | isolation | limits |
//! |---|---|---|
//! | commit | read committed, rows locked in the order of their keys | the store's timeout; locks half of it |
//! | changed | repeatable read, read only | the store's timeout |
//! | list, slices | read only | the store's timeout |
//! | deletion | batches of 5,000 rows, locked rows skipped | a second |
//!
//! Nothing here depends on the clocks of the processes: leases are by the server's, and revisions
//! are snapshots.

mod records;

mod revision;

mod slices;

#[cfg(test)]
mod backends;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::op::{self, RecordBatch};
use super::record::to_nanos;
use super::{RecordKind, Revision, SliceRow, Store, StoreError, StoreFuture, StoreOp};
#[cfg(feature = "cli")]
use crate::store::postgres_client::require_schema;
use crate::store::postgres_client::{
    PooledTransaction, PostgresAddress, PostgresError, PostgresPool, TransactionLimits, migrate,
    with_timeout,
};
use revision::SnapshotHistory;

/// The number of times that a transaction aborted by a conflict is retried at once.
///
/// After that the writer's own backoff takes over, which spreads the processes.
const MAX_CONFLICT_RETRIES: usize = 3;
/// The most rows that one transaction deletes.
///
/// Short transactions leave room for others, and for autovacuum.
const DELETE_BATCH: i64 = 5_000;
/// The time after which one call stops deleting; the rest is deleted the next time.
const DELETE_TIME_LIMIT: Duration = Duration::from_secs(1);

/// A store in PostgreSQL. It connects and migrates when it is first asked, so that a service starts
/// without its database.
pub(crate) struct PostgresStore {
    pool: PostgresPool,
    /// Of every call, and of each of its statements on the server: a server that has not noticed
    /// our end gives up by itself.
    timeout: Duration,
    /// The schema is there.
    /// Relaxed: migrating twice is harmless, and the schema's own lock orders the processes.
    migrated: AtomicBool,
    #[cfg(feature = "cli")]
    is_reader: bool,
    snapshots: SnapshotHistory,
}

impl PostgresStore {
    /// Creates a store. Each call takes at most `within`, on one of so many `connections`.
    pub(crate) fn new(address: PostgresAddress, within: Duration, connections: usize) -> Self {
        Self {
            pool: PostgresPool::new(address, connections),
            timeout: within,
            migrated: AtomicBool::new(false),
            #[cfg(feature = "cli")]
            is_reader: false,
            snapshots: SnapshotHistory::default(),
        }
    }

    /// Creates one for a reader, which finds the schema or fails.
    #[cfg(feature = "cli")]
    pub(crate) fn for_reader(address: PostgresAddress, within: Duration) -> Self {
        Self {
            is_reader: true,
            ..Self::new(address, within, 1)
        }
    }

    async fn prepare_schema(&self) -> Result<(), PostgresError> {
        #[cfg(feature = "cli")]
        if self.is_reader {
            return require_schema(&self.pool).await;
        }
        migrate(&self.pool).await
    }

    /// Begins a transaction, after the migrations.
    async fn begin(&self, mode: &'static str) -> Result<PooledTransaction, PostgresError> {
        if !self.migrated.load(Ordering::Relaxed) {
            self.prepare_schema().await?;
            self.migrated.store(true, Ordering::Relaxed);
        }
        let limits = TransactionLimits {
            mode,
            statement: self.timeout,
            // Shorter than the statement: waiting for a lock is told apart from a statement that is
            // slow.
            lock: self.timeout / 2,
        };
        self.pool.begin(limits).await
    }

    /// Runs a task by its deadline.
    async fn with_timeout<T>(
        &self,
        task: impl Future<Output = Result<T, PostgresError>>,
    ) -> Result<T, StoreError> {
        with_timeout(self.timeout, task).await.map_err(|error| {
            if error.is_missing_table() {
                // The schema was dropped: the next call makes it anew.
                self.migrated.store(false, Ordering::Relaxed);
            }
            error.into()
        })
    }

    /// Writes operations in one transaction, and again after a conflict with another.
    async fn write(&self, ops: &[StoreOp]) -> Result<(), PostgresError> {
        let mut retries = 0;
        loop {
            match self.write_once(ops).await {
                // A deadlock or a serialization failure: the server has rolled one of the two back,
                // and it only has to come again.
                Err(error) if error.is_conflict() && retries < MAX_CONFLICT_RETRIES => retries += 1,
                result => return result,
            }
        }
    }

    async fn write_once(&self, ops: &[StoreOp]) -> Result<(), PostgresError> {
        let mut transaction = self.begin("").await?;
        // Records first: they take locks, and the sooner they do the less is done in vain.
        records::write(&mut transaction, RecordBatch::new(ops, true)).await?;
        slices::write(&mut transaction, op::slices(ops)).await?;
        transaction.commit().await
    }

    async fn read_changed(
        &self,
        kind: RecordKind,
        since: Revision,
    ) -> Result<(Vec<String>, Revision), PostgresError> {
        // One snapshot for both: what it is, and what it shows.
        let mut transaction = self
            .begin("ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        let now = transaction.query(revision::SELECT_SNAPSHOT, &[]).await?;
        let now = now
            .first()
            .map_or(Ok(String::new()), |row| row.try_get(0))?;
        // Inside the transaction's snapshot, so that what is read and what is remembered agree.
        let before = self.snapshots.snapshot_at(since, &now);
        let rows = transaction
            .query(records::CHANGED, &[&kind.as_str(), &before])
            .await?;
        transaction.commit().await?;
        let revision = self.snapshots.record(since, &before, now, rows.is_empty());
        Ok((first_column(&rows)?, revision))
    }

    /// Runs one query in a transaction of its own, which carries the limits.
    async fn select(
        &self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, PostgresError> {
        let mut transaction = self.begin("READ ONLY").await?;
        let rows = transaction.query(sql, values).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    /// Deletes rows with a statement whose parameters are a time, the most rows, and `more`.
    async fn delete_in_batches(
        &self,
        sql: &'static str,
        before: Timestamp,
        more: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, StoreError> {
        let (started, mut removed, before) = (Instant::now(), 0, to_nanos(before));
        let parameters = [&[&before as &(dyn ToSql + Sync), &DELETE_BATCH], more].concat();
        loop {
            // Each batch has a deadline of its own: deleting a backlog of weeks may take longer
            // than one call.
            let batch = self.with_timeout(async {
                let mut transaction = self.begin("").await?;
                let rows = transaction.execute(sql, &parameters).await?;
                transaction.commit().await?;
                Ok(rows)
            });
            let rows = batch.await?;
            removed += rows;
            if i64::try_from(rows).is_ok_and(|rows| rows < DELETE_BATCH)
                || started.elapsed() > DELETE_TIME_LIMIT
            {
                return Ok(removed);
            }
        }
    }
}

/// Returns the text of each row.
fn first_column<T: for<'a> From<&'a str>>(rows: &[Row]) -> Result<Vec<T>, PostgresError> {
    let texts = rows.iter().map(|row| Ok(row.try_get::<_, &str>(0)?.into()));
    texts.collect()
}

/// By the server's clock, and after any wait for the row: the processes' clocks may differ.
const ACQUIRE_LEASE: &str = "
INSERT INTO vantage_obs.leases AS lease (matter, holder, until)
VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
ON CONFLICT (matter) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE lease.holder = excluded.holder OR lease.until <= clock_timestamp()
RETURNING true";

impl Store for PostgresStore {
    fn commit<'a>(&'a self, ops: &'a [StoreOp]) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            if ops.is_empty() {
                return Ok(());
            }
            self.with_timeout(self.write(ops)).await
        })
    }

    fn list<'a>(
        &'a self,
        kind: RecordKind,
        prefix: &'a str,
        since: Timestamp,
    ) -> StoreFuture<'a, Vec<String>> {
        Box::pin(self.with_timeout(async move {
            let (kind, since) = (kind.as_str(), to_nanos(since));
            let values: [&(dyn ToSql + Sync); 3] = [&kind, &prefix, &since];
            first_column(&self.select(records::LIST, &values).await?)
        }))
    }

    fn changed(
        &self,
        kind: RecordKind,
        since: Revision,
    ) -> StoreFuture<'_, (Vec<String>, Revision)> {
        Box::pin(self.with_timeout(self.read_changed(kind, since)))
    }

    fn instances(&self) -> StoreFuture<'_, Vec<Arc<str>>> {
        Box::pin(self.with_timeout(async move {
            first_column(&self.select(slices::SELECT_INSTANCES, &[]).await?)
        }))
    }

    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> StoreFuture<'a, Vec<SliceRow>> {
        Box::pin(self.with_timeout(async move {
            let values: [&(dyn ToSql + Sync); 2] = [&instance, &to_nanos(since)];
            let rows = self.select(slices::SELECT, &values).await?;
            let decoded = rows.iter().map(|row| slices::decode(instance, row));
            decoded.collect()
        }))
    }

    fn delete_expired_slices(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        Box::pin(self.delete_in_batches(slices::DELETE_EXPIRED, before, &[]))
    }

    fn delete_expired(&self, kind: RecordKind, before: Timestamp) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let kind = kind.as_str();
            self.delete_in_batches(records::DELETE_EXPIRED, before, &[&kind])
                .await
        })
    }

    fn acquire_lease<'a>(
        &'a self,
        lease: &'a str,
        instance: &'a str,
        ttl: Duration,
    ) -> StoreFuture<'a, bool> {
        Box::pin(self.with_timeout(async move {
            // As a float, because `interval` takes one; a lease is minutes, and no digit of it
            // matters.
            let milliseconds = ttl.as_secs_f64() * 1e3;
            let mut transaction = self.begin("").await?;
            let values: [&(dyn ToSql + Sync); 3] = [&lease, &instance, &milliseconds];
            let rows = transaction.query(ACQUIRE_LEASE, &values).await?;
            transaction.commit().await?;
            Ok(!rows.is_empty())
        }))
    }

    fn is_shared(&self) -> bool {
        true
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

impl From<PostgresError> for StoreError {
    fn from(error: PostgresError) -> Self {
        Self {
            message: error.to_string(),
            transient: error.is_transient(),
            source: Some(error.into()),
        }
    }
}
