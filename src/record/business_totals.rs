//! Totals of business metrics per day, counted where they happen.
//!
//! Why not from the metrics? Because a scrape loses what happened since the one before when a process
//! ends, and Prometheus forgets after weeks; a day's revenue is asked for after years. So where the
//! store is one that can be asked, each business series has a total too, which costs one more
//! addition, and a loop writes all of them to the store twice a second.
//!
//! | value | kept as | written to the store as |
//! |---|---|---|
//! | sum | growth since the process started | the difference since the last write, added to the day's row |
//! | peak | the largest since the last read | the larger of it and the day's row |

mod peak;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use self::peak::PeakValue;
use crate::record::sync::lock;

/// All totals, or none where no store keeps them. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct BusinessTotals(Option<Arc<TotalCells>>);

/// The totals in order of registration.
// The lock is taken when a series is bound and when the loop reads, never while recording.
type TotalCells = Mutex<Vec<(TotalKey, TotalCell)>>;

/// The key of a total: metric and attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TotalKey {
    /// Such as `posts_published`.
    pub(crate) metric: &'static str,
    /// The attribute that distinguishes totals of one metric, such as a currency; empty where there
    /// is one total.
    pub(crate) attribute: Arc<str>,
    /// The label whose value the attribute is; empty where it is that of none, or an object of several.
    pub(crate) label: &'static str,
}

/// What tells the totals of one metric apart, and the label whose value it is: empty where that is none, or several.
pub(crate) type TotalAttribute<'a> = (&'static str, &'a str);

/// The handle of a total that adds up. Free where no store keeps totals.
#[derive(Clone, Debug, Default)]
pub(crate) struct TotalSum(Option<Arc<AtomicU64>>);

/// The handle of a total that keeps the day's largest value. Free where no store keeps totals.
#[derive(Clone, Default)]
pub(crate) struct TotalPeak(Option<Arc<PeakValue>>);

/// A cell, shared with the handle that records into it.
#[derive(Debug)]
enum TotalCell {
    Sum(Arc<AtomicU64>),
    Peak(Arc<PeakValue>),
}

/// The value of a total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TotalValue {
    /// The sum since the process started.
    Sum(u64),
    /// The largest value since the look before.
    Peak(u64),
}

impl BusinessTotals {
    /// Creates totals that a store keeps.
    pub(crate) fn enabled() -> Self {
        Self(Some(Arc::default()))
    }

    /// Registers a total that adds up.
    pub(crate) fn register_sum(&self, metric: &'static str, of: TotalAttribute<'_>) -> TotalSum {
        TotalSum(self.register(metric, of, TotalCell::Sum, TotalCell::sum))
    }

    /// Registers a total that keeps the largest value.
    pub(crate) fn register_peak(&self, metric: &'static str, of: TotalAttribute<'_>) -> TotalPeak {
        TotalPeak(self.register(metric, of, TotalCell::Peak, TotalCell::peak))
    }

    /// Returns the value of each total in order of registration.
    // Under the lock only as long as reading some atomics takes.
    pub(crate) fn read(&self) -> Vec<(TotalKey, TotalValue)> {
        let Some(cells) = &self.0 else {
            return Vec::new();
        };
        let cells = lock(cells);
        let read = |(key, row): &(TotalKey, TotalCell)| Some((key.clone(), row.read()?));
        cells.iter().filter_map(read).collect()
    }

    /// Returns the cell of a key, which is added where there is none; `None` where no store keeps totals, or
    /// where the key has a total of the other kind. Two cells of one key would be read as one counter that jumps
    /// to and fro, and each jump would be booked.
    fn register<T: Default>(
        &self,
        metric: &'static str,
        (label, attribute): TotalAttribute<'_>,
        row: fn(Arc<T>) -> TotalCell,
        cell_of: fn(&TotalCell) -> Option<&Arc<T>>,
    ) -> Option<Arc<T>> {
        let mut cells = lock(self.0.as_ref()?);
        let is_same = |key: &TotalKey| key.metric == metric && *key.attribute == *attribute;
        if let Some((_, known)) = cells.iter().find(|(key, _)| is_same(key)) {
            return cell_of(known).cloned();
        }
        let key = TotalKey {
            metric,
            attribute: attribute.into(),
            label,
        };
        let cell = Arc::<T>::default();
        cells.push((key, row(Arc::clone(&cell))));
        Some(cell)
    }
}

impl TotalSum {
    #[inline]
    // Relaxed: the counter stands for itself, and nothing is read on its account.
    pub(crate) fn add(&self, events: u64) {
        if let Some(cell) = &self.0 {
            cell.fetch_add(events, Ordering::Relaxed);
        }
    }
}

impl TotalPeak {
    #[inline]
    pub(crate) fn set(&self, value: u64) {
        if let Some(row) = &self.0 {
            row.set(value);
        }
    }
}

impl TotalCell {
    fn sum(&self) -> Option<&Arc<AtomicU64>> {
        match self {
            Self::Sum(cell) => Some(cell),
            Self::Peak(_) => None,
        }
    }

    fn peak(&self) -> Option<&Arc<PeakValue>> {
        match self {
            Self::Peak(cell) => Some(cell),
            Self::Sum(_) => None,
        }
    }

    /// `None` for a value that was never set.
    fn read(&self) -> Option<TotalValue> {
        match self {
            Self::Sum(cell) => Some(TotalValue::Sum(cell.load(Ordering::Relaxed))),
            Self::Peak(row) => row.read().map(TotalValue::Peak),
        }
    }
}

impl fmt::Debug for TotalPeak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TotalPeak").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_shows_all_and_a_peak_the_largest_since_the_last_look() {
        let totals = BusinessTotals::enabled();
        let (euros, organizations) = (
            totals.register_sum("revenue", ("", "EUR")),
            totals.register_peak("active", ("", "")),
        );
        assert_eq!(totals.read().len(), 1, "what was never set is not told");
        euros.add(3);
        euros.add(4);
        for value in [5, 9, 6] {
            organizations.set(value);
        }
        let read = |totals: &BusinessTotals| {
            totals
                .read()
                .iter()
                .map(|(_, read)| *read)
                .collect::<Vec<_>>()
        };
        assert_eq!(read(&totals), [TotalValue::Sum(7), TotalValue::Peak(9)]);
        assert_eq!(read(&totals), [TotalValue::Sum(7), TotalValue::Peak(6)]);
        organizations.set(2);
        assert_eq!(read(&totals)[1], TotalValue::Peak(6), "it held until then");
        assert_eq!(read(&totals)[1], TotalValue::Peak(2));
    }

    #[test]
    fn a_key_has_one_total_however_often_it_is_registered() {
        let totals = BusinessTotals::enabled();
        totals.register_sum("revenue", ("", "EUR")).add(3);
        totals.register_sum("revenue", ("", "EUR")).add(4);
        totals.register_sum("revenue", ("", "USD")).add(1);
        totals.register_peak("revenue", ("", "EUR")).set(9);
        let read = totals.read();
        let values: Vec<_> = read.iter().map(|(_, value)| *value).collect();
        assert_eq!(values, [TotalValue::Sum(7), TotalValue::Sum(1)]);
    }

    #[test]
    fn without_a_keeper_there_are_no_lines() {
        let totals = BusinessTotals::default();
        totals.register_sum("revenue", ("", "EUR")).add(1);
        totals.register_peak("active", ("", "")).set(1);
        assert_eq!(totals.read(), []);
    }
}
