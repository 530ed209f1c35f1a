//! One objective's history: raw counters in, resets and gaps and restarts told apart.

use std::time::Duration;

use super::tiers::{Count, Tiers, intervals};

/// For how many intervals a sample may be late before what lies between is a gap.
const LATE: u64 = 3;

/// What a counter that is sampled has gone through. Time is counted in sampling intervals.
#[derive(Clone, Debug)]
pub(crate) struct History {
    interval: Duration,
    tiers: Tiers,
    /// The counters as they were read last, and when.
    read: Option<(u64, Reading)>,
    /// The interval of the first sample of this process.
    born: Option<u64>,
}

/// Two counters as they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

/// What one sample told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sampled {
    pub(crate) more: Count,
    /// The intervals before it in which nobody looked, beyond what is only late.
    pub(crate) gap: u64,
}

impl History {
    pub(crate) fn new(interval: Duration, longest: Duration) -> Self {
        Self {
            interval,
            tiers: Tiers::new(interval, longest),
            read: None,
            born: None,
        }
    }

    /// Takes the counters as they stand at `at`. What happened before the first sample counts, because
    /// a process starts at zero, but covers nothing.
    ///
    /// A counter that is lower than before has started anew: all that it shows is new.
    pub(crate) fn sample(&mut self, at: u64, now: Reading) -> Sampled {
        let at = at.max(self.tiers.now());
        let (since, before) = self
            .read
            .map_or((None, Reading::default()), |(at, reading)| {
                (Some(at), reading)
            });
        let passed = since.map_or(0, |since| at - since);
        let late = passed <= LATE;
        let new = now.since(before);
        let more = Count {
            good: new.good,
            bad: new.bad,
            covered: if late { narrow(passed) } else { 0 },
        };
        self.tiers.add(at, more);
        self.read = Some((at, now));
        self.born.get_or_insert(at);
        Sampled {
            more,
            gap: if late { 0 } else { passed },
        }
    }

    /// Puts what an earlier process has kept before what this one has sampled. Rows are
    /// `(end, count)`; their order doesn't matter, and those of the future are left out.
    pub(crate) fn restore(&mut self, mut rows: Vec<(u64, Count)>, longest: Duration) {
        let Some(born) = self.born else {
            return self.replay(rows);
        };
        let own: Vec<_> = (born..=self.tiers.now())
            .map(|at| (at, self.tiers.between(at.saturating_sub(1), at)))
            .collect();
        rows.retain(|(end, _)| *end <= self.tiers.now());
        // An earlier process's last slice may end in the interval that this one was born in.
        for (end, _) in &mut rows {
            *end = (*end).min(born);
        }
        rows.extend(own);
        self.tiers = Tiers::new(self.interval, longest);
        self.replay(rows);
    }

    /// Whether anything was ever sampled or restored.
    pub(crate) const fn is_recorded(&self) -> bool {
        self.tiers.now() > 0
    }

    /// The last `window`, and the share of it that has samples.
    pub(crate) fn window(&self, window: Duration, now: u64) -> (Count, f64) {
        let whole = intervals(window, self.interval).max(1);
        let count = self.tiers.last(whole, now);
        (count, share(count.covered, whole))
    }

    pub(crate) const fn tiers(&self) -> &Tiers {
        &self.tiers
    }

    fn replay(&mut self, mut rows: Vec<(u64, Count)>) {
        rows.sort_by_key(|(end, _)| *end);
        for (end, count) in rows {
            self.tiers.add(end, count);
        }
    }
}

impl Reading {
    /// What was counted since; all of it where a counter has started anew.
    pub(super) const fn since(self, before: Self) -> Self {
        let reset = self.good < before.good || self.bad < before.bad;
        if reset {
            return self;
        }
        Self {
            good: self.good - before.good,
            bad: self.bad - before.bad,
        }
    }
}

fn narrow(intervals: u64) -> u32 {
    u32::try_from(intervals).unwrap_or(u32::MAX)
}

/// At most 1: the start of a long window is rounded down to the grid.
fn share(covered: u32, whole: u64) -> f64 {
    (f64::from(covered) / whole as f64).min(1.0)
}

#[cfg(test)]
mod tests;
