//! Error budgets, from the one stream of good and bad events.
//!
//! Events are counted over each window of the policy and rounded to whole ones, because `increase`
//! stretches what it sees to the ends of its range; their ratio is compared with factor times the
//! permitted share, a decimal that was worked out exactly.

use std::time::Duration;

use super::Time;
use crate::generate::rule::Record;
use crate::model::promql::{Number, Recorded, Vector};
use crate::model::slo::policy::{Pair, Policy};
use crate::model::slo::promql::{Recording, Slices, events};
use crate::model::slo::{Objective, Window};
use crate::model::units::{Ratio, format_duration};

/// The budgets of all objectives.
#[derive(Debug)]
pub(in crate::generate) struct Budgets<'a> {
    time: Time<'a>,
    policy: Policy,
}

impl<'a> Budgets<'a> {
    pub(in crate::generate) fn of(time: Time<'a>) -> Self {
        let policy = time.source.config.slo.alert_policy();
        Self { time, policy }
    }

    pub(in crate::generate) fn pairs(&self) -> &[Pair] {
        &self.policy.pairs
    }

    /// How long a slice is: the interval of the rules that record slices.
    pub(in crate::generate) fn slice(&self) -> Duration {
        self.time.source.pace.of(self.time.source.config.slo.slice)
    }

    /// The rules that judge slices over all replicas.
    pub(in crate::generate) fn slices(&self) -> Vec<Record> {
        let source = self.time.source;
        let scraped = source.config.metrics.prometheus.scrape_interval;
        let slices = Slices::of(self.slice(), source.pace.of(scraped));
        let rules = slices.rules(&source.objectives).into_iter();
        rules.map(Record::from).collect()
    }

    /// The rules that count events over the windows of the policy, and their ratios.
    pub(in crate::generate) fn burning(&self) -> Vec<Record> {
        let windows = self.policy.windows().into_iter();
        windows.flat_map(|window| self.counted(window)).collect()
    }

    /// The rules that count events over the objectives' own windows, and what is left of the budgets.
    pub(in crate::generate) fn remaining(&self) -> Vec<Record> {
        let objectives = || self.time.source.objectives.iter().filter_map(rolling);
        let mut windows: Vec<_> = objectives().map(|(_, window)| window).collect();
        windows.sort_unstable();
        windows.dedup();
        let taken = self.policy.windows();
        windows.retain(|window| !taken.contains(window));
        let counted = windows.into_iter().flat_map(|window| self.counted(window));
        let left = objectives().map(|(objective, window)| left(objective, window));
        counted.chain(left).collect()
    }

    fn counted(&self, window: Duration) -> [Record; 2] {
        let bad = events_of(window)
            .with("result", "bad")
            .now()
            .rounded()
            .sum_by(&["objective"]);
        let all = events_of(window).now().rounded().sum_by(&["objective"]);
        // Without an event there is no ratio, rather than 0 over 0.
        let ratio = bad.or_zero_of(&all).over(&all.above(0_u32));
        let paced = self.time.source.pace.of(window);
        [
            Record::new(
                events_of(window).name(),
                &events(&self.time.source.objectives, paced).replace('\n', " "),
            ),
            Record::new(ratio_of(window).name(), &ratio),
        ]
    }

    /// When a pair fires for an objective; its value is the burn rate over the long window.
    pub(in crate::generate) fn fires(&self, objective: &Objective, pair: &Pair) -> Option<Vector> {
        let id = objective.id();
        let permitted = Ratio::from(objective.permitted_bad());
        let most = permitted.times(pair.factor)?;
        let (long, short) = (ratio_of(pair.long), ratio_of(pair.short));
        let ratio = |recorded: Recorded| recorded.with("objective", id).now();
        let bad = events_of(pair.long)
            .with("objective", id)
            .with("result", "bad")
            .now();
        let enough = self.policy.min_bad.of(objective.method());
        let rate = ratio(long.clone()).divided(permitted);
        let fires = rate
            .and(&ratio(long).above(most))
            .and(&ratio(short).above(most))
            .and_on(&["objective"], &bad.rounded().at_least(enough));
        Some(fires)
    }
}

const LEFT: &str = "vantage:slo_error_budget_remaining:ratio";

/// `vantage:slo_events:increase1h`: good and bad events of a window.
fn events_of(window: Duration) -> Recorded {
    let name = format!("vantage:slo_events:increase{}", format_duration(window));
    Recorded::with_labels(name, ["objective", "result"])
}

/// `vantage:slo_error_ratio:ratio1h`: the share of bad ones.
fn ratio_of(window: Duration) -> Recorded {
    let name = format!("vantage:slo_error_ratio:ratio{}", format_duration(window));
    Recorded::with_labels(name, ["objective"])
}

/// How many times too fast an objective's budget burns over a window, as its alerts have it.
pub(in crate::generate) fn burn_rate(objective: &Objective, window: Duration) -> Vector {
    let ratio = ratio_of(window).with("objective", objective.id());
    ratio.now().divided(Ratio::from(objective.permitted_bad()))
}

/// What is left of the budgets of all objectives whose old errors leave them one by one.
pub(in crate::generate) fn budgets_left() -> Vector {
    Recorded::with_labels(LEFT, ["objective"]).now()
}

/// An objective with its window, if old events leave it one by one.
fn rolling(objective: &Objective) -> Option<(&Objective, Duration)> {
    match objective.window() {
        Window::Rolling(rolling) => Some((objective, rolling.duration())),
        Window::Calendar(_) => None,
    }
}

/// What is left of an objective's budget.
fn left(objective: &Objective, window: Duration) -> Record {
    let ratio = ratio_of(window).with("objective", objective.id()).now();
    let spent = ratio.divided(Number::from(Ratio::from(objective.permitted_bad())));
    let mut record = Record::new(LEFT, &spent.complement());
    record.labels = vec![("objective".into(), objective.id().into())];
    record
}

impl From<Recording> for Record {
    fn from(recording: Recording) -> Self {
        let labels = recording.labels.into_iter();
        Record {
            name: recording.record.into(),
            expr: recording.expr.replace('\n', " "),
            labels: labels.map(|(key, value)| (key.to_owned(), value)).collect(),
        }
    }
}
