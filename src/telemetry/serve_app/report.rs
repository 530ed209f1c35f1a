//! The result of serving an app, which is its last log line.

use std::fmt;
use std::time::Duration;

use crate::export::flush_report::{FlushReport, SignalReport};
use crate::model::units::format_duration;
use crate::telemetry::last_scrape::LastScrape;

/// The result of [`Telemetry::serve_app`](crate::Telemetry::serve_app); as text it is the last log line.
///
/// ```
/// # #[cfg(feature = "testing")] {
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # use axum::Router;
/// # use vantage_obs::testing::TestTelemetry;
/// # let test = TestTelemetry::new();
/// # let telemetry = test.telemetry();
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let report = telemetry.serve_app(listener, Router::new()).until(async {}).await?;
/// assert!(report.is_complete());
/// let text = report.to_string(); // such as: stopped by request in 3ms: 0 requests finished, …
/// assert!(text.ends_with("0 cut off; no scrape was awaited; nothing is pushed"), "{text}");
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServeReport {
    /// The reason for the stop.
    pub cause: StopCause,
    /// The number of requests that ended between the signal and the end, but for those to the SDK's own routes.
    pub finished: u64,
    /// The number of requests that were cut off, because they took longer than `http.shutdown_timeout` or
    /// because of a second signal. One without an answer counts as a failure, which no scrape shows.
    pub cut_off: u64,
    /// The state of the last scrape: it holds the last requests, or not.
    pub last_scrape: LastScrape,
    /// The result of the flush; `None` where a second signal did not wait for it.
    pub flush: Option<FlushReport>,
    /// The time from the signal to the end.
    pub took: Duration,
}

/// The reason for which serving stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopCause {
    /// SIGTERM, as systemd, Docker and Kubernetes send it.
    Terminate,
    /// SIGINT or Ctrl-C.
    Interrupt,
    /// The future of [`ServeApp::until`](super::ServeApp::until).
    Requested,
}

impl ServeReport {
    /// Returns whether no request was cut off, and everything was pushed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let flush = self.flush.as_ref();
        let flushed =
            flush.is_some_and(|flush| flush.signals.iter().all(SignalReport::is_complete));
        self.cut_off == 0 && flushed
    }

    /// Logs the last line.
    pub(super) fn log(&self) {
        const OURS: &str = "vantage_obs";
        let Self {
            finished, cut_off, ..
        } = self;
        if self.is_complete() {
            tracing::info!(target: OURS, finished, cut_off, "{self}");
        } else {
            tracing::warn!(target: OURS, finished, cut_off, "{self}");
        }
    }
}

impl fmt::Display for ServeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cause,
            finished,
            cut_off,
            last_scrape,
            flush,
            took,
        } = self;
        let took = Duration::from_millis(took.as_millis().try_into().unwrap_or(u64::MAX));
        let took = format_duration(took);
        let requests = if *finished == 1 {
            "request"
        } else {
            "requests"
        };
        write!(
            f,
            "stopped by {cause} in {took}: {finished} {requests} finished, {cut_off} cut off; {last_scrape}; "
        )?;
        match flush {
            Some(flush) => flush.fmt(f),
            None => f.write_str("the flush was not awaited"),
        }
    }
}

impl fmt::Display for StopCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
            Self::Requested => "request",
        })
    }
}
