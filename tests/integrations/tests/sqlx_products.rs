//! sqlx with a real SQLite, and against a server that answers as MySQL does.

use std::time::Duration;

use sqlx::Executor as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tokio::io::AsyncWriteExt as _;
use vantage_obs::testing::TestTelemetry;

const COUNT: &str = "db_client_operation_duration_seconds_count";

fn failed(test: &TestTelemetry, operation: &str, error: &str) -> Option<f64> {
    let labels = [("db_operation_name", operation), ("error_type", error)];
    test.sum(COUNT, &labels)
}

#[tokio::test]
async fn errors_of_sqlite_have_the_words_of_other_products() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let options = SqliteConnectOptions::new()
        .filename(&file)
        .create_if_missing(true)
        .busy_timeout(Duration::from_millis(20));
    let pool = SqlitePoolOptions::new().max_connections(2);
    let pool = pool.connect_with(options.clone()).await.unwrap();
    let test = TestTelemetry::new();
    let db = test.telemetry().sqlx("shop", pool);
    db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total INT NOT NULL CHECK (total >= 0)) STRICT")
        .await
        .unwrap();
    db.execute("CREATE TABLE items (o INT REFERENCES orders (id))")
        .await
        .unwrap();
    db.execute(
        "CREATE TRIGGER closed BEFORE DELETE ON orders BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .await
    .unwrap();
    db.execute("INSERT INTO orders VALUES (1, 5)")
        .await
        .unwrap();
    for (statement, operation, error) in [
        (
            "INSERT INTO orders VALUES (1, 5)",
            "INSERT",
            "unique_violation",
        ),
        (
            "INSERT INTO orders VALUES (2, -1)",
            "INSERT",
            "check_violation",
        ),
        (
            "INSERT INTO orders VALUES (2, NULL)",
            "INSERT",
            "not_null_violation",
        ),
        (
            "INSERT INTO orders VALUES (2, 'x')",
            "INSERT",
            "data_exception",
        ),
        (
            "INSERT INTO items VALUES (9)",
            "INSERT",
            "foreign_key_violation",
        ),
        ("DELETE FROM orders", "DELETE", "raise_exception"),
        ("SELECT * FROM nowhere", "SELECT", "database_error"),
    ] {
        let outcome = db.execute(statement).await;
        let told = outcome.unwrap_err();
        assert_eq!(failed(&test, operation, error), Some(1.0), "{told:?}");
    }
    // Locked by another writer, in both of its forms.
    let mut reader = db.begin().await.unwrap();
    reader.execute("SELECT * FROM orders").await.unwrap();
    let mut writer = db.begin_with("BEGIN IMMEDIATE").await.unwrap();
    writer.execute("UPDATE orders SET total = 1").await.unwrap();
    let told = reader.execute("UPDATE orders SET total = 2").await;
    let told = told.unwrap_err();
    let locked = failed(&test, "UPDATE", "lock_not_available");
    assert_eq!(locked, Some(1.0), "{told:?}");
    writer.rollback().await.unwrap();
    reader.rollback().await.unwrap();
    let pages = "PRAGMA max_page_count = 1";
    let mut connection = db.acquire().await.unwrap();
    connection.execute(pages).await.unwrap();
    let fill = "INSERT INTO items SELECT NULL FROM json_each('[' || substr(replace(hex(zeroblob(9000)), '0', '1,'), 1, 35999) || ']')";
    let told = connection.execute(fill).await.unwrap_err();
    let full = failed(&test, "INSERT", "disk_full");
    assert_eq!(full, Some(1.0), "{told:?}");
    let reading = SqlitePoolOptions::new().connect_with(options.read_only(true));
    let reading = test.telemetry().sqlx("read", reading.await.unwrap());
    let told = reading.execute("UPDATE orders SET total = 2").await;
    let told = told.unwrap_err();
    let refused = failed(&test, "UPDATE", "read_only_sql_transaction");
    assert_eq!(refused, Some(1.0), "{told:?}");
}

/// A server that refuses every client with this error, as one of MySQL does before it asks who they are.
async fn refusing(number: u16, state: &str) -> u16 {
    let mut packet = vec![0xff];
    packet.extend(number.to_le_bytes());
    packet.extend(format!("#{state}a message").bytes());
    let mut bytes = vec![packet.len() as u8, 0, 0, 0];
    bytes.append(&mut packet);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(&bytes).await;
        }
    });
    port
}

#[tokio::test]
async fn errors_of_mysql_are_told_by_their_numbers() {
    for (number, state, error) in [
        (1040, "08004", "too_many_connections"),
        (1205, "HY000", "lock_not_available"),
        (1213, "40001", "deadlock_detected"),
        (1062, "23000", "unique_violation"),
        (1452, "23000", "foreign_key_violation"),
        (1048, "23000", "not_null_violation"),
        (1045, "28000", "invalid_authorization_specification"),
        (1114, "HY000", "disk_full"),
        (1146, "42S02", "syntax_error_or_access_rule_violation"),
        (1290, "HY000", "read_only_sql_transaction"),
        (3024, "HY000", "query_canceled"),
        (1105, "HY000", "database_error"),
    ] {
        let options = MySqlConnectOptions::new()
            .host("127.0.0.1")
            .port(refusing(number, state).await)
            .ssl_mode(MySqlSslMode::Disabled);
        let pool = MySqlPoolOptions::new().acquire_timeout(Duration::from_secs(5));
        let test = TestTelemetry::new();
        let db = test
            .telemetry()
            .sqlx("shop", pool.connect_lazy_with(options));
        let told = db.execute("SELECT * FROM orders").await.unwrap_err();
        assert_eq!(failed(&test, "SELECT", error), Some(1.0), "{told:?}");
    }
}
