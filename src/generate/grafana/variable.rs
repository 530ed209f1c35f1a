use serde_json::{Value, json};

use super::query::DataSourceRef;

/// A variable of a dashboard.
#[derive(Clone, Debug)]
pub(crate) enum Variable {
    /// The Prometheus data source.
    DataSource,
    /// The values of a label, of which several can be chosen.
    Values(LabelValues),
}

/// The values of a label.
#[derive(Clone, Debug)]
pub(crate) struct LabelValues {
    name: String,
    label: String,
    description: String,
    query: String,
    /// The pattern for all values.
    /// `.+` needs the label, `.*` also takes series without it.
    all_value: &'static str,
}

impl Variable {
    /// Returns a variable of the values of `label` in the series that `selector` selects.
    pub(crate) fn values(name: &str, title: &str, selector: &str, label: &str) -> Self {
        Self::Values(LabelValues {
            name: name.into(),
            label: title.into(),
            description: String::new(),
            query: format!("label_values({selector}, {label})"),
            all_value: ".+",
        })
    }

    /// Sets the description.
    pub(crate) fn describe(mut self, description: &str) -> Self {
        if let Self::Values(values) = &mut self {
            values.description = description.into();
        }
        self
    }

    /// Includes series that lack the label in all of its values.
    pub(crate) fn or_absent(mut self) -> Self {
        if let Self::Values(values) = &mut self {
            values.all_value = ".*";
        }
        self
    }

    /// Returns the entry of `templating.list`.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::DataSource => json!({
                "type": "datasource",
                "name": "datasource",
                "label": "Data source",
                "description": "The Prometheus to query.",
                "query": "prometheus",
                "current": {},
                "hide": 0,
                "includeAll": false,
                "multi": false,
                "options": [],
                "refresh": 1,
                "regex": "",
                "skipUrlSync": false,
            }),
            Self::Values(values) => values.to_json(),
        }
    }
}

impl LabelValues {
    fn to_json(&self) -> Value {
        json!({
            "type": "query",
            "name": self.name,
            "label": self.label,
            "description": self.description,
            "datasource": DataSourceRef::Prometheus,
            "definition": self.query,
            "query": {"qryType": 1, "query": self.query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
            "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
            "hide": 0,
            "allValue": self.all_value,
            "includeAll": true,
            "multi": true,
            "options": [],
            // Again whenever the time range changes: what is gone today was there last week.
            "refresh": 2,
            "regex": "",
            "skipUrlSync": false,
            "sort": 1,
        })
    }
}
