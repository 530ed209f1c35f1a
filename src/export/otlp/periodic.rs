//! Collects all metrics and delivers them, every so often.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::batch::Flush;
use super::collect::Source;
use super::delivery::Delivery;
use super::encode::{self, Payload};
use super::transport::{Failure, Retry};
use crate::background::backoff::Backoff;
use crate::export::providers::Metrics;

/// The push of metrics. Its readers are cumulative: what one push loses, the next one carries.
pub(super) struct Push {
    sources: Vec<Source>,
    interval: Duration,
    timeout: Duration,
    delivery: Delivery,
    flushes: mpsc::Receiver<Flush>,
    backoff: Backoff,
    /// Nothing is sent before that, except by a flush.
    resting: Instant,
}

impl Push {
    pub(super) fn new(
        sources: Vec<Metrics>,
        interval: Duration,
        timeout: Duration,
        delivery: Delivery,
        flushes: mpsc::Receiver<Flush>,
    ) -> Self {
        Self {
            sources: sources.into_iter().map(Source::new).collect(),
            interval,
            timeout,
            delivery,
            flushes,
            backoff: Backoff::default(),
            resting: Instant::now(),
        }
    }

    /// Works until it is stopped; answers how many points are lost with it.
    pub(super) async fn run(mut self, stopped: oneshot::Receiver<()>) -> u64 {
        tokio::select! {
            biased;
            _ = stopped => {}
            () = self.work() => {}
        }
        self.delivery.figures.counts().in_hand()
    }

    async fn work(&mut self) {
        let mut due = Instant::now() + self.interval;
        loop {
            tokio::select! {
                biased;
                flush = self.flushes.recv() => {
                    let Some(flush) = flush else { return };
                    self.answer(flush).await;
                }
                () = sleep_until(due.max(self.resting)) => {
                    due = Instant::now() + self.interval;
                    self.patiently(Instant::now() + self.timeout).await;
                }
            }
        }
    }

    /// Tries until it is taken, refused, or too late. A flush doesn't wait for that: it collects
    /// anew, and what is collected then carries this too.
    async fn patiently(&mut self, deadline: Instant) {
        let (Some(payload), _) = self.collect(deadline).await else {
            return;
        };
        loop {
            let Some((delay, failure)) = self.attempt(&payload).await else {
                return;
            };
            if self.resting >= deadline {
                return self.delivery.give_up(&payload, &failure);
            }
            tokio::select! {
                () = sleep(delay) => {}
                flush = self.flushes.recv() => {
                    self.delivery.supersede(&payload, &failure);
                    if let Some(flush) = flush {
                        self.answer(flush).await;
                    }
                    return;
                }
            }
        }
    }

    async fn answer(&mut self, flush: Flush) {
        // Whoever asked may have run out of patience.
        if !flush.reply.is_closed() {
            let cause = self.flush(flush.deadline).await;
            let _ = flush.reply.send(cause);
        }
    }

    /// Collects and tries once. Half of the time is for collecting, so that a callback that hangs
    /// doesn't take the other metrics with it.
    async fn flush(&mut self, deadline: Instant) -> Option<String> {
        let half = deadline.saturating_duration_since(Instant::now()) / 2;
        let (payload, complete) = self.collect(Instant::now() + half.min(self.timeout)).await;
        let mut cause = (!complete).then(|| "some metrics could not be collected".to_owned());
        let Some(payload) = payload else {
            return cause;
        };
        let refused = self.delivery.figures.counts().refused;
        if let Some((_, failure)) = self.attempt(&payload).await {
            self.delivery.give_up(&payload, &failure);
        }
        if self.delivery.figures.counts().refused > refused {
            cause = Some(self.delivery.complaint());
        }
        cause
    }

    /// Tries once; answers when it may be tried again, and why.
    async fn attempt(&mut self, payload: &Payload) -> Option<(Duration, Failure)> {
        let Err(failure) = self.delivery.attempt(payload).await else {
            self.backoff.reset();
            return None;
        };
        let asked = match failure.retry {
            Retry::Never => return None,
            Retry::Whenever => None,
            Retry::After(delay) => Some(delay),
        };
        let delay = self.backoff.next(asked);
        self.resting = Instant::now() + delay;
        Some((delay, failure))
    }

    /// What could be collected in time, and whether that is all.
    async fn collect(&mut self, deadline: Instant) -> (Option<Payload>, bool) {
        // All at once: none waits for another one's callbacks.
        self.sources.iter_mut().for_each(Source::start);
        let mut parts = Vec::new();
        for source in &mut self.sources {
            parts.extend(source.collected(deadline).await);
        }
        let payload = encode::metrics(parts.iter());
        let points = payload.as_ref().map_or(0, |payload| payload.items);
        self.delivery.figures.fetched(points);
        (payload, parts.len() == self.sources.len())
    }
}
