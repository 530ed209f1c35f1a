//! deadpool below deadpool-postgres, against a real PostgreSQL.

use std::time::Duration;

use deadpool_postgres::{Manager, Object, Pool, Runtime};
use tokio_postgres::NoTls;
use vantage_obs::health::HealthStatus;
use vantage_obs::integrations::deadpool::MeasuredPool;
use vantage_obs::testing::TestTelemetry;

use crate::postgres_server::{TestPostgres, create_database};

const POOL: (&str, &str) = ("db_client_connection_pool_name", "shop");

/// A measured pool of a database of its own.
struct Shop {
    test: TestTelemetry,
    db: MeasuredPool<Manager, Object>,
}

impl Shop {
    fn of(url: &str, size: usize) -> Self {
        let manager = Manager::new(url.parse().unwrap(), NoTls);
        let pool = Pool::builder(manager).max_size(size);
        let pool = pool
            .wait_timeout(Some(Duration::from_millis(200)))
            .runtime(Runtime::Tokio1)
            .build()
            .unwrap();
        let test = TestTelemetry::new();
        let db = test.telemetry().deadpool("shop", &pool);
        Self { test, db }
    }

    fn pool(&self, metric: &str) -> Option<f64> {
        self.test
            .value(&format!("db_client_connection_{metric}"), &[POOL])
    }

    fn connections(&self, state: &str) -> Option<f64> {
        let labels = [POOL, ("db_client_connection_state", state)];
        self.test.value("db_client_connection_count", &labels)
    }

    fn calls(&self, operation: &str, table: &str, error: &str) -> Option<f64> {
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
        self.test
            .value("db_client_operation_duration_seconds_count", &known)
    }

    fn up(&self) -> Option<f64> {
        let labels = [("db_namespace", "shop"), ("db_system_name", "postgresql")];
        self.test.value("vantage_database_up", &labels)
    }

    async fn tick_until_up_is(&self, expected: f64) {
        for turn in 0..400 {
            if turn % 20 == 0 {
                self.test.clock().advance(Duration::from_secs(11));
            }
            self.test.tick();
            if self.up() == Some(expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("not within 10 s: {expected}");
    }
}

#[tokio::test]
async fn a_pool_is_watched_and_its_waits_and_time_outs_are_recorded() {
    let shop = Shop::of(&create_database().await, 1);
    let held = shop.db.get().await.unwrap();
    shop.test.tick();
    assert_eq!(shop.connections("used"), Some(1.0));
    assert_eq!(shop.connections("idle"), Some(0.0));
    assert_eq!(shop.pool("max"), Some(1.0));
    let (refused, ()) = tokio::join!(shop.db.get(), async {
        shop.test.tick();
        assert_eq!(shop.pool("pending_requests"), Some(1.0));
        tokio::time::sleep(Duration::from_millis(50)).await;
        shop.test.clock().advance(Duration::from_secs(30));
    });
    assert!(refused.is_err());
    assert_eq!(shop.pool("timeouts_total"), Some(1.0));
    assert_eq!(shop.pool("wait_time_seconds_sum"), Some(30.0));
    assert_eq!(shop.pool("wait_time_seconds_count"), Some(2.0));
    assert_eq!(shop.calls("CONNECT", "", "pool_timed_out"), Some(1.0));
    let text = shop
        .test
        .telemetry()
        .scrape(vantage_obs::ExpositionFormat::Text)
        .unwrap();
    let slow = text
        .lines()
        .filter(|line| line.starts_with("vantage_database_slow_queries_total{"));
    assert_eq!(slow.count(), 0);
    drop(held);
    shop.test.tick();
    assert_eq!(shop.connections("idle"), Some(1.0));
    shop.db.pool().close();
    assert!(shop.db.get().await.is_err());
    assert_eq!(shop.calls("CONNECT", "", "pool_closed"), Some(1.0));
    let Shop { test, db } = shop;
    drop(db);
    test.tick();
    assert_eq!(test.value("db_client_connection_max", &[POOL]), None);
}

#[tokio::test]
async fn calls_run_by_the_database_of_the_pool_and_errors_have_the_names_of_their_states() {
    let shop = Shop::of(&create_database().await, 2);
    let client = shop.db.get().await.unwrap();
    client
        .batch_execute("CREATE TABLE orders (id int PRIMARY KEY)")
        .await
        .unwrap();
    let insert = "INSERT INTO orders VALUES (1)";
    let database = shop.db.database();
    database
        .run("INSERT", "orders", client.execute(insert, &[]))
        .await
        .unwrap();
    let twice = database
        .run("INSERT", "orders", client.execute(insert, &[]))
        .await;
    assert!(twice.is_err());
    assert_eq!(shop.calls("INSERT", "orders", ""), Some(1.0));
    assert_eq!(
        shop.calls("INSERT", "orders", "unique_violation"),
        Some(1.0)
    );
    let nowhere = database
        .run(
            "SELECT",
            "nowhere",
            client.query("SELECT * FROM nowhere", &[]),
        )
        .await;
    assert!(nowhere.is_err());
    let class = "syntax_error_or_access_rule_violation";
    assert_eq!(shop.calls("SELECT", "nowhere", class), Some(1.0));
}

#[tokio::test]
async fn a_server_that_stops_is_down_and_refuses_connections() {
    let server = TestPostgres::start();
    let shop = Shop::of(&server.url(), 2);
    shop.test
        .telemetry()
        .health_check("shop")
        .deadpool(&shop.db);
    let held = shop.db.get().await.unwrap();
    shop.tick_until_up_is(1.0).await;
    server.down();
    let query = held.query("SELECT 1", &[]);
    assert!(shop.db.database().run("SELECT", "", query).await.is_err());
    let class = ["io", "admin_shutdown", "operator_intervention"];
    assert!(
        class
            .iter()
            .any(|class| shop.calls("SELECT", "", class) == Some(1.0))
    );
    assert!(shop.db.get().await.is_err());
    assert_eq!(shop.calls("CONNECT", "", "io"), Some(1.0));
    assert_eq!(shop.pool("timeouts_total"), Some(0.0));
    shop.tick_until_up_is(0.0).await;
    server.up();
    shop.tick_until_up_is(1.0).await;
    drop(shop.db.get().await.unwrap());
    assert_eq!(shop.test.telemetry().health(), HealthStatus::Pass);
}
