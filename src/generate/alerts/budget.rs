//! Rules of error budgets, from the one stream of good and bad events.
//!
//! Events are counted over each window of the policy and rounded to whole ones, because `increase`
//! stretches what it sees to the ends of its range; their ratio is compared with factor times the
//! permitted share, a decimal that was worked out exactly.

use std::time::Duration;

use super::{AlertRow, ScaledWindows};
use crate::generate::rule::RecordingRule;
use crate::model::alerts::AlertSignal;
use crate::model::promql::{InstantVector, QueryNumber, RecordedSeries};
use crate::model::slo::policy::{BurnRatePolicy, WindowPair};
use crate::model::slo::promql::{SliceExpressions, SliceRecordingRule, events_query};
use crate::model::slo::{Objective, SloWindow};
use crate::model::units::format_duration;

pub(super) const ALERTS: &[AlertRow] = &[AlertRow {
    signal: AlertSignal::ErrorBudget,
    query: None,
    prose: include_str!("error-budget-burn.md"),
}];

/// The rules of all objectives' error budgets.
#[derive(Debug)]
pub(in crate::generate) struct BudgetRules<'a> {
    windows: ScaledWindows<'a>,
    policy: BurnRatePolicy,
}

impl<'a> BudgetRules<'a> {
    pub(in crate::generate) fn new(windows: ScaledWindows<'a>) -> Self {
        let policy = windows.input.config.slo.alert_policy();
        Self { windows, policy }
    }

    pub(in crate::generate) fn pairs(&self) -> &[WindowPair] {
        &self.policy.pairs
    }

    /// Returns the length of a slice: the interval of the rules that record slices.
    pub(in crate::generate) fn slice_length(&self) -> Duration {
        self.windows
            .input
            .time_scale
            .scale(self.windows.input.config.slo.slice)
    }

    /// Returns the rules that evaluate slices over all replicas.
    pub(in crate::generate) fn slice_rules(&self) -> Vec<RecordingRule> {
        let input = self.windows.input;
        let scraped = input.config.metrics.prometheus.scrape_interval;
        let slices = SliceExpressions::new(self.slice_length(), input.time_scale.scale(scraped));
        let rules = slices.recording_rules(&input.objectives).into_iter();
        rules.map(RecordingRule::from).collect()
    }

    /// Returns the rules that count events over the windows of the policy, and their ratios.
    pub(in crate::generate) fn burn_rate_rules(&self) -> Vec<RecordingRule> {
        let windows = self.policy.windows().into_iter();
        windows
            .flat_map(|window| self.window_rules(window))
            .collect()
    }

    /// Returns the rules that count events over the objectives' own windows, and the remaining budgets.
    pub(in crate::generate) fn remaining_rules(&self) -> Vec<RecordingRule> {
        let objectives = || {
            self.windows
                .input
                .objectives
                .iter()
                .filter_map(with_rolling_window)
        };
        let mut windows: Vec<_> = objectives().map(|(_, window)| window).collect();
        windows.sort_unstable();
        windows.dedup();
        let policy_windows = self.policy.windows();
        windows.retain(|window| !policy_windows.contains(window));
        let counted = windows
            .into_iter()
            .flat_map(|window| self.window_rules(window));
        let left = objectives().map(|(objective, window)| remaining_rule(objective, window));
        counted.chain(left).collect()
    }

    fn window_rules(&self, window: Duration) -> [RecordingRule; 2] {
        let bad = recorded_events(window)
            .with("result", "bad")
            .now()
            .round()
            .sum_by(&["objective"]);
        let all = recorded_events(window).now().round().sum_by(&["objective"]);
        // Without an event there is no ratio, rather than 0 over 0.
        let ratio = bad.or_zero_for(&all).div(&all.above(0_u32));
        let scaled = self.windows.input.time_scale.scale(window);
        [
            RecordingRule::new(
                recorded_events(window).name(),
                &events_query(&self.windows.input.objectives, scaled).replace('\n', " "),
            ),
            RecordingRule::new(recorded_ratio(window).name(), &ratio),
        ]
    }

    /// Returns the expression of a pair's alert for an objective; its value is the burn rate
    /// over the long window.
    pub(in crate::generate) fn alert_expr(
        &self,
        objective: &Objective,
        pair: &WindowPair,
    ) -> Option<InstantVector> {
        let id = objective.id();
        let permitted = objective.permitted_bad();
        let max_ratio = permitted.checked_mul(pair.factor)?;
        let (long, short) = (recorded_ratio(pair.long), recorded_ratio(pair.short));
        let ratio = |recorded: RecordedSeries| recorded.with("objective", id).now();
        let bad = recorded_events(pair.long)
            .with("objective", id)
            .with("result", "bad")
            .now();
        let enough = self.policy.min_bad.for_method(objective.method());
        let rate = ratio(long.clone()).div_number(permitted);
        let fires = rate
            .and(&ratio(long).above(max_ratio))
            .and(&ratio(short).above(max_ratio))
            .and_on(&["objective"], &bad.round().at_least(enough));
        Some(fires)
    }
}

const REMAINING: &str = "vantage:slo_error_budget_remaining:ratio";

/// Returns `vantage:slo_events:increase1h`: good and bad events of a window.
fn recorded_events(window: Duration) -> RecordedSeries {
    let name = format!("vantage:slo_events:increase{}", format_duration(window));
    RecordedSeries::with_labels(name, ["objective", "result"])
}

/// Returns `vantage:slo_error_ratio:ratio1h`: the share of bad ones.
fn recorded_ratio(window: Duration) -> RecordedSeries {
    let name = format!("vantage:slo_error_ratio:ratio{}", format_duration(window));
    RecordedSeries::with_labels(name, ["objective"])
}

/// Returns an objective's burn rate over a window, as its alerts have it.
pub(in crate::generate) fn burn_rate(objective: &Objective, window: Duration) -> InstantVector {
    let ratio = recorded_ratio(window).with("objective", objective.id());
    ratio.now().div_number(objective.permitted_bad())
}

/// Returns the remaining budgets of all objectives with a rolling window.
pub(in crate::generate) fn remaining_budgets() -> InstantVector {
    RecordedSeries::with_labels(REMAINING, ["objective"]).now()
}

/// Returns an objective with its window, if that is a rolling one.
fn with_rolling_window(objective: &Objective) -> Option<(&Objective, Duration)> {
    match objective.window() {
        SloWindow::Rolling(rolling) => Some((objective, rolling.duration())),
        SloWindow::Calendar(_) => None,
    }
}

/// Returns the rule that records an objective's remaining budget.
fn remaining_rule(objective: &Objective, window: Duration) -> RecordingRule {
    let ratio = recorded_ratio(window)
        .with("objective", objective.id())
        .now();
    let spent = ratio.div_number(QueryNumber::from(objective.permitted_bad()));
    let mut record = RecordingRule::new(REMAINING, &spent.complement());
    record.labels = vec![("objective".into(), objective.id().into())];
    record
}

impl From<SliceRecordingRule> for RecordingRule {
    fn from(recording: SliceRecordingRule) -> Self {
        let labels = recording.labels.into_iter();
        RecordingRule {
            name: recording.record.into(),
            expr: recording.expr.replace('\n', " "),
            labels: labels.map(|(key, value)| (key.to_owned(), value)).collect(),
        }
    }
}
