//! Days as stretches of time.
//!
//! Seconds since 1970 and not times of jiff: 90 days for each component are added up at every
//! rebuild, and comparing integers is enough once the days have their ends.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// One day of some time zone, in seconds since 1970: from its first moment to the next day's. Where the
/// clocks change it has 23 or 25 hours, or another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CalendarDay {
    pub(crate) date: Date,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// Returns the last `count` days of a time zone, oldest first; the last one is the day of `now`.
pub(crate) fn last_days(now: Timestamp, zone: &TimeZone, count: usize) -> Vec<CalendarDay> {
    let mut days = Vec::with_capacity(count);
    let mut date = now.to_zoned(zone.clone()).date();
    while days.len() < count {
        // At the end of representable time there are fewer days than asked for, and no panic.
        let (Some(start), Ok(tomorrow)) = (day_start(date, zone), date.tomorrow()) else {
            break;
        };
        let Some(end) = day_start(tomorrow, zone) else {
            break;
        };
        days.push(CalendarDay { date, start, end });
        let Ok(before) = date.checked_sub(1.day()) else {
            break;
        };
        date = before;
    }
    days.reverse();
    days
}

/// Returns the first second of a day. Where midnight is left out, a day begins where the clocks land; where it comes twice, with the first.
fn day_start(date: Date, zone: &TimeZone) -> Option<i64> {
    let midnight = zone.to_ambiguous_zoned(date.at(0, 0, 0, 0)).compatible();
    Some(midnight.ok()?.timestamp().as_second())
}
