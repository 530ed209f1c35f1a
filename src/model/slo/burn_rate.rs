//! The burn rate of a budget over one window.
//!
//! Why burn rates and not error rates? Because the same rate of errors is nothing to an objective of
//! 95 and a disaster to one of 99.99. A burn rate of 1 spends the budget in exactly its window.

use std::time::Duration;

use super::budget::Budget;
use crate::model::units::{Percent, Ratio};

/// The minimum coverage of a window for an alert to be evaluated, 0 to 1.
pub(super) const MIN_COVERAGE: f64 = 0.5;

/// Good and bad events of one window.
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
}

impl BurnRate {
    /// The counts of a window of which this share has samples.
    #[must_use]
    pub const fn new(window: Duration, good: u64, bad: u64, coverage: f64) -> BurnRate {
        BurnRate {
            window,
            good,
            bad,
            coverage,
        }
    }

    /// The share of bad over the permitted one; `None` without events.
    #[must_use]
    pub fn value(&self, target: Percent) -> Option<Ratio> {
        Budget::new(target, self.window, self.good, self.bad).consumed()
    }

    /// Whether the budget burns faster than this; no events burn nothing. Exactly `factor` is not
    /// faster.
    #[must_use]
    pub fn exceeds(&self, target: Percent, factor: Ratio) -> bool {
        self.value(target).is_some_and(|value| value > factor)
    }

    /// Whether enough of the window has samples to say anything about an alert: half of it.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.coverage >= MIN_COVERAGE
    }
}
