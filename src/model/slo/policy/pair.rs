//! One pair of windows: when it fires, how soon, and for how long.

use std::time::Duration;

use super::Level;
use crate::model::slo::burn_rate::BurnRate;
use crate::model::units::{Percent, Ratio};

/// Two windows over which a budget must burn faster than a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pair {
    /// What it raises.
    pub level: Level,
    /// The burn rate that both windows must exceed.
    pub factor: Ratio,
    /// The window that says how much is gone.
    pub long: Duration,
    /// The window that says that it goes on.
    pub short: Duration,
}

/// What a pair says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Both windows burn too fast, and enough was bad.
    Fires,
    /// They do not.
    Quiet,
    /// Less than half of the long window has samples, so that it can't be said.
    Frozen,
}

impl Pair {
    /// A pair of windows; `short` is the shorter one.
    #[must_use]
    pub const fn new(level: Level, factor: Ratio, long: Duration, short: Duration) -> Pair {
        Pair {
            level,
            factor,
            long,
            short,
        }
    }

    pub(super) const fn of_seconds(level: Level, factor: Ratio, long: u64, short: u64) -> Pair {
        let (long, short) = (Duration::from_secs(long), Duration::from_secs(short));
        Pair::new(level, factor, long, short)
    }

    /// What the pair says of these windows.
    #[must_use]
    pub fn judge(&self, target: Percent, min_bad: u64, rates: &[BurnRate]) -> Verdict {
        let find = |window| rates.iter().find(|rate| rate.window == window);
        let (Some(long), Some(short)) = (find(self.long), find(self.short)) else {
            return Verdict::Frozen;
        };
        if !long.is_covered() {
            return Verdict::Frozen;
        }
        let fast = |rate: &BurnRate| rate.exceeds(target, self.factor);
        if long.bad >= min_bad && fast(long) && fast(short) {
            Verdict::Fires
        } else {
            Verdict::Quiet
        }
    }

    /// The share of a window's budget that is gone when the pair fires for the first time:
    /// factor × long / window.
    #[must_use]
    pub fn consumed_when_firing(&self, window: Duration) -> Option<Ratio> {
        self.factor.times(Ratio::of_durations(self.long, window)?)
    }

    /// How long this share of bad lasts until the pair fires, if everything was good before: permitted
    /// share × factor / share of bad × long. `None` where it never does.
    #[must_use]
    pub fn detects_after(&self, target: Percent, bad: Ratio) -> Option<Duration> {
        self.time_to(self.long, target, bad)
    }

    /// How long the pair goes on after this share of bad has ended: until the short window is below
    /// the factor.
    #[must_use]
    pub fn resets_after(&self, target: Percent, bad: Ratio) -> Option<Duration> {
        let needed = self.time_to(self.short, target, bad)?;
        Some(self.short.saturating_sub(needed))
    }

    /// For how long a window must have seen this share of bad to burn at the factor.
    fn time_to(&self, window: Duration, target: Percent, bad: Ratio) -> Option<Duration> {
        let permitted = Ratio::from(target.complement().fraction());
        let needed = permitted.times(self.factor)?;
        // Strictly faster than the factor: at exactly this share it never fires.
        (bad > needed).then(|| bad.divide(needed.of(window)))?
    }
}
