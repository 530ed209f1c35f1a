//! The sum of the relations that are not listed one by one.
//!
//! A counter must not fall, or Prometheus takes that for a restart and adds all of it once
//! more. The plain sum falls whenever one of the others becomes large enough to be shown, or is
//! dropped. So the sum goes on from sample to sample by what was added since.

use std::collections::HashMap;

/// A sum over the others that never falls.
#[derive(Debug, Default)]
pub(super) struct MonotonicSum {
    /// The relations that were listed one by one, by OID, with their counts.
    shown: HashMap<u32, u64>,
    /// The sum of the others; `None` before the first sample.
    sum: Option<u64>,
    /// The value that was returned last.
    total: u64,
}

impl MonotonicSum {
    /// Returns the new total, given those that are `shown` now and the `sum` of the others.
    pub(super) fn advance(&mut self, shown: impl IntoIterator<Item = (u32, u64)>, sum: u64) -> u64 {
        let shown: HashMap<u32, u64> = shown.into_iter().collect();
        self.total = match self.sum {
            None => sum,
            Some(before) => self
                .total
                .saturating_add(self.increase(before, &shown, sum)),
        };
        (self.shown, self.sum) = (shown, Some(sum));
        self.total
    }

    /// Returns the increase of the others since. Of a change in who they are, the part that was counted before is
    /// taken out on both sides; what a dropped one did is not known, and counts as nothing.
    fn increase(&self, before: u64, shown: &HashMap<u32, u64>, sum: u64) -> u64 {
        let sum_over = |these: &HashMap<u32, u64>, without: &HashMap<u32, u64>| -> u64 {
            let these = these.iter().filter(|(id, _)| !without.contains_key(id));
            these.map(|(_, count)| count).sum()
        };
        // Those that were shown and are among the others now: their counts of then belong to both
        // sides.
        let joined = sum_over(&self.shown, shown);
        let left = sum_over(shown, &self.shown);
        let (now, before) = (sum.saturating_add(left), before.saturating_add(joined));
        // A table that was dropped takes its count out of the sum: no growth is better than a fall.
        now.saturating_sub(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_never_falls_as_relations_come_and_go() {
        let mut sum_of_others = MonotonicSum::default();
        assert_eq!(sum_of_others.advance([(1, 100)], 50), 50);
        assert_eq!(
            sum_of_others.advance([(1, 110)], 60),
            60,
            "the others did ten"
        );
        // The second, with 40 of the 60, is shown from now on, and has done two more.
        assert_eq!(sum_of_others.advance([(1, 110), (2, 42)], 20), 62);
        // The first is not shown any more; no relation was scanned.
        assert_eq!(sum_of_others.advance([(2, 42)], 130), 62);
        assert_eq!(sum_of_others.advance([(2, 42)], 131), 63);
        // One of the others was dropped.
        assert_eq!(sum_of_others.advance([(2, 42)], 30), 63);
        assert_eq!(sum_of_others.advance([(2, 42)], 35), 68);
    }
}
