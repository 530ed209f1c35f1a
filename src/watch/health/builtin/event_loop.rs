//! The check that a runtime still polls: a task is put into it, and the time until it runs is measured from
//! outside.
//!
//! | the last ping | says | next |
//! |---|---|---|
//! | none | nothing | send one |
//! | sent, not run | the lag is at least the time since | wait: one ping at a time |
//! | ran | the lag | send one |
//! | dropped | the runtime is gone, which is no lag | send one |
//!
//! Pings do not pile up in a stuck runtime, and the check runs on another thread, so that it can
//! report what the runtime cannot.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::record::clock::Clock;
use crate::record::sync::lock;
use crate::watch::health::finding::Finding;

/// The limits of the time that a task may wait for a free thread of its runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LagLimits {
    /// From this time on the check warns.
    pub warn: Duration,
    /// From this time on the runtime counts as stuck: the service is not ready and not live.
    pub fail: Duration,
}

impl LagLimits {
    /// A second is a blocked thread; half a minute is no runtime any more.
    pub const DEFAULT: Self = Self::new(Duration::from_secs(1), Duration::from_secs(30));

    /// Creates the limits: the check warns from a lag of `warn` on, and fails from `fail` on.
    #[must_use]
    pub const fn new(warn: Duration, fail: Duration) -> Self {
        Self { warn, fail }
    }

    fn evaluate(self, lag: Duration) -> Finding {
        let finding = if lag >= self.fail {
            Finding::fail("stuck")
        } else if lag >= self.warn {
            Finding::warn("lagging")
        } else {
            return Finding::pass();
        };
        finding.with_detail(format!("a task waited for {lag:.1?}"))
    }
}

/// The state of a task that was spawned into the runtime.
#[derive(Clone, Copy, Debug)]
enum PingState {
    /// It has not run yet.
    Sent(Instant),
    /// It waited for so long.
    Ran(Duration),
    /// The runtime is gone, and nobody waits for it.
    Dropped,
}

/// Returns a check: each call evaluates the ping of the last one, and sends another when that has
/// come back.
pub(in crate::watch::health) fn event_loop_check(
    runtime: Handle,
    clock: Clock,
    limits: LagLimits,
) -> impl FnMut(Instant) -> Finding + Send {
    let mut ping: Option<Arc<Mutex<PingState>>> = None;
    move |now| {
        let state = ping.as_ref().map(|ping| *lock(ping));
        let lag = match state {
            Some(PingState::Sent(since)) => {
                // Still under way: the lag so far is a lower bound, and it grows with every look.
                return limits.evaluate(now.saturating_duration_since(since));
            }
            Some(PingState::Ran(lag)) => lag,
            Some(PingState::Dropped) | None => Duration::ZERO,
        };
        ping = Some(spawn_ping(&runtime, &clock, now));
        limits.evaluate(lag)
    }
}

/// Spawns a task that records how long it waited, and returns where it does.
fn spawn_ping(runtime: &Handle, clock: &Clock, now: Instant) -> Arc<Mutex<PingState>> {
    let ping = Arc::new(Mutex::new(PingState::Sent(now)));
    let guard = PingGuard(Arc::clone(&ping));
    let clock = clock.clone();
    runtime.spawn(async move {
        // Measured inside the task, at the moment it runs; the check may look much later.
        let lag = clock.now().saturating_duration_since(now);
        *lock(&guard.0) = PingState::Ran(lag);
    });
    ping
}

/// Marks a task that was dropped before it ran.
struct PingGuard(Arc<Mutex<PingState>>);

impl Drop for PingGuard {
    fn drop(&mut self) {
        let mut ping = lock(&self.0);
        if matches!(*ping, PingState::Sent(_)) {
            *ping = PingState::Dropped;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_runtime_that_does_not_poll_lags_and_then_is_stuck_until_it_polls_again() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let clock = Clock::manual(SystemTime::UNIX_EPOCH);
        let mut check =
            event_loop_check(runtime.handle().clone(), clock.clone(), LagLimits::DEFAULT);
        let mut after = |seconds| {
            clock.advance(Duration::from_secs(seconds));
            check(clock.now()).code()
        };
        assert_eq!(after(0), "ok");
        assert_eq!(after(1), "lagging");
        assert_eq!(after(28), "lagging");
        assert_eq!(after(1), "stuck");
        runtime.block_on(tokio::task::yield_now());
        assert_eq!(after(0), "stuck", "that is how long it took");
        runtime.block_on(tokio::task::yield_now());
        assert_eq!(after(0), "ok");
    }

    #[test]
    fn a_runtime_that_is_gone_is_not_stuck() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let clock = Clock::manual(SystemTime::UNIX_EPOCH);
        let mut check =
            event_loop_check(runtime.handle().clone(), clock.clone(), LagLimits::DEFAULT);
        check(clock.now());
        drop(runtime);
        clock.advance(Duration::from_secs(60));
        assert_eq!(check(clock.now()).code(), "ok");
    }
}
