//! A log line and callbacks on a change.
//!
//! On a thread of its own, because a callback may block, and so may a log line whose reader is slow:
//! neither must keep a deadline from being noticed.
//!
//! | message | thread |
//! |---|---|
//! | a change | logs it, then calls every callback |
//! | a new callback | is told the present state, then joins the others |
//!
//! Both go through one queue: a callback never sees a change before the state that it changes.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::Supervisor;
use crate::record::sync::lock;

/// The number of changes that may wait. More are dropped.
/// A thousand workers that go offline together are one change each; a service whose callbacks are
/// that slow sees the rest on its pages.
const CAPACITY: usize = 256;

/// A change of state that subscribers are notified of.
pub(crate) trait Change: Send + 'static {
    /// The name of the thread that notifies.
    const THREAD: &'static str;
    /// The thing that changed, for messages.
    ///
    /// Follows "a callback on a change of".
    const SUBJECT: &'static str;

    /// Logs the change.
    fn log(&self);
}

// Shared, because the list is copied before it is called.
type Callback<C> = Arc<dyn Fn(&C) + Send + Sync>;

/// Notifies subscribers of changes. Clones share them.
pub(crate) struct Notifier<C>(Arc<Subscribers<C>>);

struct Subscribers<C> {
    callbacks: Mutex<Vec<Callback<C>>>,
    /// Empty where nothing was started: in tests, and before the first loop.
    thread: OnceLock<SyncSender<Message<C>>>,
}

/// A message to the thread that notifies.
enum Message<C> {
    Change(C),
    /// A callback that is told the present state, and every change that is sent after it.
    Subscribe(Callback<C>, Vec<C>),
}

impl<C> Default for Notifier<C> {
    fn default() -> Self {
        Self(Arc::new(Subscribers {
            callbacks: Mutex::default(),
            thread: OnceLock::new(),
        }))
    }
}

impl<C> fmt::Debug for Notifier<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").finish_non_exhaustive()
    }
}

impl<C: Change> Notifier<C> {
    /// Starts the thread that notifies. It ends with the last clone.
    pub(crate) fn start(&self, supervisor: &Supervisor) {
        let (changes, received) = sync_channel(CAPACITY);
        // Weak: the thread must not keep alive what it is to end with.
        let subscribers = Arc::downgrade(&self.0);
        supervisor.spawn(C::THREAD, move |thread| {
            thread.record_round();
            for message in &received {
                let Some(subscribers) = subscribers.upgrade() else {
                    break;
                };
                match message {
                    Message::Change(change) => subscribers.notify(&change),
                    Message::Subscribe(callback, present) => {
                        Self::notify_one(&*callback, &present);
                        subscribers.callbacks().push(callback);
                    }
                }
                thread.record_round();
            }
        });
        let _ = self.0.thread.set(changes);
    }

    /// Adds a callback, to which the thread hands the `present` state before any change; returns that state
    /// where no thread was started, for [`notify_one`](Self::notify_one).
    pub(crate) fn subscribe(&self, callback: Callback<C>, present: Vec<C>) -> Vec<C> {
        let Some(thread) = self.0.thread.get() else {
            self.0.callbacks().push(callback);
            return present;
        };
        // Beside so many changes that are dropped, the present state is nothing that lasts.
        if let Err(
            TrySendError::Full(Message::Subscribe(callback, _))
            | TrySendError::Disconnected(Message::Subscribe(callback, _)),
        ) = thread.try_send(Message::Subscribe(callback, present))
        {
            self.0.callbacks().push(callback);
        }
        Vec::new()
    }

    /// Hands changes to the thread; returns them where none was started.
    pub(crate) fn send(&self, changes: Vec<C>) -> Vec<C> {
        let Some(thread) = self.0.thread.get() else {
            return changes;
        };
        for change in changes {
            // Dropped where the queue is full: a deadline is worth more than a callback that is
            // late.
            let _ = thread.try_send(Message::Change(change));
        }
        Vec::new()
    }

    /// Notifies on the calling thread.
    pub(crate) fn notify(&self, changes: &[C]) {
        changes.iter().for_each(|change| self.0.notify(change));
    }

    /// Hands states to one callback on the calling thread. A panic in it is caught.
    pub(crate) fn notify_one(callback: &(dyn Fn(&C) + Send + Sync), changes: &[C]) {
        for change in changes {
            if catch_unwind(AssertUnwindSafe(|| callback(change))).is_err() {
                tracing::error!("a callback on a change of {} panicked", C::SUBJECT);
            }
        }
    }
}

impl<C: Change> Subscribers<C> {
    fn callbacks(&self) -> MutexGuard<'_, Vec<Callback<C>>> {
        lock(&self.callbacks)
    }

    fn notify(&self, change: &C) {
        // First: a callback that hangs must not hide the line.
        change.log();
        // A copy, so that a callback may itself subscribe.
        let callbacks = self.callbacks().clone();
        for callback in callbacks {
            Notifier::notify_one(&*callback, std::slice::from_ref(change));
        }
    }
}
