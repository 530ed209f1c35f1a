//! The check of a loop of the service's own: the time since its last tick.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::record::clock::Clock;
use crate::watch::health::finding::Finding;

/// The time of the latest tick, counted from the start of the watching.
#[derive(Debug)]
pub(in crate::watch::health) struct LastTick {
    clock: Clock,
    started: Instant,
    /// A number and not an `Instant`, because it must be written without a lock; 2⁶⁴ ns are 584
    /// years.
    after_nanos: AtomicU64,
}

impl LastTick {
    /// The start counts as a tick.
    pub(in crate::watch::health) fn new(clock: Clock) -> Self {
        Self {
            started: clock.now(),
            clock,
            after_nanos: AtomicU64::new(0),
        }
    }

    /// Records a tick now; any thread may call it, without a lock.
    pub(in crate::watch::health) fn record(&self) {
        let after = self.clock.now().saturating_duration_since(self.started);
        let nanos = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        // Ticks of several threads may overtake each other; the latest counts.
        // Relaxed: nothing else is published with it.
        self.after_nanos.fetch_max(nanos, Ordering::Relaxed);
    }

    /// Evaluates the time since the latest tick.
    pub(in crate::watch::health) fn evaluate(&self, now: Instant, timeout: Duration) -> Finding {
        let last = Duration::from_nanos(self.after_nanos.load(Ordering::Relaxed));
        let silence = now.saturating_duration_since(self.started + last);
        if silence < timeout {
            return Finding::pass();
        }
        Finding::fail("stuck").with_detail(format!("the last tick was {silence:.1?} ago"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_loop_is_stuck_from_its_timeout_on_and_well_again_with_the_next_tick() {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH);
        let last_tick = LastTick::new(clock.clone());
        let timeout = Duration::from_secs(30);
        let after = |seconds| {
            clock.advance(Duration::from_secs(seconds));
            last_tick.evaluate(clock.now(), timeout).code()
        };
        assert_eq!(after(29), "ok");
        assert_eq!(after(1), "stuck");
        last_tick.record();
        assert_eq!(after(0), "ok");
        assert_eq!(after(29), "ok");
        assert_eq!(after(1), "stuck");
    }
}
