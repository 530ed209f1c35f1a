//! What one objective keeps in the store: a row for each slice of time, rewritten while it fills.
//!
//! A living process writes a row for every slice, also for those that it slept through. So a slice
//! without a row, between two that have one, is one in which the process was down.

use std::collections::BTreeMap;

use super::tiers::Count;

/// A slice's number, counted since 1970, and what was counted in it.
pub(super) type Row = (u64, Count);

/// The rows of this process that may still change.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    /// Sampling intervals of one slice.
    length: u64,
    /// Whether a slice in which the process was down is bad, and covered.
    down_is_bad: bool,
    /// The interval that this process was started in.
    born: Option<u64>,
    restored: bool,
    own: BTreeMap<u64, Count>,
}

/// What the rows of an earlier process come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Restored {
    /// By the interval that each ends with.
    pub(super) history: Vec<(u64, Count)>,
    /// The row that both processes have counted into.
    pub(super) shared: Option<Row>,
}

impl Rows {
    pub(super) fn new(length: u64, down_is_bad: bool) -> Self {
        Self {
            length: length.max(1),
            down_is_bad,
            born: None,
            restored: false,
            own: BTreeMap::new(),
        }
    }

    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// The process looks for the first time, whether or not there is something to sample.
    pub(super) fn begin(&mut self, at: u64) {
        self.born.get_or_insert(at);
    }

    /// Counts a sample; answers the rows to keep. The row that an earlier process may have begun waits
    /// for what that has counted.
    pub(super) fn add(&mut self, at: u64, more: Count) -> Vec<Row> {
        let slot = self.slot(at);
        let newest = self.own.last_key_value().map(|(slot, _)| *slot);
        let slept = newest.map_or(slot, |newest| newest + 1)..slot;
        let mut rows = Vec::new();
        if self.down_is_bad {
            rows.extend(slept.map(|slot| (slot, Count::default())));
        }
        let row = self.own.get(&slot).copied().unwrap_or_default().plus(more);
        self.own.insert(slot, row);
        if !self.waits(slot) {
            rows.push((slot, row));
        }
        let first = self.first().filter(|_| !self.restored);
        self.own
            .retain(|own, _| *own >= slot || Some(*own) == first);
        rows
    }

    /// Takes up what earlier processes have kept. Rows that this one has written itself by now, because
    /// the answer came late, are left out.
    pub(super) fn restore(&mut self, mut stored: Vec<Row>) -> Restored {
        let (Some(born), Some(first)) = (self.born, self.first()) else {
            return Restored {
                history: Vec::new(),
                shared: None,
            };
        };
        self.restored = true;
        stored.retain(|(slot, _)| *slot <= first);
        stored.sort_by_key(|(slot, _)| *slot);
        let shared = stored.last().filter(|(slot, _)| *slot == first).copied();
        stored.extend(self.down(&stored, first));
        let end = |slot: u64| ((slot + 1) * self.length).min(born);
        let history = stored.iter().map(|(slot, count)| (end(*slot), *count));
        Restored {
            history: history.collect(),
            shared: self.share(first, shared),
        }
    }

    /// Puts what was stored under the first row. It is written when this process adds something.
    fn share(&mut self, first: u64, stored: Option<Row>) -> Option<Row> {
        let own = self.own.get(&first).copied();
        let both = own.unwrap_or_default().plus(stored.unwrap_or_default().1);
        if self.own.keys().all(|slot| *slot <= first) {
            self.own.insert(first, both);
        } else {
            self.own.remove(&first);
        }
        own.map(|_| (first, both))
    }

    /// The slices without a row between those that have one, the last of which is our first.
    fn down(&self, stored: &[Row], first: u64) -> Vec<Row> {
        if !self.down_is_bad {
            return Vec::new();
        }
        let covered = u32::try_from(self.length).unwrap_or(u32::MAX);
        let bad = Count {
            good: 0,
            bad: 1,
            covered,
        };
        let starts = stored.iter().map(|(slot, _)| slot + 1);
        let ends = stored.iter().skip(1).map(|(slot, _)| *slot).chain([first]);
        let gaps = starts.zip(ends).flat_map(|(start, end)| start..end);
        gaps.map(|slot| (slot, bad)).collect()
    }

    fn first(&self) -> Option<u64> {
        self.born.map(|born| self.slot(born))
    }

    fn waits(&self, slot: u64) -> bool {
        !self.restored && Some(slot) == self.first()
    }

    /// What a sample finds belongs to the interval that ends with it.
    fn slot(&self, at: u64) -> u64 {
        at.saturating_sub(1) / self.length
    }
}
