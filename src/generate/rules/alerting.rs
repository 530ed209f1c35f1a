//! Which level of an alert fires when, and what it says.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::generate::Source;
use crate::generate::alert_query::{Budgets, Measure, Time};
use crate::generate::rule::{Alert, Group, Rule};
use crate::model::alerts::{self, AlertSpec, Comparison, Dashboard, Severity, Signal, Threshold};
use crate::model::promql::Vector;
use crate::model::slo::Objective;
use crate::model::slo::policy::{Level, Pair};
use crate::model::units::format_duration;

pub(super) fn groups(source: &Source) -> Vec<Group> {
    let named = [
        ("vantage-api", Dashboard::Api),
        ("vantage-workers", Dashboard::Workers),
        ("vantage-scheduler", Dashboard::Scheduler),
        ("vantage-database", Dashboard::Database),
        ("vantage-business", Dashboard::Business),
        ("vantage-slo", Dashboard::Slo),
    ];
    let groups = named.map(|(name, dashboard)| Group {
        name,
        interval: None,
        rules: rules(dashboard, source),
    });
    groups
        .into_iter()
        .filter(|group| !group.rules.is_empty())
        .collect()
}

/// The labels that tell one alert from another of its name: a higher level inhibits the lower ones
/// where all of them are equal. What isn't there is equal.
pub(in crate::generate) fn inhibiting_labels(source: &Source) -> BTreeSet<String> {
    let measures = alerts::ALL
        .iter()
        .filter_map(|spec| Measure::of(spec.signal, source));
    let mut labels: BTreeSet<_> = measures
        .flat_map(|measure| measure.value.labels().clone())
        .collect();
    labels.extend(["alertname".to_owned(), "objective".to_owned()]);
    labels
}

fn rules(dashboard: Dashboard, source: &Source) -> Vec<Rule> {
    let specs = alerts::ALL
        .iter()
        .filter(|spec| spec.dashboard == dashboard);
    specs.flat_map(|spec| levels(spec, source)).collect()
}

/// Every level of an alert, the most urgent first.
fn levels(spec: &'static AlertSpec, source: &Source) -> Vec<Rule> {
    let mut alerts: Vec<_> = match (spec.signal, Measure::of(spec.signal, source)) {
        (Signal::ErrorBudget, _) | (_, None) => burning(spec, source),
        (Signal::Watchdog, Some(measure)) => vec![watchdog(spec, &measure, source)],
        (signal, Some(measure)) => {
            let levels = source.config.alerts.levels(signal);
            levels
                .map(|(severity, threshold)| level(spec, severity, threshold, &measure, source))
                .collect()
        }
    };
    alerts.sort_by_key(|alert| std::cmp::Reverse(alert.severity));
    alerts
        .into_iter()
        .map(|alert| Rule::Alert(Box::new(alert)))
        .collect()
}

fn level(
    spec: &'static AlertSpec,
    severity: Severity,
    threshold: Threshold,
    measure: &Measure,
    source: &Source,
) -> Alert {
    let text = Text::of(threshold);
    let hold = match (spec.comparison, threshold) {
        (Comparison::Lasts, Threshold::Time(time)) => time,
        _ => spec.hold,
    };
    let expr = match &measure.only {
        Some(only) => beyond(spec, threshold, &measure.value).and(only),
        None => beyond(spec, threshold, &measure.value),
    };
    alert(spec, Some(severity), &expr, hold, &text, source)
}

/// The values that are beyond the threshold.
fn beyond(spec: &AlertSpec, threshold: Threshold, value: &Vector) -> Vector {
    match (spec.comparison, threshold) {
        (Comparison::Above, threshold) => value.above(threshold),
        (Comparison::Below, threshold) => value.below(threshold),
        (Comparison::Outside, Threshold::Band(low, high)) => {
            value.below(low).or(&value.above(high))
        }
        // A state that lasts is there or isn't.
        _ => value.clone(),
    }
}

fn watchdog(spec: &'static AlertSpec, measure: &Measure, source: &Source) -> Alert {
    let text = Text::default();
    alert(spec, None, &measure.value, Duration::ZERO, &text, source)
}

/// Every pair of windows of every objective, but for those that can never fire: where even with
/// everything bad the budget burns no faster.
fn burning(spec: &'static AlertSpec, source: &Source) -> Vec<Alert> {
    let budgets = Budgets::of(Time { source });
    let policy = source.config.slo.alert_policy();
    let mut alerts = Vec::new();
    for objective in &source.objectives {
        let unreachable: Vec<_> = policy.unreachable(objective.target()).collect();
        let pairs = budgets
            .pairs()
            .iter()
            .filter(|pair| !unreachable.contains(pair));
        alerts.extend(pairs.filter_map(|pair| burn(spec, &budgets, objective, pair, source)));
    }
    alerts
}

fn burn(
    spec: &'static AlertSpec,
    budgets: &Budgets<'_>,
    objective: &Objective,
    pair: &Pair,
    source: &Source,
) -> Option<Alert> {
    let severity = match pair.level {
        Level::Critical => Severity::Critical,
        Level::Warning => Severity::Warning,
    };
    let text = Text(vec![
        ("{threshold}", pair.factor.shortened(6)),
        ("{window}", objective.window().to_string()),
        ("{long}", format_duration(pair.long)),
        ("{short}", format_duration(pair.short)),
    ]);
    let expr = budgets.fires(objective, pair)?;
    let mut alert = alert(spec, Some(severity), &expr, spec.hold, &text, source);
    alert
        .labels
        .push(("objective".into(), objective.id().into()));
    for (label, window) in [("long_window", pair.long), ("short_window", pair.short)] {
        alert.labels.push((label.into(), format_duration(window)));
    }
    Some(alert)
}

/// What the placeholders of an alert's texts stand for.
#[derive(Debug, Default)]
struct Text(Vec<(&'static str, String)>);

impl Text {
    fn of(threshold: Threshold) -> Self {
        Self(vec![("{threshold}", threshold.to_string())])
    }

    fn fill(&self, text: &str) -> String {
        let fill = |text: String, (name, value): &(&str, String)| text.replace(name, value);
        self.0.iter().fold(text.to_owned(), fill)
    }
}

fn alert(
    spec: &'static AlertSpec,
    severity: Option<Severity>,
    expr: &Vector,
    hold: Duration,
    text: &Text,
    source: &Source,
) -> Alert {
    let summary = severity.map_or(spec.summary, |severity| spec.summary_of(severity));
    let links = &source.config.links;
    let team = source.config.service.team.as_deref().unwrap_or(spec.team);
    Alert {
        signal: spec.signal,
        severity,
        expr: expr.to_string(),
        hold: source.pace.of(hold),
        labels: vec![
            (
                "severity".into(),
                severity.map_or("none", Severity::as_str).into(),
            ),
            ("team".into(), team.into()),
        ],
        annotations: vec![
            ("summary", text.fill(summary)),
            ("description", text.fill(spec.description)),
            ("dashboard_url", dashboard(spec, expr, source)),
            ("runbook_url", links.runbook(&spec.runbook())),
        ],
    }
}

/// The dashboard, with its variables set to what the alert is about.
fn dashboard(spec: &AlertSpec, expr: &Vector, source: &Source) -> String {
    let page = source.config.links.dashboard(spec.dashboard.uid());
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
