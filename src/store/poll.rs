//! A question that is asked again and again by somebody who never waits.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::{Reply, StoreError};

/// A question, from one to the next.
#[derive(Debug)]
pub(crate) struct Asked<T> {
    reply: Option<Reply<T>>,
    next: Option<Instant>,
}

impl<T> Asked<T> {
    /// Asks, where it is time to and no answer is awaited; the answer, where one has come.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        every: Duration,
        question: impl FnOnce() -> Reply<T>,
    ) -> Option<Result<T, StoreError>> {
        if self.reply.is_none() && self.next.is_none_or(|next| next <= now) {
            self.reply = Some(question());
            self.next = Some(now + every);
        }
        let answer = answered(self.reply.as_mut()?)?;
        self.reply = None;
        Some(answer)
    }

    /// Asks at the next occasion, whenever the last time was.
    pub(crate) const fn hurry(&mut self) {
        self.next = None;
    }
}

/// The answer, where it has come; then there is no other.
pub(crate) fn answered<T>(reply: &mut Reply<T>) -> Option<Result<T, StoreError>> {
    match pin!(reply).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Self {
            reply: None,
            next: None,
        }
    }
}
