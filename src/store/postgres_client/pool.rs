//! The connection pool: a few connections, each used by one call at a time.
//!
//! A pool belongs to the runtime on which it is used: its connections are read by tasks there.
//!
//! | a session | when |
//! |---|---|
//! | is opened | a call finds none idle |
//! | goes back | its transaction was committed |
//! | is closed | it is dropped in any other way: an error, a deadline, a cancelled call |
//!
//! So a session in the pool never has a transaction open, nor an answer on the way.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::address::PostgresAddress;
use super::error::PostgresError;
use crate::record::sync::lock;

/// Connections to one server. Clones share them.
#[derive(Clone)]
pub(crate) struct PostgresPool(Arc<Inner>);

struct Inner {
    address: PostgresAddress,
    /// One for each connection that may exist. Tokio's semaphore is fair: waiting calls are served
    /// in their order.
    permits: Arc<Semaphore>,
    /// The last one used is the next: those at the bottom stay idle and may be closed by the
    /// server.
    idle: Mutex<Vec<PooledSession>>,
}

/// The mode of a transaction and its time limits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TransactionLimits {
    /// The text after `BEGIN`.
    pub(crate) mode: &'static str,
    pub(crate) statement: Duration,
    pub(crate) lock: Duration,
}

/// Ends a piece of work at its deadline. Connections that it holds are closed then.
// Dropping the work drops its session, and with it the connection.
pub(crate) async fn with_timeout<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or_else(|_| Err(PostgresError::timeout(limit)))
}

impl PostgresPool {
    pub(crate) fn new(address: PostgresAddress, size: usize) -> Self {
        Self(Arc::new(Inner {
            address,
            permits: Arc::new(Semaphore::new(size)),
            idle: Mutex::default(),
        }))
    }

    /// Starts a transaction, on a connection that was just found to live.
    pub(crate) async fn begin(
        &self,
        limits: TransactionLimits,
    ) -> Result<PooledTransaction, PostgresError> {
        let lease = self.acquire(&limits.begin_statement()).await?;
        Ok(PooledTransaction(lease))
    }

    /// Checks that the server answers.
    pub(crate) async fn ping(&self) -> Result<(), PostgresError> {
        self.acquire("SELECT 1").await.map(SessionLease::release)
    }

    /// Returns a connection on which `statement` has run. One that was closed while it lay idle, as all are
    /// after a restart of the server, gives way to the next.
    async fn acquire(&self, statement: &str) -> Result<SessionLease, PostgresError> {
        let permits = Arc::clone(&self.0.permits);
        let permit = permits.acquire_owned().await;
        let mut permit = permit.map_err(|_| PostgresError::no_runtime())?;
        loop {
            // A permit is held, so that there are never more connections than permits.
            let (session, reused) = self.session().await?;
            let result = session.client.batch_execute(statement).await;
            let lease = SessionLease {
                session,
                pool: self.clone(),
                permit,
            };
            match result.map_err(PostgresError::from) {
                Ok(()) => return Ok(lease),
                // The permit is kept for the next try. Each turn uses up one idle session, so that
                // the loop ends with a fresh one.
                Err(error) if reused && error.is_closed() => permit = lease.permit,
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns a session, and true if it was used before.
    async fn session(&self) -> Result<(PooledSession, bool), PostgresError> {
        match self.with_idle(Vec::pop) {
            Some(session) => Ok((session, true)),
            None => Ok((PooledSession::open(&self.0.address).await?, false)),
        }
    }

    fn with_idle<R>(&self, with: impl FnOnce(&mut Vec<PooledSession>) -> R) -> R {
        with(&mut lock(&self.0.idle))
    }
}

impl fmt::Debug for PostgresPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresPool")
            .field("idle", &self.with_idle(|idle| idle.len()))
            .finish_non_exhaustive()
    }
}

impl TransactionLimits {
    /// Returns the statement that begins a transaction with these limits. A process that stalls in a
    /// transaction must not keep its locks either.
    fn begin_statement(&self) -> String {
        // `SET LOCAL` in the same message as `BEGIN`: no round trip more, and nothing stays behind
        // in the session.
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
struct PooledSession {
    client: Client,
    /// The driver's connection is a future that something has to poll.
    task: AbortHandle,
    /// Prepared statements belong to a session. Keys are constants of this crate, which bounds
    /// their number.
    statements: HashMap<&'static str, Statement>,
}

impl PooledSession {
    async fn open(address: &PostgresAddress) -> Result<Self, PostgresError> {
        let runtime = Handle::try_current().map_err(|_| PostgresError::no_runtime())?;
        let PostgresAddress { config, connector } = address.clone();
        let (client, connection) = config.connect(connector).await?;
        let task = runtime.spawn(async move {
            // A caller that waits for an answer gets the error.
            let _ = connection.await;
        });
        Ok(Self {
            client,
            task: task.abort_handle(),
            statements: HashMap::new(),
        })
    }

    /// Prepares a statement the first time; later calls save the round trip.
    async fn statement(&mut self, sql: &'static str) -> Result<Statement, PostgresError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }
}

impl Drop for PooledSession {
    /// Aborts the task, which would wait for answers that are not wanted any more.
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A session in use; dropped, it is closed.
///
/// Dropping is closing, so that no early return and no panic can put a session back that is in the
/// middle of something.
struct SessionLease {
    session: PooledSession,
    pool: PostgresPool,
    permit: OwnedSemaphorePermit,
}

impl SessionLease {
    /// Returns the session to the pool.
    fn release(self) {
        let session = self.session;
        self.pool.with_idle(|idle| idle.push(session));
        drop(self.permit);
    }
}

/// A transaction; dropped, it is rolled back with its connection.
pub(crate) struct PooledTransaction(SessionLease);

impl PooledTransaction {
    /// Runs a query and returns all of its rows.
    pub(crate) async fn query(
        &mut self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, PostgresError> {
        let statement = self.0.session.statement(sql).await?;
        Ok(self.0.session.client.query(&statement, values).await?)
    }

    /// Runs a query of the service's and returns all of its rows. It is not kept prepared.
    pub(crate) async fn query_text(&mut self, sql: &str) -> Result<Vec<Row>, PostgresError> {
        Ok(self.0.session.client.query(sql, &[]).await?)
    }

    /// Runs a statement and returns the number of rows that it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, PostgresError> {
        let statement = self.0.session.statement(sql).await?;
        Ok(self.0.session.client.execute(&statement, values).await?)
    }

    /// Runs a script of several statements.
    pub(crate) async fn execute_script(&mut self, sql: &str) -> Result<(), PostgresError> {
        Ok(self.0.session.client.batch_execute(sql).await?)
    }

    // Released only after the server has confirmed: an unanswered COMMIT leaves the session in an
    // unknown state.
    pub(crate) async fn commit(self) -> Result<(), PostgresError> {
        self.0.session.client.batch_execute("COMMIT").await?;
        self.0.release();
        Ok(())
    }
}
