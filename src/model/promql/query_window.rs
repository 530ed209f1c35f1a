use std::fmt;
use std::time::Duration;

use crate::model::units::format_duration;

/// The window of a range selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) enum QueryWindow {
    /// Always as long; for rules.
    Fixed(Duration),
    /// At least four scrapes and one step of the panel.
    /// A shorter window loses increases between two scrapes, see
    /// <https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/#use-__rate_interval>.
    RateInterval,
    /// All that the dashboard shows.
    Range,
}

impl QueryWindow {
    /// Grafana's `$__rate_interval`: the window of every rate in a panel.
    pub(crate) const RATE_INTERVAL: QueryWindow = QueryWindow::RateInterval;

    /// A window of this many seconds.
    #[must_use]
    pub(crate) const fn seconds(seconds: u64) -> QueryWindow {
        QueryWindow::Fixed(Duration::from_secs(seconds))
    }

    /// A window of this many minutes.
    #[must_use]
    pub(crate) const fn minutes(minutes: u64) -> QueryWindow {
        QueryWindow::seconds(60 * minutes)
    }

    /// A window of this many hours.
    #[must_use]
    pub(crate) const fn hours(hours: u64) -> QueryWindow {
        QueryWindow::minutes(60 * hours)
    }
}

impl From<Duration> for QueryWindow {
    fn from(length: Duration) -> Self {
        QueryWindow::Fixed(length)
    }
}

impl fmt::Display for QueryWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueryWindow::Fixed(length) => f.write_str(&format_duration(*length)),
            QueryWindow::RateInterval => f.write_str("$__rate_interval"),
            QueryWindow::Range => f.write_str("$__range"),
        }
    }
}
