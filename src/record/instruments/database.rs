//! Database calls, transactions and pools, as a client sees them.

#[cfg(any(feature = "deadpool", feature = "sqlx"))]
mod pooled;

use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};

use super::run::{self, ByOutput, ByReason, Failed, Run, RunOutput, StartedWork, Work};
use crate::model::catalog::database::{
    BY_DATABASE, BY_POOL, OPERATION_DURATION, QUERY, SLOW, SLOW_QUERIES, TIMEOUTS, TRANSACTION,
    TRANSACTIONS, UP, WAIT_TIME,
};
use crate::record::clock::Clock;
use crate::record::error_reasons::ErrorReasons;
use crate::record::series::{BoundSeries, Counter, Gauge, Histogram, Instruments};
use crate::record::trace::{SpanScope, Traced, Tracer};

/// The duration from which on a call is a slow query: 1 s. Exactly as long is not slow yet.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use std::time::Duration;
/// # use vantage_obs::testing::TestTelemetry;
/// use vantage_obs::instruments::SLOW_QUERY;
///
/// # let test = TestTelemetry::new();
/// let query = test.telemetry().database("postgresql").query("SELECT", "posts");
/// test.clock().advance(SLOW_QUERY + Duration::from_millis(1));
/// query.succeed();
/// let labels = [
///     ("db_collection_name", "posts"),
///     ("db_operation_name", "SELECT"),
///     ("db_system_name", "postgresql"),
/// ];
/// assert_eq!(test.value("vantage_database_slow_queries_total", &labels), Some(1.0));
/// # }
/// ```
///
/// Fixed, because dashboards and alerts of several services compare it; a service's own threshold
/// is an objective.
pub const SLOW_QUERY: Duration = Duration::from_secs(1);

/// The error type of a call that was dropped: a caller's time limit drops the future.
const CANCELLED: &str = "cancelled";

/// Calls to one database product. A cheap clone.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use std::time::Duration;
/// # use vantage_obs::testing::TestTelemetry;
///
/// # let test = TestTelemetry::new();
/// let database = test.telemetry().database("postgresql");
/// let query = database.query("SELECT", "posts");
/// test.clock().advance(Duration::from_millis(250)); // the database works
/// query.succeed();
/// let labels = [
///     ("db_collection_name", "posts"),
///     ("db_operation_name", "SELECT"),
///     ("db_system_name", "postgresql"),
/// ];
/// assert_eq!(test.value("db_client_operation_duration_seconds_sum", &labels), Some(0.25));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Database {
    /// The product, such as `postgresql`.
    system: Arc<str>,
    /// Empty where the caller names none.
    namespace: Arc<str>,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Clock,
    tracer: Tracer,
    duration: BoundSeries<Histogram, 4>,
    slow: BoundSeries<Counter, 3>,
    transactions: BoundSeries<Counter, 2>,
    up: BoundSeries<Gauge, 2>,
    /// Timeouts and wait times.
    pools: BoundSeries<(Counter, Histogram), 1>,
    error_reasons: ErrorReasons,
}

impl Database {
    pub(crate) fn new(
        instruments: &Instruments,
        clock: Clock,
        tracer: Tracer,
        error_reasons: ErrorReasons,
    ) -> Self {
        let inner = Inner {
            clock,
            tracer,
            duration: instruments.series(&OPERATION_DURATION, &QUERY),
            slow: instruments.series(&SLOW_QUERIES, &SLOW),
            transactions: instruments.series(&TRANSACTIONS, &TRANSACTION),
            up: instruments.series(&UP, &BY_DATABASE),
            pools: instruments.pair([&TIMEOUTS, &WAIT_TIME], &BY_POOL),
            error_reasons,
        };
        Self {
            // The conventions' value for a product that has none of its own.
            system: Arc::from("other_sql"),
            // Another product is another database.
            namespace: Arc::default(),
            inner: Arc::new(inner),
        }
    }

    /// Returns the same instruments for another product.
    pub(crate) fn for_system(&self, system: &str) -> Self {
        Self {
            system: Arc::from(system),
            namespace: Arc::default(),
            inner: Arc::clone(&self.inner),
        }
    }

    /// Returns the same instruments for one database of that product.
    #[cfg(any(feature = "deadpool", feature = "postgres", feature = "sqlx"))]
    pub(crate) fn for_namespace(&self, namespace: &str) -> Self {
        Self {
            namespace: Arc::from(namespace),
            ..self.clone()
        }
    }

    /// Starts a call, such as `SELECT` on `posts`. Never pass query text: both become labels. Either may be empty,
    /// where it is not known.
    pub fn query(&self, operation: &str, collection: &str) -> Query {
        self.prepare(operation, collection).start()
    }

    /// Runs the future of a call, such as `SELECT` on `posts`, inside the call's span: `Ok` is a success, and `Err` a
    /// failure whose `error_type` follows from the error.
    ///
    /// The output is handed on as it is, and so is a panic, as [`Worker::run`](super::Worker::run) does. The call
    /// starts with the first poll; dropped before its end, as by a time limit, its error type is `cancelled`.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// # async fn load_post(id: u64) -> Result<&'static str, std::io::Error> { Ok("a post") }
    /// let database = test.telemetry().database("postgresql");
    /// let post = database.run("SELECT", "posts", load_post(7)).await?;
    /// assert_eq!(post, "a post");
    /// let labels = [
    ///     ("db_collection_name", "posts"),
    ///     ("db_operation_name", "SELECT"),
    ///     ("db_system_name", "postgresql"),
    /// ];
    /// assert_eq!(test.value("db_client_operation_duration_seconds_count", &labels), Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run<F, V>(
        &self,
        operation: &str,
        collection: &str,
        future: F,
    ) -> Run<F, QueryStart, ByOutput<V>>
    where
        F: Future<Output: RunOutput<V>>,
    {
        let query = self.prepare(operation, collection);
        Run::new(query, future, ByOutput::new())
    }

    /// Runs the future of a call as [`run`](Self::run) does, with the `error_type` that `error_type` makes of the error,
    /// which may be of any type: a class such as a SQLSTATE, never a message.
    pub fn run_with<F, T, E, G, R>(
        &self,
        operation: &str,
        collection: &str,
        future: F,
        error_type: G,
    ) -> Run<F, QueryStart, ByReason<G>>
    where
        F: Future<Output = Result<T, E>>,
        G: Fn(&E) -> R,
        R: Into<Cow<'static, str>>,
    {
        let query = self.prepare(operation, collection);
        Run::new(query, future, ByReason(error_type))
    }

    /// Runs a call as [`run`](Self::run) does a future, for a client that blocks.
    pub fn run_blocking<O: RunOutput<V>, V>(
        &self,
        operation: &str,
        collection: &str,
        call: impl FnOnce() -> O,
    ) -> O {
        let query = self.prepare(operation, collection);
        run::run_blocking(query, &ByOutput::new(), call)
    }

    /// Runs the future of a whole transaction: `Ok` counts as committed, so that the future is to commit it, and `Err`
    /// as rolled back. Dropped before its end, or by a panic, it counts as aborted.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// # async fn transfer(amount: u64) -> Result<(), std::io::Error> { Ok(()) }
    /// let database = test.telemetry().database("postgresql");
    /// database.run_transaction(transfer(100)).await?; // begins, updates twice, and commits
    /// let labels = [("db_system_name", "postgresql"), ("outcome", "committed")];
    /// assert_eq!(test.value("vantage_database_transactions_total", &labels), Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn run_transaction<F, V>(&self, future: F) -> Run<F, TransactionStart, ByOutput<V>>
    where
        F: Future<Output: RunOutput<V>>,
    {
        Run::new(TransactionStart(self.clone()), future, ByOutput::new())
    }

    fn prepare(&self, operation: &str, collection: &str) -> QueryStart {
        QueryStart {
            database: self.clone(),
            operation: operation.into(),
            collection: collection.into(),
            parent: Context::current(),
        }
    }

    fn start_query(&self, operation: Box<str>, collection: Box<str>, parent: Context) -> Query {
        let tracer = &self.inner.tracer;
        let scope = tracer.start(parent, SpanKind::Client, "query", Vec::new());
        // Only where the span is recorded: formatting is most of what a span costs.
        scope.rename(|| match summary(&operation, &collection) {
            unknown if unknown.is_empty() => String::from(&*self.system),
            summary => summary,
        });
        scope.set_attributes(|| {
            let values = [
                ("db.system.name", String::from(&*self.system)),
                ("db.operation.name", operation.to_string()),
                ("db.collection.name", collection.to_string()),
                ("db.query.summary", summary(&operation, &collection)),
            ];
            let known = values.into_iter().filter(|(_, value)| !value.is_empty());
            known.map(|(key, value)| KeyValue::new(key, value))
        });
        Query {
            scope,
            database: self.clone(),
            operation,
            collection,
            started: self.inner.clock.now(),
            // The outcome of a drop stands from the start, so that a cancelled future needs no
            // code.
            error: Cow::Borrowed(CANCELLED),
            message: String::new(),
        }
    }

    /// Starts a transaction.
    pub fn transaction(&self) -> Transaction {
        Transaction {
            database: self.clone(),
            // As with a query: dropped is aborted.
            outcome: "aborted",
        }
    }

    /// Records the result of the last ping of the database.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// test.telemetry().database("sqlite").record_up(false);
    /// let labels = [("db_system_name", "sqlite")];
    /// assert_eq!(test.value("vantage_database_up", &labels), Some(0.0));
    /// # }
    /// ```
    pub fn record_up(&self, up: bool) {
        self.inner
            .up
            .with([&self.namespace, &self.system], |gauge| {
                gauge.set(up.into());
            });
    }

    /// Returns the pool of this name, to record waits and timeouts; watch its state with
    /// [`Telemetry::watch_pool`](crate::Telemetry::watch_pool).
    #[must_use]
    pub fn pool(&self, name: &str) -> Pool {
        Pool(self.inner.pools.get([name]))
    }
}

/// Returns the summary of a call, which is the name of its span: what is known of it, as in `SELECT posts`.
fn summary(operation: &str, collection: &str) -> String {
    let parts = [operation, collection];
    let known = parts.into_iter().filter(|part| !part.is_empty());
    known.collect::<Vec<_>>().join(" ")
}

/// A call that has not begun.
#[derive(Debug)]
pub struct QueryStart {
    database: Database,
    operation: Box<str>,
    collection: Box<str>,
    parent: Context,
}

impl Work for QueryStart {
    type Started = Query;

    fn start(self) -> Query {
        self.database
            .start_query(self.operation, self.collection, self.parent)
    }
}

impl StartedWork for Query {
    fn context(&self) -> Option<&Context> {
        Some(self.scope.context())
    }

    fn is_recording(&self) -> bool {
        self.scope.is_recording()
    }

    fn error_reasons(&self) -> &ErrorReasons {
        &self.database.inner.error_reasons
    }

    fn end(mut self, failure: Option<Failed<'_>>) {
        match failure {
            None => self.succeed(),
            Some(failed) => {
                self.message = failed.message;
                self.fail(failed.reason);
            }
        }
    }
}

/// A transaction that has not begun.
#[derive(Debug)]
pub struct TransactionStart(Database);

impl Work for TransactionStart {
    type Started = Transaction;

    fn start(self) -> Transaction {
        self.0.transaction()
    }
}

impl StartedWork for Transaction {
    fn context(&self) -> Option<&Context> {
        None
    }

    fn is_recording(&self) -> bool {
        false
    }

    fn error_reasons(&self) -> &ErrorReasons {
        &self.database.inner.error_reasons
    }

    fn end(self, failure: Option<Failed<'_>>) {
        match failure {
            None => self.commit(),
            Some(_) => self.roll_back(),
        }
    }
}

/// A call that is under way: end it with [`succeed`](Self::succeed) or [`fail`](Self::fail).
///
/// Dropped without either it is recorded with the error type `cancelled`, and with `panic` when a panic drops it.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # use vantage_obs::testing::TestTelemetry;
/// # let test = TestTelemetry::new();
/// let database = test.telemetry().database("postgresql");
/// database.query("INSERT", "posts").fail("unique_violation");
/// drop(database.query("INSERT", "posts")); // a timeout dropped the future
/// for error_type in ["unique_violation", "cancelled"] {
///     let labels = [
///         ("db_collection_name", "posts"),
///         ("db_operation_name", "INSERT"),
///         ("db_system_name", "postgresql"),
///         ("error_type", error_type),
///     ];
///     assert_eq!(test.value("db_client_operation_duration_seconds_count", &labels), Some(1.0));
/// }
/// # }
/// ```
#[must_use = "a query that is dropped at once is recorded as cancelled"]
#[derive(Debug)]
pub struct Query {
    scope: SpanScope,
    database: Database,
    operation: Box<str>,
    collection: Box<str>,
    started: Instant,
    error: Cow<'static, str>,
    /// The text of the error, for the span.
    message: String,
}

impl Query {
    /// Ends the call well: its duration has no `error_type`.
    pub fn succeed(mut self) {
        self.error = Cow::Borrowed("");
    }

    /// Ends the call badly. `error_type` is a class out of a small set, such as `unique_violation` or a SQLSTATE, never a
    /// message: it becomes a label.
    pub fn fail(mut self, error_type: &str) {
        self.error = Cow::Owned(error_type.to_owned());
    }

    /// Runs the call's future inside its span, so that what the client logs belongs to it.
    pub fn trace<F>(&self, future: F) -> Traced<F> {
        Traced::new(future, self.scope.context().clone())
    }
}

impl Drop for Query {
    fn drop(&mut self) {
        if self.error == CANCELLED && std::thread::panicking() {
            self.error = Cow::Borrowed("panic");
        }
        if !self.error.is_empty() {
            let message = std::mem::take(&mut self.message);
            self.scope.fail_with(&self.error, message);
        }
        self.scope.end();
        let inner = &self.database.inner;
        let elapsed = inner.clock.now().saturating_duration_since(self.started);
        let (collection, operation, system) =
            (&*self.collection, &*self.operation, &*self.database.system);
        inner
            .duration
            .with([collection, operation, system, &self.error], |series| {
                series.record_in(self.scope.sampled(), elapsed.as_secs_f64());
            });
        if elapsed > SLOW_QUERY {
            inner
                .slow
                .with([collection, operation, system], |series| series.add(1));
        }
    }
}

/// A transaction: end it with [`commit`](Self::commit) or [`roll_back`](Self::roll_back); dropped
/// without either it counts as aborted.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # use vantage_obs::testing::TestTelemetry;
/// # let test = TestTelemetry::new();
/// let database = test.telemetry().database("postgresql");
/// database.transaction().commit();
/// database.transaction().roll_back();
/// drop(database.transaction()); // an error left the function by `?`
/// for outcome in ["committed", "rolled_back", "aborted"] {
///     let labels = [("db_system_name", "postgresql"), ("outcome", outcome)];
///     assert_eq!(test.value("vantage_database_transactions_total", &labels), Some(1.0));
/// }
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a transaction that is dropped at once counts as aborted"]
#[derive(Debug)]
pub struct Transaction {
    database: Database,
    outcome: &'static str,
}

impl Transaction {
    /// Counts the transaction as committed; call it after the database has confirmed.
    pub fn commit(mut self) {
        self.outcome = "committed";
    }

    /// Counts the transaction as rolled back on purpose.
    pub fn roll_back(mut self) {
        self.outcome = "rolled_back";
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let values = [&*self.database.system, self.outcome];
        self.database
            .inner
            .transactions
            .with(values, |series| series.add(1));
    }
}

/// Callers that wait for a connection. A cheap clone.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use std::time::Duration;
/// # use vantage_obs::testing::TestTelemetry;
///
/// # let test = TestTelemetry::new();
/// let pool = test.telemetry().database("postgresql").pool("main");
/// pool.record_wait(Duration::from_millis(500));
/// pool.record_timeout(Duration::from_secs(5)); // its wait is recorded too
/// let labels = [("db_client_connection_pool_name", "main")];
/// assert_eq!(test.value("db_client_connection_timeouts_total", &labels), Some(1.0));
/// assert_eq!(test.value("db_client_connection_wait_time_seconds_sum", &labels), Some(5.5));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Pool(Arc<(Counter, Histogram)>);

impl Pool {
    /// Records the time that a caller waited until it got a connection.
    pub fn record_wait(&self, wait: Duration) {
        self.0.1.record(wait.as_secs_f64());
    }

    /// Counts a caller that gave up, and records the time that it had waited.
    pub fn record_timeout(&self, wait: Duration) {
        self.0.0.add(1);
        // A wait that ended in nothing was a wait: leaving it out would make the worst times look
        // best.
        self.record_wait(wait);
    }
}
