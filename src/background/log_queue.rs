//! Says aloud what a thread of ours has to say. The service's log may block, as a pipe does that
//! nobody reads, or panic; neither may stop that thread or
//! outlast a deadline.

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

/// More lines than that don't wait: the log is stuck then, and the metrics count on.
const WAITING: usize = 16;

type Line = Box<dyn FnOnce() + Send>;

/// Where lines go. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct LogQueue(mpsc::Sender<Line>);

impl LogQueue {
    /// The task ends with the last clone, after the last line.
    pub(crate) fn start() -> (Self, JoinHandle<()>) {
        let (lines, mut received) = mpsc::channel::<Line>(WAITING);
        let task = tokio::spawn(async move {
            while let Some(line) = received.recv().await {
                // One after another, on a thread aside; a panic stays there.
                let _ = spawn_blocking(line).await;
            }
        });
        (Self(lines), task)
    }

    pub(crate) fn write(&self, line: impl FnOnce() + Send + 'static) {
        let _ = self.0.try_send(Box::new(line));
    }
}
