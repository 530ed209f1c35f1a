//! Waiting without a timer of the runtime, or without a runtime.
//!
//! A shutdown may run where tokio has no timer, where no runtime is left, or on a current-thread
//! runtime that is busy. A thread that sleeps works in all of them; there are a handful per
//! process, at its end.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::background::thread;

/// Waits without tokio's timer, which needs a runtime that has one.
pub(super) async fn wait(time: Duration) {
    if time.is_zero() {
        return;
    }
    let (over, waited) = oneshot::channel();
    let started = thread::spawn("vantage-drain", move || {
        std::thread::sleep(time);
        let _ = over.send(());
    });
    // Without a thread it returns at once: ending early is better than never.
    if started.is_ok() {
        let _ = waited.await;
    }
}

/// Returns the output of a future, if it resolves in time. Needs no runtime either.
pub(super) async fn at_most<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut over) = (pin!(future), pin!(wait(time)));
    // The future first: one that is ready wins over a deadline that has passed.
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => over.as_mut().poll(context).map(|()| None),
    })
    .await
}
