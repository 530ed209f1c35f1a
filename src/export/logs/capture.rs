//! Log lines as plain values, for tests: the same events, levels and limits as those of written lines.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::escape::Quoting;
use super::line::{EVENT_FIELD_LIMITS, MAX_MESSAGE_BYTES, current_trace};
use super::log_bridge::with_own_target;
use super::value::{FieldVisitor, LogFieldValue};
use crate::config::LogLevel;
use crate::record::sync::lock;

/// The most lines that are kept; the oldest make room.
const MAX_LINES: usize = 10_000;

/// A log line, with the values of its fields as text.
///
/// ```
/// use vantage_obs::config::LogLevel;
/// use vantage_obs::testing::TestTelemetry;
///
/// let test = TestTelemetry::new();
/// tracing::warn!(order = 7, "the card was refused");
/// let line = test.log_line("refused");
/// assert_eq!((line.level, line.field("order")), (LogLevel::Warn, Some("7")));
/// assert_eq!(line.trace_id, None); // outside of a request or job
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// The severity.
    pub level: LogLevel,
    /// The place in the code, such as `shop::orders`; `vantage_obs` for lines of the telemetry itself.
    pub target: String,
    /// The message; empty where there is none.
    pub message: String,
    /// The other fields in their order.
    pub fields: Vec<(String, String)>,
    /// The names of the `tracing` spans around it, the outermost first.
    pub spans: Vec<String>,
    /// The id of the trace that it belongs to.
    pub trace_id: Option<String>,
    /// The id of the span that it belongs to.
    pub span_id: Option<String>,
}

impl LogLine {
    /// Returns the value of a field as text; `None` where there is no such field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            level,
            target,
            message,
            ..
        } = self;
        write!(f, "{level} {target}: {message}")?;
        for (name, value) in &self.fields {
            write!(f, " {name}={value}")?;
        }
        match &self.trace_id {
            Some(trace) => write!(f, " trace={trace}"),
            None => Ok(()),
        }
    }
}

/// The lines that a layer has kept. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct CapturedLines(Arc<Mutex<VecDeque<LogLine>>>);

impl CapturedLines {
    pub(crate) fn all(&self) -> Vec<LogLine> {
        lock(&self.0).iter().cloned().collect()
    }

    fn push(&self, line: LogLine) {
        let mut lines = lock(&self.0);
        if lines.len() == MAX_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Keeps each event as a line.
#[derive(Debug)]
pub(crate) struct CaptureLayer(pub(crate) CapturedLines);

impl<S> Layer<S> for CaptureLayer
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        with_own_target(event, |event| {
            // Out of the lock: a value that is being written may log itself.
            let line = line(event, &context);
            self.0.push(line);
        });
    }
}

fn line<S>(event: &Event<'_>, context: &Context<'_, S>) -> LogLine
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let (mut message, mut fields) = (String::new(), Vec::new());
    event.record(&mut FieldVisitor(
        |name: &'static str, value: LogFieldValue<'_>| {
            if name == "message" {
                message = text(value, MAX_MESSAGE_BYTES);
            } else {
                let value = text(value, EVENT_FIELD_LIMITS.per_value);
                fields.push((name.to_owned(), value));
            }
        },
    ));
    let metadata = event.metadata();
    let spans = match context.event_scope(event) {
        Some(scope) => scope
            .from_root()
            .map(|span| span.name().to_owned())
            .collect(),
        None => Vec::new(),
    };
    let ids = current_trace();
    LogLine {
        level: match *metadata.level() {
            tracing::Level::ERROR => LogLevel::Error,
            tracing::Level::WARN => LogLevel::Warn,
            tracing::Level::INFO => LogLevel::Info,
            tracing::Level::DEBUG => LogLevel::Debug,
            tracing::Level::TRACE => LogLevel::Trace,
        },
        target: metadata.target().to_owned(),
        message,
        fields,
        spans,
        trace_id: ids.map(|(trace, _)| trace.to_string()),
        span_id: ids.map(|(_, span)| span.to_string()),
    }
}

fn text(value: LogFieldValue<'_>, limit: usize) -> String {
    let mut bytes = Vec::new();
    value.write_unquoted(&mut bytes, limit, Quoting::Bare);
    String::from_utf8_lossy(&bytes).into_owned()
}
