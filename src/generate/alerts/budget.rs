//! Rules of error budgets, from the one stream of good and bad events.
//!
//! Events are counted over each window of the policy and rounded to whole ones, because `increase`
//! stretches what it sees to the ends of its range; their ratio is compared with factor times the
//! permitted share, a decimal that was worked out exactly.

use std::time::Duration;

use super::{AlertRow, ScaledWindows};
use crate::generate::rule::RecordingRule;
use crate::model::alerts::AlertSignal;
use crate::model::catalog::telemetry::SLO_ALERT;
use crate::model::promql::{GaugeQuery, InstantVector, QueryNumber, RecordedSeries, Select as _};
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

    /// Returns the rules that record what slices over all replicas are evaluated from.
    pub(in crate::generate) fn slice_input_rules(&self) -> Vec<RecordingRule> {
        let rules = self.slice_expressions();
        let rules = rules.input_rules(&self.windows.input.objectives);
        rules.into_iter().map(RecordingRule::from).collect()
    }

    /// Returns the rules that evaluate slices over all replicas.
    pub(in crate::generate) fn slice_rules(&self) -> Vec<RecordingRule> {
        let rules = SliceExpressions::recording_rules(&self.windows.input.objectives);
        rules.into_iter().map(RecordingRule::from).collect()
    }

    fn slice_expressions(&self) -> SliceExpressions {
        let input = self.windows.input;
        let scraped = input.config.metrics.prometheus.scrape_interval;
        SliceExpressions::new(self.slice_length(), input.time_scale.scale(scraped))
    }

    /// Returns the rules that count events over the windows of the policy.
    pub(in crate::generate) fn event_rules(&self) -> Vec<RecordingRule> {
        let windows = self.policy.windows().into_iter();
        windows.map(|window| self.event_rule(window)).collect()
    }

    /// Returns the rules that count events over the objectives' own windows.
    pub(in crate::generate) fn long_event_rules(&self) -> Vec<RecordingRule> {
        let windows = self.long_windows().into_iter();
        windows.map(|window| self.event_rule(window)).collect()
    }

    /// Returns the rules of the shares of bad events over the windows of the policy.
    pub(in crate::generate) fn ratio_rules(&self) -> Vec<RecordingRule> {
        self.policy.windows().into_iter().map(ratio_rule).collect()
    }

    /// Returns the rules of the shares of bad events over the objectives' own windows.
    pub(in crate::generate) fn long_ratio_rules(&self) -> Vec<RecordingRule> {
        self.long_windows().into_iter().map(ratio_rule).collect()
    }

    /// Returns the rules of the remaining budgets.
    pub(in crate::generate) fn remaining_rules(&self) -> Vec<RecordingRule> {
        self.rolling_objectives()
            .map(|(objective, window)| remaining_rule(objective, window))
            .collect()
    }

    /// Returns the rule of the number that panels show of an objective's alerts.
    pub(in crate::generate) fn alert_level_rule() -> RecordingRule {
        let alerts = GaugeQuery::new(&SLO_ALERT);
        let level = |severity, number: u32| {
            let raised = alerts.clone().with("severity").is(severity).now();
            raised.mul_number(number)
        };
        // Of each severity there is a 0 or a 1: the most urgent of those that are raised is the greatest.
        let levels = level("frozen", 1)
            .or(&level("warning", 2))
            .or(&level("critical", 3));
        RecordingRule::new(alert_levels().name(), &levels.max_by(&ALERT_LEVEL))
    }

    fn rolling_objectives(&self) -> impl Iterator<Item = (&Objective, Duration)> {
        let objectives = self.windows.input.objectives.iter();
        objectives.filter_map(with_rolling_window)
    }

    /// Returns the windows of objectives that the policy doesn't have.
    fn long_windows(&self) -> Vec<Duration> {
        let mut windows: Vec<_> = self
            .rolling_objectives()
            .map(|(_, window)| window)
            .collect();
        windows.sort_unstable();
        windows.dedup();
        let policy_windows = self.policy.windows();
        windows.retain(|window| !policy_windows.contains(window));
        windows
    }

    fn event_rule(&self, window: Duration) -> RecordingRule {
        let scaled = self.windows.input.time_scale.scale(window);
        let events = events_query(&self.windows.input.objectives, scaled);
        RecordingRule::new(recorded_events(window).name(), &events.replace('\n', " "))
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
        let ratio = |window| {
            let recorded = recorded_ratio(window).with("objective", id);
            recorded.now().above(max_ratio)
        };
        let bad = recorded_events(pair.long)
            .with("objective", id)
            .with("result", "bad")
            .now();
        let enough = self.policy.min_bad.for_method(objective.method());
        let rate = ratio(pair.long).div_number(permitted);
        let fires = rate
            .and(&ratio(pair.short))
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

const ALERT_LEVEL: [&str; 4] = ["environment", "instance", "job", "objective"];

/// Returns what each process raises of an objective: 0 for nothing, 1 frozen, 2 a warning, 3 critical.
pub(in crate::generate) fn alert_levels() -> RecordedSeries {
    RecordedSeries::with_labels("vantage:slo_alert:level", ALERT_LEVEL)
}

/// Returns the rule that records the share of bad events of a window.
fn ratio_rule(window: Duration) -> RecordingRule {
    let events = recorded_events(window);
    let bad = events.clone().with("result", "bad").now().round();
    let all = events.now().round().sum_by(&["objective"]);
    let bad = bad.sum_by(&["objective"]);
    // Without an event there is no ratio, rather than 0 over 0.
    let ratio = bad.or_zero_for(&all).div(&all.above(0_u32));
    RecordingRule::new(recorded_ratio(window).name(), &ratio)
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
    RecordingRule::new(REMAINING, &spent.complement()).with_labels(&[("objective", objective.id())])
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
