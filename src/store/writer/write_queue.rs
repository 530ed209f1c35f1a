//! The state that callers of a writer share with its thread, behind a lock that is never held for long.
//!
//! | moment | `queued` | `uncommitted` |
//! |---|---|---|
//! | `enqueue` | grows | – |
//! | `enqueue_awaited` | `awaited` grows | – |
//! | `move_into`, `take_awaited` | becomes empty | grows by the same |
//! | after each batch | – | what is left of the backlog |
//!
//! The sum of them is what a caller sees as pending, and it never falls before the store has
//! confirmed.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::model::snapshot::private::PrivateText;
use crate::model::snapshot::store::StoreStatus;
use crate::record::clock::Clock;
use crate::record::sync::lock;
use crate::store::pending::{OpBatch, PendingOps};
use crate::store::{Store, StoreError, StoreOp};

use super::reply::StoreReply;
use super::{BATCH_SIZE, LINGER, MAX_PENDING, reply};

/// Queued operations and the status of the commits before them.
#[derive(Debug)]
pub(super) struct WriteQueue {
    pub(super) clock: Clock,
    state: Mutex<WriteQueueState>,
    /// Signals that operations were queued, or that a commit is wanted at once.
    pub(super) wake: Notify,
    /// Signals that a round of commits has ended.
    pub(super) round_done: Notify,
}

#[derive(Debug)]
struct WriteQueueState {
    /// Taken away at the end, so that a file is closed even while writers are held.
    store: Option<Arc<dyn Store>>,
    /// The changes that came since the last round.
    queued: PendingOps,
    /// The changes whose callers wait for their commit. Apart from the others, because each has an answer of its
    /// own: of two with one key both are tried. As many as queries may be open.
    awaited: OpBatch,
    /// The number of operations that were taken for a commit and are not durable yet.
    uncommitted: usize,
    /// The time at which the oldest of them was queued.
    oldest_uncommitted: Option<Instant>,
    /// The start of the outage; `None` while the store works.
    failing_since: Option<Instant>,
    /// Set by a flush, and cleared by the round that it caused.
    commit_now: bool,
    /// The counts; durations are worked out when the status is read.
    status: StoreStatus,
}

/// The time of the next commit.
pub(super) enum CommitDue {
    Now,
    At(Instant),
    Never,
}

impl WriteQueue {
    pub(super) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self {
            clock,
            state: Mutex::new(WriteQueueState {
                store: Some(store),
                queued: PendingOps::default(),
                awaited: OpBatch::default(),
                uncommitted: 0,
                oldest_uncommitted: None,
                failing_since: None,
                commit_now: false,
                status: StoreStatus::default(),
            }),
            wake: Notify::new(),
            round_done: Notify::new(),
        }
    }

    pub(super) fn enqueue(&self, op: StoreOp) {
        let mut state = self.lock();
        if state.store.is_none() {
            state.status.after_close += 1;
            return;
        }
        let now = self.clock.now();
        // A replaced key changes no length, and needs no wake: one is on its way already.
        let before = state.queued.len();
        state.queued.insert(op, now);
        state.status.overflowed += state.queued.trim(MAX_PENDING);
        let after = state.queued.len();
        drop(state);
        // The first starts the linger, a full batch ends it; waking at each of those between would
        // cost a switch for each beat.
        if after != before && (after == 1 || after == BATCH_SIZE) {
            self.wake.notify_one();
        }
    }

    /// Queues an operation for a commit without delay; the reply comes when it is durable, or has failed.
    pub(super) fn enqueue_awaited(&self, op: StoreOp) -> StoreReply<()> {
        let (sender, committed) = StoreReply::channel();
        let mut state = self.lock();
        if state.store.is_none() {
            return StoreReply::ready(Err(reply::closed_error()));
        }
        state.awaited.push_awaited(op, self.clock.now(), sender);
        state.commit_now = true;
        drop(state);
        self.wake.notify_one();
        committed
    }

    pub(super) fn store(&self) -> Option<Arc<dyn Store>> {
        self.lock().store.clone()
    }

    /// Requests a commit without delay.
    pub(super) fn request_commit(&self) {
        self.lock().commit_now = true;
        self.wake.notify_one();
    }

    /// Returns the time of the next commit; after a failure none is tried before `not_before`.
    pub(super) fn due(&self, not_before: Option<Instant>) -> CommitDue {
        let state = self.lock();
        // Before the backoff: a flush tries in any case, because its caller's time is short.
        if state.commit_now {
            return CommitDue::Now;
        }
        if let Some(until) = not_before {
            return CommitDue::At(until);
        }
        if state.queued.len() >= BATCH_SIZE {
            return CommitDue::Now;
        }
        let first = state.oldest_pending_at();
        first.map_or(CommitDue::Never, |first| CommitDue::At(first + LINGER))
    }

    /// Moves everything queued since the last call into `backlog`.
    pub(super) fn move_into(&self, backlog: &mut PendingOps) {
        let mut state = self.lock();
        state.commit_now = false;
        // Counted before the lock is given back, so that no caller sees an empty queue in between.
        state.uncommitted += state.queued.len();
        state.oldest_uncommitted = state.oldest_pending_at();
        let mut queued = std::mem::take(&mut state.queued);
        drop(state);
        backlog.insert_all(queued.take_batch(usize::MAX));
    }

    /// Takes the operations whose callers still wait for their commit.
    pub(super) fn take_awaited(&self) -> OpBatch {
        let mut state = self.lock();
        let mut awaited = std::mem::take(&mut state.awaited);
        awaited.remove_abandoned();
        state.uncommitted += awaited.ops.len();
        let oldest = awaited.queued_at.iter().copied();
        state.oldest_uncommitted = oldest.chain(state.oldest_uncommitted).min();
        awaited
    }

    pub(super) fn set_uncommitted(&self, uncommitted: usize, oldest: Option<Instant>) {
        let mut state = self.lock();
        (state.uncommitted, state.oldest_uncommitted) = (uncommitted, oldest);
    }

    pub(super) fn add_overflowed(&self, dropped: u64) {
        self.lock().status.overflowed += dropped;
    }

    pub(super) fn add_refused(&self, dropped: u64) {
        self.lock().status.refused += dropped;
    }

    pub(super) fn count_commit(&self) {
        self.lock().status.committed += 1;
    }

    pub(super) fn record_failure(&self, error: &StoreError) {
        let mut state = self.lock();
        state.status.failed += 1;
        state.status.error = Some(PrivateText::new(&error.with_causes()));
    }

    /// Records that a round of commits failed; returns true for the first in a row.
    pub(super) fn start_outage(&self) -> bool {
        let mut state = self.lock();
        let first = state.failing_since.is_none();
        state.failing_since.get_or_insert_with(|| self.clock.now());
        first
    }

    /// Records that a round of commits succeeded; returns the length of the outage that it ends.
    pub(super) fn end_outage(&self) -> Option<Duration> {
        let since = self.lock().failing_since.take()?;
        Some(self.clock.now().saturating_duration_since(since))
    }

    /// Waits until everything queued up to a moment is durable.
    pub(super) async fn committed_until(&self, until: Instant) {
        loop {
            // Created before the check: a round that ends in between wakes it.
            let round = self.round_done.notified();
            if self.pending_until(until) == 0 {
                return;
            }
            round.await;
        }
    }

    /// Returns the number of pending operations if any was queued up to a moment, otherwise 0.
    pub(super) fn pending_until(&self, until: Instant) -> u64 {
        let state = self.lock();
        let is_pending = state
            .oldest_pending_at()
            .is_some_and(|oldest| oldest <= until);
        if is_pending { state.pending() } else { 0 }
    }

    /// Takes the store out; operations queued from now on are dropped.
    pub(super) fn close(&self) -> Option<Arc<dyn Store>> {
        self.lock().store.take()
    }

    pub(super) fn status(&self) -> StoreStatus {
        // Outside the lock: the notice has a lock of its own.
        let store = self.store();
        let notice = store.and_then(|store| store.notice());
        let (state, now) = (self.lock(), self.clock.now());
        let ago = |since: Instant| now.saturating_duration_since(since);
        StoreStatus {
            pending: state.pending(),
            oldest_pending: state.oldest_pending_at().map(ago),
            failing: state.failing_since.map(ago),
            notice: notice.as_deref().map(PrivateText::new),
            ..state.status.clone()
        }
    }

    fn lock(&self) -> MutexGuard<'_, WriteQueueState> {
        lock(&self.state)
    }
}

impl WriteQueueState {
    fn pending(&self) -> u64 {
        let pending = self.uncommitted + self.queued.len() + self.awaited.ops.len();
        u64::try_from(pending).unwrap_or(u64::MAX)
    }

    fn oldest_pending_at(&self) -> Option<Instant> {
        let awaited = self.awaited.queued_at.iter().copied();
        [self.oldest_uncommitted, self.queued.oldest_queued_at()]
            .into_iter()
            .flatten()
            .chain(awaited)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;
    use crate::store::tests::rows::incident;

    #[test]
    fn a_write_whose_caller_has_given_up_is_not_made() {
        let queue = WriteQueue::new(Arc::new(MemoryStore::default()), Clock::system());
        let awaited = queue.enqueue_awaited(StoreOp::Incident(incident("a", 0, None)));
        drop(queue.enqueue_awaited(StoreOp::Incident(incident("b", 0, None))));
        let batch = queue.take_awaited();
        assert_eq!(batch.ops, [StoreOp::Incident(incident("a", 0, None))]);
        batch.confirm();
        assert!(awaited.wait().is_ok());
        assert!(queue.take_awaited().ops.is_empty());
    }
}
