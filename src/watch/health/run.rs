//! One run of a check: where it happens, and how it comes back whatever happens to it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::task::Poll;
use std::thread;
use std::time::{Instant, SystemTime};

use opentelemetry::Context;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::finding::Finding;
use crate::record::clock::Clock;
use crate::record::trace::{OwnRatio, Traced};

pub(super) type Running = Pin<Box<dyn Future<Output = Finding> + Send>>;

/// What a check does.
pub(super) enum Work {
    /// A future on the runtime where the check was registered.
    Future(Handle, Arc<dyn Fn() -> Running + Send + Sync>),
    /// A call that may block, on a thread of its own.
    Blocking(Arc<dyn Fn() -> Finding + Send + Sync>),
    /// A look at figures that are there already.
    Look(Box<dyn FnMut(Instant) -> Finding + Send>),
}

/// What the watching thread is told.
pub(super) enum Letter {
    /// Something has changed; look again.
    Wake,
    /// A run is over.
    Landed(Landing),
    /// It is to end.
    Stop,
}

/// How a run came back.
pub(super) struct Landing {
    pub(super) check: u64,
    pub(super) run: u64,
    pub(super) at: Instant,
    pub(super) wall: SystemTime,
    /// `None` where it was aborted, or its runtime is gone.
    pub(super) finding: Option<Finding>,
}

/// Goes with a run and tells how it came back, also when it is dropped on the way.
pub(super) struct Ticket {
    pub(super) check: u64,
    pub(super) run: u64,
    pub(super) clock: Clock,
    pub(super) letters: Sender<Letter>,
    pub(super) begun: Arc<AtomicBool>,
    pub(super) finding: Option<Finding>,
}

impl Ticket {
    /// The run is over.
    fn land(mut self, finding: Finding) {
        self.finding = Some(finding);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let landing = Landing {
            check: self.check,
            run: self.run,
            at: self.clock.now(),
            wall: self.clock.wall(),
            finding: self.finding.take(),
        };
        // Nobody reads it where watching has ended.
        let _ = self.letters.send(Letter::Landed(landing));
    }
}

impl Work {
    /// Starts a run. The answer stops a future that can be stopped.
    pub(super) fn start(&mut self, now: Instant, ticket: Ticket) -> Option<AbortHandle> {
        match self {
            Self::Future(runtime, make) => {
                let make = Arc::clone(make);
                let run = async move {
                    ticket.begun.store(true, Ordering::Relaxed);
                    let found = caught(&*make).await;
                    ticket.land(found);
                };
                // What a check asks of a database is of no interest to traces.
                let context = Context::new().with_value(OwnRatio(0.0));
                Some(runtime.spawn(Traced::new(run, context)).abort_handle())
            }
            Self::Blocking(call) => {
                let call = Arc::clone(call);
                let run = move || {
                    ticket.begun.store(true, Ordering::Relaxed);
                    let found = catch_unwind(AssertUnwindSafe(&*call));
                    ticket.land(found.unwrap_or_else(|payload| Finding::panicked(&*payload)));
                };
                // Where no thread can be had, the ticket is dropped, and the result gets old.
                let _ = thread::Builder::new()
                    .name("vantage-check".into())
                    .spawn(run);
                None
            }
            Self::Look(look) => {
                ticket.begun.store(true, Ordering::Relaxed);
                ticket.land(look(now));
                None
            }
        }
    }
}

/// Makes and polls a future; a panic in either is what it found.
async fn caught(make: &(dyn Fn() -> Running + Send + Sync)) -> Finding {
    let mut running = match catch_unwind(AssertUnwindSafe(make)) {
        Ok(running) => running,
        Err(payload) => return Finding::panicked(&*payload),
    };
    poll_fn(move |cx| {
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx)));
        polled.unwrap_or_else(|payload| Poll::Ready(Finding::panicked(&*payload)))
    })
    .await
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Future(..) => "Future",
            Self::Blocking(_) => "Blocking",
            Self::Look(_) => "Look",
        })
    }
}
