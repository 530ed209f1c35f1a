//! The layer: an event becomes a line, a span leaves what the lines inside it say about it.

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::buffers::{Buffers, with_buffers};
use super::escape::{Quoting, text};
use super::format::Form;
use super::line::{FIELDS, Head, MESSAGE, NAME, SPAN, SPANS, current_trace};
use super::members::Members;
use super::output::Output;
use super::time::rfc3339;
use super::value::{Each, Value};
use crate::record::clock::Clock;

/// Writes events as lines.
#[derive(Debug)]
pub(super) struct LogLayer {
    form: Form,
    /// The service's name, escaped.
    service: Vec<u8>,
    output: Output,
    clock: Clock,
}

/// A span's fields, where the span itself keeps them: as JSON and as text, because two layers of
/// different form may stand in one subscriber.
#[derive(Debug, Default)]
struct SpanFields {
    json: Members,
    text: Members,
}

impl SpanFields {
    fn of(&self, form: Form) -> &Members {
        match form {
            Form::Json => &self.json,
            Form::Text | Form::Coloured => &self.text,
        }
    }

    fn of_mut(&mut self, form: Form) -> &mut Members {
        match form {
            Form::Json => &mut self.json,
            Form::Text | Form::Coloured => &mut self.text,
        }
    }
}

impl LogLayer {
    pub(super) fn new(form: Form, service: &str, output: Output, clock: Clock) -> Self {
        let mut escaped = Vec::new();
        text(&mut escaped, NAME, Quoting::Json, service);
        Self {
            form,
            service: escaped,
            output,
            clock,
        }
    }

    fn head<'a>(&'a self, metadata: &'a Metadata<'a>) -> Head<'a> {
        Head {
            time: rfc3339(self.clock.wall()),
            metadata,
            service: &self.service,
            trace: current_trace(),
        }
    }

    /// Writes down an event's message and fields.
    fn fields(&self, event: &Event<'_>, buffers: &mut Buffers) {
        event.record(&mut Each(|name, value: Value<'_>| {
            if name == "message" {
                let quoting = self.form.quoting();
                let cut = value.bare(buffers.new_message(), MESSAGE, quoting);
                buffers.cut |= cut;
            } else {
                buffers.fields.put(self.form, FIELDS, name, value);
            }
        }));
    }

    /// Writes down the spans around an event, from the innermost, as many as there is room for.
    fn spans<S>(&self, event: &Event<'_>, context: &Context<'_, S>, buffers: &mut Buffers)
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        for span in context.event_scope(event).into_iter().flatten() {
            let start = buffers.spans.len();
            let extensions = span.extensions();
            let none = Members::default();
            let fields = extensions.get::<SpanFields>();
            let fields = fields.map_or(&none, |fields| fields.of(self.form));
            self.span(span.name(), fields, buffers);
            if buffers.spans.len() > SPANS {
                buffers.spans.truncate(start);
                buffers.cut = true;
                return;
            }
            buffers.ends.push(buffers.spans.len());
        }
    }

    fn span(&self, name: &str, fields: &Members, buffers: &mut Buffers) {
        let spans = &mut buffers.spans;
        let json = self.form == Form::Json;
        if json {
            spans.extend(b"{\"name\":\"");
        }
        buffers.cut |= text(spans, NAME, self.form.quoting(), name) | fields.cut;
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
        let mut fields = Members::default();
        attributes.record(&mut Each(|name, value: Value<'_>| {
            fields.put(self.form, SPAN, name, value);
        }));
        self.keep(id, fields, &context);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let mut fields = Members::default();
        values.record(&mut Each(|name, value: Value<'_>| {
            fields.put(self.form, SPAN, name, value);
        }));
        self.keep(id, fields, &context);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let head = self.head(event.metadata());
        with_buffers(|buffers| {
            self.fields(event, buffers);
            self.spans(event, &context, buffers);
            buffers.assemble(self.form, &head);
            self.output.write(&buffers.line);
        });
    }
}

impl LogLayer {
    /// Leaves fields with their span. They are written down before, because a value that logs while
    /// it is written would find its span locked.
    fn keep<S>(&self, id: &Id, fields: Members, context: &Context<'_, S>)
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        if fields.is_empty() && !fields.cut {
            return;
        }
        let Some(span) = context.span(id) else {
            return;
        };
        let mut extensions = span.extensions_mut();
        match extensions.get_mut::<SpanFields>() {
            Some(kept) => kept.of_mut(self.form).absorb(&fields, SPAN),
            None => {
                let mut kept = SpanFields::default();
                *kept.of_mut(self.form) = fields;
                extensions.insert(kept);
            }
        }
    }
}
