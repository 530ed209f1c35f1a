//! The burn rate of a budget over one window.
//!
//! Why burn rates and not error rates? Because the same rate of errors is nothing to an objective of
//! 95 and a disaster to one of 99.99. A burn rate of 1 spends the budget in exactly its window.

use std::time::Duration;

use super::budget::Budget;
use crate::model::units::{Percent, Ratio};

/// The minimum share of the samples that there can be in a window for an alert to be evaluated, 0 to 1.
///
/// Below it, what is missing outweighs what is there: a window with one sample would burn at whatever rate that
/// one shows.
const MIN_COVERAGE: f64 = 0.5;

/// Good and bad events of one window.
///
/// ```
/// use std::time::Duration;
/// use vantage_obs::slo::report::BurnRate;
///
/// let hour = BurnRate::new(Duration::from_secs(3_600), 9_900, 100, 1.0);
/// let rate = hour.value("99.9".parse()?).expect("there were events");
/// assert_eq!(rate.to_f64(), 10.0); // 1 % is bad, and 0.1 % may be
/// assert!(!hour.exceeds("99.9".parse()?, rate), "exactly 10x is not more than 10x");
/// # Ok::<(), vantage_obs::units::PercentError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct BurnRate {
    /// The length of the window.
    pub window: Duration,
    /// Events that met the objective.
    pub good: u64,
    /// Events that did not.
    pub bad: u64,
    /// The share of the window that has samples, 0 to 1.
    pub coverage: f64,
    /// The share of the window that lies after the first sample of all, 0 to 1: below 1 while the objective
    /// is younger than the window. Before it nothing is missing.
    pub reach: f64,
}

impl BurnRate {
    /// Creates the counts of a window of which this share has samples. Its [`reach`](Self::reach) is all of it;
    /// [`with_reach`](Self::with_reach) sets another.
    #[must_use]
    pub const fn new(window: Duration, good: u64, bad: u64, coverage: f64) -> BurnRate {
        BurnRate {
            window,
            good,
            bad,
            coverage,
            reach: 1.0,
        }
    }

    /// Returns the window with this share of it after the first sample of all, 0 to 1.
    #[must_use]
    pub const fn with_reach(self, reach: f64) -> BurnRate {
        BurnRate { reach, ..self }
    }

    /// Returns the share of bad over the permitted one; `None` without events.
    #[must_use]
    pub fn value(&self, target: Percent) -> Option<Ratio> {
        Budget::new(target, self.window, self.good, self.bad).consumed()
    }

    /// Returns `true` if the budget burns faster than this; no events burn nothing. Exactly `factor` is not
    /// faster.
    #[must_use]
    pub fn exceeds(&self, target: Percent, factor: Ratio) -> bool {
        self.value(target).is_some_and(|value| value > factor)
    }

    /// Returns `true` unless samples are missing: more than half of those that there can be, which are the
    /// window's, or in a young process those since its first.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.coverage >= MIN_COVERAGE * self.reach
    }
}
