//! Points in time, human-readable and machine-readable.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A point in time as in an HTML `time` element.
#[derive(Clone, Debug)]
pub(super) struct DisplayTime {
    /// For programs: UTC, to the minute.
    pub(super) datetime: String,
    /// For people, in the page's time zone.
    pub(super) text: String,
}

impl DisplayTime {
    /// Formats a time to the minute, with the zone: `24 Nov 2026, 12:00 UTC`.
    pub(super) fn new(at: Timestamp, zone: &TimeZone) -> Self {
        let local = at.to_zoned(zone.clone());
        Self {
            // To the minute, so that a page is the same for a minute and can be cached.
            datetime: at.strftime("%Y-%m-%dT%H:%MZ").to_string(),
            text: local.strftime("%-d %b %Y, %H:%M %Z").to_string(),
        }
    }

    pub(super) fn utc(at: Timestamp) -> Self {
        Self::new(at, &TimeZone::UTC)
    }
}
