//! Takes batches out of a queue and delivers them, for as long as the process lives.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::backoff::Backoff;
use super::delivery::Delivery;
use super::encode::{Payload, Sender};
use super::queue::Outlet;
use super::transport::{Failure, Retry};

/// Asks for everything to be sent now; the answer is why something couldn't be.
pub(super) type Flush = oneshot::Sender<Option<String>>;

/// One signal's queue, from its outlet to its receiver.
pub(super) struct Pump<T> {
    pub(super) outlet: Outlet<T>,
    pub(super) delay: Duration,
    pub(super) sender: Arc<Sender>,
    pub(super) encode: fn(&Sender, Vec<T>) -> Payload,
    pub(super) delivery: Delivery,
    pub(super) flushes: mpsc::Receiver<Flush>,
}

/// A batch that was tried and not taken.
struct Waiting {
    payload: Payload,
    backoff: Backoff,
    until: Instant,
    failure: Failure,
}

impl<T> Pump<T> {
    pub(super) async fn run(mut self) {
        let mut waiting: Option<Waiting> = None;
        let mut due = Instant::now() + self.delay;
        loop {
            // While a batch waits for its next try, the queue behind it fills, and overflows.
            let next = waiting.as_ref().map_or(due, |waiting| waiting.until);
            tokio::select! {
                flush = self.flushes.recv() => {
                    let Some(flush) = flush else { return };
                    let cause = self.flush(&mut waiting).await;
                    // Whoever asked may have run out of patience.
                    let _ = flush.send(cause);
                }
                () = sleep_until(next) => self.send(&mut waiting, 1).await,
                () = self.outlet.full_batch(), if waiting.is_none() => {
                    self.send(&mut waiting, self.outlet.batch()).await;
                }
            }
            due = Instant::now() + self.delay;
        }
    }

    /// Sends what waits, as long as it is at least so much and is taken.
    async fn send(&mut self, waiting: &mut Option<Waiting>, at_least: usize) {
        if let Some(again) = waiting.take() {
            *waiting = self.attempt(again.payload, again.backoff).await;
        }
        while waiting.is_none() && self.outlet.len() >= at_least {
            let Some(items) = self.outlet.take() else {
                return;
            };
            let payload = (self.encode)(&self.sender, items);
            *waiting = self.attempt(payload, Backoff::default()).await;
        }
    }

    /// Sends everything now, back-off or not.
    async fn flush(&mut self, waiting: &mut Option<Waiting>) -> Option<String> {
        let refused = self.delivery.figures.counts().refused;
        self.send(waiting, 1).await;
        match waiting {
            Some(waiting) => Some(waiting.failure.message.clone()),
            None if self.delivery.figures.counts().refused > refused => {
                Some("the receiver refused some".into())
            }
            None => None,
        }
    }

    /// Tries once; answers what is to be tried again.
    async fn attempt(&mut self, payload: Payload, mut backoff: Backoff) -> Option<Waiting> {
        let failure = self.delivery.attempt(&payload).await.err()?;
        let asked = match failure.retry {
            Retry::Never => return None,
            Retry::Whenever => None,
            Retry::After(delay) => Some(delay),
        };
        let Some(delay) = backoff.next(asked) else {
            self.delivery.give_up(&payload, &failure);
            return None;
        };
        Some(Waiting {
            payload,
            backoff,
            until: Instant::now() + delay,
            failure,
        })
    }
}
