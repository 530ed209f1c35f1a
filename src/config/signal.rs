//! The three kinds of telemetry.

use super::setting::words;

/// One of the three kinds of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metrics.
    Metrics,
    /// Log records.
    Logs,
}

words!(Signal {
    Traces: "traces",
    Metrics: "metrics",
    Logs: "logs"
});

impl Signal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];
}
