//! Hands to the store what is to outlive the process, and never lets anybody wait for that.
//!
//! Why a thread of its own? Because a store may be slow, blocked or away, and the one that beats or
//! answers a probe must not notice. What comes is held by key, so that an outage of hours holds the
//! newest state of each worker and not the history of it, and memory stays bounded.

mod commit;
mod guard;
mod reply;
mod retention;
mod retry;
mod shared;
mod thread;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use super::{
    Answer, BulletinRow, Change, NoteRow, Revision, SliceRow, SpanRow, Store, StoreError, WorkerRow,
};
use crate::model::snapshot::store::StoreCondition;
use crate::model::status::StatusId;
use crate::record::clock::Clock;
use commit::Writer;
pub(crate) use reply::{Reply, block_on};
use retention::Sweeper;
use shared::Shared;
use thread::Stop;

/// For how long the first change waits for others to come along.
const LINGER: Duration = Duration::from_millis(250);
/// How many changes go into one commit.
const BATCH: usize = 1_000;
/// How many keys may wait: as much again as there may be workers. Once for what came since the last
/// try, and once for what is being tried.
const BOUND: usize = 200_000;
/// What one commit may take.
const COMMIT: Duration = Duration::from_secs(5);
/// What one question may take.
const QUESTION: Duration = Duration::from_secs(5);
/// How many questions may be open at once.
const QUESTIONS: usize = 64;

/// Where things are handed to that are to be kept. A cheap clone. Dropped without a stop, it ends
/// without keeping what waits.
#[derive(Clone, Debug)]
pub(crate) struct Keeper(Arc<Inner>);

/// How a keeper works.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) clock: Clock,
    /// By which this process is told from others.
    pub(crate) instance: Arc<str>,
    /// For how long what has ended is kept.
    pub(crate) retention: Duration,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    is_shared: bool,
    hand: Hand,
}

/// Who moves it.
#[derive(Debug)]
enum Hand {
    Thread {
        handle: Handle,
        open: Arc<Semaphore>,
        stop: Mutex<Option<oneshot::Sender<Stop>>>,
    },
    /// Somebody who calls [`Keeper::tick`].
    Idle(Box<Mutex<(Writer, Sweeper)>>),
}

impl Keeper {
    /// Starts the thread `vantage-store`.
    ///
    /// # Errors
    ///
    /// When the thread or its runtime cannot be started.
    pub(crate) fn start(store: Arc<dyn Store>, settings: Settings) -> io::Result<Self> {
        Self::with(store, settings, true, |shared, writer, sweeper| {
            let (handle, stop) = thread::start(shared, writer, sweeper)?;
            Ok(Hand::Thread {
                handle,
                open: Arc::new(Semaphore::new(QUESTIONS)),
                stop: Mutex::new(Some(stop)),
            })
        })
    }

    /// Starts nothing: [`tick`](Self::tick) does what is due by the clock. For a store that needs no
    /// runtime.
    pub(crate) fn idle(store: Arc<dyn Store>, settings: Settings) -> io::Result<Self> {
        Self::with(store, settings, false, |_, writer, sweeper| {
            Ok(Hand::Idle(Box::new(Mutex::new((writer, sweeper)))))
        })
    }

    fn with(
        store: Arc<dyn Store>,
        settings: Settings,
        timed: bool,
        hand: impl FnOnce(Arc<Shared>, Writer, Sweeper) -> io::Result<Hand>,
    ) -> io::Result<Self> {
        let is_shared = store.is_shared();
        let shared = Arc::new(Shared::new(Arc::clone(&store), settings.clock.clone()));
        let writer = Writer::new(Arc::clone(&store), Arc::clone(&shared), timed);
        let sweeper = Sweeper::new(store, settings, timed);
        let hand = hand(Arc::clone(&shared), writer, sweeper)?;
        Ok(Self(Arc::new(Inner {
            shared,
            is_shared,
            hand,
        })))
    }

    /// Takes something to keep. Never blocks, never fails: it is durable within a second where the
    /// store works, and waits for it where it does not.
    pub(crate) fn keep(&self, change: Change) {
        self.0.shared.keep(change);
    }

    /// Whether other processes write into the store too.
    pub(crate) fn is_shared(&self) -> bool {
        self.0.is_shared
    }

    /// How it is doing, at this moment.
    pub(crate) fn condition(&self) -> StoreCondition {
        self.0.shared.condition()
    }

    /// Does what is due by the clock; nothing where a thread does it.
    pub(crate) fn tick(&self) {
        let Hand::Idle(hand) = &self.0.hand else {
            return;
        };
        let mut hand = hand.lock().unwrap_or_else(PoisonError::into_inner);
        let (writer, sweeper) = &mut *hand;
        reply::block_on(async {
            if writer.is_due() {
                writer.round().await;
            }
            sweeper.sweep_if_due().await;
        });
    }

    /// Makes everything durable that came so far, without waiting for more. Answers how many changes
    /// still wait when the time is up: 0 is success.
    pub(crate) fn flush(&self, within: Duration) -> Reply<u64> {
        let shared = Arc::clone(&self.0.shared);
        let asked = shared.clock.now();
        shared.hurry();
        match &self.0.hand {
            Hand::Idle(_) => {
                self.tick();
                Reply::ready(Ok(shared.left(asked)))
            }
            Hand::Thread { handle, .. } => {
                let (answering, reply) = Reply::open();
                handle.spawn(async move {
                    let _ = tokio::time::timeout(within, shared.kept(asked)).await;
                    let _ = answering.send(Ok(shared.left(asked)));
                });
                reply
            }
        }
    }

    /// The last flush; then the store is closed. A second stop has nothing to do.
    pub(crate) fn stop(&self, within: Duration) -> Reply<u64> {
        let Hand::Thread { stop, .. } = &self.0.hand else {
            let left = self.flush(within);
            drop(self.0.shared.close());
            return left;
        };
        let stop = stop.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (reply, answer) = Reply::open();
        match stop {
            Some(stop) => drop(stop.send(Stop { within, reply })),
            None => return Reply::ready(Ok(0)),
        }
        answer
    }

    /// The workers that changed since a revision was told, and the new revision.
    pub(crate) fn workers(&self, since: Revision) -> Reply<(Vec<WorkerRow>, Revision)> {
        self.ask(move |store| Box::pin(async move { store.workers(since).await }))
    }

    /// The slices of an instance that ended after `since`, in order.
    pub(crate) fn slices(&self, instance: &str, since: Timestamp) -> Reply<Vec<SliceRow>> {
        let instance: Arc<str> = Arc::from(instance);
        self.ask(move |store| Box::pin(async move { store.slices(&instance, since).await }))
    }

    /// What earlier runs of an instance have left.
    pub(crate) fn notes(&self, instance: &str) -> Reply<Vec<NoteRow>> {
        let instance: Arc<str> = Arc::from(instance);
        self.ask(move |store| Box::pin(async move { store.notes(&instance).await }))
    }

    /// Incidents and maintenance that were changed after `since` or are not over then.
    pub(crate) fn bulletins(&self, since: Timestamp) -> Reply<Vec<BulletinRow>> {
        self.ask(move |store| Box::pin(async move { store.bulletins(since).await }))
    }

    /// One incident or maintenance.
    pub(crate) fn bulletin(&self, id: StatusId) -> Reply<Option<BulletinRow>> {
        self.ask(move |store| Box::pin(async move { store.bulletin(id).await }))
    }

    /// Makes a change durable now, apart from all that waits; answers what is there afterwards, which
    /// is another row where somebody else was first.
    pub(crate) fn post(&self, row: BulletinRow) -> Reply<Option<BulletinRow>> {
        self.ask(move |store| {
            Box::pin(async move {
                let id = row.id;
                store.commit(&[Change::Bulletin(row)]).await?;
                store.bulletin(id).await
            })
        })
    }

    /// The spans of components that ended at or after a second.
    pub(crate) fn spans(&self, since: i64) -> Reply<Vec<SpanRow>> {
        self.ask(move |store| Box::pin(async move { store.spans(since).await }))
    }

    /// Whether this instance has the lead in a matter, until `ttl` from now on.
    pub(crate) fn lead(&self, matter: &str, instance: &str, ttl: Duration) -> Reply<bool> {
        let (matter, instance): (Arc<str>, Arc<str>) = (Arc::from(matter), Arc::from(instance));
        self.ask(move |store| Box::pin(async move { store.lead(&matter, &instance, ttl).await }))
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(Arc<dyn Store>) -> Answer<'static, T>,
    ) -> Reply<T> {
        let Some(store) = self.0.shared.store() else {
            return Reply::ready(Err(reply::ended()));
        };
        let question = question(store);
        match &self.0.hand {
            Hand::Idle(_) => Reply::ready(reply::block_on(guard::caught(question))),
            Hand::Thread { handle, open, .. } => {
                let Ok(permit) = Arc::clone(open).try_acquire_owned() else {
                    return Reply::ready(Err(StoreError::passing("too many questions are open")));
                };
                let (answering, reply) = Reply::open();
                handle.spawn(async move {
                    let answer = guard::bounded(question, QUESTION).await;
                    drop(permit);
                    let _ = answering.send(answer);
                });
                reply
            }
        }
    }
}
