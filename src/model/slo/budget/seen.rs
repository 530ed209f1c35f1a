//! The part of a window that has samples, and the words for a window that is not full yet.

use std::time::Duration;

use crate::model::units::Ratio;

/// The shortest time that is told in a unit: twice the unit, so that 90 min is not 1 h.
const UNITS_AT_LEAST: u32 = 2;
/// Every unit, largest first, with its length.
const UNITS: [(&str, Duration); 4] = [
    ("d", Duration::from_secs(86_400)),
    ("h", Duration::from_secs(3_600)),
    ("min", Duration::from_secs(60)),
    ("s", Duration::from_secs(1)),
];
/// The largest error of a window's rounded length, as one part in so many: an hour of summer time in a month.
const ROUNDING_PARTS: u32 = 50;

/// The part of a whole window that has samples: *seen*, and *collecting* while that is less than nine tenths.
///
/// Time of declared maintenance belongs neither to the one nor to the other. The part of a calendar
/// window that is still to come has no samples, and belongs to the window.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use vantage_obs::slo::budget::SeenTime;
///
/// let minutes = |count: u64| Duration::from_secs(60 * count);
/// let young = SeenTime::new(minutes(18), minutes(60));
/// assert_eq!(young.share().to_f64(), 0.3);
/// assert_eq!(young.collecting_text().unwrap(), "collecting data, 18 of 60 min");
/// assert_eq!(SeenTime::new(minutes(54), minutes(60)).collecting_text(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenTime {
    seen: Duration,
    window: Duration,
}

impl SeenTime {
    /// Creates it from the time with samples, at most that of the window, and the length of the window.
    #[must_use]
    pub fn new(seen: Duration, window: Duration) -> SeenTime {
        SeenTime {
            seen: seen.min(window),
            window,
        }
    }

    /// Creates it from the coverage, 0 to 1, of the elapsed part of a window; a rolling window has elapsed
    /// as a whole. The time is rounded to milliseconds, which undoes the rounding of the coverage.
    #[must_use]
    pub fn from_coverage(coverage: f64, elapsed: Duration, window: Duration) -> SeenTime {
        let millis = (elapsed.as_secs_f64() * 1_000.0 * coverage.clamp(0.0, 1.0)).round();
        SeenTime::new(Duration::from_millis(millis as u64), window)
    }

    /// Returns the time with samples.
    #[must_use]
    pub const fn seen(self) -> Duration {
        self.seen
    }

    /// Returns the length of the whole window.
    #[must_use]
    pub const fn window(self) -> Duration {
        self.window
    }

    /// Returns the share of the window that has samples, 0 to 1; 1 of an empty window, of which nothing is
    /// missing.
    #[must_use]
    pub fn share(self) -> Ratio {
        let share = Ratio::from_durations(self.seen, self.window);
        // Small terms, because counts are multiplied by them.
        share.unwrap_or(Ratio::ONE).reduced()
    }

    /// Returns `true` if less than nine tenths of the window have samples.
    #[must_use]
    pub fn is_collecting(self) -> bool {
        Ratio::new(9, 10).is_some_and(|enough| self.share() < enough)
    }

    /// Returns the words for a window that is not full yet: `collecting data, 18 of 60 min`. `None` where it
    /// is, to nine tenths.
    #[must_use]
    pub fn collecting_text(self) -> Option<String> {
        self.is_collecting()
            .then(|| format!("collecting data, {}", self.format_parts()))
    }

    /// Formats both times, with one unit where they share it: `18 of 60 min`, `18 min of 30 d`. What is seen
    /// is rounded down.
    fn format_parts(self) -> String {
        let (unit, length) = UNITS
            .into_iter()
            .find(|(_, length)| self.seen >= *length * UNITS_AT_LEAST)
            .unwrap_or(UNITS[UNITS.len() - 1]);
        let amount = self.seen.as_nanos() / length.as_nanos();
        let (whole, whole_unit) = self.rounded_window();
        match unit == whole_unit {
            true => format!("{amount} of {whole} {unit}"),
            false => format!("{amount} {unit} of {whole} {whole_unit}"),
        }
    }

    /// Returns the length of the window in the largest unit that shows it well.
    fn rounded_window(self) -> (u128, &'static str) {
        let in_unit = |length: Duration| {
            let (window, unit) = (self.window.as_nanos(), length.as_nanos());
            let amount = (window + unit / 2) / unit;
            let error = window.abs_diff(amount * unit);
            let is_close = error * u128::from(ROUNDING_PARTS) <= window;
            (amount >= u128::from(UNITS_AT_LEAST) && is_close).then_some(amount)
        };
        let fitting = UNITS
            .into_iter()
            .find_map(|(unit, length)| Some((in_unit(length)?, unit)));
        fitting.unwrap_or((self.window.as_secs().into(), "s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn text(seen: u64, window: u64) -> String {
        let text = SeenTime::new(seconds(seen), seconds(window)).collecting_text();
        text.unwrap_or_else(|| "full".into())
    }

    #[test]
    fn it_collects_below_nine_tenths_and_says_how_much_there_is() {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        for (seen, window, expected) in [
            (18 * MINUTE, HOUR, "collecting data, 18 of 60 min"),
            (18 * MINUTE + 59, HOUR, "collecting data, 18 of 60 min"),
            (18 * MINUTE, 30 * DAY, "collecting data, 18 min of 30 d"),
            (0, 30 * DAY, "collecting data, 0 s of 30 d"),
            (110, 30 * DAY, "collecting data, 110 s of 30 d"),
            (120, 30 * DAY, "collecting data, 2 min of 30 d"),
            (100 * MINUTE, 7 * DAY, "collecting data, 100 min of 7 d"),
            (5 * HOUR, DAY, "collecting data, 5 of 24 h"),
            (36 * HOUR, 30 * DAY, "collecting data, 36 h of 30 d"),
            (12 * DAY, 30 * DAY, "collecting data, 12 of 30 d"),
            (60, 150 * MINUTE, "collecting data, 60 s of 150 min"),
            (MINUTE, 90 * MINUTE, "collecting data, 60 s of 90 min"),
            // March in Berlin has an hour less, and ten minutes of maintenance are no part of a window.
            (20 * DAY, 31 * DAY - HOUR, "collecting data, 20 of 31 d"),
            (20 * DAY, 30 * DAY - 600, "collecting data, 20 of 30 d"),
            (5, 10, "collecting data, 5 of 10 s"),
            (53 * MINUTE + 59, HOUR, "collecting data, 53 of 60 min"),
            (54 * MINUTE, HOUR, "full"),
            (61 * MINUTE, HOUR, "full"),
            (0, 0, "full"),
        ] {
            assert_eq!(text(seen, window), expected, "{seen} of {window}");
        }
    }

    #[test]
    fn the_time_is_found_again_in_a_coverage_that_was_rounded() {
        for intervals in [0, 1, 7, 108, 86_399, 233_279, 259_200] {
            let window = seconds(30 * 86_400);
            let exact = SeenTime::new(seconds(10 * intervals), window);
            let coverage = exact.share().to_f64();
            assert_eq!(SeenTime::from_coverage(coverage, window, window), exact);
        }
        let month = SeenTime::from_coverage(0.5, seconds(86_400), seconds(30 * 86_400));
        assert_eq!(month.share(), Ratio::new(1, 60).unwrap());
        let beyond = SeenTime::from_coverage(f64::NAN, seconds(60), seconds(60));
        assert_eq!(beyond.seen(), Duration::ZERO);
    }
}
