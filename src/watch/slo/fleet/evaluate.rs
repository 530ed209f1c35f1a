//! The evaluation of one objective from the query results.

use std::time::Duration;

use jiff::Timestamp;

use super::PrometheusReporter;
use super::plan::elapsed_seconds;
use super::query::ReportQuery;
use super::results::QueryResults;
use crate::model::slo::Objective;
use crate::model::slo::promql::is_evaluated_fleet_wide;
use crate::model::slo::report::{AlertState, BurnRate, DataQuality, ObjectiveReport};
use crate::model::units::format_duration;
use crate::watch::slo::alert::BurnRateAlert;
use crate::watch::slo::evaluate::{burn_rate_windows, exhausts_at};

/// The number of sampling intervals without a sample after which data is stale.
const MAX_STALE_INTERVALS: u32 = 3;

/// One objective, with the query results that it is evaluated from.
#[derive(Clone, Copy)]
struct ObjectiveQuery<'a> {
    objective: &'a Objective,
    results: &'a QueryResults,
    reporter: &'a PrometheusReporter,
    at: Timestamp,
}

/// The good and bad events of a window, and the share of it that has samples.
struct WindowCounts {
    good: u64,
    bad: u64,
    coverage: f64,
}

pub(super) fn evaluate(
    objective: &Objective,
    results: &QueryResults,
    reporter: &PrometheusReporter,
    at: Timestamp,
) -> ObjectiveReport {
    let query = ObjectiveQuery {
        objective,
        results,
        reporter,
        at,
    };
    let mut report = ObjectiveReport::new(objective, at);
    // An unknown state is not green.
    report.alert = AlertState::Frozen;
    if let Err(reason) = query.fill(&mut report) {
        report.data = DataQuality::Inconsistent;
        report.reason = Some(reason);
    }
    report
}

impl ObjectiveQuery<'_> {
    fn fill(&self, report: &mut ObjectiveReport) -> Result<(), String> {
        let (rates, missing_reason) = self.burn_rates();
        let mut alert = BurnRateAlert::new(self.objective, &self.reporter.policy);
        alert.update(self.at, &rates);
        // A burn window that is known pages, even where the objective's own is not.
        if matches!(alert.state(), AlertState::Critical | AlertState::Warning) {
            report.alert = alert.state();
        }
        report.burn_rate = rates;
        let own = self.window_counts(elapsed_seconds(self.objective, self.at))?;
        (report.good, report.bad, report.coverage) = (own.good, own.bad, own.coverage);
        if let Some(reason) = missing_reason {
            return Err(reason);
        }
        let newest = self.results.newest_sample(self.objective.id())?;
        if newest.is_none() && own.coverage == 0.0 && own.good + own.bad == 0 {
            report.burn_rate.clear();
            return Ok(());
        }
        let total = u128::from(report.good) + u128::from(report.bad);
        report.reason = self.stale_reason(newest, &report.burn_rate);
        if report.reason.is_some() {
            report.data = DataQuality::Stale;
            return Ok(());
        }
        report.data = DataQuality::from_coverage(report.coverage, total);
        report.alert = alert.state();
        report.exhausts_at = exhausts_at(report, self.at);
        Ok(())
    }

    /// Returns the burn rates of the known windows, and the reason why one is missing.
    fn burn_rates(&self) -> (Vec<BurnRate>, Option<String>) {
        let (mut rates, mut missing_reason) = (Vec::new(), None);
        for window in burn_rate_windows(&self.reporter.policy) {
            match self.window_counts(window.as_secs()) {
                Ok(WindowCounts {
                    good,
                    bad,
                    coverage,
                }) => rates.push(BurnRate::new(window, good, bad, coverage)),
                Err(reason) => missing_reason = missing_reason.or(Some(reason)),
            }
        }
        (rates, missing_reason)
    }

    fn window_counts(&self, window: u64) -> Result<WindowCounts, String> {
        let id = self.objective.id();
        if !is_evaluated_fleet_wide(self.objective) {
            let (good, bad) = self.results.events(id, window)?;
            let coverage = self.results.coverage(id, window)?;
            return Ok(WindowCounts {
                good,
                bad,
                coverage,
            });
        }
        let (good, bad) = self.results.slices(id, window)?;
        let slices = window as f64 / self.reporter.slice.as_secs_f64();
        let share = (good + bad) as f64 / slices;
        // One more may end within a window than fits into it.
        if (good + bad) as f64 > slices.floor() + 1.0 {
            let query = ReportQuery::RecordedSlices(window).display_name();
            return Err(format!(
                "{} slices in {query}: more than one server has recorded them",
                good + bad
            ));
        }
        Ok(WindowCounts {
            good,
            bad,
            coverage: share.min(1.0),
        })
    }

    fn stale_reason(&self, newest: Option<f64>, rates: &[BurnRate]) -> Option<String> {
        let mut interval = self.reporter.scrape_interval;
        if is_evaluated_fleet_wide(self.objective) {
            interval = interval.max(self.reporter.slice);
            // Slices in which no replica could be seen are known without a sample of any.
            if newest.is_none() && rates.first().is_some_and(BurnRate::is_covered) {
                return None;
            }
        }
        let Some(newest) = newest else {
            return Some("its series have ended".into());
        };
        let age = self.at.as_millisecond() as f64 / 1_000.0 - newest;
        let late = age > (interval * MAX_STALE_INTERVALS).as_secs_f64();
        let age = Duration::try_from_secs_f64(age.round()).unwrap_or_default();
        late.then(|| format!("the newest sample is {} old", format_duration(age)))
    }
}
