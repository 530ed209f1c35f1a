//! The counts of a span of time without those of declared maintenance.

use super::tiers::EventCount;

/// The counts of a span of time, without its declared maintenance. Time is counted in sampling intervals.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CountedSpan {
    /// The counts that are left.
    pub(super) count: EventCount,
    /// The length that is left.
    pub(super) length: u64,
    excluded: EventCount,
}

impl CountedSpan {
    pub(super) const fn new(count: EventCount, length: u64) -> Self {
        Self {
            count,
            length,
            excluded: EventCount {
                good: 0,
                bad: 0,
                covered: 0,
            },
        }
    }

    /// Excludes a part: neither its events nor its time are counted, whether or not it has samples.
    pub(super) const fn exclude(&mut self, part: EventCount, length: u64) {
        self.count = self.count.saturating_sub(part);
        self.length = self.length.saturating_sub(length);
        self.excluded = self.excluded.saturating_add(part);
    }

    /// Returns the intervals that have samples, at most all: the start of a long span is rounded down to the
    /// grid.
    pub(super) fn covered(&self) -> u64 {
        u64::from(self.count.covered).min(self.length)
    }

    /// Returns the share of the span that has samples; 1 where all of it is excluded, so that none are
    /// missing.
    pub(super) fn coverage(&self) -> f64 {
        match self.length {
            0 if self.excluded.covered > 0 => 1.0,
            length => self.covered() as f64 / length.max(1) as f64,
        }
    }

    /// Returns the share of the length of another span, of which it is a part.
    pub(super) fn share_of(&self, whole: &Self) -> f64 {
        self.length as f64 / whole.length.max(1) as f64
    }

    /// Returns the counts with those that are excluded; `None` where those are none.
    pub(super) fn raw(&self) -> Option<EventCount> {
        let is_other = self.excluded.total() > 0;
        is_other.then(|| self.count.saturating_add(self.excluded))
    }
}
