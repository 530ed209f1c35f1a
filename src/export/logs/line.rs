//! A line out of its parts.

use opentelemetry::Context;
use opentelemetry::trace::{SpanId, TraceContextExt, TraceId};
use tracing::{Level, Metadata};

use super::buffers::LineBuffers;
use super::escape::{Quoting, escape_text};
use super::field_buffer::SizeLimits;
use super::format::LineFormat;
use super::time::RFC3339_LENGTH;

/// The most bytes of a message, so that with fields, spans and head a line stays under 64 KiB.
pub(super) const MAX_MESSAGE_BYTES: usize = 24 << 10;

/// The size limits of an event's fields.
///
/// One value may take most of it: a request body that somebody logs on purpose.
pub(super) const EVENT_FIELD_LIMITS: SizeLimits = SizeLimits {
    per_value: 12 << 10,
    total: 28 << 10,
};

/// The size limits of a span's fields.
///
/// Small, because every line within the span repeats them.
pub(super) const SPAN_FIELD_LIMITS: SizeLimits = SizeLimits {
    per_value: 1 << 10,
    total: 3 << 10,
};

/// The most bytes of all spans of a line.
pub(super) const MAX_SPANS_BYTES: usize = 8 << 10;

/// The most bytes of a target or of a span's name.
pub(super) const MAX_NAME_BYTES: usize = 512;

/// The first members of a line.
#[derive(Debug)]
pub(super) struct LineHead<'a> {
    pub(super) time: [u8; RFC3339_LENGTH],
    pub(super) metadata: &'a Metadata<'a>,
    /// Escaped already.
    pub(super) service: &'a [u8],
    pub(super) trace: Option<(TraceId, SpanId)>,
}

/// The span that OpenTelemetry calls current, if there is one.
pub(super) fn current_trace() -> Option<(TraceId, SpanId)> {
    Context::map_current(|context| {
        let span = context.span();
        let span = span.span_context();
        span.is_valid().then(|| (span.trace_id(), span.span_id()))
    })
}

impl LineBuffers {
    /// Puts the line together.
    pub(super) fn assemble(&mut self, format: LineFormat, head: &LineHead<'_>) {
        match format {
            LineFormat::Json => self.write_json(head),
            LineFormat::Text => self.write_text(head, false),
            LineFormat::Coloured => self.write_text(head, true),
        }
    }

    /// Members have a fixed order, so that lines can be compared by eye and cut with simple tools.
    fn write_json(&mut self, head: &LineHead<'_>) {
        let line = &mut self.line;
        line.extend(b"{\"timestamp\":\"");
        line.extend(head.time);
        line.extend(b"\",\"level\":\"");
        line.extend(LevelStyle::of(*head.metadata.level()).name);
        line.extend(b"\",\"target\":\"");
        self.truncated |= escape_text(line, MAX_NAME_BYTES, Quoting::Json, head.metadata.target());
        line.extend(b"\",\"service\":\"");
        // In every line, because collectors mix the output of several services.
        line.extend(head.service);
        if let Some((trace, span)) = head.trace {
            line.extend(b"\",\"trace_id\":\"");
            hex(line, &trace.to_bytes());
            line.extend(b"\",\"span_id\":\"");
            hex(line, &span.to_bytes());
        }
        if let Some(message) = &self.message {
            line.extend(b"\",\"message\":\"");
            line.extend(message);
        }
        line.push(b'"');
        if !self.fields.is_empty() {
            line.extend(b",\"fields\":{");
            line.extend(self.fields.text());
            line.push(b'}');
        }
        if !self.ends.is_empty() {
            line.extend(b",\"spans\":[");
            outermost_first(line, &self.spans, &self.ends, b",");
            line.push(b']');
        }
        if self.truncated | self.fields.truncated {
            line.extend(b",\"truncated\":true");
        }
        line.extend(b"}\n");
    }

    /// Time without a date, the level in a column: for a terminal, where the date is today.
    fn write_text(&mut self, head: &LineHead<'_>, colored: bool) {
        let level = LevelStyle::of(*head.metadata.level());
        let escape = |sequence: &'static [u8]| if colored { sequence } else { b"" };
        let (plain, dim) = (escape(b"\x1b[0m"), escape(b"\x1b[2m"));
        let line = &mut self.line;
        line.extend(dim);
        line.extend(&head.time["2026-03-01T".len()..RFC3339_LENGTH - 1]);
        line.extend(plain);
        line.push(b' ');
        line.extend(escape(level.color));
        line.extend(level.padded_name);
        line.extend(plain);
        line.push(b' ');
        line.extend(dim);
        self.truncated |= escape_text(line, MAX_NAME_BYTES, Quoting::Bare, head.metadata.target());
        line.push(b':');
        line.extend(plain);
        if let Some(message) = &self.message {
            line.push(b' ');
            line.extend(message);
        }
        if !self.fields.is_empty() {
            line.push(b' ');
            line.extend(self.fields.text());
        }
        line.extend(dim);
        if !self.ends.is_empty() {
            line.extend(b" in ");
            outermost_first(line, &self.spans, &self.ends, b" > ");
        }
        if let Some((trace, _)) = head.trace {
            line.extend(b" trace=");
            hex(line, &trace.to_bytes());
        }
        if self.truncated | self.fields.truncated {
            line.extend(b" [truncated]");
        }
        line.extend(plain);
        line.push(b'\n');
    }
}

/// Appends the spans, which are stored innermost first, in reading order.
// They are collected from the inside, because the limit cuts the outer ones off.
fn outermost_first(line: &mut Vec<u8>, spans: &[u8], ends: &[usize], between: &[u8]) {
    for (index, end) in ends.iter().enumerate().rev() {
        let start = index.checked_sub(1).map_or(0, |inner| ends[inner]);
        line.extend(&spans[start..*end]);
        if index > 0 {
            line.extend(between);
        }
    }
}

/// The forms of a level in a line.
///
/// Three forms in one place, so that a level can't have one and lack another.
struct LevelStyle {
    /// The word of the configuration.
    name: &'static [u8],
    /// The name for people, of one width.
    padded_name: &'static [u8],
    /// The escape sequence that turns its colour on.
    color: &'static [u8],
}

impl LevelStyle {
    const fn new(
        name: &'static [u8; 5],
        padded_name: &'static [u8; 5],
        color: &'static [u8],
    ) -> Self {
        Self {
            name: name.trim_ascii_end(),
            padded_name,
            color,
        }
    }

    fn of(level: Level) -> &'static Self {
        const ERROR: LevelStyle = LevelStyle::new(b"error", b"ERROR", b"\x1b[31m");
        const WARN: LevelStyle = LevelStyle::new(b"warn ", b"WARN ", b"\x1b[33m");
        const INFO: LevelStyle = LevelStyle::new(b"info ", b"INFO ", b"\x1b[32m");
        const DEBUG: LevelStyle = LevelStyle::new(b"debug", b"DEBUG", b"\x1b[34m");
        const TRACE: LevelStyle = LevelStyle::new(b"trace", b"TRACE", b"\x1b[35m");
        match level {
            Level::ERROR => &ERROR,
            Level::WARN => &WARN,
            Level::INFO => &INFO,
            Level::DEBUG => &DEBUG,
            Level::TRACE => &TRACE,
        }
    }
}

/// Appends two lower-case digits a byte, as W3C trace context writes ids.
fn hex(line: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        let (high, low) = (usize::from(byte >> 4), usize::from(byte & 0xf));
        line.extend([DIGITS[high], DIGITS[low]]);
    }
}
