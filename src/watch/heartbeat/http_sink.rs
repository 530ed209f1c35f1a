//! The sink `http`: beats go to the API of another process, by requests that run in the background.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hashbrown::HashSet;

use super::emitter::HeartbeatEmitter;
use super::http_request::{HttpSender, SendOutcome};
use super::queue::{QueuedBeat, SendQueue, SendResult};
use crate::background::log_queue::LogQueue;
use crate::background::outage::{Outage, OutageTracker};
use crate::background::panic::catch_panic;
use crate::config::{Endpoint, HeartbeatConfig};
use crate::model::catalog::telemetry::{BY_RESULT, HEARTBEAT_SENDS};
use crate::model::heartbeat::{BeatProgress, LifecycleState};
use crate::model::units::format_duration;
use crate::record::instruments::{WorkerKey, WorkerKeys};
use crate::record::series::{BoundSeries, Counter, Instruments};
use crate::record::sync::lock;

/// The sender of queued beats. Lives on the heartbeat's thread, in its runtime.
#[derive(Debug)]
pub(crate) struct HttpSink {
    endpoint: Endpoint,
    sender: HttpSender,
    queue: SendQueue,
    /// Filled by the sends, emptied by the next [`send_due`](Self::send_due), so that the queue
    /// needs no lock.
    completed: Arc<Mutex<Vec<(QueuedBeat, SendOutcome)>>>,
    sends: BoundSeries<Counter, 1>,
    /// One line at the begin of an outage and one at its end, instead of one for each beat.
    outage: OutageTracker,
    /// The fixes of refusals that were logged.
    logged_fixes: HashSet<&'static str>,
}

impl HttpSink {
    /// `None` where beats stay in the process; the error says what is wrong with the certificates.
    pub(crate) fn new(
        config: &HeartbeatConfig,
        instruments: &Instruments,
    ) -> Result<Option<Self>, String> {
        let (crate::config::HeartbeatSink::Http, Some(endpoint)) = (config.sink, &config.endpoint)
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            endpoint: endpoint.clone(),
            sender: HttpSender::new(endpoint, config)?,
            queue: SendQueue::new(config.interval),
            completed: Arc::default(),
            sends: instruments.series(&HEARTBEAT_SENDS, &BY_RESULT),
            outage: OutageTracker::default(),
            logged_fixes: HashSet::new(),
        }))
    }

    /// Queues a beat. Without progress, it is read when the beat is sent.
    pub(super) fn push(
        &mut self,
        worker: WorkerKey,
        state: LifecycleState,
        progress: Option<BeatProgress>,
    ) {
        self.queue.push(QueuedBeat {
            worker,
            state,
            progress,
        });
    }

    /// Accepts nothing but goodbyes from now on.
    pub(super) fn stop(&mut self) {
        self.queue.stop();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn next_wakeup(&self) -> Option<Instant> {
        self.queue.next_wakeup()
    }

    /// Processes completed sends and starts those that are due.
    pub(super) fn send_due(
        &mut self,
        emitter: &mut HeartbeatEmitter,
        worker_keys: &WorkerKeys,
        now: Instant,
        log_queue: &LogQueue,
    ) {
        let completed = std::mem::take(&mut *lock(&self.completed));
        for (queued, outcome) in completed {
            self.sends.with([outcome.label], |series| series.add(1));
            self.log_outcome(&outcome, now, log_queue);
            self.queue.complete(queued, outcome.result, now);
        }
        while let Some(queued) = self.queue.pop_ready(now) {
            self.spawn_send(queued, emitter, worker_keys);
        }
    }

    /// Sends a beat. It is built now, so that it tells of the present however long it has waited.
    fn spawn_send(
        &self,
        queued: QueuedBeat,
        emitter: &mut HeartbeatEmitter,
        worker_keys: &WorkerKeys,
    ) {
        let progress = queued
            .progress
            .unwrap_or_else(|| emitter.progress_snapshot().progress(&queued.worker));
        let beat = emitter.build_beat(queued.worker.role, queued.state, progress);
        let (sender, completed, worker_keys) = (
            self.sender.clone(),
            Arc::clone(&self.completed),
            worker_keys.clone(),
        );
        tokio::spawn(async move {
            // A panic is a failure like others: a send without an outcome would end the worker's beats.
            let outcome = match catch_panic(sender.send(&queued.worker.id, &beat)).await {
                Ok(outcome) => outcome,
                Err(payload) => SendOutcome::from_panic(&*payload),
            };
            lock(&completed).push((queued, outcome));
            // The loop sleeps until something is due; a result is something.
            worker_keys.wake();
        });
    }

    /// Logs the begin and the end of an outage, and each kind of refusal once.
    fn log_outcome(&mut self, outcome: &SendOutcome, now: Instant, log_queue: &LogQueue) {
        match outcome.result {
            SendResult::Accepted => {
                if let Some(outage) = self.outage.record_success(now) {
                    self.log_recovery(outage, log_queue);
                }
            }
            SendResult::Retry(_) => {
                if self.outage.record_failure(now) {
                    self.log_outage(outcome, log_queue);
                }
            }
            SendResult::Rejected => {
                let fix = outcome.fix.unwrap_or_default();
                // Each remedy once for the process's life: a wrong token is refused at every beat.
                if self.logged_fixes.insert(fix) {
                    self.log_refusal(outcome, fix, log_queue);
                }
            }
        }
    }

    fn log_outage(&self, outcome: &SendOutcome, log_queue: &LogQueue) {
        let (endpoint, cause) = (self.endpoint.clone(), outcome.cause.clone());
        log_queue.write(move || {
            tracing::warn!(
                %endpoint,
                cause,
                "heartbeats are not delivered; the receiver will consider the workers of this process offline"
            );
        });
    }

    fn log_recovery(&self, outage: Outage, log_queue: &LogQueue) {
        let endpoint = self.endpoint.clone();
        let seconds = Duration::from_secs(outage.lasted.as_secs().max(1));
        let after = format_duration(seconds);
        log_queue.write(move || tracing::info!(%endpoint, after, "heartbeats are delivered again"));
    }

    fn log_refusal(&self, outcome: &SendOutcome, fix: &'static str, log_queue: &LogQueue) {
        let (endpoint, cause) = (self.endpoint.clone(), outcome.cause.clone());
        log_queue.write(move || {
            tracing::error!(
                %endpoint,
                cause,
                fix,
                "a heartbeat was refused; the receiver will consider the worker offline"
            );
        });
    }
}
