//! Takes batches out of a queue and delivers them, for as long as the process lives.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::backoff::{Backoff, GIVE_UP};
use super::delivery::Delivery;
use super::encode::{Payload, Sender};
use super::queue::Outlet;
use super::transport::Retry;

/// Asks for everything to be sent now.
#[derive(Debug)]
pub(super) struct Flush {
    /// Until when the one who asks has patience.
    pub(super) deadline: Instant,
    /// The answer is why something couldn't be sent.
    pub(super) reply: oneshot::Sender<Option<String>>,
}

/// One signal's queue, from its outlet to its receiver.
pub(super) struct Pump<T> {
    outlet: Outlet<T>,
    delay: Duration,
    sender: Arc<Sender>,
    encode: fn(&Sender, Vec<T>) -> Payload,
    delivery: Delivery,
    flushes: mpsc::Receiver<Flush>,
    backoff: Backoff,
    /// A batch that was tried and not taken. The queue behind it fills meanwhile, and overflows.
    waiting: Option<Waiting>,
    /// Nothing is sent before that, except by a flush.
    resting: Option<Instant>,
}

struct Waiting {
    payload: Payload,
    since: Instant,
}

/// When something is to be sent.
enum Next {
    Now,
    At(Instant),
    /// When a whole batch is there, and then at the latest.
    Batch(Instant),
}

impl Next {
    async fn ready<T>(self, outlet: &Outlet<T>) {
        match self {
            Self::Now => {}
            Self::At(until) => sleep_until(until).await,
            Self::Batch(due) => tokio::select! {
                () = sleep_until(due) => {}
                () = whole_batch(outlet) => {}
            },
        }
    }
}

/// A wake-up may be an old one, from before the last batch went out.
async fn whole_batch<T>(outlet: &Outlet<T>) {
    while outlet.len() < outlet.batch() {
        outlet.full_batch().await;
    }
}

impl<T> Pump<T> {
    pub(super) fn new(
        outlet: Outlet<T>,
        delay: Duration,
        sender: Arc<Sender>,
        encode: fn(&Sender, Vec<T>) -> Payload,
        delivery: Delivery,
        flushes: mpsc::Receiver<Flush>,
    ) -> Self {
        Self {
            outlet,
            delay,
            sender,
            encode,
            delivery,
            flushes,
            backoff: Backoff::default(),
            waiting: None,
            resting: None,
        }
    }

    /// Works until it is stopped; answers how many items are lost with it.
    pub(super) async fn run(mut self, stopped: oneshot::Receiver<()>) -> u64 {
        tokio::select! {
            biased;
            _ = stopped => {}
            () = self.work() => {}
        }
        self.outlet.close().await + self.delivery.figures.counts().in_hand()
    }

    async fn work(&mut self) {
        let mut due = Instant::now() + self.delay;
        loop {
            let next = match (self.resting, &self.waiting) {
                (Some(until), _) => Next::At(until),
                (None, Some(_)) => Next::Now,
                (None, None) => Next::Batch(due),
            };
            // One batch at a time, so that a flush is heard however fast the queue fills.
            tokio::select! {
                biased;
                flush = self.flushes.recv() => {
                    let Some(flush) = flush else { return };
                    self.answer(flush).await;
                }
                () = next.ready(&self.outlet) => {
                    let whole = self.outlet.len() >= self.outlet.batch();
                    self.resting = None;
                    self.step().await;
                    if !whole {
                        due = Instant::now() + self.delay;
                    }
                }
            }
        }
    }

    /// Sends one batch, that which waits before all others; answers how many items were fetched
    /// from the queue for it.
    async fn step(&mut self) -> usize {
        if let Some(again) = self.waiting.take() {
            self.attempt(again.payload, again.since).await;
            return 0;
        }
        let Some(items) = self.outlet.take() else {
            return 0;
        };
        let fetched = items.len();
        let payload = (self.encode)(&self.sender, items);
        self.attempt(payload, Instant::now()).await;
        fetched
    }

    async fn answer(&mut self, flush: Flush) {
        // Whoever asked may have run out of patience.
        if !flush.reply.is_closed() {
            let cause = self.flush().await;
            let _ = flush.reply.send(cause);
        }
    }

    /// Sends what waits at this moment, back-off or not; what comes after that isn't waited for.
    async fn flush(&mut self) -> Option<String> {
        let refused = self.delivery.figures.counts().refused;
        let before = (self.resting.take(), self.backoff.clone());
        let mut ahead = self.outlet.len();
        if self.waiting.is_some() {
            self.step().await;
        }
        while self.waiting.is_none() && ahead > 0 {
            ahead = ahead.saturating_sub(self.step().await.max(1));
        }
        let failed = self.waiting.is_some();
        if failed && self.delivery.retry() == Retry::Whenever && before.0.is_some() {
            // Whoever flushes often doesn't put off the next try.
            (self.resting, self.backoff) = before;
        }
        let lost = failed || self.delivery.figures.counts().refused > refused;
        lost.then(|| self.delivery.complaint())
    }

    /// Tries once, and keeps what is to be tried again.
    async fn attempt(&mut self, payload: Payload, since: Instant) {
        let Err(failure) = self.delivery.attempt(&payload).await else {
            return self.backoff.reset();
        };
        let asked = match failure.retry {
            Retry::Never => return self.backoff.reset(),
            Retry::Whenever => None,
            Retry::After(delay) => Some(delay),
        };
        self.resting = Some(Instant::now() + self.backoff.next(asked));
        if since.elapsed() < GIVE_UP {
            self.waiting = Some(Waiting { payload, since });
        } else {
            self.delivery.give_up(&payload, &failure);
        }
    }
}
