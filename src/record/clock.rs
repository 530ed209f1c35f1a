//! Time as an argument: the system's, or one that a test holds in its hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Where the crate reads the time. Clones share the same hand.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Hand>>);

#[derive(Debug)]
struct Hand {
    started: Instant,
    started_wall: SystemTime,
    advanced_nanos: AtomicU64,
}

impl Clock {
    /// The system's clocks.
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until [`advance`](Self::advance)d, starting at `wall`.
    #[must_use]
    pub fn manual(wall: SystemTime) -> Self {
        Self(Some(Arc::new(Hand {
            started: Instant::now(),
            started_wall: wall,
            advanced_nanos: AtomicU64::new(0),
        })))
    }

    /// Moves a manual clock forward; the system's clock takes no notice.
    pub fn advance(&self, by: Duration) {
        if let Some(hand) = &self.0 {
            let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
            hand.advanced_nanos.fetch_add(nanos, Ordering::SeqCst);
        }
    }

    /// Monotonic time.
    #[must_use]
    pub fn now(&self) -> Instant {
        match &self.0 {
            None => Instant::now(),
            Some(hand) => hand.started + hand.advanced(),
        }
    }

    /// Time of day.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        match &self.0 {
            None => SystemTime::now(),
            Some(hand) => hand.started_wall + hand.advanced(),
        }
    }

    /// How long a process that really started at `started` has been running: by a manual clock, for
    /// as long as the clock, whatever day the test runs on.
    pub(crate) fn uptime(&self, started: SystemTime) -> Option<Duration> {
        match &self.0 {
            None => SystemTime::now().duration_since(started).ok(),
            Some(hand) => Some(hand.advanced()),
        }
    }
}

impl Hand {
    fn advanced(&self) -> Duration {
        Duration::from_nanos(self.advanced_nanos.load(Ordering::SeqCst))
    }
}
