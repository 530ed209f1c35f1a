//! The window of an objective.

mod calendar;
mod rolling;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

pub use calendar::{CalendarPeriod, CalendarWindow};
pub use rolling::{RollingWindow, RollingWindowError};

/// The time over which an objective is to be met.
///
/// Why rolling by default? Because users don't forget on the first of a month what they suffered on
/// the last of the one before. A calendar window suits what is agreed by the month.
///
/// ```
/// use vantage_obs::slo::Objectives;
///
/// let file = r#"{"api": {"availability": {"target": 99.9,
///     "window": {"calendar": "month", "time_zone": "Europe/Berlin"}}}}"#;
/// let objectives = Objectives::parse(&[("api.json", file)])?;
/// let window = objectives.iter().next().expect("one").window();
/// let march = window.range_at("2026-03-15T12:00:00Z".parse()?);
/// assert_eq!(march.start.to_string(), "2026-02-28T23:00:00Z"); // midnight in Berlin
/// assert_eq!(march.duration().as_secs(), 31 * 86_400 - 3_600); // summer time took an hour
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SloWindow {
    /// The last hours or days, whenever one asks: `"30d"`.
    Rolling(RollingWindow),
    /// The week, month or quarter that one is in: `{"calendar": "month", "time_zone": "Europe/Berlin"}`.
    Calendar(CalendarWindow),
}

/// A half-open range of time: the end is not included.
///
/// ```
/// use vantage_obs::jiff::Timestamp;
/// use vantage_obs::slo::TimeRange;
///
/// let at = |second| Timestamp::from_second(second).expect("in range");
/// let (night, outage) = (TimeRange::new(at(0), at(100)), TimeRange::new(at(90), at(130)));
/// assert!(night.contains(at(0)) && !night.contains(at(100)));
/// assert_eq!(night.intersection(outage).duration().as_secs(), 10);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[non_exhaustive]
pub struct TimeRange {
    /// The first moment.
    #[serde(rename = "from")]
    pub start: Timestamp,
    /// The first moment after.
    #[serde(rename = "to")]
    pub end: Timestamp,
}

impl SloWindow {
    /// The accepted windows, for messages.
    pub(super) const ALLOWED: &'static str = "a whole number above 0 followed by m, h, d or w, such as \"30d\", \
         or {\"calendar\": \"month\", \"time_zone\": \"Europe/Berlin\"}";

    /// Parses a rolling window: a whole number above 0 with `m`, `h`, `d` or `w`. `None` for anything
    /// else.
    pub(super) fn parse_rolling(text: &str) -> Option<SloWindow> {
        RollingWindow::parse(text).map(SloWindow::Rolling)
    }

    /// Returns the range of the window that contains this moment.
    ///
    /// A rolling one ends then; a calendar one begins before, and may end much later.
    #[must_use]
    pub fn range_at(&self, at: Timestamp) -> TimeRange {
        match self {
            SloWindow::Rolling(rolling) => rolling.range_at(at),
            SloWindow::Calendar(calendar) => calendar.range_at(at),
        }
    }

    /// Returns the length of a rolling window; of a calendar one that of most: 7, 30 or 91 days.
    /// [`range_at`](Self::range_at) knows the length of each.
    #[must_use]
    pub fn duration(&self) -> Duration {
        match self {
            SloWindow::Rolling(rolling) => rolling.duration(),
            SloWindow::Calendar(calendar) => calendar.period().nominal_duration(),
        }
    }

    /// Returns the length of the window that contains this moment.
    pub(crate) fn length_at(&self, at: Timestamp) -> Duration {
        self.range_at(at).duration()
    }

    /// Returns the length of the part of the window that is over at this moment: all of a rolling one.
    pub(crate) fn elapsed_at(&self, at: Timestamp) -> Duration {
        TimeRange::new(self.range_at(at).start, at).duration()
    }

    /// Returns `true` if old events leave it one by one, rather than all at once at its end.
    #[must_use]
    pub const fn is_rolling(&self) -> bool {
        matches!(self, SloWindow::Rolling(_))
    }
}

impl fmt::Display for SloWindow {
    /// `30d`, or `month in Europe/Berlin`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SloWindow::Rolling(rolling) => rolling.fmt(f),
            SloWindow::Calendar(calendar) => calendar.fmt(f),
        }
    }
}

impl serde::Serialize for SloWindow {
    /// As a file writes it.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            SloWindow::Rolling(rolling) => serializer.collect_str(rolling),
            SloWindow::Calendar(calendar) => calendar.serialize(serializer),
        }
    }
}

impl TimeRange {
    /// Creates the range from `start` to `end`; empty where `end` comes first.
    #[must_use]
    pub fn new(start: Timestamp, end: Timestamp) -> TimeRange {
        TimeRange {
            start,
            end: end.max(start),
        }
    }

    /// Returns the length.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::try_from(self.end.duration_since(self.start)).unwrap_or(Duration::ZERO)
    }

    /// Returns the remaining time of the range at this moment.
    #[must_use]
    pub fn remaining_at(self, at: Timestamp) -> Duration {
        TimeRange::new(at.clamp(self.start, self.end), self.end).duration()
    }

    /// Returns `true` if the moment lies in it.
    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// Returns the intersection; empty if the ranges don't overlap.
    #[must_use]
    pub fn intersection(self, other: TimeRange) -> TimeRange {
        TimeRange::new(self.start.max(other.start), self.end.min(other.end))
    }
}
