//! One run of a check: where it happens, and how it comes back whatever happens to it.
//!
//! | task | runs on | can be ended |
//! |---|---|---|
//! | future | the runtime where it was registered: pools and clients belong to theirs | yes, by abort |
//! | blocking | a thread for this run | no |
//! | inline | the watcher's thread; only the crate's own code | no need |
//!
//! A run always reports: its guard sends on drop, and a drop happens when a task ends, panics, is
//! aborted, or its runtime goes away. So the watcher never waits for a run that nobody is going to
//! finish.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::task::Poll;
use std::time::{Instant, SystemTime};

use opentelemetry::Context;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::finding::Finding;
use crate::background::Supervisor;
use crate::record::clock::Clock;
use crate::record::trace::{SampleRatioOverride, Traced};

/// The future of one run.
pub(super) type CheckFuture = Pin<Box<dyn Future<Output = Finding> + Send>>;

/// The user's code of a check, by how it runs.
pub(super) enum CheckTask {
    /// A future on the runtime where the check was registered.
    Future(Handle, Arc<dyn Fn() -> CheckFuture + Send + Sync>),
    /// A call that may block, on a thread of its own.
    Blocking(Arc<dyn Fn() -> Finding + Send + Sync>),
    /// A call that does not block, on the watcher's thread.
    Inline(Box<dyn FnMut(Instant) -> Finding + Send>),
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
    pub(super) started: Arc<AtomicBool>,
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
    ) -> Option<AbortHandle> {
        match self {
            Self::Future(runtime, make) => {
                let make = Arc::clone(make);
                let run = async move {
                    // Tells a run that hangs from one that its runtime never began.
                    guard.started.store(true, Ordering::Relaxed);
                    let found = run_caught(&*make).await;
                    guard.complete(found);
                };
                // What a check asks of a database is of no interest to traces.
                let context = Context::new().with_value(SampleRatioOverride(0.0));
                // Without this every ping would be a trace of its own, several thousand a day for
                // each check.
                Some(runtime.spawn(Traced::new(run, context)).abort_handle())
            }
            Self::Blocking(call) => {
                let call = Arc::clone(call);
                let run = move || {
                    guard.started.store(true, Ordering::Relaxed);
                    let found = catch_unwind(AssertUnwindSafe(&*call));
                    guard.complete(found.unwrap_or_else(|payload| Finding::from_panic(&*payload)));
                };
                // Where no thread can be had, the guard is dropped, and the result gets old; the supervisor tells.
                let _ = supervisor.try_spawn("vantage-check", run);
                None
            }
            Self::Inline(check) => {
                guard.started.store(true, Ordering::Relaxed);
                guard.complete(check(now));
                None
            }
        }
    }
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
            Self::Blocking(_) => "Blocking",
            Self::Inline(_) => "Inline",
        })
    }
}
