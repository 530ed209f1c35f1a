//! sqlx against a real PostgreSQL.

use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor as _, PgExecutor, PgPool, Postgres, Row as _};
use vantage_obs::integrations::sqlx::MeasuredPool;
use vantage_obs::testing::TestTelemetry;

use crate::postgres_server::create_database;

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

    fn advance(&self, millis: u64) {
        self.test.clock().advance(Duration::from_millis(millis));
    }
}

async fn insert(executor: impl PgExecutor<'_>, id: i32) -> sqlx::Result<()> {
    let query = sqlx::query("INSERT INTO orders (id, total) VALUES ($1, 7)");
    query.bind(id).execute(executor).await.map(drop)
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
    assert_eq!(shop.test.spans().len(), 9);
}
