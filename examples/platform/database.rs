//! The platform's table, in an embedded database or in PostgreSQL, behind one measured pool.

mod postgres;
mod sqlite;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use vantage_obs::instruments::{Database as Measured, Pool};
use vantage_obs::{PoolState, Telemetry};

use crate::PlatformResult;

/// Connections of the pool.
const CONNECTIONS: usize = 4;
/// The time for which a caller waits for one of them.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A name that no real database has: `--database` may point at one, and the clean-up deletes.
const TABLE: &str = "vantage_example_posts";

/// A statement with at most one parameter, in the SQL that both databases read.
struct Statement {
    operation: &'static str,
    sql: &'static str,
    result: StatementResult,
}

/// The kind of result of a statement.
#[derive(Clone, Copy)]
enum StatementResult {
    /// The number in its one row.
    Value,
    /// The number of rows that it changed.
    RowsChanged,
}

enum Parameter {
    None,
    Id(i64),
    Text(String),
}

const INSERT: Statement = Statement {
    operation: "INSERT",
    sql: "INSERT INTO vantage_example_posts (body) VALUES ($1) RETURNING id",
    result: StatementResult::Value,
};
const PUBLISH: Statement = Statement {
    operation: "UPDATE",
    sql: "UPDATE vantage_example_posts SET published = 1 WHERE id = $1",
    result: StatementResult::RowsChanged,
};
const FIND: Statement = Statement {
    operation: "SELECT",
    sql: "SELECT count(*) FROM vantage_example_posts WHERE id = $1",
    result: StatementResult::Value,
};
const COUNT: Statement = Statement {
    operation: "SELECT",
    sql: "SELECT count(*) FROM vantage_example_posts",
    result: StatementResult::Value,
};
/// Keeps the latest thousand, which clients still ask for.
const REMOVE_OLD: Statement = Statement {
    operation: "DELETE",
    sql: "DELETE FROM vantage_example_posts WHERE published = 1 \
          AND id <= (SELECT max(id) FROM vantage_example_posts) - 1000",
    result: StatementResult::RowsChanged,
};

pub(crate) struct Database {
    backend: Backend,
    metrics: Measured,
    pool: Pool,
    permits: Semaphore,
    pending: AtomicU64,
}

enum Backend {
    Sqlite(sqlite::SqliteDatabase),
    Postgres(Box<postgres::PostgresDatabase>),
}

impl Database {
    pub(crate) async fn open(telemetry: &Telemetry, url: Option<&str>) -> PlatformResult<Self> {
        let (backend, system) = match url {
            Some(url) => (
                Backend::Postgres(Box::new(postgres::PostgresDatabase::open(url).await?)),
                "postgresql",
            ),
            None => (Backend::Sqlite(sqlite::SqliteDatabase::open()?), "sqlite"),
        };
        let measured = telemetry.database(system);
        Ok(Self {
            backend,
            pool: measured.pool("primary"),
            metrics: measured,
            permits: Semaphore::new(CONNECTIONS),
            pending: AtomicU64::new(0),
        })
    }

    /// Connections in use and open, and callers that wait for one.
    pub(crate) fn state(&self) -> PoolState {
        let idle = match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.idle(),
            Backend::Postgres(postgres) => postgres.idle(),
        };
        PoolState {
            used: (CONNECTIONS - self.permits.available_permits()) as u64,
            idle: idle as u64,
            max: CONNECTIONS as u64,
            pending: self.pending.load(Ordering::Relaxed),
        }
    }

    /// The product, whose figures a health check sets.
    pub(crate) const fn metrics(&self) -> &Measured {
        &self.metrics
    }

    /// Stores a post in a transaction, and answers its id.
    pub(crate) async fn insert_post(&self, body: &str) -> PlatformResult<u64> {
        let transaction = self.metrics.transaction();
        let inserted = self.run(&INSERT, Parameter::Text(body.to_owned())).await;
        if inserted.is_ok() {
            transaction.commit();
        } else {
            transaction.roll_back();
        }
        inserted
    }

    pub(crate) async fn publish(&self, id: u64) -> PlatformResult<u64> {
        self.run(&PUBLISH, Parameter::Id(i64::try_from(id)?)).await
    }

    pub(crate) async fn find(&self, id: u64) -> PlatformResult<bool> {
        let id = Parameter::Id(i64::try_from(id)?);
        Ok(self.run(&FIND, id).await? > 0)
    }

    pub(crate) async fn count(&self) -> PlatformResult<u64> {
        self.run(&COUNT, Parameter::None).await
    }

    pub(crate) async fn remove_old(&self) -> PlatformResult<u64> {
        self.run(&REMOVE_OLD, Parameter::None).await
    }

    async fn run(&self, statement: &Statement, parameter: Parameter) -> PlatformResult<u64> {
        let _permit = self.acquire().await?;
        let query = self.metrics.query(statement.operation, TABLE);
        let answer = match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.run(statement, parameter).await,
            Backend::Postgres(postgres) => postgres.run(statement, &parameter).await,
        };
        // None of these statements fails while the database is there.
        self.metrics.record_up(answer.is_ok());
        match answer {
            Ok(_) => query.succeed(),
            Err(_) => query.fail("database_error"),
        }
        answer
    }

    /// Waits for a connection of the pool to be free.
    async fn acquire(&self) -> PlatformResult<SemaphorePermit<'_>> {
        let started = Instant::now();
        let _pending = PendingCaller::new(&self.pending);
        let permit = tokio::time::timeout(ACQUIRE_TIMEOUT, self.permits.acquire()).await;
        match permit {
            Ok(permit) => {
                self.pool.record_wait(started.elapsed());
                Ok(permit?)
            }
            Err(elapsed) => {
                self.pool.record_timeout(started.elapsed());
                Err(elapsed.into())
            }
        }
    }
}

/// A caller that waits, until it is dropped: clients go away while they wait, too.
struct PendingCaller<'a>(&'a AtomicU64);

impl<'a> PendingCaller<'a> {
    fn new(callers: &'a AtomicU64) -> Self {
        callers.fetch_add(1, Ordering::Relaxed);
        Self(callers)
    }
}

impl Drop for PendingCaller<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
