//! Points in time, for a person and for a program.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A point in time as a `time` element has it.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) machine: String,
    pub(super) text: String,
}

impl Moment {
    /// To the minute, with the zone: `24 Nov 2026, 12:00 UTC`.
    pub(super) fn new(at: Timestamp, zone: &TimeZone) -> Self {
        let local = at.to_zoned(zone.clone());
        Self {
            machine: at.strftime("%Y-%m-%dT%H:%MZ").to_string(),
            text: local.strftime("%-d %b %Y, %H:%M %Z").to_string(),
        }
    }

    pub(super) fn utc(at: Timestamp) -> Self {
        Self::new(at, &TimeZone::UTC)
    }
}
