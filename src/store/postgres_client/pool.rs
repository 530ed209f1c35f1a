//! A few connections, each used by one at a time.
//!
//! A pool belongs to the runtime on which it is used: its connections are read by tasks there.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::address::Address;
use super::error::PostgresError;

/// Connections to one server. Clones share them.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Inner>);

struct Inner {
    address: Address,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Session>>,
}

/// What a transaction may do and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// What follows `BEGIN`.
    pub(crate) mode: &'static str,
    pub(crate) statement: Duration,
    pub(crate) lock: Duration,
}

/// Ends a piece of work at its deadline. Connections that it holds are closed then.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(PostgresError::timeout(limit)))
}

impl Pool {
    pub(crate) fn new(address: Address, size: usize) -> Self {
        Self(Arc::new(Inner {
            address,
            permits: Arc::new(Semaphore::new(size)),
            idle: Mutex::default(),
        }))
    }

    /// Starts a transaction, on a connection that was just found to live.
    pub(crate) async fn begin(&self, limits: Limits) -> Result<Transaction, PostgresError> {
        let lease = self.answering(&limits.begin()).await?;
        Ok(Transaction(lease))
    }

    /// Asks the server for nothing but an answer.
    pub(crate) async fn ping(&self) -> Result<(), PostgresError> {
        self.answering("SELECT 1").await.map(Lease::keep)
    }

    /// A connection that has carried out this. One that was closed while it lay idle, as all are
    /// after a restart of the server, gives way to the next.
    async fn answering(&self, first: &str) -> Result<Lease, PostgresError> {
        let permits = Arc::clone(&self.0.permits);
        let permit = permits.acquire_owned().await;
        let mut permit = permit.map_err(|_| PostgresError::no_runtime())?;
        loop {
            let (session, reused) = self.session().await?;
            let done = session.client.batch_execute(first).await;
            let lease = Lease {
                session,
                pool: self.clone(),
                permit,
            };
            match done.map_err(PostgresError::from) {
                Ok(()) => return Ok(lease),
                Err(error) if reused && error.is_closed() => permit = lease.permit,
                Err(error) => return Err(error),
            }
        }
    }

    /// A session, and whether it was used before.
    async fn session(&self) -> Result<(Session, bool), PostgresError> {
        let idle = || self.idle(Vec::pop);
        while let Some(session) = idle() {
            if !session.client.is_closed() {
                return Ok((session, true));
            }
        }
        Ok((Session::open(&self.0.address).await?, false))
    }

    fn idle<R>(&self, with: impl FnOnce(&mut Vec<Session>) -> R) -> R {
        with(&mut self.0.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("idle", &self.idle(|idle| idle.len()))
            .finish_non_exhaustive()
    }
}

impl Limits {
    /// A process that stands still in a transaction must not keep its locks either.
    fn begin(&self) -> String {
        let (mode, statement, lock) =
            (self.mode, self.statement.as_millis(), self.lock.as_millis());
        format!(
            "BEGIN {mode}; SET LOCAL statement_timeout = {statement}; \
             SET LOCAL lock_timeout = {lock}; \
             SET LOCAL idle_in_transaction_session_timeout = {statement}"
        )
    }
}

/// A connection, the task that reads it, and the statements that it knows.
struct Session {
    client: Client,
    task: AbortHandle,
    statements: HashMap<&'static str, Statement>,
}

impl Session {
    async fn open(address: &Address) -> Result<Self, PostgresError> {
        let runtime = Handle::try_current().map_err(|_| PostgresError::no_runtime())?;
        let (client, connection) = address.client.connect(address.connector.make()).await?;
        let task = runtime.spawn(async move {
            // Whoever waits for an answer is told.
            let _ = connection.await;
        });
        Ok(Self {
            client,
            task: task.abort_handle(),
            statements: HashMap::new(),
        })
    }

    async fn statement(&mut self, sql: &'static str) -> Result<Statement, PostgresError> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }
}

impl Drop for Session {
    /// The task would wait for answers that nobody wants any more.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A session in use; dropped, it is closed.
struct Lease {
    session: Session,
    pool: Pool,
    permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Puts the session back for the next.
    fn keep(self) {
        let session = self.session;
        self.pool.idle(|idle| idle.push(session));
        drop(self.permit);
    }
}

/// A transaction; dropped, it is rolled back with its connection.
pub(crate) struct Transaction(Lease);

impl Transaction {
    pub(crate) async fn query(
        &mut self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, PostgresError> {
        let statement = self.0.session.statement(sql).await?;
        Ok(self.0.session.client.query(&statement, values).await?)
    }

    /// How many rows were changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, PostgresError> {
        let statement = self.0.session.statement(sql).await?;
        Ok(self.0.session.client.execute(&statement, values).await?)
    }

    /// Carries out a script once.
    pub(crate) async fn script(&mut self, sql: &str) -> Result<(), PostgresError> {
        Ok(self.0.session.client.batch_execute(sql).await?)
    }

    pub(crate) async fn commit(self) -> Result<(), PostgresError> {
        self.0.session.client.batch_execute("COMMIT").await?;
        self.0.keep();
        Ok(())
    }
}
