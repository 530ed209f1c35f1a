//! Makes what came durable, a batch at a time.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout;

use super::retry::Retry;
use super::shared::{Due, Shared};
use super::{BATCH, BOUND, COMMIT, guard};
use crate::store::pending::{Batch, Pending};
use crate::store::{Answer, Change, Store, StoreError};

/// How many commits one round may take to find the changes that a store refuses.
const TRIES: usize = 64;

/// The one who commits.
#[derive(Debug)]
pub(super) struct Writer {
    store: Arc<dyn Store>,
    shared: Arc<Shared>,
    backlog: Pending,
    retry: Retry,
    resting: Option<Instant>,
    /// Whether there is a runtime whose timer bounds a commit.
    timed: bool,
}

/// What became of a batch.
#[derive(Debug, Default)]
struct Outcome {
    /// To be tried again.
    left: Batch,
    refused: Batch,
    took_some: bool,
    error: Option<StoreError>,
}

impl Writer {
    pub(super) fn new(store: Arc<dyn Store>, shared: Arc<Shared>, timed: bool) -> Self {
        Self {
            store,
            shared,
            backlog: Pending::default(),
            retry: Retry::default(),
            resting: None,
            timed,
        }
    }

    /// Commits for ever.
    pub(super) async fn run(mut self) {
        loop {
            let shared = Arc::clone(&self.shared);
            let nudged = shared.nudge.notified();
            match self.shared.due(self.resting) {
                Due::Never => nudged.await,
                Due::At(at) if at > self.shared.clock.now() => {
                    let _ = timeout(at - self.shared.clock.now(), nudged).await;
                }
                Due::At(_) | Due::Now => self.round().await,
            }
        }
    }

    /// Whether there is something to do at this moment.
    pub(super) fn is_due(&self) -> bool {
        match self.shared.due(self.resting) {
            Due::Never => false,
            Due::At(at) => at <= self.shared.clock.now(),
            Due::Now => true,
        }
    }

    /// Commits all that waits, up to the first failure.
    pub(super) async fn round(&mut self) {
        self.shared.take(&mut self.backlog);
        self.shared.overflowed(self.backlog.trim(BOUND));
        let mut failure = None;
        while self.backlog.len() > 0 && failure.is_none() {
            let batch = self.backlog.take(BATCH);
            let outcome = self.commit(batch).await;
            failure = self.conclude(outcome);
            let (left, oldest) = (self.backlog.len(), self.backlog.oldest());
            self.shared.behind(left, oldest);
        }
        self.end_round(failure);
        self.shared.rounds.notify_waiters();
    }

    fn end_round(&mut self, failure: Option<StoreError>) {
        let Some(error) = failure else {
            (self.retry, self.resting) = (Retry::default(), None);
            if let Some(outage) = self.shared.works() {
                tracing::info!(target: "vantage_obs", ?outage, "the store works again");
            }
            return;
        };
        self.resting = Some(self.shared.clock.now() + self.retry.next());
        if self.shared.fails() {
            tracing::warn!(target: "vantage_obs", error = error.told(), "the store does not take what is to be kept; it waits");
        }
    }

    /// Commits a batch, or where the store refuses it, all of it but the changes that are at fault.
    async fn commit(&self, batch: Batch) -> Outcome {
        let (mut outcome, mut parts) = (Outcome::default(), vec![batch]);
        for _ in 0..TRIES {
            let Some(mut part) = parts.pop() else {
                break;
            };
            match self.call(&part.changes).await {
                Ok(()) => outcome.took_some = true,
                Err(error) if error.passing => {
                    outcome.error = Some(error);
                    parts.push(part);
                    break;
                }
                Err(error) => {
                    outcome.error = Some(error);
                    if part.changes.len() == 1 {
                        outcome.refused.append(part);
                    } else {
                        parts.extend([part.halve(), part]);
                    }
                }
            }
        }
        parts
            .into_iter()
            .rev()
            .for_each(|part| outcome.left.append(part));
        outcome
    }

    async fn call(&self, changes: &[Change]) -> Result<(), StoreError> {
        // Called where its panic is caught.
        let call: Answer<'_, ()> = Box::pin(async { self.store.commit(changes).await });
        let done = if self.timed {
            guard::bounded(call, COMMIT).await
        } else {
            guard::caught(call).await
        };
        match &done {
            Ok(()) => self.shared.committed(),
            Err(error) => self.shared.failed(error),
        }
        done
    }

    /// Why the round has to end here, if it has.
    ///
    /// A change that is refused is given up where the store took others beside it. Where it took
    /// none, the fault may well be the store's, and everything is kept.
    fn conclude(&mut self, outcome: Outcome) -> Option<StoreError> {
        let Outcome {
            left,
            refused,
            took_some,
            error,
        } = outcome;
        let stuck = !left.changes.is_empty() || !(took_some || refused.changes.is_empty());
        self.backlog.put_all(left);
        if took_some {
            self.give_up(&refused, error.as_ref());
        } else {
            // Behind the others, so that they are tried before it.
            self.backlog.put_all(refused);
        }
        error.filter(|_| stuck)
    }

    fn give_up(&self, refused: &Batch, error: Option<&StoreError>) {
        let many = u64::try_from(refused.changes.len()).unwrap_or(u64::MAX);
        if let (1.., Some(error)) = (many, error) {
            self.shared.refused(many);
            tracing::warn!(target: "vantage_obs", changes = many, error = error.told(), "the store refused changes, which are given up");
        }
    }
}
