//! A scenario: series step by step, and the alerts expected at given times.

use std::fmt::Write as _;

use vantage_obs::alerts::{AlertSignal, Severity};

/// The scenarios of one file, with a common step length.
pub(super) struct ScenarioFile {
    name: &'static str,
    step: &'static str,
    pub(super) scenarios: Vec<Scenario>,
}

pub(super) struct Scenario {
    title: &'static str,
    /// The step of its series; `None` for that of the evaluation.
    interval: Option<&'static str>,
    series: Vec<(String, String)>,
    checks: Vec<AlertCheck>,
    measures: Vec<Measure>,
}

/// The expected values of an expression, rounded to four places.
struct Measure {
    at: &'static str,
    expression: String,
    /// Labels in promtool's notation, and the value.
    samples: Vec<(String, &'static str)>,
}

struct AlertCheck {
    at: &'static str,
    signal: AlertSignal,
    expected: Vec<ExpectedAlert>,
}

/// An alert that is expected to fire.
pub(super) struct ExpectedAlert {
    severity: Option<Severity>,
    labels: Vec<(&'static str, String)>,
    summary: String,
    description: String,
}

impl ScenarioFile {
    pub(super) fn new(name: &'static str, step: &'static str, scenarios: Vec<Scenario>) -> Self {
        Self {
            name,
            step,
            scenarios,
        }
    }

    pub(super) fn name(&self) -> String {
        format!("{}.yml", self.name)
    }

    pub(super) fn text(&self, groups: &[String]) -> String {
        let step = self.step;
        let mut text = format!(
            "# Written by `BLESS=1 cargo test --all-features --test it scenarios` from the stories in\n\
             # tests/it/scenarios/; run them with `promtool test rules prometheus/tests/{}`.\n\
             rule_files:\n  - ../rules/vantage-recording.yml\n  - ../rules/vantage-alerts.yml\n\
             evaluation_interval: {step}\ngroup_eval_order:\n",
            self.name()
        );
        for group in groups {
            let _ = writeln!(text, "  - {group}");
        }
        text.push_str("tests:\n");
        for scenario in &self.scenarios {
            scenario.write(step, &mut text);
        }
        text
    }
}

/// Returns a scenario without series.
pub(super) fn scenario(title: &'static str) -> Scenario {
    Scenario {
        title,
        interval: None,
        series: Vec::new(),
        checks: Vec::new(),
        measures: Vec::new(),
    }
}

impl Scenario {
    /// Sets the step of its series.
    pub(super) fn every(mut self, interval: &'static str) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Expects these values of an expression at this time, rounded to four places.
    pub(super) fn measures(
        mut self,
        at: &'static str,
        expression: impl Into<String>,
        samples: &[(&str, &'static str)],
    ) -> Self {
        let samples = samples.iter();
        self.measures.push(Measure {
            at,
            expression: expression.into(),
            samples: samples
                .map(|(labels, value)| ((*labels).to_owned(), *value))
                .collect(),
        });
        self
    }

    /// Adds a series, in promtool's notation of values.
    pub(super) fn series(mut self, name: &str, values: impl Into<String>) -> Self {
        self.series.push((name.into(), values.into()));
        self
    }

    /// Expects that nothing fires at these times.
    pub(super) fn quiet(mut self, signal: AlertSignal, moments: &[&'static str]) -> Self {
        self.checks.extend(moments.iter().map(|at| AlertCheck {
            at,
            signal,
            expected: Vec::new(),
        }));
        self
    }

    /// Expects that these fire at this time, and nothing else of their name.
    pub(super) fn fires(
        mut self,
        signal: AlertSignal,
        at: &'static str,
        expected: impl IntoIterator<Item = ExpectedAlert>,
    ) -> Self {
        let expected = expected.into_iter().collect();
        self.checks.push(AlertCheck {
            at,
            signal,
            expected,
        });
        self
    }

    pub(super) fn fired_levels(&self) -> Vec<(AlertSignal, Option<Severity>)> {
        let looks = self.checks.iter();
        looks
            .flat_map(|check| {
                check
                    .expected
                    .iter()
                    .map(|alert| (check.signal, alert.severity))
            })
            .collect()
    }

    pub(super) fn fired_objectives(&self) -> Vec<(String, Severity)> {
        let alerts = self.checks.iter().flat_map(|check| &check.expected);
        alerts
            .filter_map(|alert| Some((alert.label("objective")?.to_owned(), alert.severity?)))
            .collect()
    }

    /// Returns the signals that are checked and never fire.
    pub(super) fn quiet_signals(&self) -> Vec<AlertSignal> {
        let fires = |signal| {
            self.fired_levels()
                .iter()
                .any(|(fired, _)| *fired == signal)
        };
        let checked = self.checks.iter().map(|check| check.signal);
        checked.filter(|signal| !fires(*signal)).collect()
    }

    fn write(&self, step: &str, text: &mut String) {
        let _ = write!(
            text,
            "\n  # {}\n  - interval: {}\n    input_series:\n",
            self.title,
            self.interval.unwrap_or(step)
        );
        if self.series.is_empty() {
            // promtool wants a series to know how long a scenario lasts.
            text.push_str("      - series: other\n        values: 1\n");
        }
        for (name, values) in &self.series {
            let _ = writeln!(text, "      - series: '{name}'\n        values: {values}");
        }
        text.push_str("    alert_rule_test:\n");
        for check in &self.checks {
            check.write(text);
        }
        if !self.measures.is_empty() {
            text.push_str("    promql_expr_test:\n");
        }
        for measure in &self.measures {
            measure.write(text);
        }
    }
}

impl Measure {
    fn write(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "      - expr: 'round({}, 0.0001)'\n        eval_time: {}\n        exp_samples:",
            self.expression, self.at
        );
        for (labels, value) in &self.samples {
            let _ = writeln!(
                text,
                "          - labels: '{labels}'\n            value: {value}"
            );
        }
    }
}

impl AlertCheck {
    fn write(&self, text: &mut String) {
        let name = self.signal.spec().name;
        let _ = writeln!(
            text,
            "      - eval_time: {}\n        alertname: {name}",
            self.at
        );
        if self.expected.is_empty() {
            text.push_str("        exp_alerts: []\n");
            return;
        }
        text.push_str("        exp_alerts:\n");
        for alert in &self.expected {
            alert.write(self.signal, text);
        }
    }
}

impl ExpectedAlert {
    pub(super) fn new(
        severity: Severity,
        labels: &[(&'static str, &str)],
        texts: AlertTexts,
    ) -> Self {
        let owned = labels
            .iter()
            .map(|(key, value)| (*key, (*value).to_owned()));
        Self {
            severity: Some(severity),
            labels: owned.collect(),
            summary: texts.0,
            description: texts.1,
        }
    }

    /// Returns an alert without a severity.
    pub(super) fn without_severity(texts: AlertTexts) -> Self {
        Self {
            severity: None,
            labels: Vec::new(),
            summary: texts.0,
            description: texts.1,
        }
    }

    fn label(&self, wanted: &str) -> Option<&str> {
        let mut labels = self.labels.iter();
        labels.find_map(|(key, value)| (*key == wanted).then_some(value.as_str()))
    }

    fn write(&self, signal: AlertSignal, text: &mut String) {
        let spec = signal.spec();
        let severity = self.severity.map_or("none", Severity::as_str);
        let _ = writeln!(
            text,
            "          - exp_labels:\n              severity: {severity}\n              team: {}",
            spec.team
        );
        for (key, value) in &self.labels {
            let _ = writeln!(text, "              {key}: {value:?}");
        }
        let mut dashboard = format!(
            "http://grafana:3000/d/{}?from=now-3h&to=now",
            spec.dashboard.uid()
        );
        for key in ["environment", "job", "instance", "objective"] {
            if let Some(value) = self.label(key) {
                let _ = write!(dashboard, "&var-{key}={}", value.replace(':', "%3A"));
            }
        }
        let _ = writeln!(
            text,
            "            exp_annotations:\n              summary: {:?}\n              description: {:?}\n              \
             dashboard_url: {dashboard:?}\n              runbook_url: \"runbooks/{}.md\"",
            self.summary,
            self.description,
            spec.runbook()
        );
    }
}

/// The summary and the description of an alert.
pub(super) struct AlertTexts(pub(super) String, pub(super) String);

pub(super) fn alert_texts(
    summary: impl Into<String>,
    description: impl Into<String>,
) -> AlertTexts {
    AlertTexts(summary.into(), description.into())
}

/// Returns the values of a counter; a phase is its growth a step and its number of steps.
pub(super) fn counter_values(phases: &[(u64, u64)]) -> String {
    series_values(phases, |value, (by, _)| value + by, |by| by)
}

/// Returns the values of a gauge; a phase is its value and its number of steps.
pub(super) fn gauge_values<V: std::fmt::Display>(phases: &[(V, u64)]) -> String {
    let mut parts = Vec::new();
    for (index, (value, length)) in phases.iter().enumerate() {
        // The first one has the moment 0, too.
        let further = if index == 0 { *length } else { length - 1 };
        parts.push(format!("{value}+0x{further}"));
    }
    parts.join(" ")
}

fn series_values(
    phases: &[(u64, u64)],
    first: impl Fn(u64, (u64, u64)) -> u64,
    by: impl Fn(u64) -> u64,
) -> String {
    let (mut value, mut parts) = (0, Vec::new());
    for (index, phase) in phases.iter().enumerate() {
        let (growth, length) = *phase;
        let start = if index == 0 { 0 } else { first(value, *phase) };
        let further = if index == 0 { length } else { length - 1 };
        parts.push(format!("{start}+{}x{further}", by(growth)));
        value = start + growth * further;
    }
    parts.join(" ")
}
