//! A runtime for checks that are registered where there is none.

use std::fmt;
use std::sync::OnceLock;

use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;

/// A runtime on one thread that starts when it is needed and ends when it is dropped.
#[derive(Default)]
pub(super) struct FallbackRuntime(OnceLock<std::io::Result<(Handle, oneshot::Sender<()>)>>);

impl fmt::Debug for FallbackRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FallbackRuntime")
            .field(&self.0.get().is_some())
            .finish()
    }
}

impl FallbackRuntime {
    /// Returns the runtime of the caller, or else this one; `None` where it could not be started.
    pub(super) fn current_or_fallback(&self) -> Option<Handle> {
        Handle::try_current().ok().or_else(|| {
            let started = self.0.get_or_init(start_runtime).as_ref();
            let started = started.map_err(|error| {
                tracing::error!(%error, "no runtime could be started for health checks");
            });
            Some(started.ok()?.0.clone())
        })
    }
}

fn start_runtime() -> std::io::Result<(Handle, oneshot::Sender<()>)> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let handle = runtime.handle().clone();
    let (stop, stopped) = oneshot::channel();
    std::thread::Builder::new()
        .name("vantage-checks".into())
        .spawn(move || {
            let _ = runtime.block_on(stopped);
            // A name that is being resolved must not keep the process.
            runtime.shutdown_background();
        })?;
    Ok((handle, stop))
}
