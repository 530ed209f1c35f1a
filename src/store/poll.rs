//! A query that is repeated at an interval without blocking.
//!
//! Loops here are ticks on a clock that a test may hold; they can't await. So a query is sent on
//! one tick, and its answer collected on a later one.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::{StoreError, StoreReply};

/// A periodic query: the open reply and the time of the next one.
#[derive(Debug)]
pub(crate) struct StorePoll<T> {
    /// The query that is under way; no second one is sent beside it.
    reply: Option<StoreReply<T>>,
    /// `None` is at once.
    next_at: Option<Instant>,
}

impl<T> StorePoll<T> {
    /// Sends the query if it is due and none is open; returns the answer if one has come.
    pub(crate) fn poll(
        &mut self,
        now: Instant,
        interval: Duration,
        query: impl FnOnce() -> StoreReply<T>,
    ) -> Option<Result<T, StoreError>> {
        if self.reply.is_none() && self.next_at.is_none_or(|next| next <= now) {
            self.reply = Some(query());
            // From the sending on: an answer that takes long doesn't make the next one late.
            self.next_at = Some(now + interval);
        }
        let answer = try_receive(self.reply.as_mut()?)?;
        self.reply = None;
        Some(answer)
    }

    /// Makes the query due at the next `poll`.
    pub(crate) const fn poll_next(&mut self) {
        self.next_at = None;
    }
}

/// Returns the answer if it has come. There is only one.
pub(crate) fn try_receive<T>(reply: &mut StoreReply<T>) -> Option<Result<T, StoreError>> {
    // Polled without a waker: the next tick asks again.
    match pin!(reply).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

impl<T> Default for StorePoll<T> {
    fn default() -> Self {
        Self {
            reply: None,
            next_at: None,
        }
    }
}
