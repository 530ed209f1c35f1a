//! The overflow series of an instrument: one in a scrape, and one object for each of the answers that objectives get.
//!
//! An objective asks about the labels of an event, and the series of what is past a limit has none. So the labels that
//! were given decide on the rules before they are lost: each combination of values that objectives ask about has an
//! object of its own, all bound to the one series. Where no objective asks, which is nearly always, there is one.
//!
//! Their number is bounded by what the objectives' files name and by the limit of series; beyond that an object is made
//! for a measurement, which is slow and still right.

use std::sync::Arc;

use arc_swap::ArcSwap;
use hashbrown::HashMap;
use opentelemetry::{KeyValue, Value};

use super::{LabelSet, LabelSetRef, MAX_VALUE_BYTES};

/// The mark of an overflow series; the key is the specification's.
///
/// See <https://opentelemetry.io/docs/specs/otel/metrics/sdk/#overflow-attribute>.
pub(crate) const OVERFLOW: &str = "otel.metric.overflow";

/// A value that no objective asks about: longer than any that it may name.
const OTHER: &str = match std::str::from_utf8(&[b'*'; MAX_VALUE_BYTES + 1]) {
    Ok(text) => text,
    Err(_) => "",
};

/// The objects of an overflow series.
pub(super) struct OverflowSeries<T, const N: usize> {
    /// The values of each label that objectives ask about; `None` where none asks.
    asked: [Option<Vec<String>>; N],
    limit: usize,
    by_answer: ArcSwap<HashMap<LabelSet<N>, Arc<T>>>,
}

impl<T, const N: usize> OverflowSeries<T, N> {
    pub(super) fn new(asked: [Option<Vec<String>>; N], limit: usize) -> Self {
        Self {
            asked,
            limit,
            by_answer: ArcSwap::default(),
        }
    }

    /// Returns the object for these label values, and whether it is the first of all; `bind` makes one of the values
    /// that objectives ask about.
    pub(super) fn get(&self, values: [&str; N], bind: impl Fn([&str; N]) -> T) -> (Arc<T>, bool) {
        let asked = self.asked_of(values);
        let known = self.by_answer.load();
        if let Some(series) = known.get(&LabelSetRef(asked)) {
            return (Arc::clone(series), false);
        }
        if known.len() >= self.limit {
            return (Arc::new(bind(asked)), false);
        }
        drop(known);
        let series = Arc::new(bind(asked));
        // Two threads may bind one, which is no harm: both are of one series, and the last stays.
        let before = self.by_answer.rcu(|known| {
            let mut grown = HashMap::clone(known);
            grown.insert(LabelSet(asked.map(Arc::from)), Arc::clone(&series));
            grown
        });
        (series, before.is_empty())
    }

    /// Returns what matters of the values to objectives.
    fn asked_of<'v>(&self, mut values: [&'v str; N]) -> [&'v str; N] {
        for (value, asked) in values.iter_mut().zip(&self.asked) {
            match asked {
                None => *value = "",
                // Absent is an answer of its own.
                Some(_) if value.is_empty() => {}
                Some(asked) if asked.iter().any(|asked| asked == value) => {}
                Some(_) => *value = OTHER,
            }
        }
        values
    }
}

/// Returns the mark, which is the last label of an overflow series.
pub(super) fn mark() -> KeyValue {
    KeyValue::new(OVERFLOW, true)
}

/// Returns `true` for the labels of an overflow series, the crate's or the SDK's own.
pub(crate) fn is_overflow<'a>(labels: impl IntoIterator<Item = &'a KeyValue>) -> bool {
    labels.into_iter().any(is_mark)
}

/// Returns the labels of the series in a scrape: of an overflow series the mark alone.
pub(super) fn attributes(labels: &[KeyValue]) -> &[KeyValue] {
    match labels.iter().position(is_mark) {
        Some(index) => &labels[index..=index],
        None => labels,
    }
}

fn is_mark(label: &KeyValue) -> bool {
    label.key.as_str() == OVERFLOW && label.value == Value::Bool(true)
}
