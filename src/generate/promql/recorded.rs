use super::labels::Labels;
use super::{Vector, Window};

/// Series that a rule records.
#[derive(Debug, Clone)]
pub struct Recorded {
    name: String,
    labels: Labels,
}

impl Recorded {
    /// Series of this name with the labels of the expression that they are recorded from.
    #[must_use]
    pub fn of(name: impl Into<String>, expression: &Vector) -> Recorded {
        Recorded {
            name: name.into(),
            labels: expression.labels().clone(),
        }
    }

    /// Their name, `level:metric:operation`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Their values.
    #[must_use]
    pub fn now(&self) -> Vector {
        Vector::atom(self.name.clone(), self.labels.clone())
    }

    /// Their values a while ago.
    #[must_use]
    pub fn before(&self, while_ago: Window) -> Vector {
        Vector::atom(
            format!("{} offset {while_ago}", self.name),
            self.labels.clone(),
        )
    }

    /// The last value that they had within a window.
    #[must_use]
    pub fn last(&self, window: Window) -> Vector {
        Vector::atom(
            format!("last_over_time({}[{window}])", self.name),
            self.labels.clone(),
        )
    }
}
