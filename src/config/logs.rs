//! What the process writes about itself.

use serde::Serialize;

use super::batch::Batch;
use super::check::Check;
use super::levels::Levels;
use super::reader::Section;
use super::setting::words;

/// What the process writes about itself, and how.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Logs {
    /// Default: JSON, one object a line, because a log store reads it.
    pub format: LogFormat,
    /// Where lines are written. Default: standard output, where containers' logs are collected.
    pub output: LogOutput,
    /// The least severe that is written, by module where that is wanted. Default: info.
    pub level: Levels,
    /// Whether log records are pushed by OTLP as well. Default: false, because most platforms
    /// collect what is written to standard output. Needs an endpoint.
    pub otlp: bool,
    /// How log records wait for their push.
    pub batch: Batch,
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

words!(LogFormat {
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

words!(LogOutput {
    Stdout: "stdout",
    Stderr: "stderr",
    None: "none",
});

impl Default for Logs {
    fn default() -> Self {
        Self {
            format: LogFormat::Json,
            output: LogOutput::Stdout,
            level: Levels::default(),
            otlp: false,
            batch: Batch::default(),
        }
    }
}

impl Logs {
    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("format", &mut self.format);
        section.field("output", &mut self.output);
        section.field("level", &mut self.level);
        section.field("otlp", &mut self.otlp);
        section.section("batch", |section| self.batch.read(section));
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        self.batch.check("logs.batch", check);
    }
}
