//! The history of one objective: raw counters in; resets, gaps, restarts and steps of the clock are told apart.

use std::time::Duration;

use super::tiers::{EventCount, Tiers, saturating_u32};

/// The number of intervals that a sample may be late before the time between is a gap.
const MAX_LATE_INTERVALS: u64 = 3;

/// The history of an objective's sampled counters. Time is counted in sampling intervals.
#[derive(Clone, Debug)]
pub(crate) struct ObjectiveHistory {
    interval: Duration,
    longest: Duration,
    tiers: Tiers,
    /// The point on the line of time and the values of the last sample.
    last_sample: Option<(u64, CounterSample)>,
    /// The point of the first sample of this process.
    first_sample: Option<u64>,
}

/// The values of an objective's two counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CounterSample {
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

impl ObjectiveHistory {
    pub(crate) fn new(interval: Duration, longest: Duration) -> Self {
        Self {
            interval,
            tiers: Tiers::new(interval, longest),
            longest,
            last_sample: None,
            first_sample: None,
        }
    }

    /// Adds the counter values at `at` and returns the increase, which covers nothing after a gap. Events before the first sample count, because a process starts at
    /// zero, but cover nothing.
    ///
    /// A counter that is lower than before has started anew: all that it shows is new.
    pub(crate) fn sample(&mut self, at: u64, now: CounterSample) -> EventCount {
        let at = self.tiers.point_of(at).max(self.tiers.newest_point());
        let (since, before) = self
            .last_sample
            .map_or((None, CounterSample::default()), |(at, sample)| {
                (Some(at), sample)
            });
        // Not negative: `at` is at least the newest point.
        let passed = since.map_or(0, |since| at - since);
        let late = passed <= MAX_LATE_INTERVALS;
        let new = now.increase_since(before);
        let delta = EventCount {
            good: new.good,
            bad: new.bad,
            covered: if late { saturating_u32(passed) } else { 0 },
        };
        self.tiers.add(at, delta);
        self.last_sample = Some((at, now));
        self.first_sample.get_or_insert(at);
        delta
    }

    /// Follows a step of the clock that shows the interval `to` where it would have shown `from`.
    pub(crate) fn follow_step(&mut self, from: u64, to: u64) {
        self.tiers.follow_step(from, to);
    }

    /// Begins anew at an interval: what was counted before is known from the store alone, and what is counted
    /// from now on adds to it.
    pub(crate) fn restart(&mut self, at: u64) {
        self.tiers = Tiers::new(self.interval, self.longest);
        self.last_sample = self.last_sample.map(|(_, values)| (at, values));
        self.first_sample = None;
    }

    /// Puts the rows of an earlier process before the samples of this one. Rows are `(end, count)`; their
    /// order doesn't matter, and those of the future are left out.
    pub(crate) fn restore(&mut self, mut rows: Vec<(u64, EventCount)>) {
        let Some(first) = self.first_sample else {
            return self.replay(rows);
        };
        // By points and not by intervals: their number is that of the time that has passed, however the clock
        // was set.
        let own: Vec<_> = (first..=self.tiers.newest_point())
            .map(|at| (at, self.tiers.between_points(at.saturating_sub(1), at)))
            .collect();
        let newest = self.tiers.newest();
        rows.retain(|(end, _)| *end <= newest);
        // An earlier process's last slice may end in the interval that this one was born in.
        for (end, _) in &mut rows {
            *end = self.tiers.point_of(*end).min(first);
        }
        rows.extend(own);
        self.tiers = self.tiers.cleared();
        self.replay(rows);
    }

    /// Returns whether anything was ever sampled or restored.
    pub(crate) const fn has_samples(&self) -> bool {
        self.tiers.newest_point() > 0
    }

    /// Returns the interval after which the first of all samples began.
    pub(crate) fn start(&self) -> u64 {
        let oldest = self.tiers.oldest_point();
        let first = self.tiers.between_points(oldest.saturating_sub(1), oldest);
        self.tiers.oldest().saturating_sub(first.covered.into())
    }

    pub(crate) const fn tiers(&self) -> &Tiers {
        &self.tiers
    }

    /// Adds rows in the order of their ends.
    fn replay(&mut self, mut rows: Vec<(u64, EventCount)>) {
        rows.sort_by_key(|(end, _)| *end);
        for (end, count) in rows {
            self.tiers.add(end, count);
        }
    }
}

impl CounterSample {
    /// Returns the increase since `before`; the whole value where a counter was reset.
    pub(super) const fn increase_since(self, before: Self) -> Self {
        let reset = self.good < before.good || self.bad < before.bad;
        // One of both is enough: they start anew together, and subtracting the other would lose
        // events.
        if reset {
            return self;
        }
        Self {
            good: self.good - before.good,
            bad: self.bad - before.bad,
        }
    }
}

#[cfg(test)]
mod tests;
