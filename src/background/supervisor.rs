//! The supervisor: the threads and tasks of one telemetry, restarted when they panic and started as soon as
//! they can be.
//!
//! Not its own are threads that only run at the end, and whose callers handle a refusal themselves:
//! `vantage-flush`, `vantage-drain`, and `vantage-end`. Nobody would be left to start them later.
//!
//! | need | use |
//! |---|---|
//! | something every so often | `repeat` |
//! | a loop that awaits, with a runtime | `run` |
//! | a thread that waits for messages | `spawn` |
//! | a thread for one piece of work | `try_spawn` |
//! | a task in a runtime of the crate | `register`, and `catch_panic` around its loop |
//!
//! A body is called again after a panic, on the same thread, so that what it owns survives: only the round
//! is lost. Bodies therefore keep their state in a shape that is whole between any two of their calls.
//!
//! Who starts a thread that the system refused? Whichever of the others comes to the end of a round, within
//! a second where a `repeat` lives. Where no thread lives, as when all were refused at `init`, it is
//! whoever touches the telemetry: a scrape, a probe, a log line, a flush.
//!
//! | told by | of |
//! |---|---|
//! | the log, off-thread | a thread that is down, and that is up again |
//! | standard error | the same of threads that write the log, and of all while those are down |
//! | health, `warn` | threads that are down now |
//! | `vantage.telemetry.thread.up` | every thread |

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

#[cfg(feature = "testing")]
use super::log_queue::CaptureQueue;
use super::log_queue::{LogQueue, WriteLine};
use super::outage::Outage;
use super::panic::{PanicPayload, catch_panic};
use super::stderr;
use super::thread::{self, LoopGuard, RuntimeGuard, Stopped, ThreadRuntime};
use super::thread_status::{ThreadFailure, ThreadObserver, ThreadStatus, WeakThreadStatus};
use crate::model::units::format_duration;
use crate::record::sync::lock;

/// The name of the thread that writes the telemetry's own log lines.
const LINES_THREAD: &str = "vantage-lines";
/// The name of the thread that writes log lines to their output.
pub(crate) const LOG_THREAD: &str = "vantage-log";
/// The longest sleep of a loop while a thread waits to be started.
const START_TICK: Duration = Duration::from_secs(1);

/// The work of a thread.
type Work = Box<dyn FnOnce() + Send>;

/// Starts a thread of a name, or returns the system's refusal.
type StartThread = Box<dyn Fn(&str, Work) -> io::Result<()> + Send + Sync>;

/// The supervisor of a telemetry. A cheap clone.
#[derive(Clone)]
pub(crate) struct Supervisor(Arc<Inner>);

struct Inner {
    /// In the order of their registration.
    threads: Mutex<Vec<WeakThreadStatus>>,
    /// Of threads for one piece of work, which outlive it.
    one_shots: Mutex<BTreeMap<&'static str, ThreadStatus>>,
    /// Refused and not started yet.
    waiting: Mutex<Vec<WaitingThread>>,
    /// True while there are any. Relaxed: a hint, and the list has a lock.
    has_waiting: AtomicBool,
    start_thread: StartThread,
    log_queue: LogQueue,
    /// Taken when the thread of the log queue is registered; `None` also where lines are written at once.
    lines: Mutex<Option<Receiver<WriteLine>>>,
    /// False until log lines have a destination; from then on changes are told.
    tells: AtomicBool,
    on_change: OnceLock<Box<dyn Fn() + Send + Sync>>,
    is_stopped: AtomicBool,
    /// This, for the threads' states.
    observer: Weak<Inner>,
}

/// A thread that the system refused.
struct WaitingThread {
    status: ThreadStatus,
    work: Work,
    due: Instant,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::with_start(Box::new(thread::spawn))
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Supervisor").field(&self.threads()).finish()
    }
}

impl Supervisor {
    /// Returns a supervisor whose threads are started by this function.
    fn with_start(start_thread: StartThread) -> Self {
        let (log_queue, lines) = LogQueue::with_receiver();
        Self::new(start_thread, log_queue, Some(lines))
    }

    /// Returns a supervisor that writes log lines at once, where they arise: for tests, which have no thread
    /// for them.
    #[cfg(feature = "testing")]
    pub(crate) fn with_captured_lines(capture: CaptureQueue) -> Self {
        Self::new(Box::new(thread::spawn), LogQueue::Immediate(capture), None)
    }

    fn new(
        start_thread: StartThread,
        log_queue: LogQueue,
        lines: Option<Receiver<WriteLine>>,
    ) -> Self {
        Self(Arc::new_cyclic(|observer| Inner {
            threads: Mutex::default(),
            one_shots: Mutex::default(),
            waiting: Mutex::default(),
            has_waiting: AtomicBool::new(false),
            start_thread,
            log_queue,
            lines: Mutex::new(lines),
            tells: AtomicBool::new(false),
            on_change: OnceLock::new(),
            is_stopped: AtomicBool::new(false),
            observer: Weak::clone(observer),
        }))
    }

    /// Returns a supervisor that is refused each thread while `refuses` returns true.
    #[cfg(test)]
    pub(crate) fn refused_while(refuses: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::with_start(Box::new(move |name, work| {
            if refuses(name) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            thread::spawn(name, work)
        }))
    }

    /// Makes all threads that wait due.
    #[cfg(test)]
    pub(crate) fn make_due(&self) {
        for thread in &mut *lock(&self.0.waiting) {
            thread.due = Instant::now();
        }
    }

    /// Returns the queue of log lines about the telemetry itself.
    pub(crate) fn log_queue(&self) -> &LogQueue {
        &self.0.log_queue
    }

    /// Starts the thread that writes queued log lines; a second call does nothing.
    pub(crate) fn start_log_queue(&self) {
        let Some(lines) = lock(&self.0.lines).take() else {
            return;
        };
        self.spawn(LINES_THREAD, move |thread| {
            thread.record_round();
            // One after the other, so that lines keep their order.
            for line in &lines {
                line();
                thread.record_round();
            }
        });
    }

    /// Tells changes from now on, and of the threads that are down already: log lines have a destination.
    pub(crate) fn start_telling(&self) {
        self.0.tells.store(true, Ordering::Relaxed);
        for thread in self.0.registered() {
            if let Some(failure) = thread.failure() {
                self.0.log_down(thread.name(), &failure);
            }
        }
    }

    /// Calls back on each change of a thread's state; the first callback stays.
    pub(crate) fn on_change(&self, callback: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.on_change.set(Box::new(callback));
    }

    /// Returns each thread's name, and whether it is up, in the order of names.
    pub(crate) fn threads(&self) -> BTreeMap<&'static str, bool> {
        let mut threads = BTreeMap::new();
        for thread in self.0.registered() {
            // Of several that bear one name, all have to be up.
            let up = threads.entry(thread.name()).or_insert(true);
            *up &= thread.is_up();
        }
        threads
    }

    /// Returns the names and failures of the threads that are down.
    pub(crate) fn down(&self) -> BTreeMap<&'static str, ThreadFailure> {
        let threads = self.0.registered().into_iter();
        let down = threads.filter_map(|thread| Some((thread.name(), thread.failure()?)));
        down.collect()
    }

    /// Returns the state of a new thread or task, which is listed until its last clone is dropped.
    pub(crate) fn register(&self, name: &'static str) -> ThreadStatus {
        let status = ThreadStatus::new(name);
        self.adopt(&status);
        status
    }

    /// Lists a state that was made elsewhere.
    pub(crate) fn adopt(&self, status: &ThreadStatus) {
        status.observe(self.0.observer.clone());
        let mut threads = lock(&self.0.threads);
        threads.retain(|thread| thread.upgrade().is_some());
        threads.push(status.downgrade());
    }

    /// Starts a thread that runs until `body` returns. After a panic, the body is called again.
    pub(crate) fn spawn(
        &self,
        name: &'static str,
        body: impl FnMut(&ThreadStatus) + Send + 'static,
    ) {
        let wait = |delay| {
            std::thread::sleep(delay);
            true
        };
        self.spawn_with_wait(name, body, wait);
    }

    /// Calls `tick` after each interval, on a thread of this name. A panic costs one tick.
    pub(crate) fn repeat(
        &self,
        name: &'static str,
        interval: Duration,
        mut tick: impl FnMut() + Send + 'static,
    ) -> LoopGuard {
        let (stop, stopped) = sync_channel(0);
        let stopped = Arc::new(Mutex::new(stopped));
        let (sleeper, waiter) = (Arc::clone(&stopped), stopped);
        let supervisor = Arc::downgrade(&self.0);
        // A cell, because a plain variable is read after a panic alone, and compilers take it for unread.
        let is_overdue = Cell::new(false);
        let body = move |thread: &ThreadStatus| {
            loop {
                // A tick that panicked is due at once: the delay after a panic has passed.
                let is_due = if is_overdue.get() {
                    lock(&sleeper).try_recv() == Err(TryRecvError::Empty)
                } else {
                    sleep(&lock(&sleeper), interval, &supervisor)
                };
                if !is_due {
                    return;
                }
                is_overdue.set(true);
                tick();
                is_overdue.set(false);
                thread.record_round();
            }
        };
        let wait = move |delay| sleep(&lock(&waiter), delay, &Weak::new());
        self.spawn_with_wait(name, body, wait);
        LoopGuard { _stop: stop }
    }

    /// Runs a future on a thread of this name and a runtime of its own, which ends with it. The future has to
    /// end when [`Stopped`] resolves. After a panic, it is made anew in the same runtime.
    ///
    /// # Errors
    ///
    /// The error of building the runtime, or that the supervisor has stopped. A thread that is refused is started
    /// later.
    pub(crate) fn run(
        &self,
        name: &'static str,
        blocking_threads: usize,
        future: impl AsyncFnMut(&Stopped, &ThreadStatus) + Send + 'static,
    ) -> io::Result<RuntimeGuard> {
        let runtime = ThreadRuntime::new(blocking_threads)?;
        self.run_in(name, runtime, future)
            .ok_or_else(|| io::Error::other("the telemetry has been shut down"))
    }

    /// Does what [`run`](Self::run) does, in a runtime that was built, and perhaps used, before. Returns `None`
    /// where the supervisor has stopped.
    pub(crate) fn run_in(
        &self,
        name: &'static str,
        runtime: ThreadRuntime,
        mut future: impl AsyncFnMut(&Stopped, &ThreadStatus) + Send + 'static,
    ) -> Option<RuntimeGuard> {
        let handle = runtime.get()?.handle().clone();
        let (stop, stopped) = Stopped::new();
        let status = self.register(name);
        let thread = status.clone();
        let work = move || {
            let Some(runtime) = runtime.get() else {
                return;
            };
            runtime.block_on(async {
                // Called inside of the runtime, because futures may start tasks and timers when they are made.
                while let Err(payload) = catch_panic(future(&stopped, &thread)).await {
                    let delay = thread.record_panic(&*payload);
                    // Tasks of the runtime go on meanwhile.
                    if stopped.or(tokio::time::sleep(delay)).await.is_none() {
                        return;
                    }
                }
            });
        };
        self.start(status, Box::new(work)).then_some(RuntimeGuard {
            handle,
            _stop: stop,
        })
    }

    /// Runs one piece of work on a thread of its own.
    ///
    /// # Errors
    ///
    /// The refusal of the system, which names its limits. It is recorded, and the thread counts as down until
    /// one of its name starts; after a panic, until one ends without.
    pub(crate) fn try_spawn(
        &self,
        name: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let status = self.one_shot(name);
        let thread = status.clone();
        let run = move || match catch_unwind(AssertUnwindSafe(work)) {
            Ok(()) => thread.record_round(),
            // Nothing is tried again here: who asked for the work does that.
            Err(payload) => drop(thread.record_panic(&*payload)),
        };
        match (self.0.start_thread)(name, Box::new(run)) {
            Ok(()) => {
                status.record_start();
                Ok(())
            }
            Err(error) => {
                status.record_refusal(&error);
                let failure = ThreadFailure::Refused(error.to_string());
                Err(io::Error::new(error.kind(), failure.to_string()))
            }
        }
    }

    /// Starts threads that were refused, if it is time to.
    pub(crate) fn nudge(&self) {
        self.0.nudge();
    }

    /// Gives up threads that are not started yet, and starts no more.
    pub(crate) fn stop(&self) {
        self.0.is_stopped.store(true, Ordering::Relaxed);
        // Dropped without the lock: what they own may come back here.
        let waiting = std::mem::take(&mut *lock(&self.0.waiting));
        drop(waiting);
    }

    /// Starts a thread whose body is called again after a panic, unless `wait` returns false.
    fn spawn_with_wait(
        &self,
        name: &'static str,
        mut body: impl FnMut(&ThreadStatus) + Send + 'static,
        mut wait: impl FnMut(Duration) -> bool + Send + 'static,
    ) {
        let status = self.register(name);
        let thread = status.clone();
        let work = move || {
            // The body owns its state and leaves it whole between calls, as the module says; locks of ours
            // ignore a panic of their holder.
            while let Err(payload) = catch_unwind(AssertUnwindSafe(|| body(&thread))) {
                let payload: PanicPayload = payload;
                if !wait(thread.record_panic(&*payload)) {
                    return;
                }
            }
        };
        self.start(status, Box::new(work));
    }

    /// Starts a thread, now or later; returns `false` where the supervisor has stopped.
    fn start(&self, status: ThreadStatus, work: Work) -> bool {
        let due = Instant::now();
        self.0.start(WaitingThread { status, work, due })
    }

    fn one_shot(&self, name: &'static str) -> ThreadStatus {
        let mut one_shots = lock(&self.0.one_shots);
        let status = one_shots.entry(name).or_insert_with(|| {
            let status = ThreadStatus::of_one_shots(name);
            self.adopt(&status);
            status
        });
        status.clone()
    }
}

/// Sleeps until the time is over, and returns true; returns false when the guard is dropped before. Starts
/// threads that wait.
fn sleep<T>(stopped: &Receiver<T>, time: Duration, supervisor: &Weak<Inner>) -> bool {
    let start = Instant::now();
    loop {
        let supervisor = supervisor.upgrade();
        let has_waiting = supervisor.is_some_and(|supervisor| {
            supervisor.nudge();
            supervisor.has_waiting()
        });
        let left = time.saturating_sub(start.elapsed());
        let part = if has_waiting {
            left.min(START_TICK)
        } else {
            left
        };
        // Waiting on the channel is the sleep, so that dropping the guard interrupts it.
        match stopped.recv_timeout(part) {
            Err(RecvTimeoutError::Timeout) if part == left => return true,
            Err(RecvTimeoutError::Timeout) => {}
            _ => return false,
        }
    }
}

impl Inner {
    fn registered(&self) -> Vec<ThreadStatus> {
        let threads = lock(&self.threads);
        threads
            .iter()
            .filter_map(WeakThreadStatus::upgrade)
            .collect()
    }

    fn has_waiting(&self) -> bool {
        self.has_waiting.load(Ordering::Relaxed)
    }

    /// Starts a thread, or has it wait for its next try; returns `false` where the supervisor has stopped.
    fn start(&self, thread: WaitingThread) -> bool {
        if self.is_stopped.load(Ordering::Relaxed) {
            return false;
        }
        let WaitingThread { status, work, .. } = thread;
        // Kept out of the closure, which is lost with a start that fails.
        let work = Arc::new(Mutex::new(Some(work)));
        let taken = Arc::clone(&work);
        let run = move || {
            let work = lock(&taken).take();
            if let Some(work) = work {
                work();
            }
        };
        let Err(error) = (self.start_thread)(status.name(), Box::new(run)) else {
            status.record_start();
            return true;
        };
        let delay = status.record_refusal(&error);
        let work = lock(&work).take();
        let Some(work) = work else {
            return true;
        };
        let due = Instant::now() + delay;
        let mut waiting = lock(&self.waiting);
        waiting.push(WaitingThread { status, work, due });
        self.has_waiting.store(true, Ordering::Relaxed);
        true
    }

    /// Starts the threads that wait and are due.
    fn nudge(&self) {
        if !self.has_waiting() {
            return;
        }
        let now = Instant::now();
        let due: Vec<_> = {
            let mut waiting = lock(&self.waiting);
            let due = waiting.extract_if(.., |thread| thread.due <= now).collect();
            self.has_waiting
                .store(!waiting.is_empty(), Ordering::Relaxed);
            due
        };
        // Without the lock: a thread that starts may itself come to the end of a round.
        for thread in due {
            self.start(thread);
        }
    }

    /// Writes to standard error where the log can't be trusted to show it.
    fn tell_apart(&self, name: &str, text: &str) {
        let writes_log = |name: &str| name == LINES_THREAD || name == LOG_THREAD;
        let mut threads = self.registered().into_iter();
        if writes_log(name) || threads.any(|thread| writes_log(thread.name()) && !thread.is_up()) {
            stderr::write_line(text);
        }
    }

    fn log_down(&self, name: &'static str, failure: &ThreadFailure) {
        let cause = failure.to_string();
        self.log_queue.write(move || {
            tracing::error!(
                target: "vantage_obs",
                thread = name,
                cause,
                "a thread of the telemetry is down; it is started again, and this is told once"
            );
        });
    }
}

impl ThreadObserver for Inner {
    fn on_down(&self, name: &'static str, failure: &ThreadFailure) {
        self.tell_apart(name, &format!("the thread {name} is down: {failure}"));
        if self.tells.load(Ordering::Relaxed) {
            self.log_down(name, failure);
        }
        if let Some(on_change) = self.on_change.get() {
            on_change();
        }
    }

    fn on_up(&self, name: &'static str, outage: Outage) {
        let after = format_duration(Duration::from_secs(outage.lasted.as_secs().max(1)));
        self.tell_apart(
            name,
            &format!("the thread {name} is up again after {after}"),
        );
        if self.tells.load(Ordering::Relaxed) {
            let failures = outage.failures;
            self.log_queue.write(move || {
                tracing::info!(
                    target: "vantage_obs",
                    thread = name,
                    after,
                    failures,
                    "a thread of the telemetry is up again"
                );
            });
        }
        if let Some(on_change) = self.on_change.get() {
            on_change();
        }
    }

    fn on_round(&self) {
        self.nudge();
    }
}

#[cfg(test)]
mod tests;
