//! The store in PostgreSQL, which a fleet shares.
//!
//! Rows of workers come from several receivers at once. Which of two rows stays is the same rule as
//! everywhere, said in SQL where the row is locked, so that all receivers come to the same end.

mod rows;

mod status;

mod disjoint_ops;

mod revision;

#[cfg(test)]
mod backends;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{
    AlertStateRow, IncidentRow, Revision, SliceRow, SpanRow, Store, StoreError, StoreFuture,
    StoreOp, WorkerRow,
};
use crate::model::status::StatusId;
use crate::store::postgres_client::{
    PooledTransaction, PostgresAddress, PostgresError, PostgresPool, TransactionLimits, migrate,
    with_timeout,
};
use disjoint_ops::DisjointOps;
use revision::SnapshotHistory;
use rows::to_nanos;

/// The number of times that a transaction aborted by a conflict is retried at once.
const MAX_CONFLICT_RETRIES: usize = 3;
/// The most rows that one transaction deletes.
const DELETE_BATCH: i64 = 5_000;
/// The time after which one call stops deleting; the rest is deleted the next time.
const DELETE_TIME_LIMIT: Duration = Duration::from_secs(1);

/// A store in PostgreSQL. It connects and migrates when it is first asked, so that a service starts
/// without its database.
pub(crate) struct PostgresStore {
    pool: PostgresPool,
    timeout: Duration,
    migrated: AtomicBool,
    snapshots: SnapshotHistory,
}

impl PostgresStore {
    /// Creates a store. Each call takes at most `within`, on one of so many `connections`.
    pub(crate) fn new(address: PostgresAddress, within: Duration, connections: usize) -> Self {
        Self {
            pool: PostgresPool::new(address, connections),
            timeout: within,
            migrated: AtomicBool::new(false),
            snapshots: SnapshotHistory::default(),
        }
    }

    /// Begins a transaction, after the migrations.
    async fn begin(&self, mode: &'static str) -> Result<PooledTransaction, PostgresError> {
        if !self.migrated.load(Ordering::Relaxed) {
            migrate(&self.pool).await?;
            self.migrated.store(true, Ordering::Relaxed);
        }
        let limits = TransactionLimits {
            mode,
            statement: self.timeout,
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

    /// Writes groups in one transaction, and again after a conflict with another.
    async fn write(&self, groups: &[DisjointOps<'_>]) -> Result<(), PostgresError> {
        let mut retries = 0;
        loop {
            match self.write_once(groups).await {
                Err(error) if error.is_conflict() && retries < MAX_CONFLICT_RETRIES => retries += 1,
                result => return result,
            }
        }
    }

    async fn write_once(&self, groups: &[DisjointOps<'_>]) -> Result<(), PostgresError> {
        let mut transaction = self.begin("").await?;
        for group in groups {
            group.write(&mut transaction).await?;
        }
        transaction.commit().await
    }

    async fn read_workers(
        &self,
        since: Revision,
    ) -> Result<(Vec<WorkerRow>, Revision), PostgresError> {
        // One snapshot for both: what it is, and what it shows.
        let mut transaction = self
            .begin("ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        let now = transaction.query(revision::SELECT_SNAPSHOT, &[]).await?;
        let now = now
            .first()
            .map_or(Ok(String::new()), |row| row.try_get(0))?;
        let before = self.snapshots.snapshot_at(since, &now);
        let rows = transaction.query(rows::SELECT_WORKERS, &[&before]).await?;
        transaction.commit().await?;
        let workers: Vec<_> = rows.iter().filter_map(rows::decode_worker).collect();
        let revision = self
            .snapshots
            .record(since, &before, now, workers.is_empty());
        Ok((workers, revision))
    }

    async fn select(
        &self,
        sql: &'static str,
        values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Vec<tokio_postgres::Row>, PostgresError> {
        let mut transaction = self.begin("READ ONLY").await?;
        let rows = transaction.query(sql, values).await?;
        transaction.commit().await?;
        Ok(rows)
    }

    async fn delete_slices_in_batches(&self, before: i64) -> Result<u64, PostgresError> {
        let (started, mut removed) = (Instant::now(), 0);
        loop {
            let batch = with_timeout(self.timeout, async {
                let mut transaction = self.begin("").await?;
                let rows = transaction
                    .execute(DELETE_EXPIRED_SLICES, &[&before, &DELETE_BATCH])
                    .await?;
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

/// Rows that another process is removing already are left to it.
const DELETE_EXPIRED_SLICES: &str = "
DELETE FROM vantage_obs.slices WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM vantage_obs.slices WHERE end_ns < $1
    ORDER BY end_ns LIMIT $2 FOR UPDATE SKIP LOCKED
))";

const DELETE_EXPIRED_ALERT_STATES: &str = "DELETE FROM vantage_obs.notes WHERE written_ns < $1";

const SELECT_ALERT_STATES: &str = "
SELECT subject, written_ns, note FROM vantage_obs.notes WHERE instance = $1 ORDER BY subject";

const SELECT_INSTANCES: &str = "SELECT DISTINCT instance FROM vantage_obs.slices ORDER BY instance";

const SELECT_SLICES: &str = "
SELECT objective, start_ns, end_ns, good, bad, covered_ns FROM vantage_obs.slices
WHERE instance = $1 AND end_ns > $2 ORDER BY start_ns, objective";

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
            let groups = DisjointOps::split(ops);
            if groups.is_empty() {
                return Ok(());
            }
            self.with_timeout(self.write(&groups)).await
        })
    }

    fn workers(&self, since: Revision) -> StoreFuture<'_, (Vec<WorkerRow>, Revision)> {
        Box::pin(self.with_timeout(self.read_workers(since)))
    }

    fn instances(&self) -> StoreFuture<'_, Vec<Arc<str>>> {
        Box::pin(self.with_timeout(async move {
            let rows = self.select(SELECT_INSTANCES, &[]).await?;
            let instances = rows.iter().map(|row| Ok(row.try_get::<_, &str>(0)?.into()));
            instances.collect()
        }))
    }

    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> StoreFuture<'a, Vec<SliceRow>> {
        Box::pin(self.with_timeout(async move {
            let mut transaction = self.begin("READ ONLY").await?;
            let rows = transaction
                .query(SELECT_SLICES, &[&instance, &to_nanos(since)])
                .await?;
            transaction.commit().await?;
            rows.iter()
                .map(|row| rows::decode_slice(instance, row))
                .collect()
        }))
    }

    fn alert_states<'a>(&'a self, instance: &'a str) -> StoreFuture<'a, Vec<AlertStateRow>> {
        Box::pin(self.with_timeout(async move {
            let mut transaction = self.begin("READ ONLY").await?;
            let rows = transaction.query(SELECT_ALERT_STATES, &[&instance]).await?;
            transaction.commit().await?;
            rows.iter()
                .map(|row| rows::decode_alert_state(instance, row))
                .collect()
        }))
    }

    fn incidents(&self, since: Timestamp) -> StoreFuture<'_, Vec<IncidentRow>> {
        Box::pin(self.with_timeout(async move {
            let since = to_nanos(since);
            let rows = self.select(status::SELECT_INCIDENTS, &[&since]).await?;
            Ok(rows.iter().filter_map(status::decode_incident).collect())
        }))
    }

    fn incident(&self, id: StatusId) -> StoreFuture<'_, Option<IncidentRow>> {
        Box::pin(self.with_timeout(async move {
            let rows = self
                .select(status::SELECT_INCIDENT, &[&id.as_str()])
                .await?;
            Ok(rows.first().and_then(status::decode_incident))
        }))
    }

    fn spans(&self, since: i64) -> StoreFuture<'_, Vec<SpanRow>> {
        Box::pin(self.with_timeout(async move {
            let rows = self.select(status::SELECT_SPANS, &[&since]).await?;
            Ok(rows.iter().filter_map(status::decode_span).collect())
        }))
    }

    fn delete_expired_slices(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let removed = self.delete_slices_in_batches(to_nanos(before)).await?;
            self.with_timeout(async {
                let mut transaction = self.begin("").await?;
                transaction
                    .execute(DELETE_EXPIRED_ALERT_STATES, &[&to_nanos(before)])
                    .await?;
                transaction.commit().await
            })
            .await?;
            Ok(removed)
        })
    }

    fn delete_expired_status(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        Box::pin(self.with_timeout(async move {
            let (second, nanos) = (before.as_second(), to_nanos(before));
            let mut transaction = self.begin("").await?;
            let spans = transaction
                .execute(status::DELETE_EXPIRED_SPANS, &[&second])
                .await?;
            let incidents = transaction
                .execute(status::DELETE_EXPIRED_INCIDENTS, &[&nanos])
                .await?;
            transaction.commit().await?;
            Ok(spans + incidents)
        }))
    }

    fn acquire_lease<'a>(
        &'a self,
        lease: &'a str,
        instance: &'a str,
        ttl: Duration,
    ) -> StoreFuture<'a, bool> {
        Box::pin(self.with_timeout(async move {
            let milliseconds = ttl.as_secs_f64() * 1e3;
            let mut transaction = self.begin("").await?;
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
                [&lease, &instance, &milliseconds];
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
