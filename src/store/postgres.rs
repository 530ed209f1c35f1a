//! The store that a fleet shares.
//!
//! Rows of workers come from several receivers at once. Which of two rows stays is the same rule as
//! everywhere, said in SQL where the row is locked, so that all receivers come to the same end.

mod rows;

mod status;

mod changes;

mod revision;

#[cfg(test)]
mod backends;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{
    Answer, BulletinRow, Change, NoteRow, Revision, SliceRow, SpanRow, Store, StoreError, WorkerRow,
};
use crate::model::status::StatusId;
use crate::store::postgres_client::{
    Address, Limits, Pool, PostgresError, Transaction, migrate, within,
};
use changes::Wave;
use revision::Seen;
use rows::nanos;

/// How often a transaction that gave way to another is tried again at once.
const CONFLICTS: usize = 3;
/// Rows that one transaction removes.
const BATCH: i64 = 5_000;
/// For how long one call goes on removing; what is left goes the next time.
const SWEEPING: Duration = Duration::from_secs(1);

/// A store in PostgreSQL. It connects and migrates when it is first asked, so that a service starts
/// without its database.
pub(crate) struct Postgres {
    pool: Pool,
    within: Duration,
    prepared: AtomicBool,
    seen: Seen,
}

impl Postgres {
    /// Each call takes at most `within`, on one of so many `connections`.
    pub(crate) fn new(address: Address, within: Duration, connections: usize) -> Self {
        Self {
            pool: Pool::new(address, connections),
            within,
            prepared: AtomicBool::new(false),
            seen: Seen::default(),
        }
    }

    /// A transaction on a schema that is complete.
    async fn begin(&self, mode: &'static str) -> Result<Transaction, PostgresError> {
        if !self.prepared.load(Ordering::Relaxed) {
            migrate(&self.pool).await?;
            self.prepared.store(true, Ordering::Relaxed);
        }
        let limits = Limits {
            mode,
            statement: self.within,
            lock: self.within / 2,
        };
        self.pool.begin(limits).await
    }

    /// Does a piece of work by its deadline.
    async fn by_deadline<T>(
        &self,
        work: impl Future<Output = Result<T, PostgresError>>,
    ) -> Result<T, StoreError> {
        within(self.within, work).await.map_err(|error| {
            if error.is_unprepared() {
                // Somebody has removed the schema: the next call makes it anew.
                self.prepared.store(false, Ordering::Relaxed);
            }
            error.into()
        })
    }

    /// Writes waves, again where another transaction was in the way.
    async fn write(&self, waves: &[Wave<'_>]) -> Result<(), PostgresError> {
        let mut tries = 0;
        loop {
            match self.write_once(waves).await {
                Err(error) if error.is_conflict() && tries < CONFLICTS => tries += 1,
                done => return done,
            }
        }
    }

    async fn write_once(&self, waves: &[Wave<'_>]) -> Result<(), PostgresError> {
        let mut transaction = self.begin("").await?;
        for wave in waves {
            wave.write(&mut transaction).await?;
        }
        transaction.commit().await
    }

    async fn read(&self, since: Revision) -> Result<(Vec<WorkerRow>, Revision), PostgresError> {
        // One snapshot for both: what it is, and what it shows.
        let mut transaction = self
            .begin("ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        let now = transaction.query(revision::SNAPSHOT, &[]).await?;
        let now = now
            .first()
            .map_or(Ok(String::new()), |row| row.try_get(0))?;
        let before = self.seen.snapshot(since, &now);
        let rows = transaction.query(rows::SELECT_WORKERS, &[&before]).await?;
        transaction.commit().await?;
        let workers: Vec<_> = rows.iter().filter_map(rows::worker).collect();
        let revision = self.seen.remember(since, &before, now, workers.is_empty());
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

    async fn sweep_batches(&self, before: i64) -> Result<u64, PostgresError> {
        let (started, mut removed) = (Instant::now(), 0);
        loop {
            let batch = within(self.within, async {
                let mut transaction = self.begin("").await?;
                let rows = transaction.execute(SWEEP, &[&before, &BATCH]).await?;
                transaction.commit().await?;
                Ok(rows)
            });
            let rows = batch.await?;
            removed += rows;
            if i64::try_from(rows).is_ok_and(|rows| rows < BATCH) || started.elapsed() > SWEEPING {
                return Ok(removed);
            }
        }
    }
}

/// Rows that another process is removing already are left to it.
const SWEEP: &str = "
DELETE FROM vantage_obs.slices WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM vantage_obs.slices WHERE end_ns < $1
    ORDER BY end_ns LIMIT $2 FOR UPDATE SKIP LOCKED
))";

const SWEEP_NOTES: &str = "DELETE FROM vantage_obs.notes WHERE written_ns < $1";

const NOTES: &str = "
SELECT subject, written_ns, note FROM vantage_obs.notes WHERE instance = $1 ORDER BY subject";

const INSTANCES: &str = "SELECT DISTINCT instance FROM vantage_obs.slices ORDER BY instance";

const SLICES: &str = "
SELECT objective, start_ns, end_ns, good, bad, covered_ns FROM vantage_obs.slices
WHERE instance = $1 AND end_ns > $2 ORDER BY start_ns, objective";

/// By the server's clock, and after any wait for the row: the processes' clocks may differ.
const LEAD: &str = "
INSERT INTO vantage_obs.leases AS lease (matter, holder, until)
VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
ON CONFLICT (matter) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE lease.holder = excluded.holder OR lease.until <= clock_timestamp()
RETURNING true";

impl Store for Postgres {
    fn commit<'a>(&'a self, changes: &'a [Change]) -> Answer<'a, ()> {
        Box::pin(async move {
            let waves = Wave::of(changes);
            if waves.is_empty() {
                return Ok(());
            }
            self.by_deadline(self.write(&waves)).await
        })
    }

    fn workers(&self, since: Revision) -> Answer<'_, (Vec<WorkerRow>, Revision)> {
        Box::pin(self.by_deadline(self.read(since)))
    }

    fn instances(&self) -> Answer<'_, Vec<Arc<str>>> {
        Box::pin(self.by_deadline(async move {
            let rows = self.select(INSTANCES, &[]).await?;
            let names = rows.iter().map(|row| Ok(row.try_get::<_, &str>(0)?.into()));
            names.collect()
        }))
    }

    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> Answer<'a, Vec<SliceRow>> {
        Box::pin(self.by_deadline(async move {
            let mut transaction = self.begin("READ ONLY").await?;
            let rows = transaction
                .query(SLICES, &[&instance, &nanos(since)])
                .await?;
            transaction.commit().await?;
            rows.iter().map(|row| rows::slice(instance, row)).collect()
        }))
    }

    fn notes<'a>(&'a self, instance: &'a str) -> Answer<'a, Vec<NoteRow>> {
        Box::pin(self.by_deadline(async move {
            let mut transaction = self.begin("READ ONLY").await?;
            let rows = transaction.query(NOTES, &[&instance]).await?;
            transaction.commit().await?;
            rows.iter().map(|row| rows::note(instance, row)).collect()
        }))
    }

    fn bulletins(&self, since: Timestamp) -> Answer<'_, Vec<BulletinRow>> {
        Box::pin(self.by_deadline(async move {
            let since = nanos(since);
            let rows = self.select(status::BULLETINS, &[&since]).await?;
            Ok(rows.iter().filter_map(status::bulletin).collect())
        }))
    }

    fn bulletin(&self, id: StatusId) -> Answer<'_, Option<BulletinRow>> {
        Box::pin(self.by_deadline(async move {
            let rows = self.select(status::BULLETIN, &[&id.as_str()]).await?;
            Ok(rows.first().and_then(status::bulletin))
        }))
    }

    fn spans(&self, since: i64) -> Answer<'_, Vec<SpanRow>> {
        Box::pin(self.by_deadline(async move {
            let rows = self.select(status::SPANS, &[&since]).await?;
            Ok(rows.iter().filter_map(status::span).collect())
        }))
    }

    fn sweep(&self, before: Timestamp) -> Answer<'_, u64> {
        Box::pin(async move {
            let removed = self.sweep_batches(nanos(before)).await?;
            self.by_deadline(async {
                let mut transaction = self.begin("").await?;
                transaction.execute(SWEEP_NOTES, &[&nanos(before)]).await?;
                transaction.commit().await
            })
            .await?;
            Ok(removed)
        })
    }

    fn sweep_status(&self, before: Timestamp) -> Answer<'_, u64> {
        Box::pin(self.by_deadline(async move {
            let (second, nanos) = (before.as_second(), nanos(before));
            let mut transaction = self.begin("").await?;
            let spans = transaction.execute(status::SWEEP_SPANS, &[&second]).await?;
            let bulletins = transaction
                .execute(status::SWEEP_BULLETINS, &[&nanos])
                .await?;
            transaction.commit().await?;
            Ok(spans + bulletins)
        }))
    }

    fn lead<'a>(&'a self, matter: &'a str, instance: &'a str, ttl: Duration) -> Answer<'a, bool> {
        Box::pin(self.by_deadline(async move {
            let milliseconds = ttl.as_secs_f64() * 1e3;
            let mut transaction = self.begin("").await?;
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
                [&matter, &instance, &milliseconds];
            let leads = transaction.query(LEAD, &values).await?;
            transaction.commit().await?;
            Ok(!leads.is_empty())
        }))
    }

    fn is_shared(&self) -> bool {
        true
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

impl From<PostgresError> for StoreError {
    fn from(error: PostgresError) -> Self {
        Self {
            what: error.to_string(),
            passing: error.is_passing(),
            cause: Some(error.into()),
        }
    }
}
