//! The evaluation of one objective from the query results.
//!
//! | what is known | data | alert |
//! |---|---|---|
//! | counts, fresh samples, all windows | by coverage | by the windows |
//! | counts, old samples | stale | as the windows say; "none" becomes frozen |
//! | a window is missing, or impossible | inconsistent, with a reason | as the known windows say; "none" becomes frozen |
//! | no trace of the objective | none | frozen |
//!
//! An alert that fires by the rules is raised here as well: they remember what was before this moment.

use std::time::Duration;

use jiff::Timestamp;

use super::PrometheusReporter;
use super::plan::elapsed_seconds;
use super::query::ReportQuery;
use super::results::{EventCounts, QueryResults, ServiceResults};
use crate::model::slo::Objective;
use crate::model::slo::budget::SeenTime;
use crate::model::slo::promql::{ServiceLabels, is_evaluated_fleet_wide};
use crate::model::slo::report::{AlertState, BurnRate, DataQuality, ObjectiveReport};
use crate::model::units::format_duration;
use crate::watch::slo::alert::BurnRateAlert;
use crate::watch::slo::evaluate::{MAX_STALE_INTERVALS, WindowCounts, burn_rate_windows, evaluate};

/// One objective, with the query results that it is evaluated from.
#[derive(Clone, Copy)]
pub(super) struct ObjectiveQuery<'a> {
    pub(super) objective: &'a Objective,
    /// The service whose figures they are.
    pub(super) service: &'a ServiceLabels,
    pub(super) results: &'a QueryResults,
    pub(super) reporter: &'a PrometheusReporter,
    pub(super) at: Timestamp,
}

impl ObjectiveQuery<'_> {
    /// Returns the report of the objective, by the table above.
    pub(super) fn report(&self) -> ObjectiveReport {
        let (burn_rate, missing_reason) = self.burn_rates();
        let mut alert = BurnRateAlert::new(self.objective, &self.reporter.policy);
        alert.update(self.at, &burn_rate);
        let alert = self.with_firing_alert(alert.state());
        // An unknown state is not green. A burn window that is known pages, even where the objective's own
        // is not.
        let unsure = match alert {
            AlertState::None => AlertState::Frozen,
            state => state,
        };
        let mut report = ObjectiveReport::new(self.objective, self.at);
        report.alert = unsure;
        let elapsed = Duration::from_secs(elapsed_seconds(self.objective, self.at));
        let counts = self.window_counts(elapsed);
        let raw = counts.as_ref().map_or(None, |counts| counts.raw);
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
                report = evaluate(counts, burn_rate, alert, false);
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
        report.raw = raw;
        let label = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        report.job = label(&self.service.job);
        report.environment = label(&self.service.environment);
        report
    }

    /// Returns the more urgent one of a state and what fires by the rules.
    fn with_firing_alert(&self, state: AlertState) -> AlertState {
        match (state, self.service_results().firing_alert()) {
            (AlertState::Critical, _) | (_, None) => state,
            (_, Some(level)) => level.into(),
        }
    }

    fn whole_window(&self, counts: WindowFigures) -> WindowCounts {
        let length = self.objective.window().length_at(self.at);
        WindowCounts {
            good: counts.good,
            bad: counts.bad,
            coverage: counts.coverage(),
            seen: Some(SeenTime::new(
                counts.covered,
                length.saturating_sub(counts.maintenance),
            )),
            slice: self.reporter.slice,
        }
    }

    /// Returns the counts, and the reason why they are stale, if they are; `None` without a trace of the
    /// objective.
    fn check(
        &self,
        counts: WindowFigures,
        missing_reason: Option<String>,
        rates: &[BurnRate],
    ) -> Result<Option<(WindowFigures, Option<String>)>, String> {
        if let Some(reason) = missing_reason {
            return Err(reason);
        }
        let newest = self.service_results().newest_sample()?;
        if newest.is_none() && counts.covered.is_zero() && counts.good + counts.bad == 0 {
            return Ok(None);
        }
        Ok(Some((counts, self.stale_reason(newest, rates))))
    }

    /// Returns the burn rates of the known windows, and the reason why one is missing.
    fn burn_rates(&self) -> (Vec<BurnRate>, Option<String>) {
        let (mut rates, mut missing_reason) = (Vec::new(), None);
        for window in burn_rate_windows(&self.reporter.policy) {
            match self.window_counts(window) {
                Ok(counts) => rates.push(counts.burn_rate()),
                Err(reason) => missing_reason = missing_reason.or(Some(reason)),
            }
        }
        (rates, missing_reason)
    }

    /// Returns the counts and the coverage of a window; the error says what is missing or
    /// impossible.
    fn service_results(&self) -> ServiceResults<'_> {
        self.results.of(self.objective.id(), self.service)
    }

    fn window_counts(&self, length: Duration) -> Result<WindowFigures, String> {
        let (results, window) = (self.service_results(), length.as_secs());
        let time = results.sampled_time(window)?;
        let figures = |events: EventCounts| WindowFigures {
            length,
            good: events.good,
            bad: events.bad,
            raw: events.raw(),
            covered: Duration::from_secs(time.covered),
            maintenance: Duration::from_secs(time.maintenance),
            age: Duration::from_secs(time.since),
        };
        if !is_evaluated_fleet_wide(self.objective) {
            return results.events(window).map(figures);
        }
        let slices = results.slices(window)?;
        let slice = self.reporter.slice;
        let whole = window as f64 / slice.as_secs_f64();
        let total = slices.total();
        // One more may end within a window than fits into it.
        if total as f64 > whole.floor() + 1.0 {
            // Two servers that record the same rule, behind an API that joins them without removing
            // duplicates.
            let query = ReportQuery::RecordedSlices(window).display_name();
            return Err(format!(
                "{total} slices in {query}: more than one server has recorded them"
            ));
        }
        let (good, bad) = slices.maintenance;
        Ok(WindowFigures {
            covered: slice_time(slice, slices.good + slices.bad),
            maintenance: slice_time(slice, good + bad),
            // The first one has to end before there is one.
            age: Duration::from_secs(time.since).saturating_sub(slice),
            ..figures(slices)
        })
    }

    /// Returns the reason why the samples are old; `None` where they are fresh.
    fn stale_reason(&self, newest: Option<f64>, rates: &[BurnRate]) -> Option<String> {
        let mut interval = self.reporter.scrape_interval;
        if is_evaluated_fleet_wide(self.objective) {
            interval = interval.max(self.reporter.slice);
            // Slices in which no replica could be seen are known without a sample of any.
            if newest.is_none() && rates.first().is_some_and(BurnRate::is_covered) {
                return None;
            }
        }
        // Samples in the window, and none within the look-back: the series are gone.
        let Some(newest) = newest else {
            return Some("its time series have ended".into());
        };
        let age = self.at.as_millisecond() as f64 / 1_000.0 - newest;
        let late = age > (interval * MAX_STALE_INTERVALS).as_secs_f64();
        let age = Duration::try_from_secs_f64(age.round()).unwrap_or_default();
        late.then(|| format!("the newest sample is {} old", format_duration(age)))
    }
}

/// The counts of a window of one service, and how much of it they are of.
#[derive(Clone, Copy, Debug)]
struct WindowFigures {
    length: Duration,
    good: u64,
    bad: u64,
    /// Good and bad ones with those of maintenance, if there are any.
    raw: Option<(u64, u64)>,
    /// The time that has samples, without that of maintenance.
    covered: Duration,
    maintenance: Duration,
    /// The time since the first sample of all that is known.
    age: Duration,
}

impl WindowFigures {
    /// Returns the share of the window that has samples; maintenance is no part of it. 1 where all of it is
    /// maintenance, so that nothing is missing.
    fn coverage(&self) -> f64 {
        match self.length.saturating_sub(self.maintenance) {
            Duration::ZERO => 1.0,
            length => (self.covered.as_secs_f64() / length.as_secs_f64()).min(1.0),
        }
    }

    fn burn_rate(&self) -> BurnRate {
        let reach = self.age.as_secs_f64() / self.length.as_secs_f64();
        BurnRate::new(self.length, self.good, self.bad, self.coverage()).with_reach(reach.min(1.0))
    }
}

fn slice_time(slice: Duration, slices: u64) -> Duration {
    slice.saturating_mul(u32::try_from(slices).unwrap_or(u32::MAX))
}
