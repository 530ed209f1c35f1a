//! Durations as people write them in a config or SLO file: `"500ms"`, `"30s"`, `"1h30m"`, `"30d"`.
//!
//! Why not a bare number? Because the same file would then hold seconds, milliseconds and days,
//! and only the reader's memory would tell them apart. So a number without a unit is refused.
//!
//! A day is 24 hours and a week 7 days. There are no months and no years: an error budget needs a
//! window whose length is the same every time.

use std::time::Duration;

/// Every unit, largest first, with its length in nanoseconds.
///
/// The order is that of the text: each part must be smaller than the one before.
const UNITS: [(&str, u64); 8] = [
    ("w", 7 * 24 * 3_600_000_000_000),
    ("d", 24 * 3_600_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Text that is not a duration.
///
/// The writer of the text is at fault; the message says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// Nothing was written.
    #[error("a duration can't be empty")]
    Empty,
    /// A number without a unit, such as `"30"`.
    #[error("{number} has no unit: add w, d, h, m, s, ms, us or ns")]
    MissingUnit {
        /// The number that stands alone.
        number: String,
    },
    /// Something else where a whole number was expected, such as `"-5s"` or `"s"`.
    #[error("expected a whole number at {rest:?}")]
    MissingNumber {
        /// The text in its place.
        rest: String,
    },
    /// A unit that is none, such as `"5min"`.
    #[error("{unit:?} is not a unit: use w, d, h, m, s, ms, us or ns")]
    UnknownUnit {
        /// The text in the unit's place.
        unit: String,
    },
    /// Parts out of order or twice, such as `"30m1h"`.
    #[error("{unit:?} must precede the smaller units, and appear only once")]
    Order {
        /// The unit in the wrong place.
        unit: &'static str,
    },
    /// More than a [`Duration`] holds: 2^64 seconds.
    #[error("the duration is longer than 2^64 seconds")]
    TooLong,
}

/// Reads a duration: whole numbers, each with its unit, largest unit first.
///
/// Units are `w`, `d`, `h`, `m`, `s`, `ms`, `us` and `ns`. There are no spaces, signs or fractions.
///
/// # Errors
///
/// [`DurationError`] names the part that is wrong.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use vantage_obs::units::parse_duration;
///
/// assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
/// assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5_400)));
/// assert_eq!(parse_duration("2w"), parse_duration("14d"));
/// assert_eq!(
///     parse_duration("30").unwrap_err().to_string(),
///     "30 has no unit: add w, d, h, m, s, ms, us or ns",
/// );
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    let (mut total, mut nanos) = (Duration::ZERO, 0);
    let (mut rest, mut smaller) = (text, 0);
    while !rest.is_empty() {
        let (amount, position, after) = parse_component(rest)?;
        let (unit, length) = UNITS[position];
        // `smaller` is the position after the last unit read: a repeated unit and a larger one are
        // both refused.
        if position < smaller {
            return Err(DurationError::Order { unit });
        }
        // Eight products of 64 bits, each unit once: far from 128.
        nanos += u128::from(amount) * u128::from(length);
        total = from_nanos(nanos).ok_or(DurationError::TooLong)?;
        smaller = position + 1;
        rest = after;
    }
    Ok(total)
}

/// Writes a duration so that [`parse_duration`] reads the same one back.
///
/// Days are the largest unit, because `30d` is how a window is named, and not `4w2d`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use vantage_obs::units::format_duration;
///
/// assert_eq!(format_duration(Duration::from_secs(90)), "1m30s");
/// assert_eq!(format_duration(Duration::from_secs(30 * 86_400)), "30d");
/// assert_eq!(format_duration(Duration::ZERO), "0s");
/// ```
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let mut text = String::new();
    let mut nanos = duration.as_nanos();
    // Without weeks.
    for (unit, length) in UNITS.into_iter().skip(1) {
        let (amount, rest) = (nanos / u128::from(length), nanos % u128::from(length));
        if amount > 0 {
            text.push_str(&format!("{amount}{unit}"));
        }
        nanos = rest;
    }
    if text.is_empty() { "0s".into() } else { text }
}

/// Parses the first number and unit of `text`: the amount, the unit's place in [`UNITS`], and the rest.
fn parse_component(text: &str) -> Result<(u64, usize, &str), DurationError> {
    let digits = prefix_len(text, |c| c.is_ascii_digit());
    let (number, rest) = text.split_at(digits);
    if number.is_empty() {
        return Err(DurationError::MissingNumber { rest: rest.into() });
    }
    let (unit, rest) = rest.split_at(prefix_len(rest, |c| !c.is_ascii_digit()));
    if unit.is_empty() {
        return Err(DurationError::MissingUnit {
            number: number.into(),
        });
    }
    let position = UNITS
        .iter()
        .position(|(name, _)| *name == unit)
        .ok_or_else(|| DurationError::UnknownUnit { unit: unit.into() })?;
    let amount = number.parse().map_err(|_| DurationError::TooLong)?;
    Ok((amount, position, rest))
}

/// Returns the length of the prefix of `text` whose characters are of this kind, in bytes.
// Characters and not bytes are tested, so that a unit such as `µs` is cut at its boundary and named
// whole in the error.
fn prefix_len(text: &str, kind: impl Fn(char) -> bool) -> usize {
    text.find(|c| !kind(c)).unwrap_or(text.len())
}

/// Returns a duration of nanoseconds; `None` beyond the longest one.
///
/// The standard library's own `from_nanos` takes 64 bits, which end after 584 years.
pub(super) fn from_nanos(count: u128) -> Option<Duration> {
    let seconds = u64::try_from(count / NANOS_PER_SECOND).ok()?;
    Some(Duration::new(seconds, (count % NANOS_PER_SECOND) as u32))
}

/// Formats a duration as text for people, with spaces between its units: `43 m 12 s`.
pub(crate) fn format_duration_spaced(duration: Duration) -> String {
    let mut text = String::new();
    let mut before = None;
    for letter in format_duration(duration).chars() {
        if before.is_some_and(|before: char| before.is_ascii_digit() != letter.is_ascii_digit()) {
            text.push(' ');
        }
        text.push(letter);
        before = Some(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_has_its_length() {
        for (text, nanos) in [
            ("1ns", 1),
            ("1us", 1_000),
            ("500ms", 500_000_000),
            ("30s", 30_000_000_000),
            ("5m", 300_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("30d", 2_592_000_000_000_000),
            ("2w", 1_209_600_000_000_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_nanos(nanos)),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let longest = Duration::new(u64::MAX, 999_999_999);
        for duration in [
            Duration::ZERO,
            Duration::from_nanos(1),
            Duration::from_micros(1_500),
            Duration::from_millis(90_250),
            Duration::from_secs(30 * 86_400),
            longest,
        ] {
            let text = format_duration(duration);
            assert_eq!(parse_duration(&text), Ok(duration), "{text}");
        }
    }

    #[test]
    fn a_window_keeps_its_name() {
        for text in ["5m", "1h", "30d", "1h30m", "500ms"] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(format_duration(duration), text);
        }
    }

    #[test]
    fn text_for_people_has_spaces() {
        for (seconds, text) in [(0, "0 s"), (2_592, "43 m 12 s"), (86_400, "1 d")] {
            assert_eq!(format_duration_spaced(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn an_error_names_the_invalid_part() {
        for (text, message) in [
            ("", "a duration can't be empty"),
            ("30", "30 has no unit: add w, d, h, m, s, ms, us or ns"),
            ("-5s", "expected a whole number at \"-5s\""),
            (
                "1.5h",
                "\".\" is not a unit: use w, d, h, m, s, ms, us or ns",
            ),
            (
                "5min",
                "\"min\" is not a unit: use w, d, h, m, s, ms, us or ns",
            ),
            (
                "30m1h",
                "\"h\" must precede the smaller units, and appear only once",
            ),
            (
                "1s1s",
                "\"s\" must precede the smaller units, and appear only once",
            ),
            (
                "99999999999999999999s",
                "the duration is longer than 2^64 seconds",
            ),
            (
                "18446744073709551615w",
                "the duration is longer than 2^64 seconds",
            ),
        ] {
            assert_eq!(
                parse_duration(text).unwrap_err().to_string(),
                message,
                "{text:?}"
            );
        }
    }
}
