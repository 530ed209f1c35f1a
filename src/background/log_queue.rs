//! Log lines written off-thread, because the service's log may block, as a pipe does that is not read,
//! or panic; neither may stop a thread of ours or outlast a deadline.
//!
//! The thread that writes them does nothing else and belongs to no runtime: a line about a name that
//! hangs, or about a thread that can't be had, must not wait for either.

#[cfg(any(test, feature = "testing"))]
mod capture;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

#[cfg(any(test, feature = "testing"))]
pub(crate) use capture::{CaptureMarker, CaptureQueue};

/// The number of lines that may wait. More means that the log is stuck; the metrics count on.
/// Lines here are about changes of state, of which there are few.
const CAPACITY: usize = 64;

/// A closure that calls a macro of `tracing`, so that level and fields stay static.
pub(super) type WriteLine = Box<dyn FnOnce() + Send>;

/// The queue of lines to write. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) enum LogQueue {
    /// A thread writes them, one after another.
    Thread(SyncSender<WriteLine>),
    /// They are written at once, by the caller: for tests.
    #[cfg(any(test, feature = "testing"))]
    Immediate(CaptureQueue),
}

impl LogQueue {
    /// Returns a queue and the end from which a thread writes its lines.
    pub(super) fn with_receiver() -> (Self, Receiver<WriteLine>) {
        let (lines, received) = sync_channel(CAPACITY);
        (Self::Thread(lines), received)
    }

    /// Returns a queue that writes each line at once.
    #[cfg(test)]
    pub(crate) fn immediate() -> Self {
        Self::Immediate(CaptureQueue::default())
    }

    /// Queues a line; drops it where the queue is full.
    pub(crate) fn write(&self, line: impl FnOnce() + Send + 'static) {
        match self {
            Self::Thread(lines) => {
                // Dropped without a count: the same facts are in the metrics.
                let _ = lines.try_send(Box::new(line));
            }
            #[cfg(any(test, feature = "testing"))]
            Self::Immediate(capture) => capture.write(line),
        }
    }

    /// Waits until the lines that are queued now are written, for at most `timeout`; blocks.
    pub(crate) fn flush(&self, timeout: Duration) {
        let (written, done) = sync_channel(1);
        self.write(move || {
            let _ = written.send(());
        });
        // Dropped where the queue is full, which ends the wait at once.
        let _ = done.recv_timeout(timeout);
    }
}
