//! The thread that calls the store.
//!
//! A runtime of one thread: the store's calls are I/O, and one after the other is what a file wants
//! anyway.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::commit::Committer;
use super::reply::ReplySender;
use super::retention::RetentionTask;
use super::write_queue::WriteQueue;
use crate::background::thread;

/// The request to flush and end.
#[derive(Debug)]
pub(super) struct StopRequest {
    pub(super) timeout: Duration,
    pub(super) reply: ReplySender<u64>,
}

/// Starts the thread. It ends at the request, or when its sender is dropped.
pub(super) fn start(
    queue: Arc<WriteQueue>,
    committer: Committer,
    retention: RetentionTask,
) -> io::Result<(Handle, oneshot::Sender<StopRequest>)> {
    // The thread reports its runtime or its error before `start` returns: a service that can't keep
    // anything finds out at once.
    let (ready, started) = sync_channel(1);
    let (stop, stopped) = oneshot::channel::<StopRequest>();
    thread::spawn("vantage-store", move || {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(ready.send(Err(error))),
        };
        let _ = ready.send(Ok(runtime.handle().clone()));
        let request = runtime.block_on(async {
            // Two tasks: a long deletion must not hold up commits between its batches.
            tokio::spawn(committer.run());
            tokio::spawn(retention.run());
            // Dropped without a request: nothing is flushed, as the handle's documentation says.
            let request = stopped.await.ok()?;
            let now = queue.clock.now();
            queue.request_commit();
            let _ = timeout(request.timeout, queue.committed_until(now)).await;
            Some(request)
        });
        // A call that hangs must not keep the process, and a file is free before the reply is sent.
        runtime.shutdown_background();
        // The last owner but calls that hang: the file is closed here where none does.
        drop(queue.close());
        let left = queue.pending_until(queue.clock.now());
        if left > 0 {
            tracing::warn!(target: "vantage_obs", changes = left, "the store was closed before it had accepted all changes");
        }
        if let Some(request) = request {
            let _ = request.reply.send(Ok(left));
        }
    })?;
    let ended = || io::Error::other("the store's thread ended immediately");
    let handle = started.recv().map_err(|_| ended())??;
    Ok((handle, stop))
}
