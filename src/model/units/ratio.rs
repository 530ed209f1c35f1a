//! Exact ratios, signed: how much of a budget is left, how fast it burns.
//!
//! Why a fraction and not an `f64`? Because alerts compare with a factor, and "exactly 10x is not
//! critical, one event more is" must hold for every target and count. A float decides that by its
//! last bit.
//!
//! Why 128 bits? A count has 64, a share of 12 decimals 47. Products of two such ratios go beyond,
//! and are compared and divided in 256 bits by [`wide`]; sums and products that must be kept are
//! checked, and `None` where they overflow.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use super::duration::from_nanos;
use super::{Decimal, wide};

/// An exact ratio of any size and sign: 0.282, 14.4, −1.5.
///
/// Compared as a number, without rounding: 10.000000000001 is greater than 10.
///
/// # Examples
///
/// ```
/// use vantage_obs::units::Ratio;
///
/// let factor: Ratio = "14.4".parse()?;
/// assert!(factor > Ratio::from(14));
/// assert_eq!(factor.to_f64(), 14.4);
/// assert_eq!(factor.format_floor(0), "14");
/// # Ok::<(), vantage_obs::units::RatioError>(())
/// ```
// The terms are not the lowest: reducing them costs more than all that is done with most ratios.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// Carries the sign.
    numerator: i128,
    /// Never 0.
    denominator: u128,
}

/// Text that is not a [`Ratio`].
///
/// The writer of the text is at fault; the message says what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number of up to 19 digits such as 14.4")]
pub struct RatioError;

impl Ratio {
    /// Nothing.
    pub const ZERO: Ratio = Ratio {
        numerator: 0,
        denominator: 1,
    };
    /// The whole.
    pub const ONE: Ratio = Ratio {
        numerator: 1,
        denominator: 1,
    };

    /// Creates `numerator / denominator`; `None` if the denominator is 0.
    #[must_use]
    pub const fn new(numerator: i128, denominator: u128) -> Option<Ratio> {
        if denominator == 0 {
            return None;
        }
        Some(Ratio {
            numerator,
            denominator,
        })
    }

    /// Creates the ratio of two durations; `None` if `whole` is zero.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vantage_obs::units::Ratio;
    ///
    /// let share = Ratio::from_durations(Duration::from_secs(90), Duration::from_secs(3_600));
    /// assert_eq!(share.map(Ratio::to_f64), Some(0.025));
    /// assert!(Ratio::from_durations(Duration::from_secs(1), Duration::ZERO).is_none());
    /// ```
    #[must_use]
    pub fn from_durations(part: Duration, whole: Duration) -> Option<Ratio> {
        Ratio::new(i128::try_from(part.as_nanos()).ok()?, whole.as_nanos())
    }

    /// Returns true if the ratio is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.numerator < 0
    }

    /// Returns 1 − self; negative above 1.
    #[must_use]
    // Terms that don't fit in 127 bits saturate: they are beyond every budget, and a wrong sign
    // would be worse than a wrong digit.
    pub fn complement(self) -> Ratio {
        let whole = i128::try_from(self.denominator).unwrap_or(i128::MAX);
        Ratio {
            numerator: whole.saturating_sub(self.numerator),
            denominator: self.denominator,
        }
    }

    /// Multiplies two ratios; `None` if the lowest terms overflow.
    #[must_use]
    pub fn checked_mul(self, other: Ratio) -> Option<Ratio> {
        self.mul_terms(other).or_else(|| {
            // Each numerator against the other's denominator: only a product that needs it is reduced.
            let (ours, theirs) = (self.reduced(), other.reduced());
            let left = Ratio::new(ours.numerator, theirs.denominator)?.reduced();
            let right = Ratio::new(theirs.numerator, ours.denominator)?.reduced();
            left.mul_terms(right)
        })
    }

    fn mul_terms(self, other: Ratio) -> Option<Ratio> {
        let numerator = self.numerator.checked_mul(other.numerator)?;
        Ratio::new(numerator, self.denominator.checked_mul(other.denominator)?)
    }

    /// Divides by a ratio; `None` if that is not above zero, or if the lowest terms overflow.
    #[must_use]
    pub fn checked_div(self, other: Ratio) -> Option<Ratio> {
        // A negative divisor is refused: no share and no rate of this crate is one, and signs would
        // have to move to the numerator.
        let numerator = i128::try_from(other.denominator).ok()?;
        let denominator = u128::try_from(other.numerator).ok()?;
        self.checked_mul(Ratio::new(numerator, denominator)?)
    }

    /// Subtracts a ratio; `None` if the terms overflow.
    #[must_use]
    // Over a common denominator, unreduced: reducing both first would cost more than the rare
    // overflow.
    pub fn checked_sub(self, other: Ratio) -> Option<Ratio> {
        let (ours, theirs) = (
            i128::try_from(self.denominator).ok()?,
            i128::try_from(other.denominator).ok()?,
        );
        let left = self.numerator.checked_mul(theirs)?;
        let right = other.numerator.checked_mul(ours)?;
        let denominator = self.denominator.checked_mul(other.denominator)?;
        Ratio::new(left.checked_sub(right)?, denominator)
    }

    /// Multiplies `whole` by this ratio, rounding down to nanoseconds; zero if negative,
    /// [`Duration::MAX`] if it doesn't fit.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vantage_obs::units::Ratio;
    ///
    /// let permitted = Ratio::new(1, 1_000).expect("not over 0"); // what a target of 99.9 leaves
    /// let budget = permitted.mul_duration(Duration::from_secs(30 * 86_400));
    /// assert_eq!(budget, Duration::from_secs(43 * 60 + 12));
    /// ```
    #[must_use]
    pub fn mul_duration(self, whole: Duration) -> Duration {
        let numerator = u128::try_from(self.numerator).unwrap_or(0);
        let nanos = wide::mul_div(whole.as_nanos(), numerator, self.denominator);
        from_nanos(nanos).unwrap_or(Duration::MAX)
    }

    /// Divides `whole` by this ratio, rounding down to nanoseconds: the time it lasts at this rate.
    /// `None` at zero and below, where it lasts forever.
    #[must_use]
    pub fn div_duration(self, whole: Duration) -> Option<Duration> {
        let rate = u128::try_from(self.numerator)
            .ok()
            .filter(|rate| *rate > 0)?;
        let nanos = wide::mul_div(whole.as_nanos(), self.denominator, rate);
        Some(from_nanos(nanos).unwrap_or(Duration::MAX))
    }

    /// Returns the nearest `f64`, for metrics and JSON; not for arithmetic.
    ///
    /// Exact to the last bit where both terms are below 2^53, because the division of two exact
    /// floats is correctly rounded.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        const EXACT: u128 = 1 << f64::MANTISSA_DIGITS;
        let (mut numerator, mut denominator) = (self.numerator, self.denominator);
        if numerator.unsigned_abs() >= EXACT || denominator >= EXACT {
            // Each is rounded for itself here, so that the last digit may be off.
            (numerator, denominator) = self.lowest_terms();
        }
        numerator as f64 / denominator as f64
    }

    /// Returns the numerator and the denominator in lowest terms: 1 and 1,000 for 0.1 %.
    #[must_use]
    // `divisor` is at least 1, so that 0/1 stays as it is.
    pub fn lowest_terms(self) -> (i128, u128) {
        let divisor = greatest_common_divisor(self.numerator.unsigned_abs(), self.denominator);
        let numerator = match i128::try_from(divisor) {
            Ok(divisor) => self.numerator / divisor,
            // Only 0 and the least number are divided by one that is greater.
            Err(_) => self.numerator.signum(),
        };
        (numerator, self.denominator / divisor)
    }

    /// Returns the same ratio in lowest terms.
    #[must_use]
    pub fn reduced(self) -> Ratio {
        let (numerator, denominator) = self.lowest_terms();
        Ratio {
            numerator,
            denominator,
        }
    }

    /// Formats the ratio with this many decimals, at most 18, rounding towards minus infinity: what is
    /// left is never shown as more.
    ///
    /// ```
    /// use vantage_obs::units::Ratio;
    ///
    /// let nearly_one = Ratio::new(9_999, 10_000).expect("not over 0");
    /// assert_eq!(nearly_one.format_floor(3), "0.999"); // never rounded up to 1
    /// assert_eq!(nearly_one.format_ceil(3), "1.000");
    /// assert_eq!(nearly_one.format_trimmed(6), "0.9999");
    /// ```
    #[must_use]
    pub fn format_floor(self, places: u32) -> String {
        let (magnitude, exact) = self.scaled_magnitude(places);
        // Away from zero for a negative number is down: the magnitude is rounded up.
        if self.is_negative() {
            format_scaled(true, magnitude + u128::from(!exact), places)
        } else {
            format_scaled(false, magnitude, places)
        }
    }

    /// Formats the ratio with this many decimals, at most 18, rounding towards plus infinity: what is
    /// spent is never shown as less.
    #[must_use]
    pub fn format_ceil(self, places: u32) -> String {
        let (magnitude, exact) = self.scaled_magnitude(places);
        if self.is_negative() {
            format_scaled(true, magnitude, places)
        } else {
            format_scaled(false, magnitude + u128::from(!exact), places)
        }
    }

    /// Formats the ratio without trailing zeros, with at most this many decimals, rounding down: 0.5, 14.4, 3.
    #[must_use]
    pub fn format_trimmed(self, places: u32) -> String {
        let text = self.format_floor(places);
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').into(),
            false => text,
        }
    }

    /// Returns the magnitude times `10^places`, rounded towards zero, and whether that is exact.
    fn scaled_magnitude(self, places: u32) -> (u128, bool) {
        let power = 10_u128.pow(places.min(18));
        let magnitude = self.numerator.unsigned_abs();
        let scaled = wide::mul_div(magnitude, power, self.denominator).min(u128::MAX - 1);
        let exact = wide::compare_fractions((scaled, power), (magnitude, self.denominator)).is_eq();
        (scaled, exact)
    }
}

/// Formats a fixed-point magnitude. Zero has no sign: "−0.00" would be read as a debt.
fn format_scaled(negative: bool, scaled: u128, places: u32) -> String {
    let sign = if negative && scaled > 0 { "-" } else { "" };
    let places = places.min(18);
    let power = 10_u128.pow(places);
    let whole = scaled / power;
    match places {
        0 => format!("{sign}{whole}"),
        places => format!(
            "{sign}{whole}.{:0width$}",
            scaled % power,
            width = places as usize
        ),
    }
}

/// Euclid's algorithm; at least 1, so that it can be divided by.
fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

impl From<u32> for Ratio {
    fn from(whole: u32) -> Self {
        Ratio {
            numerator: i128::from(whole),
            denominator: 1,
        }
    }
}

impl std::str::FromStr for Ratio {
    type Err = RatioError;

    fn from_str(text: &str) -> Result<Self, RatioError> {
        let decimal: Decimal = text.parse().map_err(|_| RatioError)?;
        let (numerator, denominator) = decimal.to_fraction().ok_or(RatioError)?;
        Ratio::new(numerator, denominator).ok_or(RatioError)
    }
}

impl serde::Serialize for Ratio {
    /// As a number: 10 and not 10.0.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        super::serialize_number(self.to_f64(), serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Ratio {
    /// From a number, exactly as its text.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        let text = number.to_string();
        text.parse()
            // Of a number that is too small for a decimal the further digits don't matter.
            .or_else(|_| format!("{:.12}", number.as_f64().unwrap_or_default()).parse())
            .map_err(|_: RatioError| {
                serde::de::Error::custom(format!("number {text:?}: not a decimal"))
            })
    }
}

impl Ord for Ratio {
    // Signs decide first, so that only magnitudes are multiplied; of two negative numbers the one
    // with the smaller magnitude is greater.
    fn cmp(&self, other: &Self) -> Ordering {
        let magnitude = |ratio: &Self| (ratio.numerator.unsigned_abs(), ratio.denominator);
        match (self.numerator.signum(), other.numerator.signum()) {
            (-1, -1) => wide::compare_fractions(magnitude(other), magnitude(self)),
            (1, 1) => wide::compare_fractions(magnitude(self), magnitude(other)),
            (left, right) => left.cmp(&right),
        }
    }
}

impl PartialOrd for Ratio {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ratio {}

impl Hash for Ratio {
    // Equal ratios may have different terms, and equal values must have equal hashes.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lowest_terms().hash(state);
    }
}

#[cfg(test)]
mod tests;
