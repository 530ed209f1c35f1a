//! The slice records of one objective in the store: a row for each slice of time, rewritten while it fills.
//!
//! A living process writes a row for every slice, also for those that it slept through. So a slice
//! without a row, between two that have one, is one in which the process was down.
//!
//! The slice in which a process starts may have been begun by the one before. It is kept back until
//! that one's row is known, and then written with both counts: written early, it would overwrite
//! the other's.

use std::collections::BTreeMap;

use super::tiers::{EventCount, saturating_u32};

/// The number of a slice, counted since 1970, and its event count.
pub(super) type SlotCount = (u64, EventCount);

/// The slice counts of this process that may still change.
#[derive(Clone, Debug)]
pub(super) struct SliceRecords {
    /// The length of one slice in sampling intervals.
    intervals_per_slice: u64,
    /// `true` if a slice of downtime is bad, and covered.
    /// Only for an API's availability: nothing else is known to be down while its process is.
    down_is_bad: bool,
    /// The interval that this process was started in.
    first_interval: Option<u64>,
    /// True once the rows of earlier processes were taken in.
    restored: bool,
    /// The slice that fills, and the first one while it is kept back.
    counts: BTreeMap<u64, EventCount>,
}

/// The counts restored from the rows of an earlier process.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RestoredSlices {
    /// The counts by the interval that each slice ends with.
    pub(super) history: Vec<(u64, EventCount)>,
    /// The row that both processes have counted into.
    pub(super) shared: Option<SlotCount>,
    /// The slices in which the process was down, where those are bad.
    pub(super) downtime: Vec<u64>,
}

impl SliceRecords {
    pub(super) fn new(intervals_per_slice: u64, down_is_bad: bool) -> Self {
        Self {
            intervals_per_slice: intervals_per_slice.max(1),
            down_is_bad,
            first_interval: None,
            restored: false,
            counts: BTreeMap::new(),
        }
    }

    pub(super) const fn intervals_per_slice(&self) -> u64 {
        self.intervals_per_slice
    }

    /// Records the start of the process, whether or not there is something to sample.
    pub(super) fn start(&mut self, at: u64) {
        self.first_interval.get_or_insert(at);
    }

    /// Adds a sample and returns the rows to store. The row that an earlier process may have begun waits
    /// for what that has counted.
    pub(super) fn add(&mut self, at: u64, delta: EventCount) -> Vec<SlotCount> {
        let slot = self.slot_at(at);
        let newest = self.counts.last_key_value().map(|(slot, _)| *slot);
        let missed = newest.map_or(slot, |newest| newest + 1)..slot;
        let mut rows = Vec::new();
        if self.down_is_bad {
            rows.extend(missed.map(|slot| (slot, EventCount::default())));
        }
        let row = self
            .counts
            .get(&slot)
            .copied()
            .unwrap_or_default()
            .saturating_add(delta);
        self.counts.insert(slot, row);
        if !self.awaits_restore(slot) {
            rows.push((slot, row));
        }
        let first = self.first_slot().filter(|_| !self.restored);
        self.counts
            .retain(|own, _| *own >= slot || Some(*own) == first);
        rows
    }

    /// Restores the rows of earlier processes. Rows that this one has written itself by now, because
    /// the answer came late, are left out.
    pub(super) fn restore(&mut self, mut stored: Vec<SlotCount>) -> RestoredSlices {
        let (Some(first_interval), Some(first)) = (self.first_interval, self.first_slot()) else {
            return RestoredSlices {
                history: Vec::new(),
                shared: None,
                downtime: Vec::new(),
            };
        };
        self.restored = true;
        stored.retain(|(slot, _)| *slot <= first);
        stored.sort_by_key(|(slot, _)| *slot);
        let shared = stored.last().filter(|(slot, _)| *slot == first).copied();
        let downtime = self.downtime_slices(&stored, first);
        let down = downtime.iter().map(|(slot, _)| *slot).collect();
        stored.extend(downtime);
        let end = |slot: u64| ((slot + 1) * self.intervals_per_slice).min(first_interval);
        let history = stored.iter().map(|(slot, count)| (end(*slot), *count));
        RestoredSlices {
            history: history.collect(),
            shared: self.merge_first_slice(first, shared),
            downtime: down,
        }
    }

    /// Adds the stored count to the first slice. It is written when this process adds something.
    fn merge_first_slice(&mut self, first: u64, stored: Option<SlotCount>) -> Option<SlotCount> {
        let own = self.counts.get(&first).copied();
        let both = own
            .unwrap_or_default()
            .saturating_add(stored.unwrap_or_default().1);
        if self.counts.keys().all(|slot| *slot <= first) {
            self.counts.insert(first, both);
        } else {
            self.counts.remove(&first);
        }
        own.map(|_| (first, both))
    }

    /// Returns the slices without a row between those that have one, the last of which is our first.
    fn downtime_slices(&self, stored: &[SlotCount], first: u64) -> Vec<SlotCount> {
        if !self.down_is_bad {
            return Vec::new();
        }
        let covered = saturating_u32(self.intervals_per_slice);
        let bad = EventCount {
            good: 0,
            bad: 1,
            covered,
        };
        let starts = stored.iter().map(|(slot, _)| slot + 1);
        let ends = stored.iter().skip(1).map(|(slot, _)| *slot).chain([first]);
        let gaps = starts.zip(ends).flat_map(|(start, end)| start..end);
        gaps.map(|slot| (slot, bad)).collect()
    }

    /// Returns the slice in which this process began; `None` before it did.
    fn first_slot(&self) -> Option<u64> {
        self.first_interval
            .map(|first_interval| self.slot_at(first_interval))
    }

    /// Returns whether the slice is kept back until earlier rows are known.
    fn awaits_restore(&self, slot: u64) -> bool {
        !self.restored && Some(slot) == self.first_slot()
    }

    /// Returns the slice of an interval. The events of a sample belong to the interval that ends with it.
    fn slot_at(&self, at: u64) -> u64 {
        at.saturating_sub(1) / self.intervals_per_slice
    }
}
