//! A timer that works in every runtime: a service's own may be built without one.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// `true` once a runtime without timers was met.
static WITHOUT_TIMERS: AtomicBool = AtomicBool::new(false);

/// Waits, or does not where the runtime has no timers.
pub(super) async fn sleep(time: Duration) {
    if WITHOUT_TIMERS.load(Ordering::Relaxed) {
        return;
    }
    // Tokio tells it by a panic, and in no other way.
    match catch_unwind(|| tokio::time::sleep(time)) {
        Ok(sleep) => sleep.await,
        Err(_) => WITHOUT_TIMERS.store(true, Ordering::Relaxed),
    }
}
