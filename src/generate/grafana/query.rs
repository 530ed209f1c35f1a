use serde::Serialize;
use serde_json::{Value, json};

use crate::generate::datasources::uid;
use crate::model::promql::InstantVector;

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
    question: Question,
    legend: String,
    /// At the end of the time range only.
    instant: bool,
    exemplars: bool,
    /// Grafana's name of the shape: `time_series`, `table` or `heatmap`.
    format: &'static str,
}

/// The text of a query, by the language of its data source.
#[derive(Clone, Debug)]
enum Question {
    // Not text, so that what its series lack of the legend is known.
    PromQl(InstantVector),
    Sql(String),
}

impl PanelQuery {
    /// Returns a PromQL query over the panel's time range.
    pub(crate) fn range(vector: InstantVector) -> Self {
        Self::new(Question::PromQl(vector))
    }

    fn new(question: Question) -> Self {
        Self {
            question,
            legend: "__auto".into(),
            instant: false,
            exemplars: false,
            format: "time_series",
        }
    }

    /// Returns a PromQL query at the end of the time range, as rows.
    pub(crate) fn table(vector: InstantVector) -> Self {
        Self::range(vector).into_table()
    }

    fn into_table(self) -> Self {
        Self {
            instant: true,
            format: "table",
            ..self
        }
    }

    /// Returns a PromQL query at the end of the time range, a value for each series.
    pub(crate) fn instant(vector: InstantVector) -> Self {
        Self {
            instant: true,
            ..Self::range(vector)
        }
    }

    /// Returns a query of buckets over the panel's time range.
    pub(crate) fn buckets(vector: InstantVector) -> Self {
        Self {
            format: "heatmap",
            legend: "{{le}}".into(),
            ..Self::range(vector)
        }
    }

    /// Returns an SQL query, as rows.
    pub(crate) fn sql(statement: impl Into<String>) -> Self {
        Self::new(Question::Sql(statement.into())).into_table()
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
        match self.question {
            Question::PromQl(_) => DataSourceRef::Prometheus,
            Question::Sql(_) => DataSourceRef::PostgreSql,
        }
    }

    /// Returns a vector whose series have a text for each label that the panel shows: Grafana would call
    /// one without any `{}`.
    fn named(&self, vector: &InstantVector) -> InstantVector {
        match self.format {
            "table" => vector.name_absent(vector.labels().iter()),
            _ => vector.name_absent(legend_labels(&self.legend)),
        }
    }

    /// Returns the panel's target; `index` is its index among them.
    pub(super) fn to_target(&self, index: u8) -> Value {
        let name = char::from(b'A' + index).to_string();
        match &self.question {
            Question::PromQl(vector) => json!({
                "refId": name,
                "datasource": self.data_source(),
                "editorMode": "code",
                "expr": self.named(vector).to_string(),
                "legendFormat": self.legend,
                "format": self.format,
                "range": !self.instant,
                "instant": self.instant,
                "exemplar": self.exemplars,
            }),
            Question::Sql(statement) => json!({
                "refId": name,
                "datasource": self.data_source(),
                "editorMode": "code",
                "format": self.format,
                "rawQuery": true,
                "rawSql": statement,
            }),
        }
    }
}

/// Returns the labels of a legend such as `{{job}} {{instance}}`.
fn legend_labels(legend: &str) -> impl Iterator<Item = &str> {
    let parts = legend.split("{{").skip(1);
    parts.filter_map(|part| Some(part.split_once("}}")?.0))
}
