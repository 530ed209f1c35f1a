//! Configuration of logs.
//!
//! Lines go to standard output or error only. Files, rotation and shipping are the platform's: a
//! process that keeps its own files needs a disk, a policy and a person to look after both.

use super::batch::BatchConfig;
use super::field_value::config_enum;
use super::log_levels::LogLevels;
use super::setting::section;

section! {
    /// The logs of the process: format, output, levels, push.
    ///
    /// ```
    /// use vantage_obs::config::{Environment, LogLevel};
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-api", Role::Api);
    /// config.logs.level = "info,vantage_api::db=debug".parse()?;
    /// let logs = config.resolve(&Environment::empty())?.config.logs;
    /// assert_eq!(logs.level.level_for("vantage_api::db::pool"), LogLevel::Debug);
    /// assert_eq!(logs.level.level_for("vantage_api::routes"), LogLevel::Info);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub struct LogsConfig {
        /// Default: JSON, one object per line, because a log store reads it.
        pub format: LogFormat = LogFormat::Json;
        /// The destination of log lines. Default: standard output, where containers' logs are collected.
        pub output: LogOutput = LogOutput::Stdout;
        /// The minimum severity of what is written, also by module. Default: info.
        pub level: LogLevels;
        /// Makes a log line of each panic, from `init` to the shutdown, where `init` sets the subscriber. Default: true. The
        /// hook that was there before `init` is still called.
        pub panics: bool = true;
        /// Turns the push of log records on. Default: false, because most platforms collect the lines of
        /// standard output. Needs an endpoint.
        pub otlp: bool;
        /// The queue of log records before their push.
        pub batch: BatchConfig;
    }
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
    /// Text where standard output is a terminal, JSON elsewhere.
    Auto,
}

config_enum!(LogFormat {
    Json: "json",
    Text: "text",
    Auto: "auto",
});

/// The destination of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogOutput {
    /// Standard output.
    Stdout,
    /// Standard error, for a program whose standard output is its result.
    Stderr,
    /// Nowhere, where the push by OTLP is enough. Warnings and errors of the telemetry itself still go to
    /// standard error then: that the push fails can't be told by the push.
    None,
}

config_enum!(LogOutput {
    Stdout: "stdout",
    Stderr: "stderr",
    None: "none",
});
