//! Time as an argument: the system's, or one that a test sets.
//!
//! Two clocks, because they answer different questions. The monotonic one measures how long
//! something took; it never goes back. The wall clock dates things for people and other hosts; it
//! jumps when it is set, so that no duration is calculated from it unless both ends come from
//! outside.
//!
//! State that keeps dates follows the steps of the wall clock by [`ClockSteps`]: a step is no time that has passed,
//! and no loop runs through it.
//!
//! | step | what has happened | ages of what was dated before |
//! |---|---|---|
//! | forward | the clock was behind, or the host slept | may be longer by it: the time between is unknown |
//! | back | the clock was ahead | are what they were |

#[cfg(any(test, feature = "testing"))]
mod manual;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use jiff::{SignedDuration, Timestamp};

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockReading {
    pub(crate) wall: Timestamp,
    pub(crate) monotonic: Instant,
}

impl ClockReading {
    /// Returns by how much the wall clock was set since an earlier reading, beyond the time that went by.
    pub(crate) fn step_since(&self, earlier: &Self) -> SignedDuration {
        let elapsed = self.monotonic.saturating_duration_since(earlier.monotonic);
        let elapsed = SignedDuration::try_from(elapsed).unwrap_or(SignedDuration::MAX);
        let moved = self.wall.duration_since(earlier.wall);
        moved.saturating_sub(elapsed)
    }
}

/// By more than that the wall clock does not leave the monotonic one by itself: it was set, or the host slept.
/// Less is time that goes by, or stands still.
const MAX_DRIFT: SignedDuration = SignedDuration::from_secs(1);

/// The steps of the wall clock between one reading of the clocks and the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClockSteps(Option<ClockReading>);

impl ClockSteps {
    /// Returns the steps from this reading on.
    pub(crate) const fn since(reading: ClockReading) -> Self {
        Self(Some(reading))
    }

    /// Returns by how much the wall clock was set since the reading before; `None` where it was not, or where
    /// this is the first reading.
    pub(crate) fn follow(&mut self, reading: ClockReading) -> Option<SignedDuration> {
        let step = reading.step_since(&self.0.replace(reading)?);
        (step > MAX_DRIFT || step < -MAX_DRIFT).then_some(step)
    }
}

/// The longest time between the readings of both clocks that makes no step.
const MAX_READ_TIME: Duration = Duration::from_millis(100);
/// The most readings of both clocks for one moment: on a host that stops each of them, the last one has to do.
const MAX_READS: usize = 5;

/// The source of time of the crate. Clones of a manual clock share its time.
///
/// `None` inside is the system: the usual case pays for one comparison.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock(Option<Arc<ManualTime>>);

#[derive(Debug)]
struct ManualTime {
    /// The real time at which the manual clock was made; an arbitrary origin.
    started: Instant,
    started_wall: SystemTime,
    /// One number moves both clocks, so that they can't drift apart in a test. `SeqCst`, because a
    /// test wants what it set to hold everywhere at once, and its speed doesn't matter.
    advanced_nanos: AtomicU64,
    /// By how much the time of day was set, in milliseconds.
    stepped_millis: AtomicI64,
}

impl Clock {
    /// The system's clocks.
    pub(crate) const fn system() -> Self {
        Self(None)
    }

    /// Monotonic time.
    // A manual clock adds to a real `Instant`, which has no other constructor.
    pub(crate) fn now(&self) -> Instant {
        match &self.0 {
            None => Instant::now(),
            Some(manual) => manual.started + manual.advanced(),
        }
    }

    /// Time of day.
    pub(crate) fn wall(&self) -> SystemTime {
        match &self.0 {
            None => SystemTime::now(),
            Some(manual) => manual.wall(),
        }
    }

    /// Returns the readings of both clocks at one moment.
    ///
    /// A thread that is held up between them would see a step, and another one back at its next reading: it
    /// reads again, a few times, until both were read at once.
    pub(crate) fn read(&self) -> ClockReading {
        let mut reading = self.read_once();
        for _ in 1..MAX_READS {
            if self.now().saturating_duration_since(reading.monotonic) <= MAX_READ_TIME {
                break;
            }
            reading = self.read_once();
        }
        reading
    }

    fn read_once(&self) -> ClockReading {
        let monotonic = self.now();
        ClockReading {
            wall: Timestamp::try_from(self.wall()).unwrap_or(Timestamp::MAX),
            monotonic,
        }
    }

    /// Returns the uptime of a process that really started at `started`: by a manual clock, for as
    /// long as the clock, whatever day the test runs on.
    pub(crate) fn uptime(&self, started: SystemTime) -> Option<Duration> {
        match &self.0 {
            None => SystemTime::now().duration_since(started).ok(),
            Some(manual) => Some(manual.advanced()),
        }
    }
}

impl ManualTime {
    fn wall(&self) -> SystemTime {
        let stepped = self.stepped_millis.load(Ordering::SeqCst);
        let by = Duration::from_millis(stepped.unsigned_abs());
        let wall = self.started_wall + self.advanced();
        if stepped < 0 { wall - by } else { wall + by }
    }

    fn advanced(&self) -> Duration {
        Duration::from_nanos(self.advanced_nanos.load(Ordering::SeqCst))
    }
}

/// Moves `at` by `step`, or returns the end of time that it would pass.
pub(crate) fn saturating_step(at: Timestamp, step: SignedDuration) -> Timestamp {
    at.checked_add(step).unwrap_or(if step.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_what_the_wall_clock_moved_beyond_the_time_that_passed() {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let mut steps = ClockSteps::default();
        assert_eq!(steps.follow(clock.read()), None, "nothing was read before");
        for millis in [
            0,
            1_000,
            -1_000,
            1_001,
            -1_001,
            3_600_000,
            -172_800_000,
            946_080_000_000,
            -1_800_000_000_000,
        ] {
            clock.advance(Duration::from_secs(77));
            clock.step_wall(millis);
            let step = SignedDuration::from_millis(millis);
            let expected = (millis.abs() > 1_000).then_some(step);
            assert_eq!(steps.follow(clock.read()), expected, "{millis}");
            assert_eq!(steps.follow(clock.read()), None, "{millis}");
        }
        let since = clock.read();
        clock.step_wall(5_000);
        let step = ClockSteps::since(since).follow(clock.read());
        assert_eq!(step, Some(SignedDuration::from_secs(5)));
    }

    #[test]
    fn a_step_ends_at_the_ends_of_time() {
        let far = SignedDuration::from_secs(i64::MAX);
        assert_eq!(saturating_step(Timestamp::UNIX_EPOCH, far), Timestamp::MAX);
        assert_eq!(saturating_step(Timestamp::UNIX_EPOCH, -far), Timestamp::MIN);
    }
}
