//! Threads by name, and the guards of those that run beside the service until their guard is dropped. None
//! is waited for: what it waits for itself, such as a disk or a name that is being resolved, must not keep
//! the process.
//!
//! | guard | the thread | ends |
//! |---|---|---|
//! | `LoopGuard` | sleeps between ticks | at once, or after the tick that runs |
//! | `RuntimeGuard` | a runtime | when its future does |

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::{io, thread};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;

use crate::record::sync::lock;

/// Tokio's own bound of the threads for blocking calls.
///
/// For runtimes without a reason for another bound.
pub(crate) const DEFAULT_BLOCKING_THREADS: usize = 512;

/// A guard of a loop, which ends when it is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct LoopGuard {
    /// Nothing is ever sent: dropping it disconnects, and that is the signal.
    pub(super) _stop: SyncSender<Infallible>,
}

/// A guard of a thread with a runtime. [`Stopped`] resolves when it is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct RuntimeGuard {
    pub(super) handle: Handle,
    pub(super) _stop: mpsc::Sender<Infallible>,
}

/// The end of a [`RuntimeGuard`]. Clones tell of the same one; one of them is awaited at a time.
#[derive(Clone, Debug)]
pub(crate) struct Stopped(Arc<Mutex<mpsc::Receiver<Infallible>>>);

/// A runtime of one thread, which can be dropped anywhere: calls that hang are left alone.
#[derive(Debug)]
pub(crate) struct ThreadRuntime(Option<Runtime>);

/// Runs a function on a thread of this name, unsupervised: for code that must end with its process.
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let builder = thread::Builder::new().name(name.into());
    builder.spawn(run).map(drop)
}

impl ThreadRuntime {
    /// Builds the runtime, which starts no thread.
    pub(crate) fn new(blocking_threads: usize) -> io::Result<Self> {
        let mut builder = Builder::new_current_thread();
        let builder = builder.enable_all().max_blocking_threads(blocking_threads);
        Ok(Self(Some(builder.build()?)))
    }

    /// Returns the handle; `None` is impossible before the drop.
    pub(crate) fn get(&self) -> Option<&Runtime> {
        self.0.as_ref()
    }
}

impl Drop for ThreadRuntime {
    fn drop(&mut self) {
        // Not waited for: a blocking call may hang, and a drop in another runtime must not block it.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl RuntimeGuard {
    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Stopped {
    /// Returns the signal, and the sender whose drop gives it.
    pub(super) fn new() -> (mpsc::Sender<Infallible>, Self) {
        let (stop, stopped) = mpsc::channel(1);
        (stop, Self(Arc::new(Mutex::new(stopped))))
    }

    /// Resolves to the future's output, or to `None` when the guard is dropped before.
    pub(crate) async fn or<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        // Stopping is looked at first: a future that is always ready could otherwise never be
        // stopped.
        poll_fn(|context| {
            let stopped = lock(&self.0).poll_recv(context);
            match stopped {
                Poll::Ready(_) => Poll::Ready(None),
                Poll::Pending => future.as_mut().poll(context).map(Some),
            }
        })
        .await
    }
}
