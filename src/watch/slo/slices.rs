//! The time slices of an API's availability: each is good or bad as a whole.
//!
//! A slice is bad when more than a tenth of its requests ended in 5xx, or the service was not ready
//! for most of it. One in which the process was down can't be judged by itself: the next process finds
//! it between what was kept.
//!
//! | in the slice | good |
//! |---|---|
//! | less than half sampled | not judged |
//! | more than a tenth of the requests failed | no |
//! | not ready in more than half of the samples | no |
//! | otherwise, also without a request | yes |

use super::history::CounterSample;

/// The number of requests of which at most one may have failed in a good slice.
const PER_FAILURE: u64 = 10;

/// The evaluator of an API's time slices. Time is counted in sampling intervals.
#[derive(Clone, Debug)]
pub(crate) struct SliceEvaluator {
    intervals: u64,
    current: Option<TimeSlice>,
    last_sample: CounterSample,
    /// The number of the last slice that was judged, if it was bad.
    last_bad: Option<u64>,
    /// True if the last interval failed by the rule of slices.
    interval_fails: bool,
}

/// The outcome of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SliceOutcome {
    /// Its number since 1970.
    pub(crate) number: u64,
    pub(crate) is_good: bool,
}

/// The counts of one slice so far.
#[derive(Clone, Copy, Debug)]
struct TimeSlice {
    number: u64,
    good: u64,
    bad: u64,
    /// The samples, and those that found the service ready.
    samples: u64,
    ready_samples: u64,
    /// `true` if it was sampled from its first interval on.
    /// The first slice of a process is not, and is judged only with a full number of samples.
    whole: bool,
    /// `true` once its last interval was sampled, and it was judged.
    judged: bool,
}

impl SliceEvaluator {
    /// Returns an evaluator of slices of so many intervals, at least 1.
    pub(crate) fn new(length: u64) -> Self {
        Self {
            intervals: length.max(1),
            current: None,
            last_sample: CounterSample::default(),
            last_bad: None,
            interval_fails: false,
        }
    }

    /// Returns true while a bad slice goes on in the next one: the last slice was bad, and so is the last
    /// interval. Ends with the interval, and not with the slice; one that was slept through ends it, too.
    pub(crate) fn is_failing(&self) -> bool {
        let follows =
            |current: TimeSlice| self.last_bad.is_some_and(|bad| current.number <= bad + 1);
        self.interval_fails && self.current.is_some_and(follows)
    }

    /// Returns the length of a slice in intervals.
    pub(crate) const fn intervals_per_slice(&self) -> u64 {
        self.intervals
    }

    /// Adds a sample at `at`: the requests so far, and whether the service is ready. Returns the outcomes
    /// of the slices that have just ended, oldest first.
    ///
    /// A slice ends with the sample of its last interval, so that its outcome is dated into it: one of
    /// maintenance is maintenance. Where that sample was missed, the next one ends the slice.
    ///
    /// The events of a sample belong to the interval that ends with it. A slice of which less than half was
    /// sampled has no outcome: the one in which the process started, and those that were slept through. A
    /// clock that was set back by more than a slice begins anew with it.
    pub(crate) fn sample(
        &mut self,
        at: u64,
        requests: CounterSample,
        ready: bool,
    ) -> impl Iterator<Item = SliceOutcome> + use<> {
        let number = at.saturating_sub(1) / self.intervals;
        let delta = requests.increase_since(self.last_sample);
        self.last_sample = requests;
        // A clock that was set back a little is still in the slice that it was in.
        if self
            .current
            .is_some_and(|current| current.number > number + 1)
        {
            self.current = None;
            self.last_bad = None;
        }
        let current = self.current.filter(|current| current.number >= number);
        let missed = self
            .current
            .filter(|ended| current.is_none() && !ended.judged);
        let missed = missed.and_then(|ended| self.judge(ended));
        let first = self.current.is_none();
        let mut slice = current.unwrap_or(TimeSlice::new(number, !first));
        slice.add(delta, ready);
        let is_last = slice.number == number && at.is_multiple_of(self.intervals);
        let ends = is_last && !slice.judged;
        let ended = if ends { self.judge(slice) } else { None };
        slice.judged |= ends;
        self.current = Some(slice);
        let mut interval = TimeSlice::new(number, true);
        interval.add(delta, ready);
        self.interval_fails = interval.fails();
        [missed, ended].into_iter().flatten()
    }

    /// Returns the outcome of a slice that has ended.
    fn judge(&mut self, slice: TimeSlice) -> Option<SliceOutcome> {
        let outcome = slice.outcome(self.intervals);
        self.last_bad = outcome
            .filter(|outcome| !outcome.is_good)
            .map(|outcome| outcome.number);
        outcome
    }
}

impl TimeSlice {
    const fn new(number: u64, whole: bool) -> Self {
        Self {
            number,
            good: 0,
            bad: 0,
            samples: 0,
            ready_samples: 0,
            whole,
            judged: false,
        }
    }

    const fn add(&mut self, delta: CounterSample, ready: bool) {
        self.good = self.good.saturating_add(delta.good);
        self.bad = self.bad.saturating_add(delta.bad);
        self.samples += 1;
        self.ready_samples += ready as u64;
    }

    /// Returns the outcome by the table above; `None` where too little was sampled.
    fn outcome(&self, length: u64) -> Option<SliceOutcome> {
        let is_sampled = self.samples * 2 >= length && (self.whole || self.samples >= length);
        is_sampled.then(|| SliceOutcome {
            number: self.number,
            is_good: !self.fails(),
        })
    }

    fn fails(&self) -> bool {
        let requests = self.good.saturating_add(self.bad);
        // Multiplied and not divided, so that no rounding decides; without requests it is not
        // failing.
        let failing = u128::from(self.bad) * u128::from(PER_FAILURE) > u128::from(requests);
        let unready = self.ready_samples * 2 < self.samples;
        failing || unready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 180_000_000;
    const NONE: [bool; 0] = [];

    /// Samples every interval of some minutes; `each` returns (good, bad, ready) of one.
    fn outcomes(minutes: u64, each: impl Fn(u64) -> (u64, u64, bool)) -> Vec<bool> {
        let mut slices = SliceEvaluator::new(6);
        let mut sum = CounterSample::default();
        let samples = 0..=minutes * 6;
        samples
            .flat_map(|sample| {
                let (good, bad, ready) = each(sample);
                (sum.good, sum.bad) = (sum.good + good, sum.bad + bad);
                slices.sample(START + sample, sum, ready)
            })
            .map(|outcome| outcome.is_good)
            .collect()
    }

    #[test]
    fn a_tenth_of_5xx_is_good_and_one_more_is_bad() {
        assert_eq!(outcomes(3, |_| (90, 10, true)), [true; 3]);
        assert_eq!(outcomes(3, |_| (89, 11, true)), [false; 3]);
    }

    #[test]
    fn a_quiet_slice_is_good() {
        assert_eq!(outcomes(3, |_| (0, 0, true)), [true; 3]);
    }

    #[test]
    fn not_ready_for_most_of_it_is_bad_and_for_half_is_not() {
        assert_eq!(outcomes(3, |sample| (9, 0, sample % 6 < 3)), [true; 3]);
        assert_eq!(outcomes(3, |sample| (9, 0, sample % 6 < 2)), [false; 3]);
    }

    /// Samples a ready service without requests.
    fn ready(slices: &mut SliceEvaluator, at: u64) -> Vec<bool> {
        let outcomes = slices.sample(START + at, CounterSample::default(), true);
        outcomes.map(|outcome| outcome.is_good).collect()
    }

    #[test]
    fn the_first_slice_and_those_without_samples_have_no_outcome() {
        let mut slices = SliceEvaluator::new(6);
        assert_eq!(ready(&mut slices, 4), NONE);
        assert_eq!(ready(&mut slices, 7), NONE, "the partial one has ended");
        for at in 8..=11 {
            assert_eq!(ready(&mut slices, at), NONE);
        }
        assert_eq!(ready(&mut slices, 12), [true], "at its end");
        assert_eq!(
            ready(&mut slices, 600),
            NONE,
            "the one before the sleep is judged"
        );
        assert_eq!(ready(&mut slices, 603), NONE);
        assert_eq!(ready(&mut slices, 606), NONE, "two looks of six");
    }

    #[test]
    fn a_slice_whose_last_sample_was_missed_ends_with_the_next_one() {
        let mut slices = SliceEvaluator::new(6);
        for at in 6..=11 {
            ready(&mut slices, at);
        }
        assert_eq!(ready(&mut slices, 13), [true]);
        assert_eq!(ready(&mut slices, 14), NONE, "once");
        // Half of each of two slices was sampled.
        let mut slices = SliceEvaluator::new(2);
        assert_eq!(ready(&mut slices, 1), NONE);
        assert_eq!(ready(&mut slices, 2), [true]);
        assert_eq!(ready(&mut slices, 3), NONE);
        assert_eq!(ready(&mut slices, 6), [true, true]);
    }

    #[test]
    fn a_clock_that_was_set_back_begins_a_slice_anew() {
        let mut slices = SliceEvaluator::new(6);
        for at in 360..=366 {
            ready(&mut slices, at);
        }
        // A little back, in a slice that has its outcome.
        for at in 361..=366 {
            assert_eq!(ready(&mut slices, at), NONE);
        }
        // From the start of a slice to the end of the one before, and on.
        for at in [367, 366] {
            assert_eq!(ready(&mut slices, at), NONE);
        }
        for at in 367..=371 {
            assert_eq!(ready(&mut slices, at), NONE);
        }
        assert_eq!(ready(&mut slices, 372), [true]);
        // An hour back, in the middle of a minute, which is not seen whole.
        for at in 3..=11 {
            assert_eq!(ready(&mut slices, at), NONE);
        }
        assert_eq!(ready(&mut slices, 12), [true]);
    }

    #[test]
    fn requests_of_the_last_interval_belong_to_the_slice_that_it_ends() {
        let mut slices = SliceEvaluator::new(6);
        for at in 0..=11 {
            ready(&mut slices, at);
        }
        let failed = CounterSample { good: 0, bad: 5 };
        let outcome = SliceOutcome {
            number: START / 6 + 1,
            is_good: false,
        };
        let outcomes: Vec<_> = slices.sample(START + 12, failed, true).collect();
        assert_eq!(outcomes, [outcome]);
        assert_eq!(slices.sample(START + 13, failed, true).next(), None);
    }

    #[test]
    fn an_outage_goes_on_from_a_bad_slice_to_the_last_interval_that_fails() {
        let (mut slices, mut sum) = (SliceEvaluator::new(6), CounterSample::default());
        let mut failing = Vec::new();
        // From the fifth interval of a slice to the second of the next, and across a sleep.
        for at in (0..=36).chain([600]) {
            let fails = (11..=14).contains(&at) || at >= 35;
            sum.good += u64::from(!fails);
            sum.bad += u64::from(fails);
            slices.sample(START + at, sum, true).for_each(drop);
            if slices.is_failing() {
                failing.push(at);
            }
        }
        assert_eq!(failing, [12, 13, 14, 36], "known when the slice has ended");
    }
}
