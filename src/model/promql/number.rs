use std::fmt;
use std::time::Duration;

use crate::model::alerts::Threshold;
use crate::model::units::Ratio;

/// A number in a query: the decimal that was declared, and not the nearest binary fraction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number(String);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Ratio> for Number {
    fn from(ratio: Ratio) -> Self {
        Number(ratio.shortened(18))
    }
}

impl From<u32> for Number {
    fn from(whole: u32) -> Self {
        Number(whole.to_string())
    }
}

impl From<u64> for Number {
    fn from(whole: u64) -> Self {
        Number(whole.to_string())
    }
}

impl From<Duration> for Number {
    /// Seconds.
    fn from(time: Duration) -> Self {
        let second = Duration::from_secs(1);
        Ratio::of_durations(time, second)
            .unwrap_or(Ratio::ZERO)
            .into()
    }
}

impl From<Threshold> for Number {
    /// In the base unit; of a band its lower end.
    fn from(threshold: Threshold) -> Self {
        match threshold {
            Threshold::Ratio(ratio) | Threshold::Band(ratio, _) => ratio.into(),
            Threshold::Time(time) => time.into(),
            Threshold::Count(count) => count.into(),
        }
    }
}
