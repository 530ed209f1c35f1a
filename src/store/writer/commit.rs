//! Commits of queued operations, a batch at a time.
//!
//! | what a commit answers | operations | next |
//! |---|---|---|
//! | ok | durable | the next batch |
//! | transient | back to the backlog; those that are awaited fail | backoff, 250 ms to 5 s |
//! | permanent, a batch | split in two | both halves |
//! | permanent, one operation, others taken | given up, counted, logged | the next batch |
//! | permanent, one operation, none taken | back to the backlog, behind the others | backoff |
//! | permanent, one operation that is awaited | fails | the next batch |
//!
//! Operations whose callers wait for the commit are committed with those that wait for nothing, and never
//! apart: on a disk that syncs slowly each commit of their own would delay all others by one sync. They come
//! first in a batch. One that fails is not tried again, because its caller is told so and may do that itself; so is one
//! whose caller has given up meanwhile.
//!
//! Halving finds one bad row of 1,000 with about 20 commits instead of 1,000, and the good ones are
//! written on the way.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

use super::write_queue::{CommitDue, WriteQueue};
use super::{BATCH_SIZE, COMMIT_TIMEOUT, MAX_PENDING, guard};
use crate::background::panic::catch_panic;
use crate::background::{Backoff, ThreadStatus};
use crate::store::pending::{OpBatch, PendingOps};
use crate::store::{Store, StoreError, StoreFuture, StoreOp};

/// The most commits that one round may take to find the operations that a store refuses.
///
/// A batch of nothing but bad rows would otherwise take thousands.
const MAX_COMMITS_PER_ROUND: usize = 64;
/// The delays before a failed commit is tried again: the first and the longest, shortened by up to a fifth.
// The longest one bounds how long a store that is back waits for what was kept.
const FIRST_DELAY: Duration = Duration::from_millis(250);
const MAX_DELAY: Duration = Duration::from_secs(5);
/// Below 1 only, so that the longest delay is one.
const JITTER: Range<f64> = 0.8..1.0;

/// The task that commits queued operations in batches.
#[derive(Debug)]
pub(super) struct Committer {
    store: Arc<dyn Store>,
    queue: Arc<WriteQueue>,
    /// The changes that were moved out of the queue and are not durable. Only this task touches it, so that it
    /// needs no lock.
    backlog: PendingOps,
    backoff: Backoff,
    /// The end of the backoff; `None` while commits succeed.
    retry_at: Option<Instant>,
    /// True if there is a runtime whose timer bounds a commit.
    timed: bool,
}

/// The result of committing a batch.
#[derive(Debug, Default)]
struct CommitOutcome {
    /// Operations to be tried again.
    retry: OpBatch,
    /// Operations that were refused by themselves.
    refused: OpBatch,
    committed_any: bool,
    /// The last one, for the log.
    error: Option<StoreError>,
}

impl Committer {
    pub(super) fn new(store: Arc<dyn Store>, queue: Arc<WriteQueue>, timed: bool) -> Self {
        Self {
            store,
            queue,
            backlog: PendingOps::default(),
            backoff: Backoff::new(FIRST_DELAY, MAX_DELAY, JITTER),
            retry_at: None,
            timed,
        }
    }

    /// Commits whenever a commit is due, until the runtime ends.
    pub(super) async fn run(mut self, thread: ThreadStatus) {
        // The backlog is whole but for the batch of the round that panicked, which is lost with it.
        while let Err(payload) = catch_panic(self.run_loop(&thread)).await {
            sleep(thread.record_panic(&*payload)).await;
        }
    }

    async fn run_loop(&mut self, thread: &ThreadStatus) {
        loop {
            let queue = Arc::clone(&self.queue);
            // Created before `due` is asked: a wake in between is not lost.
            let woken = queue.wake.notified();
            match self.queue.due(self.retry_at) {
                CommitDue::Never => woken.await,
                // Woken or not, `due` is asked again: the queue may have filled, or a flush been
                // asked for.
                CommitDue::At(at) if at > self.queue.clock.now() => {
                    let _ = timeout(at - self.queue.clock.now(), woken).await;
                }
                CommitDue::At(_) | CommitDue::Now => {
                    self.run_round().await;
                    thread.record_round();
                }
            }
        }
    }

    /// Returns true if a commit is due now.
    pub(super) fn is_due(&self) -> bool {
        match self.queue.due(self.retry_at) {
            CommitDue::Never => false,
            CommitDue::At(at) => at <= self.queue.clock.now(),
            CommitDue::Now => true,
        }
    }

    /// Commits everything that is pending, up to the first failure.
    pub(super) async fn run_round(&mut self) {
        self.queue.move_into(&mut self.backlog);
        // Bounded after merging: the same keys in queue and backlog count once.
        self.queue.add_overflowed(self.backlog.trim(MAX_PENDING));
        // Up to the first failure: a store that is away would only fail for each batch.
        let failure = loop {
            // For each batch anew: what is awaited doesn't wait for a backlog. What comes during the last one
            // is left to the next round, with the changes that are queued beside it.
            let mut batch = self.queue.take_awaited();
            let room = BATCH_SIZE.saturating_sub(batch.ops.len());
            batch.append(self.backlog.take_batch(room));
            if batch.ops.is_empty() {
                break None;
            }
            let outcome = self.commit_batch(batch).await;
            let failure = self.apply_outcome(outcome);
            let (remaining, oldest) = (self.backlog.len(), self.backlog.oldest_queued_at());
            // After each batch, so that the status shows progress within a long round.
            self.queue.set_uncommitted(remaining, oldest);
            if failure.is_some() || remaining == 0 {
                break failure;
            }
        };
        self.end_round(failure);
        // Also after a failure: a flush asks again, and has a deadline of its own.
        self.queue.round_done.notify_waiters();
    }

    fn end_round(&mut self, failure: Option<StoreError>) {
        let Some(error) = failure else {
            self.backoff.reset();
            self.retry_at = None;
            if let Some(outage) = self.queue.end_outage() {
                // Once an outage, at both ends; what lies between is in the metrics.
                tracing::info!(target: "vantage_obs", ?outage, "the store works again");
            }
            return;
        };
        self.retry_at = Some(self.queue.clock.now() + self.backoff.next_delay(None));
        if self.queue.start_outage() {
            tracing::warn!(target: "vantage_obs", error = error.with_causes(), "the store does not accept changes; they are kept in memory");
        }
    }

    /// Commits a batch; if the store refuses it, all of it but the operations at fault.
    async fn commit_batch(&self, batch: OpBatch) -> CommitOutcome {
        let (mut outcome, mut parts) = (CommitOutcome::default(), vec![batch]);
        for _ in 0..MAX_COMMITS_PER_ROUND {
            let Some(mut batch) = parts.pop() else {
                break;
            };
            // Before each commit of a batch that is split: that takes many times as long as one.
            batch.remove_abandoned();
            if batch.ops.is_empty() {
                continue;
            }
            match self.commit_once(&batch.ops).await {
                Ok(()) => {
                    outcome.committed_any = true;
                    batch.confirm();
                }
                Err(error) if error.transient => {
                    outcome.error = Some(error);
                    parts.push(batch);
                    break;
                }
                Err(error) => {
                    if batch.ops.len() == 1 {
                        batch.fail_awaited(&error);
                        outcome.refused.append(batch);
                    } else {
                        // The first half is on top: operations stay in their order.
                        parts.extend([batch.split_half(), batch]);
                    }
                    outcome.error = Some(error);
                }
            }
        }
        parts
            .into_iter()
            .rev()
            .for_each(|batch| outcome.retry.append(batch));
        if let Some(error) = &outcome.error {
            outcome.retry.fail_awaited(error);
        }
        outcome
    }

    async fn commit_once(&self, ops: &[StoreOp]) -> Result<(), StoreError> {
        // Called where its panic is caught.
        // The call itself may panic, before there is a future.
        let call: StoreFuture<'_, ()> = Box::pin(async { self.store.commit(ops).await });
        let done = if self.timed {
            guard::with_timeout(call, COMMIT_TIMEOUT).await
        } else {
            guard::catch_panic(call).await
        };
        match &done {
            Ok(()) => self.queue.count_commit(),
            Err(error) => self.queue.record_failure(error),
        }
        done
    }

    /// Requeues and drops operations by the outcome; returns the error that ends the round, if any.
    ///
    /// A change that is refused is given up where the store took others beside it. Where it took
    /// none, the fault may well be the store's, and everything is kept.
    fn apply_outcome(&mut self, outcome: CommitOutcome) -> Option<StoreError> {
        let CommitOutcome {
            retry: remaining,
            refused,
            committed_any,
            error,
        } = outcome;
        // A permanent error ends the round only where nothing at all went through.
        let stuck = !remaining.ops.is_empty() || !(committed_any || refused.ops.is_empty());
        self.backlog.insert_all(remaining);
        if committed_any {
            self.drop_refused(&refused, error.as_ref());
        } else {
            // Behind the others, so that they are tried before it.
            self.backlog.insert_all(refused);
        }
        error.filter(|_| stuck)
    }

    fn drop_refused(&self, refused: &OpBatch, error: Option<&StoreError>) {
        let count = u64::try_from(refused.ops.len()).unwrap_or(u64::MAX);
        if let (1.., Some(error)) = (count, error) {
            self.queue.add_refused(count);
            tracing::warn!(target: "vantage_obs", changes = count, error = error.with_causes(), "the store refused changes; they are dropped");
        }
    }
}
