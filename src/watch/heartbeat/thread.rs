//! A panic in a tick ends that tick and not the thread: without beats, a whole process would be
//! taken for offline because of one bug.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::service::HeartbeatService;
use crate::background::log_queue::LogQueue;
use crate::background::thread::{self, RuntimeGuard, Stopped};

/// Threads that may resolve names or write log lines beside the one.
const MAX_BLOCKING_THREADS: usize = 3;
/// The pause after a panic, which is a bug of ours.
const PANIC_BACKOFF: Duration = Duration::from_secs(1);
/// The time that the last log lines may take.
const LOG_DRAIN_TIMEOUT: Duration = Duration::from_millis(100);

impl HeartbeatService {
    /// Starts the thread `vantage-heartbeat`.
    pub(crate) fn start(&self) -> io::Result<RuntimeGuard> {
        let service = self.clone();
        let beat = |stopped| async move { run(&service, stopped).await };
        thread::run("vantage-heartbeat", MAX_BLOCKING_THREADS, beat)
    }
}

/// Ticks when something is due or has changed, until it is stopped.
async fn run(service: &HeartbeatService, mut stopped: Stopped) {
    let (log_queue, writing) = LogQueue::start();
    loop {
        let next = tick_guarded(service, &log_queue);
        let wait = next.saturating_duration_since(service.now());
        // Nothing wakes for the time being: it is looked at anyway.
        let woken = timeout(wait, service.wait_for_wake());
        if stopped.or(woken).await.is_none() {
            break;
        }
    }
    drop(log_queue);
    let _ = timeout(LOG_DRAIN_TIMEOUT, writing).await;
}

/// Runs one tick and catches its panic.
fn tick_guarded(service: &HeartbeatService, log_queue: &LogQueue) -> Instant {
    let tick = AssertUnwindSafe(|| service.tick(log_queue));
    catch_unwind(tick).unwrap_or_else(|_| {
        log_queue.write(|| {
            tracing::error!(
                "a round of heartbeats panicked; heartbeats continue with the next round"
            );
        });
        service.now() + PANIC_BACKOFF
    })
}
