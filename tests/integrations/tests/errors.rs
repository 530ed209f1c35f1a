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
