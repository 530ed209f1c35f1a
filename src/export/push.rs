//! Collects all metrics and delivers them, every so often.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use opentelemetry_sdk::metrics::data::ResourceMetrics;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::backoff::Backoff;
use super::delivery::Delivery;
use super::encode::{self, Payload};
use super::pump::Flush;
use super::transport::{Failure, Retry};
use crate::pipeline::Metrics;

/// The push of metrics. Its readers are cumulative: what one push loses, the next one carries.
pub(super) struct Push {
    pub(super) sources: Vec<Metrics>,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    pub(super) delivery: Delivery,
    pub(super) flushes: mpsc::Receiver<Flush>,
}

impl Push {
    pub(super) async fn run(mut self) {
        let mut due = Instant::now() + self.interval;
        loop {
            tokio::select! {
                flush = self.flushes.recv() => {
                    let Some(flush) = flush else { return };
                    self.answer(flush).await;
                }
                () = sleep_until(due) => {
                    due = Instant::now() + self.interval;
                    self.patiently(Instant::now() + self.timeout).await;
                }
            }
        }
    }

    /// Tries until it is taken, refused, or too late. A flush doesn't wait for that: it collects
    /// anew, and what is collected then carries this too.
    async fn patiently(&mut self, deadline: Instant) {
        let Some(payload) = self.collect().await else {
            return;
        };
        let mut backoff = Backoff::default();
        loop {
            let Err(failure) = self.delivery.attempt(&payload).await else {
                return;
            };
            let asked = match failure.retry {
                Retry::Never => return,
                Retry::Whenever => None,
                Retry::After(delay) => Some(delay),
            };
            let delay = backoff.next(asked);
            let Some(delay) = delay.filter(|delay| Instant::now() + *delay < deadline) else {
                return self.delivery.give_up(&payload, &failure);
            };
            tokio::select! {
                () = sleep(delay) => {}
                flush = self.flushes.recv() => {
                    self.delivery.give_up(&payload, &failure);
                    if let Some(flush) = flush {
                        self.answer(flush).await;
                    }
                    return;
                }
            }
        }
    }

    async fn answer(&mut self, flush: Flush) {
        let failure = match self.collect().await {
            Some(payload) => self.once(&payload).await.err(),
            None => None,
        };
        // Whoever asked may have run out of patience.
        let _ = flush.send(failure.map(|failure| failure.message));
    }

    async fn once(&mut self, payload: &Payload) -> Result<(), Failure> {
        let outcome = self.delivery.attempt(payload).await;
        if let Err(failure) = &outcome
            && failure.retry != Retry::Never
        {
            self.delivery.give_up(payload, failure);
        }
        outcome
    }

    /// Collects on a thread aside: the user's own callbacks may block or panic.
    async fn collect(&self) -> Option<Payload> {
        let sources = self.sources.clone();
        let collected = tokio::task::spawn_blocking(move || {
            let parts: Vec<_> = sources.iter().filter_map(collect).collect();
            encode::metrics(parts.iter())
        });
        tokio::time::timeout(self.timeout, collected)
            .await
            .ok()?
            .ok()?
    }
}

fn collect(metrics: &Metrics) -> Option<ResourceMetrics> {
    let mut collected = ResourceMetrics::default();
    let outcome = catch_unwind(AssertUnwindSafe(|| metrics.collect(&mut collected)));
    matches!(outcome, Ok(Ok(()))).then_some(collected)
}
