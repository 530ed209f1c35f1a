//! What a PostgreSQL tells of itself, and what a check makes of it.

#[path = "../../../src/store/postgres_client/server.rs"]
pub(crate) mod server;

use std::time::Duration;

use vantage_obs::catalog;
use vantage_obs::config::Secret;
use vantage_obs::testing::TestTelemetry;

use crate::backends::wait_for;
use crate::catalog::DATABASE_SERVER;
use crate::support::{named, scrape};

use server::{TestPostgres, create_database, run_script};

fn up(test: &TestTelemetry, name: &str) -> Option<f64> {
    let labels = [("db_namespace", name), ("db_system_name", "postgresql")];
    test.value("vantage_database_up", &labels)
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_watched_database_has_its_figures_while_it_answers() {
    let server = TestPostgres::start();
    run_script(&server.url(), "CREATE TABLE posts (id int PRIMARY KEY)").await;
    let test = TestTelemetry::new();
    let url = Secret::new(server.url());
    let watch = test.telemetry().watch_postgres("store", &url).unwrap();
    let size = || {
        test.tick();
        test.value("vantage_database_size_bytes", &[("db_namespace", "store")])
    };
    let bytes = wait_for("the size", async || size()).await;
    assert!(bytes > 5e6, "{bytes}");
    assert_eq!(up(&test, "store"), Some(1.0));
    let text = scrape(&test);
    for name in DATABASE_SERVER {
        // It needs two samples.
        if name != "vantage.database.index.usage" {
            let name = catalog::find(name).unwrap().prometheus_name();
            assert!(!named(&text, &name).is_empty(), "{name}");
        }
    }
    server.down();
    // The next sample is a quarter of a minute away.
    wait_for("its end", async || size().is_none().then_some(())).await;
    assert_eq!(up(&test, "store"), Some(0.0));
    assert!(named(&scrape(&test), "vantage_database_table_size_bytes").is_empty());
    drop(watch);
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_table_is_watched_as_the_queue_that_it_is() {
    let server = TestPostgres::start();
    let jobs = "CREATE TABLE jobs (id serial PRIMARY KEY, run_at timestamptz NOT NULL);
                INSERT INTO jobs (run_at) VALUES
                (now() - interval '1 hour'), (now()), (now() + interval '1 hour')";
    run_script(&server.url(), jobs).await;
    let test = TestTelemetry::new();
    let url = Secret::new(server.url());
    let watch = |name, sql| {
        let interval = Duration::from_secs(1);
        let telemetry = test.telemetry();
        telemetry
            .watch_postgres_queue(name, interval, &url, sql)
            .unwrap()
    };
    let due =
        "SELECT count(*), extract(epoch FROM now() - min(run_at)) FROM jobs WHERE run_at <= now();";
    let _watches = [
        watch("due", due),
        watch(
            "empty",
            "SELECT count(*), NULL FROM jobs WHERE id > 100 -- none",
        ),
        watch(
            "ahead",
            "SELECT 7, extract(epoch FROM now() - max(run_at)) FROM jobs",
        ),
        watch("rows", "SELECT id, 1 FROM jobs"),
        watch("writes", "SELECT nextval('jobs_id_seq'), 1"),
    ];
    let value = |name, queue| test.value(name, &[("queue", queue)]);
    let depth = |queue| value("vantage_worker_queue_depth", queue);
    let oldest = |queue| value("vantage_worker_queue_oldest_age_seconds", queue);
    let is_read = || {
        ["due", "empty", "ahead"]
            .iter()
            .all(|queue| depth(queue).is_some())
    };
    wait_for("the depths", async || {
        test.tick();
        is_read().then_some(())
    })
    .await;
    assert_eq!(
        ["due", "empty", "ahead"].map(depth),
        [Some(2.0), Some(0.0), Some(7.0)]
    );
    let age = oldest("due").unwrap();
    assert!((3_600.0..3_700.0).contains(&age), "{age}");
    // Not due yet, and so not late; an empty queue has no oldest job.
    assert_eq!([oldest("ahead"), oldest("empty")], [Some(0.0), None]);
    let errors = |queue| {
        let labels = [("sampler", queue)];
        test.value("vantage_telemetry_sampler_errors_total", &labels)
    };
    wait_for("the faults", async || {
        test.tick();
        let faults = [errors("queue:rows"), errors("queue:writes")];
        faults.iter().all(Option::is_some).then_some(())
    })
    .await;
    assert_eq!(["rows", "writes"].map(depth), [None; 2]);
    server.down();
    wait_for("its end", async || {
        test.clock().advance(Duration::from_secs(1));
        test.tick();
        depth("due").is_none().then_some(())
    })
    .await;
    server.up();
    wait_for("its return", async || {
        test.clock().advance(Duration::from_secs(1));
        test.tick();
        depth("due")
    })
    .await;
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_check_of_postgres_says_whether_it_answers_and_why_not() {
    let test = TestTelemetry::new();
    let telemetry = test.telemetry();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = free.local_addr().unwrap();
    let there = Secret::new(create_database().await);
    let refused = Secret::new(format!("postgres://vantage:canary@{free}/x"));
    drop(
        telemetry
            .health_check("there")
            .timeout(Duration::from_secs(2))
            .postgres(&there),
    );
    drop(telemetry.health_check("gone").postgres(&refused));
    drop(
        telemetry
            .health_check("wrong")
            .postgres(&Secret::new("canary")),
    );
    for (name, expected) in [("there", 1.0), ("gone", 0.0), ("wrong", 0.0)] {
        let found = async || {
            test.tick();
            up(&test, name)
        };
        assert!(
            (wait_for(name, found).await - expected).abs() < f64::EPSILON,
            "{name}"
        );
    }
    assert!(!scrape(&test).contains("canary"));
}
