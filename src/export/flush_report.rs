//! The result of a flush or a shutdown.
//!
//! Flushing is best effort by nature: the network may be away. What a service can do about it
//! depends on whether something was refused (a bug, or a limit of the receiver) or left (time, or
//! the network), so that both are counted apart.

use std::fmt;

use crate::config::TelemetrySignal;
use crate::model::causes::debug_as_text;

/// The result of a flush or a shutdown, for each signal that is pushed.
///
/// A signal without an endpoint isn't in it: there was nothing to carry out.
///
/// ```
/// use vantage_obs::config::{Environment, TelemetrySignal};
/// use vantage_obs::{Config, Role, Telemetry};
///
/// let config = Config::new("vantage-worker", Role::Worker);
/// let telemetry = Telemetry::without_globals(config, &Environment::empty())?;
/// let report = telemetry.shutdown_blocking()?;
/// assert!(report.signal(TelemetrySignal::Traces).is_none(), "not pushed without an endpoint");
/// assert_eq!(report.to_string(), "nothing is pushed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlushReport {
    /// An entry for each signal that is pushed, in the order traces, metrics, logs.
    pub signals: Vec<SignalReport>,
}

/// The result of a flush or a shutdown for one signal. Counts are spans, data points or log
/// records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalReport {
    /// The signal.
    pub signal: TelemetrySignal,
    /// The number of items that the receiver accepted in this flush.
    pub exported: u64,
    /// The number of items that the receiver refused for good in this flush.
    pub refused: u64,
    /// The number of items that were not accepted or not answered by the end of the flush. After a
    /// flush they still wait; after a shutdown they are lost.
    pub left: u64,
    /// The reason why items were refused or left, in one line.
    pub cause: Option<String>,
    /// The class of the last failed request, as the metrics have it: a status such as `503` or
    /// `UNAVAILABLE`, `timeout`, `connection`, `rejected` or `encoding`. `None` where no request failed.
    pub error_type: Option<String>,
}

/// Telemetry that a flush or a shutdown could not carry out in its time, or that was refused.
///
/// The receiver or the network is at fault, or the deadline is too short; the report says which
/// signal is affected and why.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("not everything was exported: {0}")]
pub struct FlushError(pub FlushReport);
debug_as_text!(FlushError);

impl FlushReport {
    /// Returns the report itself, or an error where something was refused or left.
    pub(crate) fn into_result(self) -> Result<Self, FlushError> {
        if self.signals.iter().all(SignalReport::is_complete) {
            Ok(self)
        } else {
            Err(FlushError(self))
        }
    }

    /// Returns the report of one signal; `None` where it isn't pushed.
    #[must_use]
    pub fn signal(&self, signal: TelemetrySignal) -> Option<&SignalReport> {
        self.signals.iter().find(|report| report.signal == signal)
    }
}

impl SignalReport {
    /// Returns `true` if everything was accepted.
    ///
    /// A cause without a count is a failure too: metrics that could not be collected are in no
    /// count.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.refused == 0 && self.left == 0 && self.cause.is_none()
    }
}

impl fmt::Display for FlushReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.signals.is_empty() {
            return f.write_str("nothing is pushed");
        }
        for (index, signal) in self.signals.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{signal}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SignalReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            signal,
            exported,
            refused,
            left,
            cause,
            ..
        } = self;
        write!(f, "{signal}: {exported} exported")?;
        if *refused > 0 {
            write!(f, ", {refused} refused")?;
        }
        if *left > 0 {
            write!(f, ", {left} left")?;
        }
        match cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}
