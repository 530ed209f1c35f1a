//! The time over which an objective is to be met.

mod calendar;
mod rolling;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

pub use calendar::{Calendar, Period};
pub use rolling::{Rolling, RollingError};

/// The time over which an objective is to be met.
///
/// Why rolling by default? Because users don't forget on the first of a month what they suffered on
/// the last of the one before. A calendar window suits what is agreed by the month.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Window {
    /// The last hours or days, whenever one asks: `"30d"`.
    Rolling(Rolling),
    /// The week, month or quarter that one is in: `{"calendar": "month", "time_zone": "Europe/Berlin"}`.
    Calendar(Calendar),
}

/// From one moment to another, that one not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Span {
    /// The first moment.
    pub start: Timestamp,
    /// The first moment after.
    pub end: Timestamp,
}

impl Window {
    /// What a window may be, for messages.
    pub(super) const ALLOWED: &'static str = "a whole number above 0 followed by m, h, d or w, such as \"30d\", \
         or {\"calendar\": \"month\", \"time_zone\": \"Europe/Berlin\"}";

    /// Reads a rolling window: a whole number above 0 with `m`, `h`, `d` or `w`. `None` for anything
    /// else.
    pub(super) fn parse(text: &str) -> Option<Window> {
        Rolling::parse(text).map(Window::Rolling)
    }

    /// The window that holds at this moment.
    ///
    /// A rolling one ends then; a calendar one begins before, and may end much later.
    #[must_use]
    pub fn span(&self, at: Timestamp) -> Span {
        match self {
            Window::Rolling(rolling) => rolling.span(at),
            Window::Calendar(calendar) => calendar.span(at),
        }
    }

    /// The length of a rolling window; of a calendar one that of most: 7, 30 or 91 days.
    /// [`span`](Self::span) knows the length of each.
    #[must_use]
    pub fn duration(&self) -> Duration {
        match self {
            Window::Rolling(rolling) => rolling.duration(),
            Window::Calendar(calendar) => calendar.period().usual(),
        }
    }

    /// Whether old events leave it one by one, rather than all at once at its end.
    #[must_use]
    pub const fn is_rolling(&self) -> bool {
        matches!(self, Window::Rolling(_))
    }
}

impl fmt::Display for Window {
    /// `30d`, or `month in Europe/Berlin`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::Rolling(rolling) => rolling.fmt(f),
            Window::Calendar(calendar) => calendar.fmt(f),
        }
    }
}

impl serde::Serialize for Window {
    /// As a file writes it.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Window::Rolling(rolling) => serializer.collect_str(rolling),
            Window::Calendar(calendar) => calendar.serialize(serializer),
        }
    }
}

impl Span {
    /// From `start` to `end`; empty where `end` comes first.
    #[must_use]
    pub fn new(start: Timestamp, end: Timestamp) -> Span {
        Span {
            start,
            end: end.max(start),
        }
    }

    /// How long it is.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::try_from(self.end.duration_since(self.start)).unwrap_or(Duration::ZERO)
    }

    /// What is left of it at this moment.
    #[must_use]
    pub fn left(self, at: Timestamp) -> Duration {
        Span::new(at.clamp(self.start, self.end), self.end).duration()
    }

    /// Whether the moment lies in it.
    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// What both share; empty where they don't meet.
    #[must_use]
    pub fn overlap(self, other: Span) -> Span {
        Span::new(self.start.max(other.start), self.end.min(other.end))
    }
}
