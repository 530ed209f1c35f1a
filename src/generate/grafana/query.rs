use serde::Serialize;
use serde_json::{Value, json};

use crate::generate::datasources::uid;

/// A reference to a data source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataSourceRef {
    /// The Prometheus that the variable `datasource` names.
    Prometheus,
    /// The PostgreSQL with the pinned uid.
    PostgreSql,
}

impl Serialize for DataSourceRef {
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

/// A query of a panel.
#[derive(Clone, Debug)]
pub(crate) struct PanelQuery {
    data_source: DataSourceRef,
    expression: String,
    legend: String,
    /// At the end of the time range only.
    instant: bool,
    exemplars: bool,
    /// Grafana's name of the shape: `time_series`, `table` or `heatmap`.
    format: &'static str,
}

impl PanelQuery {
    /// Returns a PromQL query over the panel's time range.
    pub(crate) fn range(expression: impl Into<String>) -> Self {
        Self {
            data_source: DataSourceRef::Prometheus,
            expression: expression.into(),
            legend: "__auto".into(),
            instant: false,
            exemplars: false,
            format: "time_series",
        }
    }

    /// Returns a PromQL query at the end of the time range, as rows.
    pub(crate) fn table(expression: impl Into<String>) -> Self {
        Self {
            instant: true,
            format: "table",
            ..Self::range(expression)
        }
    }

    /// Returns a PromQL query at the end of the time range, a value for each series.
    pub(crate) fn instant(expression: impl Into<String>) -> Self {
        Self {
            instant: true,
            ..Self::range(expression)
        }
    }

    /// Returns a query of buckets over the panel's time range.
    pub(crate) fn buckets(expression: impl Into<String>) -> Self {
        Self {
            format: "heatmap",
            legend: "{{le}}".into(),
            ..Self::range(expression)
        }
    }

    /// Returns an SQL query, as rows.
    pub(crate) fn sql(statement: impl Into<String>) -> Self {
        Self {
            data_source: DataSourceRef::PostgreSql,
            ..Self::table(statement)
        }
    }

    /// Sets the name of each of its series.
    pub(crate) fn legend(mut self, legend: &str) -> Self {
        self.legend = legend.into();
        self
    }

    /// Adds exemplars.
    pub(crate) const fn with_exemplars(mut self) -> Self {
        self.exemplars = true;
        self
    }

    /// Returns the data source.
    pub(crate) const fn data_source(&self) -> DataSourceRef {
        self.data_source
    }

    /// Returns the panel's target; `index` is its index among them.
    pub(super) fn to_target(&self, index: u8) -> Value {
        let name = char::from(b'A' + index).to_string();
        match self.data_source {
            DataSourceRef::Prometheus => json!({
                "refId": name,
                "datasource": self.data_source,
                "editorMode": "code",
                "expr": self.expression,
                "legendFormat": self.legend,
                "format": self.format,
                "range": !self.instant,
                "instant": self.instant,
                "exemplar": self.exemplars,
            }),
            DataSourceRef::PostgreSql => json!({
                "refId": name,
                "datasource": self.data_source,
                "editorMode": "code",
                "format": self.format,
                "rawQuery": true,
                "rawSql": self.expression,
            }),
        }
    }
}
