//! The thread that calls the store.
//!
//! A runtime of one thread: the store's calls are I/O, and one after the other is what a file wants
//! anyway.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::commit::Committer;
use super::reply::ReplySender;
use super::retention::RetentionTask;
use super::write_queue::WriteQueue;
use crate::background::thread::{DEFAULT_BLOCKING_THREADS, ThreadRuntime};
use crate::background::{Supervisor, ThreadStatus};

/// The name of the thread.
const THREAD: &str = "vantage-store";

/// The request to flush and end.
#[derive(Debug)]
pub(super) struct StopRequest {
    pub(super) timeout: Duration,
    pub(super) reply: ReplySender<u64>,
}

/// The started thread, or the one that the system will give later.
#[derive(Debug)]
pub(super) struct StoreThread {
    pub(super) handle: Handle,
    pub(super) stop: oneshot::Sender<StopRequest>,
    pub(super) start: ThreadStart,
}

/// The start of the thread, which the system may refuse for a while.
#[derive(Clone, Debug, Default)]
pub(super) struct ThreadStart {
    was_refused: bool,
    has_begun: Arc<AtomicBool>,
}

impl ThreadStart {
    /// Returns true while there is no thread: nothing that is spawned runs, and no timer either.
    pub(super) fn is_refused(&self) -> bool {
        self.was_refused && !self.has_begun.load(Ordering::Acquire)
    }
}

/// Starts the thread. It ends at the request, or when its sender is dropped.
///
/// Where the system refuses it, changes wait in the queue until it is there, and nothing else does.
pub(super) fn start(
    queue: Arc<WriteQueue>,
    committer: Committer,
    retention: RetentionTask,
    supervisor: &Supervisor,
) -> io::Result<StoreThread> {
    // Built here: a service that can't keep anything finds out at once.
    let runtime = ThreadRuntime::new(DEFAULT_BLOCKING_THREADS)?;
    let ended = || io::Error::other("the store's runtime has ended");
    let handle = runtime.get().ok_or_else(ended)?.handle().clone();
    let (stop, stopped) = oneshot::channel::<StopRequest>();
    // Two tasks: a long deletion must not hold up commits between its batches.
    handle.spawn(committer.run(supervisor.register("vantage-store-commits")));
    handle.spawn(retention.run(supervisor.register("vantage-store-retention")));
    let (mut runtime, mut stopped) = (Some(runtime), Some(stopped));
    let has_begun = Arc::new(AtomicBool::new(false));
    let begins = Arc::clone(&has_begun);
    supervisor.spawn(THREAD, move |thread: &ThreadStatus| {
        begins.store(true, Ordering::Release);
        thread.record_round();
        let Some(active) = runtime.as_ref().and_then(ThreadRuntime::get) else {
            return;
        };
        // Taken: after a panic while it was answered, nothing is left to wait for.
        let stopped = stopped.take();
        let request = active.block_on(async {
            // Dropped without a request: nothing is flushed, as the handle's documentation says.
            let request = stopped?.await.ok()?;
            let now = queue.clock.now();
            queue.request_commit();
            let _ = timeout(request.timeout, queue.committed_until(now)).await;
            Some(request)
        });
        // A call that hangs must not keep the process, and a file is free before the reply is sent.
        drop(runtime.take());
        // The last owner but calls that hang: the file is closed here where none does.
        drop(queue.close());
        let left = queue.pending_until(queue.clock.now());
        if left > 0 {
            tracing::warn!(target: "vantage_obs", changes = left, "the store was closed before it had accepted all changes");
        }
        if let Some(request) = request {
            let _ = request.reply.send(Ok(left));
        }
    });
    // Known by now; a thread that is accepted begins by itself.
    let was_refused = supervisor.down().contains_key(THREAD);
    Ok(StoreThread {
        handle,
        stop,
        start: ThreadStart {
            was_refused,
            has_begun,
        },
    })
}
