//! Flush and shutdown, in order and in time.
//!
//! | step | reason for its place |
//! |---|---|
//! | not ready, then the delay | balancers stop sending while everything still works |
//! | goodbyes, then the store's flush | others learn of the stop; the last counts are kept |
//! | export | sends also what the steps before recorded |
//! | servers end | a scrape during the export still has an answer; one that is under way is finished |
//! | loops and providers end | nothing shows them any more |
//! | the store closes | nothing writes any more |
//! | log lines | all steps before may log |
//!
//! Each step has a deadline of its own, and none is skipped because one before ran out of time.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::exporters::Exporters;
use super::{Inner, Telemetry, timer};
use crate::background::thread;
use crate::export::flush_report::{FlushError, FlushReport};
use crate::store::block_on;

/// The time limit for the export of a dropped telemetry; a longer one would look like a hang.
const AT_DROP: Duration = Duration::from_secs(1);

/// The least time that queued log lines have to be written, even where the export took all of it.
const LINES_AT_LEAST: Duration = Duration::from_millis(100);

/// The longest, however much time is left: a reader that stalls for so long is stuck.
const LINES_AT_MOST: Duration = Duration::from_secs(5);

/// The time for the telemetry's own last lines to reach the log, which may be stuck.
const OWN_LINES_AT_MOST: Duration = Duration::from_millis(100);

impl Telemetry {
    /// Sends everything that waits for its export, and says what became of it.
    ///
    /// Takes at most `otlp.shutdown_timeout`, whatever state receivers and runtimes are in.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use vantage_obs::{Config, Role, Telemetry, config::Environment};
    /// # let config = Config::new("vantage-worker", Role::Worker);
    /// # let telemetry = Telemetry::without_globals(config, &Environment::empty())?;
    /// let report = telemetry.flush().await?;
    /// assert_eq!(report.to_string(), "nothing is pushed");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`FlushError`], with the same report, when something was refused or is still waiting.
    pub async fn flush(&self) -> Result<FlushReport, FlushError> {
        self.0.recording.supervisor.nudge();
        let Exporters { push, timeout, .. } = &self.0.exporters;
        push.flush(false, *timeout).await.into_result()
    }

    /// Does what [`flush`](Self::flush) does, for a thread without an async runtime: blocks.
    ///
    /// ```
    /// # use vantage_obs::{Config, Role, Telemetry, config::Environment};
    /// let config = Config::new("vantage-worker", Role::Worker);
    /// let telemetry = Telemetry::without_globals(config, &Environment::empty())?;
    /// let report = telemetry.flush_blocking()?;
    /// assert!(report.signals.is_empty(), "nothing is pushed without an endpoint");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    pub fn flush_blocking(&self) -> Result<FlushReport, FlushError> {
        self.0.recording.supervisor.nudge();
        let Exporters { push, timeout, .. } = &self.0.exporters;
        push.flush_blocking(false, *timeout).into_result()
    }

    /// Ends sampling, serving and exporting, after everything that waits was sent; from then on a
    /// scrape is answered with 503. Idempotent: a second call has nothing to report.
    ///
    /// Health says from the start that the service is not ready. Where the SDK serves its routes
    /// itself, they stay open for `health.shutdown_delay` before anything ends.
    ///
    /// Workers say goodbye, the store keeps what it was told, and then what waits is exported: all
    /// together within `otlp.shutdown_timeout`; at last the queued log lines are written. Dropping the last clone of a [`Telemetry`] does the
    /// same within a second.
    ///
    /// # Errors
    ///
    /// [`FlushError`], with the report, when something was lost.
    pub async fn shutdown(&self) -> Result<FlushReport, FlushError> {
        self.shutdown_within(self.0.exporters.timeout).await
    }

    /// Does what [`shutdown`](Self::shutdown) does, with a deadline of its own instead of `otlp.shutdown_timeout`.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub async fn shutdown_within(&self, within: Duration) -> Result<FlushReport, FlushError> {
        // The delay is not part of `within`: it is time to serve in, and not to stop in.
        timer::wait(self.0.pause()).await;
        let start = Instant::now();
        let rest = self.0.heartbeat.part(within, || self.0.conclude()).await;
        let report = self.0.exporters.push.flush(true, rest).await;
        self.0
            .server
            .close(within.saturating_sub(start.elapsed()))
            .await;
        self.0.end();
        self.0.heartbeat.close().await;
        self.0.flush_lines(lines_timeout(start, within)).await;
        report.into_result()
    }

    /// Does what [`shutdown`](Self::shutdown) does, for a process without an async runtime: blocks.
    ///
    /// ```
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, ExpositionFormat, Role, Telemetry};
    ///
    /// let config = Config::new("vantage-worker", Role::Worker);
    /// let telemetry = Telemetry::without_globals(config, &Environment::empty())?;
    /// let report = telemetry.shutdown_blocking()?;
    /// assert!(report.signals.is_empty(), "nothing is pushed without an endpoint");
    /// assert!(telemetry.scrape(ExpositionFormat::Text).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub fn shutdown_blocking(&self) -> Result<FlushReport, FlushError> {
        self.shutdown_within_blocking(self.0.exporters.timeout)
    }

    /// Does what [`shutdown_within`](Self::shutdown_within) does, for a process without an async runtime: blocks.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub fn shutdown_within_blocking(&self, within: Duration) -> Result<FlushReport, FlushError> {
        // Blocks as the name says; a thread of the runtime should call `shutdown`.
        std::thread::sleep(self.0.pause());
        let report = self.0.end_blocking(within);
        report.into_result()
    }
}

impl Inner {
    /// Stores the counts up to now, while the store still takes them.
    fn conclude(&self) {
        if !self.config.config.disabled {
            self.watch.conclude();
        }
    }

    /// Ends everything, in a thread that has no runtime.
    fn end_blocking(&self, within: Duration) -> FlushReport {
        let start = Instant::now();
        let rest = block_on(self.heartbeat.part(within, || self.conclude()));
        let report = self.exporters.push.flush_blocking(true, rest);
        block_on(self.server.close(within.saturating_sub(start.elapsed())));
        self.end();
        block_on(self.heartbeat.close());
        self.recording
            .supervisor
            .log_queue()
            .flush(OWN_LINES_AT_MOST);
        self.log_writers.flush(lines_timeout(start, within));
        report
    }

    /// Waits until the queued log lines are written, on a thread of its own: the runtime goes on.
    pub(super) async fn flush_lines(&self, timeout: Duration) {
        let writers = self.log_writers.clone();
        let supervisor = self.recording.supervisor.clone();
        let (flushed, waited) = oneshot::channel();
        let started = thread::spawn("vantage-flush", move || {
            supervisor.log_queue().flush(OWN_LINES_AT_MOST);
            writers.flush(timeout);
            let _ = flushed.send(());
        });
        match started {
            // No second deadline: the thread keeps one itself.
            Ok(()) => drop(waited.await),
            // No thread can be had: blocking the runtime for a tenth of a second is better than
            // losing the reason.
            Err(_) => self.log_writers.flush(LINES_AT_LEAST),
        }
    }

    /// Ends everything but the export, which has ended.
    /// In this order: first the loops that record, then servers that have not ended, then the providers.
    fn end(&self) {
        self.panic_log.end();
        self.background.stop();
        self.server.stop();
        self.recording.supervisor.stop();
        self.recording.shutdown();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // No delay here: a drop has no caller that could wait for it.
        self.unready();
        // Empty after a shutdown.
        // A `Drop` can return no error, so that a loss is logged, and that line is flushed too.
        if let Err(incomplete) = self.end_blocking(AT_DROP).into_result() {
            tracing::warn!("{incomplete}");
            self.log_writers.flush(LINES_AT_LEAST);
        }
    }
}

/// Returns the time that log lines have of the whole, of which the rest is spent.
fn lines_timeout(start: Instant, whole: Duration) -> Duration {
    let remaining = whole.saturating_sub(start.elapsed());
    remaining.clamp(LINES_AT_LEAST, LINES_AT_MOST)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::background::Supervisor;
    use crate::config::{Config, Environment, Role};
    use crate::model::slo::Objectives;
    use crate::record::clock::Clock;

    #[tokio::test]
    async fn a_flush_starts_threads_that_were_refused() {
        let is_refused = Arc::new(AtomicBool::new(false));
        let refuses = Arc::clone(&is_refused);
        let supervisor = Supervisor::refused_while(move |_| refuses.load(Ordering::SeqCst));
        let config = Config::new("test", Role::Api);
        let config = config.resolve(&Environment::empty()).unwrap();
        let telemetry = Telemetry::assemble(
            config,
            &Objectives::default(),
            Clock::system(),
            None,
            supervisor.clone(),
        )
        .unwrap();
        for is_blocking in [false, true] {
            is_refused.store(true, Ordering::SeqCst);
            supervisor.spawn("vantage-test", |_| {});
            assert_eq!(supervisor.down().len(), 1);
            is_refused.store(false, Ordering::SeqCst);
            supervisor.make_due();
            if is_blocking {
                telemetry.flush_blocking().unwrap();
            } else {
                telemetry.flush().await.unwrap();
            }
            assert!(supervisor.down().is_empty());
        }
    }
}
