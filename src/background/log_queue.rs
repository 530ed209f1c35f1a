//! Log lines written off-thread, because the service's log may block, as a pipe does that is not read,
//! or panic; neither may stop a thread of ours or outlast a deadline.

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

/// The number of lines that may wait. More means that the log is stuck; the metrics count on.
/// Lines here are about changes of state, of which there are few.
const CAPACITY: usize = 16;

// A closure that calls a macro of `tracing`, so that level and fields stay static.
type WriteLine = Box<dyn FnOnce() + Send>;

/// The queue of lines to write. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) enum LogQueue {
    /// A task writes them, one after another.
    Task(mpsc::Sender<WriteLine>),
    /// They are written at once, by the caller: for tests.
    #[cfg(any(test, feature = "testing"))]
    Immediate,
}

impl LogQueue {
    /// Starts the task that writes. It ends with the last clone, after the last line.
    pub(crate) fn start() -> (Self, JoinHandle<()>) {
        let (lines, mut received) = mpsc::channel::<WriteLine>(CAPACITY);
        let task = tokio::spawn(async move {
            while let Some(line) = received.recv().await {
                // On a thread of its own: a panic stays there.
                // One after the other, so that lines keep their order and a stuck log holds one
                // thread and not many.
                let _ = spawn_blocking(line).await;
            }
        });
        (Self::Task(lines), task)
    }

    /// Queues a line; drops it where the queue is full.
    pub(crate) fn write(&self, line: impl FnOnce() + Send + 'static) {
        match self {
            Self::Task(lines) => {
                // Dropped without a count: the same facts are in the metrics.
                let _ = lines.try_send(Box::new(line));
            }
            #[cfg(any(test, feature = "testing"))]
            Self::Immediate => line(),
        }
    }
}
