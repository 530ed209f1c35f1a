//! Calls of the service's own functions, such as metric callbacks, which may block for ever or call back.
//!
//! They run on threads that can be replaced, and the caller waits for them within a deadline:
//!
//! | a call | becomes |
//! |---|---|
//! | returns in time | valid: its result may be used |
//! | panics | invalid; the panic is caught |
//! | has not returned at the deadline | invalid, its thread is given up, and it is not called again before it returns |
//! | cannot begin in time, or no thread is left | invalid |
//! | has not returned 5 s after its begin | waited for a second only, until it returns within 5 s |
//!
//! Each is logged when it becomes invalid, by its name, and when it is valid again. Threads start when there
//! is something to call and end after the last call: a service without callbacks has none. A call that itself
//! asks for calls, as a metric callback does that scrapes, gets the results that are there.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};

use tokio::runtime::Handle;

use super::outage::{Outage, OutageTracker};
use super::thread;
use crate::record::sync::lock;

/// The time that calls of the service's functions have, where the caller knows no better one.
///
/// Half of the 10 s after which Prometheus gives a scrape up by default.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// The time from its begin that a call has whose last one lasted longer than [`CALL_TIMEOUT`]: what hangs must not
/// slow each scrape down.
const RETRY_TIMEOUT: Duration = Duration::from_secs(1);

/// The time after which calls that still wait get another thread.
const PATIENCE: Duration = Duration::from_millis(50);

/// The maximum number of threads, with those that were given up.
///
/// A thread that hangs costs some 10 kB, and the code that hangs is rarely more than one piece.
const MAX_THREADS: usize = 8;

thread_local! {
    /// The threads to which this one belongs, as the address of their state; 0 on any other thread.
    static CALLED_BY: Cell<usize> = const { Cell::new(0) };
}

/// Threads that call the service's functions. Clones share them.
#[derive(Clone)]
pub(crate) struct UserCode(Arc<Inner>);

struct Inner {
    /// The name of each thread.
    thread: &'static str,
    state: Mutex<State>,
    /// Notified when a call has returned.
    returned: Condvar,
    hanging: HangingCalls,
}

struct State {
    waiting: VecDeque<Arc<UserCall>>,
    /// With those that were given up.
    threads: usize,
    /// The latest start of a thread.
    started: Option<Instant>,
}

/// The state of the threads, as seen by a caller that waits.
enum Threads {
    /// No call waits for one.
    Enough,
    /// Calls wait, and another thread may become due.
    PerhapsMore,
    /// Calls wait, all threads hang, and no further one can be had.
    None,
}

/// The number of calls that were given up and have not returned. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct HangingCalls(Arc<AtomicUsize>);

/// A function of the service's. At most one call of it is under way.
pub(crate) struct UserCall {
    /// For log lines, such as `instrument shop.orders of the meter shop`.
    name: String,
    run: Box<dyn Fn() -> Result<(), CallFailure> + Send + Sync>,
    /// Called again after a call that was under way when it was asked for.
    repeats: bool,
    /// Locked within the state of the threads, or alone.
    progress: Mutex<CallProgress>,
}

#[derive(Debug, Default)]
struct CallProgress {
    phase: CallPhase,
    /// It was asked for while it was under way, and [repeats](UserCall::repeating).
    is_due_again: bool,
    /// None once the latest call returned in time.
    failure: Option<CallFailure>,
    /// Its latest call was given up and has not returned within [`CALL_TIMEOUT`] of its begin.
    is_stuck: bool,
    outages: OutageTracker,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum CallPhase {
    #[default]
    Idle,
    /// Since it was asked for.
    Waiting(Instant),
    /// Since its begin.
    Running(Instant),
    /// Since its begin.
    GivenUp(Instant),
}

/// The reason for which a call has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallFailure {
    TimedOut,
    Panicked,
    /// All threads hang, or no thread can be had.
    NoThread,
    /// All threads were busy with others.
    NotBegun,
    /// It returned more than its caller can take.
    TooMuch,
}

impl CallFailure {
    const fn as_str(self) -> &'static str {
        match self {
            Self::TimedOut => "it did not return in time",
            Self::Panicked => "it panicked",
            Self::NoThread => "no thread is left to call it",
            Self::NotBegun => "it was not begun in time",
            Self::TooMuch => "it returned too many values",
        }
    }
}

impl fmt::Debug for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserCode").finish_non_exhaustive()
    }
}

impl fmt::Debug for UserCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserCall")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl HangingCalls {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl UserCall {
    pub(crate) fn new(
        name: impl Into<String>,
        run: impl Fn() -> Result<(), CallFailure> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            run: Box::new(run),
            repeats: false,
            progress: Mutex::default(),
        }
    }

    /// Calls it again after a call that was under way when it was asked for, so that it misses nothing that was
    /// put before it meanwhile.
    pub(crate) const fn repeating(mut self) -> Self {
        self.repeats = true;
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the latest call was in time.
    pub(crate) fn is_valid(&self) -> bool {
        self.progress().failure.is_none()
    }

    fn progress(&self) -> MutexGuard<'_, CallProgress> {
        lock(&self.progress)
    }

    fn is_under_way(&self) -> bool {
        let phase = self.progress().phase;
        matches!(phase, CallPhase::Waiting(_) | CallPhase::Running(_))
    }
}

impl CallProgress {
    /// Returns the time for which a caller waits for it that has this time left; `None` where there is none, or
    /// it is not under way.
    fn rest(&self, left: Duration, now: Instant) -> Option<Duration> {
        let rest = match self.phase {
            CallPhase::Waiting(_) => left,
            CallPhase::Running(begin) if self.is_stuck => {
                left.min(RETRY_TIMEOUT.saturating_sub(now.saturating_duration_since(begin)))
            }
            CallPhase::Running(_) => left,
            CallPhase::Idle | CallPhase::GivenUp(_) => return None,
        };
        (!rest.is_zero()).then_some(rest)
    }

    /// Records that it has returned; returns whether it was given up before.
    fn end(&mut self, outcome: Result<(), CallFailure>, now: Instant) -> bool {
        match std::mem::take(&mut self.phase) {
            // A scrape with little time may have given it up.
            CallPhase::GivenUp(begin) => {
                self.is_stuck = now.saturating_duration_since(begin) > CALL_TIMEOUT;
                true
            }
            _ => {
                self.is_stuck = false;
                self.failure = outcome.err();
                false
            }
        }
    }
}

impl State {
    /// Returns whether a call has waited for so long that another thread is due beside those that work.
    fn is_late(&self, now: Instant) -> bool {
        let has_passed = |since| now.saturating_duration_since(since) >= PATIENCE;
        let oldest = self.waiting.front().map(|call| call.progress().phase);
        // One after the other: each shortens the queue.
        matches!(oldest, Some(CallPhase::Waiting(since)) if has_passed(since))
            && self.started.is_none_or(has_passed)
    }
}

/// A function of the service's and its latest result. A cheap clone.
pub(crate) struct Reading<T> {
    call: Arc<UserCall>,
    result: Arc<Mutex<Option<T>>>,
}

impl<T> fmt::Debug for Reading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reading").field(&self.call.name).finish()
    }
}

impl<T> Clone for Reading<T> {
    fn clone(&self) -> Self {
        Self {
            call: Arc::clone(&self.call),
            result: Arc::clone(&self.result),
        }
    }
}

impl<T: Send + 'static> Reading<T> {
    pub(crate) fn new(
        name: impl Into<String>,
        read: impl Fn() -> Result<T, CallFailure> + Send + Sync + 'static,
    ) -> Self {
        let result = Arc::new(Mutex::new(None));
        let written = Arc::clone(&result);
        let run = move || {
            let value = read()?;
            *lock(&written) = Some(value);
            Ok(())
        };
        Self {
            call: Arc::new(UserCall::new(name, run)),
            result,
        }
    }

    pub(crate) const fn call(&self) -> &Arc<UserCall> {
        &self.call
    }

    /// Hands over the result of the latest call, if that was in time.
    pub(crate) fn with_result<R>(&self, work: impl FnOnce(&mut T) -> R) -> Option<R> {
        // A late result is never used: it is older than it looks.
        if !self.call.is_valid() {
            return None;
        }
        lock(&self.result).as_mut().map(work)
    }
}

impl UserCode {
    /// Returns a set of threads of this name, none of which is started yet.
    pub(crate) fn new(thread: &'static str) -> Self {
        Self(Arc::new(Inner {
            thread,
            state: Mutex::new(State {
                waiting: VecDeque::new(),
                threads: 0,
                started: None,
            }),
            returned: Condvar::new(),
            hanging: HangingCalls::default(),
        }))
    }

    pub(crate) fn hanging(&self) -> &HangingCalls {
        &self.0.hanging
    }

    /// Calls each function once and waits until all have returned, but not longer than `within`. Returns those
    /// that have no result.
    ///
    /// On a thread that runs one of them it returns at once, and calls none.
    pub(crate) fn call_all<'a>(
        &self,
        calls: &'a [Arc<UserCall>],
        within: Duration,
    ) -> Vec<&'a UserCall> {
        if calls.is_empty() || CALLED_BY.get() == self.0.address() {
            return Vec::new();
        }
        let start = Instant::now();
        let mut state = lock(&self.0.state);
        enqueue(&mut state, calls, start);
        let mut missing = CallFailure::NotBegun;
        while let Some((wakeup, last)) = next_wakeup(calls, start, within) {
            let wait = match self.0.provide_threads(&mut state) {
                Threads::Enough => wakeup,
                Threads::PerhapsMore => wakeup.min(PATIENCE),
                // There is nothing to wait for.
                Threads::None => {
                    missing = CallFailure::NoThread;
                    break;
                }
            };
            // For the last one: calls begin in their order, and to look at all of them after each return would take
            // a time that grows with the square of their number.
            let returned = &self.0.returned;
            let waited = returned.wait_timeout_while(state, wait, |_| last.is_under_way());
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let (failed, told) = self.0.conclude(&mut state, calls, missing);
        drop(state);
        // Without the lock: the log is the service's, too.
        told.into_iter().for_each(CallChange::log);
        failed
    }
}

fn enqueue(state: &mut State, calls: &[Arc<UserCall>], now: Instant) {
    for call in calls {
        let mut progress = call.progress();
        match progress.phase {
            CallPhase::Idle => {
                progress.phase = CallPhase::Waiting(now);
                state.waiting.push_back(Arc::clone(call));
            }
            // Perhaps it is past the point at which it would see what it is called for.
            CallPhase::Running(_) | CallPhase::GivenUp(_) => progress.is_due_again = call.repeats,
            CallPhase::Waiting(_) => {}
        }
    }
}

/// Returns the time until the earliest deadline of those that are still under way, and the last of them; `None`
/// where none is.
fn next_wakeup(
    calls: &[Arc<UserCall>],
    start: Instant,
    within: Duration,
) -> Option<(Duration, &UserCall)> {
    let now = Instant::now();
    let left = within.saturating_sub(now.saturating_duration_since(start));
    let rests = calls
        .iter()
        .filter_map(|call| Some((call.progress().rest(left, now)?, &**call)));
    rests.reduce(|(earliest, _), (rest, call)| (earliest.min(rest), call))
}

/// A call whose result is missing from now on, or is there again.
struct CallChange<'a> {
    name: &'a str,
    outcome: Result<Outage, CallFailure>,
}

impl CallChange<'_> {
    fn log(self) {
        let function = self.name;
        match self.outcome {
            Ok(outage) => {
                let (times, seconds) = (outage.failures, outage.lasted.as_secs());
                tracing::info!(
                    function,
                    times,
                    seconds,
                    "a function of the service's works again"
                );
            }
            Err(failure) => {
                let failure = failure.as_str();
                tracing::warn!(
                    function,
                    failure,
                    "a function of the service's is left out until it works again; told once"
                );
            }
        }
    }
}

impl Inner {
    /// Distinguishes these threads from others; never 0.
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Starts a thread where calls wait for too long.
    fn provide_threads(self: &Arc<Self>, state: &mut State) -> Threads {
        if state.waiting.is_empty() {
            return Threads::Enough;
        }
        let is_working = state.threads > self.hanging.count();
        let now = Instant::now();
        if is_working && !state.is_late(now) {
            return Threads::PerhapsMore;
        }
        if state.threads < MAX_THREADS && self.start_thread().is_ok() {
            state.threads += 1;
            state.started = Some(now);
            return Threads::PerhapsMore;
        }
        match is_working {
            true => Threads::PerhapsMore,
            false => Threads::None,
        }
    }

    fn start_thread(self: &Arc<Self>) -> io::Result<()> {
        let inner = Arc::clone(self);
        // Callbacks may expect the runtime from which the scrape came.
        let runtime = Handle::try_current().ok();
        thread::spawn(self.thread, move || {
            let _entered = runtime.as_ref().map(Handle::enter);
            inner.work();
        })
    }

    /// Runs calls until none waits.
    fn work(&self) {
        CALLED_BY.set(self.address());
        let mut state = lock(&self.state);
        while let Some(call) = state.waiting.pop_front() {
            call.progress().phase = CallPhase::Running(Instant::now());
            drop(state);
            let outcome = catch(|| (call.run)());
            state = lock(&self.state);
            let now = Instant::now();
            let mut progress = call.progress();
            if progress.end(outcome, now) {
                self.hanging.decrement();
            }
            if std::mem::take(&mut progress.is_due_again) {
                progress.phase = CallPhase::Waiting(now);
                state.waiting.push_back(Arc::clone(&call));
            }
            drop(progress);
            // Also while others wait: they may be another caller's, and hang.
            self.returned.notify_all();
            drop(state);
            // It may be the last reference, and the function own a handle of ours.
            let _ = catch(|| {
                drop(call);
                Ok(())
            });
            state = lock(&self.state);
        }
        state.threads -= 1;
    }

    /// Gives up those that are under way, and tells which have failed and what has changed. Those that wait fail
    /// with `missing`.
    fn conclude<'a>(
        &self,
        state: &mut State,
        calls: &'a [Arc<UserCall>],
        missing: CallFailure,
    ) -> (Vec<&'a UserCall>, Vec<CallChange<'a>>) {
        let (now, mut failed, mut changes) = (Instant::now(), Vec::new(), Vec::new());
        let mut withdrawn = false;
        for call in calls {
            let mut progress = call.progress();
            match progress.phase {
                CallPhase::Waiting(_) => {
                    progress.phase = CallPhase::Idle;
                    progress.failure = Some(missing);
                    withdrawn = true;
                }
                CallPhase::Running(begin) => {
                    progress.phase = CallPhase::GivenUp(begin);
                    progress.failure = Some(CallFailure::TimedOut);
                    progress.is_stuck = true;
                    self.hanging.increment();
                }
                CallPhase::Idle | CallPhase::GivenUp(_) => {}
            }
            let name = call.name();
            match progress.failure {
                Some(failure) => {
                    failed.push(&**call);
                    if progress.outages.record_failure(now) {
                        let outcome = Err(failure);
                        changes.push(CallChange { name, outcome });
                    }
                }
                None => changes.extend(progress.outages.record_success(now).map(|outage| {
                    let outcome = Ok(outage);
                    CallChange { name, outcome }
                })),
            }
        }
        if withdrawn {
            state
                .waiting
                .retain(|call| matches!(call.progress().phase, CallPhase::Waiting(_)));
        }
        (failed, changes)
    }
}

/// Runs the service's code; catches its panic.
fn catch(run: impl FnOnce() -> Result<(), CallFailure>) -> Result<(), CallFailure> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        // A payload is the service's as well, and may panic when it is dropped.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
        Err(CallFailure::Panicked)
    })
}

#[cfg(test)]
mod tests;
