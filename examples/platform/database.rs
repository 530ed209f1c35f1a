//! The platform's table, in an embedded database or in PostgreSQL, behind one measured pool.

mod postgres;
mod sqlite;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use vantage_obs::instruments::{Database as Measured, Pool};
use vantage_obs::{PoolState, Telemetry};

use crate::Fallible;

/// Connections of the pool.
const CONNECTIONS: usize = 4;
/// How long a caller waits for one of them.
const PATIENCE: Duration = Duration::from_secs(5);
/// A name that no real database has: `--database` may point at one, and the clean-up deletes.
const TABLE: &str = "vantage_example_posts";

/// A statement with at most one parameter, in the SQL that both databases read.
struct Statement {
    operation: &'static str,
    sql: &'static str,
    answer: Answer,
}

/// What a statement answers.
#[derive(Clone, Copy)]
enum Answer {
    /// The number in its one row.
    Number,
    /// How many rows it changed.
    Changed,
}

enum Parameter {
    None,
    Id(i64),
    Text(String),
}

const INSERT: Statement = Statement {
    operation: "INSERT",
    sql: "INSERT INTO vantage_example_posts (body) VALUES ($1) RETURNING id",
    answer: Answer::Number,
};
const PUBLISH: Statement = Statement {
    operation: "UPDATE",
    sql: "UPDATE vantage_example_posts SET published = 1 WHERE id = $1",
    answer: Answer::Changed,
};
const FIND: Statement = Statement {
    operation: "SELECT",
    sql: "SELECT count(*) FROM vantage_example_posts WHERE id = $1",
    answer: Answer::Number,
};
const COUNT: Statement = Statement {
    operation: "SELECT",
    sql: "SELECT count(*) FROM vantage_example_posts",
    answer: Answer::Number,
};
/// Keeps the latest thousand, which clients still ask for.
const REMOVE_OLD: Statement = Statement {
    operation: "DELETE",
    sql: "DELETE FROM vantage_example_posts WHERE published = 1 \
          AND id <= (SELECT max(id) FROM vantage_example_posts) - 1000",
    answer: Answer::Changed,
};

pub(crate) struct Database {
    backend: Backend,
    measured: Measured,
    pool: Pool,
    free: Semaphore,
    pending: AtomicU64,
}

enum Backend {
    Sqlite(sqlite::Sqlite),
    Postgres(Box<postgres::Postgres>),
}

impl Database {
    pub(crate) async fn open(telemetry: &Telemetry, url: Option<&str>) -> Fallible<Self> {
        let (backend, system) = match url {
            Some(url) => (
                Backend::Postgres(Box::new(postgres::Postgres::open(url).await?)),
                "postgresql",
            ),
            None => (Backend::Sqlite(sqlite::Sqlite::open()?), "sqlite"),
        };
        let measured = telemetry.database(system);
        Ok(Self {
            backend,
            pool: measured.pool("primary"),
            measured,
            free: Semaphore::new(CONNECTIONS),
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
            used: (CONNECTIONS - self.free.available_permits()) as u64,
            idle: idle as u64,
            max: CONNECTIONS as u64,
            pending: self.pending.load(Ordering::Relaxed),
        }
    }

    /// The product, whose figures a health check sets.
    pub(crate) const fn measured(&self) -> &Measured {
        &self.measured
    }

    /// Stores a post in a transaction, and answers its id.
    pub(crate) async fn insert_post(&self, body: &str) -> Fallible<u64> {
        let transaction = self.measured.transaction();
        let inserted = self.run(&INSERT, Parameter::Text(body.to_owned())).await;
        if inserted.is_ok() {
            transaction.commit();
        } else {
            transaction.roll_back();
        }
        inserted
    }

    pub(crate) async fn publish(&self, id: u64) -> Fallible<u64> {
        self.run(&PUBLISH, Parameter::Id(i64::try_from(id)?)).await
    }

    pub(crate) async fn find(&self, id: u64) -> Fallible<bool> {
        let id = Parameter::Id(i64::try_from(id)?);
        Ok(self.run(&FIND, id).await? > 0)
    }

    pub(crate) async fn count(&self) -> Fallible<u64> {
        self.run(&COUNT, Parameter::None).await
    }

    pub(crate) async fn remove_old(&self) -> Fallible<u64> {
        self.run(&REMOVE_OLD, Parameter::None).await
    }

    async fn run(&self, statement: &Statement, parameter: Parameter) -> Fallible<u64> {
        let _place = self.place().await?;
        let query = self.measured.query(statement.operation, TABLE);
        let answer = match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.run(statement, parameter).await,
            Backend::Postgres(postgres) => postgres.run(statement, &parameter).await,
        };
        // None of these statements fails while the database is there.
        self.measured.report_up(answer.is_ok());
        match answer {
            Ok(_) => query.succeed(),
            Err(_) => query.fail("database_error"),
        }
        answer
    }

    /// Waits for a connection of the pool to be free.
    async fn place(&self) -> Fallible<SemaphorePermit<'_>> {
        let waiting = Instant::now();
        let _pending = Pending::new(&self.pending);
        let place = tokio::time::timeout(PATIENCE, self.free.acquire()).await;
        match place {
            Ok(place) => {
                self.pool.waited(waiting.elapsed());
                Ok(place?)
            }
            Err(elapsed) => {
                self.pool.timed_out(waiting.elapsed());
                Err(elapsed.into())
            }
        }
    }
}

/// A caller that waits, until it is dropped: clients go away while they wait, too.
struct Pending<'a>(&'a AtomicU64);

impl<'a> Pending<'a> {
    fn new(callers: &'a AtomicU64) -> Self {
        callers.fetch_add(1, Ordering::Relaxed);
        Self(callers)
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
