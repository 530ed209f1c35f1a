use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use super::service::HeartbeatService;
use crate::background::log_queue::LogQueue;

/// Threads that may resolve names or write log lines beside the one.
const MAX_BLOCKING_THREADS: usize = 3;
/// The pause after a panic, which is a bug of ours.
const PANIC_BACKOFF: Duration = Duration::from_secs(1);
/// The time that the last log lines may take.
const LOG_DRAIN_TIMEOUT: Duration = Duration::from_millis(100);

/// A guard of the heartbeat's thread, which runs until it is dropped.
#[derive(Debug)]
pub(crate) struct HeartbeatHandle {
    service: HeartbeatService,
    stopped: Arc<AtomicBool>,
}

impl Drop for HeartbeatHandle {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.service.wake();
    }
}

impl HeartbeatService {
    /// Starts the thread `vantage-heartbeat`.
    pub(crate) fn start(&self) -> io::Result<HeartbeatHandle> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(MAX_BLOCKING_THREADS)
            .build()?;
        let stopped = Arc::new(AtomicBool::new(false));
        let (service, stop) = (self.clone(), Arc::clone(&stopped));
        thread::Builder::new()
            .name("vantage-heartbeat".into())
            .spawn(move || run(runtime, &service, &stop))?;
        Ok(HeartbeatHandle {
            service: self.clone(),
            stopped,
        })
    }
}

fn run(runtime: Runtime, service: &HeartbeatService, stopped: &AtomicBool) {
    runtime.block_on(async {
        let (log_queue, writing) = LogQueue::start();
        while !stopped.load(Ordering::Relaxed) {
            let next = tick_guarded(service, &log_queue);
            let wait = next.saturating_duration_since(service.now());
            // Nothing wakes for the time being: it is looked at anyway.
            let _ = timeout(wait, service.wait_for_wake()).await;
        }
        drop(log_queue);
        let _ = timeout(LOG_DRAIN_TIMEOUT, writing).await;
    });
    // A name that is being resolved is not waited for.
    runtime.shutdown_background();
}

/// Runs one tick and catches its panic.
fn tick_guarded(service: &HeartbeatService, log_queue: &LogQueue) -> Instant {
    let tick = AssertUnwindSafe(|| service.tick(log_queue));
    catch_unwind(tick).unwrap_or_else(|_| {
        log_queue.write(|| tracing::error!("a round of heartbeats panicked; the next one follows"));
        service.now() + PANIC_BACKOFF
    })
}
