//! The requests to stop: signals of the system, and a future of the service's.

#[cfg(unix)]
#[path = "signals/unix.rs"]
mod system;
#[cfg(not(unix))]
#[path = "signals/other.rs"]
mod system;

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use super::{StopCause, StopFuture};
use system::SystemSignals;

/// The signals that ask a service to stop.
pub(super) struct StopSignals {
    system: SystemSignals,
    /// `None` once it has resolved.
    until: Option<StopFuture>,
}

impl StopSignals {
    /// Listens from now on, so that no signal is missed.
    pub(super) fn listen(until: Option<StopFuture>) -> io::Result<Self> {
        Ok(Self {
            system: SystemSignals::listen()?,
            until,
        })
    }

    /// Resolves with the next of them. Dropped before, nothing is lost.
    pub(super) async fn next(&mut self) -> StopCause {
        poll_fn(|cx| {
            if let Some(until) = &mut self.until
                && until.as_mut().poll(cx).is_ready()
            {
                self.until = None;
                return Poll::Ready(StopCause::Requested);
            }
            self.system.poll_next(cx)
        })
        .await
    }
}
