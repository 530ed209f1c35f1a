//! Threads that run beside the service until their guard is dropped. None is waited for: what it waits for
//! itself, such as a disk or a name that is being resolved, must not keep the process.
//!
//! | guard | the thread | ends |
//! |---|---|---|
//! | `LoopGuard` | sleeps between ticks | at once, or after the tick that runs |
//! | `RuntimeGuard` | a runtime | when its future does |

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::task::Poll;
use std::time::Duration;
use std::{io, thread};

use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;

/// Tokio's own bound of the threads for blocking calls.
///
/// For runtimes without a reason for another bound.
pub(crate) const DEFAULT_BLOCKING_THREADS: usize = 512;

/// A guard of a loop, which ends when it is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct LoopGuard {
    /// Nothing is ever sent: dropping it disconnects, and that is the signal.
    _stop: SyncSender<Infallible>,
}

/// A guard of a thread with a runtime. [`Stopped`] resolves when it is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct RuntimeGuard {
    handle: Handle,
    _stop: mpsc::Sender<Infallible>,
}

/// The end of a [`RuntimeGuard`].
#[derive(Debug)]
pub(crate) struct Stopped(mpsc::Receiver<Infallible>);

/// Runs a function on a thread of this name.
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new()
        .name(name.into())
        .spawn(run)
        .map(drop)
}

/// Calls `tick` after each interval, on a thread of this name.
pub(crate) fn repeat(
    name: &str,
    interval: Duration,
    mut tick: impl FnMut() + Send + 'static,
) -> io::Result<LoopGuard> {
    let (stop, stopped) = sync_channel(0);
    spawn(name, move || {
        // Waiting on the channel is the sleep, so that dropping the guard interrupts it.
        while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            tick();
        }
    })?;
    Ok(LoopGuard { _stop: stop })
}

/// Runs a future on a thread of this name and a runtime of its own, which ends with it. The future has to
/// end when [`Stopped`] resolves.
pub(crate) fn run<F: Future<Output = ()>>(
    name: &str,
    blocking_threads: usize,
    future: impl FnOnce(Stopped) -> F + Send + 'static,
) -> io::Result<RuntimeGuard> {
    // Built here and not on the thread: an error is the caller's to handle.
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(blocking_threads)
        .build()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = mpsc::channel(1);
    spawn(name, move || {
        // Called inside of it, because futures may start tasks and timers when they are made.
        runtime.block_on(async { future(Stopped(stopped)).await });
        // Not waited for: a blocking call may hang.
        runtime.shutdown_background();
    })?;
    Ok(RuntimeGuard {
        handle,
        _stop: stop,
    })
}

impl RuntimeGuard {
    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Stopped {
    /// Resolves to the future's output, or to `None` when the guard is dropped before.
    pub(crate) async fn or<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        // Stopping is looked at first: a future that is always ready could otherwise never be
        // stopped.
        poll_fn(|context| match self.0.poll_recv(context) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => future.as_mut().poll(context).map(Some),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn is_disconnected<T: PartialEq>(receiver: &Receiver<T>) -> bool {
        let ended = |received| received == Err(RecvTimeoutError::Disconnected);
        std::iter::repeat_with(|| receiver.recv_timeout(SOON))
            .find(Result::is_err)
            .is_some_and(ended)
    }

    #[test]
    fn a_loop_ticks_on_a_thread_of_its_name_until_its_guard_is_dropped() {
        let (ticked, ticks) = channel();
        let guard = repeat("vantage-test", Duration::from_millis(1), move || {
            let _ = ticked.send(thread::current().name().map(str::to_owned));
        });
        for _ in 0..3 {
            let name = ticks.recv_timeout(SOON).unwrap();
            assert_eq!(name.as_deref(), Some("vantage-test"));
        }
        drop(guard);
        assert!(is_disconnected(&ticks));
    }

    #[test]
    fn a_loop_that_waits_ends_at_once() {
        let (ticked, ticks) = channel::<()>();
        drop(repeat("vantage-test", Duration::MAX, move || {
            let _ = ticked.send(());
        }));
        assert!(is_disconnected(&ticks));
    }

    #[test]
    fn a_future_is_cancelled_when_the_guard_is_dropped_and_may_do_more() {
        let (sender, received) = channel();
        let guard = run("vantage-test", 1, move |mut stopped| async move {
            let _ = sender.send(stopped.or(async { 1 }).await);
            let _ = sender.send(stopped.or(pending()).await);
            // It stays stopped.
            let _ = sender.send(stopped.or(async { 2 }).await);
        })
        .unwrap();
        assert_eq!(received.recv_timeout(SOON), Ok(Some(1)));
        drop(guard);
        assert_eq!(received.recv_timeout(SOON), Ok(None));
        assert_eq!(received.recv_timeout(SOON), Ok(None));
        assert!(is_disconnected(&received));
    }
}
