//! Cumulative counts on a grid of time, for as far back as there are slots.
//!
//! A window is the difference of two reads, whatever its length. Sums per slot would need as many
//! reads as the window has slots.

/// The events counted from the beginning up to a point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventCount {
    pub(crate) good: u64,
    pub(crate) bad: u64,
    /// Sampling intervals that have samples.
    pub(crate) covered: u32,
}

impl EventCount {
    pub(crate) const fn total(self) -> u64 {
        self.good.saturating_add(self.bad)
    }

    pub(crate) const fn saturating_add(self, delta: Self) -> Self {
        Self {
            good: self.good.saturating_add(delta.good),
            bad: self.bad.saturating_add(delta.bad),
            covered: self.covered.saturating_add(delta.covered),
        }
    }

    /// Returns the count since `before`; never negative.
    pub(crate) const fn saturating_sub(self, before: Self) -> Self {
        Self {
            good: self.good.saturating_sub(before.good),
            bad: self.bad.saturating_sub(before.bad),
            covered: self.covered.saturating_sub(before.covered),
        }
    }
}

/// A ring of one slot for each `step` of the grid; each holds the count as of its moment. A slot in which
/// nothing was sampled repeats the one before, so that a look into the past is one access.
///
/// The parts lie apart, because together they would be padded from 20 bytes to 24.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    step: u64,
    good: Box<[u64]>,
    bad: Box<[u64]>,
    covered: Box<[u32]>,
    /// The slot written last; `None` before the first.
    newest: Option<u64>,
    /// The slot written first: before it, nothing had been counted.
    oldest: u64,
}

impl Ring {
    /// Returns a ring for `span` intervals and the slot that they start after. `step` in intervals, at least 1.
    pub(super) fn new(step: u64, span: u64) -> Self {
        // Two more than the span has: the slot that a window starts after, and the one that fills.
        let slots = usize::try_from(span.div_ceil(step) + 2).unwrap_or(usize::MAX);
        Self {
            step,
            good: vec![0; slots].into(),
            bad: vec![0; slots].into(),
            covered: vec![0; slots].into(),
            newest: None,
            oldest: 0,
        }
    }

    /// Writes the count as of an interval, which is not before that of the write before.
    pub(super) fn write(&mut self, interval: u64, count: EventCount) {
        let slot = interval.div_ceil(self.step);
        let Some(newest) = self.newest else {
            (self.newest, self.oldest) = (Some(slot), slot);
            self.set(slot, count);
            return;
        };
        let (before, slots) = (self.get(newest), self.slots());
        // After a gap longer than the ring, only its last round matters.
        let gap = (newest + 1).max(slot.saturating_sub(slots))..slot;
        gap.for_each(|slot| self.set(slot, before));
        self.set(slot, count);
        self.newest = Some(newest.max(slot));
    }

    /// Returns the count as of an interval; nothing before the first write, and the oldest that is known
    /// before the start of the ring.
    pub(super) fn read(&self, interval: u64) -> EventCount {
        let slot = interval / self.step;
        match self.newest {
            Some(newest) if slot >= self.oldest => {
                let oldest_kept = (newest + 1).saturating_sub(self.slots());
                // Before the ring's reach the oldest that is kept stands in: the window is shorter
                // then, and its coverage says so.
                self.get(slot.clamp(oldest_kept.max(self.oldest), newest))
            }
            _ => EventCount::default(),
        }
    }

    /// Returns whether an interval lies within the ring, seen from `now`.
    pub(super) fn reaches(&self, interval: u64, now: u64) -> bool {
        interval / self.step >= self.oldest_kept(now)
    }

    /// Returns the first interval that lies within the ring, seen from `now`.
    pub(super) fn first_kept(&self, now: u64) -> u64 {
        self.oldest_kept(now) * self.step
    }

    fn oldest_kept(&self, now: u64) -> u64 {
        (now.div_ceil(self.step) + 1).saturating_sub(self.slots())
    }

    pub(super) const fn step(&self) -> u64 {
        self.step
    }

    fn slots(&self) -> u64 {
        self.good.len() as u64
    }

    /// Returns the place of a slot in the ring.
    fn index(&self, slot: u64) -> usize {
        usize::try_from(slot % self.slots()).unwrap_or_default()
    }

    fn get(&self, slot: u64) -> EventCount {
        let at = self.index(slot);
        EventCount {
            good: self.good[at],
            bad: self.bad[at],
            covered: self.covered[at],
        }
    }

    fn set(&mut self, slot: u64, count: EventCount) {
        let at = self.index(slot);
        (self.good[at], self.bad[at], self.covered[at]) = (count.good, count.bad, count.covered);
    }
}

#[cfg(test)]
impl Ring {
    /// Returns the size of the slots: all of it is allocated at the start.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.good) + size_of_val(&*self.bad) + size_of_val(&*self.covered)
    }
}
