//! Rate, errors and duration of the spans of one name.
//!
//! Beside the spans and not made of those that are kept: a busy route would leave nothing of a quiet one.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::model::dev::{DevOperation, DevSpan, DevSpanKind};

/// The most operations; a further one replaces that whose latest span ended longest ago.
const MAX_OPERATIONS: usize = 200;

/// The number of an operation's latest spans that its figures are of.
const MAX_RECENT: usize = 256;

/// The time that a rate is of.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// All operations.
#[derive(Debug)]
pub(super) struct Operations {
    started: Instant,
    operations: BTreeMap<(DevSpanKind, String), Operation>,
}

#[derive(Debug, Default)]
struct Operation {
    total: u64,
    errors: u64,
    /// Oldest first.
    recent: VecDeque<Ended>,
}

/// The end of a span.
#[derive(Debug)]
struct Ended {
    at: Instant,
    duration_us: u64,
    failed: bool,
}

impl Operations {
    pub(super) const fn new(started: Instant) -> Self {
        Self {
            started,
            operations: BTreeMap::new(),
        }
    }

    /// Counts a span that ended now; one within a process only if nothing is around it.
    pub(super) fn record(&mut self, span: &DevSpan, now: Instant) {
        if span.kind == DevSpanKind::Internal && !span.parent.is_empty() {
            return;
        }
        let key = (span.kind, span.name.clone());
        if !self.operations.contains_key(&key) && self.operations.len() >= MAX_OPERATIONS {
            self.remove_oldest();
        }
        let operation = self.operations.entry(key).or_default();
        operation.total += 1;
        operation.errors += u64::from(span.failed);
        if operation.recent.len() == MAX_RECENT {
            operation.recent.pop_front();
        }
        operation.recent.push_back(Ended {
            at: now,
            duration_us: span.duration_us,
            failed: span.failed,
        });
    }

    /// Removes the operation whose latest span ended longest ago.
    fn remove_oldest(&mut self) {
        let latest = |operation: &Operation| operation.recent.back().map(|ended| ended.at);
        let oldest = self.operations.iter();
        let oldest = oldest.min_by_key(|(_, operation)| latest(operation));
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.operations.remove(&key);
        }
    }

    pub(super) fn snapshot(&self, now: Instant) -> Vec<DevOperation> {
        let age = now.saturating_duration_since(self.started);
        let operations = self.operations.iter();
        operations
            .map(|((kind, name), operation)| operation.snapshot(*kind, name, now, age))
            .collect()
    }
}

impl Operation {
    fn snapshot(&self, kind: DevSpanKind, name: &str, now: Instant, age: Duration) -> DevOperation {
        let mut durations: Vec<_> = self.recent.iter().map(|ended| ended.duration_us).collect();
        durations.sort_unstable();
        DevOperation {
            kind,
            name: name.into(),
            total: self.total,
            errors: self.errors,
            recent: self.recent.len() as u64,
            recent_errors: self.recent.iter().filter(|ended| ended.failed).count() as u64,
            rate: self.rate(now, age),
            p50_us: quantile(&durations, 50),
            p95_us: quantile(&durations, 95),
        }
    }

    /// Returns the number of spans in a second, over the last minute or the time that is known.
    fn rate(&self, now: Instant, age: Duration) -> f64 {
        let since = |ended: &Ended| now.saturating_duration_since(ended.at);
        let full = self.recent.len() == MAX_RECENT;
        // Before the oldest one there were others.
        let known = self.recent.front().filter(|_| full).map_or(age, since);
        let window = known.min(RATE_WINDOW).max(Duration::from_secs(1));
        let count = self.recent.iter().filter(|ended| since(ended) <= window);
        #[expect(clippy::cast_precision_loss, reason = "there are 256 at most")]
        let count = count.count() as f64;
        count / window.as_secs_f64()
    }
}

/// Returns the value of a rank in per cent; 0 of nothing.
fn quantile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    let value = sorted.get(rank.saturating_sub(1));
    value.copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(kind: DevSpanKind, name: &str, duration_us: u64, failed: bool) -> DevSpan {
        DevSpan {
            kind,
            name: name.into(),
            duration_us,
            failed,
            ..DevSpan::default()
        }
    }

    #[test]
    fn figures_are_those_of_the_latest_spans_and_totals_of_all() {
        let start = Instant::now();
        let mut operations = Operations::new(start);
        let at = |second| start + Duration::from_secs(second);
        for number in 1..=300_u64 {
            let slow = span(DevSpanKind::Server, "GET /a", number, number <= 50);
            operations.record(&slow, at(number));
        }
        let found = &operations.snapshot(at(300))[0];
        assert_eq!((found.total, found.errors), (300, 50));
        // The latest 256 are those from 45 on.
        assert_eq!((found.recent, found.recent_errors), (256, 6));
        assert_eq!((found.p50_us, found.p95_us), (172, 288));
        // One a second, both ends of the minute included.
        assert_eq!(found.rate, 61.0 / 60.0);
    }

    #[test]
    fn a_rate_is_of_the_time_that_is_known() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut operations = Operations::new(start);
        for number in 0..20 {
            operations.record(
                &span(DevSpanKind::Consumer, "job", 1, false),
                at(number * 500),
            );
        }
        assert_eq!(operations.snapshot(at(10_000))[0].rate, 2.0);
        let mut busy = Operations::new(start);
        for number in 0..512 {
            busy.record(
                &span(DevSpanKind::Server, "busy", 1, false),
                at(number * 10),
            );
        }
        // 256 spans in 2.56 s, and nothing is known of those before.
        let rate = busy.snapshot(at(5_120))[0].rate;
        assert_eq!(rate, 100.0);
    }

    #[test]
    fn spans_within_others_are_no_operations() {
        let start = Instant::now();
        let mut operations = Operations::new(start);
        let mut inner = span(DevSpanKind::Internal, "inner", 1, false);
        inner.parent = "00f067aa0ba902b7".into();
        operations.record(&inner, start);
        assert!(operations.snapshot(start).is_empty());
        assert_eq!(quantile(&[], 95), 0);
    }

    #[test]
    fn a_new_operation_replaces_that_which_ended_longest_ago() {
        let start = Instant::now();
        let at = |second: usize| start + Duration::from_secs(second as u64);
        let mut operations = Operations::new(start);
        let mut record = |name: usize, second| {
            let span = span(DevSpanKind::Server, &name.to_string(), 1, false);
            operations.record(&span, at(second));
        };
        for number in 0..MAX_OPERATIONS {
            record(number, number);
        }
        // The first one again, so that the second is the oldest, then two new ones.
        record(0, MAX_OPERATIONS);
        record(MAX_OPERATIONS, MAX_OPERATIONS + 1);
        record(MAX_OPERATIONS + 1, MAX_OPERATIONS + 2);
        let found = operations.snapshot(at(MAX_OPERATIONS + 2));
        assert_eq!(found.len(), MAX_OPERATIONS);
        let total = |name: usize| {
            let name = name.to_string();
            let operation = found.iter().find(|operation| operation.name == name);
            operation.map(|operation| operation.total)
        };
        assert_eq!([0, 1, 2, 3].map(total), [Some(2), None, None, Some(1)]);
        assert_eq!(
            [MAX_OPERATIONS, MAX_OPERATIONS + 1].map(total),
            [Some(1); 2]
        );
    }
}
