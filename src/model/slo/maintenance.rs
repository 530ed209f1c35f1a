//! Declared maintenance, which objectives of time slices exclude.

use jiff::Timestamp;
use serde::ser::SerializeStruct;

use super::TimeRange;

/// A declared maintenance: its time is left out of the denominator, and shown beside what it would
/// have been.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SloMaintenance {
    /// From its start to its end.
    pub range: TimeRange,
    /// Why, for people.
    pub reason: String,
}

impl SloMaintenance {
    /// A maintenance from `from` to `to`; `None` where it doesn't end after it begins.
    #[must_use]
    pub fn new(
        from: Timestamp,
        to: Timestamp,
        reason: impl Into<String>,
    ) -> Option<SloMaintenance> {
        (from < to).then(|| SloMaintenance {
            range: TimeRange::new(from, to),
            reason: reason.into(),
        })
    }
}

impl serde::Serialize for SloMaintenance {
    /// As a configuration writes it.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Maintenance", 3)?;
        members.serialize_field("from", &self.range.start.to_string())?;
        members.serialize_field("to", &self.range.end.to_string())?;
        members.serialize_field("reason", &self.reason)?;
        members.end()
    }
}
