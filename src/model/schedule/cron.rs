//! Cron expressions of five fields in a time zone.
//!
//! Why not a crate? Those that know time zones find the next time by matching each minute: what summer time skips
//! is never due there, and what it repeats is due twice. A nightly job would be left out once a year without a
//! word, and be missed once a year although it ran. What remains is less than a dependency: five sets of
//! numbers, and days in jiff's calendar.
//!
//! Why then croner in the integration of tokio-cron-scheduler? Its jobs have expressions with seconds, names and
//! extensions that the scheduler reads by croner: read by anything else, a run would be expected at other times than
//! the scheduler's. It comes with that library, and with no other feature.

use std::ops::RangeInclusive;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The number of days after which none will match any more: 29 February may be eight years away.
///
/// The search must end for an expression that never matches, such as 30 February. Eight years: 1900
/// and 2100 are no leap years, so that 29 February may be away that long.
const MAX_DAYS: usize = 366 * 8 + 2;

/// The cause for which a schedule can't be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScheduleError(String);

impl ScheduleError {
    pub(crate) const fn new(message: String) -> Self {
        Self(message)
    }

    pub(crate) fn unknown_zone(name: &str) -> Self {
        Self(format!(
            "{name:?} is not a time zone of this system; examples are \"Europe/Berlin\" and \"UTC\""
        ))
    }
}

/// A cron expression: the sets of its fields, a bit for each number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    // A set of up to 60 numbers fits in a word: bit n stands for the number n.
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// From Sunday, which is 0.
    weekdays: u64,
    /// `true` if either the day of the month or that of the week suffices.
    either_day: bool,
    /// The zone in which the fields are read. The rules of that zone decide about skipped and
    /// repeated times.
    zone: TimeZone,
}

/// One of the five fields.
///
/// It knows its range and its words, so that all five are parsed by one function and an error can
/// say what is allowed.
struct Field {
    name: &'static str,
    range: RangeInclusive<u8>,
    /// Names of the numbers, from the first of the range on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field::new("minute", 0..=59, &[]),
    Field::new("hour", 0..=23, &[]),
    Field::new("day of month", 1..=31, &[]),
    Field::new(
        "month",
        1..=12,
        &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
    ),
    Field::new(
        "day of week",
        0..=7,
        &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    ),
];

impl Cron {
    /// Checks all of it at once, when the schedule is declared: a run that could never be due must
    /// not be found out a year later.
    pub(super) fn parse(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        let texts: Vec<_> = expression.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = texts[..] else {
            return Err(ScheduleError(format!(
                "a cron expression has five fields (minute, hour, day of month, month, day of week), but {expression:?} has {}",
                texts.len()
            )));
        };
        let [minutes, hours, days, months, weekdays] = FIELDS;
        let sundays = weekdays.parse(weekday)?;
        let zone = TimeZone::get(zone).map_err(|_| ScheduleError::unknown_zone(zone))?;
        let cron = Self {
            minutes: minutes.parse(minute)?,
            hours: hours.parse(hour)?,
            days: days.parse(day)?,
            months: months.parse(month)?,
            // Sunday is both 0 and 7.
            // Both names of Sunday are folded into bit 0, and the extra bit is cut off.
            weekdays: (sundays | sundays >> 7) & 0x7f,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
            zone,
        };
        // Each field may be valid and their combination never match.
        if cron.next_after(Timestamp::UNIX_EPOCH).is_none() {
            return Err(ScheduleError::new(format!("no day matches {expression:?}")));
        }
        Ok(cron)
    }

    /// Returns the first due time after `after`, in whole minutes; `None` where no day within eight
    /// years matches.
    pub(super) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let today = after.to_zoned(self.zone.clone()).date();
        // Where a day was skipped, the times of the day before are those of today.
        let mut day = today.yesterday().unwrap_or(today);
        for _ in 0..MAX_DAYS {
            // A day without a due time later than `after` is passed over, which is how today's
            // times that are over are skipped.
            if self.matches(day)
                && let Some(next) = self.first_on(day, after)
            {
                return Some(next);
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// Returns whether a day is one of the expression's.
    fn matches(&self, day: Date) -> bool {
        let is_in = |set: u64, number: i8| set >> number & 1 == 1;
        let day_of_month = is_in(self.days, day.day());
        let weekday = is_in(self.weekdays, day.weekday().to_sunday_zero_offset());
        is_in(self.months, day.month())
            // crontab(5): with both days restricted a day that matches one of them is due. It
            // surprises, but every cron does it, and a schedule is often copied from one.
            && if self.either_day {
                day_of_month || weekday
            } else {
                day_of_month && weekday
            }
    }

    /// Returns the first time of a day after `after`. A time that is skipped moves behind later ones.
    fn first_on(&self, day: Date, after: Timestamp) -> Option<Timestamp> {
        let times = numbers(self.hours)
            .flat_map(|hour| numbers(self.minutes).map(move |minute| (hour, minute)));
        let times = times.filter_map(|(hour, minute)| {
            let time = day.at(hour, minute, 0, 0);
            // Later where it is skipped, and the first of two.
            self.zone.to_ambiguous_timestamp(time).compatible().ok()
        });
        times.filter(|time| *time > after).min()
    }
}

impl Field {
    const fn new(
        name: &'static str,
        range: RangeInclusive<u8>,
        names: &'static [&'static str],
    ) -> Self {
        Self { name, range, names }
    }

    /// Parses a list of items into the set of its numbers.
    fn parse(&self, text: &str) -> Result<u64, ScheduleError> {
        let mut set = 0;
        for item in text.split(',') {
            let (range, step) = self.parse_item(item).ok_or_else(|| self.error(item))?;
            // Steps count from the first number of the range, as cron does: `10-59/20` is 10, 30,
            // 50.
            for number in range.step_by(step) {
                set |= 1 << number;
            }
        }
        Ok(set)
    }

    /// Parses `*`, a number or a range, with or without a step.
    fn parse_item(&self, item: &str) -> Option<(RangeInclusive<u8>, usize)> {
        let (numbers, step) = match item.split_once('/') {
            Some((numbers, step)) => (numbers, Some(parse_number(step).filter(|step| *step > 0)?)),
            None => (item, None),
        };
        let range = if numbers == "*" {
            self.range.clone()
        } else if let Some((first, last)) = numbers.split_once('-') {
            self.parse_value(first)?..=self.parse_value(last)?
        } else {
            let first = self.parse_value(numbers)?;
            // With a step it goes on to the end.
            first..=step.map_or(first, |_| *self.range.end())
        };
        (!range.is_empty()).then_some((range, step.unwrap_or(1).into()))
    }

    /// Parses a number or a name; `None` outside the field's range.
    fn parse_value(&self, text: &str) -> Option<u8> {
        let mut names = self.names.iter();
        let named = names.position(|name| name.eq_ignore_ascii_case(text));
        let named = named.and_then(|at| Some(self.range.start() + u8::try_from(at).ok()?));
        let value = named.or_else(|| parse_number(text));
        value.filter(|value| self.range.contains(value))
    }

    /// Names the item and everything that is allowed in its field.
    fn error(&self, item: &str) -> ScheduleError {
        let Self { name, range, names } = self;
        let (first, last) = (range.start(), range.end());
        let named = match (names.first(), names.last()) {
            (Some(first), Some(last)) => format!(", {first} to {last}"),
            _ => String::new(),
        };
        ScheduleError(format!(
            "{item:?} is not a valid {name}; allowed: {first} to {last}{named}, ranges, *, steps such as */2, and lists of these"
        ))
    }
}

/// Parses digits alone: `u8` itself takes a sign.
fn parse_number(text: &str) -> Option<u8> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Returns the numbers of a set, in their order.
fn numbers(set: u64) -> impl Iterator<Item = i8> {
    (0..60).filter(move |number| set >> number & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times after a moment, in the zone.
    fn times(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let cron = Cron::parse(expression, zone).unwrap();
        let mut at: Timestamp = after.parse().unwrap();
        let next = std::iter::repeat_with(|| {
            at = cron.next_after(at).unwrap();
            at.to_zoned(cron.zone.clone())
                .strftime("%Y-%m-%d %H:%M %Z")
                .to_string()
        });
        next.take(count).collect()
    }

    fn error(expression: &str) -> String {
        Cron::parse(expression, "UTC").unwrap_err().to_string()
    }

    #[test]
    fn fields_are_numbers_names_ranges_steps_and_lists() {
        let after = "2026-11-27T22:59:30Z";
        for (expression, expected) in [
            ("* * * * *", ["2026-11-27 23:00", "2026-11-27 23:01"]),
            ("0 3 * * *", ["2026-11-28 03:00", "2026-11-29 03:00"]),
            ("*/20 23 * * *", ["2026-11-27 23:00", "2026-11-27 23:20"]),
            ("50/5 * * * *", ["2026-11-27 23:50", "2026-11-27 23:55"]),
            (
                "5,10-12/2 0 * * *",
                ["2026-11-28 00:05", "2026-11-28 00:10"],
            ),
            ("0 0 1 jan *", ["2027-01-01 00:00", "2028-01-01 00:00"]),
            ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
            ("0 0 31 * *", ["2026-12-31 00:00", "2027-01-31 00:00"]),
            ("0 8 * * MON-FRI", ["2026-11-30 08:00", "2026-12-01 08:00"]),
            ("0 8 * * 5-7", ["2026-11-28 08:00", "2026-11-29 08:00"]),
            ("0 8 * * 0", ["2026-11-29 08:00", "2026-12-06 08:00"]),
            ("0 8 * * 7", ["2026-11-29 08:00", "2026-12-06 08:00"]),
        ] {
            let expected = expected.map(|time| format!("{time} UTC"));
            assert_eq!(times(expression, "UTC", after, 2), expected, "{expression}");
        }
    }

    #[test]
    fn one_of_both_days_suffices_unless_a_field_begins_with_a_star() {
        let after = "2026-11-27T22:59:30Z";
        assert_eq!(
            times("0 0 1,15 * MON", "UTC", after, 4),
            [
                "2026-11-30 00:00 UTC",
                "2026-12-01 00:00 UTC",
                "2026-12-07 00:00 UTC",
                "2026-12-14 00:00 UTC"
            ]
        );
        assert_eq!(
            times("0 0 */2 * MON", "UTC", after, 2),
            ["2026-12-07 00:00 UTC", "2026-12-21 00:00 UTC"]
        );
    }

    #[test]
    fn a_time_that_is_skipped_is_due_later_and_one_that_repeats_is_due_once() {
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", "2026-03-27T12:00:00Z", 3),
            [
                "2026-03-28 02:30 CET",
                "2026-03-29 03:30 CEST",
                "2026-03-30 02:30 CEST"
            ]
        );
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
            ["2026-10-25 02:30 CEST", "2026-10-26 02:30 CET"]
        );
        // Each once and in their order, around the gap.
        assert_eq!(
            times("*/30 1-3 * * *", "Europe/Berlin", "2026-03-29T00:15:00Z", 4),
            [
                "2026-03-29 01:30 CET",
                "2026-03-29 03:00 CEST",
                "2026-03-29 03:30 CEST",
                "2026-03-30 01:00 CEST"
            ]
        );
        // Where midnight is skipped, and where a whole day was.
        assert_eq!(
            times("15 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", 2),
            ["2026-04-24 01:15 EEST", "2026-04-25 00:15 EEST"]
        );
        assert_eq!(
            times("0 12 30 * *", "Pacific/Apia", "2011-12-29T00:00:00Z", 2),
            ["2011-12-31 12:00 +14", "2012-01-30 12:00 +14"]
        );
    }

    #[test]
    fn what_is_no_schedule_is_said_with_what_is_allowed() {
        assert_eq!(
            error("0 3 * *"),
            "a cron expression has five fields (minute, hour, day of month, month, day of week), but \"0 3 * *\" has 4"
        );
        assert_eq!(
            error("0 25 * * *"),
            "\"25\" is not a valid hour; allowed: 0 to 23, ranges, *, steps such as */2, and lists of these"
        );
        assert!(error("0 0 * FOO *").contains("1 to 12, JAN to DEC"));
        assert_eq!(error("0 0 30 2 *"), "no day matches \"0 0 30 2 *\"");
        for bad in [
            "",
            "0 0 3 * * *",
            "60 * * * *",
            "-1 * * * *",
            "+1 * * * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "1,,2 * * * *",
            "* * 0 * *",
            "* * 32 * *",
            "* * * 13 *",
            "* * * * 8",
            "* * * * MONDAY",
            "*/300 * * * *",
            "@daily",
            "? * * * *",
            "1/ * * * *",
            "1- * * * *",
            "** * * * *",
        ] {
            assert!(Cron::parse(bad, "UTC").is_err(), "{bad}");
        }
        let zone = Cron::parse("* * * * *", "Europe/Atlantis").unwrap_err();
        assert!(
            zone.to_string()
                .starts_with("\"Europe/Atlantis\" is not a time zone")
        );
    }

    #[test]
    fn the_end_of_time_ends_the_schedule() {
        let cron = Cron::parse("0 0 29 2 *", "UTC").unwrap();
        assert_eq!(cron.next_after(Timestamp::MAX), None);
        assert!(cron.next_after(Timestamp::MIN).is_some());
    }
}
