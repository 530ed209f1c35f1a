//! Declared maintenance, which objectives of time slices exclude.
//!
//! Only time that was announced is left out, and a report shows the counts with it, too: a budget
//! that can be mended afterwards is none.

use jiff::Timestamp;
use serde::Serialize;

use super::TimeRange;

/// A declared maintenance: its time is left out of the denominator, and shown beside what it would
/// have been.
///
/// ```
/// use vantage_obs::slo::maintenance::SloMaintenance;
///
/// let (from, to) = ("2026-03-01T02:00:00Z".parse()?, "2026-03-01T03:30:00Z".parse()?);
/// let move_of_database = SloMaintenance::new(from, to, "the database moves").expect("in order");
/// assert_eq!(move_of_database.range.duration().as_secs(), 90 * 60);
/// assert!(SloMaintenance::new(to, from, "the wrong way round").is_none());
/// # Ok::<(), vantage_obs::jiff::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SloMaintenance {
    /// From its start to its end.
    #[serde(flatten)]
    pub range: TimeRange,
    /// The reason, for people.
    pub reason: String,
}

impl SloMaintenance {
    /// Creates a maintenance from `from` to `to`; `None` where it doesn't end after it begins.
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

/// Returns the maintenance that goes on at a moment, or the next one after it; several that touch each
/// other are one.
pub(crate) fn current_or_next(all: &[SloMaintenance], now: Timestamp) -> Option<TimeRange> {
    let mut ranges: Vec<_> = all.iter().map(|one| one.range).collect();
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<TimeRange> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged.into_iter().find(|range| range.end > now)
}
