//! A runtime for checks that are registered where there is none.

use std::future::pending;
use std::sync::OnceLock;
use std::{fmt, io};

use tokio::runtime::Handle;

use crate::background::thread::{DEFAULT_BLOCKING_THREADS, RuntimeGuard, Stopped};
use crate::background::{Supervisor, ThreadStatus};

/// The runtime of a check's futures.
#[derive(Debug)]
pub(super) enum CheckRuntime {
    /// That of the service, where the check was registered.
    Service(Handle),
    /// That of the crate.
    Fallback(Handle),
}

/// A runtime on one thread that starts when it is needed and ends when it is dropped.
#[derive(Default)]
pub(super) struct FallbackRuntime(OnceLock<io::Result<RuntimeGuard>>);

impl fmt::Debug for FallbackRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FallbackRuntime")
            .field(&self.0.get().is_some())
            .finish()
    }
}

impl FallbackRuntime {
    /// Returns the runtime of the caller, or else this one; `None` where it could not be started.
    pub(super) fn current_or_fallback(&self, supervisor: &Supervisor) -> Option<CheckRuntime> {
        let current = Handle::try_current().ok().map(CheckRuntime::Service);
        current.or_else(|| {
            // The error is kept too: a process that can build no runtime is not asked again at every
            // check. A thread that is refused is no error: checks run once it is there.
            let started = self.0.get_or_init(|| start_runtime(supervisor)).as_ref();
            let started = started.map_err(|error| {
                tracing::error!(%error, "no runtime could be started for health checks");
            });
            Some(CheckRuntime::Fallback(started.ok()?.handle().clone()))
        })
    }
}

/// Starts the thread `vantage-checks`, whose runtime lives until the guard is dropped.
fn start_runtime(supervisor: &Supervisor) -> io::Result<RuntimeGuard> {
    let until_stopped = async |stopped: &Stopped, thread: &ThreadStatus| {
        thread.record_round();
        // Nothing is awaited: the runtime only has to live until it is stopped.
        stopped.or(pending::<()>()).await;
    };
    supervisor.run("vantage-checks", DEFAULT_BLOCKING_THREADS, until_stopped)
}
