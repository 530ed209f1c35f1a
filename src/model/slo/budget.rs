//! The error budget: size, consumption, time to exhaustion.
//!
//! A budget is that of its whole window, from the first minute on: what was bad so far is set against all
//! that the window will hold, not against the part that has been seen. Two bad minutes of 30 days at 99.9
//! leave 95.4 % of it on the first day as on the last.
//!
//! All of it is exact: counts are integers, targets are decimals, times are whole nanoseconds, and a ratio
//! of them is compared without being rounded. With *p* = (100 − target) / 100, the permitted share of bad:
//!
//! | figure | formula |
//! |---|---|
//! | time budget | *p* × window |
//! | events of the window | total / seen; of one service's time slices window / slice |
//! | event budget | *p* × events of the window |
//! | consumed | bad / event budget |
//! | remaining | 1 − consumed, negative when overspent |
//! | SLI | good / total, of what was seen |
//! | burn rate | (bad / total) / *p*, over a window of its own |
//! | time to exhaustion | remaining × window / burn rate |
//!
//! The words:
//!
//! - *coverage* is the share of the elapsed part of a window that has samples. A rolling window has elapsed
//!   as a whole, also before the first start of a service; of a calendar month that part is the days until
//!   now.
//! - *seen* is the share of the whole window that has samples: the coverage of a rolling window, the
//!   coverage times the elapsed share of a calendar one. See [`SeenTime`].
//! - *collecting* is a figure of which less than nine tenths of the window are seen: it is right, but says
//!   less than one of a full window, and is marked with how much there is.
//! - Time of declared maintenance is no part of the window: neither its events nor its time count, so that
//!   figures with and without it follow from the same formulas.
//! - A *time slice* is a minute (`slo.slice`) that is good or bad as a whole.
//!
//! At a *seen* of 1 the formulas are those of chapter 5 of Google's *Site Reliability Workbook*, [Alerting
//! on SLOs](https://sre.google/workbook/alerting-on-slos/), and of chapter 3 of *Site Reliability
//! Engineering*, [Embracing Risk](https://sre.google/sre-book/embracing-risk/); events (`Occurrences`) and
//! slices (`Timeslices`) are the `budgetingMethod` of [OpenSLO](https://openslo.com/).
//!
//! Why is what the window will hold taken from the pace so far? Because the textbook's bad / (*p* × total)
//! takes a first quarter of an hour for a month: two bad minutes of seventeen then leave −11,665 %. Nobody
//! believes such a figure, and it is not what the target permits.
//!
//! Why does a burn rate of a window equal what a full one has consumed of it? Because both are the share of
//! bad over the permitted one. Only a burn rate is of a short window, and says where the long one is going.

mod seen;

use std::time::Duration;

use jiff::Timestamp;

use super::Objective;
use crate::model::units::{Percent, Ratio};

pub use seen::SeenTime;

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
/// assert_eq!(budget.event_budget(), Some(Ratio::from(500)));
/// assert_eq!(budget.consumed().map(Ratio::to_f64), Some(0.718));
/// assert_eq!(budget.remaining().map(Ratio::to_f64), Some(0.282));
/// # Ok::<(), vantage_obs::units::PercentError>(())
/// ```
///
/// In the first hour, 17 minutes of which were seen whole and two of them bad:
///
/// ```
/// use std::time::Duration;
/// use vantage_obs::slo::budget::{Budget, SeenTime};
///
/// let (month, minute) = (Duration::from_secs(30 * 86_400), Duration::from_secs(60));
/// let seen = SeenTime::new(18 * minute, month);
/// let budget = Budget::new("99.9".parse()?, month, 15, 2).with_time_slices(seen, minute);
/// assert_eq!(budget.event_budget().map(|events| events.to_f64()), Some(43.2));
/// assert_eq!(budget.remaining().unwrap().format_floor(3), "0.953");
/// assert_eq!(budget.sli().unwrap().format_floor(3), "0.882");
/// # Ok::<(), vantage_obs::units::PercentError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    permitted: Ratio,
    window: Duration,
    good: u64,
    bad: u64,
    whole: WindowEvents,
}

/// The events of a whole window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WindowEvents {
    /// As many as it would hold at the pace of the share that was seen.
    AtPace(Ratio),
    /// A number that its length alone says.
    Known(Ratio),
}

impl Budget {
    /// Creates the budget of an objective from the counts of its whole window. A calendar window has its
    /// nominal length here; [`with_window`](Self::with_window) sets another.
    #[must_use]
    pub fn from_counts(objective: &Objective, good: u64, bad: u64) -> Budget {
        Budget::new(objective.target(), objective.window().duration(), good, bad)
    }

    /// The budget of a target over a window, after these events, which are all of it;
    /// [`with_seen`](Self::with_seen) and [`with_time_slices`](Self::with_time_slices) say what part they are.
    #[must_use]
    pub fn new(target: Percent, window: Duration, good: u64, bad: u64) -> Budget {
        Budget {
            permitted: target.complement().to_ratio(),
            window,
            good,
            bad,
            whole: WindowEvents::AtPace(Ratio::ONE),
        }
    }

    /// Returns the budget with a window of this length.
    #[must_use]
    pub fn with_window(self, window: Duration) -> Budget {
        Budget { window, ..self }
    }

    /// Returns the budget after these events instead.
    #[must_use]
    pub fn with_counts(self, good: u64, bad: u64) -> Budget {
        Budget { good, bad, ..self }
    }

    /// Returns the budget whose events are those of the time that was seen: the window holds as many more as
    /// there is more of it.
    #[must_use]
    pub fn with_seen(self, seen: SeenTime) -> Budget {
        Budget {
            whole: WindowEvents::AtPace(seen.share()),
            ..self
        }
    }

    /// Returns the budget whose events are the time slices of one service: the window holds one after the
    /// other, however many were seen. A `slice` of zero is none, and as [`with_seen`](Self::with_seen).
    #[must_use]
    pub fn with_time_slices(self, seen: SeenTime, slice: Duration) -> Budget {
        match Ratio::from_durations(seen.window(), slice) {
            Some(slices) => Budget {
                whole: WindowEvents::Known(slices),
                ..self
            },
            None => self.with_seen(seen),
        }
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

    /// Returns the events of the whole window, not always whole; `None` where nothing was seen of it and the
    /// pace is not known.
    #[must_use]
    pub fn window_events(&self) -> Option<Ratio> {
        match self.whole {
            WindowEvents::Known(events) => Some(events),
            WindowEvents::AtPace(_) if self.total() == 0 => Some(Ratio::ZERO),
            WindowEvents::AtPace(seen) => ratio(self.total(), 1)?.checked_div(seen),
        }
    }

    /// Returns the event budget: the number of events of the whole window that may be bad, not always whole.
    /// `None` where the [events of the window](Self::window_events) are not known.
    #[must_use]
    pub fn event_budget(&self) -> Option<Ratio> {
        self.permitted.checked_mul(self.window_events()?)
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

    /// The share of the budget that is spent, above 1 when overspent. `None` without events, where nothing
    /// may be bad, and where the [events of the window](Self::window_events) are not known.
    #[must_use]
    pub fn consumed(&self) -> Option<Ratio> {
        // By the share and not by the event budget, which would be 0 without events.
        if self.total() == 0 {
            return None;
        }
        // Counts near 2^64 of a target with many decimals lose their last bits.
        [0, 16, 32]
            .into_iter()
            .find_map(|bits| self.consumed_without(bits))
    }

    /// Returns what is consumed with counts that lack the lowest bits; `None` where the terms overflow.
    fn consumed_without(&self, bits: u32) -> Option<Ratio> {
        let (bad, total) = (u128::from(self.bad) >> bits, self.total() >> bits);
        match self.whole {
            WindowEvents::Known(events) => {
                let bad = ratio(u128::from(self.bad), 1)?;
                bad.checked_div(self.permitted.checked_mul(events)?)
            }
            WindowEvents::AtPace(seen) if seen == Ratio::ZERO => None,
            WindowEvents::AtPace(seen) => ratio(bad, total)?
                .checked_mul(seen)?
                .checked_div(self.permitted),
        }
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

    /// Returns the time to exhaustion of a calendar window of which `left` is to come: `None` also where the
    /// budget outlasts it.
    #[must_use]
    pub fn calendar_time_to_exhaustion(
        &self,
        burn_rate: Ratio,
        left: Duration,
    ) -> Option<Duration> {
        self.time_to_exhaustion(burn_rate)
            .filter(|time| *time < left)
    }
}

/// Returns the time at which a rolling window is within its budget again, if nothing bad happens any more: the moment at
/// which enough of the bad slices have left it. `None` where it isn't overspent.
///
/// `permitted` is the [event budget](Budget::event_budget) of the whole window, taken as staying the same:
/// traffic goes on as it is. A slice is dated by its end, so that all of it has left when the window has passed that.
/// The order of the slices doesn't matter.
#[must_use]
pub fn recovery_time(
    slices: impl IntoIterator<Item = (Timestamp, u64)>,
    permitted: Ratio,
    window: Duration,
) -> Option<Timestamp> {
    let mut slices: Vec<_> = slices.into_iter().filter(|(_, bad)| *bad > 0).collect();
    // The oldest leaves first.
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
