//! Connections, migrations and figures against a real PostgreSQL; `.ci/backends` starts it.

use std::time::Duration;

use super::migrate::tests::with_a_broken_script;
use super::server::{create_database, open_session, run_script};
use super::statistics::DatabaseStatistics;
use super::{PostgresAddress, PostgresPool, TransactionLimits, migrate, with_timeout};
use crate::config::Secret;
use crate::model::snapshot::database::{DatabaseFigures, TableFigures};

fn connect_pool(url: &str) -> PostgresPool {
    let address = PostgresAddress::parse(&Secret::new(url));
    PostgresPool::new(address.expect("the URL is valid"), 2)
}

const LIMITS: TransactionLimits = TransactionLimits {
    mode: "",
    statement: Duration::from_secs(5),
    lock: Duration::from_secs(5),
};

/// Returns the process of the server that serves a connection of the pool.
async fn backend_pid(pool: &PostgresPool) -> i32 {
    let mut transaction = pool.begin(LIMITS).await.unwrap();
    let rows = transaction.query("SELECT pg_backend_pid()", &[]).await;
    transaction.commit().await.unwrap();
    rows.unwrap()[0].get(0)
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_connection_is_used_again_unless_its_call_ran_out_of_time() {
    let pool = connect_pool(&create_database().await);
    let first = backend_pid(&pool).await;
    assert_eq!(backend_pid(&pool).await, first);
    let slow = async {
        let mut transaction = pool.begin(LIMITS).await?;
        transaction.query("SELECT pg_sleep(2)", &[]).await
    };
    let error = with_timeout(Duration::from_millis(200), slow).await;
    assert_eq!(error.unwrap_err().code(), "timeout");
    // An answer of that call would be read as this one's.
    let second = backend_pid(&pool).await;
    assert_ne!(second, first);
    assert_eq!(backend_pid(&pool).await, second);
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_call_beyond_the_bound_of_the_pool_waits_for_a_connection() {
    let pool = connect_pool(&create_database().await);
    let one = pool.begin(LIMITS).await.unwrap();
    let two = pool.begin(LIMITS).await.unwrap();
    let waited = with_timeout(Duration::from_millis(200), pool.ping()).await;
    assert_eq!(waited.unwrap_err().code(), "timeout");
    one.commit().await.unwrap();
    pool.ping().await.unwrap();
    // One that is dropped in a transaction makes room as well.
    let _one = pool.begin(LIMITS).await.unwrap();
    drop(two);
    pool.ping().await.unwrap();
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_connection_that_the_server_closed_gives_way_to_a_new_one() {
    let url = create_database().await;
    let pool = connect_pool(&url);
    let pid = backend_pid(&pool).await;
    run_script(&url, &format!("SELECT pg_terminate_backend({pid}, 5000)")).await;
    assert_ne!(backend_pid(&pool).await, pid);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs .ci/backends"]
async fn twenty_replicas_may_start_at_once() {
    let url = create_database().await;
    let starts: Vec<_> = (0..20)
        .map(|_| {
            let pool = connect_pool(&url);
            tokio::spawn(async move { migrate(&pool).await })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
    let versions = open_session(&url).await;
    let versions = versions.query("SELECT version FROM vantage_obs.migrations", &[]);
    assert_eq!(versions.await.unwrap().len(), 1);
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_creation_that_fails_leaves_nothing_behind() {
    let url = create_database().await;
    let pool = connect_pool(&url);
    let error = with_a_broken_script(&pool).await.unwrap_err();
    assert!(
        error.with_causes().contains("division by zero"),
        "{}",
        error.with_causes()
    );
    let left = open_session(&url).await;
    let left = left.query_one("SELECT to_regnamespace('vantage_obs') IS NULL", &[]);
    assert!(left.await.unwrap().get::<_, bool>(0));
    migrate(&pool).await.unwrap();
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_newer_schema_is_used_where_it_says_so_and_else_refused() {
    let url = create_database().await;
    let pool = connect_pool(&url);
    migrate(&pool).await.unwrap();
    let newer = "INSERT INTO vantage_obs.migrations (version, compatible) VALUES";
    run_script(&url, &format!("{newer} (98, 1)")).await;
    migrate(&pool).await.unwrap();
    run_script(&url, &format!("{newer} (99, 50)")).await;
    let error = migrate(&pool).await.unwrap_err();
    assert!(error.to_string().contains("version 99"), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_schema_of_a_development_state_is_refused_and_left_alone() {
    let url = create_database().await;
    let earlier = "CREATE SCHEMA vantage_obs; CREATE TABLE vantage_obs.slices (instance text); CREATE TABLE vantage_obs.migrations (version integer PRIMARY KEY, compatible integer NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()); INSERT INTO vantage_obs.migrations (version, compatible) VALUES (1, 1), (4, 1)";
    run_script(&url, earlier).await;
    let error = migrate(&connect_pool(&url)).await.unwrap_err();
    assert!(error.to_string().contains("version 4"), "{error}");
    assert!(!error.is_transient());
    let tables = open_session(&url).await;
    let tables = tables.query(
        "SELECT FROM pg_tables WHERE schemaname = 'vantage_obs'",
        &[],
    );
    assert_eq!(tables.await.unwrap().len(), 2);
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_wrong_password_is_reported_without_being_shown() {
    let url = create_database().await;
    let (user, host) = url.split_once('@').unwrap();
    let (scheme, _) = user.rsplit_once(':').unwrap();
    let error = connect_pool(&format!("{scheme}:canary@{host}"))
        .ping()
        .await
        .unwrap_err();
    let text = format!("{error} {error:?} {}", error.with_causes());
    assert_eq!(
        (error.code(), error.is_transient()),
        ("auth_failed", true),
        "{text}"
    );
    assert!(!text.contains("canary"), "{text}");
}

#[cfg(feature = "tls")]
#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn each_sslmode_believes_what_it_says() {
    use super::server::env_setting;
    let url = create_database().await;
    let ca = format!("sslrootcert={}/ca.pem", env_setting("VANTAGE_TEST_CERTS"));
    let stranger = format!(
        "sslrootcert={}/client.pem",
        env_setting("VANTAGE_TEST_CERTS")
    );
    let named = url.replace("127.0.0.1", "localhost");
    let unnamed = url.replace("127.0.0.1", "elsewhere.example");
    for (url, query, expected) in [
        (&url, "sslmode=disable".to_owned(), Ok(false)),
        (&url, "sslmode=prefer".to_owned(), Ok(true)),
        (&url, "sslmode=require".to_owned(), Ok(true)),
        (&url, format!("sslmode=require&{ca}"), Ok(true)),
        (
            &url,
            format!("sslmode=require&{stranger}"),
            Err("tls_failed"),
        ),
        (
            &url,
            format!("sslmode=verify-ca&{stranger}"),
            Err("tls_failed"),
        ),
        (&url, "sslmode=verify-full".to_owned(), Err("tls_failed")),
        (&url, format!("sslmode=verify-full&{ca}"), Ok(true)),
        (&named, format!("sslmode=verify-full&{ca}"), Ok(true)),
        (
            &unnamed,
            format!("hostaddr=127.0.0.1&sslmode=verify-ca&{ca}"),
            Ok(true),
        ),
        (
            &unnamed,
            format!("hostaddr=127.0.0.1&sslmode=verify-full&{ca}"),
            Err("tls_failed"),
        ),
    ] {
        let encrypted = is_encrypted(&format!("{url}?{query}")).await;
        assert_eq!(encrypted, expected, "{query}");
    }
}

#[cfg(feature = "tls")]
async fn is_encrypted(url: &str) -> Result<bool, &'static str> {
    let query = async {
        let mut transaction = connect_pool(url).begin(LIMITS).await?;
        let ssl = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let rows = transaction.query(ssl, &[]).await?;
        Ok(rows[0].get(0))
    };
    query
        .await
        .map_err(|error: super::PostgresError| error.code())
}

/// A user that may do nothing but what every user may.
async fn create_ordinary_user(url: &str) -> String {
    let (_, name) = url.rsplit_once('/').unwrap();
    run_script(url, &format!("CREATE ROLE {name} LOGIN PASSWORD 'x'")).await;
    let (_, host) = url.split_once('@').unwrap();
    format!("postgres://{name}:x@{host}")
}

async fn sample(statistics: &mut DatabaseStatistics) -> DatabaseFigures {
    statistics.sample().await.unwrap()
}

fn find_table<'a>(sample: &'a DatabaseFigures, name: &str) -> &'a TableFigures {
    let relations = sample.relations.as_ref().unwrap();
    let found = relations.tables.iter().find(|table| table.name == name);
    found.unwrap_or_else(|| panic!("no {name} in {relations:?}"))
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn an_ordinary_user_reads_all_statistics() {
    let url = create_database().await;
    run_script(&url, "CREATE TABLE posts (id int PRIMARY KEY, body text); INSERT INTO posts SELECT n, repeat('x', 100) FROM generate_series(1, 5000) n; CREATE SCHEMA more; CREATE TABLE more.tags (a int); ANALYZE").await;
    let mut statistics = DatabaseStatistics::new(connect_pool(&create_ordinary_user(&url).await));
    let before = sample(&mut statistics).await;
    let mut reader = String::from("SET enable_seqscan = off;");
    reader.push_str(&"SELECT * FROM posts WHERE id = 7;".repeat(9));
    reader.push_str("SET enable_seqscan = on; SELECT count(body) FROM posts; ROLLBACK");
    run_script(&url, &reader).await;
    run_script(&url, "SELECT pg_sleep(1.2)").await;
    let after = sample(&mut statistics).await;
    assert!(after.size_bytes.unwrap() > 5_000_000, "{after:?}");
    let (old, new) = (find_table(&before, "posts"), find_table(&after, "posts"));
    assert!(new.bytes > 600_000, "{new:?}");
    assert_eq!(new.index_scans - old.index_scans, 9, "{new:?}");
    assert_eq!(new.sequential_scans - old.sequential_scans, 1, "{new:?}");
    find_table(&after, "more.tags");
    let relations = after.relations.as_ref().unwrap();
    assert_eq!(relations.index_usage, Some(0.9));
    let index = relations
        .indexes
        .iter()
        .find(|index| index.name == "posts_pkey");
    assert_eq!(index.unwrap().table, "posts");
    let connections = after.connections.as_ref().unwrap();
    assert_eq!(connections.max, 197);
    let all: u64 = connections.by_state.iter().map(|(_, count)| count).sum();
    assert!(all >= 1, "{connections:?}");
    assert!(after.activity.committed > before.activity.committed);
    assert!(after.activity.blocks_from_cache > 0);
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_table_that_is_locked_is_not_waited_for() {
    let url = create_database().await;
    run_script(
        &url,
        "CREATE TABLE held AS SELECT n FROM generate_series(1, 5000) n; ANALYZE",
    )
    .await;
    let holder = open_session(&url).await;
    holder
        .batch_execute("BEGIN; LOCK TABLE held")
        .await
        .unwrap();
    let mut statistics = DatabaseStatistics::new(connect_pool(&url));
    let sample = sample(&mut statistics).await;
    assert!(find_table(&sample, "held").bytes > 100_000, "{sample:?}");
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn ten_thousand_tables_are_sampled_in_a_fraction_of_a_second_as_51() {
    let url = create_database().await;
    // More in one transaction would need more locks than a server has.
    for part in 0..50 {
        let (from, to) = (part * 200, part * 200 + 199);
        let make = format!(
            "DO $$ BEGIN FOR n IN {from}..{to} LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, b int UNIQUE)', n); END LOOP; END $$"
        );
        run_script(&url, &make).await;
    }
    run_script(
        &url,
        "INSERT INTO t77 SELECT n, n FROM generate_series(1, 20000) n",
    )
    .await;
    run_script(&url, "ANALYZE").await;
    let mut statistics = DatabaseStatistics::new(connect_pool(&url));
    let mut times = Vec::new();
    for _ in 0..5 {
        let started = std::time::Instant::now();
        let sample = sample(&mut statistics).await;
        times.push(started.elapsed());
        let relations = sample.relations.as_ref().unwrap();
        assert_eq!((relations.tables.len(), relations.indexes.len()), (51, 51));
        assert!(find_table(&sample, "t77").bytes > 600_000);
        find_table(&sample, "_other");
    }
    eprintln!("10,000 tables, 20,000 indexes: {times:?}");
    // The best, because a busy machine makes the others as slow as it likes.
    let best = times.iter().min().unwrap();
    assert!(*best < Duration::from_secs(1), "{times:?}");
}
