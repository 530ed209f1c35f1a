//! An answer that a caller awaits, or waits for where it has no runtime.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use tokio::sync::oneshot;

use crate::store::StoreError;

/// What the store will have answered by the deadline.
#[derive(Debug)]
#[must_use = "an answer that nobody waits for is lost"]
pub(crate) struct Reply<T>(oneshot::Receiver<Result<T, StoreError>>);

/// Where the answer is put.
pub(super) type Answering<T> = oneshot::Sender<Result<T, StoreError>>;

impl<T> Reply<T> {
    pub(super) fn open() -> (Answering<T>, Self) {
        let (answering, answer) = oneshot::channel();
        (answering, Self(answer))
    }

    pub(super) fn ready(answer: Result<T, StoreError>) -> Self {
        let (answering, reply) = Self::open();
        let _ = answering.send(answer);
        reply
    }

    #[cfg(test)]
    /// Blocks until the answer is there. Also inside a runtime, whose thread it then holds up.
    pub(crate) fn wait(self) -> Result<T, StoreError> {
        block_on(self)
    }
}

impl<T> Future for Reply<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.0).poll(context);
        // The thread that would have answered has ended.
        answer.map(|answer| answer.unwrap_or_else(|_| Err(ended())))
    }
}

pub(super) fn ended() -> StoreError {
    StoreError::passing("the store was closed")
}

/// Runs a future that needs no timer and no socket. Unlike a runtime's own, it works everywhere.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    // A task's budget of polls would not grow again while its thread is held up.
    let mut future = pin!(tokio::task::unconstrained(future));
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
