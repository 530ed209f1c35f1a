//! sqlx against a real PostgreSQL.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use sqlx::error::ErrorKind;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Database, Executor, PgConnection, PgExecutor, PgPool, Postgres, Row as _};
use vantage_obs::health::HealthStatus;
use vantage_obs::integrations::sqlx::MeasuredPool;
use vantage_obs::opentelemetry::trace::{SpanKind, Status};
use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;

use crate::postgres_server::{TestPostgres, create_database};

const COUNT: &str = "db_client_operation_duration_seconds_count";
const SUM: &str = "db_client_operation_duration_seconds_sum";
const SLOW: &str = "vantage_database_slow_queries_total";
const POOL: (&str, &str) = ("db_client_connection_pool_name", "shop");

const ORDERS: &str =
    "CREATE TABLE orders (id int PRIMARY KEY, total int NOT NULL CHECK (total >= 0))";

/// A measured pool of a database of its own, which has a table of orders.
struct Shop {
    test: TestTelemetry,
    db: MeasuredPool<Postgres>,
}

impl Shop {
    async fn open() -> Self {
        Self::with_options(PgPoolOptions::new()).await
    }

    async fn with_options(options: PgPoolOptions) -> Self {
        let pool = options.connect(&create_database().await).await.unwrap();
        pool.execute(ORDERS).await.unwrap();
        Self::of(pool)
    }

    fn of(pool: PgPool) -> Self {
        let test = TestTelemetry::new();
        let db = test.telemetry().sqlx("shop", pool);
        Self { test, db }
    }

    /// The value of a series of calls.
    fn calls(&self, metric: &str, operation: &str, table: &str, error: &str) -> Option<f64> {
        let labels = [
            ("db_collection_name", table),
            ("db_operation_name", operation),
            ("db_system_name", "postgresql"),
            ("error_type", error),
        ];
        let known: Vec<_> = labels
            .into_iter()
            .filter(|label| !label.1.is_empty())
            .collect();
        self.test.value(metric, &known)
    }

    fn count(&self, operation: &str, table: &str, error: &str) -> Option<f64> {
        self.calls(COUNT, operation, table, error)
    }

    fn pool(&self, metric: &str) -> Option<f64> {
        self.test
            .value(&format!("db_client_connection_{metric}"), &[POOL])
    }

    fn connections(&self, state: &str) -> Option<f64> {
        let labels = [POOL, ("db_client_connection_state", state)];
        self.test.value("db_client_connection_count", &labels)
    }

    fn transactions(&self, outcome: &str) -> Option<f64> {
        let labels = [("db_system_name", "postgresql"), ("outcome", outcome)];
        self.test
            .value("vantage_database_transactions_total", &labels)
    }

    fn up(&self) -> Option<f64> {
        let labels = [("db_namespace", "shop"), ("db_system_name", "postgresql")];
        self.test.value("vantage_database_up", &labels)
    }

    /// Looks at everything until a condition holds: checks run in the background.
    async fn tick_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for turn in 0..400 {
            // A check that has begun is over before its time limit: the clock stands still for so long.
            if turn % 20 == 0 {
                self.test.clock().advance(Duration::from_secs(11));
            }
            self.test.tick();
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("not within 10 s: {what}");
    }

    fn advance(&self, millis: u64) {
        self.test.clock().advance(Duration::from_millis(millis));
    }

    /// No series of slow queries has anything in it.
    fn assert_nothing_slow(&self) {
        let text = self
            .test
            .telemetry()
            .scrape(vantage_obs::ExpositionFormat::Text)
            .unwrap();
        let slow: Vec<_> = text.lines().filter(|line| line.starts_with(SLOW)).collect();
        assert!(slow.iter().all(|line| line.ends_with(" 0")), "{slow:?}");
    }
}

/// Polls a future once, which is not over yet.
fn poll_once<F: Future>(future: Pin<&mut F>) {
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(future.poll(&mut context), Poll::Pending));
}

async fn insert(executor: impl PgExecutor<'_>, id: i32) -> sqlx::Result<()> {
    let query = sqlx::query("INSERT INTO orders (id, total) VALUES ($1, 7)");
    query.bind(id).execute(executor).await.map(drop)
}

/// Generic code of a service, which must compile beside the handles and take them.
async fn ping<DB: Database>(pool: &sqlx::Pool<DB>) -> sqlx::Result<()>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    ping_by::<DB, _>(pool).await
}

async fn ping_by<'c, DB: Database, E: Executor<'c, Database = DB>>(
    executor: E,
) -> sqlx::Result<()> {
    executor.execute("SELECT 1").await.map(drop)
}

#[tokio::test]
async fn queries_are_timed_with_operation_and_table_however_they_are_written() {
    let shop = Shop::open().await;
    let db = &shop.db;
    insert(db, 1).await.unwrap();
    insert(db, 2).await.unwrap();
    let row = sqlx::query("SELECT total FROM orders WHERE id = $1")
        .bind(1)
        .fetch_one(db)
        .await;
    assert_eq!(row.unwrap().get::<i32, _>(0), 7);
    let ids: Vec<i32> = sqlx::query_scalar("SELECT id FROM orders ORDER BY id")
        .fetch_all(db)
        .await
        .unwrap();
    assert_eq!(ids, [1, 2]);
    let rows: Vec<(i32, i32)> = sqlx::query_as("SELECT * FROM orders")
        .fetch_all(db)
        .await
        .unwrap();
    assert_eq!(rows.len(), 2);
    let none = sqlx::query("SELECT 1 FROM orders WHERE id = 9")
        .fetch_optional(db)
        .await;
    assert!(none.unwrap().is_none());
    // No row is no failure of the query.
    let none = sqlx::query("SELECT 1 FROM orders WHERE id = 9")
        .fetch_one(db)
        .await;
    assert!(matches!(none, Err(sqlx::Error::RowNotFound)));
    db.execute("UPDATE orders SET total = 8").await.unwrap();
    sqlx::raw_sql("SELECT 1; SELECT 2")
        .execute(db)
        .await
        .unwrap();
    assert_eq!(shop.count("INSERT", "orders", ""), Some(2.0));
    assert_eq!(shop.count("SELECT", "orders", ""), Some(5.0));
    assert_eq!(shop.count("UPDATE", "orders", ""), Some(1.0));
    assert_eq!(shop.count("SELECT", "", ""), Some(1.0));
    assert_eq!(shop.test.span_data().len(), 9);
}

#[tokio::test]
async fn generic_code_takes_the_handles_and_what_is_theirs() {
    let shop = Shop::open().await;
    ping(shop.db.pool()).await.unwrap();
    assert_eq!(shop.count("SELECT", "", ""), None, "past the handle");
    ping_by::<Postgres, _>(&shop.db).await.unwrap();
    let mut connection = shop.db.acquire().await.unwrap();
    ping_by(&mut *connection).await.unwrap();
    insert(&mut *connection, 1).await.unwrap();
    assert_eq!(shop.count("SELECT", "", ""), Some(2.0));
    assert_eq!(shop.count("INSERT", "orders", ""), Some(1.0));
    let raw: &mut PgConnection = connection.as_mut();
    raw.execute("SELECT 1").await.unwrap();
    assert_eq!(shop.count("SELECT", "", ""), Some(2.0));
    // On another task, and without the handle that it came from.
    let db = shop.db.clone();
    let spawned = tokio::spawn(async move { insert(&db, 2).await });
    spawned.await.unwrap().unwrap();
    assert_eq!(shop.count("INSERT", "orders", ""), Some(2.0));
}

#[tokio::test]
async fn the_duration_is_that_of_the_query_and_not_of_the_wait_before_it() {
    let shop = Shop::with_options(PgPoolOptions::new().max_connections(1)).await;
    let held = shop.db.acquire().await.unwrap();
    let mut query =
        pin!(sqlx::query("SELECT pg_sleep(0.3), id FROM orders").fetch_optional(&shop.db));
    poll_once(query.as_mut());
    shop.test.tick();
    assert_eq!(shop.pool("pending_requests"), Some(1.0));
    shop.advance(5_000);
    drop(held);
    // It has the connection within the first 300 ms, and the answer after them.
    let (answer, ()) = tokio::join!(query, async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        shop.advance(250);
    });
    answer.unwrap();
    // The table is empty, so that nothing has slept: the answer may have been there before.
    assert!(shop.calls(SUM, "SELECT", "orders", "").unwrap() < 0.3);
    assert_eq!(shop.pool("wait_time_seconds_sum"), Some(5.0));
    // That of the first caller, too.
    assert_eq!(shop.pool("wait_time_seconds_count"), Some(2.0));
    shop.assert_nothing_slow();
    shop.test.tick();
    assert_eq!(shop.pool("pending_requests"), Some(0.0));
    let spans = shop.test.span_data();
    assert_eq!(spans[0].events[0].name, "connection acquired");
}

#[tokio::test]
async fn a_slow_query_is_one() {
    let shop = Shop::open().await;
    let mut query =
        pin!(sqlx::query("SELECT pg_sleep(0.8) FROM pg_tables LIMIT 1").fetch_one(&shop.db));
    let (answer, ()) = tokio::join!(query.as_mut(), async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        shop.advance(1_500);
    });
    answer.unwrap();
    assert_eq!(shop.calls(SUM, "SELECT", "pg_tables", ""), Some(1.5));
    assert_eq!(shop.calls(SLOW, "SELECT", "pg_tables", ""), Some(1.0));
}

#[tokio::test]
async fn a_pool_that_is_used_up_makes_time_outs_and_no_slow_queries() {
    let options = PgPoolOptions::new().max_connections(2);
    let shop = Shop::with_options(options.acquire_timeout(Duration::from_millis(900))).await;
    let held = [
        shop.db.acquire().await.unwrap(),
        shop.db.acquire().await.unwrap(),
    ];
    shop.test.tick();
    assert_eq!(shop.connections("used"), Some(2.0));
    assert_eq!(shop.connections("idle"), Some(0.0));
    assert_eq!(shop.pool("max"), Some(2.0));
    let (refused, ()) = tokio::join!(insert(&shop.db, 1), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        shop.advance(30_000);
    });
    assert!(matches!(refused, Err(sqlx::Error::PoolTimedOut)));
    assert!(shop.db.begin().await.is_err());
    assert!(shop.db.acquire().await.is_err());
    assert_eq!(shop.pool("timeouts_total"), Some(3.0));
    assert_eq!(shop.pool("wait_time_seconds_sum"), Some(30.0));
    // It failed, and the database had no part in it.
    assert_eq!(shop.count("INSERT", "orders", "pool_timed_out"), Some(1.0));
    assert_eq!(
        shop.calls(SUM, "INSERT", "orders", "pool_timed_out"),
        Some(0.0)
    );
    assert_eq!(shop.count("BEGIN", "", "pool_timed_out"), Some(1.0));
    assert_eq!(shop.transactions("aborted"), None, "none has begun");
    shop.assert_nothing_slow();
    // The database is as well as before: the check needs no place in the pool.
    shop.tick_until("up", |shop| shop.up() == Some(1.0)).await;
    drop(held);
    insert(&shop.db, 1).await.unwrap();
    shop.db.pool().close().await;
    assert!(insert(&shop.db, 2).await.is_err());
    assert_eq!(shop.count("INSERT", "orders", "pool_closed"), Some(1.0));
    assert_eq!(shop.pool("timeouts_total"), Some(3.0));
}

#[tokio::test]
async fn errors_are_told_apart_by_a_closed_list_of_words() {
    let shop = Shop::open().await;
    let db = &shop.db;
    insert(db, 1).await.unwrap();
    let twice = insert(db, 1).await.unwrap_err();
    assert_eq!(
        twice.as_database_error().unwrap().kind(),
        ErrorKind::UniqueViolation
    );
    assert_eq!(
        shop.count("INSERT", "orders", "unique_violation"),
        Some(1.0)
    );
    let span = shop.test.span_data().pop().unwrap();
    let attribute = |key: &str| {
        let found = span
            .attributes
            .iter()
            .find(|found| found.key.as_str() == key);
        found.map(|found| found.value.to_string())
    };
    assert_eq!(span.name, "INSERT orders");
    assert_eq!(span.span_kind, SpanKind::Client);
    assert!(matches!(span.status, Status::Error { .. }));
    for (key, value) in [
        ("db.system.name", "postgresql"),
        ("db.operation.name", "INSERT"),
        ("db.collection.name", "orders"),
        ("db.query.summary", "INSERT orders"),
        ("error.type", "unique_violation"),
        ("db.response.status_code", "23505"),
    ] {
        assert_eq!(attribute(key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(span.attributes.len(), 6, "neither text nor values");
    for (query, table, error) in [
        ("UPDATE orders SET total = -1", "orders", "check_violation"),
        (
            "UPDATE orders SET total = NULL",
            "orders",
            "not_null_violation",
        ),
        (
            "UPDATE nowhere SET total = 1",
            "nowhere",
            "syntax_error_or_access_rule_violation",
        ),
        (
            "UPDATE orders SET total = 1 / 0",
            "orders",
            "data_exception",
        ),
    ] {
        assert!(db.execute(query).await.is_err());
        assert_eq!(shop.count("UPDATE", table, error), Some(1.0), "{query}");
    }
    db.execute("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'ZZ123'; END $$")
        .await
        .unwrap_err();
    assert_eq!(shop.count("DO", "", "database_error"), Some(1.0));
    let mut connection = db.acquire().await.unwrap();
    connection
        .execute("SET statement_timeout = 50")
        .await
        .unwrap();
    connection.execute("SELECT pg_sleep(5)").await.unwrap_err();
    assert_eq!(shop.count("SELECT", "", "query_canceled"), Some(1.0));
}

#[tokio::test]
async fn an_error_of_sqlx_has_the_same_word_where_it_ends_a_job() {
    let shop = Shop::open().await;
    let worker = shop.test.telemetry().worker("w1");
    insert(&shop.db, 1).await.unwrap();
    let due = shop.test.clock().wall();
    let job = worker.run("import", due, &Carrier::EMPTY, insert(&shop.db, 1));
    assert!(job.await.is_err());
    let labels = [("job_kind", "import"), ("reason", "unique_violation")];
    assert_eq!(
        shop.test
            .value("vantage_worker_job_failures_total", &labels),
        Some(1.0)
    );
    // What the service says itself holds, also for a pool that is measured later.
    let telemetry = shop.test.telemetry();
    telemetry.classify_errors(|_: &sqlx::Error| "from_the_database");
    let other = telemetry.sqlx("other", shop.db.pool().clone());
    let job = worker.run("import", due, &Carrier::EMPTY, insert(&other, 1));
    assert!(job.await.is_err());
    let labels = [("job_kind", "import"), ("reason", "from_the_database")];
    assert_eq!(
        shop.test
            .value("vantage_worker_job_failures_total", &labels),
        Some(1.0)
    );
}

#[tokio::test]
async fn transactions_are_counted_by_outcome_and_their_queries_are_timed() {
    let shop = Shop::open().await;
    let mut tx = shop.db.begin().await.unwrap();
    insert(&mut *tx, 1).await.unwrap();
    let mut savepoint = tx.begin().await.unwrap();
    insert(&mut *savepoint, 2).await.unwrap();
    savepoint.rollback().await.unwrap();
    tx.begin().await.unwrap().commit().await.unwrap();
    assert_eq!(shop.transactions("committed"), None);
    tx.commit().await.unwrap();
    let mut tx = shop.db.begin().await.unwrap();
    insert(&mut *tx, 3).await.unwrap();
    tx.rollback().await.unwrap();
    let mut tx = shop.db.begin().await.unwrap();
    insert(&mut *tx, 4).await.unwrap();
    drop(tx);
    let mut connection = shop.db.acquire().await.unwrap();
    let mut tx = connection.begin().await.unwrap();
    insert(&mut *tx, 5).await.unwrap();
    tx.commit().await.unwrap();
    drop(connection);
    for (outcome, expected) in [("committed", 2.0), ("rolled_back", 1.0), ("aborted", 1.0)] {
        assert_eq!(shop.transactions(outcome), Some(expected), "{outcome}");
    }
    for (operation, expected) in [
        ("BEGIN", 4.0),
        ("SAVEPOINT", 2.0),
        ("RELEASE", 1.0),
        ("COMMIT", 2.0),
        ("ROLLBACK", 2.0),
    ] {
        assert_eq!(shop.count(operation, "", ""), Some(expected), "{operation}");
    }
    assert_eq!(shop.count("INSERT", "orders", ""), Some(5.0));
    let ids: Vec<i32> = sqlx::query_scalar("SELECT id FROM orders ORDER BY id")
        .fetch_all(shop.db.pool())
        .await
        .unwrap();
    assert_eq!(ids, [1, 5]);
}

#[tokio::test]
async fn a_query_that_is_dropped_is_cancelled_and_one_that_never_ran_is_none() {
    let shop = Shop::open().await;
    let query = sqlx::query("SELECT pg_sleep(30) FROM orders");
    drop(query.fetch_one(&shop.db));
    assert_eq!(shop.count("SELECT", "orders", "cancelled"), None);
    let slow = sqlx::query("SELECT pg_sleep(30) FROM pg_tables").fetch_one(&shop.db);
    let timeout = tokio::time::timeout(Duration::from_millis(300), slow);
    assert!(timeout.await.is_err());
    assert_eq!(shop.count("SELECT", "pg_tables", "cancelled"), Some(1.0));
    let rows = sqlx::query("SELECT pg_sleep(30) FROM pg_tables").fetch_all(&shop.db);
    assert!(
        tokio::time::timeout(Duration::from_millis(300), rows)
            .await
            .is_err()
    );
    assert_eq!(shop.count("SELECT", "pg_tables", "cancelled"), Some(2.0));
    let shop = Shop::with_options(PgPoolOptions::new().max_connections(1)).await;
    // While it waits for a connection: that is no time-out of the pool, and no slow query.
    let held = shop.db.acquire().await.unwrap();
    {
        let mut waiting = pin!(insert(&shop.db, 1));
        poll_once(waiting.as_mut());
        shop.advance(7_000);
    }
    assert_eq!(shop.count("INSERT", "orders", "cancelled"), Some(1.0));
    assert_eq!(shop.pool("timeouts_total"), Some(0.0));
    assert_eq!(shop.pool("wait_time_seconds_sum"), Some(7.0));
    shop.assert_nothing_slow();
    drop(held);
    shop.test.tick();
    assert_eq!(shop.pool("pending_requests"), Some(0.0));
}

/// The next row of a stream.
async fn next<S: Stream + ?Sized>(rows: &mut Pin<Box<S>>) -> Option<S::Item> {
    std::future::poll_fn(|cx| rows.as_mut().poll_next(cx)).await
}

#[tokio::test]
async fn a_stream_ends_with_its_last_row_or_when_its_reader_has_enough() {
    let shop = Shop::open().await;
    shop.db
        .execute("INSERT INTO orders SELECT g, 1 FROM generate_series(1, 3) g")
        .await
        .unwrap();
    let mut rows = sqlx::query("SELECT id FROM orders ORDER BY id").fetch(&shop.db);
    let mut ids = Vec::new();
    while let Some(row) = next(&mut rows).await {
        ids.push(row.unwrap().get::<i32, _>(0));
        // The reader is busy, and the database is not.
        shop.advance(10_000);
    }
    assert_eq!(ids, [1, 2, 3]);
    assert_eq!(shop.count("SELECT", "orders", ""), Some(1.0));
    assert_eq!(shop.calls(SUM, "SELECT", "orders", ""), Some(0.0));
    drop(rows);
    let mut rows = sqlx::query("SELECT id FROM orders ORDER BY id").fetch(&shop.db);
    next(&mut rows).await.unwrap().unwrap();
    shop.advance(10_000);
    assert_eq!(shop.count("SELECT", "orders", ""), Some(1.0));
    drop(rows);
    assert_eq!(shop.count("SELECT", "orders", ""), Some(2.0));
    let mut connection = shop.db.acquire().await.unwrap();
    let mut rows = sqlx::query("SELECT id FROM orders ORDER BY id").fetch(&mut *connection);
    next(&mut rows).await.unwrap().unwrap();
    drop(rows);
    assert_eq!(shop.count("SELECT", "orders", ""), Some(3.0));
    // An error in the middle.
    let text = "SELECT 1 / (3 - id) FROM orders ORDER BY id";
    let mut rows = sqlx::query(text).fetch(&mut *connection);
    next(&mut rows).await.unwrap().unwrap();
    next(&mut rows).await.unwrap().unwrap();
    assert!(next(&mut rows).await.unwrap().is_err());
    assert!(next(&mut rows).await.is_none());
    drop(rows);
    assert_eq!(shop.count("SELECT", "orders", "data_exception"), Some(1.0));
    assert_eq!(shop.calls(SUM, "SELECT", "orders", ""), Some(0.0));
    shop.assert_nothing_slow();
}

#[tokio::test]
async fn a_server_that_stops_makes_errors_and_time_outs_and_a_failed_check() {
    let server = TestPostgres::start();
    let options = PgPoolOptions::new().acquire_timeout(Duration::from_millis(300));
    let pool = options.connect(&server.url()).await.unwrap();
    pool.execute(ORDERS).await.unwrap();
    let shop = Shop::of(pool);
    shop.tick_until("up", |shop| shop.up() == Some(1.0)).await;
    let mut tx = shop.db.begin().await.unwrap();
    let running = sqlx::query("SELECT pg_sleep(30) FROM pg_tables").fetch_one(&shop.db);
    let (cut, ()) = tokio::join!(running, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.down();
    });
    // A server that goes down at once says so in its last message, if that arrives.
    let error = cut.unwrap_err();
    let class = if error.as_database_error().is_some() {
        "operator_intervention"
    } else {
        "io"
    };
    assert_eq!(
        shop.count("SELECT", "pg_tables", class),
        Some(1.0),
        "{error}"
    );
    assert!(insert(&mut *tx, 1).await.is_err());
    drop(tx);
    assert_eq!(shop.transactions("aborted"), Some(1.0));
    let (refused, ()) = tokio::join!(insert(&shop.db, 2), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        shop.advance(30_000);
    });
    assert!(
        matches!(refused, Err(sqlx::Error::PoolTimedOut)),
        "{refused:?}"
    );
    assert_eq!(shop.count("INSERT", "orders", "pool_timed_out"), Some(1.0));
    assert_eq!(shop.pool("timeouts_total"), Some(1.0));
    shop.assert_nothing_slow();
    let is_down = |shop: &Shop| {
        shop.up() == Some(0.0) && shop.test.telemetry().health() != HealthStatus::Pass
    };
    shop.tick_until("down", is_down).await;
    server.up();
    shop.tick_until("up again", |shop| shop.up() == Some(1.0))
        .await;
    insert(&shop.db, 3).await.unwrap();
}

#[tokio::test]
async fn the_last_handle_that_goes_ends_the_watch_and_the_check_and_leaves_the_pool() {
    let shop = Shop::open().await;
    let pool = shop.db.pool().clone();
    let check = [
        ("check", "shop"),
        ("criticality", "critical"),
        ("scope", "shared"),
        ("status", "pass"),
    ];
    let passes = |shop: &Shop| shop.test.value("vantage_health_check_status", &check) == Some(1.0);
    shop.tick_until("a check", passes).await;
    assert_eq!(shop.connections("idle"), Some(1.0));
    let Shop { test, db } = shop;
    let clone = db.clone();
    drop(db);
    test.tick();
    let idle = [POOL, ("db_client_connection_state", "idle")];
    assert_eq!(test.value("db_client_connection_count", &idle), Some(1.0));
    drop(clone);
    test.tick();
    assert_eq!(test.value("db_client_connection_count", &idle), None);
    assert_eq!(test.value("vantage_health_check_status", &check), None);
    ping(&pool).await.unwrap();
}

#[tokio::test]
async fn a_service_may_have_no_check_or_its_own() {
    let shop = Shop::open().await;
    let Shop { test, db } = shop;
    let db = db.without_health_check();
    test.telemetry().health_check("shop").degrading().sqlx(&db);
    let shop = Shop { test, db };
    let check = [
        ("check", "shop"),
        ("criticality", "degrading"),
        ("scope", "shared"),
        ("status", "pass"),
    ];
    let passes = |shop: &Shop| shop.test.value("vantage_health_check_status", &check) == Some(1.0);
    shop.tick_until("its own check", passes).await;
    assert_eq!(shop.up(), Some(1.0));
}

#[tokio::test]
async fn a_queue_in_a_table_is_watched_by_its_query() {
    let shop = Shop::open().await;
    shop.db
        .execute("CREATE TABLE outbox (due timestamptz)")
        .await
        .unwrap();
    let queries = [
        // A `bigint` and a `numeric`, which sqlx reads by a crate of its own.
        (
            "both",
            "SELECT count(*), extract(epoch FROM now() - min(due)) FROM outbox",
        ),
        ("count", "SELECT count(*) FROM outbox"),
        ("broken", "SELECT 'x' FROM outbox UNION SELECT 'y'"),
    ];
    let every = Duration::from_secs(10);
    let watched: Vec<_> = queries
        .iter()
        .map(|(name, query)| shop.db.watch_queue(name, every, *query))
        .collect();
    let value = |shop: &Shop, metric: &str, queue: &str| {
        shop.test.value(
            &format!("vantage_worker_queue_{metric}"),
            &[("queue", queue)],
        )
    };
    shop.tick_until("an empty queue", |shop| {
        value(shop, "depth", "both") == Some(0.0)
    })
    .await;
    let age = "SELECT now() - make_interval(secs => 90 * g) FROM generate_series(1, 3) g";
    shop.db
        .execute(sqlx::AssertSqlSafe(format!("INSERT INTO outbox {age}")))
        .await
        .unwrap();
    shop.tick_until("three jobs", |shop| {
        value(shop, "depth", "both") == Some(3.0)
    })
    .await;
    let text = shop
        .test
        .telemetry()
        .scrape(vantage_obs::ExpositionFormat::Text)
        .unwrap();
    let oldest = text
        .lines()
        .find(|line| line.contains("oldest") && line.contains("queue=\"both\""));
    let oldest: f64 = oldest.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap();
    assert!((270.0..300.0).contains(&oldest), "{oldest}");
    shop.tick_until("a count", |shop| value(shop, "depth", "count") == Some(3.0))
        .await;
    assert_eq!(
        value(&shop, "depth", "broken"),
        None,
        "unknown is not empty"
    );
    drop(watched);
    shop.test.tick();
    assert_eq!(value(&shop, "depth", "both"), None);
}

#[tokio::test]
async fn a_queue_and_the_check_have_a_connection_as_the_pool_makes_them() {
    let url = create_database().await;
    let is_broken = Arc::new(AtomicBool::new(false));
    let breaks = Arc::clone(&is_broken);
    let options = PgPoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .acquire_timeout(Duration::from_millis(500))
        .after_connect(move |connection, _| {
            let is_broken = breaks.load(Ordering::Relaxed);
            Box::pin(async move {
                connection.execute("SET search_path = app").await?;
                let role = if is_broken {
                    "SET ROLE nobody"
                } else {
                    "SELECT 1"
                };
                connection.execute(role).await.map(drop)
            })
        });
    let pool = options.connect(&url).await.unwrap();
    for sql in [
        "CREATE SCHEMA app",
        "CREATE TABLE app.jobs (id int)",
        "INSERT INTO app.jobs VALUES (1)",
    ] {
        pool.execute(sql).await.unwrap();
    }
    let shop = Shop::of(pool);
    let _watched =
        shop.db
            .watch_queue("jobs", Duration::from_secs(10), "SELECT count(*) FROM jobs");
    let depth = |shop: &Shop| {
        let labels = [("queue", "jobs")];
        shop.test.value("vantage_worker_queue_depth", &labels)
    };
    shop.tick_until("by an idle connection", |shop| depth(shop) == Some(1.0))
        .await;
    let mut held = shop.db.acquire().await.unwrap();
    held.execute("INSERT INTO jobs VALUES (2)").await.unwrap();
    shop.tick_until("by one of its own", |shop| depth(shop) == Some(2.0))
        .await;
    shop.tick_until("up", |shop| shop.up() == Some(1.0)).await;
    // With a hook that fails nobody gets a connection, so that the check must not say that all is well.
    is_broken.store(true, Ordering::Relaxed);
    shop.tick_until("down", |shop| shop.up() == Some(0.0)).await;
    assert_eq!(shop.db.pool().size(), 1);
    assert_eq!(
        shop.pool("wait_time_seconds_count"),
        Some(1.0),
        "the service's"
    );
}

#[tokio::test]
async fn a_transaction_may_begin_with_a_statement_of_its_own() {
    let shop = Shop::with_options(PgPoolOptions::new().max_connections(1)).await;
    let serializable = "BEGIN ISOLATION LEVEL SERIALIZABLE";
    let mut tx = shop.db.begin_with(serializable).await.unwrap();
    let level: String = sqlx::query_scalar("SHOW transaction_isolation")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(level, "serializable");
    insert(&mut *tx, 1).await.unwrap();
    // The one connection is in use: nobody waits for it.
    assert!(shop.db.try_acquire().is_none());
    assert!(shop.db.try_begin().await.unwrap().is_none());
    let none = shop.db.try_begin_with(serializable).await;
    assert!(none.unwrap().is_none());
    assert_eq!(shop.pool("timeouts_total"), Some(0.0));
    tx.commit().await.unwrap();
    shop.tick_until("idle", |shop| shop.db.pool().num_idle() == 1)
        .await;
    let mut connection = shop.db.try_acquire().unwrap();
    insert(&mut *connection, 2).await.unwrap();
    let tx = connection.begin_with("BEGIN READ ONLY").await.unwrap();
    drop(tx);
    // What begins no transaction is none.
    let failed = connection.begin_with("SELECT 1").await.unwrap_err();
    assert!(matches!(failed, sqlx::Error::BeginFailed));
    drop(connection);
    shop.tick_until("idle", |shop| shop.db.pool().num_idle() == 1)
        .await;
    let tx = shop.db.try_begin().await.unwrap().unwrap();
    tx.rollback().await.unwrap();
    shop.tick_until("idle", |shop| shop.db.pool().num_idle() == 1)
        .await;
    let tx = shop.db.try_begin_with(serializable).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    assert_eq!(shop.count("BEGIN", "", ""), Some(4.0));
    assert_eq!(shop.count("BEGIN", "", "begin_failed"), Some(1.0));
    for (outcome, expected) in [("committed", 2.0), ("rolled_back", 1.0), ("aborted", 1.0)] {
        assert_eq!(shop.transactions(outcome), Some(expected), "{outcome}");
    }
    assert_eq!(shop.count("INSERT", "orders", ""), Some(2.0));
    // A savepoint has a statement of sqlx's own.
    let mut tx = shop.db.begin().await.unwrap();
    assert!(tx.begin_with(serializable).await.is_err());
    assert_eq!(shop.count("SAVEPOINT", "", "begin_failed"), Some(1.0));
}

#[tokio::test]
async fn pools_of_one_name_are_added_and_the_same_pool_is_one() {
    let url = create_database().await;
    let open = async |max: u32| {
        let options = PgPoolOptions::new().max_connections(max);
        options.connect(&url).await.unwrap()
    };
    let (first, second) = (open(3).await, open(5).await);
    let shop = Shop::of(first.clone());
    // As each worker of a server may do it.
    let again = shop.test.telemetry().sqlx("shop", first);
    let other = shop.test.telemetry().sqlx("shop", second);
    let _held = other.acquire().await.unwrap();
    shop.test.tick();
    assert_eq!(shop.pool("max"), Some(8.0));
    assert_eq!(shop.connections("used"), Some(1.0));
    assert_eq!(shop.connections("idle"), Some(1.0));
    drop(again);
    shop.test.tick();
    assert_eq!(shop.pool("max"), Some(8.0));
    drop(other);
    shop.test.tick();
    assert_eq!(shop.pool("max"), Some(3.0));
}

#[tokio::test]
async fn a_query_in_a_span_is_its_child() {
    let shop = Shop::open().await;
    let worker = shop.test.telemetry().worker("w1");
    let due = shop.test.clock().wall();
    worker
        .run("import", due, &Carrier::EMPTY, insert(&shop.db, 1))
        .await
        .unwrap();
    let spans = shop.test.span_data();
    assert_eq!(spans[0].name, "INSERT orders");
    assert_eq!(spans[0].parent_span_id, spans[1].span_context.span_id());
    let broken = PgConnectOptions::new()
        .host("127.0.0.1")
        .port(9)
        .username("x");
    let pool = PgPoolOptions::new()
        .acquire_timeout(Duration::from_millis(100))
        .connect_lazy_with(broken);
    let away = shop.test.telemetry().sqlx("away", pool);
    assert!(insert(&away, 1).await.is_err());
}
