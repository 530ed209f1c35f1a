//! The latest spans by their traces, of which those that are looked for stay longest.
//!
//! | traces | stay |
//! |---|---|
//! | of one call without a parent, as those of a loop that polls a table | in a tenth of the room at most |
//! | of spans that belong to no work, or to work that has not ended | where room is short, in a third |
//! | of these, and of calls alone, those that failed | where room is short, in a tenth of their own |
//! | with a request, a job, a message or a scheduled run | as long as there is room |
//! | of these, those with a failure | longer, where they are a quarter at most |
//!
//! Of each, that whose latest span ended longest ago makes room, and it does as a whole: half a trace misleads.

use std::collections::{BTreeMap, VecDeque};

use crate::model::dev::{DevSpan, DevSpanKind};

/// The attribute that the span of a scheduled run has; its kind is that of any span within a process.
const SCHEDULE: &str = "vantage.schedule";

/// A number of spans, and the bytes of their JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) spans: usize,
    pub(super) bytes: usize,
}

/// The value of a trace to whoever looks at the page, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    /// One call without a parent.
    Poll,
    /// Spans that belong to no work, or to work that has not ended.
    Other,
    FailedOther,
    Work,
    FailedWork,
}

const VALUES: [Value; 5] = [
    Value::Poll,
    Value::Other,
    Value::FailedOther,
    Value::Work,
    Value::FailedWork,
];

/// All traces.
#[derive(Debug)]
pub(super) struct Traces {
    max: Amount,
    traces: BTreeMap<String, KeptTrace>,
    /// By value: the traces in the order of their latest spans, and what they hold.
    by_value: [Kept; VALUES.len()],
    /// The number of the next span.
    next: u64,
}

/// The traces of one value.
#[derive(Debug, Default)]
struct Kept {
    order: BTreeMap<u64, String>,
    amount: Amount,
}

#[derive(Debug, Default)]
struct KeptTrace {
    spans: VecDeque<KeptSpan>,
    bytes: usize,
}

#[derive(Debug)]
struct KeptSpan {
    number: u64,
    json: String,
    is_call_alone: bool,
    is_work: bool,
    failed: bool,
}

impl Traces {
    pub(super) fn new(max: Amount) -> Self {
        Self {
            max,
            traces: BTreeMap::new(),
            by_value: Default::default(),
            next: 0,
        }
    }

    /// Adds a span; one that is larger than a trace may be is left out.
    pub(super) fn push(&mut self, span: &DevSpan) {
        // Texts and numbers only: it can't fail.
        let json = serde_json::to_string(span).unwrap_or_default();
        let max_trace = self.max.share(4);
        if json.is_empty() || json.len() > max_trace.bytes {
            return;
        }
        let mut trace = self.take(&span.trace).unwrap_or_default();
        trace.push(KeptSpan::new(self.next, span, json));
        while trace.amount().exceeds(max_trace) {
            trace.drop_one();
        }
        self.next += 1;
        self.put(span.trace.clone(), trace);
        while let Some(value) = self.crowded() {
            let oldest = self.kept(value).order.values().next().cloned();
            let removed = oldest.and_then(|oldest| self.take(&oldest));
            if removed.is_none() {
                return;
            }
        }
    }

    /// Returns all with commas between them, in the order in which they ended.
    pub(super) fn join(&self) -> String {
        let spans = self.traces.values().flat_map(|trace| &trace.spans);
        let mut spans: Vec<_> = spans.collect();
        spans.sort_unstable_by_key(|span| span.number);
        let texts: Vec<_> = spans.iter().map(|span| span.json.as_str()).collect();
        texts.join(",")
    }

    /// Returns the value whose oldest trace makes room; `None` where there is enough.
    fn crowded(&self) -> Option<Value> {
        let amount = |value| self.kept(value).amount;
        let has_more = |value, share| amount(value).exceeds(self.max.share(share));
        if has_more(Value::Poll, 10) {
            return Some(Value::Poll);
        }
        let amounts = VALUES.map(amount).into_iter();
        if !amounts
            .fold(Amount::default(), Amount::plus)
            .exceeds(self.max)
        {
            return None;
        }
        // Work under way among them, whose spans come before that of the work: more than one trace may have.
        if has_more(Value::Other, 3) {
            return Some(Value::Other);
        }
        if has_more(Value::FailedOther, 10) {
            return Some(Value::FailedOther);
        }
        // Failures that are the rule are worth no more than the rest. One of both is there: the shares above, and a
        // quarter of failures, are less than all.
        let oldest = |value| self.kept(value).order.keys().next().copied();
        match has_more(Value::FailedWork, 4) {
            false => Some(Value::Work),
            true => [Value::Work, Value::FailedWork]
                .into_iter()
                .filter_map(|value| Some((oldest(value)?, value)))
                .min()
                .map(|(_, value)| value),
        }
    }

    const fn kept(&self, value: Value) -> &Kept {
        &self.by_value[value as usize]
    }

    /// Takes a trace out of all lists.
    fn take(&mut self, id: &str) -> Option<KeptTrace> {
        let trace = self.traces.remove(id)?;
        let kept = &mut self.by_value[trace.value() as usize];
        kept.order.remove(&trace.latest());
        kept.amount = kept.amount.minus(trace.amount());
        Some(trace)
    }

    fn put(&mut self, id: String, trace: KeptTrace) {
        let kept = &mut self.by_value[trace.value() as usize];
        kept.order.insert(trace.latest(), id.clone());
        kept.amount = kept.amount.plus(trace.amount());
        self.traces.insert(id, trace);
    }
}

impl KeptTrace {
    fn push(&mut self, span: KeptSpan) {
        self.bytes += span.json.len();
        self.spans.push_back(span);
    }

    /// Drops the oldest span that is neither work nor failed; the oldest of all where each is.
    fn drop_one(&mut self) {
        let plain = self
            .spans
            .iter()
            .position(|span| !span.is_work && !span.failed);
        let dropped = self.spans.remove(plain.unwrap_or_default());
        self.bytes -= dropped.map_or(0, |dropped| dropped.json.len());
    }

    fn amount(&self) -> Amount {
        Amount {
            spans: self.spans.len(),
            bytes: self.bytes,
        }
    }

    /// Returns the number of the latest span.
    fn latest(&self) -> u64 {
        self.spans.back().map_or(0, |span| span.number)
    }

    fn value(&self) -> Value {
        let any = |is: fn(&KeptSpan) -> bool| self.spans.iter().any(is);
        let is_one_call = self.spans.len() == 1 && any(|span| span.is_call_alone);
        match (any(|span| span.is_work), any(|span| span.failed)) {
            (true, true) => Value::FailedWork,
            (true, false) => Value::Work,
            (false, true) => Value::FailedOther,
            (false, false) if is_one_call => Value::Poll,
            (false, false) => Value::Other,
        }
    }
}

impl KeptSpan {
    fn new(number: u64, span: &DevSpan, json: String) -> Self {
        Self {
            number,
            json,
            is_call_alone: span.is_call_alone(),
            is_work: match span.kind {
                DevSpanKind::Server | DevSpanKind::Consumer | DevSpanKind::Producer => true,
                DevSpanKind::Internal => span.attributes.iter().any(|(key, _)| key == SCHEDULE),
                DevSpanKind::Client => false,
            },
            failed: span.failed,
        }
    }
}

impl Amount {
    const fn share(self, of: usize) -> Self {
        Self {
            spans: self.spans / of,
            bytes: self.bytes / of,
        }
    }

    const fn exceeds(self, max: Self) -> bool {
        self.spans > max.spans || self.bytes > max.bytes
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            spans: self.spans + other.spans,
            bytes: self.bytes + other.bytes,
        }
    }

    const fn minus(self, other: Self) -> Self {
        Self {
            spans: self.spans - other.spans,
            bytes: self.bytes - other.bytes,
        }
    }
}

#[cfg(test)]
mod tests;
