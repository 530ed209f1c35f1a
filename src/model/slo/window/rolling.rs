//! The last hours or days, whenever one asks.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::TimeRange;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;

/// A window of whole minutes, longer than zero: `30d`, `12h`, `90m`. A day is 24 hours.
///
/// ```
/// use std::time::Duration;
/// use vantage_obs::slo::RollingWindow;
///
/// let week: RollingWindow = "7d".parse()?;
/// assert_eq!(week.duration(), Duration::from_secs(7 * 86_400));
/// assert!("1.5d".parse::<RollingWindow>().is_err());
/// # Ok::<(), vantage_obs::slo::RollingWindowError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RollingWindow {
    /// A multiple of 60.
    seconds: u64,
}

impl RollingWindow {
    /// The maximum length in seconds: ten years. Longer ones are slips, and would reach back before 1970.
    const MAX_SECONDS: u64 = 3_660 * DAY;

    /// Reads `<n>m`, `<n>h`, `<n>d` or `<n>w`; `None` for anything else, and for zero.
    pub(super) fn parse(text: &str) -> Option<RollingWindow> {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let unit = match unit {
            "m" => MINUTE,
            "h" => HOUR,
            "d" => DAY,
            "w" => WEEK,
            _ => return None,
        };
        // `parse` would take a plus sign.
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let seconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
        (1..=Self::MAX_SECONDS)
            .contains(&seconds)
            .then_some(RollingWindow { seconds })
    }

    /// Returns the length.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    pub(super) fn range_at(self, at: Timestamp) -> TimeRange {
        let start = at.checked_sub(self.duration()).unwrap_or(Timestamp::MIN);
        TimeRange::new(start, at)
    }
}

/// Text that is not a [`RollingWindow`] window.
///
/// The writer of the text is at fault; the message says what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a whole number above 0 followed by m, h, d or w, such as 30d, of at most 3660d")]
pub struct RollingWindowError;

impl std::str::FromStr for RollingWindow {
    type Err = RollingWindowError;

    fn from_str(text: &str) -> Result<Self, RollingWindowError> {
        RollingWindow::parse(text).ok_or(RollingWindowError)
    }
}

impl fmt::Display for RollingWindow {
    /// The length in its largest whole unit up to days, which Prometheus understands too: `30d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, symbol) = [(DAY, "d"), (HOUR, "h")]
            .into_iter()
            .find(|(unit, _)| self.seconds.is_multiple_of(*unit))
            .unwrap_or((MINUTE, "m"));
        write!(f, "{}{symbol}", self.seconds / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_shown_in_its_largest_whole_unit() {
        for (written, shown) in [
            ("30d", "30d"),
            ("4w", "28d"),
            ("24h", "1d"),
            ("90m", "90m"),
            ("120m", "2h"),
        ] {
            assert_eq!(RollingWindow::parse(written).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for text in [
            "", "d", "0d", "-1d", "+1d", "1.5d", "30", "30 d", "30D", "30s", "30days", "1h30m",
            "3é", "3661d",
        ] {
            assert_eq!(RollingWindow::parse(text), None, "{text:?}");
        }
        assert_eq!(RollingWindow::parse("18446744073709551615w"), None);
    }

    #[test]
    fn a_rolling_window_ends_at_the_moment_of_the_question() {
        let at: Timestamp = "2026-03-31T12:00:00Z".parse().unwrap();
        let span = RollingWindow::parse("30d").unwrap().range_at(at);
        assert_eq!(span.start.to_string(), "2026-03-01T12:00:00Z");
        assert_eq!((span.end, span.remaining_at(at)), (at, Duration::ZERO));
    }
}
