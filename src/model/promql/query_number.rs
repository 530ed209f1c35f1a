use std::fmt;
use std::time::Duration;

use crate::model::alerts::AlertThreshold;
use crate::model::units::Ratio;

/// A number in a query: the decimal that was declared, and not the nearest binary fraction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueryNumber(String);

impl fmt::Display for QueryNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Ratio> for QueryNumber {
    fn from(ratio: Ratio) -> Self {
        // 18 decimals are more than a target can have, so that nothing that was declared is cut.
        QueryNumber(ratio.format_trimmed(18))
    }
}

impl From<u32> for QueryNumber {
    fn from(whole: u32) -> Self {
        QueryNumber(whole.to_string())
    }
}

impl From<u64> for QueryNumber {
    fn from(whole: u64) -> Self {
        QueryNumber(whole.to_string())
    }
}

impl From<Duration> for QueryNumber {
    /// Seconds.
    fn from(time: Duration) -> Self {
        let second = Duration::from_secs(1);
        Ratio::from_durations(time, second)
            .unwrap_or(Ratio::ZERO)
            .into()
    }
}

impl From<AlertThreshold> for QueryNumber {
    /// In the base unit; of a band its lower end.
    fn from(threshold: AlertThreshold) -> Self {
        match threshold {
            AlertThreshold::Ratio(ratio) | AlertThreshold::Band(ratio, _) => ratio.into(),
            AlertThreshold::Time(time) => time.into(),
            AlertThreshold::Count(count) => count.into(),
        }
    }
}
