//! One signal's way to its receiver: every try is timed and counted, and the log hears of a change,
//! not of each failure.

use std::time::{Duration, Instant};

use super::encode::{Payload, rejected};
use super::figures::Exported;
use super::transport::{Failure, Retry, Transport};
use crate::config::{Endpoint, Signal};
use crate::units::format_duration;

#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) signal: Signal,
    pub(super) endpoint: Endpoint,
    pub(super) transport: Transport,
    pub(super) timeout: Duration,
    pub(super) figures: Exported,
    pub(super) condition: Condition,
}

/// Whether the receiver takes what it is sent, as far as the log knows.
#[derive(Debug, Default)]
pub(super) enum Condition {
    #[default]
    Unknown,
    Up,
    Down {
        since: Instant,
        lost_before: u64,
    },
}

impl Delivery {
    /// Tries once. What was taken and what was refused for good is counted; what may be tried again
    /// is not.
    pub(super) async fn attempt(&mut self, payload: &Payload) -> Result<(), Failure> {
        let started = Instant::now();
        let sending = self.transport.send(payload.bytes.clone());
        let outcome = match tokio::time::timeout(self.timeout, sending).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::timed_out(self.timeout)),
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
                Err(failure)
            }
        }
    }

    /// What may be tried again won't be.
    pub(super) fn give_up(&self, payload: &Payload, failure: &Failure) {
        self.figures.refused(payload.items, &failure.error_type);
    }

    fn taken(&mut self, items: u64, answer: &[u8]) {
        let (rejected, reason) = rejected(answer);
        let rejected = rejected.min(items);
        self.figures.exported(items - rejected);
        if rejected > 0 {
            self.figures.refused(rejected, "rejected");
        }
        if !reason.is_empty() {
            tracing::debug!(signal = %self.signal, rejected, reason, "the receiver left something out");
        }
        self.is_up();
    }

    fn is_down(&mut self, failure: &Failure) {
        if matches!(self.condition, Condition::Down { .. }) {
            return;
        }
        self.condition = Condition::Down {
            since: Instant::now(),
            lost_before: self.lost(),
        };
        tracing::warn!(
            signal = %self.signal,
            endpoint = %self.endpoint,
            cause = failure.message,
            "OTLP export is down; the metrics otel.sdk.* count what is lost meanwhile"
        );
    }

    fn is_up(&mut self) {
        if let Condition::Down { since, lost_before } = self.condition {
            tracing::info!(
                signal = %self.signal,
                endpoint = %self.endpoint,
                after = format_duration(whole_seconds(since.elapsed())),
                lost = self.lost() - lost_before,
                "OTLP export is back"
            );
        }
        self.condition = Condition::Up;
    }

    fn lost(&self) -> u64 {
        let counts = self.figures.counts();
        counts.dropped + counts.refused
    }
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs().max(1))
}
