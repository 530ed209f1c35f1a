//! The objectives as they were judged last.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;

use crate::model::slo::report::Report;

/// The latest report, if the objectives were judged yet. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LatestSlo(Arc<ArcSwapOption<Report>>);

impl LatestSlo {
    pub(crate) fn read(&self) -> Option<Arc<Report>> {
        self.0.load_full()
    }

    pub(crate) fn publish(&self, report: Report) {
        self.0.store(Some(Arc::new(report)));
    }
}

/// The fleet's report as it was asked for last, or why there is none. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct LatestFleet {
    /// How long a report is worth showing.
    good_for: Duration,
    known: Arc<ArcSwap<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    report: Option<Arc<Report>>,
    failed: bool,
}

/// Why there is no report of the fleet. Public: what failed and where is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoReport {
    #[error("the fleet's figures were not asked for yet")]
    NotYet,
    #[error("the fleet's figures could not be had yet; the service's log says why")]
    Failed,
    #[error("the fleet's figures could not be had since {0:.0}; the service's log says why")]
    Old(Timestamp),
}

#[cfg_attr(
    not(feature = "otlp"),
    expect(dead_code, reason = "the client that asks for it is part of `otlp`")
)]
impl LatestFleet {
    pub(crate) fn new(good_for: Duration) -> Self {
        Self {
            good_for,
            known: Arc::default(),
        }
    }

    pub(crate) fn publish(&self, report: Report) {
        self.known.store(Arc::new(Known {
            report: Some(Arc::new(report)),
            failed: false,
        }));
    }

    /// The figures were asked for, in vain.
    pub(crate) fn fail(&self) {
        let known = self.known.load();
        self.known.store(Arc::new(Known {
            report: known.report.clone(),
            failed: true,
        }));
    }

    /// The latest report, unless it is too old to stand by.
    pub(crate) fn read(&self, now: Timestamp) -> Result<Arc<Report>, NoReport> {
        let known = self.known.load();
        let Some(report) = &known.report else {
            let none = if known.failed {
                NoReport::Failed
            } else {
                NoReport::NotYet
            };
            return Err(none);
        };
        // One of the future is none of a clock that was set back.
        let age = Duration::try_from(now.duration_since(report.generated_at)).unwrap_or_default();
        match age <= self.good_for {
            true => Ok(Arc::clone(report)),
            false => Err(NoReport::Old(report.generated_at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slo::report::Source;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn a_report_is_shown_until_it_is_too_old_and_the_reason_is_told_before_and_after() {
        let latest = LatestFleet::new(Duration::from_secs(300));
        assert_eq!(latest.read(at(0)), Err(NoReport::NotYet));
        latest.fail();
        assert_eq!(latest.read(at(0)), Err(NoReport::Failed));
        latest.publish(Report::new(at(10), Source::Prometheus));
        latest.fail();
        assert_eq!(latest.read(at(310)).unwrap().generated_at, at(10));
        assert_eq!(latest.read(at(311)), Err(NoReport::Old(at(10))));
        latest.publish(Report::new(at(320), Source::Prometheus));
        assert!(latest.read(at(321)).is_ok());
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_report_too_old() {
        let latest = LatestFleet::new(Duration::from_secs(300));
        latest.publish(Report::new(at(1_000), Source::Prometheus));
        assert!(latest.read(at(0)).is_ok());
    }
}
