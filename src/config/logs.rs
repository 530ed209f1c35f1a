//! Configuration of logs.

use super::batch::BatchConfig;
use super::field_value::string_enum;
use super::log_levels::LogLevels;
use super::setting::section;

section! {
    /// The logs of the process: format, output, levels, push.
    pub struct LogsConfig {
        /// Default: JSON, one object a line, because a log store reads it.
        pub format: LogFormat = LogFormat::Json;
        /// Where lines are written. Default: standard output, where containers' logs are collected.
        pub output: LogOutput = LogOutput::Stdout;
        /// The least severe that is written, by module where that is wanted. Default: info.
        pub level: LogLevels;
        /// Whether log records are pushed by OTLP as well. Default: false, because most platforms
        /// collect what is written to standard output. Needs an endpoint.
        pub otlp: bool;
        /// How log records wait for their push.
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

string_enum!(LogFormat {
    Json: "json",
    Text: "text",
    Auto: "auto",
});

/// Where log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogOutput {
    /// Standard output.
    Stdout,
    /// Standard error, for a program whose standard output is its result.
    Stderr,
    /// Nowhere, where the push by OTLP is enough.
    None,
}

string_enum!(LogOutput {
    Stdout: "stdout",
    Stderr: "stderr",
    None: "none",
});
