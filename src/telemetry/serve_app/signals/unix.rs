//! SIGTERM and SIGINT.

use std::io;
use std::task::{Context, Poll};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::telemetry::serve_app::StopCause;

/// The signals that end a service.
#[derive(Debug)]
pub(super) struct SystemSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl SystemSignals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<StopCause> {
        if self.terminate.poll_recv(cx).is_ready() {
            return Poll::Ready(StopCause::Terminate);
        }
        self.interrupt.poll_recv(cx).map(|_| StopCause::Interrupt)
    }
}
