//! Declared maintenance, which objectives of time slices exclude.

use jiff::Timestamp;
use serde::Serialize;

use super::TimeRange;

/// A declared maintenance: its time is left out of the denominator, and shown beside what it would
/// have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SloMaintenance {
    /// From its start to its end.
    #[serde(flatten)]
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
