//! Collects all metrics and delivers them, every so often.
//!
//! | | a batch of spans | a push of metrics |
//! |---|---|---|
//! | content | what happened since the last | all totals since the start |
//! | lost | is lost | is in the next one |
//! | retried | as it is | until the deadline, then collected anew |
//!
//! Points that failed and are covered by a later push count as superseded, and not as lost.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::batch::SignalFlush;
use super::collect::MetricSource;
use super::delivery::{Delivery, FlushFailure, PANICKED};
use super::encode::{Encode, Payload, count_points};
use super::transport::{ExportFailure, RetryHint};
use opentelemetry_sdk::metrics::data::ResourceMetrics;

use crate::background::ThreadStatus;
use crate::background::backoff::Backoff;
use crate::background::panic::catch_panic;

/// The push of metrics. Its readers are cumulative: what one push loses, the next one carries.
pub(super) struct PeriodicReader {
    sources: Vec<MetricSource>,
    interval: Duration,
    /// For collecting and sending together.
    timeout: Duration,
    encode: Encode<ResourceMetrics>,
    delivery: Delivery,
    flushes: mpsc::Receiver<SignalFlush>,
    backoff: Backoff,
    /// Nothing is sent before that, except by a flush.
    backoff_until: Instant,
}

impl PeriodicReader {
    pub(super) fn new(
        sources: Vec<MetricSource>,
        interval: Duration,
        timeout: Duration,
        encode: Encode<ResourceMetrics>,
        delivery: Delivery,
        flushes: mpsc::Receiver<SignalFlush>,
    ) -> Self {
        Self {
            sources,
            interval,
            timeout,
            encode,
            delivery,
            flushes,
            backoff: Backoff::default(),
            backoff_until: Instant::now(),
        }
    }

    /// Runs until it is stopped; returns the number of points lost with it.
    pub(super) async fn run(mut self, stopped: oneshot::Receiver<()>, thread: ThreadStatus) -> u64 {
        tokio::select! {
            biased;
            _ = stopped => {}
            () = self.run_restarting(&thread) => {}
        }
        self.delivery.export_metrics.counts().in_flight()
    }

    /// Runs until no flush can be asked for any more. A panic costs the push that was under way, which the
    /// next one carries.
    async fn run_restarting(&mut self, thread: &ThreadStatus) {
        while let Err(payload) = catch_panic(self.run_loop(thread)).await {
            let delay = thread.record_panic(&*payload);
            let export_metrics = &self.delivery.export_metrics;
            export_metrics.record_superseded(export_metrics.counts().in_flight(), PANICKED);
            sleep(delay).await;
            // The next push is an interval away; a thread that waits for it is up.
            thread.record_round();
        }
    }

    async fn run_loop(&mut self, thread: &ThreadStatus) {
        // The first push is an interval after the start: before that most instruments have nothing.
        let mut due = Instant::now() + self.interval;
        loop {
            tokio::select! {
                biased;
                flush = self.flushes.recv() => {
                    let Some(flush) = flush else { return };
                    self.handle_flush(flush).await;
                    thread.record_round();
                }
                () = sleep_until(due.max(self.backoff_until)) => {
                    // Before the export, so that a slow one does not shift all later ones.
                    due = Instant::now() + self.interval;
                    self.export_with_retries(Instant::now() + self.timeout).await;
                    thread.record_round();
                }
            }
        }
    }

    /// Tries until it is taken, refused, or too late. A flush doesn't wait for that: it collects
    /// anew, and what is collected then carries this too.
    async fn export_with_retries(&mut self, deadline: Instant) {
        let (Some(payload), _) = self.collect(deadline).await else {
            return;
        };
        loop {
            let Some((delay, failure)) = self.attempt(&payload).await else {
                return;
            };
            // No try is left before the deadline; the next interval collects anew.
            if self.backoff_until >= deadline {
                return self.delivery.give_up(&payload, &failure);
            }
            tokio::select! {
                () = sleep(delay) => {}
                flush = self.flushes.recv() => {
                    self.delivery.supersede(&payload, &failure);
                    if let Some(flush) = flush {
                        self.handle_flush(flush).await;
                    }
                    return;
                }
            }
        }
    }

    async fn handle_flush(&mut self, flush: SignalFlush) {
        // Whoever asked may have run out of patience.
        if !flush.reply.is_closed() {
            let failure = self.flush(flush.deadline).await;
            let _ = flush.reply.send(failure);
        }
    }

    /// Collects and tries once. Half of the time is for collecting, so that a callback that hangs
    /// doesn't take the other metrics with it.
    async fn flush(&mut self, deadline: Instant) -> Option<FlushFailure> {
        // The other half is for sending.
        let half = deadline.saturating_duration_since(Instant::now()) / 2;
        let refused = self.delivery.export_metrics.counts().refused;
        let (payload, complete) = self.collect(Instant::now() + half.min(self.timeout)).await;
        if let Some(payload) = payload
            && let Some((_, failure)) = self.attempt(&payload).await
        {
            // Not superseded: after a flush the process may end, and no later push carries it.
            self.delivery.give_up(&payload, &failure);
        }
        if self.delivery.export_metrics.counts().refused > refused {
            return Some(self.delivery.flush_failure());
        }
        const INCOMPLETE: &str = "some metrics could not be collected";
        (!complete).then(|| FlushFailure::without_request(INCOMPLETE))
    }

    /// Tries once; returns the delay before the next try, and the failure.
    async fn attempt(&mut self, payload: &Payload) -> Option<(Duration, ExportFailure)> {
        let Err(failure) = self.delivery.attempt(payload).await else {
            self.backoff.reset();
            return None;
        };
        let retry_after = match failure.retry {
            // Refused for good, and counted as such.
            RetryHint::Never => return None,
            RetryHint::Whenever => None,
            RetryHint::After(delay) => Some(delay),
        };
        let delay = self.backoff.next_delay(retry_after);
        self.backoff_until = Instant::now() + delay;
        Some((delay, failure))
    }

    /// Collects until the deadline; `true` if that is all.
    async fn collect(&mut self, deadline: Instant) -> (Option<Payload>, bool) {
        // All at once: none waits for another one's callbacks.
        let sources = self.sources.iter_mut();
        sources.for_each(|source| source.start(deadline));
        let (mut parts, mut complete) = (Vec::new(), true);
        for source in &mut self.sources {
            let collected = source.finish(deadline).await;
            complete &= collected.as_ref().is_some_and(|found| found.is_complete);
            parts.extend(collected.map(|found| found.metrics));
        }
        (self.encode(parts), complete)
    }

    /// Encodes collections as one message; `None` when they are all empty, or when that failed.
    fn encode(&mut self, parts: Vec<ResourceMetrics>) -> Option<Payload> {
        let items = parts.iter().map(count_points).sum();
        // An empty message would be a request about nothing.
        if items == 0 {
            return None;
        }
        self.delivery.export_metrics.record_fetched(items);
        match (self.encode)(parts) {
            Ok(bytes) => Some(Payload { bytes, items }),
            Err(reason) => {
                self.delivery.record_unencoded(items, &reason);
                None
            }
        }
    }
}
