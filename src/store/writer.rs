//! The writer: queues operations for the store and commits them off the caller's thread.
//!
//! Why a thread of its own? Because a store may be slow, blocked or away, and the one that beats or
//! answers a probe must not notice. What comes is held by key, so that an outage of hours holds the
//! newest state of each worker and not the history of it, and memory stays bounded.
//!
//! | | by thread | by `tick` |
//! |---|---|---|
//! | for | every process | tests with a manual clock |
//! | commits | a quarter of a second after the first operation, or at a full batch | when the test's clock says so |
//! | queries, and writes that are waited for | on the thread's runtime, at most 64 open | at once |
//! | deadlines | tokio's timer | none: an in-memory store never waits |
//! | the system refuses the thread | changes wait; queries and writes that are waited for fail at once | – |
//!
//! Order of locks: the driver's (manual only), then the queue's. The queue's is never held over a
//! call to a store.

mod commit;
mod guard;
mod reply;
mod retention;
mod thread;
mod write_queue;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use super::{
    AlertStateRow, IncidentRow, Revision, SliceRow, SpanRow, Store, StoreError, StoreFuture,
    StoreOp, WorkerRow,
};
use crate::background::Supervisor;
use crate::model::snapshot::store::StoreStatus;
use crate::model::status::StatusId;
use crate::record::clock::Clock;
use crate::record::sync::lock;
use commit::Committer;
pub(crate) use reply::{StoreReply, block_on};
use retention::RetentionTask;
use thread::{StopRequest, ThreadStart};
use write_queue::WriteQueue;

/// The time that the first operation waits for others to be committed with it.
///
/// One commit then holds the beats of a whole fleet, and most of the second within which everything
/// must be durable is left.
const LINGER: Duration = Duration::from_millis(250);
/// The most operations in one commit.
///
/// A backlog of 100,000 workers is written in a hundred commits.
const BATCH_SIZE: usize = 1_000;
/// The most keys that may be pending: as much again as there may be workers. Once for what came since the last
/// try, and once for what is being tried.
const MAX_PENDING: usize = 200_000;
/// The time limit of one commit.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit of one query.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);
/// The time limit of a write that is waited for: the commit under way, its own, and the read that follows.
///
/// Less would refuse what has been stored, and its caller would write it twice.
const WRITE_TIMEOUT: Duration = COMMIT_TIMEOUT
    .saturating_mul(2)
    .saturating_add(QUERY_TIMEOUT);
/// The most queries that may be open at once.
///
/// Pages and loops ask once in seconds; more than that are callers that don't wait for their
/// answers.
const MAX_OPEN_QUERIES: usize = 64;

/// The handle that queues operations for the store. A cheap clone. Dropped without a stop, it ends
/// without keeping what waits.
#[derive(Clone, Debug)]
pub(crate) struct StoreWriter(Arc<Inner>);

/// The settings of a writer.
#[derive(Clone, Debug)]
pub(crate) struct WriterSettings {
    pub(crate) clock: Clock,
    /// The name of this process, unique among those that share the store.
    pub(crate) instance: Arc<str>,
    /// The time for which ended slices and alert states are kept.
    pub(crate) retention: Duration,
}

#[derive(Debug)]
struct Inner {
    queue: Arc<WriteQueue>,
    is_shared: bool,
    driver: WriterDriver,
}

/// The source of the writer's progress: a thread, or calls of `tick`.
#[derive(Debug)]
enum WriterDriver {
    Thread {
        handle: Handle,
        /// Tried and not waited for: a query past the limit fails at once.
        open_queries: Arc<Semaphore>,
        /// Taken by the first stop.
        stop: Mutex<Option<oneshot::Sender<StopRequest>>>,
        start: ThreadStart,
    },
    /// Calls of [`StoreWriter::tick`].
    Manual(Box<Mutex<(Committer, RetentionTask)>>),
}

impl StoreWriter {
    /// Starts the thread `vantage-store`.
    ///
    /// # Errors
    ///
    /// The error of building its runtime.
    pub(crate) fn start(
        store: Arc<dyn Store>,
        settings: WriterSettings,
        supervisor: &Supervisor,
    ) -> io::Result<Self> {
        Self::with_driver(store, settings, true, |queue, committer, retention| {
            let thread = thread::start(queue, committer, retention, supervisor)?;
            Ok(WriterDriver::Thread {
                handle: thread.handle,
                open_queries: Arc::new(Semaphore::new(MAX_OPEN_QUERIES)),
                stop: Mutex::new(Some(thread.stop)),
                start: thread.start,
            })
        })
    }

    /// Commits on the runtime of a test, whose time need not pass.
    #[cfg(test)]
    pub(crate) fn in_runtime(store: Arc<dyn Store>, settings: WriterSettings) -> io::Result<Self> {
        Self::with_driver(store, settings, true, |_, committer, _| {
            let handle = Handle::current();
            handle.spawn(committer.run(Supervisor::default().register("commits")));
            Ok(WriterDriver::Thread {
                handle,
                open_queries: Arc::new(Semaphore::new(MAX_OPEN_QUERIES)),
                stop: Mutex::default(),
                start: ThreadStart::default(),
            })
        })
    }

    /// Starts nothing: [`tick`](Self::tick) does what is due by the clock. For a store that needs no
    /// runtime.
    pub(crate) fn without_thread(
        store: Arc<dyn Store>,
        settings: WriterSettings,
    ) -> io::Result<Self> {
        Self::with_driver(store, settings, false, |_, committer, retention| {
            Ok(WriterDriver::Manual(Box::new(Mutex::new((
                committer, retention,
            )))))
        })
    }

    fn with_driver(
        store: Arc<dyn Store>,
        settings: WriterSettings,
        timed: bool,
        driver: impl FnOnce(Arc<WriteQueue>, Committer, RetentionTask) -> io::Result<WriterDriver>,
    ) -> io::Result<Self> {
        let is_shared = store.is_shared();
        let queue = Arc::new(WriteQueue::new(Arc::clone(&store), settings.clock.clone()));
        // The committer holds the store by itself: taking it out of the queue ends queries, and not
        // the last commit.
        let committer = Committer::new(Arc::clone(&store), Arc::clone(&queue), timed);
        let retention = RetentionTask::new(store, settings, timed);
        let driver = driver(Arc::clone(&queue), committer, retention)?;
        Ok(Self(Arc::new(Inner {
            queue,
            is_shared,
            driver,
        })))
    }

    /// Queues an operation for the next commit. Never blocks, never fails: it is durable within a second where the
    /// store works, and waits for it where it does not.
    pub(crate) fn enqueue(&self, op: StoreOp) {
        self.0.queue.enqueue(op);
    }

    /// Returns true if other processes write into the store too.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.is_shared
    }

    /// Returns the current status.
    pub(crate) fn status(&self) -> StoreStatus {
        self.0.queue.status()
    }

    /// Does what is due by the clock; nothing where a thread does it.
    pub(crate) fn tick(&self) {
        let WriterDriver::Manual(driver) = &self.0.driver else {
            return;
        };
        let mut driver = lock(driver);
        let (committer, retention) = &mut *driver;
        reply::block_on(async {
            if committer.is_due() {
                committer.run_round().await;
            }
            retention.run_if_due().await;
        });
    }

    /// Commits everything that was queued so far, without waiting for more. The reply is the number of
    /// operations still pending when the time is up: 0 is success.
    pub(crate) fn flush(&self, limit: Duration) -> StoreReply<u64> {
        let queue = Arc::clone(&self.0.queue);
        let requested_at = queue.clock.now();
        queue.request_commit();
        match &self.0.driver {
            WriterDriver::Manual(_) => {
                self.tick();
                StoreReply::ready(Ok(queue.pending_until(requested_at)))
            }
            WriterDriver::Thread { start, .. } if start.is_refused() => {
                StoreReply::ready(Ok(queue.pending_until(requested_at)))
            }
            WriterDriver::Thread { handle, .. } => {
                let (sender, reply) = StoreReply::channel();
                handle.spawn(async move {
                    let _ = tokio::time::timeout(limit, queue.committed_until(requested_at)).await;
                    let _ = sender.send(Ok(queue.pending_until(requested_at)));
                });
                reply
            }
        }
    }

    /// Flushes a last time and closes the store. A second stop has nothing to do.
    pub(crate) fn stop(&self, limit: Duration) -> StoreReply<u64> {
        let WriterDriver::Thread { stop, .. } = &self.0.driver else {
            let remaining = self.flush(limit);
            // After the flush: closing first would drop what it is about.
            drop(self.0.queue.close());
            return remaining;
        };
        let stop = lock(stop).take();
        let (sender, reply) = StoreReply::channel();
        match stop {
            Some(stop) => drop(stop.send(StopRequest {
                timeout: limit,
                reply: sender,
            })),
            None => return StoreReply::ready(Ok(0)),
        }
        reply
    }

    /// Reads the workers that changed since a revision, and the new revision.
    pub(crate) fn workers(&self, since: Revision) -> StoreReply<(Vec<WorkerRow>, Revision)> {
        self.query(move |store| Box::pin(async move { store.workers(since).await }))
    }

    /// Reads the slices of an instance that ended after `since`, in order.
    pub(crate) fn slices(&self, instance: &str, since: Timestamp) -> StoreReply<Vec<SliceRow>> {
        let instance: Arc<str> = Arc::from(instance);
        self.query(move |store| Box::pin(async move { store.slices(&instance, since).await }))
    }

    /// Reads the alert states that earlier runs of an instance have saved.
    pub(crate) fn alert_states(&self, instance: &str) -> StoreReply<Vec<AlertStateRow>> {
        let instance: Arc<str> = Arc::from(instance);
        self.query(move |store| Box::pin(async move { store.alert_states(&instance).await }))
    }

    /// Reads incidents and maintenance that were changed after `since` or are not over then.
    pub(crate) fn incidents(&self, since: Timestamp) -> StoreReply<Vec<IncidentRow>> {
        self.query(move |store| Box::pin(async move { store.incidents(since).await }))
    }

    /// Reads one incident or maintenance.
    pub(crate) fn incident(&self, id: StatusId) -> StoreReply<Option<IncidentRow>> {
        self.query(move |store| Box::pin(async move { store.incident(id).await }))
    }

    /// Commits an incident now, with everything pending, and reads it back: another row if another process
    /// was first. One that fails is not tried again.
    pub(crate) fn commit_incident(&self, row: IncidentRow) -> StoreReply<Option<IncidentRow>> {
        self.query_within(WRITE_TIMEOUT, |store| {
            let id = row.id;
            let committed = self.0.queue.enqueue_awaited(StoreOp::Incident(row));
            // Commits it where no thread does.
            self.tick();
            Box::pin(async move {
                committed.await?;
                store.incident(id).await
            })
        })
    }

    /// Reads the spans of components that ended at or after a second.
    pub(crate) fn spans(&self, since: i64) -> StoreReply<Vec<SpanRow>> {
        self.query(move |store| Box::pin(async move { store.spans(since).await }))
    }

    /// Acquires or renews a lease until `ttl` from now; false if another instance holds it.
    pub(crate) fn acquire_lease(
        &self,
        lease: &str,
        instance: &str,
        ttl: Duration,
    ) -> StoreReply<bool> {
        let (lease, instance): (Arc<str>, Arc<str>) = (Arc::from(lease), Arc::from(instance));
        self.query(move |store| {
            Box::pin(async move { store.acquire_lease(&lease, &instance, ttl).await })
        })
    }

    fn query<T: Send + 'static>(
        &self,
        query: impl FnOnce(Arc<dyn Store>) -> StoreFuture<'static, T>,
    ) -> StoreReply<T> {
        self.query_within(QUERY_TIMEOUT, query)
    }

    fn query_within<T: Send + 'static>(
        &self,
        limit: Duration,
        query: impl FnOnce(Arc<dyn Store>) -> StoreFuture<'static, T>,
    ) -> StoreReply<T> {
        let Some(store) = self.0.queue.store() else {
            return StoreReply::ready(Err(reply::closed_error()));
        };
        // The query is made on the caller's thread, and polled on the store's.
        match &self.0.driver {
            WriterDriver::Manual(_) => {
                StoreReply::ready(reply::block_on(guard::catch_panic(query(store))))
            }
            WriterDriver::Thread {
                handle,
                open_queries,
                start,
                ..
            } => {
                if start.is_refused() {
                    // Nothing would drive its deadline.
                    return StoreReply::ready(Err(StoreError::transient(
                        "the system has refused the store its thread so far",
                    )));
                }
                let Ok(permit) = Arc::clone(open_queries).try_acquire_owned() else {
                    return StoreReply::ready(Err(StoreError::transient(
                        "too many requests to the store are pending",
                    )));
                };
                // After the permit: a write that is refused for want of one was never queued.
                let query = query(store);
                let (sender, reply) = StoreReply::channel();
                handle.spawn(async move {
                    let reply = guard::with_timeout(query, limit).await;
                    // Before the reply: a caller that asks again at once must find it free.
                    drop(permit);
                    let _ = sender.send(reply);
                });
                reply
            }
        }
    }
}
