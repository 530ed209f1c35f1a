//! One trace as a waterfall of its spans.

use std::collections::{BTreeMap, BTreeSet};

use super::format::{micros, time_of_day};
use super::traces::{Trace, share};
use super::{DevQuery, NamedProcess};
use crate::model::dev::{DevSpan, DevSpanKind};

/// The deepest indentation.
const MAX_DEPTH: usize = 12;

/// The least width of a bar, in hundredths of a per cent.
const LEAST: u64 = 40;

#[derive(Debug)]
pub(super) struct Waterfall {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) time: String,
    pub(super) duration: String,
    pub(super) processes: String,
    pub(super) failed: bool,
    pub(super) rows: Vec<SpanRow>,
    /// True if the parent of a span is not here.
    pub(super) is_partial: bool,
    /// The way back to the list.
    pub(super) back: String,
}

#[derive(Debug)]
pub(super) struct SpanRow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) depth: usize,
    pub(super) kind: &'static str,
    pub(super) process: String,
    /// The number of its colour.
    pub(super) color: usize,
    pub(super) offset: String,
    pub(super) duration: String,
    /// Per cent of the trace.
    pub(super) x: String,
    pub(super) width: String,
    /// Empty where it didn't fail.
    pub(super) failure: String,
    /// The text of its error; empty where none is known.
    pub(super) error: String,
    pub(super) facts: Vec<(String, String)>,
    pub(super) links: Vec<String>,
}

impl Waterfall {
    pub(super) fn new(trace: &Trace<'_>, named: &[NamedProcess<'_>], query: &DevQuery) -> Self {
        let ids: BTreeSet<_> = trace.spans.iter().map(|(_, span)| &span.span).collect();
        let is_orphan = |span: &DevSpan| !span.parent.is_empty() && !ids.contains(&span.parent);
        let ordered = depth_first(&trace.spans);
        let rows = ordered.into_iter().map(|(depth, process, span)| {
            SpanRow::new(trace, span, depth, process, &named[process].label)
        });
        Self {
            id: trace.id.into(),
            name: trace.name(),
            time: time_of_day(trace.start_us),
            duration: micros(trace.duration_us),
            processes: trace.labels(named).join(", "),
            failed: trace.failed(),
            rows: rows.collect(),
            is_partial: trace.spans.iter().any(|(_, span)| is_orphan(span)),
            back: query.with_trace("").link(),
        }
    }
}

/// Returns the spans below their parents, each with its depth. Those in a circle stand at the top.
fn depth_first<'a>(spans: &[(usize, &'a DevSpan)]) -> Vec<(usize, usize, &'a DevSpan)> {
    let ids: BTreeSet<_> = spans.iter().map(|(_, span)| span.span.as_str()).collect();
    let mut children: BTreeMap<&str, Vec<(usize, &DevSpan)>> = BTreeMap::new();
    let mut roots = Vec::new();
    for (process, span) in spans {
        match ids.contains(span.parent.as_str()) {
            true => children
                .entry(&span.parent)
                .or_default()
                .push((*process, span)),
            false => roots.push((*process, *span)),
        }
    }
    let mut ordered = Vec::new();
    let mut seen = BTreeSet::new();
    // After the roots all spans, for those that no root leads to.
    for (process, root) in roots.into_iter().chain(spans.iter().copied()) {
        let mut waiting = vec![(0, process, root)];
        while let Some((depth, process, span)) = waiting.pop() {
            if !seen.insert(span.span.as_str()) {
                continue;
            }
            ordered.push((depth, process, span));
            let below = children.get(span.span.as_str()).into_iter().flatten().rev();
            waiting.extend(below.map(|(process, span)| (depth + 1, *process, *span)));
        }
    }
    ordered
}

impl SpanRow {
    fn new(trace: &Trace<'_>, span: &DevSpan, depth: usize, process: usize, label: &str) -> Self {
        let offset = span.start_us.saturating_sub(trace.start_us);
        let whole = trace.duration_us.max(1);
        let least = whole.saturating_mul(LEAST) / 10_000;
        let width = span.duration_us.max(least).max(1).min(whole);
        let error = span.attributes.iter().find(|(key, _)| key == "error.type");
        let failure = match (span.failed, error) {
            (true, Some((_, reason))) => format!("failed: {reason}"),
            (true, None) => "failed".into(),
            (false, Some((_, reason))) => reason.clone(),
            (false, None) => String::new(),
        };
        let events = span.events.iter().map(|event| {
            let after = event.at_us.saturating_sub(span.start_us);
            let pairs = event.attributes.iter();
            let pairs: Vec<_> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
            let name = format!("event after {}", micros(after));
            (name, format!("{} {}", event.name, pairs.join(" ")))
        });
        let facts = span.attributes.iter().cloned().chain(events);
        Self {
            id: span.span.clone(),
            name: span.name.clone(),
            depth: depth.min(MAX_DEPTH),
            kind: kind_text(span.kind),
            process: label.into(),
            color: process % 4,
            offset: micros(offset),
            duration: micros(span.duration_us),
            // A bar that begins at the end is still to be seen.
            x: share(offset.min(whole - width), whole),
            width: share(width, whole),
            failure,
            error: span.error.clone(),
            facts: facts.collect(),
            links: span.links.clone(),
        }
    }
}

const fn kind_text(kind: DevSpanKind) -> &'static str {
    match kind {
        DevSpanKind::Server => "request",
        DevSpanKind::Consumer => "job",
        DevSpanKind::Producer => "message",
        DevSpanKind::Client => "call",
        DevSpanKind::Internal => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, parent: &str) -> DevSpan {
        DevSpan {
            span: id.into(),
            parent: parent.into(),
            ..DevSpan::default()
        }
    }

    #[test]
    fn spans_stand_below_their_parents_and_circles_end() {
        let spans = [
            span("a", "elsewhere"),
            span("b", "a"),
            span("c", "a"),
            span("d", "b"),
            span("x", "y"),
            span("y", "x"),
        ];
        let spans: Vec<_> = spans.iter().map(|span| (0, span)).collect();
        let ordered = depth_first(&spans);
        let ordered: Vec<_> = ordered
            .iter()
            .map(|(depth, _, span)| (*depth, &*span.span))
            .collect();
        let expected = [(0, "a"), (1, "b"), (2, "d"), (1, "c"), (0, "x"), (1, "y")];
        assert_eq!(ordered, expected);
    }
}
