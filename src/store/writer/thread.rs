//! The thread on which the store is called.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use std::{io, thread};

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::commit::Writer;
use super::reply::Answering;
use super::retention::Sweeper;
use super::shared::Shared;

/// The last order.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) within: Duration,
    pub(super) reply: Answering<u64>,
}

/// Starts the thread; it ends at the order, or without one when nobody can give it any more.
pub(super) fn start(
    shared: Arc<Shared>,
    writer: Writer,
    sweeper: Sweeper,
) -> io::Result<(Handle, oneshot::Sender<Stop>)> {
    let (ready, started) = sync_channel(1);
    let (stop, stopped) = oneshot::channel::<Stop>();
    let thread = thread::Builder::new().name("vantage-store".into());
    thread.spawn(move || {
        let runtime = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(ready.send(Err(error))),
        };
        let _ = ready.send(Ok(runtime.handle().clone()));
        let order = runtime.block_on(async {
            tokio::spawn(writer.run());
            tokio::spawn(sweeper.run());
            let order = stopped.await.ok()?;
            let now = shared.clock.now();
            shared.hurry();
            let _ = timeout(order.within, shared.kept(now)).await;
            Some(order)
        });
        // A call that hangs must not keep the process, and a file is free before anybody is told.
        runtime.shutdown_background();
        drop(shared.close());
        let left = shared.left(shared.clock.now());
        if left > 0 {
            tracing::warn!(target: "vantage_obs", changes = left, "the store was closed before it took everything");
        }
        if let Some(order) = order {
            let _ = order.reply.send(Ok(left));
        }
    })?;
    let gone = || io::Error::other("the store's thread ended at once");
    let handle = started.recv().map_err(|_| gone())??;
    Ok((handle, stop))
}
