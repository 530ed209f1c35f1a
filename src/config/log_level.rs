//! The severity of log records.

use super::field_value::config_enum;

/// The minimum severity of log records that are written.
///
/// ```
/// use vantage_obs::config::{LogLevel, LogLevels};
///
/// let levels = LogLevels::from(LogLevel::Warn);
/// assert_eq!(levels.level_for("vantage_api"), LogLevel::Warn);
/// assert_eq!(levels.to_string(), "warn");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// Nothing is written.
    Off,
    /// Something failed.
    Error,
    /// Something may fail soon.
    Warn,
    /// Events of interest to operators.
    Info,
    /// Events of interest to developers.
    Debug,
    /// Everything.
    Trace,
}

config_enum!(LogLevel {
    Off: "off",
    Error: "error",
    Warn: "warn",
    Info: "info",
    Debug: "debug",
    Trace: "trace",
});
