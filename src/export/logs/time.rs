//! Time stamps. One fixed form needs no crate for dates: RFC 3339, UTC, microseconds.

use std::time::{SystemTime, UNIX_EPOCH};

/// The length of a time stamp in bytes.
pub(crate) const RFC3339_LENGTH: usize = "2026-03-01T12:03:04.123456Z".len();

/// The years 0 to 9999, which RFC 3339 can write, in microseconds since 1970.
const RFC3339_RANGE: (i128, i128) = (-62_167_219_200_000_000, 253_402_300_799_999_999);

const DAY: i64 = 86_400;

/// The days of 400 years, after which the calendar begins anew.
const ERA: i64 = 146_097;

/// `time` as `2026-03-01T12:03:04.123456Z`. Times that can't be written become the nearest that can.
pub(crate) fn rfc3339(time: SystemTime) -> [u8; RFC3339_LENGTH] {
    let micros = micros_since_epoch(time).clamp(RFC3339_RANGE.0, RFC3339_RANGE.1);
    let seconds = micros.div_euclid(1_000_000) as i64;
    let micro = micros.rem_euclid(1_000_000) as u32;
    let (year, month, day) = date(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY) as u32;
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    write_digits(&mut text[0..4], year);
    write_digits(&mut text[5..7], month);
    write_digits(&mut text[8..10], day);
    write_digits(&mut text[11..13], second / 3600);
    write_digits(&mut text[14..16], second / 60 % 60);
    write_digits(&mut text[17..19], second % 60);
    write_digits(&mut text[20..26], micro);
    text
}

/// Microseconds, rounded down also before 1970.
fn micros_since_epoch(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (after.as_nanos() / 1000) as i128,
        Err(before) => -(before.duration().as_nanos().div_ceil(1000) as i128),
    }
}

fn write_digits(into: &mut [u8], mut number: u32) {
    for digit in into.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// The date of a day that is counted from 1 January 1970.
///
/// Counted from 1 March of the year 0, the leap day ends its year, its four years, its century or
/// its era, so that every division below is even but for that last day.
fn date(since_1970: i64) -> (u32, u32, u32) {
    const MARCH_OF_YEAR_0: i64 = -719_468;
    let days = since_1970 - MARCH_OF_YEAR_0;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let century = (day / 36_524).min(3);
    let day = day - century * 36_524;
    let (leap, day) = (day / 1461, day % 1461);
    let year = (day / 365).min(3);
    let day = day - year * 365;
    let (month, day) = month(day as u32);
    let year = era * 400 + century * 100 + leap * 4 + year + i64::from(month <= 2);
    (year as u32, month, day)
}

/// Month and day of the month, of a day that is counted from 1 March.
fn month(mut day: u32) -> (u32, u32) {
    const FROM_MARCH: [u32; 11] = [31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31];
    for (index, length) in (0..).zip(FROM_MARCH) {
        if day < length {
            return ((index + 2) % 12 + 1, day + 1);
        }
        day -= length;
    }
    (2, day + 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text(time: SystemTime) -> String {
        String::from_utf8(rfc3339(time).to_vec()).unwrap()
    }

    #[test]
    fn known_times_are_written_as_known() {
        for (micros, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399_999_999, "2000-02-28T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_709_251_199_000_001, "2024-02-29T23:59:59.000001Z"),
            (1_772_366_584_123_456, "2026-03-01T12:03:04.123456Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
            (253_402_300_800_000_000, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(text(UNIX_EPOCH + Duration::from_micros(micros)), expected);
        }
        let before = UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(text(before), "1969-12-31T23:59:59.999999Z");
        let long_before = UNIX_EPOCH - Duration::from_secs(62_167_219_200 + 86_400);
        assert_eq!(text(long_before), "0000-01-01T00:00:00.000000Z");
    }

    /// The calendar as a child learns it, day after day, over more than an era.
    #[test]
    fn every_day_of_500_years_follows_the_day_before() {
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..500 * 366 {
            assert_eq!(date(days), (year, month, day), "day {days}");
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = match month {
                2 => 28 + u32::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > last {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
    }
}
