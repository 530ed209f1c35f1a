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
//! Both go through one queue: a callback never sees a change before the state that it changes. Callbacks run on
//! threads that can be replaced, each with the changes that it has not seen: one that hangs keeps the others
//! waiting for 5 s once, and sees the latest changes when it goes on. One that could not be called, because no
//! thread was left, is called again each second.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use super::Supervisor;
use super::user_code::{CALL_TIMEOUT, HangingCalls, UserCall, UserCode};
use crate::record::sync::lock;

/// The number of changes that may wait, for the thread and for each callback. Of the thread's more are dropped;
/// of a callback's the oldest are, so that the last one that it sees is true.
/// A thousand workers that go offline together are one change each; a service whose callbacks are
/// that slow sees the rest on its pages.
const CAPACITY: usize = 256;

/// A change of state that subscribers are notified of.
pub(crate) trait Change: Send + Sync + 'static {
    /// The name of the threads that notify.
    const THREAD: &'static str;
    /// The thing that changed, for messages.
    ///
    /// Follows "a callback on a change of".
    const SUBJECT: &'static str;
    /// The time for which a callback that hangs keeps the others waiting, once.
    const TIMEOUT: Duration = CALL_TIMEOUT;
    /// The time after which callbacks that have not seen everything are called again.
    const RETRY_AFTER: Duration = Duration::from_secs(1);

    /// Logs the change.
    fn log(&self);
}

/// A function of the service's.
type Callback<C> = Arc<dyn Fn(&C) + Send + Sync>;

/// Notifies subscribers of changes. Clones share them.
pub(crate) struct Notifier<C>(Arc<Subscribers<C>>);

struct Subscribers<C> {
    list: Mutex<Vec<Subscriber<C>>>,
    code: UserCode,
    /// Empty where nothing was started: in tests, and before the first loop.
    thread: OnceLock<SyncSender<Message<C>>>,
}

/// A callback and what it has not seen. A cheap clone.
struct Subscriber<C> {
    callback: Callback<C>,
    unseen: Unseen<C>,
    call: Arc<UserCall>,
}

/// The changes that a callback has not seen, which one of its calls takes out.
type Unseen<C> = Arc<Mutex<VecDeque<Arc<C>>>>;

/// A message to the thread that notifies.
enum Message<C> {
    Change(C),
    /// A callback that is told the present state, and every change that is sent after it.
    Subscribe(Callback<C>, Vec<C>),
}

impl<C: Change> Default for Notifier<C> {
    fn default() -> Self {
        Self(Arc::new(Subscribers {
            list: Mutex::default(),
            code: UserCode::new(C::THREAD),
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
            loop {
                let message = Subscribers::next_message(&subscribers, &received);
                // For one message only, which is over after 5 s whatever the callbacks do.
                let (Ok(message), Some(subscribers)) = (message, subscribers.upgrade()) else {
                    break;
                };
                match message {
                    Some(Message::Change(change)) => subscribers.tell_all(change),
                    Some(Message::Subscribe(callback, present)) => {
                        subscribers.tell_new(callback, present);
                    }
                    None => subscribers.tell_again(),
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
            self.0.add(callback);
            return present;
        };
        // Beside so many changes that are dropped, the present state is nothing that lasts.
        if let Err(
            TrySendError::Full(Message::Subscribe(callback, _))
            | TrySendError::Disconnected(Message::Subscribe(callback, _)),
        ) = thread.try_send(Message::Subscribe(callback, present))
        {
            self.0.add(callback);
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

    /// The callbacks that were given up and have not returned.
    pub(crate) fn hanging(&self) -> &HangingCalls {
        self.0.code.hanging()
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
    fn add(&self, callback: Callback<C>) -> Subscriber<C> {
        let mut list = lock(&self.list);
        let name = format!("callback {} on a change of {}", list.len() + 1, C::SUBJECT);
        let subscriber = Subscriber::new(name, callback);
        list.push(subscriber.clone());
        subscriber
    }

    // A copy, so that a callback may itself subscribe.
    fn list(&self) -> Vec<Subscriber<C>> {
        lock(&self.list).clone()
    }

    /// Waits for a message; while a callback has not seen everything only for a time, after which it returns
    /// `None`. The error is the end.
    fn next_message(
        this: &Weak<Self>,
        received: &Receiver<Message<C>>,
    ) -> Result<Option<Message<C>>, RecvTimeoutError> {
        let is_behind = this.upgrade().is_some_and(|this| !this.behind().is_empty());
        if !is_behind {
            let message = received.recv();
            return message
                .map(Some)
                .map_err(|_| RecvTimeoutError::Disconnected);
        }
        match received.recv_timeout(C::RETRY_AFTER) {
            Err(RecvTimeoutError::Timeout) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Returns the calls of the callbacks that have not seen everything.
    fn behind(&self) -> Vec<Arc<UserCall>> {
        let mut subscribers = self.list();
        subscribers.retain(|one| !lock(&one.unseen).is_empty());
        subscribers.into_iter().map(|one| one.call).collect()
    }

    /// Logs a change and calls every callback, within a deadline.
    fn tell_all(&self, change: C) {
        // First: a callback that hangs must not hide the line.
        change.log();
        let change = Arc::new(change);
        for subscriber in self.list() {
            subscriber.put(Arc::clone(&change));
        }
        self.tell_again();
    }

    /// Calls the callbacks that have not seen everything, within a deadline.
    fn tell_again(&self) {
        self.code.call_all(&self.behind(), C::TIMEOUT);
    }

    /// Adds a callback and tells it the present state.
    fn tell_new(&self, callback: Callback<C>, present: Vec<C>) {
        let subscriber = self.add(callback);
        let present = present.into_iter().map(Arc::new);
        present.for_each(|state| subscriber.put(state));
        self.code.call_all(&[subscriber.call], C::TIMEOUT);
    }

    /// Logs a change and calls every callback on this thread.
    fn notify(&self, change: &C) {
        change.log();
        for subscriber in self.list() {
            Notifier::notify_one(&*subscriber.callback, std::slice::from_ref(change));
        }
    }
}

impl<C> Clone for Subscriber<C> {
    fn clone(&self) -> Self {
        Self {
            callback: Arc::clone(&self.callback),
            unseen: Arc::clone(&self.unseen),
            call: Arc::clone(&self.call),
        }
    }
}

impl<C: Change> Subscriber<C> {
    fn new(name: String, callback: Callback<C>) -> Self {
        let unseen = Unseen::default();
        let (changes, called) = (Arc::clone(&unseen), Arc::clone(&callback));
        let call = UserCall::new(name, move || {
            while let Some(change) = Self::take(&changes) {
                Notifier::notify_one(&*called, std::slice::from_ref(&*change));
            }
            Ok(())
        });
        Self {
            callback,
            unseen,
            call: Arc::new(call.repeating()),
        }
    }

    fn put(&self, change: Arc<C>) {
        let mut unseen = lock(&self.unseen);
        if unseen.len() == CAPACITY {
            unseen.pop_front();
        }
        unseen.push_back(change);
    }

    // The lock is not held while the callback runs.
    fn take(unseen: &Unseen<C>) -> Option<Arc<C>> {
        lock(unseen).pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    const SOON: Duration = Duration::from_secs(30);

    struct Number(usize);

    impl Change for Number {
        const THREAD: &'static str = "vantage-test";
        const SUBJECT: &'static str = "a number";
        const TIMEOUT: Duration = Duration::from_millis(200);
        const RETRY_AFTER: Duration = Duration::from_millis(1);

        fn log(&self) {}
    }

    /// Subscribes what sends each number, after `before`.
    fn subscribe(
        notifier: &Notifier<Number>,
        before: impl Fn() + Send + Sync + 'static,
    ) -> Receiver<usize> {
        let (sender, received) = channel();
        let callback = move |number: &Number| {
            before();
            let _ = sender.send(number.0);
        };
        assert!(
            notifier
                .subscribe(Arc::new(callback), vec![Number(0)])
                .is_empty()
        );
        received
    }

    #[test]
    fn a_callback_that_hangs_leaves_the_others_and_sees_the_latest_changes_when_it_goes_on() {
        let notifier = Notifier::default();
        notifier.start(&Supervisor::default());
        let (release, hanging) = channel::<()>();
        let hanging = Mutex::new(hanging);
        let stuck = subscribe(&notifier, move || {
            let _ = lock(&hanging).recv();
        });
        let whole = subscribe(&notifier, || {});
        assert_eq!(whole.recv_timeout(SOON), Ok(0));
        assert_eq!(notifier.hanging().count(), 1);
        let last = 2 * CAPACITY;
        for number in 1..=last {
            assert!(notifier.send(vec![Number(number)]).is_empty());
            // Each, and in order.
            assert_eq!(whole.recv_timeout(SOON), Ok(number));
        }
        drop(release);
        let mut seen = vec![stuck.recv_timeout(SOON).unwrap()];
        while seen.last() != Some(&last) {
            seen.push(stuck.recv_timeout(SOON).unwrap());
        }
        assert_eq!(seen.len(), 1 + CAPACITY, "the oldest were dropped");
        assert!(seen.is_sorted());
    }

    #[test]
    fn a_change_that_found_no_thread_is_told_when_there_is_one_without_another_change() {
        let notifier = Notifier::default();
        notifier.start(&Supervisor::default());
        let (release, hanging) = channel::<()>();
        let hanging = Arc::new(Mutex::new(hanging));
        // As many as may hang.
        let stuck: Vec<_> = (1..=8)
            .map(|number| {
                let hanging = Arc::clone(&hanging);
                let received = subscribe(&notifier, move || {
                    let _ = lock(&hanging).recv();
                });
                while notifier.hanging().count() < number {
                    std::thread::yield_now();
                }
                received
            })
            .collect();
        let last = subscribe(&notifier, || {});
        // Past the call that finds no thread.
        notifier.send(vec![Number(1)]);
        while stuck.iter().any(|_| notifier.unseen_by(8) < 2) {
            std::thread::yield_now();
        }
        drop(release);
        assert_eq!(last.recv_timeout(SOON), Ok(0));
        assert_eq!(last.recv_timeout(SOON), Ok(1));
        for received in stuck {
            assert_eq!(received.recv_timeout(SOON), Ok(0));
            assert_eq!(received.recv_timeout(SOON), Ok(1));
        }
    }

    impl Notifier<Number> {
        /// The number of changes that a subscriber has not seen.
        fn unseen_by(&self, index: usize) -> usize {
            let list = self.0.list();
            list.get(index).map_or(0, |one| lock(&one.unseen).len())
        }
    }
}
