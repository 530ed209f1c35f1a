use std::fmt;

use crate::background::log_queue::LogQueue;
use crate::model::heartbeat::{Beat, BeatId};

/// The destination of beats in this process.
pub(crate) trait BeatSink: fmt::Debug + Send + Sync {
    /// Takes a beat in.
    fn receive(&self, id: &BeatId, beat: Beat);

    /// Processes what has become due, at most a second after it has.
    fn tick(&self, log_queue: &LogQueue);
}
