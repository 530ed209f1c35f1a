//! Time stamps in one fixed form: RFC 3339, UTC, microseconds.
//!
//! Microseconds: enough to order lines of one host, and a fixed width that sorts as text.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// The length of a time stamp in bytes.
pub(crate) const RFC3339_LENGTH: usize = "2026-03-01T12:03:04.123456Z".len();

/// The earliest time that RFC 3339 can write; the latest is that of [`DateTime`].
const EARLIEST: DateTime = DateTime::constant(0, 1, 1, 0, 0, 0, 0);

/// `time` as `2026-03-01T12:03:04.123456Z`. Times that can't be written become the nearest that can.
pub(crate) fn rfc3339(time: SystemTime) -> [u8; RFC3339_LENGTH] {
    let at = match Timestamp::try_from(time) {
        Ok(time) => Offset::UTC.to_datetime(time).max(EARLIEST),
        // Clocks of devices without a battery start anywhere; a line is worth more than its exact
        // time.
        Err(_) if time < UNIX_EPOCH => EARLIEST,
        Err(_) => DateTime::MAX,
    };
    let micro = at.subsec_nanosecond().unsigned_abs() / 1_000;
    // Every log line passes here, and jiff's printer takes 40 % longer.
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    write_digits(&mut text[0..4], at.year().unsigned_abs().into());
    write_digits(&mut text[5..7], at.month().unsigned_abs().into());
    write_digits(&mut text[8..10], at.day().unsigned_abs().into());
    write_digits(&mut text[11..13], at.hour().unsigned_abs().into());
    write_digits(&mut text[14..16], at.minute().unsigned_abs().into());
    write_digits(&mut text[17..19], at.second().unsigned_abs().into());
    write_digits(&mut text[20..26], micro);
    text
}

/// Writes the number with leading zeros into the whole slice.
fn write_digits(into: &mut [u8], mut number: u32) {
    for digit in into.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
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
            let written = text(UNIX_EPOCH + Duration::from_secs(days * 86_400));
            let expected = format!("{year:04}-{month:02}-{day:02}T00:00:00.000000Z");
            assert_eq!(written, expected, "day {days}");
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
