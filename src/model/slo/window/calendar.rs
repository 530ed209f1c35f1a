//! The week, month or quarter that one is in.

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::ser::SerializeMap;

use super::Span;

const DAY: u64 = 24 * 60 * 60;

/// A calendar window in a time zone: where summer time begins, its month is an hour shorter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    period: Period,
    zone: TimeZone,
}

/// How often a calendar window begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Period {
    /// From Monday, as ISO 8601 has it.
    Week,
    /// From the first of the month.
    Month,
    /// From the first of January, April, July and October.
    Quarter,
}

impl Period {
    pub(in crate::model::slo) const ALL: [Period; 3] =
        [Period::Week, Period::Month, Period::Quarter];

    /// The name as files write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Period::Week => "week",
            Period::Month => "month",
            Period::Quarter => "quarter",
        }
    }

    /// The length that most of them have.
    pub(super) const fn usual(self) -> Duration {
        Duration::from_secs(match self {
            Period::Week => 7 * DAY,
            Period::Month => 30 * DAY,
            Period::Quarter => 91 * DAY,
        })
    }

    /// The day on which the period of this day began.
    fn first_day(self, day: Date) -> Date {
        match self {
            Period::Week => {
                let since_monday = day.weekday().to_monday_zero_offset();
                day.saturating_sub(i64::from(since_monday).days())
            }
            Period::Month => day.first_of_month(),
            Period::Quarter => {
                let since = i64::from((day.month() - 1) % 3);
                day.first_of_month().saturating_sub(since.months())
            }
        }
    }

    fn length(self) -> jiff::Span {
        match self {
            Period::Week => 1.week(),
            Period::Month => 1.month(),
            Period::Quarter => 3.months(),
        }
    }
}

impl Calendar {
    pub(in crate::model::slo) fn new(period: Period, zone: TimeZone) -> Calendar {
        Calendar { period, zone }
    }

    /// How often it begins anew.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// The zone whose midnights it begins and ends at, such as `Europe/Berlin`.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    pub(super) fn span(&self, at: Timestamp) -> Span {
        let first = self.period.first_day(at.to_zoned(self.zone.clone()).date());
        let next = first.saturating_add(self.period.length());
        let midnight = |day: Date, edge| {
            let start = day.to_zoned(self.zone.clone());
            start.map_or(edge, |start: Zoned| start.timestamp())
        };
        Span::new(
            midnight(first, Timestamp::MIN),
            midnight(next, Timestamp::MAX),
        )
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.period.as_str(), self.time_zone())
    }
}

impl serde::Serialize for Calendar {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(2))?;
        members.serialize_entry("calendar", self.period.as_str())?;
        members.serialize_entry("time_zone", self.time_zone())?;
        members.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(period: Period, zone: &str, at: &str) -> (String, String, u64) {
        let calendar = Calendar::new(period, TimeZone::get(zone).unwrap());
        let span = calendar.span(at.parse().unwrap());
        let hours = span.duration().as_secs() / 3_600;
        (span.start.to_string(), span.end.to_string(), hours)
    }

    #[test]
    fn a_month_with_the_change_to_summer_time_is_an_hour_shorter() {
        let (start, end, hours) = span(Period::Month, "Europe/Berlin", "2026-03-31T21:59:59Z");
        assert_eq!(
            (start.as_str(), end.as_str()),
            ("2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z")
        );
        assert_eq!(hours, 31 * 24 - 1);
        let (start, _, _) = span(Period::Month, "Europe/Berlin", "2026-03-31T22:00:00Z");
        assert_eq!(start, end);
    }

    #[test]
    fn february_has_29_days_in_a_leap_year() {
        let (_, _, hours) = span(Period::Month, "UTC", "2028-02-29T23:59:59Z");
        assert_eq!(hours, 29 * 24);
    }

    #[test]
    fn a_week_begins_on_monday() {
        let sunday = span(Period::Week, "UTC", "2026-11-22T23:59:59Z");
        assert_eq!(sunday.0, "2026-11-16T00:00:00Z");
        let monday = span(Period::Week, "UTC", "2026-11-23T00:00:00Z");
        assert_eq!(monday.0, "2026-11-23T00:00:00Z");
    }

    #[test]
    fn a_quarter_begins_in_january_april_july_and_october() {
        for (at, start) in [
            ("2026-03-31T00:00:00Z", "2026-01-01T00:00:00Z"),
            ("2026-05-31T00:00:00Z", "2026-04-01T00:00:00Z"),
            ("2026-12-31T00:00:00Z", "2026-10-01T00:00:00Z"),
        ] {
            assert_eq!(span(Period::Quarter, "UTC", at).0, start);
        }
    }

    #[test]
    fn every_moment_lies_in_its_own_window_and_the_windows_meet() {
        for period in Period::ALL {
            let zone = TimeZone::get("America/Santiago").unwrap();
            let calendar = Calendar::new(period, zone);
            let mut at: Timestamp = "2026-01-01T00:30:00Z".parse().unwrap();
            for _ in 0..2_000 {
                let span = calendar.span(at);
                assert!(span.contains(at), "{at} {span:?}");
                assert_eq!(calendar.span(span.end).start, span.end);
                at = at.checked_add(Duration::from_secs(7 * 3_600)).unwrap();
            }
        }
    }
}
