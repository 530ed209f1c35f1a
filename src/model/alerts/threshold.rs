use std::fmt;
use std::time::Duration;

use crate::model::units::{Ratio, format_duration};

/// The quantity of a signal's thresholds.
///
/// It decides how the configuration reads a threshold (`0.05`, `"5m"`, `[0.5, 2]`, `500`), how
/// texts write it, and the range that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ThresholdQuantity {
    /// A share of a whole, above 0 and below 1.
    Share,
    /// A multiple of what is usual: 0.5 is half, 2 twice as much.
    Multiple,
    /// A band around what is usual.
    Band,
    /// A time.
    Time,
    /// A number of things.
    Count,
    /// None: the alert is about a fact, or its levels are decided elsewhere.
    None,
}

/// The threshold of an alert: the value from which on it fires.
///
/// Ratios are exact, so that "more than 5%" in a rule, a panel and this process means the same
/// number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AlertThreshold {
    /// A share or a multiple.
    Ratio(Ratio),
    /// From the first multiple to the second everything is usual.
    Band(Ratio, Ratio),
    /// A time.
    Time(Duration),
    /// A number of things.
    Count(u64),
}

impl AlertThreshold {
    /// This many hundredths.
    ///
    /// Ratios can't fail here: the denominator is a constant. The fallback exists because a
    /// constant function can't unwrap without a panic path.
    pub(super) const fn percent(hundredths: i128) -> AlertThreshold {
        match Ratio::new(hundredths, 100) {
            Some(ratio) => AlertThreshold::Ratio(ratio),
            None => AlertThreshold::Ratio(Ratio::ZERO),
        }
    }

    /// From this many hundredths to that many.
    ///
    /// A denominator of zero is the only failure, and it is a constant.
    pub(super) const fn band(low: i128, high: i128) -> AlertThreshold {
        match (Ratio::new(low, 100), Ratio::new(high, 100)) {
            (Some(low), Some(high)) => AlertThreshold::Band(low, high),
            _ => AlertThreshold::Band(Ratio::ZERO, Ratio::ONE),
        }
    }

    /// This many seconds.
    pub(super) const fn seconds(seconds: u64) -> AlertThreshold {
        AlertThreshold::Time(Duration::from_secs(seconds))
    }

    /// Returns the number that a panel draws: a fraction, seconds, or a count; of a band its lower end.
    #[must_use]
    pub fn lower_bound(self) -> f64 {
        match self {
            Self::Ratio(ratio) | Self::Band(ratio, _) => ratio.to_f64(),
            Self::Time(time) => time.as_secs_f64(),
            // Thresholds of counts are far below 2^53.
            Self::Count(count) => count as f64,
        }
    }

    /// Returns the upper end of a band; of all else the same as [`lower_bound`](Self::lower_bound).
    #[must_use]
    pub fn upper_bound(self) -> f64 {
        match self {
            Self::Band(_, high) => high.to_f64(),
            other => other.lower_bound(),
        }
    }
}

impl fmt::Display for AlertThreshold {
    /// As people write it: `5%`, `50% to 200%`, `5m`, `500`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(ratio) => write!(f, "{}%", format_percent(*ratio)),
            Self::Band(low, high) => {
                write!(f, "{}% to {}%", format_percent(*low), format_percent(*high))
            }
            Self::Time(time) => f.write_str(&format_duration(*time)),
            Self::Count(count) => count.fmt(f),
        }
    }
}

impl serde::Serialize for AlertThreshold {
    /// As the configuration has it: `0.05`, `[0.5, 2]`, `"5m"`, `500`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ratio(ratio) => ratio.serialize(serializer),
            Self::Band(low, high) => [low, high].serialize(serializer),
            Self::Time(time) => serializer.serialize_str(&format_duration(*time)),
            Self::Count(count) => serializer.serialize_u64(*count),
        }
    }
}

/// Formats a ratio as a percentage without its sign, with at most six decimals.
fn format_percent(ratio: Ratio) -> String {
    // A multiplication that overflows leaves the fraction: a text that is too small by a factor of
    // 100 can only come of terms near 2^127, which no configuration can declare.
    let hundred = ratio.checked_mul(Ratio::from(100)).unwrap_or(ratio);
    hundred.format_trimmed(6)
}
