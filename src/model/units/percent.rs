//! Exact percentages, as targets are declared.

use std::fmt;
use std::str::FromStr;

use super::{Decimal, Ratio};

/// The number of decimals of a [`Percent`].
///
/// 100 % is 10^14 then, far below 2^64; a target of nine nines (99.9999999) needs seven decimals.
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

    /// Returns the percentage as a share of one, in lowest terms: 0.1 % is 1/1000.
    ///
    /// Reduced here, because shares are multiplied by counts later: smaller terms leave more room
    /// in 128 bits.
    #[must_use]
    pub fn to_ratio(self) -> Ratio {
        let (numerator, denominator) = self.over(Percent::HUNDRED).lowest_terms();
        Ratio::new(numerator, denominator).unwrap_or(Ratio::ZERO)
    }

    fn over(self, unit: Percent) -> Ratio {
        Ratio::new(self.0.into(), unit.0.into()).unwrap_or(Ratio::ZERO)
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
    #[error("a percentage is between 0 and 100")]
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
        // Asked before the precision, so that `101.5` is told that it is too large.
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
        f.write_str(&self.over(Percent::ONE).format_trimmed(DECIMAL_PLACES))
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
        self.over(Percent::ONE).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        let bad = percent("99.9").complement().to_ratio();
        assert_eq!(bad.lowest_terms(), (1, 1_000));
        assert_eq!(percent("99.5").complement(), percent("0.5"));
        assert_eq!(
            Percent::HUNDRED.complement().to_ratio(),
            Percent::ZERO.to_ratio()
        );
    }

    #[test]
    fn shares_compare_by_value() {
        assert!(percent("0.1").to_ratio() < percent("0.5").to_ratio());
        assert!(percent("99.999999999999").to_ratio() < Percent::HUNDRED.to_ratio());
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
            Percent::HUNDRED.to_ratio().mul_duration(Duration::MAX),
            Duration::MAX
        );
        assert_eq!(
            Percent::ZERO.to_ratio().mul_duration(Duration::MAX),
            Duration::ZERO
        );
    }

    #[test]
    fn a_share_of_nanoseconds_is_rounded_down() {
        let half = percent("50").to_ratio();
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
