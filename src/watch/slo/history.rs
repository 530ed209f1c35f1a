//! The history of one objective: raw counters in; resets, gaps and restarts are told apart.

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
    /// The interval and the values of the last sample.
    last_sample: Option<(u64, CounterSample)>,
    /// The interval of the first sample of this process.
    first_interval: Option<u64>,
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
            first_interval: None,
        }
    }

    /// Adds the counter values at `at` and returns the increase, which covers nothing after a gap. Events before the first sample count, because a process starts at
    /// zero, but cover nothing.
    ///
    /// A counter that is lower than before has started anew: all that it shows is new. A clock that was set
    /// back by more than a few intervals takes the history with it.
    pub(crate) fn sample(&mut self, at: u64, now: CounterSample) -> EventCount {
        if at + MAX_LATE_INTERVALS < self.tiers.newest() {
            self.rewind_to(at);
        }
        let at = at.max(self.tiers.newest());
        let (since, before) = self
            .last_sample
            .map_or((None, CounterSample::default()), |(at, sample)| {
                (Some(at), sample)
            });
        // Not negative: `at` is at least the newest interval.
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
        self.first_interval.get_or_insert(at);
        delta
    }

    /// Puts the rows of an earlier process before the samples of this one. Rows are `(end, count)`; their
    /// order doesn't matter, and those of the future are left out.
    pub(crate) fn restore(&mut self, mut rows: Vec<(u64, EventCount)>) {
        let Some(first_interval) = self.first_interval else {
            return self.replay(rows);
        };
        let own: Vec<_> = (first_interval..=self.tiers.newest())
            .map(|at| (at, self.tiers.between(at.saturating_sub(1), at)))
            .collect();
        rows.retain(|(end, _)| *end <= self.tiers.newest());
        // An earlier process's last slice may end in the interval that this one was born in.
        for (end, _) in &mut rows {
            *end = (*end).min(first_interval);
        }
        rows.extend(own);
        self.tiers = Tiers::new(self.interval, self.longest);
        self.replay(rows);
    }

    /// Dates all that was sampled after `at` to it, because the clock was ahead of the time: it would lie in
    /// the future otherwise, where no window sees it, and so would all that follows until then.
    fn rewind_to(&mut self, at: u64) {
        let (oldest, newest) = (self.tiers.oldest(), self.tiers.newest());
        let mut rows: Vec<_> = self.tiers.steps(at).collect();
        let mut ahead = self.tiers.between(at, newest);
        // No more than there was time for.
        let since = rows.last().map_or(oldest, |(end, _)| *end);
        let passed = saturating_u32(at.saturating_sub(since));
        ahead.covered = ahead.covered.min(passed);
        rows.push((at, ahead));
        self.tiers = Tiers::new(self.interval, self.longest);
        self.replay(rows);
        self.last_sample = self.last_sample.map(|(_, values)| (at, values));
        self.first_interval = self.first_interval.map(|first| first.min(at));
    }

    /// Returns whether anything was ever sampled or restored.
    pub(crate) const fn has_samples(&self) -> bool {
        self.tiers.newest() > 0
    }

    /// Returns the interval after which the first of all samples began.
    pub(crate) fn start(&self) -> u64 {
        let oldest = self.tiers.oldest();
        let first = self.tiers.between(oldest.saturating_sub(1), oldest);
        oldest.saturating_sub(first.covered.into())
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
