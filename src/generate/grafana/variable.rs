use serde_json::{Value, json};

use super::query::Source;

/// A variable of a dashboard.
#[derive(Clone, Debug)]
pub(crate) enum Variable {
    /// Which Prometheus is asked.
    DataSource,
    /// Values of a label that can be chosen, several at once.
    Values(Values),
}

/// The values of a label.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    name: String,
    label: String,
    description: String,
    query: String,
    /// What stands for all values.
    all: &'static str,
}

impl Variable {
    /// The values of `label` in the series that `selector` selects.
    pub(crate) fn values(name: &str, title: &str, selector: &str, label: &str) -> Self {
        Self::Values(Values {
            name: name.into(),
            label: title.into(),
            description: String::new(),
            query: format!("label_values({selector}, {label})"),
            all: ".+",
        })
    }

    /// Says what choosing a value does.
    pub(crate) fn describe(mut self, description: &str) -> Self {
        if let Self::Values(values) = &mut self {
            values.description = description.into();
        }
        self
    }

    /// Series that lack the label belong to all of its values, too.
    pub(crate) fn or_absent(mut self) -> Self {
        if let Self::Values(values) = &mut self {
            values.all = ".*";
        }
        self
    }

    /// As `templating.list` has it.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::DataSource => json!({
                "type": "datasource",
                "name": "datasource",
                "label": "Data source",
                "description": "The Prometheus that is asked.",
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
            Self::Values(values) => values.json(),
        }
    }
}

impl Values {
    fn json(&self) -> Value {
        json!({
            "type": "query",
            "name": self.name,
            "label": self.label,
            "description": self.description,
            "datasource": Source::Prometheus,
            "definition": self.query,
            "query": {"qryType": 1, "query": self.query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
            "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
            "hide": 0,
            "allValue": self.all,
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
