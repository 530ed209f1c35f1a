use serde_json::{Value, json};

use super::query::Source;
use super::steps::Color;

/// Moments that every panel of a dashboard marks.
#[derive(Clone, Debug)]
pub(crate) struct Annotation {
    name: &'static str,
    color: Color,
    expression: String,
    title: &'static str,
}

impl Annotation {
    /// Marks the moments at which the expression has a value; the title may name its labels.
    pub(crate) fn new(name: &'static str, expression: impl Into<String>) -> Self {
        Self {
            name,
            color: Color::Blue,
            expression: expression.into(),
            title: "",
        }
    }

    /// What stands at a mark.
    pub(crate) const fn title(mut self, title: &'static str) -> Self {
        self.title = title;
        self
    }

    /// The colour of the marks.
    pub(crate) const fn color(mut self, color: Color) -> Self {
        self.color = color;
        self
    }

    /// As `annotations.list` has it.
    pub(super) fn json(&self) -> Value {
        json!({
            "name": self.name,
            "datasource": Source::Prometheus,
            "enable": true,
            "hide": false,
            "iconColor": self.color.name(),
            "expr": self.expression,
            "titleFormat": self.title,
            "textFormat": "",
            "tagKeys": "",
            "step": "15s",
            "useValueForTime": false,
        })
    }

    /// What Grafana shows of its own: without this it is added when the file is read.
    pub(super) fn built_in() -> Value {
        json!({
            "name": "Annotations & Alerts",
            "builtIn": 1,
            "type": "dashboard",
            "datasource": {"type": "grafana", "uid": "-- Grafana --"},
            "enable": true,
            "hide": true,
            "iconColor": "rgba(0, 211, 255, 1)",
        })
    }
}
