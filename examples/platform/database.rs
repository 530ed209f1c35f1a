//! The platform's tables, in an embedded database or in PostgreSQL.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::Semaphore;
use vantage_obs::Telemetry;
use vantage_obs::instruments::{Database as Measured, Pool};

use crate::Fallible;

/// Connections of the pool.
pub(crate) const CONNECTIONS: u64 = 4;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS posts (id INTEGER PRIMARY KEY, body TEXT NOT NULL, published INTEGER NOT NULL)";

pub(crate) struct Database {
    backend: Backend,
    measured: Measured,
    pool: Pool,
    free: Semaphore,
    pending: AtomicU64,
    next_id: AtomicU64,
}

enum Backend {
    /// A file that goes with the process, and one connection for each place in the pool.
    Sqlite(
        Arc<Mutex<Vec<rusqlite::Connection>>>,
        #[expect(dead_code, reason = "removed when dropped")] tempfile::TempDir,
    ),
    Postgres(tokio_postgres::Client),
}

impl Database {
    pub(crate) async fn open(telemetry: &Telemetry, url: Option<&str>) -> Fallible<Self> {
        let (backend, system) = match url {
            Some(url) => (postgres(url).await?, "postgresql"),
            None => (sqlite()?, "sqlite"),
        };
        let measured = telemetry.database(system);
        let database = Self {
            backend,
            pool: measured.pool("primary"),
            measured,
            free: Semaphore::new(CONNECTIONS as usize),
            pending: AtomicU64::new(0),
            // Ids go on where an earlier run on the same server stopped.
            next_id: AtomicU64::new(
                std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs() % 100_000_000 * 10,
            ),
        };
        database.measured.report_up(database.count().await.is_ok());
        Ok(database)
    }

    /// Connections in use, and callers that wait for one.
    pub(crate) fn load(&self) -> (u64, u64) {
        (
            CONNECTIONS - self.free.available_permits() as u64,
            self.pending.load(Ordering::Relaxed),
        )
    }

    /// Stores a post in a transaction, and answers its id.
    pub(crate) async fn insert_post(&self, body: &str) -> Fallible<u64> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let transaction = self.measured.transaction();
        let inserted = self
            .run(
                "INSERT",
                &format!(
                    "INSERT INTO posts VALUES ({id}, '{}', 0)",
                    body.replace('\'', "''")
                ),
            )
            .await;
        if inserted.is_ok() {
            transaction.commit();
        } else {
            transaction.roll_back();
        }
        inserted.map(|_| id)
    }

    pub(crate) async fn publish(&self, id: u64) -> Fallible<u64> {
        self.run(
            "UPDATE",
            &format!("UPDATE posts SET published = 1 WHERE id = {id}"),
        )
        .await
    }

    pub(crate) async fn find(&self, id: u64) -> Fallible<bool> {
        Ok(self
            .run(
                "SELECT",
                &format!("SELECT count(*) FROM posts WHERE id = {id}"),
            )
            .await?
            > 0)
    }

    pub(crate) async fn count(&self) -> Fallible<u64> {
        self.run("SELECT", "SELECT count(*) FROM posts").await
    }

    pub(crate) async fn remove_published(&self) -> Fallible<u64> {
        self.run("DELETE", "DELETE FROM posts WHERE published = 1")
            .await
    }

    /// Runs a statement on a connection of the pool; answers rows changed, or the number selected.
    async fn run(&self, operation: &str, statement: &str) -> Fallible<u64> {
        let waiting = Instant::now();
        self.pending.fetch_add(1, Ordering::Relaxed);
        let place = self.free.acquire().await;
        self.pending.fetch_sub(1, Ordering::Relaxed);
        let _place = place?;
        self.pool.waited(waiting.elapsed());
        let query = self.measured.query(operation, "posts");
        let answer = match &self.backend {
            Backend::Sqlite(connections, _) => on_sqlite(connections, operation, statement).await,
            Backend::Postgres(client) => on_postgres(client, operation, statement).await,
        };
        match answer {
            Ok(_) => query.succeed(),
            Err(_) => query.fail("database_error"),
        }
        answer
    }
}

fn sqlite() -> Fallible<Backend> {
    let folder = tempfile::tempdir()?;
    let open = |_| {
        let connection = rusqlite::Connection::open(folder.path().join("platform.db"))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL",
        )?;
        connection.execute_batch(SCHEMA)?;
        Ok::<_, rusqlite::Error>(connection)
    };
    let connections = (0..CONNECTIONS).map(open).collect::<Result<_, _>>()?;
    Ok(Backend::Sqlite(Arc::new(Mutex::new(connections)), folder))
}

async fn on_sqlite(
    connections: &Arc<Mutex<Vec<rusqlite::Connection>>>,
    operation: &str,
    statement: &str,
) -> Fallible<u64> {
    let (connections, statement, selects) = (
        Arc::clone(connections),
        statement.to_owned(),
        operation == "SELECT",
    );
    let answer = tokio::task::spawn_blocking(move || {
        let lock = || connections.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = lock().pop().ok_or("the pool has no connection left")?;
        let answer = if selects {
            connection
                .query_row(&statement, [], |row| row.get::<_, i64>(0))
                .map(i64::unsigned_abs)
        } else {
            connection.execute(&statement, []).map(|rows| rows as u64)
        };
        lock().push(connection);
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(answer?)
    });
    answer.await?
}

async fn postgres(url: &str) -> Fallible<Backend> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    client.batch_execute(SCHEMA).await?;
    Ok(Backend::Postgres(client))
}

async fn on_postgres(
    client: &tokio_postgres::Client,
    operation: &str,
    statement: &str,
) -> Fallible<u64> {
    if operation == "SELECT" {
        Ok(client
            .query_one(statement, &[])
            .await?
            .get::<_, i64>(0)
            .unsigned_abs())
    } else {
        Ok(client.execute(statement, &[]).await?)
    }
}
