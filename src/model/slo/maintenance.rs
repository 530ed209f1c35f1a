//! Times that were declared beforehand, and that objectives of time slices don't count.

use jiff::Timestamp;
use serde::ser::SerializeStruct;

use super::Span;

/// A declared maintenance: its time is left out of the denominator, and shown beside what it would
/// have been.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Maintenance {
    /// From its start to its end.
    pub span: Span,
    /// Why, for people.
    pub reason: String,
}

impl Maintenance {
    /// A maintenance from `from` to `to`; `None` where it doesn't end after it begins.
    #[must_use]
    pub fn new(from: Timestamp, to: Timestamp, reason: impl Into<String>) -> Option<Maintenance> {
        (from < to).then(|| Maintenance {
            span: Span::new(from, to),
            reason: reason.into(),
        })
    }
}

impl serde::Serialize for Maintenance {
    /// As a configuration writes it.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Maintenance", 3)?;
        members.serialize_field("from", &self.span.start.to_string())?;
        members.serialize_field("to", &self.span.end.to_string())?;
        members.serialize_field("reason", &self.reason)?;
        members.end()
    }
}
