//! Alerting rules: the expression, duration and texts of each level of each alert.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::generate::GenerateInput;
use crate::generate::alerts::{Alert, AlertQuery, BudgetRules, ScaledWindows};
use crate::generate::rule::{AlertingRule, Rule, RuleGroup};
use crate::model::alerts::{
    AlertSignal, AlertThreshold, DashboardId, Severity, ThresholdComparison,
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
        ("vantage-figures", DashboardId::Figures),
        ("vantage-slo", DashboardId::Slo),
    ];
    let alerts = Alert::all(input);
    let groups = named.map(|(name, dashboard)| {
        let alerts = alerts.iter().filter(|alert| alert.dashboard == dashboard);
        RuleGroup {
            name,
            interval: None,
            rules: alerts.flat_map(|alert| level_rules(alert, input)).collect(),
        }
    });
    groups
        .into_iter()
        .filter(|group| !group.rules.is_empty())
        .collect()
}

/// Returns the labels that distinguish alerts of one name: a higher level inhibits the lower ones
/// where all of them are equal. What isn't there is equal.
pub(in crate::generate) fn inhibiting_labels(input: &GenerateInput) -> BTreeSet<String> {
    let alerts = Alert::all(input);
    let queries = alerts.iter().filter_map(|alert| alert.query.as_ref());
    let mut labels: BTreeSet<_> = queries
        .flat_map(|query| query.value.labels().iter().map(str::to_owned))
        .collect();
    labels.extend(["alertname".to_owned(), "objective".to_owned()]);
    labels
}

/// Returns the rules of an alert's levels, the most urgent first.
fn level_rules(alert: &Alert, input: &GenerateInput) -> Vec<Rule> {
    let mut rules: Vec<_> = match (alert.signal, &alert.query) {
        (Some(AlertSignal::ErrorBudget), _) | (_, None) => burn_rate_rules(alert, input),
        (Some(AlertSignal::Watchdog), Some(query)) => vec![watchdog_rule(alert, query, input)],
        (_, Some(query)) => {
            let levels = alert.levels.iter();
            levels
                .map(|level| level_rule(alert, *level, query, input))
                .collect()
        }
    };
    // The order of the file is that of importance, so that a reader sees the page first.
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.severity));
    rules
        .into_iter()
        .map(|rule| Rule::Alert(Box::new(rule)))
        .collect()
}

fn level_rule(
    alert: &Alert,
    (severity, threshold): (Severity, AlertThreshold),
    query: &AlertQuery,
    input: &GenerateInput,
) -> AlertingRule {
    let placeholders = Placeholders::from_threshold(threshold);
    let expr = match &query.condition {
        Some(condition) => threshold_expr(alert, threshold, &query.value).and(condition),
        None => threshold_expr(alert, threshold, &query.value),
    };
    alerting_rule(
        alert,
        Some(severity),
        &expr,
        alert.for_duration(threshold),
        &placeholders,
        input,
    )
}

/// Returns the expression of values beyond the threshold.
fn threshold_expr(
    alert: &Alert,
    threshold: AlertThreshold,
    value: &InstantVector,
) -> InstantVector {
    match (alert.comparison, threshold) {
        (ThresholdComparison::Above, threshold) => value.above(threshold),
        (ThresholdComparison::Below, threshold) => value.below(threshold),
        (ThresholdComparison::Outside, AlertThreshold::Band(low, high)) => {
            value.below(low).or(&value.above(high))
        }
        // A state that lasts is there or isn't.
        _ => value.clone(),
    }
}

fn watchdog_rule(alert: &Alert, query: &AlertQuery, input: &GenerateInput) -> AlertingRule {
    let placeholders = Placeholders::default();
    alerting_rule(
        alert,
        None,
        &query.value,
        Duration::ZERO,
        &placeholders,
        input,
    )
}

/// Returns the rules of every pair of windows of every objective, except pairs that can never fire.
fn burn_rate_rules(alert: &Alert, input: &GenerateInput) -> Vec<AlertingRule> {
    let budget_rules = BudgetRules::new(ScaledWindows { input });
    let rules = input.objectives.iter().flat_map(|objective| {
        // A rule that cannot fire would look like a protection.
        let pairs = budget_rules.reachable_pairs(objective);
        pairs.map(|pair| burn_rate_rule(alert, objective, pair, input))
    });
    rules.collect()
}

/// Returns the rule of one pair of windows of one objective.
fn burn_rate_rule(
    alert: &Alert,
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
    let mut rule = alerting_rule(
        alert,
        Some(severity),
        &expr,
        alert.for_duration,
        &placeholders,
        input,
    );
    rule.labels
        .push(("objective".into(), objective.id().into()));
    rule.keep_firing_for = input.time_scale.scale(pair.calm());
    for (label, window) in [("long_window", pair.long), ("short_window", pair.short)] {
        rule.labels.push((label.into(), format_duration(window)));
    }
    rule
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
    alert: &Alert,
    severity: Option<Severity>,
    expr: &InstantVector,
    for_duration: Duration,
    placeholders: &Placeholders,
    input: &GenerateInput,
) -> AlertingRule {
    let summary = severity.map_or(&*alert.summary, |severity| alert.summary_for(severity));
    let links = &input.config.links;
    let severity_label = severity.map_or("none", Severity::as_str);
    let team = alert.team(input).map(|team| ("team", team));
    let labels = [("severity", severity_label)].into_iter().chain(team);
    AlertingRule {
        name: alert.name.clone().into_owned(),
        severity,
        expr: expr.to_string(),
        for_duration: input.time_scale.scale(for_duration),
        keep_firing_for: Duration::ZERO,
        labels: labels
            .map(|(name, value)| (name.into(), value.into()))
            .collect(),
        annotations: vec![
            ("summary", placeholders.fill(summary)),
            ("description", placeholders.fill(&alert.description)),
            ("dashboard_url", dashboard_url(alert, expr, input)),
            ("runbook_url", links.runbook(&alert.runbook())),
        ],
    }
}

/// Returns the URL of the dashboard, with its variables set to the alert's labels.
fn dashboard_url(alert: &Alert, expr: &InstantVector, input: &GenerateInput) -> String {
    let page = input.config.links.dashboard(alert.dashboard.uid());
    let variables = ["environment", "job", "instance", "objective"]
        .into_iter()
        .filter(|label| expr.labels().contains(label))
        .map(|label| {
            format!(
                "{{{{ with $labels.{label} }}}}&var-{label}={{{{ . | urlquery }}}}{{{{ end }}}}"
            )
        });
    // What is wrong began before it was found.
    format!("{page}?from=now-3h&to=now{}", variables.collect::<String>())
}
