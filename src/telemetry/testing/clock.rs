use std::time::{Duration, Instant, SystemTime};

use crate::record::clock::Clock;

/// The clock of a [`TestTelemetry`](super::TestTelemetry). Clones share its time.
///
/// ```
/// use std::time::Duration;
/// use vantage_obs::testing::TestTelemetry;
///
/// let test = TestTelemetry::new();
/// let (now, wall) = (test.clock().now(), test.clock().wall());
/// test.clock().advance(Duration::from_secs(60));
/// assert_eq!(test.clock().now() - now, Duration::from_secs(60));
/// assert_eq!(test.clock().wall().duration_since(wall)?, Duration::from_secs(60));
/// # Ok::<(), std::time::SystemTimeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(pub(super) Clock);

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.advance(by);
    }

    /// Returns the monotonic time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.now()
    }

    /// Returns the time of day.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        self.0.wall()
    }
}
