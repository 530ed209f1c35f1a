//! Spans as the page reads them, cut to their limits.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;

use crate::model::dev::{DevEvent, DevSpan, DevSpanKind};

/// The most characters of a text.
const MAX_CHARS: usize = 256;

/// The most characters of the text of an error.
const MAX_ERROR_CHARS: usize = 1_024;

/// The most attributes of a span or event.
const MAX_ATTRIBUTES: usize = 32;

/// The most events, and links, of a span.
const MAX_EVENTS: usize = 16;

/// Returns a span as the page reads it.
pub(super) fn dev_span(span: &SpanData) -> DevSpan {
    let duration = span.end_time.duration_since(span.start_time);
    let events = span.events.iter().take(MAX_EVENTS);
    let links = span.links.iter().take(MAX_EVENTS);
    DevSpan {
        trace: span.span_context.trace_id().to_string(),
        span: span.span_context.span_id().to_string(),
        parent: match span.parent_span_id {
            SpanId::INVALID => String::new(),
            parent => parent.to_string(),
        },
        name: cut(&span.name),
        kind: kind(&span.span_kind),
        start_us: micros(span.start_time),
        // A clock that was set back makes no negative time.
        duration_us: duration.map_or(0, |duration| saturate(duration.as_micros())),
        failed: matches!(span.status, Status::Error { .. }),
        error: match &span.status {
            Status::Error { description } => cut_to(description, MAX_ERROR_CHARS),
            _ => String::new(),
        },
        attributes: pairs(&span.attributes),
        events: events
            .map(|event| DevEvent {
                name: cut(&event.name),
                at_us: micros(event.timestamp),
                attributes: pairs(&event.attributes),
            })
            .collect(),
        links: links
            .map(|link| link.span_context.trace_id().to_string())
            .collect(),
    }
}

const fn kind(kind: &SpanKind) -> DevSpanKind {
    match kind {
        SpanKind::Server => DevSpanKind::Server,
        SpanKind::Consumer => DevSpanKind::Consumer,
        SpanKind::Producer => DevSpanKind::Producer,
        SpanKind::Client => DevSpanKind::Client,
        SpanKind::Internal => DevSpanKind::Internal,
    }
}

fn pairs(attributes: &[KeyValue]) -> Vec<(String, String)> {
    let attributes = attributes.iter().take(MAX_ATTRIBUTES);
    let pair = |pair: &KeyValue| (cut(pair.key.as_str()), cut(&pair.value.as_str()));
    attributes.map(pair).collect()
}

fn cut(text: &str) -> String {
    cut_to(text, MAX_CHARS)
}

/// Returns the text, or its beginning and a mark.
fn cut_to(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

fn micros(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| saturate(since.as_micros()))
}

fn saturate(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "ä".repeat(MAX_CHARS + 1);
        assert_eq!(cut(&long), format!("{}…", "ä".repeat(MAX_CHARS)));
        assert_eq!(cut("ä"), "ä");
    }
}
