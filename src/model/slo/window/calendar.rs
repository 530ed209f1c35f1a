//! The week, month or quarter that one is in.

use std::fmt;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use super::TimeRange;
use crate::model::string_enum::string_enum;

const DAY: u64 = 24 * 60 * 60;

/// A calendar window in a time zone: where summer time begins, its month is an hour shorter.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CalendarWindow {
    #[serde(rename = "calendar")]
    period: CalendarPeriod,
    #[serde(
        rename = "time_zone",
        serialize_with = "jiff::fmt::serde::tz::required::serialize"
    )]
    zone: TimeZone,
}

/// The period of a calendar window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CalendarPeriod {
    /// From Monday, as ISO 8601 has it.
    Week,
    /// From the first of the month.
    Month,
    /// From the first of January, April, July and October.
    Quarter,
}

string_enum!(pub CalendarPeriod {
    Week: "week",
    Month: "month",
    Quarter: "quarter",
});

impl CalendarPeriod {
    /// Returns the nominal length: the one that most of them have.
    pub(super) const fn nominal_duration(self) -> Duration {
        Duration::from_secs(match self {
            CalendarPeriod::Week => 7 * DAY,
            CalendarPeriod::Month => 30 * DAY,
            CalendarPeriod::Quarter => 91 * DAY,
        })
    }

    /// The day on which the period of this day began.
    fn first_day(self, day: Date) -> Date {
        match self {
            CalendarPeriod::Week => {
                let since_monday = day.weekday().to_monday_zero_offset();
                day.saturating_sub(i64::from(since_monday).days())
            }
            CalendarPeriod::Month => day.first_of_month(),
            CalendarPeriod::Quarter => {
                let since = i64::from((day.month() - 1) % 3);
                day.first_of_month().saturating_sub(since.months())
            }
        }
    }

    fn length(self) -> jiff::Span {
        match self {
            CalendarPeriod::Week => 1.week(),
            CalendarPeriod::Month => 1.month(),
            CalendarPeriod::Quarter => 3.months(),
        }
    }
}

impl CalendarWindow {
    pub(in crate::model::slo) fn new(period: CalendarPeriod, zone: TimeZone) -> CalendarWindow {
        CalendarWindow { period, zone }
    }

    /// Returns the period after which it begins anew.
    #[must_use]
    pub const fn period(&self) -> CalendarPeriod {
        self.period
    }

    /// Returns the zone whose midnights it begins and ends at, such as `Europe/Berlin`.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    pub(super) fn range_at(&self, at: Timestamp) -> TimeRange {
        let first = self.period.first_day(at.to_zoned(self.zone.clone()).date());
        // By the calendar and not by seconds: the day on which clocks change has 23 or 25 hours.
        let next = first.saturating_add(self.period.length());
        let midnight = |day: Date, edge| {
            // Some zones change their clocks at midnight: the day then begins with the first moment
            // that exists.
            let start = day.to_zoned(self.zone.clone());
            start.map_or(edge, |start: Zoned| start.timestamp())
        };
        TimeRange::new(
            midnight(first, Timestamp::MIN),
            midnight(next, Timestamp::MAX),
        )
    }
}

impl fmt::Display for CalendarWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.period.as_str(), self.time_zone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::string_enum::StringEnum;

    fn span(period: CalendarPeriod, zone: &str, at: &str) -> (String, String, u64) {
        let calendar = CalendarWindow::new(period, TimeZone::get(zone).unwrap());
        let span = calendar.range_at(at.parse().unwrap());
        let hours = span.duration().as_secs() / 3_600;
        (span.start.to_string(), span.end.to_string(), hours)
    }

    #[test]
    fn a_month_with_the_change_to_summer_time_is_an_hour_shorter() {
        let (start, end, hours) = span(
            CalendarPeriod::Month,
            "Europe/Berlin",
            "2026-03-31T21:59:59Z",
        );
        assert_eq!(
            (start.as_str(), end.as_str()),
            ("2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z")
        );
        assert_eq!(hours, 31 * 24 - 1);
        let (start, _, _) = span(
            CalendarPeriod::Month,
            "Europe/Berlin",
            "2026-03-31T22:00:00Z",
        );
        assert_eq!(start, end);
    }

    #[test]
    fn february_has_29_days_in_a_leap_year() {
        let (_, _, hours) = span(CalendarPeriod::Month, "UTC", "2028-02-29T23:59:59Z");
        assert_eq!(hours, 29 * 24);
    }

    #[test]
    fn a_week_begins_on_monday() {
        let sunday = span(CalendarPeriod::Week, "UTC", "2026-11-22T23:59:59Z");
        assert_eq!(sunday.0, "2026-11-16T00:00:00Z");
        let monday = span(CalendarPeriod::Week, "UTC", "2026-11-23T00:00:00Z");
        assert_eq!(monday.0, "2026-11-23T00:00:00Z");
    }

    #[test]
    fn a_quarter_begins_in_january_april_july_and_october() {
        for (at, start) in [
            ("2026-03-31T00:00:00Z", "2026-01-01T00:00:00Z"),
            ("2026-05-31T00:00:00Z", "2026-04-01T00:00:00Z"),
            ("2026-12-31T00:00:00Z", "2026-10-01T00:00:00Z"),
        ] {
            assert_eq!(span(CalendarPeriod::Quarter, "UTC", at).0, start);
        }
    }

    #[test]
    fn every_moment_lies_in_its_own_window_and_the_windows_meet() {
        for &period in CalendarPeriod::ALL {
            let zone = TimeZone::get("America/Santiago").unwrap();
            let calendar = CalendarWindow::new(period, zone);
            let mut at: Timestamp = "2026-01-01T00:30:00Z".parse().unwrap();
            for _ in 0..2_000 {
                let span = calendar.range_at(at);
                assert!(span.contains(at), "{at} {span:?}");
                assert_eq!(calendar.range_at(span.end).start, span.end);
                at = at.checked_add(Duration::from_secs(7 * 3_600)).unwrap();
            }
        }
    }
}
