//! One pair of windows: evaluation, detection time, reset time.

use std::time::Duration;

use super::AlertLevel;
use crate::model::slo::burn_rate::BurnRate;
use crate::model::units::{Percent, Ratio};

/// Two windows over which a budget must burn faster than a factor.
///
/// ```
/// use std::time::Duration;
/// use vantage_obs::slo::policy::BurnRatePolicy;
/// use vantage_obs::units::Ratio;
///
/// let critical = BurnRatePolicy::platform().pairs[0];
/// let target = "99.9".parse()?;
/// // A service that is down altogether pages after 36 s, and for less than 5 min after its end.
/// assert_eq!(critical.detection_time(target, Ratio::ONE), Some(Duration::from_secs(36)));
/// assert_eq!(critical.reset_time(target, Ratio::ONE), Some(Duration::from_secs(297)));
/// let month = Duration::from_secs(30 * 86_400);
/// let consumed = critical.consumed_when_firing(month).expect("a window");
/// assert_eq!(consumed.format_trimmed(4), "0.0138"); // a 72nd of the budget is gone by then
/// # Ok::<(), vantage_obs::units::PercentError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct WindowPair {
    /// The level of the alert that it raises.
    pub level: AlertLevel,
    /// The burn rate that both windows must exceed.
    pub factor: Ratio,
    /// The window that says how much is gone.
    pub long: Duration,
    /// The window that says that it goes on.
    pub short: Duration,
}

/// The state of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PairStatus {
    /// Both windows burn too fast, and enough was bad.
    Firing,
    /// One window does not, or too little was bad.
    Inactive,
    /// Samples are missing in more than half of the short window, so that it can't be said.
    Frozen,
}

impl WindowPair {
    /// Creates a pair of windows; `short` is the shorter one, usually a twelfth of `long`.
    #[must_use]
    pub const fn new(
        level: AlertLevel,
        factor: Ratio,
        long: Duration,
        short: Duration,
    ) -> WindowPair {
        WindowPair {
            level,
            factor,
            long,
            short,
        }
    }

    /// Returns the time for which it must not fire before its alert clears: a fifth of the short window.
    /// Longer would hold an alert that is over; shorter would let one sample end it.
    pub(crate) fn calm(&self) -> Duration {
        self.short / 5
    }

    pub(super) const fn from_seconds(
        level: AlertLevel,
        factor: Ratio,
        long: u64,
        short: u64,
    ) -> WindowPair {
        let (long, short) = (Duration::from_secs(long), Duration::from_secs(short));
        WindowPair::new(level, factor, long, short)
    }

    /// Evaluates the pair on these windows: each on the part of it that has samples. A long window that is
    /// not full yet is one of a first deploy, which may be bad; the minimum of bad events guards against too
    /// few of them. The short one ends an alert, so that it is not judged where its samples are missing.
    ///
    /// A window that is not among `rates` is not known.
    #[must_use]
    pub fn evaluate(&self, target: Percent, min_bad: u64, rates: &[BurnRate]) -> PairStatus {
        let find = |window| rates.iter().find(|rate| rate.window == window);
        let (Some(long), Some(short)) = (find(self.long), find(self.short)) else {
            return PairStatus::Frozen;
        };
        // The short window alone is asked: it says whether samples are missing now.
        if !short.is_covered() {
            return PairStatus::Frozen;
        }
        let fast = |rate: &BurnRate| rate.exceeds(target, self.factor);
        // The minimum is of the long window: the short one of a quiet service has too few events to
        // ask for any.
        if long.bad >= min_bad && fast(long) && fast(short) {
            PairStatus::Firing
        } else {
            PairStatus::Inactive
        }
    }

    /// Returns the share of a window's budget that is gone when the pair fires for the first time:
    /// factor × long / window.
    #[must_use]
    pub fn consumed_when_firing(&self, window: Duration) -> Option<Ratio> {
        self.factor
            .checked_mul(Ratio::from_durations(self.long, window)?)
    }

    /// Returns the detection time: how long this share of bad lasts until the pair fires, if everything was good before: permitted
    /// share × factor / share of bad × long. `None` where it never does.
    #[must_use]
    pub fn detection_time(&self, target: Percent, bad: Ratio) -> Option<Duration> {
        self.time_to_reach_factor(self.long, target, bad)
    }

    /// Returns the reset time: how long the pair fires after this share of bad has ended, until the short window is below
    /// the factor.
    #[must_use]
    pub fn reset_time(&self, target: Percent, bad: Ratio) -> Option<Duration> {
        let needed = self.time_to_reach_factor(self.short, target, bad)?;
        Some(self.short.saturating_sub(needed))
    }

    /// Returns the time of this share of bad after which a window burns at the factor.
    fn time_to_reach_factor(
        &self,
        window: Duration,
        target: Percent,
        bad: Ratio,
    ) -> Option<Duration> {
        let permitted = target.complement().to_ratio();
        let needed = permitted.checked_mul(self.factor)?;
        // Strictly faster than the factor: at exactly this share it never fires.
        (bad > needed).then(|| bad.div_duration(needed.mul_duration(window)))?
    }
}
