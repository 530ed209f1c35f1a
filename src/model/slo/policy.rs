//! The alert policy: pairs of windows, each with a burn rate factor.
//!
//! Why two windows each? The long one says that a good part of the budget is gone, so that nobody is
//! woken for a hiccup; the short one, a twelfth of it, says that it is still burning, so that the alert
//! ends soon after its cause. See chapter 5 of the *Site Reliability Workbook*, [multiwindow,
//! multi-burn-rate alerts](https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts).
//!
//! Why is a long window judged before it is full? Because a service is never as likely to be broken as after
//! its first deploy, and an hour is long. Samples that are missing are another matter: a gap in the short
//! window freezes its pair, and no other.

mod pair;

use std::time::Duration;

use super::BudgetingMethod;
use super::burn_rate::BurnRate;
use super::report::AlertState;
use crate::model::string_enum::string_enum;
use crate::model::units::{Percent, Ratio};

pub use pair::{PairStatus, WindowPair};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The alert policy of error budgets.
///
/// ```
/// use vantage_obs::slo::policy::{AlertLevel, BurnRatePolicy};
///
/// let platform = BurnRatePolicy::default();
/// let [critical, warning] = &platform.pairs[..] else { unreachable!() };
/// assert_eq!((critical.level, critical.factor.to_f64()), (AlertLevel::Critical, 10.0));
/// assert_eq!((warning.level, warning.factor.to_f64()), (AlertLevel::Warning, 2.0));
/// // At a target of 90 a tenth may be bad: even when everything is, the budget burns at 10x.
/// assert_eq!(platform.unreachable("90".parse()?).count(), 1);
/// # Ok::<(), vantage_obs::units::PercentError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BurnRatePolicy {
    /// The pairs, the most urgent first.
    pub pairs: Vec<WindowPair>,
    /// The number of bad events that there must be.
    pub min_bad: MinBadEvents,
}

/// The severity of a burn rate alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AlertLevel {
    /// Somebody should look at it in working hours.
    Warning,
    /// Somebody is woken.
    Critical,
}

/// The minimum number of bad events in the long window, so that one error does not page a quiet service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MinBadEvents {
    /// Of an objective that counts occurrences. Default: 10.
    pub occurrences: u64,
    /// Of one that counts time slices. Default: 3.
    pub timeslices: u64,
}

impl BurnRatePolicy {
    /// Returns the default: more than 10x over 1 h and 5 min is critical, more than 2x over 6 h and 30 min a warning.
    #[must_use]
    pub fn platform() -> BurnRatePolicy {
        BurnRatePolicy::with_default_minimums(vec![
            WindowPair::from_seconds(AlertLevel::Critical, Ratio::from(10), HOUR, 5 * MINUTE),
            WindowPair::from_seconds(AlertLevel::Warning, Ratio::from(2), 6 * HOUR, 30 * MINUTE),
        ])
    }

    /// Returns the four pairs of the *Site Reliability Workbook*, made for a window of 30 days: 14.4x and 6x
    /// are critical, 3x and 1x warnings.
    #[must_use]
    pub fn sre_workbook() -> BurnRatePolicy {
        // The short window is a twelfth of the long one, as the workbook advises.
        let hours = |hours| (hours * HOUR, hours * 5 * MINUTE);
        let pair =
            |level, factor, (long, short)| WindowPair::from_seconds(level, factor, long, short);
        let fast = Ratio::new(144, 10).unwrap_or(Ratio::from(14));
        BurnRatePolicy::with_default_minimums(vec![
            pair(AlertLevel::Critical, fast, hours(1)),
            pair(AlertLevel::Critical, Ratio::from(6), hours(6)),
            pair(AlertLevel::Warning, Ratio::from(3), (DAY, 2 * HOUR)),
            pair(AlertLevel::Warning, Ratio::ONE, (3 * DAY, 6 * HOUR)),
        ])
    }

    /// Creates a policy of these pairs, the most urgent first.
    #[must_use]
    pub const fn new(pairs: Vec<WindowPair>, min_bad: MinBadEvents) -> BurnRatePolicy {
        BurnRatePolicy { pairs, min_bad }
    }

    fn with_default_minimums(pairs: Vec<WindowPair>) -> BurnRatePolicy {
        BurnRatePolicy::new(pairs, MinBadEvents::default())
    }

    /// Returns the pairs that can never fire for a target, because even when everything is bad the budget
    /// burns no faster: at 1 / permitted share.
    pub fn unreachable(&self, target: Percent) -> impl Iterator<Item = &WindowPair> {
        let permitted = target.complement().to_ratio();
        let reachable = move |pair: &WindowPair| {
            let needed = permitted.checked_mul(pair.factor);
            // Strictly below, as a pair must be exceeded and not reached.
            needed.is_some_and(|needed| needed < Ratio::ONE)
        };
        self.pairs.iter().filter(move |pair| !reachable(pair))
    }

    /// Returns every window that a pair looks at, each once, shortest first.
    #[must_use]
    pub fn windows(&self) -> Vec<Duration> {
        let pairs = self.pairs.iter();
        let mut windows: Vec<_> = pairs.flat_map(|pair| [pair.short, pair.long]).collect();
        windows.sort_unstable();
        windows.dedup();
        windows
    }

    /// Evaluates the policy: the most urgent level whose pair fires; [`AlertState::Frozen`] where none does
    /// and the most urgent pairs can't be judged.
    ///
    /// A window that is not among `rates` is not known. This is the judgement of one moment: what
    /// was raised before and has not been quiet for long enough is the caller's to remember.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vantage_obs::slo::BudgetingMethod;
    /// use vantage_obs::slo::policy::BurnRatePolicy;
    /// use vantage_obs::slo::report::{AlertState, BurnRate};
    ///
    /// let policy = BurnRatePolicy::platform();
    /// // 12 % of the requests of the last hour failed, where 1 % may: a burn rate of 12.
    /// let rates: Vec<_> = policy.windows().into_iter()
    ///     .map(|window| BurnRate::new(window, 880, 120, 1.0))
    ///     .collect();
    /// let alert = policy.evaluate("99".parse()?, BudgetingMethod::Occurrences, &rates);
    /// assert_eq!(alert, AlertState::Critical);
    /// # Ok::<(), vantage_obs::units::PercentError>(())
    /// ```
    #[must_use]
    pub fn evaluate(
        &self,
        target: Percent,
        method: BudgetingMethod,
        rates: &[BurnRate],
    ) -> AlertState {
        let min_bad = self.min_bad.for_method(method);
        let status = |pair: &WindowPair| (pair.level, pair.evaluate(target, min_bad, rates));
        let statuses: Vec<_> = self.pairs.iter().map(status).collect();
        AlertState::from_pairs(&statuses)
    }
}

impl AlertState {
    /// Returns the state of an objective from those of its pairs: the most urgent level that fires. Each pair
    /// freezes for itself; the objective is frozen where one of the most urgent level is, because that is
    /// the alert that must not be missed.
    pub(crate) fn from_pairs(pairs: &[(AlertLevel, PairStatus)]) -> AlertState {
        let with = |wanted| {
            let pairs = pairs.iter().filter(|(_, status)| *status == wanted);
            pairs.map(|(level, _)| *level).max()
        };
        let most_urgent = pairs.iter().map(|(level, _)| *level).max();
        match with(PairStatus::Firing) {
            Some(level) => level.into(),
            None if most_urgent.is_some() && with(PairStatus::Frozen) == most_urgent => {
                AlertState::Frozen
            }
            None => AlertState::None,
        }
    }
}

impl Default for BurnRatePolicy {
    fn default() -> Self {
        BurnRatePolicy::platform()
    }
}

impl MinBadEvents {
    /// Creates these minimums; 0 asks for none.
    #[must_use]
    pub const fn new(occurrences: u64, timeslices: u64) -> MinBadEvents {
        MinBadEvents {
            occurrences,
            timeslices,
        }
    }

    /// Returns the minimum for this method.
    #[must_use]
    pub const fn for_method(&self, method: BudgetingMethod) -> u64 {
        match method {
            BudgetingMethod::Timeslices => self.timeslices,
            BudgetingMethod::Occurrences => self.occurrences,
        }
    }
}

impl Default for MinBadEvents {
    fn default() -> Self {
        MinBadEvents {
            occurrences: 10,
            timeslices: 3,
        }
    }
}

string_enum!(pub AlertLevel {
    Warning: "warning",
    Critical: "critical",
});

impl From<AlertLevel> for AlertState {
    fn from(level: AlertLevel) -> Self {
        match level {
            AlertLevel::Warning => AlertState::Warning,
            AlertLevel::Critical => AlertState::Critical,
        }
    }
}

#[cfg(test)]
mod tests;
