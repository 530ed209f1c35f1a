//! The slice records of one objective in the store: a row for each slice of time, rewritten while it fills.
//!
//! A living process writes rows for all time, also for that which it slept through: one row for a whole gap,
//! however long it is. So a slice without a row, between two that have one, is one in which the process was
//! down.
//!
//! The slice in which a process starts may have been begun by the one before. It is kept back until
//! that one's row is known, and then written with both counts: written early, it would overwrite
//! the other's.
//!
//! A clock that is set back comes to slices that have rows. It begins an [era](SliceRecord::era): the rows of one
//! era never overwrite those of another, and their counts add up. So does a process that finds rows later than its
//! start, which one before it has written by a clock that was ahead of this one.
//!
//! | step of the clock | rows |
//! |---|---|
//! | forward, by less than the objective's window | one for the gap, which counts nothing |
//! | forward, by more | none: nothing before it is in the window |
//! | back | those of a new era; the gap of a step forward that is taken back ends |
//! | between two processes, back | those of a new era, but for the first slice, which counts both |

use super::tiers::{EventCount, saturating_u32};

/// A row of the store, in sampling intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SliceRecord {
    /// The number of its first slice, counted since 1970.
    pub(super) slot: u64,
    /// The number of slices; more than one of a gap that the process slept through.
    pub(super) slots: u64,
    /// The number of times that the clock was set back over rows before.
    pub(super) era: u32,
    pub(super) count: EventCount,
}

/// The slice counts of this process that may still change.
#[derive(Clone, Debug)]
pub(super) struct SliceRecords {
    /// The length of one slice in sampling intervals.
    intervals_per_slice: u64,
    /// The number of slices of the objective's longest window: nothing before it matters.
    slots_per_window: u64,
    /// `true` if a slice of downtime is bad, and covered.
    /// Only for an API's availability: nothing else is known to be down while its process is.
    down_is_bad: bool,
    /// The interval that this process was started in.
    first_interval: Option<u64>,
    /// True once the rows of earlier processes were taken in.
    restored: bool,
    era: u32,
    /// The highest era of the rows of earlier processes.
    highest_stored_era: u32,
    /// The slice that fills.
    current: Option<(u64, EventCount)>,
    /// The count of the first slice, while it is kept back.
    kept_back: Option<EventCount>,
    /// The latest gap of this era.
    gap: Option<SliceRecord>,
}

/// The counts restored from the rows of an earlier process.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RestoredSlices {
    /// The counts by the interval that each slice ends with.
    pub(super) history: Vec<(u64, EventCount)>,
    /// The row that both processes have counted into.
    pub(super) shared: Option<SliceRecord>,
    /// The slices in which the process was down, where those are bad.
    pub(super) downtime: Vec<u64>,
}

impl SliceRecords {
    /// Returns the records of slices of so many intervals, at least 1; `window` is the objective's longest window
    /// in intervals.
    pub(super) fn new(intervals_per_slice: u64, window: u64, down_is_bad: bool) -> Self {
        let intervals_per_slice = intervals_per_slice.max(1);
        Self {
            intervals_per_slice,
            slots_per_window: window.div_ceil(intervals_per_slice),
            down_is_bad,
            first_interval: None,
            restored: false,
            era: 0,
            highest_stored_era: 0,
            current: None,
            kept_back: None,
            gap: None,
        }
    }

    pub(super) const fn intervals_per_slice(&self) -> u64 {
        self.intervals_per_slice
    }

    /// Records the start of the process, whether or not there is something to sample.
    pub(super) fn start(&mut self, at: u64) {
        self.first_interval.get_or_insert(at);
    }

    /// Adds a sample and returns the rows to store, at most two. The row that an earlier process may have begun
    /// waits for what that has counted.
    pub(super) fn add(&mut self, at: u64, delta: EventCount) -> Vec<SliceRecord> {
        let slot = self.slot_at(at);
        let mut rows = Vec::new();
        rows.extend(self.gap_before(slot));
        let counted = self.current.filter(|(current, _)| *current == slot);
        let count = counted.map_or_else(EventCount::default, |(_, count)| count);
        let count = count.saturating_add(delta);
        self.current = Some((slot, count));
        if self.awaits_restore(slot) {
            self.kept_back = Some(count);
        } else {
            rows.push(self.record(slot, 1, count));
        }
        rows
    }

    /// Follows a step of the clock from one interval to another, and returns the row that is to be stored anew.
    pub(super) fn follow_step(&mut self, from: u64, to: u64) -> Option<SliceRecord> {
        if from <= to {
            return None;
        }
        let slot = self.slot_at(to);
        let gap = self.gap.take();
        self.era = self.era.max(self.highest_stored_era).saturating_add(1);
        self.current = None;
        // Otherwise it would hide that the process was down later, where the clock has not been after all.
        let mut gap = gap.filter(|gap| slot < gap.slot.saturating_add(gap.slots))?;
        gap.slots = slot.saturating_sub(gap.slot).max(1);
        Some(gap)
    }

    /// Begins anew at an interval, as the next process would: what this one has counted so far is in its rows.
    pub(super) fn restart(&mut self, at: u64) {
        self.first_interval = Some(at);
        self.restored = false;
        // Only the first slice of the first era waits for its row: in a later one the slice that fills would
        // overwrite what it has counted before.
        if self.era > 0 {
            self.era = self.era.saturating_add(1);
        }
        (self.current, self.kept_back, self.gap) = (None, None, None);
    }

    /// Restores the rows of earlier processes. Rows that this one has written itself by now, because
    /// the answer came late, are left out.
    pub(super) fn restore(&mut self, mut stored: Vec<SliceRecord>) -> RestoredSlices {
        let (Some(first_interval), Some(first)) = (self.first_interval, self.first_slot()) else {
            return RestoredSlices {
                history: Vec::new(),
                shared: None,
                downtime: Vec::new(),
            };
        };
        self.restored = true;
        let later_era = self.follow_stored_eras(&stored, first);
        stored.retain(|record| record.slot <= first);
        stored.sort_by_key(|record| record.slot);
        let mut last = stored.iter().rev();
        let shared = last.find(|record| record.slot == first && record.era == 0);
        let shared = shared.map(|record| record.count);
        let downtime = self.downtime_slots(&stored, first);
        let down = EventCount {
            good: 0,
            bad: 1,
            covered: saturating_u32(self.intervals_per_slice),
        };
        let counts = stored.iter().map(|record| (record.slot, record.count));
        let counts = counts.chain(downtime.iter().map(|slot| (*slot, down)));
        let end = |slot: u64| ((slot + 1) * self.intervals_per_slice).min(first_interval);
        // A row that counts nothing is no sample.
        let counts = counts.filter(|(_, count)| *count != EventCount::default());
        let history = counts.map(|(slot, count)| (end(slot), count)).collect();
        // Before the new era begins: the first slice is the one that both have counted.
        let shared = self.merge_first_slice(first, shared);
        if let Some(era) = later_era {
            self.era = era;
            // What it has counted so far is in its row of the era before.
            self.current = self.current.map(|(slot, _)| (slot, EventCount::default()));
        }
        RestoredSlices {
            history,
            shared,
            downtime,
        }
    }

    /// Takes in the eras of stored rows. Returns the one to go on in where rows later than the first slice would
    /// be overwritten: those of a process whose clock was ahead of this one.
    fn follow_stored_eras(&mut self, stored: &[SliceRecord], first: u64) -> Option<u32> {
        let eras = stored.iter().map(|record| record.era);
        self.highest_stored_era = eras.max().unwrap_or(0).max(self.highest_stored_era);
        stored.iter().find(|record| record.slot > first)?;
        // With those of the first slice, to which a process after a clock that was ahead has added too.
        let reached = stored.iter().filter(|record| record.slot >= first);
        let highest = reached.map(|record| record.era).max().unwrap_or(0);
        Some(highest.max(self.era).saturating_add(1))
    }

    /// Adds the stored count to the first slice. It is written when this process adds something.
    fn merge_first_slice(&mut self, first: u64, stored: Option<EventCount>) -> Option<SliceRecord> {
        let own = self.kept_back.take();
        let both = own
            .unwrap_or_default()
            .saturating_add(stored.unwrap_or_default());
        // In a later era, and in a later slice, it is over.
        if self.era == 0 && self.current.is_none_or(|(slot, _)| slot <= first) {
            self.current = Some((first, both));
        }
        own.map(|_| SliceRecord {
            slot: first,
            slots: 1,
            era: 0,
            count: both,
        })
    }

    /// Returns the slices without a row between those that have one, the last of which is our first; none that
    /// no window reaches.
    fn downtime_slots(&self, stored: &[SliceRecord], first: u64) -> Vec<u64> {
        let Some(oldest) = stored.first().filter(|_| self.down_is_bad) else {
            return Vec::new();
        };
        let mut next = first.saturating_sub(self.slots_per_window).max(oldest.slot);
        let mut downtime = Vec::new();
        for record in stored {
            downtime.extend(next..record.slot);
            next = next.max(record.slot.saturating_add(record.slots));
        }
        downtime.extend(next..first);
        downtime
    }

    /// Returns the row of the time between the last slice and this one, through which the process slept.
    fn gap_before(&mut self, slot: u64) -> Option<SliceRecord> {
        let (last, _) = self.current.filter(|_| self.down_is_bad)?;
        let slots = slot.saturating_sub(last + 1);
        if slots == 0 || slots > self.slots_per_window {
            return None;
        }
        self.gap = Some(self.record(last + 1, slots, EventCount::default()));
        self.gap
    }

    const fn record(&self, slot: u64, slots: u64, count: EventCount) -> SliceRecord {
        SliceRecord {
            slot,
            slots,
            era: self.era,
            count,
        }
    }

    /// Returns the slice in which this process began; `None` before it did.
    fn first_slot(&self) -> Option<u64> {
        self.first_interval
            .map(|first_interval| self.slot_at(first_interval))
    }

    /// Returns whether the slice is kept back until earlier rows are known.
    fn awaits_restore(&self, slot: u64) -> bool {
        !self.restored && self.era == 0 && Some(slot) == self.first_slot()
    }

    /// Returns the slice of an interval. The events of a sample belong to the interval that ends with it.
    fn slot_at(&self, at: u64) -> u64 {
        at.saturating_sub(1) / self.intervals_per_slice
    }
}
