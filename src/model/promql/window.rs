use std::fmt;
use std::time::Duration;

use crate::model::units::format_duration;

/// The time that a range selector looks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Window {
    /// Always as long; for rules.
    Fixed(Duration),
    /// At least four scrapes and one step of the panel.
    RateInterval,
    /// All that the dashboard shows.
    Range,
}

impl Window {
    /// Grafana's `$__rate_interval`: the window of every rate in a panel.
    pub const RATE_INTERVAL: Window = Window::RateInterval;

    /// A window of this many seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Window {
        Window::Fixed(Duration::from_secs(seconds))
    }

    /// A window of this many minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Window {
        Window::seconds(60 * minutes)
    }

    /// A window of this many hours.
    #[must_use]
    pub const fn hours(hours: u64) -> Window {
        Window::minutes(60 * hours)
    }
}

impl From<Duration> for Window {
    fn from(length: Duration) -> Self {
        Window::Fixed(length)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::Fixed(length) => f.write_str(&format_duration(*length)),
            Window::RateInterval => f.write_str("$__rate_interval"),
            Window::Range => f.write_str("$__range"),
        }
    }
}
