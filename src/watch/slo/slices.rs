//! The time slices of an API's availability: each is good or bad as a whole.
//!
//! A slice is bad when more than a tenth of its requests ended in 5xx, or the service was not ready
//! for most of it. One in which the process was down can't be judged by itself: the next process finds
//! it between what was kept.

use super::history::Reading;

/// Requests of which a slice may have at most one failed, for it to be good.
const PER_FAILURE: u64 = 10;

/// Judges slice after slice. Time is counted in sampling intervals.
#[derive(Clone, Debug)]
pub(crate) struct Slices {
    length: u64,
    current: Option<Slice>,
    read: Reading,
}

#[derive(Clone, Copy, Debug)]
struct Slice {
    number: u64,
    good: u64,
    bad: u64,
    /// Looks, and those that found the service ready.
    looks: u64,
    ready: u64,
    /// Whether it was watched from its first interval on.
    whole: bool,
}

impl Slices {
    /// Slices of so many intervals, at least 1.
    pub(crate) fn new(length: u64) -> Self {
        Self {
            length: length.max(1),
            current: None,
            read: Reading::default(),
        }
    }

    /// One look at `at`: the requests so far, and whether the service is ready. Answers whether the
    /// slice that has just ended was good, if one has.
    ///
    /// What a look finds belongs to the interval that ends with it. A slice of which less than half was
    /// seen says nothing: the one in which the process started, and those that were slept through.
    pub(crate) fn look(&mut self, at: u64, requests: Reading, ready: bool) -> Option<bool> {
        let number = at.saturating_sub(1) / self.length;
        let more = requests.since(self.read);
        self.read = requests;
        let current = self.current.filter(|current| current.number >= number);
        let ended = self.current.filter(|_| current.is_none());
        let first = self.current.is_none();
        let mut slice = current.unwrap_or(Slice::new(number, !first));
        slice.take(more, ready);
        self.current = Some(slice);
        ended.and_then(|slice| slice.verdict(self.length))
    }
}

impl Slice {
    const fn new(number: u64, whole: bool) -> Self {
        Self {
            number,
            good: 0,
            bad: 0,
            looks: 0,
            ready: 0,
            whole,
        }
    }

    const fn take(&mut self, more: Reading, ready: bool) {
        self.good = self.good.saturating_add(more.good);
        self.bad = self.bad.saturating_add(more.bad);
        self.looks += 1;
        self.ready += ready as u64;
    }

    fn verdict(&self, length: u64) -> Option<bool> {
        let seen = self.looks * 2 >= length && (self.whole || self.looks >= length);
        let requests = self.good.saturating_add(self.bad);
        let failing = u128::from(self.bad) * u128::from(PER_FAILURE) > u128::from(requests);
        let unready = self.ready * 2 < self.looks;
        seen.then_some(!failing && !unready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 180_000_000;

    /// Looks at every interval of some minutes; `each` says (good, bad, ready) of one.
    fn verdicts(minutes: u64, each: impl Fn(u64) -> (u64, u64, bool)) -> Vec<bool> {
        let mut slices = Slices::new(6);
        let mut sum = Reading::default();
        let looks = 0..=minutes * 6;
        looks
            .filter_map(|look| {
                let (good, bad, ready) = each(look);
                (sum.good, sum.bad) = (sum.good + good, sum.bad + bad);
                slices.look(START + look, sum, ready)
            })
            .collect()
    }

    #[test]
    fn a_tenth_of_5xx_is_good_and_one_more_is_bad() {
        assert_eq!(verdicts(3, |_| (90, 10, true)), [true, true]);
        assert_eq!(verdicts(3, |_| (89, 11, true)), [false, false]);
    }

    #[test]
    fn a_quiet_slice_is_good() {
        assert_eq!(verdicts(3, |_| (0, 0, true)), [true, true]);
    }

    #[test]
    fn not_ready_for_most_of_it_is_bad_and_for_half_is_not() {
        assert_eq!(verdicts(3, |look| (9, 0, look % 6 < 3)), [true, true]);
        assert_eq!(verdicts(3, |look| (9, 0, look % 6 < 2)), [false, false]);
    }

    #[test]
    fn the_slice_of_the_start_and_those_slept_through_say_nothing() {
        let mut slices = Slices::new(6);
        let ready = |slices: &mut Slices, at| slices.look(START + at, Reading::default(), true);
        assert_eq!(ready(&mut slices, 4), None);
        assert_eq!(ready(&mut slices, 7), None, "the partial one has ended");
        for at in 8..=12 {
            assert_eq!(ready(&mut slices, at), None);
        }
        assert_eq!(
            ready(&mut slices, 600),
            Some(true),
            "the one before the sleep"
        );
        assert_eq!(ready(&mut slices, 603), None);
        assert_eq!(ready(&mut slices, 606), None, "two looks of six");
    }

    #[test]
    fn requests_of_the_last_interval_belong_to_the_slice_that_it_ends() {
        let mut slices = Slices::new(6);
        for at in 0..=11 {
            slices.look(START + at, Reading::default(), true);
        }
        let failed = Reading { good: 0, bad: 5 };
        assert_eq!(slices.look(START + 12, failed, true), None);
        assert_eq!(slices.look(START + 13, failed, true), Some(false));
    }
}
