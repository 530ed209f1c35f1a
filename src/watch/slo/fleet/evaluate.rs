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
use crate::watch::slo::evaluate::{MAX_STALE_INTERVALS, WindowCounts, burn_rate_windows, evaluate};

/// One objective, with the query results that it is evaluated from.
#[derive(Clone, Copy)]
pub(super) struct ObjectiveQuery<'a> {
    pub(super) objective: &'a Objective,
    pub(super) results: &'a QueryResults,
    pub(super) reporter: &'a PrometheusReporter,
    pub(super) at: Timestamp,
}

impl ObjectiveQuery<'_> {
    pub(super) fn report(&self) -> ObjectiveReport {
        let (burn_rate, missing_reason) = self.burn_rates();
        let mut alert = BurnRateAlert::new(self.objective, &self.reporter.policy);
        alert.update(self.at, &burn_rate);
        // An unknown state is not green. A burn window that is known pages, even where the objective's own
        // is not.
        let unsure = match alert.state() {
            AlertState::None => AlertState::Frozen,
            state => state,
        };
        let mut report = ObjectiveReport::new(self.objective, self.at);
        report.alert = unsure;
        let elapsed = Duration::from_secs(elapsed_seconds(self.objective, self.at));
        let counts = self.window_counts(elapsed);
        if let Ok(counts) = counts {
            self.whole_window(counts).fill(self.objective, &mut report);
        }
        let evaluate = |counts, burn_rate, alert, is_stale| {
            let counts = self.whole_window(counts);
            evaluate(self.objective, self.at, counts, burn_rate, alert, is_stale)
        };
        match counts.and_then(|counts| self.check(counts, missing_reason, &burn_rate)) {
            Ok(None) => {}
            Ok(Some((counts, None))) => {
                report = evaluate(counts, burn_rate, alert.state(), false);
            }
            Ok(Some((counts, reason))) => {
                report = evaluate(counts, burn_rate, unsure, true);
                (report.reason, report.exhausts_at) = (reason, None);
            }
            Err(reason) => {
                (report.data, report.reason) = (DataQuality::Inconsistent, Some(reason));
                report.burn_rate = burn_rate;
            }
        }
        report
    }

    fn whole_window(&self, counts: BurnRate) -> WindowCounts {
        WindowCounts {
            good: counts.good,
            bad: counts.bad,
            coverage: counts.coverage,
            seen: None,
            slice: self.reporter.slice,
        }
    }

    /// Returns the counts, and the reason why they are stale, if they are; `None` without a trace of the
    /// objective.
    fn check(
        &self,
        counts: BurnRate,
        missing_reason: Option<String>,
        rates: &[BurnRate],
    ) -> Result<Option<(BurnRate, Option<String>)>, String> {
        if let Some(reason) = missing_reason {
            return Err(reason);
        }
        let newest = self.results.newest_sample(self.objective.id())?;
        if newest.is_none() && counts.coverage == 0.0 && counts.good + counts.bad == 0 {
            return Ok(None);
        }
        Ok(Some((counts, self.stale_reason(newest, rates))))
    }

    /// Returns the burn rates of the known windows, and the reason why one is missing.
    fn burn_rates(&self) -> (Vec<BurnRate>, Option<String>) {
        let (mut rates, mut missing_reason) = (Vec::new(), None);
        for window in burn_rate_windows(&self.reporter.policy) {
            match self.window_counts(window) {
                Ok(rate) => rates.push(rate),
                Err(reason) => missing_reason = missing_reason.or(Some(reason)),
            }
        }
        (rates, missing_reason)
    }

    fn window_counts(&self, length: Duration) -> Result<BurnRate, String> {
        let (id, window) = (self.objective.id(), length.as_secs());
        if !is_evaluated_fleet_wide(self.objective) {
            let (good, bad) = self.results.events(id, window)?;
            let coverage = self.results.coverage(id, window)?;
            return Ok(BurnRate::new(length, good, bad, coverage));
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
        Ok(BurnRate::new(length, good, bad, share.min(1.0)))
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
