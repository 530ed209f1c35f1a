//! A pool under its name: how long callers wait for a connection, and how many of them do.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use opentelemetry::Context;

use crate::record::instruments::{Database, Pool, Query};
use crate::record::trace::Traced;

/// An error with which a caller gets no connection.
pub(super) trait AcquireError {
    /// Its class, out of a closed list.
    fn error_type(&self) -> &'static str;

    /// Returns `true` if the caller has waited in vain.
    fn is_timeout(&self) -> bool;
}

/// The recorder of a pool's waits. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct WaitRecorder {
    database: Database,
    pool: Pool,
    pending: Arc<AtomicU64>,
}

impl WaitRecorder {
    pub(super) fn new(database: Database, name: &str) -> Self {
        Self {
            pool: database.pool(name),
            database,
            pending: Arc::default(),
        }
    }

    /// The database whose connections the pool holds.
    pub(super) const fn database(&self) -> &Database {
        &self.database
    }

    /// The number of callers that wait, for pools that do not tell it.
    #[cfg(feature = "sqlx")]
    pub(super) fn pending(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.pending)
    }

    /// Waits for a connection, for `query` where there is one: the wait is the pool's, and no part of its duration. For
    /// a caller without one, no connection is a call that failed, `cancelled` where it did not wait to the end.
    pub(super) async fn wait<T, E: AcquireError>(
        &self,
        mut query: Option<&mut Query>,
        acquire: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        // The pool's own log lines belong to the call.
        let context = query.as_ref().map(|query| query.context());
        let context = context.unwrap_or_else(Context::current);
        let mut wait = Wait::start(self, query.as_deref_mut());
        let acquired = Traced::new(acquire, context).await;
        wait.is_over = true;
        wait.is_timeout = acquired.as_ref().is_err_and(AcquireError::is_timeout);
        drop(wait);
        match (query, &acquired) {
            (Some(query), Ok(_)) => query.mark_acquired(),
            (None, Err(error)) => self.database.query("CONNECT", "").fail(error.error_type()),
            _ => {}
        }
        acquired
    }
}

/// A caller that waits. Dropped it has a connection, an error, or has gone away: a wait in each case.
struct Wait<'a> {
    recorder: &'a WaitRecorder,
    query: Option<&'a mut Query>,
    started: Instant,
    /// The pool has answered.
    is_over: bool,
    is_timeout: bool,
}

impl<'a> Wait<'a> {
    fn start(recorder: &'a WaitRecorder, query: Option<&'a mut Query>) -> Self {
        recorder.pending.fetch_add(1, Ordering::Relaxed);
        Self {
            recorder,
            query,
            started: recorder.database.now(),
            is_over: false,
            is_timeout: false,
        }
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let recorder = self.recorder;
        recorder.pending.fetch_sub(1, Ordering::Relaxed);
        let now = recorder.database.now();
        let waited = now.saturating_duration_since(self.started);
        if let Some(query) = &mut self.query {
            query.exclude(waited);
        }
        if self.is_timeout {
            recorder.pool.record_timeout(waited);
        } else {
            recorder.pool.record_wait(waited);
        }
        // A caller that has gone away was not served. A query says so itself.
        if !self.is_over && self.query.is_none() {
            recorder.database.query("CONNECT", "").fail("cancelled");
        }
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::convert::Infallible;
    use std::future::{pending, ready};

    use super::*;
    use crate::testing::TestTelemetry;

    impl AcquireError for Infallible {
        fn error_type(&self) -> &'static str {
            match *self {}
        }

        fn is_timeout(&self) -> bool {
            match *self {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_gives_up_waiting_is_a_failed_connect() {
        let test = TestTelemetry::new();
        let database = test.telemetry().database("sqlite").for_namespace("shop");
        let waits = WaitRecorder::new(database.clone(), "shop");
        let failed = || {
            let labels = [
                ("db_operation_name", "CONNECT"),
                ("error_type", "cancelled"),
            ];
            test.sum("db_client_operation_duration_seconds_count", &labels)
        };
        let served = waits.wait(None, ready(Ok::<_, Infallible>(()))).await;
        assert_eq!((served, failed()), (Ok(()), None));
        let limit = std::time::Duration::from_secs(1);
        let wait = waits.wait(None, pending::<Result<(), Infallible>>());
        assert!(tokio::time::timeout(limit, wait).await.is_err());
        assert_eq!(failed(), Some(1.0));
        // A query says so itself.
        let mut query = database.query("SELECT", "orders");
        let wait = waits.wait(Some(&mut query), pending::<Result<(), Infallible>>());
        assert!(tokio::time::timeout(limit, wait).await.is_err());
        query.succeed();
        assert_eq!(failed(), Some(1.0));
    }
}
