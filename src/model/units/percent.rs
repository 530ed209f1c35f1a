//! Exact percentages, and the exact fractions that follow from them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Decimal;

/// The number of decimals of a [`Percent`].
const DECIMAL_PLACES: u32 = 12;

/// One percent in the fixed point of [`Percent`].
const SCALE: u64 = 10_u64.pow(DECIMAL_PLACES);

/// A percentage from 0 to 100 with up to 12 decimals, exact: 99.9 is 99.9.
///
/// Parsed from and shown as the plain number, without a percent sign: the form that a target has
/// in an SLO file.
///
/// # Examples
///
/// ```
/// use vantage_obs::units::Percent;
///
/// let target: Percent = "99.90".parse()?;
/// assert_eq!(target.to_string(), "99.9");
/// assert_eq!(target.complement().to_string(), "0.1");
/// assert!("100.1".parse::<Percent>().is_err());
/// # Ok::<(), vantage_obs::units::PercentError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u64);

impl Percent {
    /// Nothing.
    pub const ZERO: Percent = Percent(0);
    /// One in a hundred.
    pub const ONE: Percent = Percent(SCALE);
    /// The whole.
    pub const HUNDRED: Percent = Percent(100 * SCALE);

    /// Returns 100 − self: the error rate that a target permits, in percent.
    #[must_use]
    pub fn complement(self) -> Percent {
        Percent(Percent::HUNDRED.0 - self.0)
    }

    /// Returns the percentage as a fraction of one: 0.1 % is 1/1000.
    #[must_use]
    pub fn to_fraction(self) -> Fraction {
        let divisor = greatest_common_divisor(self.0, Percent::HUNDRED.0);
        Fraction {
            numerator: self.0 / divisor,
            denominator: Percent::HUNDRED.0 / divisor,
        }
    }
}

/// Text that is not a [`Percent`].
///
/// The writer of the text is at fault; the message says what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PercentError {
    /// Not a plain decimal number, or one of more than 19 significant digits.
    #[error("not a decimal number such as 99.9")]
    NotANumber,
    /// Below 0 or above 100.
    #[error("a percentage is from 0 to 100")]
    OutOfRange,
    /// More decimals than can be kept exactly.
    #[error("a percentage has at most 12 decimals")]
    TooPrecise,
}

impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, PercentError> {
        let decimal: Decimal = text.parse().map_err(|_| PercentError::NotANumber)?;
        Percent::try_from(decimal)
    }
}

impl TryFrom<Decimal> for Percent {
    type Error = PercentError;

    fn try_from(decimal: Decimal) -> Result<Self, PercentError> {
        if decimal.is_negative() || decimal.exceeds(100) {
            return Err(PercentError::OutOfRange);
        }
        decimal
            .to_fixed_point(DECIMAL_PLACES)
            .map(Percent)
            .ok_or(PercentError::TooPrecise)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.0 / SCALE, self.0 % SCALE);
        if decimals == 0 {
            return write!(f, "{whole}");
        }
        let decimals = format!("{decimals:0width$}", width = DECIMAL_PLACES as usize);
        write!(f, "{whole}.{}", decimals.trim_end_matches('0'))
    }
}

impl fmt::Debug for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}%")
    }
}

impl serde::Serialize for Percent {
    /// As the number that a file has.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nearest = self.to_string().parse().unwrap_or(f64::NAN);
        super::serialize_number(nearest, serializer)
    }
}

/// An exact fraction from 0 to 1 in lowest terms, such as the share of events that may be bad.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use vantage_obs::units::Percent;
///
/// let bad = "99.9".parse::<Percent>()?.complement().to_fraction();
/// assert_eq!((bad.numerator(), bad.denominator()), (1, 1_000));
/// assert_eq!(bad.mul_duration(Duration::from_secs(1_000)), Duration::from_secs(1));
/// # Ok::<(), vantage_obs::units::PercentError>(())
/// ```
// The derived equality and hash are those of the value, because the terms are the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fraction {
    numerator: u64,
    denominator: u64,
}

impl Fraction {
    /// The number above the line; at most [`denominator`](Self::denominator).
    #[must_use]
    pub fn numerator(self) -> u64 {
        self.numerator
    }

    /// The number below the line; from 1 to 10^14.
    #[must_use]
    pub fn denominator(self) -> u64 {
        self.denominator
    }

    /// Multiplies a duration by this fraction, rounding down to nanoseconds.
    #[must_use]
    pub fn mul_duration(self, whole: Duration) -> Duration {
        // Seconds and their remainder apart: together they don't fit into 128 bits.
        let (numerator, denominator) = (u128::from(self.numerator), u128::from(self.denominator));
        let seconds = u128::from(whole.as_secs()) * numerator;
        let below_a_second = seconds % denominator * 1_000_000_000;
        let nanos = (below_a_second + u128::from(whole.subsec_nanos()) * numerator) / denominator;
        Duration::from_secs(saturating_u64(seconds / denominator))
            + Duration::from_nanos(saturating_u64(nanos))
    }

    /// The nearest `f64`, for metrics and JSON; not for arithmetic.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let left = u128::from(self.numerator) * u128::from(other.denominator);
        let right = u128::from(other.numerator) * u128::from(self.denominator);
        left.cmp(&right)
    }
}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Converts to `u64`, saturating; a part of a `u64` always fits.
fn saturating_u64(part: u128) -> u64 {
    u64::try_from(part).unwrap_or(u64::MAX)
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percent(text: &str) -> Percent {
        text.parse().unwrap()
    }

    #[test]
    fn a_percentage_is_shown_as_it_was_written() {
        for text in ["0", "0.5", "95", "99.9", "99.999999999999", "100"] {
            assert_eq!(percent(text).to_string(), text);
        }
        assert_eq!(format!("{:?}", percent("99.90")), "99.9%");
    }

    #[test]
    fn permitted_bad_of_99_9_is_exactly_one_in_a_thousand() {
        let bad = percent("99.9").complement().to_fraction();
        assert_eq!(
            bad,
            Fraction {
                numerator: 1,
                denominator: 1_000
            }
        );
        assert_eq!(percent("99.5").complement(), percent("0.5"));
        assert_eq!(
            Percent::HUNDRED.complement().to_fraction(),
            Percent::ZERO.to_fraction()
        );
    }

    #[test]
    fn fractions_compare_by_value() {
        assert!(percent("0.1").to_fraction() < percent("0.5").to_fraction());
        assert!(percent("99.999999999999").to_fraction() < Percent::HUNDRED.to_fraction());
    }

    #[test]
    fn a_percentage_outside_0_to_100_is_refused() {
        for text in [
            "-1",
            "-0.000000000001",
            "100.000000000001",
            "1e3",
            "1e2000000000",
            "18446744073709551615",
        ] {
            assert_eq!(
                text.parse::<Percent>(),
                Err(PercentError::OutOfRange),
                "{text}"
            );
        }
        assert_eq!(percent("1e2"), Percent::HUNDRED);
    }

    #[test]
    fn a_thirteenth_decimal_is_refused_rather_than_rounded() {
        assert_eq!(
            "99.9999999999999".parse::<Percent>(),
            Err(PercentError::TooPrecise)
        );
        assert_eq!(
            "1e-2000000000".parse::<Percent>(),
            Err(PercentError::TooPrecise)
        );
        assert_eq!(percent("99.9000000000000000"), percent("99.9"));
    }

    #[test]
    fn a_percent_sign_is_not_part_of_the_number() {
        assert_eq!("99.9%".parse::<Percent>(), Err(PercentError::NotANumber));
    }

    #[test]
    fn a_share_of_the_longest_duration_does_not_overflow() {
        assert_eq!(
            Percent::HUNDRED.to_fraction().mul_duration(Duration::MAX),
            Duration::MAX
        );
        assert_eq!(
            Percent::ZERO.to_fraction().mul_duration(Duration::MAX),
            Duration::ZERO
        );
    }

    #[test]
    fn a_share_of_nanoseconds_is_rounded_down() {
        let half = percent("50").to_fraction();
        assert_eq!(
            half.mul_duration(Duration::from_nanos(3)),
            Duration::from_nanos(1)
        );
        assert_eq!(
            half.mul_duration(Duration::new(3, 1)),
            Duration::new(1, 500_000_000)
        );
    }
}
