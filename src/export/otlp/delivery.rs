//! One signal's way to its receiver: every try is timed and counted, and the log hears of a change,
//! not of each failure.

use std::time::{Duration, Instant};

use super::encode::{Payload, rejected};
use super::metrics::Exported;
use super::transport::{Failure, Retry, Transport};
use crate::background::log_queue::LogQueue;
use crate::background::outage::OutageTracker;
use crate::config::{Endpoint, Signal};
use crate::model::units::format_duration;
use crate::net::one_line;

#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) signal: Signal,
    pub(super) endpoint: Endpoint,
    pub(super) transport: Transport,
    pub(super) timeout: Duration,
    pub(super) figures: Exported,
    pub(super) herald: LogQueue,
    pub(super) condition: Condition,
    /// What went wrong last.
    pub(super) last: Option<Failure>,
}

/// Whether the receiver takes what it is sent, as far as the log knows.
#[derive(Debug, Default)]
pub(super) struct Condition {
    changes: OutageTracker,
    /// What was lost before it was down.
    lost_before: u64,
}

impl Delivery {
    /// Tries once. What was taken and what was refused for good is counted; what may be tried again
    /// is not.
    pub(super) async fn attempt(&mut self, payload: &Payload) -> Result<(), Failure> {
        let started = Instant::now();
        let sending = self.transport.send(payload.bytes.clone());
        let outcome = match tokio::time::timeout(self.timeout, sending).await {
            Ok(outcome) => outcome,
            Err(_) => {
                // The connection may be dead without a word; the next try is to have another.
                self.transport.renew();
                Err(Failure::timed_out(self.timeout))
            }
        };
        let error = outcome
            .as_ref()
            .map_or_else(|failure| failure.error_type.as_ref(), |_| "");
        self.figures.took(started.elapsed(), error);
        match outcome {
            Ok(answer) => {
                self.taken(payload.items, &answer);
                Ok(())
            }
            Err(failure) => {
                self.is_down(&failure);
                if failure.retry == Retry::Never {
                    self.figures.refused(payload.items, &failure.error_type);
                }
                self.last = Some(failure.clone());
                Err(failure)
            }
        }
    }

    /// What may be tried again won't be.
    pub(super) fn give_up(&self, payload: &Payload, failure: &Failure) {
        self.figures.refused(payload.items, &failure.error_type);
    }

    /// What may be tried again needn't be: what is sent next says the same and more.
    pub(super) fn supersede(&self, payload: &Payload, failure: &Failure) {
        self.figures.superseded(payload.items, &failure.error_type);
    }

    /// What went wrong last, in one line.
    pub(super) fn complaint(&self) -> String {
        let last = self.last.as_ref();
        last.map_or_else(String::new, |failure| failure.message.clone())
    }

    /// Whether what went wrong last may be tried again.
    pub(super) fn retry(&self) -> Retry {
        let last = self.last.as_ref();
        last.map_or(Retry::Whenever, |failure| failure.retry)
    }

    fn taken(&mut self, items: u64, answer: &[u8]) {
        let (rejected, reason) = rejected(answer);
        let rejected = rejected.min(items);
        self.figures.exported(items - rejected);
        if rejected > 0 {
            self.figures.refused(rejected, "rejected");
            self.last = Some(Failure::rejected(rejected, &reason));
        }
        if !reason.is_empty() {
            let (signal, reason) = (self.signal, one_line(&reason));
            self.herald.write(move || {
                tracing::debug!(%signal, rejected, reason, "the receiver left something out");
            });
        }
        self.is_up();
    }

    fn is_down(&mut self, failure: &Failure) {
        if !self.condition.changes.failed(Instant::now()) {
            return;
        }
        self.condition.lost_before = self.lost();
        let (signal, endpoint) = (self.signal, self.endpoint.clone());
        let cause = failure.message.clone();
        self.herald.write(move || {
            tracing::warn!(
                %signal,
                %endpoint,
                cause,
                "OTLP export is down; the metrics otel.sdk.* count what is lost meanwhile"
            );
        });
    }

    fn is_up(&mut self) {
        let Some(outage) = self.condition.changes.worked(Instant::now()) else {
            return;
        };
        let (signal, endpoint) = (self.signal, self.endpoint.clone());
        let after = format_duration(whole_seconds(outage.lasted));
        let lost = self.lost() - self.condition.lost_before;
        self.herald.write(move || {
            tracing::info!(%signal, %endpoint, after, lost, "OTLP export is back");
        });
    }

    fn lost(&self) -> u64 {
        let counts = self.figures.counts();
        counts.dropped + counts.refused
    }
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs().max(1))
}
