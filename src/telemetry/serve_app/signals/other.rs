//! Ctrl-C, and what Windows sends to a console whose service ends.

use std::io;
use std::task::{Context, Poll};

use tokio::signal::windows::{CtrlC, CtrlClose, CtrlShutdown, ctrl_c, ctrl_close, ctrl_shutdown};

use crate::telemetry::serve_app::StopCause;

/// The signals that end a service.
#[derive(Debug)]
pub(super) struct SystemSignals {
    interrupt: CtrlC,
    close: CtrlClose,
    shutdown: CtrlShutdown,
}

impl SystemSignals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<StopCause> {
        let closes = self.close.poll_recv(cx).is_ready();
        if closes || self.shutdown.poll_recv(cx).is_ready() {
            return Poll::Ready(StopCause::Terminate);
        }
        self.interrupt.poll_recv(cx).map(|_| StopCause::Interrupt)
    }
}
