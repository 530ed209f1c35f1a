//! Human-readable numbers and durations.

use crate::model::units::Ratio;

/// Groups digits by three: `1,234,567`.
pub(super) fn group_digits(number: impl Into<u128>) -> String {
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

/// Formats a ratio in percent, rounded down: a remainder is never shown as more.
pub(super) fn format_percent(ratio: Ratio, places: u32) -> String {
    match ratio.checked_mul(Ratio::from(100)) {
        // A space that does not break, and a true minus sign, which screen readers read as one.
        Some(percent) => format!("{}\u{a0}%", percent.format_floor(places).replace('-', "−")),
        None => format!("{:.2}\u{a0}%", ratio.to_f64() * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(group_digits(0_u64), "0");
        assert_eq!(group_digits(999_u64), "999");
        assert_eq!(group_digits(1_000_u64), "1,000");
        assert_eq!(group_digits(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(
            format_percent(Ratio::new(-1, 3).unwrap(), 2),
            "−33.34\u{a0}%"
        );
    }
}
