//! The burn-rate alert of one objective, kept from sample to sample.
//!
//! * A pair *fires* at the first sample at which both its windows burn faster than its factor and the
//!   long one holds the minimum of bad events.
//! * It *clears* when that has not been so for a fifth of its short window (1 min of 5): around the
//!   factor, an alert would come and go with every sample otherwise.
//! * It is *frozen* while samples are missing in more than half of its short window: then it neither fires
//!   nor clears, and the calm begins anew after it. A process that is younger than a window misses nothing,
//!   and is judged on what there is.
//!
//! A firing pair is stored for the next process, so that a restart neither raises it a second time
//! nor ends it without a word. It is not worked out again from what was counted: the peak that raised it
//! may have lasted for one sample, and of the past only minutes are kept.
//!
//! | status of a pair | while it fires | otherwise |
//! |---|---|---|
//! | firing | goes on, calm is over | fires |
//! | inactive | clears after a fifth of the short window | stays |
//! | frozen | goes on, calm begins anew | stays |
//!
//! State of the whole: critical if a critical pair fires, else warning, else frozen if the most urgent pair
//! is, else none.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::slo::policy::{BurnRatePolicy, PairStatus, WindowPair};
use crate::model::slo::report::{AlertState, BurnRate};
use crate::model::slo::{BudgetingMethod, Objective};
use crate::model::units::{Percent, format_duration};
use crate::record::clock::saturating_step;

/// The burn-rate alert of one objective.
#[derive(Clone, Debug)]
pub(crate) struct BurnRateAlert {
    target: Percent,
    /// By the objective's method: events or slices.
    min_bad: u64,
    pairs: Vec<WindowPairState>,
    state: AlertState,
}

/// One pair of windows, and its state.
#[derive(Clone, Debug)]
struct WindowPairState {
    pair: WindowPair,
    firing: bool,
    /// The latest status was frozen.
    frozen: bool,
    /// The start of the calm of a firing pair.
    calm_since: Option<Timestamp>,
}

/// A firing pair as it is stored.
///
/// The windows name the pair, because a list's order may change between releases.
#[derive(Serialize, Deserialize)]
struct FiringPair {
    level: String,
    long: String,
    short: String,
    calm_since: Option<String>,
}

impl BurnRateAlert {
    pub(crate) fn new(objective: &Objective, policy: &BurnRatePolicy) -> Self {
        Self::with_target(objective.target(), objective.method(), policy)
    }

    fn with_target(target: Percent, method: BudgetingMethod, policy: &BurnRatePolicy) -> Self {
        let state = |pair: &WindowPair| WindowPairState {
            pair: *pair,
            firing: false,
            // Nothing is known before the first sample.
            frozen: false,
            calm_since: None,
        };
        Self {
            target,
            min_bad: policy.min_bad.for_method(method),
            pairs: policy.pairs.iter().map(state).collect(),
            state: AlertState::None,
        }
    }

    /// Evaluates the windows and returns the state before, if it has changed.
    pub(crate) fn update(&mut self, now: Timestamp, rates: &[BurnRate]) -> Option<AlertState> {
        for state in &mut self.pairs {
            let status = state.pair.evaluate(self.target, self.min_bad, rates);
            state.apply(now, status);
        }
        let current = self.current_state();
        let before = std::mem::replace(&mut self.state, current);
        (before != self.state).then_some(before)
    }

    /// Follows a step of the clock: a calm is as long as it was.
    pub(crate) fn follow_step(&mut self, step: SignedDuration) {
        for state in &mut self.pairs {
            state.calm_since = state.calm_since.map(|at| saturating_step(at, step));
        }
    }

    /// Returns the state. A firing pair goes on firing while it is frozen.
    pub(crate) const fn state(&self) -> AlertState {
        self.state
    }

    /// Returns true if any pair fires.
    pub(crate) fn has_firing_pair(&self) -> bool {
        self.pairs.iter().any(|state| state.firing)
    }

    /// Returns the firing pairs as JSON for the next process; empty if none fires.
    pub(crate) fn to_json(&self) -> String {
        let firing = self.pairs.iter().filter(|state| state.firing);
        let firing: Vec<_> = firing.map(WindowPairState::to_firing_pair).collect();
        if firing.is_empty() {
            return String::new();
        }
        // No value of these fails to serialise.
        serde_json::to_string(&firing).unwrap_or_default()
    }

    /// Restores the firing pairs that an earlier process has stored. Pairs that the policy has no more are
    /// over, and what can't be read was written by a newer release.
    pub(crate) fn restore(&mut self, json: &str) {
        let stored: Vec<FiringPair> = serde_json::from_str(json).unwrap_or_default();
        for pair in &stored {
            let known = self
                .pairs
                .iter_mut()
                .find(|state| pair.matches(&state.pair));
            if let Some(state) = known.filter(|state| !state.firing) {
                state.firing = true;
                state.calm_since = pair.calm_since.as_deref().and_then(|at| at.parse().ok());
            }
        }
        if !stored.is_empty() {
            self.state = self.current_state();
        }
    }

    fn current_state(&self) -> AlertState {
        let status = |state: &WindowPairState| (state.pair.level, state.remembered_status());
        let statuses: Vec<_> = self.pairs.iter().map(status).collect();
        AlertState::from_pairs(&statuses)
    }
}

impl FiringPair {
    fn matches(&self, pair: &WindowPair) -> bool {
        self.level == pair.level.as_str()
            && self.long == format_duration(pair.long)
            && self.short == format_duration(pair.short)
    }
}

impl WindowPairState {
    fn to_firing_pair(&self) -> FiringPair {
        FiringPair {
            level: self.pair.level.as_str().to_owned(),
            long: format_duration(self.pair.long),
            short: format_duration(self.pair.short),
            calm_since: self.calm_since.map(|at| at.to_string()),
        }
    }

    /// Returns the status with what was raised before: a firing pair goes on firing while it is frozen.
    const fn remembered_status(&self) -> PairStatus {
        match (self.firing, self.frozen) {
            (true, _) => PairStatus::Firing,
            (false, true) => PairStatus::Frozen,
            (false, false) => PairStatus::Inactive,
        }
    }

    /// Applies a status by the table above.
    fn apply(&mut self, now: Timestamp, status: PairStatus) {
        self.frozen = status == PairStatus::Frozen;
        match status {
            PairStatus::Firing => (self.firing, self.calm_since) = (true, None),
            PairStatus::Inactive if self.firing => self.clear_when_calm(now),
            _ => self.calm_since = None,
        }
    }

    /// Clears the pair once it has been calm for long enough.
    fn clear_when_calm(&mut self, now: Timestamp) {
        // A clock that was set back has no calm that began after it.
        let since = self.calm_since.unwrap_or(now).min(now);
        self.calm_since = Some(since);
        let calm = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        if calm >= self.pair.calm() {
            (self.firing, self.calm_since) = (false, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::slo::policy::AlertLevel;

    impl BurnRateAlert {
        fn is_firing(&self, level: AlertLevel) -> bool {
            let of_level = |state: &&WindowPairState| state.pair.level == level;
            self.pairs.iter().filter(of_level).any(|state| state.firing)
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn alert(target: &str) -> BurnRateAlert {
        let target = target.parse().unwrap();
        BurnRateAlert::with_target(
            target,
            BudgetingMethod::Occurrences,
            &BurnRatePolicy::platform(),
        )
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// The four windows of the platform's policy, with one count each.
    fn rates(windows: [(u64, u64, f64); 4]) -> Vec<BurnRate> {
        let lengths = [300, 1_800, 3_600, 21_600].map(|seconds| seconds * SECOND);
        let both = lengths.into_iter().zip(windows);
        both.map(|(length, (good, bad, coverage))| BurnRate::new(length, good, bad, coverage))
            .collect()
    }

    fn all(good: u64, bad: u64) -> Vec<BurnRate> {
        rates([(good, bad, 1.0); 4])
    }

    #[test]
    fn ten_times_exactly_is_a_warning_and_one_event_more_is_critical() {
        let mut alert = alert("99.9");
        assert_eq!(
            alert.update(at(0), &all(9_900, 100)),
            Some(AlertState::None)
        );
        assert_eq!(alert.state(), AlertState::Warning);
        assert_eq!(
            alert.update(at(10), &all(9_899, 101)),
            Some(AlertState::Warning)
        );
        assert_eq!(alert.state(), AlertState::Critical);
    }

    #[test]
    fn a_few_errors_of_a_quiet_service_fire_nothing() {
        let mut alert = alert("99.9");
        alert.update(at(0), &all(0, 9));
        assert_eq!(alert.state(), AlertState::None);
        alert.update(at(10), &all(0, 10));
        assert_eq!(alert.state(), AlertState::Critical);
    }

    #[test]
    fn one_window_alone_fires_nothing() {
        let mut alert = alert("99.9");
        let (calm, burning) = ((1_000, 0, 1.0), (900, 100, 1.0));
        alert.update(at(0), &rates([burning, burning, calm, calm]));
        assert_eq!(alert.state(), AlertState::None);
        alert.update(at(10), &rates([calm, calm, burning, burning]));
        assert_eq!(alert.state(), AlertState::None);
    }

    #[test]
    fn it_clears_at_the_sample_that_ends_a_minute_of_calm() {
        let mut alert = alert("99.9");
        alert.update(at(0), &all(900, 100));
        let calm = rates([
            (1_000, 0, 1.0),
            (1_000, 0, 1.0),
            (900, 100, 1.0),
            (900, 100, 1.0),
        ]);
        for seconds in [10, 20, 60] {
            assert_eq!(alert.update(at(seconds), &calm), None, "{seconds}");
        }
        assert_eq!(alert.update(at(70), &calm), Some(AlertState::Critical));
        // The warning's short window is half an hour, so its calm is 6 min.
        assert_eq!(alert.state(), AlertState::Warning);
        assert_eq!(alert.update(at(369), &calm), None);
        assert_eq!(alert.update(at(370), &calm), Some(AlertState::Warning));
        assert_eq!(alert.state(), AlertState::None);
    }

    #[test]
    fn it_clears_after_a_calm_though_the_clock_was_set_back() {
        let mut alert = alert("99.9");
        alert.update(at(7_200), &all(900, 100));
        alert.update(at(7_210), &all(1_000, 0));
        alert.update(at(0), &all(1_000, 0));
        alert.update(at(360), &all(1_000, 0));
        assert_eq!(alert.state(), AlertState::None);
    }

    #[test]
    fn a_step_of_the_clock_is_no_calm() {
        for step in [3_600, -3_600, 30 * 365 * 86_400, 2] {
            let mut alert = alert("99.9");
            alert.update(at(0), &all(900, 100));
            alert.update(at(10), &all(1_000, 0));
            alert.follow_step(SignedDuration::from_secs(step));
            // A minute of calm for the critical pair, and six for the other.
            for (seconds, state) in [
                (69, AlertState::Critical),
                (70, AlertState::Warning),
                (369, AlertState::Warning),
                (370, AlertState::None),
            ] {
                alert.update(at(seconds + step), &all(1_000, 0));
                assert_eq!(alert.state(), state, "{step}");
            }
        }
    }

    #[test]
    fn around_the_factor_it_stays() {
        let mut alert = alert("99.9");
        alert.update(at(0), &all(900, 100));
        for seconds in 1..100 {
            let bad = if seconds % 5 == 0 { 11 } else { 9 };
            alert.update(at(seconds * 10), &all(1_000 - bad, bad));
            assert_eq!(alert.state(), AlertState::Critical);
        }
    }

    #[test]
    fn without_samples_it_neither_fires_nor_clears() {
        let mut alert = alert("99.9");
        let blind = |bad| rates([(1_000 - bad, bad, 0.4); 4]);
        alert.update(at(0), &blind(100));
        assert_eq!(alert.state(), AlertState::Frozen);
        alert.update(at(10), &all(900, 100));
        assert!(alert.is_firing(AlertLevel::Critical) && alert.is_firing(AlertLevel::Warning));
        for seconds in 2..200 {
            assert_eq!(alert.update(at(seconds * 10), &blind(0)), None);
        }
        // Calm begins anew when there are samples again.
        alert.update(at(2_010), &all(1_000, 0));
        assert_eq!(alert.state(), AlertState::Critical);
        alert.update(at(2_070), &all(1_000, 0));
        assert!(!alert.is_firing(AlertLevel::Critical));
    }

    #[test]
    fn a_short_window_without_samples_clears_nothing() {
        let mut alert = alert("99.9");
        alert.update(at(0), &all(900, 100));
        let uncovered = rates([(0, 0, 0.0), (0, 0, 0.0), (900, 100, 0.9), (900, 100, 0.9)]);
        for seconds in 1..100 {
            assert_eq!(alert.update(at(seconds * 10), &uncovered), None);
        }
        assert_eq!(alert.state(), AlertState::Critical);
    }

    #[test]
    fn firing_pairs_are_restored_with_their_calm_if_the_policy_has_them() {
        let mut before = alert("99.9");
        assert_eq!(before.to_json(), "");
        before.update(at(0), &all(900, 100));
        before.update(at(10), &all(1_000, 0));
        let note = before.to_json();
        let mut after = alert("99.9");
        after.restore(&note);
        assert_eq!(
            (after.state(), after.to_json()),
            (AlertState::Critical, note)
        );
        assert_eq!(after.update(at(69), &all(1_000, 0)), None);
        assert_eq!(
            after.update(at(70), &all(1_000, 0)),
            Some(AlertState::Critical),
            "calm since 10, and not since the restart"
        );
        let other = BurnRatePolicy::new(Vec::new(), BurnRatePolicy::platform().min_bad);
        let mut other = BurnRateAlert::with_target(
            "99.9".parse().unwrap(),
            BudgetingMethod::Occurrences,
            &other,
        );
        other.restore(&before.to_json());
        assert_eq!(
            (other.state(), other.to_json()),
            (AlertState::None, String::new())
        );
        other.restore("[{\"level\":7}]");
        assert_eq!(other.to_json(), "");
    }

    #[test]
    fn no_traffic_is_calm() {
        let mut alert = alert("99.9");
        alert.update(at(0), &all(0, 0));
        assert_eq!(alert.state(), AlertState::None);
    }
}
