//! Alerting rules: the expression, duration and texts of each level of each alert.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::generate::GenerateInput;
use crate::generate::alerts::{AlertQuery, BudgetRules, ScaledWindows, for_duration};
use crate::generate::rule::{AlertingRule, Rule, RuleGroup};
use crate::model::alerts::{
    self, AlertSignal, AlertSpec, AlertThreshold, DashboardId, Severity, ThresholdComparison,
};
use crate::model::promql::InstantVector;
use crate::model::slo::Objective;
use crate::model::slo::policy::{AlertLevel, WindowPair};
use crate::model::units::format_duration;

pub(super) fn groups(input: &GenerateInput) -> Vec<RuleGroup> {
    let named = [
        ("vantage-api", DashboardId::Api),
        ("vantage-workers", DashboardId::Workers),
        ("vantage-scheduler", DashboardId::Scheduler),
        ("vantage-database", DashboardId::Database),
        ("vantage-business", DashboardId::Business),
        ("vantage-slo", DashboardId::Slo),
    ];
    let groups = named.map(|(name, dashboard)| RuleGroup {
        name,
        interval: None,
        rules: dashboard_rules(dashboard, input),
    });
    groups
        .into_iter()
        .filter(|group| !group.rules.is_empty())
        .collect()
}

/// Returns the labels that distinguish alerts of one name: a higher level inhibits the lower ones
/// where all of them are equal. What isn't there is equal.
pub(in crate::generate) fn inhibiting_labels(input: &GenerateInput) -> BTreeSet<String> {
    let queries = alerts::ALL
        .iter()
        .filter_map(|spec| AlertQuery::for_signal(spec.signal, input));
    let mut labels: BTreeSet<_> = queries
        .flat_map(|query| query.value.labels().clone())
        .collect();
    labels.extend(["alertname".to_owned(), "objective".to_owned()]);
    labels
}

fn dashboard_rules(dashboard: DashboardId, input: &GenerateInput) -> Vec<Rule> {
    let specs = alerts::ALL
        .iter()
        .filter(|spec| spec.dashboard == dashboard);
    specs.flat_map(|spec| level_rules(spec, input)).collect()
}

/// Returns the rules of an alert's levels, the most urgent first.
fn level_rules(spec: &'static AlertSpec, input: &GenerateInput) -> Vec<Rule> {
    let mut alerts: Vec<_> = match (spec.signal, AlertQuery::for_signal(spec.signal, input)) {
        (AlertSignal::ErrorBudget, _) | (_, None) => burn_rate_rules(spec, input),
        (AlertSignal::Watchdog, Some(query)) => vec![watchdog_rule(spec, &query, input)],
        (signal, Some(query)) => {
            let levels = input.config.alerts.levels(signal);
            levels
                .map(|(severity, threshold)| level_rule(spec, severity, threshold, &query, input))
                .collect()
        }
    };
    // The order of the file is that of importance, so that a reader sees the page first.
    alerts.sort_by_key(|alert| std::cmp::Reverse(alert.severity));
    alerts
        .into_iter()
        .map(|alert| Rule::Alert(Box::new(alert)))
        .collect()
}

fn level_rule(
    spec: &'static AlertSpec,
    severity: Severity,
    threshold: AlertThreshold,
    query: &AlertQuery,
    input: &GenerateInput,
) -> AlertingRule {
    let placeholders = Placeholders::from_threshold(threshold);
    let expr = match &query.condition {
        Some(condition) => threshold_expr(spec, threshold, &query.value).and(condition),
        None => threshold_expr(spec, threshold, &query.value),
    };
    alerting_rule(
        spec,
        Some(severity),
        &expr,
        for_duration(spec, threshold),
        &placeholders,
        input,
    )
}

/// Returns the expression of values beyond the threshold.
fn threshold_expr(
    spec: &AlertSpec,
    threshold: AlertThreshold,
    value: &InstantVector,
) -> InstantVector {
    match (spec.comparison, threshold) {
        (ThresholdComparison::Above, threshold) => value.above(threshold),
        (ThresholdComparison::Below, threshold) => value.below(threshold),
        (ThresholdComparison::Outside, AlertThreshold::Band(low, high)) => {
            value.below(low).or(&value.above(high))
        }
        // A state that lasts is there or isn't.
        _ => value.clone(),
    }
}

fn watchdog_rule(
    spec: &'static AlertSpec,
    query: &AlertQuery,
    input: &GenerateInput,
) -> AlertingRule {
    let placeholders = Placeholders::default();
    alerting_rule(
        spec,
        None,
        &query.value,
        Duration::ZERO,
        &placeholders,
        input,
    )
}

/// Returns the rules of every pair of windows of every objective, except pairs that can never fire.
fn burn_rate_rules(spec: &'static AlertSpec, input: &GenerateInput) -> Vec<AlertingRule> {
    let budget_rules = BudgetRules::new(ScaledWindows { input });
    let rules = input.objectives.iter().flat_map(|objective| {
        // A rule that cannot fire would look like a protection.
        let pairs = budget_rules.reachable_pairs(objective);
        pairs.map(|pair| burn_rate_rule(spec, objective, pair, input))
    });
    rules.collect()
}

/// Returns the rule of one pair of windows of one objective.
fn burn_rate_rule(
    spec: &'static AlertSpec,
    objective: &Objective,
    pair: &WindowPair,
    input: &GenerateInput,
) -> AlertingRule {
    let severity = match pair.level {
        AlertLevel::Critical => Severity::Critical,
        AlertLevel::Warning => Severity::Warning,
    };
    let placeholders = Placeholders(vec![
        ("{threshold}", pair.factor.format_trimmed(6)),
        ("{window}", objective.window().to_string()),
        ("{long}", format_duration(pair.long)),
        ("{short}", format_duration(pair.short)),
    ]);
    let expr = BudgetRules::alert_expr(objective, pair);
    let mut alert = alerting_rule(
        spec,
        Some(severity),
        &expr,
        spec.for_duration,
        &placeholders,
        input,
    );
    alert
        .labels
        .push(("objective".into(), objective.id().into()));
    alert.keep_firing_for = input.time_scale.scale(pair.calm());
    for (label, window) in [("long_window", pair.long), ("short_window", pair.short)] {
        alert.labels.push((label.into(), format_duration(window)));
    }
    alert
}

/// The values of the placeholders in an alert's texts.
#[derive(Debug, Default)]
struct Placeholders(Vec<(&'static str, String)>);

impl Placeholders {
    fn from_threshold(threshold: AlertThreshold) -> Self {
        Self(vec![("{threshold}", threshold.to_string())])
    }

    fn fill(&self, text: &str) -> String {
        let fill = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        self.0.iter().fold(text.to_owned(), fill)
    }
}

/// Returns a rule with the labels and texts that all alerts have.
fn alerting_rule(
    spec: &'static AlertSpec,
    severity: Option<Severity>,
    expr: &InstantVector,
    for_duration: Duration,
    placeholders: &Placeholders,
    input: &GenerateInput,
) -> AlertingRule {
    let summary = severity.map_or(spec.summary, |severity| spec.summary_for(severity));
    let links = &input.config.links;
    // The configuration's team first; the declared ones are defaults.
    let team = input.config.service.team.as_deref().unwrap_or(spec.team);
    AlertingRule {
        signal: spec.signal,
        severity,
        expr: expr.to_string(),
        for_duration: input.time_scale.scale(for_duration),
        keep_firing_for: Duration::ZERO,
        labels: vec![
            (
                "severity".into(),
                severity.map_or("none", Severity::as_str).into(),
            ),
            ("team".into(), team.into()),
        ],
        annotations: vec![
            ("summary", placeholders.fill(summary)),
            ("description", placeholders.fill(spec.description)),
            ("dashboard_url", dashboard_url(spec, expr, input)),
            ("runbook_url", links.runbook(&spec.runbook())),
        ],
    }
}

/// Returns the URL of the dashboard, with its variables set to the alert's labels.
fn dashboard_url(spec: &AlertSpec, expr: &InstantVector, input: &GenerateInput) -> String {
    let page = input.config.links.dashboard(spec.dashboard.uid());
    let variables = ["environment", "job", "instance", "objective"]
        .into_iter()
        .filter(|label| expr.labels().contains(*label))
        .map(|label| {
            format!(
                "{{{{ with $labels.{label} }}}}&var-{label}={{{{ . | urlquery }}}}{{{{ end }}}}"
            )
        });
    // What is wrong began before it was found.
    format!("{page}?from=now-3h&to=now{}", variables.collect::<String>())
}
