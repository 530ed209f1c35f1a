//! Numbers for people.

use std::time::Duration;

use crate::model::units::{Ratio, format_duration};

/// Digits in groups of three: `1,234,567`.
pub(super) fn grouped(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share in percent, rounded down: what is left is never shown as more.
pub(super) fn percent(share: Ratio, places: u32) -> String {
    match share.times(Ratio::from(100)) {
        Some(percent) => format!("{}\u{a0}%", percent.rounded_down(places).replace('-', "−")),
        None => format!("{:.2}\u{a0}%", share.to_f64() * 100.0),
    }
}

/// A length of time with spaces between its units: `43 m 12 s`.
pub(super) fn spoken(duration: Duration) -> String {
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
    fn numbers_are_written_for_people() {
        assert_eq!(grouped(0_u64), "0");
        assert_eq!(grouped(999_u64), "999");
        assert_eq!(grouped(1_000_u64), "1,000");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(percent(Ratio::new(-1, 3).unwrap(), 2), "−33.34\u{a0}%");
        assert_eq!(spoken(Duration::from_secs(2_592)), "43 m 12 s");
    }
}
