//! The error budget: size, consumption, time to exhaustion.
//!
//! All of it is exact: counts are integers, targets are decimals, and a ratio of the two is compared
//! without being rounded. With *p* = (100 − target) / 100, the permitted share of bad:
//!
//! | figure | formula |
//! |---|---|
//! | time budget | *p* × window |
//! | event budget | *p* × total |
//! | consumed | bad / (*p* × total) |
//! | remaining | 1 − consumed, negative when overspent |
//! | burn rate | (bad / total) / *p*, over a window of its own |
//! | time to exhaustion | remaining × window / burn rate |
//!
//! The formulas are those of chapter 5 of Google's *Site Reliability Workbook*, [Alerting on
//! SLOs](https://sre.google/workbook/alerting-on-slos/); what an event and a time slice are is
//! [OpenSLO](https://openslo.com/)'s `budgetingMethod`.
//!
//! Why does a burn rate of a window equal what is consumed of it? Because both are the share of bad
//! over the permitted one. Only a burn rate is of a short window, and says where the long one is going.

use std::time::Duration;

use jiff::Timestamp;

use super::Objective;
use crate::model::units::{Percent, Ratio};

/// The error budget of an objective, and the events that it was spent on.
///
/// # Examples
///
/// ```
/// use vantage_obs::slo::budget::Budget;
/// use vantage_obs::units::Ratio;
///
/// let month = std::time::Duration::from_secs(30 * 86_400);
/// let budget = Budget::new("95".parse()?, month, 9_641, 359);
/// assert_eq!(budget.time_budget().as_secs(), 129_600);
/// assert_eq!(budget.event_budget(), Ratio::from(500));
/// assert_eq!(budget.consumed().map(Ratio::to_f64), Some(0.718));
/// assert_eq!(budget.remaining().map(Ratio::to_f64), Some(0.282));
/// # Ok::<(), vantage_obs::units::PercentError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    permitted: Ratio,
    window: Duration,
    good: u64,
    bad: u64,
}

impl Budget {
    /// Creates the budget of an objective from the counts in its window. A calendar window has its nominal
    /// length here; [`with_window`](Self::with_window) sets another.
    #[must_use]
    pub fn from_counts(objective: &Objective, good: u64, bad: u64) -> Budget {
        Budget::new(objective.target(), objective.window().duration(), good, bad)
    }

    /// The budget of a target over a window, after these events.
    #[must_use]
    pub fn new(target: Percent, window: Duration, good: u64, bad: u64) -> Budget {
        Budget {
            permitted: target.complement().to_ratio(),
            window,
            good,
            bad,
        }
    }

    /// Returns the budget with a window of this length.
    #[must_use]
    pub fn with_window(self, window: Duration) -> Budget {
        Budget { window, ..self }
    }

    /// Returns the share of events that may be bad.
    #[must_use]
    pub fn permitted_bad(&self) -> Ratio {
        self.permitted
    }

    /// Returns the time budget: how long everything may be bad in the window.
    #[must_use]
    pub fn time_budget(&self) -> Duration {
        self.permitted.mul_duration(self.window)
    }

    /// Returns the time budget in seconds, exact to the nanosecond.
    #[must_use]
    pub fn time_budget_seconds(&self) -> Ratio {
        Ratio::from_durations(self.time_budget(), Duration::from_secs(1)).unwrap_or(Ratio::ZERO)
    }

    /// Returns the event budget: the number of events that may be bad, not always whole.
    #[must_use]
    pub fn event_budget(&self) -> Ratio {
        let permitted = ratio(self.total(), 1).and_then(|total| self.permitted.checked_mul(total));
        permitted.unwrap_or(Ratio::ZERO)
    }

    /// All events.
    #[must_use]
    pub fn total(&self) -> u128 {
        u128::from(self.good) + u128::from(self.bad)
    }

    /// Good events over all: the service level indicator. `None` without events.
    #[must_use]
    pub fn sli(&self) -> Option<Ratio> {
        ratio(self.good.into(), self.total())
    }

    /// The share of the budget that is spent, above 1 when overspent. `None` without events, or
    /// where nothing may be bad.
    #[must_use]
    pub fn consumed(&self) -> Option<Ratio> {
        ratio(self.bad.into(), self.total())?.checked_div(self.permitted)
    }

    /// The share of the budget that is left, below 0 when overspent.
    #[must_use]
    pub fn remaining(&self) -> Option<Ratio> {
        self.consumed().map(Ratio::complement)
    }

    /// Returns the time until the budget is spent if it burns at this rate and nothing old leaves the window
    /// meanwhile: zero when overspent, `None` when it doesn't burn or nothing was counted.
    #[must_use]
    pub fn time_to_exhaustion(&self, burn_rate: Ratio) -> Option<Duration> {
        // The whole budget's time first: it is the greater number, so less is lost by rounding.
        let whole = burn_rate.div_duration(self.window)?;
        Some(self.remaining()?.mul_duration(whole))
    }

    /// Returns the time to exhaustion of a rolling window: `None` also where it lasts longer than the window, because by
    /// then everything old has left, and this rate is one that can go on forever.
    #[must_use]
    pub fn rolling_time_to_exhaustion(&self, burn_rate: Ratio) -> Option<Duration> {
        self.time_to_exhaustion(burn_rate)
            .filter(|time| *time < self.window)
    }

    /// Returns the time to exhaustion of a calendar window of which `left` is to come and the rest has been counted:
    /// `None` also where the budget outlasts it.
    ///
    /// The part that is to come adds its share to the budget, at the traffic there was so far.
    #[must_use]
    pub fn calendar_time_to_exhaustion(
        &self,
        burn_rate: Ratio,
        left: Duration,
    ) -> Option<Duration> {
        let elapsed = self.window.saturating_sub(left);
        // Budget and spending as time: what was bad is the consumed share of the elapsed part.
        let spent = self.consumed()?.mul_duration(elapsed);
        let rest = self.window.saturating_sub(spent);
        burn_rate.div_duration(rest).filter(|time| *time < left)
    }
}

/// Returns the time at which a rolling window is within its budget again, if nothing bad happens any more: the moment at
/// which enough of the bad slices have left it. `None` where it isn't overspent.
///
/// `permitted` is the [event budget](Budget::event_budget), taken as staying the same: traffic goes on as it
/// is. A slice is dated by its end, so that all of it has left when the window has passed that.
/// The order of the slices doesn't matter.
#[must_use]
pub fn recovery_time(
    slices: impl IntoIterator<Item = (Timestamp, u64)>,
    permitted: Ratio,
    window: Duration,
) -> Option<Timestamp> {
    let mut slices: Vec<_> = slices.into_iter().filter(|(_, bad)| *bad > 0).collect();
    slices.sort_unstable();
    let mut bad: u128 = slices.iter().map(|(_, bad)| u128::from(*bad)).sum();
    let within = |bad: u128| ratio(bad, 1).is_some_and(|bad| bad <= permitted);
    if within(bad) {
        return None;
    }
    let last = slices.into_iter().find(|(_, leaving)| {
        bad -= u128::from(*leaving);
        within(bad)
    })?;
    last.0.checked_add(window).ok()
}

fn ratio(numerator: u128, denominator: u128) -> Option<Ratio> {
    // Counts of 64 bits times shares of 47: far from the limit.
    Ratio::new(i128::try_from(numerator).ok()?, denominator)
}

#[cfg(test)]
mod tests;
