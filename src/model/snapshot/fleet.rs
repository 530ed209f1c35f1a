//! The latest report of the fleet.
//!
//! Why an age limit? The report is replaced only while Prometheus answers; without a limit a page
//! would show figures of last week as those of now.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::model::slo::report::SloReport;

/// The latest report of the fleet, or the reason for its absence. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct LatestFleetReport {
    /// The maximum age of a report that is served.
    max_age: Duration,
    state: Arc<ArcSwap<FleetReportState>>,
}

/// Report and failure change together, in one store, so that a reader never sees a fresh report
/// beside an old failure.
#[derive(Debug, Default)]
struct FleetReportState {
    report: Option<Arc<SloReport>>,
    /// `true` if the latest query failed. Meaningful only while there is no report: an old one is
    /// judged by its age.
    failed: bool,
}

/// The reason for the absence of a fleet report. Public: what failed and where is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReportUnavailable {
    #[error("the fleet's report has not been requested yet")]
    NotYet,
    #[error("the fleet's report is not available yet; the service's log says why")]
    Failed,
    #[error("the fleet's report has not been available since {0:.0}; the service's log says why")]
    Old(Timestamp),
}

impl LatestFleetReport {
    pub(crate) fn new(max_age: Duration) -> Self {
        Self {
            max_age,
            state: Arc::default(),
        }
    }

    /// Takes a new report in; an earlier failure is over.
    pub(crate) fn publish(&self, report: SloReport) {
        self.state.store(Arc::new(FleetReportState {
            report: Some(Arc::new(report)),
            failed: false,
        }));
    }

    /// Records that a query failed.
    ///
    /// Keeps the report that is there: it is better than none until it is too old.
    pub(crate) fn mark_failed(&self) {
        // Load and store are two steps, but there is one writer: the loop that asks Prometheus.
        let state = self.state.load();
        self.state.store(Arc::new(FleetReportState {
            report: state.report.clone(),
            failed: true,
        }));
    }

    /// Returns the latest report, unless it is too old.
    pub(crate) fn read(&self, now: Timestamp) -> Result<Arc<SloReport>, ReportUnavailable> {
        let state = self.state.load();
        let Some(report) = &state.report else {
            let none = if state.failed {
                ReportUnavailable::Failed
            } else {
                ReportUnavailable::NotYet
            };
            return Err(none);
        };
        // One of the future is none of a clock that was set back.
        let age = Duration::try_from(now.duration_since(report.generated_at)).unwrap_or_default();
        match age <= self.max_age {
            true => Ok(Arc::clone(report)),
            false => Err(ReportUnavailable::Old(report.generated_at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slo::report::ReportSource;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_report_is_served_until_it_is_stale_and_an_error_before_and_after() {
        let latest = LatestFleetReport::new(Duration::from_secs(300));
        assert_eq!(latest.read(at(0)), Err(ReportUnavailable::NotYet));
        latest.mark_failed();
        assert_eq!(latest.read(at(0)), Err(ReportUnavailable::Failed));
        latest.publish(SloReport::new(at(10), ReportSource::Prometheus));
        latest.mark_failed();
        assert_eq!(latest.read(at(310)).unwrap().generated_at, at(10));
        assert_eq!(latest.read(at(311)), Err(ReportUnavailable::Old(at(10))));
        latest.publish(SloReport::new(at(320), ReportSource::Prometheus));
        assert!(latest.read(at(321)).is_ok());
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_report_too_old() {
        let latest = LatestFleetReport::new(Duration::from_secs(300));
        latest.publish(SloReport::new(at(1_000), ReportSource::Prometheus));
        assert!(latest.read(at(0)).is_ok());
    }
}
