//! The time over which an objective is to be met.

use std::fmt;
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const WEEK: u64 = 7 * DAY;

/// A window of whole minutes, longer than zero: `30d`, `12h`, `90m`.
///
/// A day is 24 hours. There is no month, because a budget needs a window of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    seconds: u64,
}

impl Window {
    /// What a window may be, for messages.
    pub(super) const ALLOWED: &'static str =
        "a whole number above 0 followed by m, h, d or w, such as \"30d\"";

    /// Reads `<n>m`, `<n>h`, `<n>d` or `<n>w`; `None` for anything else, and for zero.
    ///
    /// The only place where this module reads a duration that has its unit with it.
    pub(super) fn parse(text: &str) -> Option<Window> {
        let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let unit = match unit {
            "m" => MINUTE,
            "h" => HOUR,
            "d" => DAY,
            "w" => WEEK,
            _ => return None,
        };
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let seconds = number.parse::<u64>().ok()?.checked_mul(unit)?;
        (seconds > 0).then_some(Window { seconds })
    }

    /// The length.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

impl fmt::Display for Window {
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
            assert_eq!(Window::parse(written).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for text in [
            "", "d", "0d", "-1d", "+1d", "1.5d", "30", "30 d", "30D", "30s", "30days", "1h30m",
            "3é",
        ] {
            assert_eq!(Window::parse(text), None, "{text:?}");
        }
        assert_eq!(Window::parse("18446744073709551615w"), None);
    }
}
