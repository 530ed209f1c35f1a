//! A story: series as they go minute by minute, and what is looked at when.

use std::fmt::Write as _;

use vantage_obs::alerts::{Severity, Signal};

/// Stories of one file, of which each step takes as long.
pub(super) struct File {
    name: &'static str,
    step: &'static str,
    pub(super) stories: Vec<Story>,
}

pub(super) struct Story {
    title: &'static str,
    series: Vec<(String, String)>,
    looks: Vec<Look>,
}

struct Look {
    at: &'static str,
    signal: Signal,
    firing: Vec<Firing>,
}

/// One alert that fires.
pub(super) struct Firing {
    severity: Option<Severity>,
    labels: Vec<(&'static str, String)>,
    summary: String,
    description: String,
}

impl File {
    pub(super) fn new(name: &'static str, step: &'static str, stories: Vec<Story>) -> Self {
        Self {
            name,
            step,
            stories,
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
        for story in &self.stories {
            story.write(step, &mut text);
        }
        text
    }
}

/// A story that begins here.
pub(super) fn story(title: &'static str) -> Story {
    Story {
        title,
        series: Vec::new(),
        looks: Vec::new(),
    }
}

impl Story {
    /// A series, in promtool's notation of values.
    pub(super) fn series(mut self, name: &str, values: impl Into<String>) -> Self {
        self.series.push((name.into(), values.into()));
        self
    }

    /// Nothing fires at these moments.
    pub(super) fn quiet(mut self, signal: Signal, moments: &[&'static str]) -> Self {
        self.looks.extend(moments.iter().map(|at| Look {
            at,
            signal,
            firing: Vec::new(),
        }));
        self
    }

    /// These fire at this moment, and nothing else of their name.
    pub(super) fn fires(
        mut self,
        signal: Signal,
        at: &'static str,
        firing: impl IntoIterator<Item = Firing>,
    ) -> Self {
        let firing = firing.into_iter().collect();
        self.looks.push(Look { at, signal, firing });
        self
    }

    pub(super) fn fired(&self) -> Vec<(Signal, Option<Severity>)> {
        let looks = self.looks.iter();
        looks
            .flat_map(|look| {
                look.firing
                    .iter()
                    .map(|firing| (look.signal, firing.severity))
            })
            .collect()
    }

    pub(super) fn objectives(&self) -> Vec<(String, Severity)> {
        let firing = self.looks.iter().flat_map(|look| &look.firing);
        firing
            .filter_map(|firing| Some((firing.label("objective")?.to_owned(), firing.severity?)))
            .collect()
    }

    /// The signals that are looked at and never fire here.
    pub(super) fn kept_quiet(&self) -> Vec<Signal> {
        let fires = |signal| self.fired().iter().any(|(fired, _)| *fired == signal);
        let looked = self.looks.iter().map(|look| look.signal);
        looked.filter(|signal| !fires(*signal)).collect()
    }

    fn write(&self, step: &str, text: &mut String) {
        let _ = write!(
            text,
            "\n  # {}\n  - interval: {step}\n    input_series:\n",
            self.title
        );
        if self.series.is_empty() {
            // promtool wants a series to know how long a story lasts.
            text.push_str("      - series: other\n        values: 1\n");
        }
        for (name, values) in &self.series {
            let _ = writeln!(text, "      - series: '{name}'\n        values: {values}");
        }
        text.push_str("    alert_rule_test:\n");
        for look in &self.looks {
            look.write(text);
        }
    }
}

impl Look {
    fn write(&self, text: &mut String) {
        let name = self.signal.spec().name;
        let _ = writeln!(
            text,
            "      - eval_time: {}\n        alertname: {name}",
            self.at
        );
        if self.firing.is_empty() {
            text.push_str("        exp_alerts: []\n");
            return;
        }
        text.push_str("        exp_alerts:\n");
        for firing in &self.firing {
            firing.write(self.signal, text);
        }
    }
}

impl Firing {
    pub(super) fn new(severity: Severity, labels: &[(&'static str, &str)], texts: Texts) -> Self {
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

    /// Without a severity that wakes anybody.
    pub(super) fn of_nobody(texts: Texts) -> Self {
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

    fn write(&self, signal: Signal, text: &mut String) {
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

/// Summary and description.
pub(super) struct Texts(pub(super) String, pub(super) String);

pub(super) fn texts(summary: impl Into<String>, description: impl Into<String>) -> Texts {
    Texts(summary.into(), description.into())
}

/// A counter that grows by so much a step, for so many steps, and then by so much.
pub(super) fn counter(phases: &[(u64, u64)]) -> String {
    steps(phases, |value, (by, _)| value + by, |by| by)
}

/// A gauge that is so high up to this step, and then so high for so many steps.
pub(super) fn gauge<V: std::fmt::Display>(phases: &[(V, u64)]) -> String {
    let mut parts = Vec::new();
    for (index, (value, length)) in phases.iter().enumerate() {
        // The first one has the moment 0, too.
        let further = if index == 0 { *length } else { length - 1 };
        parts.push(format!("{value}+0x{further}"));
    }
    parts.join(" ")
}

fn steps(
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
