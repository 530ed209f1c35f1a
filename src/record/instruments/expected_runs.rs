//! Runs that are expected of schedules: one that is due and does not begin within its grace is missed, without a
//! call by which the service would say so.
//!
//! Due times are those of the wall clock, which may be set. Nothing is missed for a step of it: the monotonic
//! clock tells steps from time that has passed, and expectation begins anew after one.
//!
//! | clock | tells |
//! |---|---|
//! | wall | when a run is due |
//! | monotonic | how much time really passed since the last look, and so whether the wall clock was set |

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use jiff::Timestamp;

use crate::model::schedule::Schedule;
use crate::record::clock::ClockReading;
use crate::record::sync::lock;

/// The time by which a run may begin before it is due: timers are not exact.
const MAX_EARLY: Duration = Duration::from_secs(5);

/// The difference of both clocks from which on the wall clock was set.
///
/// A machine that was suspended looks like a step as well: the monotonic clock stands still
/// meanwhile on Linux.
const MIN_STEP: Duration = Duration::from_secs(10);

/// Runs of one schedule that are counted at once at most.
///
/// A schedule of seconds in a process that slept for a week would otherwise loop for long under the
/// lock.
const MAX_MISSED: u64 = 1_000;

/// The schedules whose runs are expected. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExpectedRuns(Arc<Mutex<ExpectedTable>>);

#[derive(Debug, Default)]
struct ExpectedTable {
    schedules: HashMap<Box<str>, Expectation>,
    /// Both clocks at the last look.
    // `None` before the first look, when nothing can have been missed.
    looked: Option<ClockReading>,
}

#[derive(Debug)]
struct Expectation {
    schedule: Schedule,
    /// The time after `due` within which a run may still begin.
    grace: Duration,
    /// The first run that has not begun and was not missed.
    due: Option<Timestamp>,
}

/// Runs of a schedule that were due and did not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MissedRuns {
    pub(crate) schedule: Box<str>,
    pub(crate) runs: u64,
    /// The due time of the last of them.
    pub(crate) due: Timestamp,
}

impl ExpectedRuns {
    /// Expects the runs of a schedule from now on. The same once more changes nothing.
    pub(super) fn expect(&self, name: &str, schedule: Schedule, grace: Duration, now: Timestamp) {
        let mut table = lock(&self.0);
        let known = table.schedules.get(name);
        // The same call once more, such as at each turn of a loop, must not begin the expectation
        // anew.
        if known.is_some_and(|known| known.schedule == schedule && known.grace == grace) {
            return;
        }
        let due = schedule.next_after(now);
        let expectation = Expectation {
            schedule,
            grace,
            due,
        };
        table.schedules.insert(name.into(), expectation);
    }

    /// Forgets a schedule; runs of it that are due are no longer missed.
    pub(super) fn remove(&self, name: &str) {
        lock(&self.0).schedules.remove(name);
    }

    /// Notes the start of a run that was planned for `planned`.
    pub(super) fn record_start(&self, name: &str, planned: Timestamp, now: Timestamp) {
        if let Some(expectation) = lock(&self.0).schedules.get_mut(name) {
            expectation.record_start(planned, now);
        }
    }

    /// Returns the runs that were missed since the last call.
    pub(crate) fn take_missed(&self, now: Instant, wall: Timestamp) -> Vec<MissedRuns> {
        let mut table = lock(&self.0);
        let clocks = ClockReading {
            wall,
            monotonic: now,
        };
        let looked = table.looked.replace(clocks);
        let step = looked.map_or(Duration::ZERO, |looked| {
            clocks.step_since(&looked).unsigned_abs()
        });
        table.schedules.retain(|_, one| !one.schedule.is_over());
        let schedules = table.schedules.iter_mut();
        let missed = schedules.filter_map(|(name, one)| {
            // Within its grace a run that is missed is missed by either clock.
            // A step that is shorter than the grace makes no run look missed, so that nothing has
            // to be forgiven.
            if step >= MIN_STEP && step > one.grace {
                one.due = one.schedule.next_after(wall);
                return None;
            }
            one.take_missed(name, wall)
        });
        missed.collect()
    }
}

impl Expectation {
    fn record_start(&mut self, planned: Timestamp, now: Timestamp) {
        if self.schedule.is_interval() {
            // The next run of an interval is due an interval after this one began, whenever that
            // was.
            self.due = self.schedule.next_after(now);
            return;
        }
        let Some(due) = self.due else { return };
        let soon = |time: Timestamp| time.saturating_add(MAX_EARLY).unwrap_or(time);
        // The start of another run: one of an earlier time, or one started by hand.
        if soon(planned) < due || soon(now) < due {
            return;
        }
        // The run counts for its planned time: one that is late must not take the next one's place,
        // and one that is planned ahead must not skip what lies between.
        self.due = self.schedule.next_after(due.max(planned.min(now)));
    }

    fn take_missed(&mut self, name: &str, now: Timestamp) -> Option<MissedRuns> {
        let (mut runs, mut last) = (0, None);
        while let Some(due) = self.due
            && due.saturating_add(self.grace).is_ok_and(|end| end <= now)
        {
            last = Some(due);
            runs += 1;
            // Past the limit the rest is skipped: the count says "many".
            let from = if runs < MAX_MISSED { due } else { now };
            self.due = self.schedule.next_after(from);
        }
        Some(MissedRuns {
            schedule: name.into(),
            runs,
            // `None` where no run was missed.
            due: last?,
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    /// Expected runs by clocks that are moved.
    struct Clocks {
        expected: ExpectedRuns,
        now: Instant,
        wall: Timestamp,
    }

    impl Clocks {
        fn at(wall: &str) -> Self {
            let clocks = Self {
                expected: ExpectedRuns::default(),
                now: Instant::now(),
                wall: wall.parse().unwrap(),
            };
            clocks.expected.take_missed(clocks.now, clocks.wall);
            clocks
        }

        fn expect(&self, schedule: Schedule, grace: u64) {
            let grace = Duration::from_secs(grace);
            self.expected.expect("it", schedule, grace, self.wall);
        }

        /// Moves both clocks; returns the number of missed runs.
        fn advance(&mut self, seconds: u64) -> u64 {
            self.now += Duration::from_secs(seconds);
            self.step(seconds.cast_signed())
        }

        /// Sets the wall clock.
        fn step(&mut self, seconds: i64) -> u64 {
            self.wall += SignedDuration::from_secs(seconds);
            let missed = self.expected.take_missed(self.now, self.wall);
            missed.iter().map(|one| one.runs).sum()
        }

        fn start(&self) {
            self.expected.record_start("it", self.wall, self.wall);
        }
    }

    fn nightly() -> Schedule {
        Schedule::cron("0 3 * * *", "UTC").unwrap()
    }

    #[test]
    fn a_nightly_run_that_never_begins_is_missed_once_its_grace_is_over() {
        let mut clocks = Clocks::at("2026-11-28T12:00:00Z");
        clocks.expect(nightly(), 600);
        assert_eq!(clocks.advance(15 * 3_600 + 599), 0);
        assert_eq!(clocks.advance(1), 1);
        // One that begins after that is late, and no second run is missed for it.
        clocks.start();
        assert_eq!(clocks.advance(24 * 3_600 - 1), 0);
        assert_eq!(clocks.advance(1), 1, "nor that of the next night");
    }

    #[test]
    fn a_run_counts_for_the_time_that_it_was_planned_for() {
        let mut clocks = Clocks::at("2026-11-28T02:00:00Z");
        clocks.expect(nightly(), 600);
        // By hand, an hour before.
        clocks.start();
        assert_eq!(clocks.advance(3_600 + 600), 1);
        // A timer that is a moment early.
        clocks.advance(24 * 3_600 - 601);
        clocks.start();
        assert_eq!(clocks.advance(1_200), 0);
        // One of the night before, which comes late, is not that of the next.
        let planned = clocks.wall;
        clocks.advance(23 * 3_600);
        clocks.advance(2_400 + 60);
        clocks.expected.record_start("it", planned, clocks.wall);
        assert_eq!(clocks.advance(541), 1);
    }

    #[test]
    fn an_interval_begins_with_each_run_and_each_one_that_is_left_out_is_missed() {
        let mut clocks = Clocks::at("2026-11-28T12:00:00Z");
        clocks.expect(Schedule::every(Duration::from_secs(300)), 30);
        assert_eq!(clocks.advance(320), 0);
        clocks.start();
        assert_eq!(clocks.advance(329), 0);
        assert_eq!(clocks.advance(1), 1);
        assert_eq!(clocks.advance(300), 1);
        assert_eq!(clocks.advance(900), 3);
        clocks.start();
        assert_eq!(clocks.advance(329), 0);
        clocks.expected.remove("it");
        assert_eq!(clocks.advance(3_600), 0);
    }

    #[test]
    fn a_clock_that_is_set_misses_nothing_and_costs_no_time() {
        let mut clocks = Clocks::at("1970-01-01T00:00:00Z");
        clocks.expect(Schedule::cron("* * * * *", "UTC").unwrap(), 1);
        assert_eq!(clocks.step(1_796_000_000), 0);
        assert_eq!(clocks.advance(121), 2, "expected from there on");
        assert_eq!(clocks.step(-86_400), 0);
        assert_eq!(clocks.advance(121), 2);
        // Small corrections are none.
        assert_eq!(clocks.step(9), 0);
        assert_eq!(clocks.advance(60 * 100_000), MAX_MISSED, "bounded at once");
        assert_eq!(clocks.advance(60), 1);
    }

    #[test]
    fn the_same_expectation_once_more_changes_nothing() {
        let mut clocks = Clocks::at("2026-11-28T12:00:00Z");
        clocks.expect(Schedule::every(Duration::from_secs(300)), 30);
        clocks.advance(200);
        clocks.expect(Schedule::every(Duration::from_secs(300)), 30);
        assert_eq!(clocks.advance(130), 1);
        clocks.expect(Schedule::every(Duration::from_secs(600)), 30);
        assert_eq!(clocks.advance(629), 0);
        assert_eq!(clocks.advance(1), 1);
    }
}
