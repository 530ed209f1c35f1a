//! What is told when something changes: a log line and whoever asked to be called.
//!
//! On a thread of its own, because a callback may block, and so may a log line whose reader is slow:
//! neither must keep a deadline from being noticed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::{fmt, io, thread};

/// Changes that may wait to be told; what is beyond is not told.
const WAITING: usize = 256;

/// Something that changes.
pub(crate) trait Change: Send + 'static {
    /// The thread that tells it.
    const THREAD: &'static str;
    /// What it is a change of, for messages.
    const OF: &'static str;

    /// Writes its log line.
    fn log(&self);
}

type Callback<C> = Arc<dyn Fn(&C) + Send + Sync>;

/// Tells changes. Clones tell together.
pub(crate) struct News<C>(Arc<Inner<C>>);

struct Inner<C> {
    callbacks: Mutex<Vec<Callback<C>>>,
    thread: OnceLock<SyncSender<C>>,
}

impl<C> Default for News<C> {
    fn default() -> Self {
        Self(Arc::new(Inner {
            callbacks: Mutex::default(),
            thread: OnceLock::new(),
        }))
    }
}

impl<C> fmt::Debug for News<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").finish_non_exhaustive()
    }
}

impl<C: Change> News<C> {
    /// Tells on a thread of its own from now on. It ends with the last clone.
    pub(crate) fn start(&self) -> io::Result<()> {
        let (changes, told) = sync_channel(WAITING);
        let inner = Arc::downgrade(&self.0);
        thread::Builder::new()
            .name(C::THREAD.into())
            .spawn(move || {
                for change in told {
                    let Some(inner) = inner.upgrade() else {
                        break;
                    };
                    inner.tell(&change);
                }
            })?;
        let _ = self.0.thread.set(changes);
        Ok(())
    }

    pub(crate) fn subscribe(&self, callback: Callback<C>) {
        self.0.callbacks().push(callback);
    }

    /// Hands changes to the thread; gives them back where there is none.
    pub(crate) fn post(&self, changes: Vec<C>) -> Vec<C> {
        let Some(thread) = self.0.thread.get() else {
            return changes;
        };
        for change in changes {
            let _ = thread.try_send(change);
        }
        Vec::new()
    }

    /// Tells here and now.
    pub(crate) fn tell(&self, changes: &[C]) {
        changes.iter().for_each(|change| self.0.tell(change));
    }
}

impl<C: Change> Inner<C> {
    fn callbacks(&self) -> MutexGuard<'_, Vec<Callback<C>>> {
        self.callbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: &C) {
        change.log();
        // A copy, so that a callback may itself subscribe.
        let callbacks = self.callbacks().clone();
        for callback in callbacks {
            if catch_unwind(AssertUnwindSafe(|| callback(change))).is_err() {
                tracing::error!("a callback on a change of {} panicked", C::OF);
            }
        }
    }
}
