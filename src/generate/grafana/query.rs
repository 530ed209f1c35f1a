use serde::Serialize;
use serde_json::{Value, json};

use crate::generate::datasources::uid;

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The Prometheus that the variable `datasource` names.
    Prometheus,
    /// The PostgreSQL with the pinned uid.
    PostgreSql,
}

impl Serialize for Source {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reference = match self {
            Self::Prometheus => json!({"type": "prometheus", "uid": "${datasource}"}),
            Self::PostgreSql => {
                json!({"type": "grafana-postgresql-datasource", "uid": uid::POSTGRESQL})
            }
        };
        reference.serialize(serializer)
    }
}

/// One question of a panel.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    source: Source,
    text: String,
    legend: String,
    instant: bool,
    exemplars: bool,
    format: &'static str,
}

impl Query {
    /// PromQL over the panel's time range.
    pub(crate) fn range(expression: impl Into<String>) -> Self {
        Self {
            source: Source::Prometheus,
            text: expression.into(),
            legend: "__auto".into(),
            instant: false,
            exemplars: false,
            format: "time_series",
        }
    }

    /// PromQL at the end of the time range, as rows.
    pub(crate) fn table(expression: impl Into<String>) -> Self {
        Self {
            instant: true,
            format: "table",
            ..Self::range(expression)
        }
    }

    /// PromQL at the end of the time range, a value for each series.
    pub(crate) fn instant(expression: impl Into<String>) -> Self {
        Self {
            instant: true,
            ..Self::range(expression)
        }
    }

    /// Buckets over the panel's time range.
    pub(crate) fn buckets(expression: impl Into<String>) -> Self {
        Self {
            format: "heatmap",
            legend: "{{le}}".into(),
            ..Self::range(expression)
        }
    }

    /// SQL, as rows.
    pub(crate) fn sql(statement: impl Into<String>) -> Self {
        Self {
            source: Source::PostgreSql,
            ..Self::table(statement)
        }
    }

    /// With this name for each of its series.
    pub(crate) fn legend(mut self, legend: &str) -> Self {
        self.legend = legend.into();
        self
    }

    /// With the traces that stand for its measurements.
    pub(crate) const fn with_exemplars(mut self) -> Self {
        self.exemplars = true;
        self
    }

    /// Where its answer comes from.
    pub(crate) const fn source(&self) -> Source {
        self.source
    }

    /// As a panel's target; `place` is its place among them.
    pub(super) fn target(&self, place: u8) -> Value {
        let name = char::from(b'A' + place).to_string();
        match self.source {
            Source::Prometheus => json!({
                "refId": name,
                "datasource": self.source,
                "editorMode": "code",
                "expr": self.text,
                "legendFormat": self.legend,
                "format": self.format,
                "range": !self.instant,
                "instant": self.instant,
                "exemplar": self.exemplars,
            }),
            Source::PostgreSql => json!({
                "refId": name,
                "datasource": self.source,
                "editorMode": "code",
                "format": self.format,
                "rawQuery": true,
                "rawSql": self.text,
            }),
        }
    }
}
