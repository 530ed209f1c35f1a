use super::labels::Labels;
use super::selector::{DASHBOARD_VARIABLES, selector_text, variable_matchers};
use super::{InstantVector, QueryWindow};
use crate::model::promql_literal::quote;

/// Series recorded by a rule.
///
/// The labels are known from the expression that is recorded, so that queries of recorded series
/// are checked as those of metrics are.
#[derive(Debug, Clone)]
pub(crate) struct RecordedSeries {
    name: String,
    labels: Labels,
    matchers: Vec<String>,
}

impl RecordedSeries {
    /// Creates series of this name with the labels of the expression that they are recorded from.
    #[must_use]
    pub(crate) fn from_expression(
        name: impl Into<String>,
        expression: &InstantVector,
    ) -> RecordedSeries {
        RecordedSeries {
            name: name.into(),
            labels: expression.labels().clone(),
            matchers: Vec::new(),
        }
    }

    /// Series of this name with these labels, which may be written with dots.
    pub(crate) fn with_labels<'a>(
        name: impl Into<String>,
        labels: impl IntoIterator<Item = &'a str>,
    ) -> RecordedSeries {
        RecordedSeries {
            name: name.into(),
            labels: Labels::by_name(labels),
            matchers: Vec::new(),
        }
    }

    /// Adds a label that a rule gives them.
    pub(crate) fn add_label(&mut self, label: &str) {
        self.labels.insert(label);
    }

    /// Their name, `level:metric:operation`.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Selects the series of which a label has this value.
    ///
    /// # Panics
    ///
    /// When they have no such label.
    #[track_caller]
    #[must_use]
    pub(crate) fn with(mut self, label: &str, value: &str) -> RecordedSeries {
        let label = self.labels.resolve(&[label]).concat();
        self.matchers.push(format!("{label}={}", quote(value)));
        self
    }

    /// Selects the series that match the variables of a dashboard, as far as they have such labels.
    #[must_use]
    pub(crate) fn with_dashboard_variables(mut self) -> RecordedSeries {
        let variables = DASHBOARD_VARIABLES
            .into_iter()
            .filter(|label| self.labels.contains(label));
        let matchers = variable_matchers(&variables.collect::<Vec<_>>());
        self.matchers.extend(matchers);
        self
    }

    /// Their values.
    #[must_use]
    pub(crate) fn now(&self) -> InstantVector {
        InstantVector::atom(self.selector(), self.labels.clone())
    }

    /// Returns the last values within a window.
    #[must_use]
    pub(crate) fn last_over_time(&self, window: QueryWindow) -> InstantVector {
        let text = format!("last_over_time({}[{window}])", self.selector());
        InstantVector::atom(text, self.labels.clone())
    }

    /// Returns 1 for each series that has a value within a window.
    #[must_use]
    pub(crate) fn present_over_time(&self, window: QueryWindow) -> InstantVector {
        let text = format!("present_over_time({}[{window}])", self.selector());
        InstantVector::atom(text, self.labels.clone())
    }

    fn selector(&self) -> String {
        selector_text(&self.name, &self.matchers)
    }
}
