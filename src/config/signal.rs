//! The three kinds of telemetry.
//!
//! Not `Signal`: that is a word for SIGTERM in every service.

use super::field_value::config_enum;

/// One of the three kinds of telemetry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TelemetrySignal {
    /// Spans.
    Traces,
    /// Metrics.
    Metrics,
    /// Log records.
    Logs,
}

config_enum!(TelemetrySignal {
    Traces: "traces",
    Metrics: "metrics",
    Logs: "logs"
});

impl TelemetrySignal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Traces, Self::Metrics, Self::Logs];
}
