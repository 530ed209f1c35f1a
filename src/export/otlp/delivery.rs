//! The delivery of one signal to its receiver: every try is timed and counted, and the log hears of
//! a change, not of each failure.
//!
//! | answer | counted as | log |
//! |---|---|---|
//! | taken | exported | the end of an outage |
//! | taken in part | exported, and refused | debug, with the receiver's reason |
//! | refused for good | refused | the first of an outage |
//! | may be retried | nothing yet | the first of an outage |
//! | given up | refused | – |

use std::borrow::Cow;
use std::time::{Duration, Instant};

use super::encode::{Payload, parse_rejected};
use super::metrics::ExportMetrics;
use super::transport::{ExportFailure, RetryHint, Transport};
use crate::background::log_queue::LogQueue;
use crate::background::outage::OutageTracker;
use crate::config::{Endpoint, TelemetrySignal};
use crate::model::units::format_duration;
use crate::net::one_line;

/// The class of a loss by a panic.
pub(super) const PANICKED: &str = "panic";

/// Everything that both kinds of workers need for one request.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) signal: TelemetrySignal,
    pub(super) endpoint: Endpoint,
    pub(super) transport: Transport,
    /// Of one request, connecting included.
    pub(super) timeout: Duration,
    pub(super) export_metrics: ExportMetrics,
    pub(super) log_queue: LogQueue,
    pub(super) outage: DeliveryOutage,
    /// The last failure.
    /// Kept for reports: a flush that sends nothing new still says why.
    pub(super) last_failure: Option<ExportFailure>,
}

/// The outage of the receiver as far as it was logged.
#[derive(Debug, Default)]
pub(super) struct DeliveryOutage {
    tracker: OutageTracker,
    /// The number of items lost before the outage.
    /// The difference at its end is what the outage cost.
    lost_before: u64,
}

/// The reason why a flush did not send everything.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FlushFailure {
    /// The class of the failed request; `None` where none failed.
    pub(super) error_type: Option<Cow<'static, str>>,
    /// The message in one line.
    pub(super) message: String,
}

impl FlushFailure {
    pub(super) fn without_request(message: &str) -> Self {
        Self {
            error_type: None,
            message: message.to_owned(),
        }
    }
}

impl Delivery {
    /// Tries once. What was taken and what was refused for good is counted; what may be tried again
    /// is not.
    pub(super) async fn attempt(&mut self, payload: &Payload) -> Result<(), ExportFailure> {
        let started = Instant::now();
        // `Bytes` are shared: a retry copies nothing.
        let sending = self.transport.send(payload.bytes.clone());
        let outcome = match tokio::time::timeout(self.timeout, sending).await {
            Ok(outcome) => outcome,
            Err(_) => {
                // The connection may be dead without a word; the next try is to have another.
                self.transport.reconnect();
                Err(ExportFailure::timed_out(self.timeout))
            }
        };
        let error = outcome
            .as_ref()
            .map_or_else(|failure| failure.error_type.as_ref(), |_| "");
        self.export_metrics.record_request(started.elapsed(), error);
        match outcome {
            Ok(response) => {
                self.record_success(payload.items, &response);
                Ok(())
            }
            Err(failure) => {
                self.record_outage(&failure);
                if failure.retry == RetryHint::Never {
                    self.export_metrics
                        .record_refused(payload.items, &failure.error_type);
                }
                self.last_failure = Some(failure.clone());
                Err(failure)
            }
        }
    }

    /// Counts items as refused that never became a message.
    pub(super) fn record_unencoded(&mut self, items: u64, reason: &str) {
        let failure = ExportFailure::unencoded(reason);
        self.record_outage(&failure);
        self.export_metrics
            .record_refused(items, &failure.error_type);
        self.last_failure = Some(failure);
    }

    /// Counts a payload as refused that may be tried again and won't be.
    pub(super) fn give_up(&self, payload: &Payload, failure: &ExportFailure) {
        self.export_metrics
            .record_refused(payload.items, &failure.error_type);
    }

    /// Counts a payload as superseded: what is sent next says the same and more.
    pub(super) fn supersede(&self, payload: &Payload, failure: &ExportFailure) {
        self.export_metrics
            .record_superseded(payload.items, &failure.error_type);
    }

    /// Returns the last failure as the reason why a flush did not send everything.
    pub(super) fn flush_failure(&self) -> FlushFailure {
        let last = self.last_failure.as_ref();
        last.map_or_else(
            || FlushFailure::without_request(""),
            |failure| FlushFailure {
                error_type: Some(failure.error_type.clone()),
                message: failure.message.clone(),
            },
        )
    }

    /// Returns the retry hint of the last failure.
    pub(super) fn last_retry(&self) -> RetryHint {
        let last = self.last_failure.as_ref();
        last.map_or(RetryHint::Whenever, |failure| failure.retry)
    }

    fn record_success(&mut self, items: u64, response: &[u8]) {
        let (rejected, reason) = parse_rejected(response);
        // The receiver's number is foreign input; more than was sent can't be rejected.
        let rejected = rejected.min(items);
        self.export_metrics.record_exported(items - rejected);
        if rejected > 0 {
            self.export_metrics.record_refused(rejected, "rejected");
            self.last_failure = Some(ExportFailure::rejected(rejected, &reason));
        }
        // OTLP allows a message without a rejection: a warning of the receiver.
        if !reason.is_empty() {
            let (signal, reason) = (self.signal, one_line(&reason));
            self.log_queue.write(move || {
                tracing::debug!(%signal, rejected, reason, "the receiver rejected a part of the data");
            });
        }
        self.record_recovery();
    }

    fn record_outage(&mut self, failure: &ExportFailure) {
        if !self.outage.tracker.record_failure(Instant::now()) {
            return;
        }
        self.outage.lost_before = self.lost();
        let (signal, endpoint) = (self.signal, self.endpoint.clone());
        let cause = failure.message.clone();
        self.log_queue.write(move || {
            tracing::warn!(
                %signal,
                %endpoint,
                cause,
                "OTLP export is failing; the metrics otel.sdk.* count the data that is lost in the meantime"
            );
        });
    }

    fn record_recovery(&mut self) {
        let Some(ended) = self.outage.tracker.record_success(Instant::now()) else {
            return;
        };
        let (signal, endpoint) = (self.signal, self.endpoint.clone());
        let after = format_duration(whole_seconds(ended.lasted));
        let lost = self.lost() - self.outage.lost_before;
        self.log_queue.write(move || {
            tracing::info!(%signal, %endpoint, after, lost, "OTLP export works again");
        });
    }

    fn lost(&self) -> u64 {
        let counts = self.export_metrics.counts();
        counts.dropped + counts.refused
    }
}

/// Rounds down, but not to 0: "after 0s" says nothing.
fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs().max(1))
}
