//! Time as an argument: the system's, or one that a test sets.
//!
//! Two clocks, because they answer different questions. The monotonic one measures how long
//! something took; it never goes back. The wall clock dates things for people and other hosts; it
//! jumps when it is set, so that no duration is calculated from it unless both ends come from
//! outside.

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

    /// Returns the readings of both clocks.
    pub(crate) fn read(&self) -> ClockReading {
        ClockReading {
            wall: Timestamp::try_from(self.wall()).unwrap_or(Timestamp::MAX),
            monotonic: self.now(),
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
