//! The thread of heartbeats. A panic costs one tick and not the thread: without beats, a whole process would
//! be taken for offline because of one bug.

use std::io;

use tokio::time::timeout;

use super::service::HeartbeatService;
use crate::background::log_queue::LogQueue;
use crate::background::thread::{RuntimeGuard, Stopped};
use crate::background::{Supervisor, ThreadStatus};

/// Threads for blocking calls beside the one. Nothing here makes any: names are resolved, and log lines
/// written, elsewhere.
const MAX_BLOCKING_THREADS: usize = 1;

impl HeartbeatService {
    /// Starts the thread `vantage-heartbeat`.
    pub(crate) fn start(&self, supervisor: &Supervisor) -> io::Result<RuntimeGuard> {
        let (service, log_queue) = (self.clone(), supervisor.log_queue().clone());
        let beat = async move |stopped: &Stopped, thread: &ThreadStatus| {
            run(&service, &log_queue, stopped, thread).await;
        };
        supervisor.run("vantage-heartbeat", MAX_BLOCKING_THREADS, beat)
    }
}

/// Ticks when something is due or has changed, until it is stopped.
async fn run(
    service: &HeartbeatService,
    log_queue: &LogQueue,
    stopped: &Stopped,
    thread: &ThreadStatus,
) {
    loop {
        let next = service.tick(log_queue);
        thread.record_round();
        let wait = next.saturating_duration_since(service.now());
        // Nothing wakes for the time being: it is looked at anyway.
        let woken = timeout(wait, service.wait_for_wake());
        if stopped.or(woken).await.is_none() {
            return;
        }
    }
}
