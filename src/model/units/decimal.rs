//! A decimal number exactly as it was written.
//!
//! Why from the text and not from an `f64`? Because 99.9 has no binary representation: the budget
//! of a 99.9 % objective would be off by a few nanoseconds, and "exactly 10x is not critical" would
//! depend on rounding. The shortest text of an `f64` gives the decimal back only up to 15
//! significant digits and after a correctly rounded parse, which `serde_json` promises only with
//! its feature `float_roundtrip`. The text itself has no such conditions.

use std::str::FromStr;

/// The text is not a number as JSON writes it, or has more than 19 significant digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DecimalError;

/// `mantissa × 10^exponent`, negated or not; the mantissa has no trailing zero, so that equal
/// numbers have equal fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    mantissa: u64,
    exponent: i32,
}

impl Decimal {
    /// Returns true if the number is below zero.
    pub(crate) fn is_negative(self) -> bool {
        self.negative
    }

    /// Returns true if the number is greater than `limit`, whatever its exponent.
    ///
    /// Without a conversion to a fixed size: `1e400` is a number of JSON and must be refused as too
    /// large, and not as malformed.
    pub(crate) fn exceeds(self, limit: u64) -> bool {
        if self.negative || self.mantissa == 0 {
            return false;
        }
        match 10_u128.checked_pow(self.exponent.unsigned_abs()) {
            // A power that doesn't fit: with a negative exponent the number is smaller than any
            // limit, with a positive one greater.
            None => self.exponent > 0,
            Some(power) if self.exponent < 0 => {
                u128::from(self.mantissa) > power.saturating_mul(u128::from(limit))
            }
            Some(power) => power.saturating_mul(u128::from(self.mantissa)) > u128::from(limit),
        }
    }

    /// Returns the numerator and the denominator; `None` beyond 10^±19.
    pub(crate) fn to_fraction(self) -> Option<(i128, u128)> {
        let digits = self.exponent.unsigned_abs();
        let power = 10_u128.checked_pow(digits)?;
        let magnitude = i128::from(self.mantissa);
        let numerator = if self.negative { -magnitude } else { magnitude };
        if self.exponent < 0 {
            // 10^19 is the largest power of ten below 2^64, and no setting needs more.
            return (digits < 20).then_some((numerator, power));
        }
        Some((numerator.checked_mul(i128::try_from(power).ok()?)?, 1))
    }

    /// Returns the number times `10^places`; `None` if that is not whole, negative, or over 2^64 − 1.
    ///
    /// So 1.5 seconds are `to_fixed_point(9)` = 1,500,000,000 nanoseconds.
    pub(crate) fn to_fixed_point(self, places: u32) -> Option<u64> {
        if self.negative {
            return None;
        }
        if self.mantissa == 0 {
            return Some(0);
        }
        // In 64 bits, because both may be at the end of 32.
        let exponent = i64::from(self.exponent) + i64::from(places);
        let factor = 10_u64.checked_pow(u32::try_from(exponent).ok()?)?;
        self.mantissa.checked_mul(factor)
    }
}

impl FromStr for Decimal {
    type Err = DecimalError;

    /// Reads JSON's grammar for numbers, leading zeros allowed: `99.9`, `0.5`, `-1`, `1e2`.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = match number.split_once('.') {
            Some((_, "")) => return Err(DecimalError),
            Some(parts) => parts,
            None => (number, ""),
        };
        if whole.is_empty() {
            return Err(DecimalError);
        }
        let decimals = i32::try_from(fraction.len()).map_err(|_| DecimalError)?;
        from_digits(
            negative,
            &[whole, fraction].concat(),
            exponent.saturating_sub(decimals),
        )
    }
}

/// Parses digits with an optional sign.
fn parse_exponent(text: &str) -> Result<i32, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecimalError);
    }
    text.parse().map_err(|_| DecimalError)
}

/// Builds the normal form: zeros at the end move into the exponent, and zero has one form only.
fn from_digits(negative: bool, digits: &str, exponent: i32) -> Result<Decimal, DecimalError> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecimalError);
    }
    let digits = digits.trim_start_matches('0');
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Ok(Decimal {
            // There is no −0: equal numbers must have equal fields.
            negative: false,
            mantissa: 0,
            exponent: 0,
        });
    }
    let zeros = i32::try_from(digits.len() - significant.len()).map_err(|_| DecimalError)?;
    Ok(Decimal {
        negative,
        mantissa: significant.parse().map_err(|_| DecimalError)?,
        exponent: exponent.saturating_add(zeros),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn the_same_number_written_differently_is_equal() {
        for text in ["99.9", "99.90", "099.9", "9.99e1", "999E-1", "0.999e+2"] {
            assert_eq!(decimal(text), decimal("99.9"), "{text}");
        }
        assert_eq!(decimal("-0.0"), decimal("0"));
    }

    #[test]
    fn scaling_is_exact_or_refused() {
        assert_eq!(decimal("1.5").to_fixed_point(9), Some(1_500_000_000));
        assert_eq!(decimal("2000").to_fixed_point(6), Some(2_000_000_000));
        assert_eq!(decimal("0").to_fixed_point(0), Some(0));
        assert_eq!(decimal("0.5").to_fixed_point(0), None);
        assert_eq!(decimal("-1").to_fixed_point(0), None);
        assert_eq!(decimal("1e30").to_fixed_point(9), None);
        assert_eq!(decimal("1e2147483647").to_fixed_point(9), None);
        assert_eq!(decimal("1e-2147483647").to_fixed_point(9), None);
    }

    #[test]
    fn what_is_not_a_json_number_is_refused() {
        for text in [
            "", "-", ".5", "5.", "1e", "1e+", "1e+-2", "+1", "0x1", "1 ", "NaN", "1.2.3", "१",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError), "{text:?}");
        }
        assert_eq!(
            "12345678901234567890123".parse::<Decimal>(),
            Err(DecimalError)
        );
    }
}
