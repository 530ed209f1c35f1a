//! The reply to a call of the writer: a future, which a caller without a runtime can block on.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::sync::oneshot;

use crate::store::StoreError;

/// The store's answer, which comes by the deadline.
///
/// A oneshot channel works with and without a runtime on the receiving side.
#[derive(Debug)]
#[must_use = "an answer that nobody waits for is lost"]
pub(crate) struct StoreReply<T>(oneshot::Receiver<Result<T, StoreError>>);

/// The sending side of a reply.
pub(super) type ReplySender<T> = oneshot::Sender<Result<T, StoreError>>;

impl<T> StoreReply<T> {
    pub(super) fn channel() -> (ReplySender<T>, Self) {
        let (sender, result) = oneshot::channel();
        (sender, Self(result))
    }

    pub(super) fn ready(result: Result<T, StoreError>) -> Self {
        let (sender, reply) = Self::channel();
        let _ = sender.send(result);
        reply
    }

    #[cfg(test)]
    /// Blocks until the answer is there. Also inside a runtime, whose thread it then holds up.
    pub(crate) fn wait(self) -> Result<T, StoreError> {
        block_on(self)
    }
}

impl<T> Future for StoreReply<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = Pin::new(&mut self.0).poll(context);
        // The thread that would have answered has ended.
        result.map(|result| result.unwrap_or_else(|_| Err(closed_error())))
    }
}

pub(super) fn closed_error() -> StoreError {
    StoreError::transient("the store was closed")
}

/// Runs a future that needs no timer and no socket. Unlike a runtime's own, it works everywhere.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    // A task's budget of polls would not grow again while its thread is held up.
    // Tokio makes a channel pretend to be pending when a task has polled a lot; nothing would wake
    // this thread then.
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Waker::from(Arc::new(ThreadWaker(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            // A wake between polling and parking is remembered by the thread, and spurious ones
            // only poll again.
            Poll::Pending => thread::park(),
        }
    }
}

/// Wakes the thread that blocks.
struct ThreadWaker(Thread);

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
