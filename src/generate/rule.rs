//! Prometheus rules and their groups, as plain values.
//!
//! Plain values and not text, so that tests can ask a rule for its labels and its expression.

use std::time::Duration;

use super::yaml::Yaml;
use crate::model::alerts::Severity;
use crate::model::units::format_duration;

/// A group of rules, evaluated one after the other.
#[derive(Debug, Clone)]
pub(super) struct RuleGroup {
    pub(super) name: &'static str,
    /// The evaluation interval; `None` for Prometheus's global one.
    pub(super) interval: Option<Duration>,
    pub(super) rules: Vec<Rule>,
}

/// A recording or an alerting rule.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    Record(RecordingRule),
    Alert(Box<AlertingRule>),
}

/// A recording rule: series that are computed in advance.
#[derive(Debug, Clone)]
pub(super) struct RecordingRule {
    pub(super) name: String,
    /// PromQL.
    pub(super) expr: String,
    pub(super) labels: Vec<(String, String)>,
}

/// An alerting rule: one level of an alert.
#[derive(Debug, Clone)]
pub(super) struct AlertingRule {
    pub(super) name: String,
    /// `None` for the watchdog.
    pub(super) severity: Option<Severity>,
    pub(super) expr: String,
    pub(super) for_duration: Duration,
    /// The time for which the alert goes on firing when its expression returns nothing any more.
    pub(super) keep_firing_for: Duration,
    pub(super) labels: Vec<(String, String)>,
    pub(super) annotations: Vec<(&'static str, String)>,
}

impl RuleGroup {
    pub(super) fn to_yaml(&self) -> Yaml {
        let mut members = vec![("name", Yaml::text(self.name))];
        if let Some(interval) = self.interval {
            members.push(("interval", Yaml::plain(format_duration(interval))));
        }
        members.push(("rules", Yaml::list(self.rules.iter().map(Rule::to_yaml))));
        Yaml::map(members)
    }
}

impl Rule {
    fn to_yaml(&self) -> Yaml {
        match self {
            Rule::Record(record) => record.to_yaml(),
            Rule::Alert(alert) => alert.to_yaml(),
        }
    }
}

impl RecordingRule {
    pub(super) fn new(name: impl Into<String>, expr: &impl ToString) -> RecordingRule {
        RecordingRule {
            name: name.into(),
            expr: expr.to_string(),
            labels: Vec::new(),
        }
    }

    pub(super) fn with_labels(self, labels: &[(&str, &str)]) -> RecordingRule {
        let labels = labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        RecordingRule {
            labels: labels.collect(),
            ..self
        }
    }

    fn to_yaml(&self) -> Yaml {
        let mut members = vec![
            ("record", Yaml::text(&self.name)),
            ("expr", Yaml::text(&self.expr)),
        ];
        if !self.labels.is_empty() {
            members.push(("labels", string_map(&self.labels)));
        }
        Yaml::map(members)
    }
}

impl AlertingRule {
    fn to_yaml(&self) -> Yaml {
        let mut members = vec![
            ("alert", Yaml::text(&self.name)),
            ("expr", Yaml::text(&self.expr)),
        ];
        if !self.for_duration.is_zero() {
            members.push(("for", Yaml::plain(format_duration(self.for_duration))));
        }
        if !self.keep_firing_for.is_zero() {
            let keep = format_duration(self.keep_firing_for);
            members.push(("keep_firing_for", Yaml::plain(keep)));
        }
        members.push(("labels", string_map(&self.labels)));
        members.push(("annotations", string_map(&self.annotations)));
        Yaml::map(members)
    }
}

fn string_map<K: ToString, V: ToString>(members: &[(K, V)]) -> Yaml {
    Yaml::map(
        members
            .iter()
            .map(|(key, value)| (key.to_string(), Yaml::text(value.to_string()))),
    )
}
