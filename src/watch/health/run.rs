//! One run of a check: where it happens, and how it comes back whatever happens to it.
//!
//! | task | runs on | can be ended |
//! |---|---|---|
//! | future | the runtime where it was registered: pools and clients belong to theirs | yes, while it awaits |
//! | future, registered where there is no runtime | a thread for this run | yes, while it awaits |
//! | blocking | a thread for this run | no |
//! | inline | the watcher's thread; only the crate's own code | no need |
//!
//! A run always reports: its guard sends on drop, and a drop happens when a task ends, panics, is
//! aborted, or its runtime goes away. So the watcher never waits for a run that nobody is going to
//! finish.
//!
//! A run that is not back at its timeout, because it blocks, is given up: its thread hangs, or a thread of the
//! service's runtime, which the runtime's watchdog tells. The check does not run before it has returned, and no
//! check does while too many hang, so that checks which are removed and registered anew collect no threads.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::Sender;
use std::task::Poll;
use std::time::{Instant, SystemTime};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::finding::Finding;
use crate::background::Supervisor;
use crate::background::user_code::HangingCalls;
use crate::record::clock::Clock;
use crate::record::trace::untraced;

/// The future of one run.
pub(super) type CheckFuture = Pin<Box<dyn Future<Output = Finding> + Send>>;

/// The maximum number of runs that hang. Further ones fail without being started.
const MAX_HANGING: usize = 64;

/// The user's code of a check, by how it runs.
pub(super) enum CheckTask {
    /// A future on the runtime where the check was registered.
    Future(Handle, MakeFuture),
    /// A future on a thread of its own, whose timers and sockets this runtime of the crate drives: one that
    /// blocks must not stop the others.
    ThreadFuture(Handle, MakeFuture),
    /// A call that may block, on a thread of its own.
    Blocking(Arc<dyn Fn() -> Finding + Send + Sync>),
    /// A call that does not block, on the watcher's thread.
    Inline(Box<dyn FnMut(Instant) -> Finding + Send>),
}

/// Makes the future of a run.
pub(super) type MakeFuture = Arc<dyn Fn() -> CheckFuture + Send + Sync>;

/// The way to end a future before it is over.
#[derive(Debug)]
pub(super) enum RunAbort {
    Task(AbortHandle),
    /// Ends it when it is dropped.
    Thread {
        _abort: oneshot::Sender<()>,
    },
}

impl RunAbort {
    pub(super) fn abort(self) {
        if let Self::Task(task) = self {
            task.abort();
        }
    }
}

/// The progress of a run, which its thread and the watcher share.
#[derive(Debug, Default)]
pub(super) struct RunProgress {
    /// Tells a run that hangs from one that its runtime never began. Relaxed is enough: only the flag itself
    /// is read.
    started: AtomicBool,
    /// One of the phases below.
    phase: AtomicU8,
}

const UNDER_WAY: u8 = 0;
const GIVEN_UP: u8 = 1;
const OVER: u8 = 2;

impl RunProgress {
    pub(super) fn has_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }

    fn start(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// Counts the run as one that hangs, until it is over.
    pub(super) fn give_up(&self, hanging: &HangingCalls) {
        // Before the exchange: the run may end at once, and its end takes this back.
        hanging.increment();
        let given_up =
            self.phase
                .compare_exchange(UNDER_WAY, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire);
        if given_up.is_err() {
            hanging.decrement();
        }
    }

    fn end(&self, hanging: &HangingCalls) {
        if self.phase.swap(OVER, Ordering::AcqRel) == GIVEN_UP {
            hanging.decrement();
        }
    }
}

/// A message to the watcher's thread.
pub(super) enum WatcherMessage {
    /// Something has changed; look again.
    Wake,
    /// A thread of the telemetry went down, or is up again.
    ThreadsChanged,
    /// A run is over.
    Completed(RunCompletion),
    /// It is to end.
    Stop,
}

/// The end of a run and its result.
pub(super) struct RunCompletion {
    pub(super) check: u64,
    pub(super) run: u64,
    pub(super) at: Instant,
    pub(super) wall: SystemTime,
    /// `None` where it was aborted, or its runtime is gone.
    pub(super) finding: Option<Finding>,
}

/// A guard of a run that sends its completion, also when it is dropped on the way.
pub(super) struct RunGuard {
    pub(super) check: u64,
    pub(super) run: u64,
    pub(super) clock: Clock,
    pub(super) messages: Sender<WatcherMessage>,
    pub(super) progress: Arc<RunProgress>,
    pub(super) hanging: HangingCalls,
    pub(super) finding: Option<Finding>,
}

impl RunGuard {
    /// Sends the result.
    fn complete(mut self, finding: Finding) {
        self.finding = Some(finding);
    }
}

impl Drop for RunGuard {
    fn drop(&mut self) {
        self.progress.end(&self.hanging);
        let completion = RunCompletion {
            check: self.check,
            run: self.run,
            at: self.clock.now(),
            wall: self.clock.wall(),
            finding: self.finding.take(),
        };
        // Nobody reads it where watching has ended.
        let _ = self.messages.send(WatcherMessage::Completed(completion));
    }
}

impl CheckTask {
    /// Starts a run. The returned handle aborts a future.
    pub(super) fn start(
        &mut self,
        now: Instant,
        guard: RunGuard,
        supervisor: &Supervisor,
    ) -> Option<RunAbort> {
        if guard.hanging.count() >= MAX_HANGING && !matches!(self, Self::Inline(_)) {
            let detail = format!("not run: {MAX_HANGING} runs of checks hang");
            guard.complete(Finding::fail("no_thread").with_detail(detail));
            return None;
        }
        match self {
            Self::Future(runtime, make) => {
                let run = run_guarded(Arc::clone(make), guard);
                let task = runtime.spawn(untraced(run));
                Some(RunAbort::Task(task.abort_handle()))
            }
            Self::ThreadFuture(runtime, make) => {
                let run = run_guarded(Arc::clone(make), guard);
                let runtime = runtime.clone();
                let (abort, aborted) = oneshot::channel();
                let run = move || runtime.block_on(untraced(unless(aborted, run)));
                // Where no thread can be had, the guard is dropped, and the result gets old; the supervisor tells.
                let _ = supervisor.try_spawn("vantage-check", run);
                Some(RunAbort::Thread { _abort: abort })
            }
            Self::Blocking(call) => {
                let call = Arc::clone(call);
                let run = move || {
                    guard.progress.start();
                    let found = catch_unwind(AssertUnwindSafe(&*call));
                    guard.complete(found.unwrap_or_else(|payload| Finding::from_panic(&*payload)));
                };
                // Where no thread can be had, the guard is dropped, and the result gets old; the supervisor tells.
                let _ = supervisor.try_spawn("vantage-check", run);
                None
            }
            Self::Inline(check) => {
                guard.progress.start();
                guard.complete(check(now));
                None
            }
        }
    }
}

async fn run_guarded(make: MakeFuture, guard: RunGuard) {
    guard.progress.start();
    let found = run_caught(&*make).await;
    guard.complete(found);
}

/// Runs a future until it ends or the other side of `aborted` is dropped.
async fn unless(aborted: oneshot::Receiver<()>, run: impl Future<Output = ()>) {
    let (mut aborted, mut run) = (pin!(aborted), pin!(run));
    // The abort is looked at first: after it the runtime may be gone.
    poll_fn(|context| match aborted.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(()),
        Poll::Pending => run.as_mut().poll(context),
    })
    .await;
}

/// Makes and polls a future; a panic in either becomes the finding.
/// Both are the user's code: building a future may panic as well as polling it.
async fn run_caught(make: &(dyn Fn() -> CheckFuture + Send + Sync)) -> Finding {
    let mut running = match catch_unwind(AssertUnwindSafe(make)) {
        Ok(running) => running,
        Err(payload) => return Finding::from_panic(&*payload),
    };
    // Caught here and not by the runtime, whose `JoinError` would need a task that waits for it.
    poll_fn(move |cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx)));
        polled.unwrap_or_else(|payload| Poll::Ready(Finding::from_panic(&*payload)))
    })
    .await
}

impl fmt::Debug for CheckTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Future(..) => "Future",
            Self::ThreadFuture(..) => "ThreadFuture",
            Self::Blocking(_) => "Blocking",
            Self::Inline(_) => "Inline",
        })
    }
}
