//! A runtime for futures of the service that are registered where there is none.

use std::future::pending;
use std::sync::OnceLock;
use std::{fmt, io};

use tokio::runtime::Handle;

use super::supervisor::Supervisor;
use super::thread::{DEFAULT_BLOCKING_THREADS, RuntimeGuard, Stopped};
use super::thread_status::ThreadStatus;

/// The runtime of a function's futures.
#[derive(Debug)]
pub(crate) enum UserRuntime {
    /// That of the service, where the function was registered.
    Service(Handle),
    /// That of the crate.
    Fallback(Handle),
}

/// A runtime on one thread that starts when it is needed and ends when it is dropped.
pub(crate) struct FallbackRuntime {
    thread: &'static str,
    started: OnceLock<io::Result<RuntimeGuard>>,
}

impl fmt::Debug for FallbackRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FallbackRuntime")
            .field(&self.started.get().is_some())
            .finish()
    }
}

impl FallbackRuntime {
    /// Returns one whose thread bears this name, and is not started yet.
    pub(crate) const fn new(thread: &'static str) -> Self {
        Self {
            thread,
            started: OnceLock::new(),
        }
    }

    /// Returns the runtime of the caller, or else this one; `None` where it could not be started.
    pub(crate) fn current_or_fallback(&self, supervisor: &Supervisor) -> Option<UserRuntime> {
        let current = Handle::try_current().ok().map(UserRuntime::Service);
        current.or_else(|| {
            // The error is kept too: a process that can build no runtime is not asked again at every
            // check. A thread that is refused is no error: checks run once it is there.
            let start = || start_runtime(self.thread, supervisor);
            let started = self.started.get_or_init(start).as_ref();
            let started = started.map_err(|error| {
                tracing::error!(%error, thread = self.thread, "no runtime could be started for functions of the service");
            });
            Some(UserRuntime::Fallback(started.ok()?.handle().clone()))
        })
    }
}

/// Starts the thread, whose runtime lives until the guard is dropped.
fn start_runtime(thread: &'static str, supervisor: &Supervisor) -> io::Result<RuntimeGuard> {
    let until_stopped = async |stopped: &Stopped, thread: &ThreadStatus| {
        thread.record_round();
        // Nothing is awaited: the runtime only has to live until it is stopped.
        stopped.or(pending::<()>()).await;
    };
    supervisor.run(thread, DEFAULT_BLOCKING_THREADS, until_stopped)
}
