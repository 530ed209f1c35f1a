//! The traces of all processes together: spans of one id are one trace, wherever they ended.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::format::{micros, time_of_day};
use super::{DevQuery, NamedProcess};
use crate::model::dev::DevSpan;

/// A trace.
#[derive(Debug)]
pub(super) struct Trace<'a> {
    pub(super) id: &'a str,
    /// With the index of the process, in the order of their starts.
    pub(super) spans: Vec<(usize, &'a DevSpan)>,
    pub(super) start_us: u64,
    pub(super) duration_us: u64,
}

/// A line of the list of traces.
#[derive(Debug)]
pub(super) struct TraceRow {
    pub(super) time: String,
    pub(super) name: String,
    pub(super) href: String,
    pub(super) processes: String,
    pub(super) spans: usize,
    pub(super) duration: String,
    /// Per cent of the longest one.
    pub(super) width: String,
    pub(super) failed: bool,
}

/// Returns the traces, the latest first.
pub(super) fn join_traces<'a>(named: &[NamedProcess<'a>]) -> Vec<Trace<'a>> {
    let mut by_id: BTreeMap<&str, Vec<(usize, &DevSpan)>> = BTreeMap::new();
    // A process that is asked at two addresses has its spans once.
    let mut known = BTreeSet::new();
    for (index, one) in named.iter().enumerate() {
        for span in &one.process.spans {
            if known.insert((span.trace.as_str(), span.span.as_str())) {
                by_id.entry(&span.trace).or_default().push((index, span));
            }
        }
    }
    let traces = by_id.into_iter().map(|(id, spans)| Trace::new(id, spans));
    let mut traces: Vec<_> = traces.collect();
    traces.sort_by_key(|trace| Reverse(trace.start_us));
    traces
}

impl<'a> Trace<'a> {
    fn new(id: &'a str, mut spans: Vec<(usize, &'a DevSpan)>) -> Self {
        // Those that began together: the longer one is around the other.
        spans.sort_by_key(|(_, span)| (span.start_us, Reverse(span.duration_us)));
        let start_us = spans.first().map_or(0, |(_, span)| span.start_us);
        let end = |span: &DevSpan| span.start_us.saturating_add(span.duration_us);
        let end_us = spans.iter().map(|(_, span)| end(span)).max();
        Self {
            id,
            start_us,
            duration_us: end_us.unwrap_or_default().saturating_sub(start_us),
            spans,
        }
    }

    /// Returns the first span without a parent here, which names the trace.
    pub(super) fn root(&self) -> Option<&'a DevSpan> {
        let ids: BTreeSet<_> = self
            .spans
            .iter()
            .map(|(_, span)| span.span.as_str())
            .collect();
        let mut spans = self.spans.iter().map(|(_, span)| *span);
        let root = spans.find(|span| !ids.contains(span.parent.as_str()));
        root.or_else(|| self.spans.first().map(|(_, span)| *span))
    }

    pub(super) fn name(&self) -> String {
        self.root()
            .map_or_else(String::new, |root| root.name.clone())
    }

    pub(super) fn failed(&self) -> bool {
        self.spans.iter().any(|(_, span)| span.failed)
    }

    /// Returns `true` for one call that is part of nothing and went well: what a loop that polls makes several of in a
    /// second. Hidden unless asked for.
    pub(super) fn is_poll(&self) -> bool {
        let [(_, span)] = &*self.spans else {
            return false;
        };
        span.is_call_alone() && !span.failed
    }

    /// Returns the labels of its processes, in the order in which it came to them.
    pub(super) fn labels<'n>(&self, named: &'n [NamedProcess<'_>]) -> Vec<&'n str> {
        let mut labels = Vec::new();
        for (process, _) in &self.spans {
            let label = named[*process].label.as_str();
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        labels
    }

    /// Returns whether the filters leave it in.
    pub(super) fn matches(&self, query: &DevQuery) -> bool {
        let texts = self.spans.iter().flat_map(|(_, span)| {
            let pairs = span.attributes.iter();
            let pairs = pairs.flat_map(|(key, value)| [key.as_str(), value.as_str()]);
            pairs.chain([span.name.as_str(), span.error.as_str()])
        });
        (!query.errors || self.failed()) && query.finds(texts.chain([self.id]))
    }
}

/// Returns the list of these traces.
pub(super) fn trace_rows(
    traces: &[&Trace<'_>],
    named: &[NamedProcess<'_>],
    query: &DevQuery,
) -> Vec<TraceRow> {
    let longest = traces.iter().map(|trace| trace.duration_us).max();
    let longest = longest.unwrap_or_default().max(1);
    let rows = traces.iter().map(|trace| TraceRow {
        time: time_of_day(trace.start_us),
        name: trace.name(),
        href: query.with_trace(trace.id).link(),
        processes: trace.labels(named).join(", "),
        spans: trace.spans.len(),
        duration: micros(trace.duration_us),
        width: share(trace.duration_us, longest),
        failed: trace.failed(),
    });
    rows.collect()
}

/// Returns a part in per cent of a whole, with two decimals.
pub(super) fn share(part: u64, whole: u64) -> String {
    let hundredths = u128::from(part) * 10_000 / u128::from(whole.max(1));
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
