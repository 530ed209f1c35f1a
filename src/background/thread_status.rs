//! The state of one supervised thread or task: it works, or it has been down since its first failure.
//!
//! | event | state | told |
//! |---|---|---|
//! | a panic, or a start that the system refuses | down | the first, with its cause |
//! | a round after it, to its end | up | once, with the time and the number of failures |
//!
//! A failure costs one round. The next one comes after a delay, which grows while failures follow each
//! other: a thread that panics at once, each time, must not keep a processor busy.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::outage::{Outage, OutageTracker};
use super::panic::panic_text;
use crate::record::sync::lock;

/// The bounds of the delay after a panic.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const MAX_DELAY: Duration = Duration::from_secs(60);
/// The longest delay before a thread is asked for again: asking costs little, and its work waits.
const MAX_REFUSED_DELAY: Duration = Duration::from_secs(5);
/// The time without a failure after which the next one is a first one again.
///
/// Not the next success: a thread that fails every other round must get slower too.
const FORGET_AFTER: Duration = Duration::from_secs(300);

/// The state of one thread or task by its name. Clones share it.
#[derive(Clone)]
pub(crate) struct ThreadStatus(Arc<Inner>);

/// A reference that keeps no thread on the list that has ended.
#[derive(Clone)]
pub(super) struct WeakThreadStatus(Weak<Inner>);

struct Inner {
    name: &'static str,
    /// True from a failure until the end of a round. Relaxed: read by itself, and in each round.
    is_down: AtomicBool,
    failures: Mutex<Failures>,
    /// The time for which a failure counts; for work that may never be asked for again.
    memory: Option<Duration>,
    observer: Mutex<Weak<dyn ThreadObserver>>,
}

struct Failures {
    outage: OutageTracker,
    /// Of the latest.
    failure: Option<ThreadFailure>,
    backoff: Backoff,
    latest: Option<Instant>,
}

/// The failure of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ThreadFailure {
    /// A round ended with a panic of this text.
    Panicked(String),
    /// The system had no thread, for this reason.
    Refused(String),
}

/// A receiver of changes of threads.
pub(super) trait ThreadObserver: Send + Sync {
    /// Tells that a thread is down.
    fn on_down(&self, name: &'static str, failure: &ThreadFailure);
    /// Tells that a thread is up again.
    fn on_up(&self, name: &'static str, outage: Outage);
    /// Called at the end of each round, to start what waits for a thread.
    fn on_round(&self);
}

impl fmt::Debug for ThreadStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadStatus")
            .field("name", &self.0.name)
            .field("up", &self.is_up())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ThreadFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(text) => write!(f, "it panicked: {text}"),
            Self::Refused(cause) => write!(
                f,
                "the system refused a thread: {cause}; its limits are pids.max of the control group and ulimit -u of the user"
            ),
        }
    }
}

impl ThreadStatus {
    /// Returns the state of a thread that nothing observes yet.
    pub(crate) fn new(name: &'static str) -> Self {
        Self::with_memory(name, None)
    }

    /// Returns the state of threads for one piece of work each. A failure counts for minutes at most: the work
    /// may never be asked for again, and nothing else would end the outage.
    pub(super) fn of_one_shots(name: &'static str) -> Self {
        Self::with_memory(name, Some(FORGET_AFTER))
    }

    fn with_memory(name: &'static str, memory: Option<Duration>) -> Self {
        Self(Arc::new(Inner {
            memory,
            name,
            is_down: AtomicBool::new(false),
            failures: Mutex::new(Failures {
                outage: OutageTracker::default(),
                failure: None,
                backoff: Backoff::new(FIRST_DELAY, MAX_DELAY, 0.8..1.2),
                latest: None,
            }),
            observer: Mutex::new(Weak::<NoObserver>::new()),
        }))
    }

    pub(crate) fn name(&self) -> &'static str {
        self.0.name
    }

    pub(crate) fn is_up(&self) -> bool {
        !self.is_down() || !self.failure_counts(Instant::now())
    }

    fn is_down(&self) -> bool {
        self.0.is_down.load(Ordering::Relaxed)
    }

    /// Returns whether the latest failure is recent enough to count.
    fn failure_counts(&self, now: Instant) -> bool {
        let Some(memory) = self.0.memory else {
            return true;
        };
        let latest = lock(&self.0.failures).latest;
        latest.is_some_and(|latest| now.saturating_duration_since(latest) < memory)
    }

    /// Returns the failure of a thread that is down.
    pub(crate) fn failure(&self) -> Option<ThreadFailure> {
        if self.is_up() {
            return None;
        }
        lock(&self.0.failures).failure.clone()
    }

    /// Has an observer told of changes, unless another one is told that still lives.
    pub(super) fn observe(&self, observer: Weak<dyn ThreadObserver>) {
        let mut present = lock(&self.0.observer);
        if present.strong_count() == 0 {
            *present = observer;
        }
    }

    pub(super) fn downgrade(&self) -> WeakThreadStatus {
        WeakThreadStatus(Arc::downgrade(&self.0))
    }

    /// Records the end of a round without a panic.
    pub(crate) fn record_round(&self) {
        let observer = || lock(&self.0.observer).upgrade();
        if self.is_down() {
            let mut failures = lock(&self.0.failures);
            let outage = failures.outage.record_success(Instant::now());
            self.0.is_down.store(false, Ordering::Relaxed);
            drop(failures);
            if let (Some(outage), Some(observer)) = (outage, observer()) {
                observer.on_up(self.0.name, outage);
            }
        }
        if let Some(observer) = observer() {
            observer.on_round();
        }
    }

    /// Records that the thread was started, which ends its outage if it had been refused.
    pub(super) fn record_start(&self) {
        if matches!(self.failure(), Some(ThreadFailure::Refused(_))) {
            self.record_round();
        }
    }

    /// Records a panic; returns the delay before the next round.
    pub(crate) fn record_panic(&self, payload: &(dyn std::any::Any + Send)) -> Duration {
        self.record_failure(&ThreadFailure::Panicked(panic_text(payload).to_owned()))
    }

    /// Records that the system had no thread; returns the delay before the next try.
    pub(crate) fn record_refusal(&self, error: &io::Error) -> Duration {
        self.record_failure(&ThreadFailure::Refused(error.to_string()))
            .min(MAX_REFUSED_DELAY)
    }

    fn record_failure(&self, failure: &ThreadFailure) -> Duration {
        let now = Instant::now();
        let mut failures = lock(&self.0.failures);
        let since = failures.latest.replace(now);
        if since.is_none_or(|latest| now.duration_since(latest) >= FORGET_AFTER) {
            failures.backoff.reset();
        }
        let is_first = failures.outage.record_failure(now);
        failures.failure = Some(failure.clone());
        self.0.is_down.store(true, Ordering::Relaxed);
        let delay = failures.backoff.next_delay(None);
        drop(failures);
        let observer = lock(&self.0.observer).upgrade();
        if let Some(observer) = observer.filter(|_| is_first) {
            observer.on_down(self.0.name, failure);
        }
        delay
    }
}

impl WeakThreadStatus {
    pub(super) fn upgrade(&self) -> Option<ThreadStatus> {
        self.0.upgrade().map(ThreadStatus)
    }
}

/// The type of the empty reference.
struct NoObserver;

impl ThreadObserver for NoObserver {
    fn on_down(&self, _: &'static str, _: &ThreadFailure) {}
    fn on_up(&self, _: &'static str, _: Outage) {}
    fn on_round(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl ThreadObserver for Told {
        fn on_down(&self, name: &'static str, failure: &ThreadFailure) {
            lock(&self.0).push(format!("{name}: {failure}"));
        }

        fn on_up(&self, name: &'static str, outage: Outage) {
            lock(&self.0).push(format!("{name}: up after {}", outage.failures));
        }

        fn on_round(&self) {}
    }

    #[test]
    fn an_outage_is_told_once_at_each_end() {
        let told = Arc::new(Told::default());
        let status = ThreadStatus::new("vantage-test");
        let observer: Weak<Told> = Arc::downgrade(&told);
        status.observe(observer);
        status.record_round();
        assert!(status.is_up() && status.failure().is_none());
        for _ in 0..3 {
            status.record_panic(&"no luck");
        }
        assert!(!status.is_up());
        let failure = ThreadFailure::Panicked("no luck".into());
        assert_eq!(status.failure(), Some(failure));
        status.record_round();
        status.record_round();
        assert!(status.is_up() && status.failure().is_none());
        let lines = [
            "vantage-test: it panicked: no luck",
            "vantage-test: up after 3",
        ];
        assert_eq!(*lock(&told.0), lines);
    }

    #[test]
    fn the_delay_grows_also_where_rounds_between_failures_work() {
        let status = ThreadStatus::new("vantage-test");
        let delays: Vec<_> = (0..8)
            .map(|_| {
                status.record_round();
                status.record_panic(&"no luck").as_secs_f64()
            })
            .collect();
        for (delay, expected) in delays
            .iter()
            .zip([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0])
        {
            let range = expected * 0.8..=expected * 1.2;
            assert!(range.contains(delay), "{delays:?}");
        }
    }

    #[test]
    fn a_thread_is_asked_for_again_within_seconds() {
        let status = ThreadStatus::new("vantage-test");
        let refused = io::Error::from_raw_os_error(11);
        let delays = (0..10).map(|_| status.record_refusal(&refused));
        assert!(delays.max() <= Some(MAX_REFUSED_DELAY));
        let text = status.failure().unwrap().to_string();
        for part in ["Resource temporarily unavailable", "pids.max", "ulimit -u"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_failure_of_work_that_is_never_asked_for_again_is_forgotten() {
        let now = Instant::now();
        let lasting = ThreadStatus::new("vantage-test");
        let passing = ThreadStatus::of_one_shots("vantage-test");
        for status in [&lasting, &passing] {
            status.record_panic(&"no luck");
            assert!(!status.is_up() && status.failure_counts(now));
            assert!(status.failure().is_some());
        }
        let later = now + FORGET_AFTER * 2;
        assert!(lasting.failure_counts(later));
        assert!(!passing.failure_counts(later));
    }

    #[test]
    fn what_is_observed_already_keeps_its_observer_while_that_lives() {
        let (first, second) = (Arc::new(Told::default()), Arc::new(Told::default()));
        let status = ThreadStatus::new("vantage-test");
        for told in [&first, &second] {
            let observer: Weak<Told> = Arc::downgrade(told);
            status.observe(observer);
        }
        status.record_panic(&"one");
        assert_eq!((lock(&first.0).len(), lock(&second.0).len()), (1, 0));
        status.record_round();
        drop(first);
        let observer: Weak<Told> = Arc::downgrade(&second);
        status.observe(observer);
        status.record_panic(&"two");
        assert_eq!(lock(&second.0).len(), 1);
    }
}
