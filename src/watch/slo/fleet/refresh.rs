//! The refresh of the fleet's report of a service: in the background, and never by the request that shows
//! it.
//!
//! On a thread of its own. The export thread is there only where something is exported, and has
//! deadlines to keep; those that watch health and objectives must not wait for a large answer to be
//! read.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::{FleetReport, PrometheusReporter};
use crate::background::thread::{RuntimeGuard, Stopped};
use crate::background::{Supervisor, ThreadStatus};
use crate::config::Config;
use crate::model::slo::Objectives;
use crate::model::snapshot::fleet::LatestFleetReport;
use crate::record::clock::Clock;

/// Threads that may resolve names beside the one.
const MAX_BLOCKING_THREADS: usize = 2;
/// The number of intervals for which a report is valid.
/// Some refreshes may fail before the page says that it knows nothing.
const VALID_INTERVALS: u32 = 5;
/// The longest time that one report may take.
const MAX_DEADLINE: Duration = Duration::from_secs(30);
/// The delay before a retry after a failure: sooner than an interval, because a service often starts
/// before its Prometheus.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// The periodic refresh of a fleet's report.
#[derive(Debug)]
pub(crate) struct FleetRefresher {
    reporter: Arc<PrometheusReporter>,
    objectives: Arc<Objectives>,
    interval: Duration,
    clock: Clock,
    latest: LatestFleetReport,
}

/// Returns the empty place of the report, if the configuration names a Prometheus.
pub(crate) fn latest_fleet(config: &Config) -> Option<LatestFleetReport> {
    let report = config.slo.prometheus.url.is_some() && !config.disabled;
    report.then(|| LatestFleetReport::new(config.slo.prometheus.interval * VALID_INTERVALS))
}

impl FleetRefresher {
    /// Returns a refresher; `None` if the configuration names no Prometheus.
    pub(crate) fn new(
        config: &Config,
        objectives: &Objectives,
        clock: Clock,
        latest: LatestFleetReport,
    ) -> Option<Self> {
        let settings = &config.slo.prometheus;
        let mut reporter = PrometheusReporter::with_config(settings.url.clone()?, config);
        // One refresh ends before the next is due.
        reporter.deadline = settings.interval.min(MAX_DEADLINE);
        Some(Self {
            reporter: Arc::new(reporter),
            objectives: Arc::new(objectives.clone()),
            interval: settings.interval,
            clock,
            latest,
        })
    }

    /// Starts to refresh; ends when the guard is dropped, whatever it waits for.
    pub(crate) fn start(self, supervisor: &Supervisor) -> io::Result<RuntimeGuard> {
        let refresh = async move |stopped: &Stopped, thread: &ThreadStatus| {
            stopped.or(self.run(thread)).await;
        };
        supervisor.run("vantage-fleet", MAX_BLOCKING_THREADS, refresh)
    }

    /// Refreshes for ever; the caller ends it.
    async fn run(&self, thread: &ThreadStatus) {
        let mut logged = None;
        loop {
            let began = Instant::now();
            let error = self.refresh().await;
            let wait = match error {
                Some(RefreshError::ReportUnavailable(_)) => self.interval.min(RETRY_INTERVAL),
                _ => self.interval,
            };
            log_change(&mut logged, error);
            thread.record_round();
            // Counted from the begin, so that slow answers do not lengthen the interval.
            sleep_until(began + wait).await;
        }
    }

    /// Refreshes once and returns the error, if there is one.
    async fn refresh(&self) -> Option<RefreshError> {
        let at = Timestamp::try_from(self.clock.wall()).ok()?;
        let (reporter, objectives) = (Arc::clone(&self.reporter), Arc::clone(&self.objectives));
        // A panic costs one report, and not all that come after it.
        let report = tokio::spawn(async move { reporter.report(&objectives, at, |_, _| ()).await });
        let result = match report.await {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match result {
            Ok(FleetReport {
                report, failures, ..
            }) => {
                self.latest.publish(report);
                (!failures.is_empty()).then(|| RefreshError::Partial(failures.join("; ")))
            }
            Err(cause) => {
                self.latest.mark_failed();
                Some(RefreshError::ReportUnavailable(cause))
            }
        }
    }
}

/// The error of a refresh.
#[derive(Debug, PartialEq, Eq)]
enum RefreshError {
    /// There is no new report.
    ReportUnavailable(String),
    /// Some queries failed.
    Partial(String),
}

/// Logs the result if it has changed since the last one.
fn log_change(logged: &mut Option<RefreshError>, now: Option<RefreshError>) {
    // The cause is compared too: another error is news.
    if *logged == now {
        return;
    }
    match &now {
        Some(RefreshError::ReportUnavailable(cause)) => {
            tracing::warn!(
                cause,
                "the report of the fleet's objectives could not be updated"
            );
        }
        Some(RefreshError::Partial(failures)) => {
            tracing::warn!(
                failures,
                "the report of the fleet's objectives is incomplete"
            );
        }
        None => tracing::info!("the report of the fleet's objectives is complete again"),
    }
    *logged = now;
}
