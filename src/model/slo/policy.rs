//! When a burning budget is an alert: pairs of windows, each with a factor.
//!
//! Why two windows each? The long one says that a good part of the budget is gone, so that nobody is
//! woken for a hiccup; the short one, a twelfth of it, says that it is still burning, so that the alert
//! ends soon after its cause. See chapter 5 of the *Site Reliability Workbook*, [multiwindow,
//! multi-burn-rate alerts](https://sre.google/workbook/alerting-on-slos/#6-multiwindow-multi-burn-rate-alerts).

mod pair;

use std::time::Duration;

use super::Method;
use super::burn_rate::BurnRate;
use super::report::Alert;
use crate::model::units::{Percent, Ratio};

pub use pair::{Pair, Verdict};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// When a burning budget is an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The pairs, the most urgent first.
    pub pairs: Vec<Pair>,
    /// How many bad events there must be.
    pub min_bad: MinBad,
}

/// How urgent a burning budget is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// Somebody should look at it in working hours.
    Warning,
    /// Somebody is woken.
    Critical,
}

/// How many bad events the long window must hold, so that one error does not page a quiet service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MinBad {
    /// Of an objective that counts occurrences. Default: 10.
    pub occurrences: u64,
    /// Of one that counts time slices. Default: 3.
    pub timeslices: u64,
}

impl Policy {
    /// More than 10x over 1 h and 5 min is critical, more than 2x over 6 h and 30 min a warning.
    #[must_use]
    pub fn platform() -> Policy {
        Policy::of_pairs(vec![
            Pair::of_seconds(Level::Critical, Ratio::from(10), HOUR, 5 * MINUTE),
            Pair::of_seconds(Level::Warning, Ratio::from(2), 6 * HOUR, 30 * MINUTE),
        ])
    }

    /// The four pairs of the *Site Reliability Workbook*, made for a window of 30 days: 14.4x and 6x
    /// are critical, 3x and 1x warnings.
    #[must_use]
    pub fn sre_workbook() -> Policy {
        let hours = |hours| (hours * HOUR, hours * 5 * MINUTE);
        let pair = |level, factor, (long, short)| Pair::of_seconds(level, factor, long, short);
        let fast = Ratio::new(144, 10).unwrap_or(Ratio::from(14));
        Policy::of_pairs(vec![
            pair(Level::Critical, fast, hours(1)),
            pair(Level::Critical, Ratio::from(6), hours(6)),
            pair(Level::Warning, Ratio::from(3), (DAY, 2 * HOUR)),
            pair(Level::Warning, Ratio::ONE, (3 * DAY, 6 * HOUR)),
        ])
    }

    /// A policy of these pairs, the most urgent first.
    #[must_use]
    pub const fn new(pairs: Vec<Pair>, min_bad: MinBad) -> Policy {
        Policy { pairs, min_bad }
    }

    fn of_pairs(pairs: Vec<Pair>) -> Policy {
        Policy::new(pairs, MinBad::default())
    }

    /// The pairs that can never fire for a target, because even when everything is bad the budget
    /// burns no faster: at 1 / permitted share.
    pub fn unreachable(&self, target: Percent) -> impl Iterator<Item = &Pair> {
        let permitted = Ratio::from(target.complement().fraction());
        let reachable = move |pair: &Pair| {
            let needed = permitted.times(pair.factor);
            needed.is_some_and(|needed| needed < Ratio::ONE)
        };
        self.pairs.iter().filter(move |pair| !reachable(pair))
    }

    /// Every window that a pair looks at, each once, shortest first.
    #[must_use]
    pub fn windows(&self) -> Vec<Duration> {
        let pairs = self.pairs.iter();
        let mut windows: Vec<_> = pairs.flat_map(|pair| [pair.short, pair.long]).collect();
        windows.sort_unstable();
        windows.dedup();
        windows
    }

    /// The most urgent level whose pair fires; [`Alert::Frozen`] where none does and one can't say.
    ///
    /// A window that is not among `rates` has no samples. This is the judgement of one moment: what
    /// was raised before and has not been quiet for long enough is the caller's to remember.
    #[must_use]
    pub fn judge(&self, target: Percent, method: Method, rates: &[BurnRate]) -> Alert {
        let verdict = |pair: &Pair| pair.judge(target, self.min_bad.of(method), rates);
        let verdicts: Vec<_> = self
            .pairs
            .iter()
            .map(|pair| (pair, verdict(pair)))
            .collect();
        let firing = verdicts
            .iter()
            .filter(|(_, verdict)| *verdict == Verdict::Fires)
            .map(|(pair, _)| pair.level)
            .max();
        match firing {
            Some(level) => level.into(),
            None if verdicts
                .iter()
                .any(|(_, verdict)| *verdict == Verdict::Frozen) =>
            {
                Alert::Frozen
            }
            None => Alert::None,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Policy::platform()
    }
}

impl MinBad {
    /// These minimums.
    #[must_use]
    pub const fn new(occurrences: u64, timeslices: u64) -> MinBad {
        MinBad {
            occurrences,
            timeslices,
        }
    }

    /// The minimum of this method.
    #[must_use]
    pub const fn of(&self, method: Method) -> u64 {
        match method {
            Method::Timeslices => self.timeslices,
            Method::Occurrences => self.occurrences,
        }
    }
}

impl Default for MinBad {
    fn default() -> Self {
        MinBad {
            occurrences: 10,
            timeslices: 3,
        }
    }
}

impl Level {
    /// The name as reports and labels write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Level::Warning => "warning",
            Level::Critical => "critical",
        }
    }
}

impl From<Level> for Alert {
    fn from(level: Level) -> Self {
        match level {
            Level::Warning => Alert::Warning,
            Level::Critical => Alert::Critical,
        }
    }
}

#[cfg(test)]
mod tests;
