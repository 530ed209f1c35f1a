//! Rules of Prometheus and their groups, as plain values.

use std::time::Duration;

use super::yaml::Yaml;
use crate::model::alerts::{Severity, Signal};
use crate::model::units::format_duration;

/// Rules that are evaluated together, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) name: &'static str,
    /// How often; `None` as often as Prometheus is told.
    pub(super) interval: Option<Duration>,
    pub(super) rules: Vec<Rule>,
}

/// A rule.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    Record(Record),
    Alert(Box<Alert>),
}

/// Series that are worked out in advance.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) expr: String,
    pub(super) labels: Vec<(String, String)>,
}

/// One level of an alert.
#[derive(Debug, Clone)]
pub(super) struct Alert {
    pub(super) signal: Signal,
    /// `None` of the watchdog, which wakes nobody.
    pub(super) severity: Option<Severity>,
    pub(super) expr: String,
    pub(super) hold: Duration,
    pub(super) labels: Vec<(String, String)>,
    pub(super) annotations: Vec<(&'static str, String)>,
}

impl Group {
    pub(super) fn yaml(&self) -> Yaml {
        let mut members = vec![("name", Yaml::text(self.name))];
        if let Some(interval) = self.interval {
            members.push(("interval", Yaml::plain(format_duration(interval))));
        }
        members.push(("rules", Yaml::list(self.rules.iter().map(Rule::yaml))));
        Yaml::map(members)
    }
}

impl Rule {
    fn yaml(&self) -> Yaml {
        match self {
            Rule::Record(record) => record.yaml(),
            Rule::Alert(alert) => alert.yaml(),
        }
    }
}

impl Record {
    pub(super) fn new(name: impl Into<String>, expr: &impl ToString) -> Record {
        Record {
            name: name.into(),
            expr: expr.to_string(),
            labels: Vec::new(),
        }
    }

    fn yaml(&self) -> Yaml {
        let mut members = vec![
            ("record", Yaml::text(&self.name)),
            ("expr", Yaml::text(&self.expr)),
        ];
        if !self.labels.is_empty() {
            members.push(("labels", texts(&self.labels)));
        }
        Yaml::map(members)
    }
}

impl Alert {
    fn yaml(&self) -> Yaml {
        let mut members = vec![
            ("alert", Yaml::text(self.signal.spec().name)),
            ("expr", Yaml::text(&self.expr)),
        ];
        if !self.hold.is_zero() {
            members.push(("for", Yaml::plain(format_duration(self.hold))));
        }
        members.push(("labels", texts(&self.labels)));
        members.push(("annotations", texts(&self.annotations)));
        Yaml::map(members)
    }
}

fn texts<K: ToString, V: ToString>(members: &[(K, V)]) -> Yaml {
    Yaml::map(
        members
            .iter()
            .map(|(key, value)| (key.to_string(), Yaml::text(value.to_string()))),
    )
}
