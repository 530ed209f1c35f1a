use super::labels::{Labels, among};
use super::selector::quoted;
use super::{Vector, Window};

/// Series that a rule records.
#[derive(Debug, Clone)]
pub struct Recorded {
    name: String,
    labels: Labels,
    matchers: Vec<String>,
}

impl Recorded {
    /// Series of this name with the labels of the expression that they are recorded from.
    #[must_use]
    pub fn of(name: impl Into<String>, expression: &Vector) -> Recorded {
        Recorded::with_labels(name, expression.labels().iter().map(String::as_str))
    }

    /// Series of this name with these labels.
    pub(crate) fn with_labels<'a>(
        name: impl Into<String>,
        labels: impl IntoIterator<Item = &'a str>,
    ) -> Recorded {
        Recorded {
            name: name.into(),
            labels: labels.into_iter().map(str::to_owned).collect(),
            matchers: Vec::new(),
        }
    }

    /// Their name, `level:metric:operation`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Those of which a label has this value.
    ///
    /// # Panics
    ///
    /// When they have no such label.
    #[track_caller]
    #[must_use]
    pub fn with(mut self, label: &str, value: &str) -> Recorded {
        let label = among(&self.labels, &[label]).concat();
        self.matchers.push(format!("{label}={}", quoted(value)));
        self
    }

    /// Their values.
    #[must_use]
    pub fn now(&self) -> Vector {
        Vector::atom(self.selector(), self.labels.clone())
    }

    /// Their values a while ago.
    #[must_use]
    pub fn before(&self, while_ago: Window) -> Vector {
        let text = format!("{} offset {while_ago}", self.selector());
        Vector::atom(text, self.labels.clone())
    }

    /// The last value that they had within a window.
    #[must_use]
    pub fn last(&self, window: Window) -> Vector {
        let text = format!("last_over_time({}[{window}])", self.selector());
        Vector::atom(text, self.labels.clone())
    }

    fn selector(&self) -> String {
        match self.matchers.as_slice() {
            [] => self.name.clone(),
            matchers => format!("{}{{{}}}", self.name, matchers.join(", ")),
        }
    }
}
