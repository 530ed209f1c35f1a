//! Rules of error budgets, from the one stream of good and bad events.
//!
//! Events are counted over each window of the policy and rounded to whole ones, because `increase`
//! stretches what it sees to the ends of its range; their ratio is compared with factor times the
//! permitted share, a decimal that was worked out exactly. All of it is by `environment` and `job`: two
//! services with the same objectives have two budgets.
//!
//! An alert is evaluated in steps, each a group of rules that reads those before it:
//!
//! | series | value |
//! |---|---|
//! | `vantage:slo_judged:ratio5m` | the coverage of the short window, unless samples are missing in more than half of it |
//! | `vantage:slo_burning:rate1h_5m` | the burn rate of the long window, where both burn too fast |
//! | `vantage:slo_raised:rate1h_5m` | the same, where the short window is judged; what was raised before, while it isn't |
//! | `vantage:slo_held:rate1h_5m` | what was raised before |
//!
//! So data that is missing now neither raises an alert nor ends one, unless the service has no targets any
//! more, or the objective no samples for a day: it was removed. A service that is younger than the short
//! window misses none, and a long window that is not full yet is judged on what there is.
//!
//! | recorded | for |
//! |---|---|
//! | events of each window | shares, the minimum of bad events |
//! | share of bad events | alerts, panels |
//! | share of each window that isn't maintenance | remaining budgets |
//! | remaining budget | panels |
//! | level of each objective's alert | the dashboards' state timeline |
//!
//! An alert reads recorded series only: each of its evaluations would read days of samples otherwise.

use std::time::Duration;

use super::{AlertRow, ScaledWindows};
use crate::generate::rule::RecordingRule;
use crate::model::alerts::AlertSignal;
use crate::model::catalog::telemetry::SLO_ALERT;
use crate::model::promql::{GaugeQuery, InstantVector, QueryNumber, RecordedSeries, Select as _};
use crate::model::slo::policy::{BurnRatePolicy, WindowPair};
use crate::model::slo::promql::{
    RecordedSamples, SliceExpressions, SliceRecordingRule, SteppedWindow, events_query,
    is_evaluated_fleet_wide, maintenance_rule, recorded_series,
};
use crate::model::slo::{Objective, SloWindow};
use crate::model::units::{Ratio, format_duration};

pub(super) const ALERTS: &[AlertRow] = &[AlertRow {
    signal: AlertSignal::ErrorBudget,
    query: None,
    prose: include_str!("error-budget-burn.md"),
}];

/// The rules of all objectives' error budgets.
#[derive(Debug)]
pub(in crate::generate) struct BudgetRules<'a> {
    /// Also holds the input.
    windows: ScaledWindows<'a>,
    policy: BurnRatePolicy,
}

impl<'a> BudgetRules<'a> {
    pub(in crate::generate) fn new(windows: ScaledWindows<'a>) -> Self {
        let policy = windows.input.config.slo.alert_policy();
        Self { windows, policy }
    }

    /// Returns the length of a slice: the interval of the rules that record slices.
    pub(in crate::generate) fn slice_length(&self) -> Duration {
        self.windows
            .input
            .time_scale
            .scale(self.windows.input.config.slo.slice)
    }

    /// Returns the rule that records where maintenance is declared for now.
    pub(in crate::generate) fn maintenance_rule() -> RecordingRule {
        maintenance_rule().into()
    }

    /// Returns the rules that record what slices over all replicas are evaluated from.
    pub(in crate::generate) fn slice_input_rules(&self) -> Vec<RecordingRule> {
        let rules = self.slice_expressions();
        let rules = rules.input_rules(&self.windows.input.objectives);
        rules.into_iter().map(RecordingRule::from).collect()
    }

    /// Returns the rules that evaluate slices over all replicas.
    pub(in crate::generate) fn slice_result_rules(&self) -> Vec<RecordingRule> {
        let rules = SliceExpressions::result_rules(&self.windows.input.objectives);
        rules.into_iter().map(RecordingRule::from).collect()
    }

    /// Returns the rules that record slices over all replicas.
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

    /// Returns the rules of the shares of the policy's short windows that have samples, and of those before
    /// them: where there are none, the service is younger.
    pub(in crate::generate) fn coverage_rules(&self) -> Vec<RecordingRule> {
        let rules = self.short_windows().into_iter().flat_map(|window| {
            let (all, short) = (RecordedSamples::All, self.scale(window));
            let covered = self.covered_steps(all, short, COVERAGE_STEPS, Duration::ZERO);
            let ratio = covered.div_number(COVERAGE_STEPS);
            let before = self.covered_steps(all, short * AGE_WINDOWS, AGE_STEPS, short);
            [
                RecordingRule::new(recorded_coverage(window).name(), &ratio),
                RecordingRule::new(recorded_before(window).name(), &before),
            ]
        });
        rules.collect()
    }

    /// Returns the rules that record which short windows can be judged: at least half of one has samples, or
    /// the service is younger.
    pub(in crate::generate) fn judged_rules(&self) -> Vec<RecordingRule> {
        let rule = |window| {
            let coverage = recorded_coverage(window).now();
            let young = coverage.unless(&recorded_before(window).now());
            let judged = coverage.at_least(min_coverage()).or(&young);
            RecordingRule::new(recorded_judged(window).name(), &judged)
        };
        self.short_windows().into_iter().map(rule).collect()
    }

    /// Returns the short windows of the policy, each once.
    fn short_windows(&self) -> Vec<Duration> {
        let mut windows: Vec<_> = self.policy.pairs.iter().map(|pair| pair.short).collect();
        windows.sort_unstable();
        windows.dedup();
        windows
    }

    /// Returns the rules that record where the budgets burn too fast.
    pub(in crate::generate) fn burning_rules(&self) -> Vec<RecordingRule> {
        let objectives = self.windows.input.objectives.iter();
        let rules = objectives.flat_map(|objective| {
            let pairs = self.reachable_pairs(objective);
            pairs.filter_map(|pair| {
                let expr = self.burning_expr(objective, pair)?;
                let rule = RecordingRule::new(recorded_burning(pair).name(), &expr);
                Some(rule.with_labels(&[("objective", objective.id())]))
            })
        });
        rules.collect()
    }

    /// Returns the rules that record what is raised.
    pub(in crate::generate) fn raised_rules(&self) -> Vec<RecordingRule> {
        let (targets, day) = (InstantVector::up(), self.windows.days(1));
        let rule = |pair: &WindowPair| {
            let judged = recorded_judged(pair.short).now();
            let raised = recorded_burning(pair).now().and(&judged);
            let held = recorded_held(pair).now().unless(&judged);
            let known = recorded_coverage(pair.short).present_over_time(day);
            let held = held.and_on(&super::SERVICE, &targets).and(&known);
            RecordingRule::new(recorded_raised(pair).name(), &raised.or(&held))
        };
        self.policy.pairs.iter().map(rule).collect()
    }

    /// Returns the rules that record what was raised before.
    pub(in crate::generate) fn held_rules(&self) -> Vec<RecordingRule> {
        let rule = |pair: &WindowPair| {
            RecordingRule::new(recorded_held(pair).name(), &recorded_raised(pair).now())
        };
        self.policy.pairs.iter().map(rule).collect()
    }

    /// Returns the rules of the time of the objectives' windows that has samples: precisely of the last
    /// hours, so that it is right for a young service, and coarsely before.
    pub(in crate::generate) fn seen_rules(&self) -> Vec<RecordingRule> {
        let rules = self.rolling_windows().into_iter().flat_map(|window| {
            let recent = window.min(RECENT);
            let rule = |series: RecordedSeries, length: Duration, before: Duration, steps: u32| {
                let step = self.scale(length) / steps;
                let counted = RecordedSamples::Counted;
                let (length, before) = (self.scale(length), self.scale(before));
                let covered = self.covered_steps(counted, length, steps, before);
                RecordingRule::new(series.name(), &covered.mul_number(QueryNumber::from(step)))
            };
            let older = (window > recent).then(|| {
                let steps = u32::try_from((window - recent).as_secs() / OLDER_STEP.as_secs());
                let steps = steps.unwrap_or(u32::MAX).max(1);
                rule(seen_before(window), window - recent, recent, steps)
            });
            let recent = rule(seen_recently(window), recent, Duration::ZERO, RECENT_STEPS);
            [Some(recent), older, Some(self.counted_rule(window))]
                .into_iter()
                .flatten()
        });
        rules.collect()
    }

    /// Returns the rule of the share of an objective's window that isn't declared maintenance; no series where
    /// all of it is.
    fn counted_rule(&self, window: Duration) -> RecordingRule {
        let step = OLDER_STEP.min(window / RECENT_STEPS);
        let steps = u32::try_from(window.as_nanos() / step.as_nanos().max(1)).unwrap_or(u32::MAX);
        let window_steps = SteppedWindow {
            length: self.scale(window),
            before: Duration::ZERO,
            step: self.scale(window) / steps.max(1),
        };
        let excluded = window_steps.recorded_maintenance_steps_query();
        let excluded = InstantVector::from_expression(excluded, &super::SERVICE);
        let services = recorded_events(window).now().sum_by(&super::SERVICE);
        let excluded = excluded.div_number(steps).or_zero_for(&services);
        RecordingRule::new(
            recorded_counted(window).name(),
            &excluded.complement().above(0_u32),
        )
    }

    /// Returns the rules of the shares of the objectives' windows that have samples.
    pub(in crate::generate) fn seen_ratio_rules(&self) -> Vec<RecordingRule> {
        let rule = |window: Duration| {
            let (recent, older) = (seen_recently(window).now(), seen_before(window).now());
            let seconds = match window > RECENT {
                true => recent.or_zero_for(&older).add(&older.or_zero_for(&recent)),
                false => recent,
            };
            let ratio = seconds.div_number(QueryNumber::from(self.scale(window)));
            RecordingRule::new(recorded_seen(window).name(), &ratio)
        };
        self.rolling_windows().into_iter().map(rule).collect()
    }

    /// Returns the rules of the remaining budgets.
    pub(in crate::generate) fn remaining_rules(&self) -> Vec<RecordingRule> {
        let slice = self.windows.input.config.slo.slice;
        self.rolling_objectives()
            .map(|(objective, window)| remaining_rule(objective, window, slice))
            .collect()
    }

    /// Returns the number of steps of a window, which ends `before` now, at which an objective has samples.
    fn covered_steps(
        &self,
        samples: RecordedSamples,
        length: Duration,
        steps: u32,
        before: Duration,
    ) -> InstantVector {
        let series = recorded_series(&self.windows.input.objectives, samples);
        let step = length / steps;
        let window = SteppedWindow {
            length,
            before,
            step,
        };
        InstantVector::from_expression(window.objective_steps_query(&series), &SLO_LABELS)
    }

    fn scale(&self, time: Duration) -> Duration {
        self.windows.input.time_scale.scale(time)
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

    /// Returns the windows of objectives, each once.
    fn rolling_windows(&self) -> Vec<Duration> {
        let mut windows: Vec<_> = self
            .rolling_objectives()
            .map(|(_, window)| window)
            .collect();
        windows.sort_unstable();
        windows.dedup();
        windows
    }

    /// Returns the windows of objectives that the policy doesn't have.
    fn long_windows(&self) -> Vec<Duration> {
        let mut windows = self.rolling_windows();
        let policy_windows = self.policy.windows();
        windows.retain(|window| !policy_windows.contains(window));
        windows
    }

    /// Returns the rule that counts events over a window.
    fn event_rule(&self, window: Duration) -> RecordingRule {
        let events = events_query(&self.windows.input.objectives, self.scale(window));
        let events = InstantVector::from_expression(events.replace('\n', " "), &EVENT_LABELS);
        // The name has the window of the policy and not the scaled one: a test reads the same series.
        RecordingRule::new(recorded_events(window).name(), &events.round())
    }

    /// Returns the pairs that can fire for an objective: where even with everything bad the budget burns no
    /// faster, they can't.
    pub(in crate::generate) fn reachable_pairs(
        &self,
        objective: &Objective,
    ) -> impl Iterator<Item = &WindowPair> {
        let unreachable: Vec<_> = self.policy.unreachable(objective.target()).collect();
        let pairs = self.policy.pairs.iter();
        pairs.filter(move |pair| !unreachable.contains(pair))
    }

    /// Returns the burn rate of an objective over the long window of a pair, where both windows burn too fast
    /// and enough is bad.
    fn burning_expr(&self, objective: &Objective, pair: &WindowPair) -> Option<InstantVector> {
        let id = objective.id();
        let bad = recorded_events(pair.long)
            .with("objective", id)
            .with("result", "bad")
            .now();
        let enough = self.policy.min_bad.for_method(objective.method());
        let short = recorded_ratio(pair.short).with("objective", id);
        let short = short.now().above(max_ratio(objective, pair)?);
        let fires = excess_burn_rate(objective, pair)?
            .and(&short)
            .and_on(&super::SERVICE, &bad.at_least(enough));
        Some(fires)
    }

    /// Returns the expression of a pair's alert for an objective; its value is the burn rate
    /// over the long window, of before the gap for one that is held.
    pub(in crate::generate) fn alert_expr(
        objective: &Objective,
        pair: &WindowPair,
    ) -> InstantVector {
        // And not what the long window says now: after a longer gap it says nothing, and what is held would
        // end.
        recorded_raised(pair)
            .with("objective", objective.id())
            .now()
    }
}

/// Returns the burn rate of an objective over the long window of a pair, where it is above the factor.
fn excess_burn_rate(objective: &Objective, pair: &WindowPair) -> Option<InstantVector> {
    let ratio = recorded_ratio(pair.long).with("objective", objective.id());
    let ratio = ratio.now().above(max_ratio(objective, pair)?);
    Some(ratio.div_number(objective.permitted_bad()))
}

/// Returns the share of bad events that a pair permits.
fn max_ratio(objective: &Objective, pair: &WindowPair) -> Option<Ratio> {
    objective.permitted_bad().checked_mul(pair.factor)
}

/// The labels of an objective of a service.
const SLO_LABELS: [&str; 3] = ["environment", "job", "objective"];
const EVENT_LABELS: [&str; 4] = ["environment", "job", "objective", "result"];
/// The number of steps of a short window at which samples are looked up.
const COVERAGE_STEPS: u32 = 20;
/// The time before a short window in which samples are looked up, in short windows, and its steps.
const AGE_WINDOWS: u32 = 12;
const AGE_STEPS: u32 = 60;
/// The part of an objective's window of which the coverage is precise, the number of its steps, and the step
/// of what is before it.
const RECENT: Duration = Duration::from_secs(6 * 3_600);
const RECENT_STEPS: u32 = 720;
const OLDER_STEP: Duration = Duration::from_secs(600);

/// Returns the share of a short window that must have samples, as a process has it.
fn min_coverage() -> Ratio {
    Ratio::new(1, 2).unwrap_or(Ratio::ONE)
}

/// The recorded remaining budgets.
const REMAINING: &str = "vantage:slo_error_budget_remaining:ratio";

/// Returns `vantage:slo_events:increase1h`: good and bad events of a window.
fn recorded_events(window: Duration) -> RecordedSeries {
    let name = format!("vantage:slo_events:increase{}", format_duration(window));
    RecordedSeries::with_labels(name, EVENT_LABELS)
}

/// Returns `vantage:slo_error_ratio:ratio1h`: the share of bad ones.
fn recorded_ratio(window: Duration) -> RecordedSeries {
    let name = format!("vantage:slo_error_ratio:ratio{}", format_duration(window));
    RecordedSeries::with_labels(name, SLO_LABELS)
}

/// Returns `vantage:slo_coverage:ratio5m`: the share of a short window that has samples.
fn recorded_coverage(window: Duration) -> RecordedSeries {
    let name = format!("vantage:slo_coverage:ratio{}", format_duration(window));
    RecordedSeries::with_labels(name, SLO_LABELS)
}

/// Returns `vantage:slo_judged:ratio5m`: the coverage of a short window that can be judged.
fn recorded_judged(window: Duration) -> RecordedSeries {
    let name = format!("vantage:slo_judged:ratio{}", format_duration(window));
    RecordedSeries::with_labels(name, SLO_LABELS)
}

/// Returns `vantage:slo_samples_before:count5m`: the steps with samples before a short window.
fn recorded_before(window: Duration) -> RecordedSeries {
    let name = format!(
        "vantage:slo_samples_before:count{}",
        format_duration(window)
    );
    RecordedSeries::with_labels(name, SLO_LABELS)
}

/// Returns `vantage:slo_seen_recently:seconds30d`: the seconds with samples of the last hours of a window.
fn seen_recently(window: Duration) -> RecordedSeries {
    let name = format!(
        "vantage:slo_seen_recently:seconds{}",
        format_duration(window)
    );
    RecordedSeries::with_labels(name, SLO_LABELS)
}

/// Returns `vantage:slo_seen_before:seconds30d`: those of the rest of it.
fn seen_before(window: Duration) -> RecordedSeries {
    let name = format!("vantage:slo_seen_before:seconds{}", format_duration(window));
    RecordedSeries::with_labels(name, SLO_LABELS)
}

/// Returns `vantage:slo_seen:ratio30d`: the share of an objective's window that has samples.
fn recorded_seen(window: Duration) -> RecordedSeries {
    let name = format!("vantage:slo_seen:ratio{}", format_duration(window));
    RecordedSeries::with_labels(name, SLO_LABELS)
}

/// Returns `vantage:slo_counted:ratio30d`: the share of an objective's window that isn't maintenance.
fn recorded_counted(window: Duration) -> RecordedSeries {
    let name = format!("vantage:slo_counted:ratio{}", format_duration(window));
    RecordedSeries::with_labels(name, super::SERVICE)
}

fn recorded_burning(pair: &WindowPair) -> RecordedSeries {
    recorded_pair("burning", pair)
}

fn recorded_raised(pair: &WindowPair) -> RecordedSeries {
    recorded_pair("raised", pair)
}

fn recorded_held(pair: &WindowPair) -> RecordedSeries {
    recorded_pair("held", pair)
}

fn recorded_pair(state: &str, pair: &WindowPair) -> RecordedSeries {
    let (long, short) = (format_duration(pair.long), format_duration(pair.short));
    let name = format!("vantage:slo_{state}:rate{long}_{short}");
    RecordedSeries::with_labels(name, SLO_LABELS)
}

/// The labels that it keeps.
const ALERT_LEVEL: [&str; 4] = ["environment", "instance", "job", "objective"];

/// Returns what each process raises of an objective: 0 for nothing, 1 frozen, 2 a warning, 3 critical.
pub(in crate::generate) fn alert_levels() -> RecordedSeries {
    RecordedSeries::with_labels("vantage:slo_alert:level", ALERT_LEVEL)
}

/// Returns the rule that records the share of bad events of a window.
fn ratio_rule(window: Duration) -> RecordingRule {
    let events = recorded_events(window);
    let bad = events.clone().with("result", "bad").now();
    let all = events.now().sum_by(&SLO_LABELS);
    let bad = bad.sum_by(&SLO_LABELS);
    // Without an event there is no ratio, rather than 0 over 0.
    let ratio = bad.or_zero_for(&all).div(&all.above(0_u32));
    RecordingRule::new(recorded_ratio(window).name(), &ratio)
}

/// Returns an objective's burn rate over a window, as its alerts have it.
pub(in crate::generate) fn burn_rate(objective: &Objective, window: Duration) -> InstantVector {
    let ratio = recorded_ratio(window).with("objective", objective.id());
    let ratio = ratio.with_dashboard_variables();
    ratio.now().div_number(objective.permitted_bad())
}

/// Returns the remaining budgets of all objectives with a rolling window.
pub(in crate::generate) fn remaining_budgets() -> RecordedSeries {
    RecordedSeries::with_labels(REMAINING, SLO_LABELS)
}

/// Returns an objective with its window, if that is a rolling one.
/// Prometheus knows no months in the calendar's sense, so that a calendar window has no rule.
fn with_rolling_window(objective: &Objective) -> Option<(&Objective, Duration)> {
    match objective.window() {
        SloWindow::Rolling(rolling) => Some((objective, rolling.duration())),
        SloWindow::Calendar(_) => None,
    }
}

/// Returns the rule that records an objective's remaining budget: of the whole window without its
/// maintenance, of which a part was seen.
fn remaining_rule(objective: &Objective, window: Duration, slice: Duration) -> RecordingRule {
    let permitted = objective.permitted_bad();
    let spent = match Ratio::from_durations(window, slice) {
        // Of slices it is known how many the window has.
        Some(slices) if is_evaluated_fleet_wide(objective) => {
            let bad = recorded_events(window).with("objective", objective.id());
            let bad = bad.with("result", "bad").now().sum_by(&SLO_LABELS);
            bad.div_number(permitted.checked_mul(slices).unwrap_or(permitted))
        }
        _ => {
            let ratio = recorded_ratio(window).with("objective", objective.id());
            let burned = ratio.now().div_number(permitted);
            burned.mul(&recorded_seen(window).now())
        }
    };
    let spent = spent.div_on(&super::SERVICE, &recorded_counted(window).now());
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
