//! The layer: an event becomes a line, a span leaves what the lines inside it say about it.
//!
//! | `tracing` calls | what happens |
//! |---|---|
//! | a new span, a recorded value | its fields are written down and kept with the span |
//! | an event | message and fields, then the spans around it, then one line to the output |
//! | an event of target `panic` | the same, and a short wait for the line |

use std::time::Duration;

use tracing::field::Visit;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::buffers::{LineBuffers, with_buffers};
use super::escape::{Quoting, escape_text};
use super::field_buffer::FieldBuffer;
use super::format::LineFormat;
use super::line::{
    EVENT_FIELD_LIMITS, LineHead, MAX_MESSAGE_BYTES, MAX_NAME_BYTES, MAX_SPANS_BYTES,
    SPAN_FIELD_LIMITS, current_trace,
};
use super::log_bridge::with_own_target;
use super::output::LogWriter;
use super::panics::PANIC_TARGET;
use super::time::rfc3339;
use super::value::{FieldVisitor, LogFieldValue};
use crate::record::clock::Clock;

/// The time that a panic waits for its line to be written.
///
/// Long enough for a write, and short enough that a panic in every request does not stop the
/// service.
const PANIC_FLUSH: Duration = Duration::from_millis(100);

/// Writes events as lines.
#[derive(Debug)]
pub(super) struct LogLayer {
    format: LineFormat,
    /// The service's name, escaped.
    service: Vec<u8>,
    output: LogWriter,
    clock: Clock,
}

/// A span's fields, where the span itself keeps them: as JSON and as text, because two layers of
/// different form may stand in one subscriber.
#[derive(Debug, Default)]
struct SpanFields([FieldBuffer; 2]);

impl SpanFields {
    const fn index(format: LineFormat) -> usize {
        match format {
            LineFormat::Json => 0,
            LineFormat::Text | LineFormat::Coloured => 1,
        }
    }
}

impl LogLayer {
    pub(super) fn new(format: LineFormat, service: &str, output: LogWriter, clock: Clock) -> Self {
        let mut escaped = Vec::new();
        escape_text(&mut escaped, MAX_NAME_BYTES, Quoting::Json, service);
        Self {
            format,
            service: escaped,
            output,
            clock,
        }
    }

    fn head<'a>(&'a self, metadata: &'a Metadata<'a>) -> LineHead<'a> {
        LineHead {
            time: rfc3339(self.clock.wall()),
            metadata,
            service: &self.service,
            trace: current_trace(),
        }
    }

    /// Writes down an event's message and fields.
    fn write_fields(&self, event: &Event<'_>, buffers: &mut LineBuffers) {
        event.record(&mut FieldVisitor(|name, value: LogFieldValue<'_>| {
            if name == "message" {
                let quoting = self.format.quoting();
                let truncated =
                    value.write_unquoted(buffers.new_message(), MAX_MESSAGE_BYTES, quoting);
                buffers.truncated |= truncated;
            } else {
                buffers
                    .fields
                    .insert(self.format, EVENT_FIELD_LIMITS, name, value);
            }
        }));
    }

    /// Writes the spans around an event, from the innermost, as many as fit.
    fn write_spans<S>(&self, event: &Event<'_>, context: &Context<'_, S>, buffers: &mut LineBuffers)
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        for span in context.event_scope(event).into_iter().flatten() {
            let start = buffers.spans.len();
            // The lock of one span, held for a copy of its fields.
            let extensions = span.extensions();
            let none = FieldBuffer::default();
            let fields = extensions.get::<SpanFields>();
            let fields = fields.map_or(&none, |fields| &fields.0[SpanFields::index(self.format)]);
            self.write_span(span.name(), fields, buffers);
            // The innermost spans are kept: they are nearest to what happened.
            if buffers.spans.len() > MAX_SPANS_BYTES {
                buffers.spans.truncate(start);
                buffers.truncated = true;
                return;
            }
            buffers.ends.push(buffers.spans.len());
        }
    }

    fn write_span(&self, name: &str, fields: &FieldBuffer, buffers: &mut LineBuffers) {
        let spans = &mut buffers.spans;
        let json = self.format == LineFormat::Json;
        if json {
            spans.extend(b"{\"name\":\"");
        }
        buffers.truncated |=
            escape_text(spans, MAX_NAME_BYTES, self.format.quoting(), name) | fields.truncated;
        if json {
            spans.push(b'"');
        }
        if !fields.is_empty() {
            spans.extend(if json { &b",\"fields\":{"[..] } else { b"{" });
            spans.extend(fields.text());
            spans.push(b'}');
        }
        if json {
            spans.push(b'}');
        }
    }
}

impl<S> Layer<S> for LogLayer
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.store_span_fields(id, &context, |visitor| attributes.record(visitor));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.store_span_fields(id, &context, |visitor| values.record(visitor));
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        with_own_target(event, |event| self.write_event(event, &context));
    }
}

impl LogLayer {
    fn write_event<S>(&self, event: &Event<'_>, context: &Context<'_, S>)
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let head = self.head(event.metadata());
        with_buffers(|buffers| {
            self.write_fields(event, buffers);
            self.write_spans(event, context, buffers);
            buffers.assemble(self.format, &head);
            // Inside the buffers' borrow: the line is copied into the queue, and nothing is
            // allocated.
            self.output.write(&buffers.line);
        });
        if event.metadata().target() == PANIC_TARGET {
            // The process may be about to end.
            let _ = self.output.flush(PANIC_FLUSH);
        }
    }

    /// Leaves fields with their span. They are written down before, because a value that logs while
    /// it is written would find its span locked.
    fn store_span_fields<S>(
        &self,
        id: &Id,
        context: &Context<'_, S>,
        record: impl FnOnce(&mut dyn Visit),
    ) where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let mut fields = FieldBuffer::default();
        record(&mut FieldVisitor(|name, value: LogFieldValue<'_>| {
            fields.insert(self.format, SPAN_FIELD_LIMITS, name, value);
        }));
        // Most spans have no fields, and then need no place for them.
        if fields.is_empty() && !fields.truncated {
            return;
        }
        let Some(span) = context.span(id) else {
            return;
        };
        let mut extensions = span.extensions_mut();
        let index = SpanFields::index(self.format);
        match extensions.get_mut::<SpanFields>() {
            Some(stored) => stored.0[index].merge(&fields, SPAN_FIELD_LIMITS),
            None => {
                let mut stored = SpanFields::default();
                stored.0[index] = fields;
                extensions.insert(stored);
            }
        }
    }
}
