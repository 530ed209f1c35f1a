//! What an objective raises, remembered from sample to sample.
//!
//! * A pair *fires* at the first sample at which both its windows burn faster than its factor and the
//!   long one holds the minimum of bad events.
//! * It *clears* when that has not been so for a fifth of its short window (1 min of 5): around the
//!   factor, an alert would come and go with every sample otherwise.
//! * It is *frozen* while less than half of either window has samples: then it neither fires nor
//!   clears, and the calm begins anew after it.
//!
//! What fires is written down for the next process, so that a restart neither raises it a second time
//! nor ends it without a word. It is not worked out again from what was counted: the peak that raised it
//! may have lasted for one sample, and of the past only minutes are kept.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::slo::policy::{Level, Pair, Policy, Verdict};
use crate::model::slo::report::{Alert, BurnRate};
use crate::model::slo::{Method, Objective};
use crate::model::units::{Percent, format_duration};

/// The part of a short window for which a pair must be calm before it clears.
const CALM: u32 = 5;

/// The alert of one objective.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    target: Percent,
    min_bad: u64,
    pairs: Vec<PairState>,
    shown: Alert,
}

#[derive(Clone, Debug)]
struct PairState {
    pair: Pair,
    firing: bool,
    frozen: bool,
    /// Since when a firing pair has been calm.
    calm: Option<Timestamp>,
}

/// A pair that fires, as it is written down.
#[derive(Serialize, Deserialize)]
struct Firing {
    level: String,
    long: String,
    short: String,
    calm_since: Option<String>,
}

impl Alarm {
    pub(crate) fn new(objective: &Objective, policy: &Policy) -> Self {
        Self::of(objective.target(), objective.method(), policy)
    }

    fn of(target: Percent, method: Method, policy: &Policy) -> Self {
        let state = |pair: &Pair| PairState {
            pair: *pair,
            firing: false,
            frozen: true,
            calm: None,
        };
        Self {
            target,
            min_bad: policy.min_bad.of(method),
            pairs: policy.pairs.iter().map(state).collect(),
            shown: Alert::Frozen,
        }
    }

    /// Looks at the windows as they are now; answers what was raised before, if that is another.
    pub(crate) fn look(&mut self, now: Timestamp, rates: &[BurnRate]) -> Option<Alert> {
        for state in &mut self.pairs {
            let verdict = state.verdict(self.target, self.min_bad, rates);
            state.step(now, verdict);
        }
        let raised = self.raised();
        let before = std::mem::replace(&mut self.shown, raised);
        (before != self.shown).then_some(before)
    }

    /// What is raised. Something that fires goes on firing while it is frozen.
    pub(crate) const fn shown(&self) -> Alert {
        self.shown
    }

    /// What the next process must know; empty where nothing fires.
    pub(crate) fn note(&self) -> String {
        let firing = self.pairs.iter().filter(|state| state.firing);
        let firing: Vec<_> = firing.map(PairState::written).collect();
        if firing.is_empty() {
            return String::new();
        }
        // No value of these fails to serialise.
        serde_json::to_string(&firing).unwrap_or_default()
    }

    /// Takes up what an earlier process has noted. Pairs that the policy has no more are over, and what
    /// can't be read was written by a release that knew more.
    pub(crate) fn recall(&mut self, note: &str) {
        let written: Vec<Firing> = serde_json::from_str(note).unwrap_or_default();
        for one in &written {
            let known = self.pairs.iter_mut().find(|state| one.is_of(&state.pair));
            if let Some(state) = known.filter(|state| !state.firing) {
                state.firing = true;
                state.calm = one.calm_since.as_deref().and_then(|at| at.parse().ok());
            }
        }
        if !written.is_empty() {
            self.shown = self.raised();
        }
    }

    /// Whether a pair of this level fires.
    pub(crate) fn fires(&self, level: Level) -> bool {
        let of_level = |state: &&PairState| state.pair.level == level;
        self.pairs.iter().filter(of_level).any(|state| state.firing)
    }

    fn raised(&self) -> Alert {
        if self.fires(Level::Critical) {
            Alert::Critical
        } else if self.fires(Level::Warning) {
            Alert::Warning
        } else if self.pairs.iter().any(|state| state.frozen) {
            Alert::Frozen
        } else {
            Alert::None
        }
    }
}

impl Firing {
    fn is_of(&self, pair: &Pair) -> bool {
        self.level == pair.level.as_str()
            && self.long == format_duration(pair.long)
            && self.short == format_duration(pair.short)
    }
}

impl PairState {
    fn written(&self) -> Firing {
        Firing {
            level: self.pair.level.as_str().to_owned(),
            long: format_duration(self.pair.long),
            short: format_duration(self.pair.short),
            calm_since: self.calm.map(|at| at.to_string()),
        }
    }

    fn verdict(&self, target: Percent, min_bad: u64, rates: &[BurnRate]) -> Verdict {
        let short = rates.iter().find(|rate| rate.window == self.pair.short);
        // The short window ends an alert, so what it doesn't know must not.
        if short.is_some_and(|short| !short.is_covered()) {
            return Verdict::Frozen;
        }
        self.pair.judge(target, min_bad, rates)
    }

    fn step(&mut self, now: Timestamp, verdict: Verdict) {
        self.frozen = verdict == Verdict::Frozen;
        match verdict {
            Verdict::Fires => (self.firing, self.calm) = (true, None),
            Verdict::Quiet if self.firing => self.calm_down(now),
            _ => self.calm = None,
        }
    }

    fn calm_down(&mut self, now: Timestamp) {
        let since = *self.calm.get_or_insert(now);
        let calm = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        if calm >= self.pair.short / CALM {
            (self.firing, self.calm) = (false, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn alarm(target: &str) -> Alarm {
        let target = target.parse().unwrap();
        Alarm::of(target, Method::Occurrences, &Policy::platform())
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
        let mut alarm = alarm("99.9");
        assert_eq!(alarm.look(at(0), &all(9_900, 100)), Some(Alert::Frozen));
        assert_eq!(alarm.shown(), Alert::Warning);
        assert_eq!(alarm.look(at(10), &all(9_899, 101)), Some(Alert::Warning));
        assert_eq!(alarm.shown(), Alert::Critical);
    }

    #[test]
    fn a_few_errors_of_a_quiet_service_raise_nothing() {
        let mut alarm = alarm("99.9");
        alarm.look(at(0), &all(0, 9));
        assert_eq!(alarm.shown(), Alert::None);
        alarm.look(at(10), &all(0, 10));
        assert_eq!(alarm.shown(), Alert::Critical);
    }

    #[test]
    fn one_window_alone_raises_nothing() {
        let mut alarm = alarm("99.9");
        let (calm, burning) = ((1_000, 0, 1.0), (900, 100, 1.0));
        alarm.look(at(0), &rates([burning, burning, calm, calm]));
        assert_eq!(alarm.shown(), Alert::None);
        alarm.look(at(10), &rates([calm, calm, burning, burning]));
        assert_eq!(alarm.shown(), Alert::None);
    }

    #[test]
    fn it_clears_at_the_sample_that_ends_a_minute_of_calm() {
        let mut alarm = alarm("99.9");
        alarm.look(at(0), &all(900, 100));
        let calm = rates([
            (1_000, 0, 1.0),
            (1_000, 0, 1.0),
            (900, 100, 1.0),
            (900, 100, 1.0),
        ]);
        for seconds in [10, 20, 60] {
            assert_eq!(alarm.look(at(seconds), &calm), None, "{seconds}");
        }
        assert_eq!(alarm.look(at(70), &calm), Some(Alert::Critical));
        // The warning's short window is half an hour, so its calm is 6 min.
        assert_eq!(alarm.shown(), Alert::Warning);
        assert_eq!(alarm.look(at(369), &calm), None);
        assert_eq!(alarm.look(at(370), &calm), Some(Alert::Warning));
        assert_eq!(alarm.shown(), Alert::None);
    }

    #[test]
    fn around_the_factor_it_stays() {
        let mut alarm = alarm("99.9");
        alarm.look(at(0), &all(900, 100));
        for seconds in 1..100 {
            let bad = if seconds % 5 == 0 { 11 } else { 9 };
            alarm.look(at(seconds * 10), &all(1_000 - bad, bad));
            assert_eq!(alarm.shown(), Alert::Critical);
        }
    }

    #[test]
    fn without_samples_it_neither_fires_nor_clears() {
        let mut alarm = alarm("99.9");
        let blind = |bad| rates([(1_000 - bad, bad, 0.4); 4]);
        alarm.look(at(0), &blind(100));
        assert_eq!(alarm.shown(), Alert::Frozen);
        alarm.look(at(10), &all(900, 100));
        assert!(alarm.fires(Level::Critical) && alarm.fires(Level::Warning));
        for seconds in 2..200 {
            assert_eq!(alarm.look(at(seconds * 10), &blind(0)), None);
        }
        // Calm begins anew when there are samples again.
        alarm.look(at(2_010), &all(1_000, 0));
        assert_eq!(alarm.shown(), Alert::Critical);
        alarm.look(at(2_070), &all(1_000, 0));
        assert!(!alarm.fires(Level::Critical));
    }

    #[test]
    fn a_short_window_that_nobody_saw_clears_nothing() {
        let mut alarm = alarm("99.9");
        alarm.look(at(0), &all(900, 100));
        let unseen = rates([(0, 0, 0.0), (0, 0, 0.0), (900, 100, 0.9), (900, 100, 0.9)]);
        for seconds in 1..100 {
            assert_eq!(alarm.look(at(seconds * 10), &unseen), None);
        }
        assert_eq!(alarm.shown(), Alert::Critical);
    }

    #[test]
    fn what_fires_is_recalled_with_its_calm_and_what_the_policy_has_no_more_is_not() {
        let mut before = alarm("99.9");
        assert_eq!(before.note(), "");
        before.look(at(0), &all(900, 100));
        before.look(at(10), &all(1_000, 0));
        let note = before.note();
        let mut after = alarm("99.9");
        after.recall(&note);
        assert_eq!((after.shown(), after.note()), (Alert::Critical, note));
        assert_eq!(after.look(at(69), &all(1_000, 0)), None);
        assert_eq!(
            after.look(at(70), &all(1_000, 0)),
            Some(Alert::Critical),
            "calm since 10, and not since the restart"
        );
        let other = Policy::new(Vec::new(), Policy::platform().min_bad);
        let mut other = Alarm::of("99.9".parse().unwrap(), Method::Occurrences, &other);
        other.recall(&before.note());
        assert_eq!((other.shown(), other.note()), (Alert::None, String::new()));
        other.recall("[{\"level\":7}]");
        assert_eq!(other.note(), "");
    }

    #[test]
    fn no_traffic_is_calm() {
        let mut alarm = alarm("99.9");
        alarm.look(at(0), &all(0, 0));
        assert_eq!(alarm.shown(), Alert::None);
    }
}
