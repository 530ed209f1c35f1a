use serde_json::{Value, json};

use super::query::DataSourceRef;
use super::threshold_steps::Color;

/// An annotation: moments that every panel of a dashboard marks.
#[derive(Clone, Debug)]
pub(crate) struct Annotation {
    name: &'static str,
    color: Color,
    expression: String,
    title: &'static str,
}

impl Annotation {
    /// Returns an annotation of the moments at which the expression has a value; the title may name
    /// its labels.
    pub(crate) fn new(name: &'static str, expression: impl Into<String>) -> Self {
        Self {
            name,
            color: Color::Blue,
            expression: expression.into(),
            title: "",
        }
    }

    /// Sets the text at a mark.
    pub(crate) const fn title(mut self, title: &'static str) -> Self {
        self.title = title;
        self
    }

    /// Sets the colour of the marks.
    pub(crate) const fn color(mut self, color: Color) -> Self {
        self.color = color;
        self
    }

    /// Returns the entry of `annotations.list`.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "datasource": DataSourceRef::Prometheus,
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

    /// Returns Grafana's built-in annotation, which is added on reading a file without it.
    /// Written here, because otherwise the file would differ from what Grafana exports.
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
