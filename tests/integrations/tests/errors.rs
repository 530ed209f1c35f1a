//! Errors of a crate that wraps any other.

use std::io;

use anyhow::Context as _;
use vantage_obs::testing::TestTelemetry;
use vantage_obs::trace::Carrier;

#[derive(Debug)]
enum ShopError {
    OutOfStock,
}

impl std::fmt::Display for ShopError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no stock")
    }
}

impl std::error::Error for ShopError {}

#[tokio::test]
async fn the_reason_of_an_anyhow_error_is_that_of_what_is_inside() {
    let test = TestTelemetry::new();
    let worker = test.telemetry().worker("w1");
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    let elsewhere = anyhow::Error::from(ShopError::OutOfStock);
    for (error, reason) in [
        (ShopError::OutOfStock.into(), "out_of_stock"),
        (
            elsewhere.context("order 4711").context("checkout"),
            "out_of_stock",
        ),
        (
            anyhow::Error::from(refused).context("10.0.0.1"),
            "connection_refused",
        ),
        (anyhow::anyhow!("order {} is gone", 4711), "_OTHER"),
        (anyhow::anyhow!("gone"), "_OTHER"),
    ] {
        let labels = [("job_kind", "order"), ("reason", reason)];
        let failures = || test.value("vantage_worker_job_failures_total", &labels);
        let before = failures().unwrap_or(0.0);
        let work = async { Err::<(), anyhow::Error>(error) };
        let due = test.clock().wall();
        let _ = worker.run("order", due, &Carrier::EMPTY, work).await;
        assert_eq!(failures(), Some(before + 1.0), "{reason}");
    }
    // With `?` and a context, as it is written.
    let work = async {
        let file = std::fs::read("/no/such/file").context("can't read it")?;
        anyhow::Ok(file.len())
    };
    let _ = worker
        .run("order", test.clock().wall(), &Carrier::EMPTY, work)
        .await;
    let labels = [("job_kind", "order"), ("reason", "not_found")];
    let failures = test.value("vantage_worker_job_failures_total", &labels);
    assert_eq!(failures, Some(1.0));
}

/// Runs a job that fails with this error, and returns the only reason that has been recorded.
async fn reason(test: &TestTelemetry, error: impl std::error::Error + 'static) -> Vec<String> {
    let worker = test.telemetry().worker("w1");
    let work = async { Err::<(), _>(error) };
    let _ = worker
        .run("order", test.clock().wall(), &Carrier::EMPTY, work)
        .await;
    let text = test
        .telemetry()
        .scrape(vantage_obs::ExpositionFormat::Text)
        .unwrap();
    let lines = text
        .lines()
        .filter(|line| line.starts_with("vantage_worker_job_failures_total"));
    let reasons = lines.filter_map(|line| line.split("reason=\"").nth(1)?.split('"').next());
    reasons.map(str::to_owned).collect()
}

#[tokio::test]
async fn the_reason_of_a_grpc_status_is_its_code() {
    let test = TestTelemetry::new();
    let status = tonic::Status::not_found("order 4711");
    assert_eq!(reason(&test, status).await, ["not_found"]);
}

#[tokio::test]
async fn an_error_of_a_library_has_its_word_before_and_after_the_first_handle() {
    for handle_first in [false, true] {
        let test = TestTelemetry::new();
        if handle_first {
            let _client = test.telemetry().reqwest(reqwest::Client::new());
        }
        let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", unused.local_addr().unwrap());
        drop(unused);
        let error = reqwest::Client::new().get(url).send().await.unwrap_err();
        assert_eq!(
            reason(&test, error).await,
            ["connection_refused"],
            "{handle_first}"
        );
        let test = TestTelemetry::new();
        let error = sqlx::Error::PoolTimedOut;
        assert_eq!(reason(&test, error).await, ["pool_timed_out"]);
        let test = TestTelemetry::new();
        let error = "nonsense".parse::<tokio_postgres::Config>().unwrap_err();
        assert_eq!(reason(&test, error).await, ["client_error"]);
    }
}
