//! The latest periods of bad time slices, for the status of components.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::tiers::saturating_u32;
use crate::model::snapshot::slo::BadPeriod;

/// The number of periods that are kept: readers look every second, and a period lasts a slice at least.
const MAX_PERIODS: usize = 32;

/// The latest periods of bad slices, oldest first.
#[derive(Debug)]
pub(super) struct BadSlices {
    /// The length of a slice.
    slice: Duration,
    periods: VecDeque<BadPeriod>,
}

impl BadSlices {
    /// Returns an empty list of periods of slices of so many sampling intervals.
    pub(super) fn new(interval: Duration, intervals_per_slice: u64) -> Self {
        Self {
            slice: interval.saturating_mul(saturating_u32(intervals_per_slice)),
            periods: VecDeque::new(),
        }
    }

    /// Adds a bad slice, by its number since 1970: to the last period where it follows that.
    pub(super) fn add(&mut self, slice: u64, is_downtime: bool) {
        let (Some(start), Some(end)) = (self.start_of(slice), self.start_of(slice + 1)) else {
            return;
        };
        match self.periods.back_mut() {
            Some(last) if (last.end, last.is_downtime) == (start, is_downtime) => last.end = end,
            // The slice is known.
            Some(last) if (last.start..last.end).contains(&start) => {}
            _ => self.periods.push_back(BadPeriod {
                start,
                end,
                is_downtime,
            }),
        }
        if self.periods.len() > MAX_PERIODS {
            self.periods.pop_front();
        }
    }

    /// Sets the slices in which the process was down, before all others. Those that were set before are found again
    /// where the history is loaded once more.
    pub(super) fn set_downtime(&mut self, slices: impl IntoIterator<Item = u64>) {
        let mut later = std::mem::take(&mut self.periods);
        later.retain(|period| !period.is_downtime);
        slices.into_iter().for_each(|slice| self.add(slice, true));
        self.periods.extend(later);
        while self.periods.len() > MAX_PERIODS {
            self.periods.pop_front();
        }
    }

    pub(super) fn periods(&self) -> Vec<BadPeriod> {
        self.periods.iter().copied().collect()
    }

    fn start_of(&self, slice: u64) -> Option<Timestamp> {
        let millis = u128::from(slice) * self.slice.as_millis();
        Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(slices: &BadSlices) -> Vec<(i64, i64, bool)> {
        let minute = |at: Timestamp| at.as_second() / 60;
        let periods = slices.periods().into_iter();
        periods
            .map(|one| (minute(one.start), minute(one.end), one.is_downtime))
            .collect()
    }

    #[test]
    fn neighbours_are_one_period_and_downtime_comes_first() {
        let mut slices = BadSlices::new(Duration::from_secs(10), 6);
        for slice in [100, 101, 101, 104] {
            slices.add(slice, false);
        }
        assert_eq!(minutes(&slices), [(100, 102, false), (104, 105, false)]);
        slices.set_downtime([50, 99]);
        slices.set_downtime([50, 51, 99]);
        let downtime = [(50, 52, true), (99, 100, true)];
        assert_eq!(minutes(&slices)[..2], downtime);
        assert_eq!(minutes(&slices).len(), 4);
        (0..100).for_each(|number| slices.add(200 + 2 * number, false));
        assert_eq!(minutes(&slices).len(), MAX_PERIODS);
        assert_eq!(minutes(&slices)[MAX_PERIODS - 1], (398, 399, false));
        slices.add(10, false);
        let set_back = minutes(&slices)[MAX_PERIODS - 1];
        assert_eq!(set_back, (10, 11, false), "by a clock that was set back");
    }
}
