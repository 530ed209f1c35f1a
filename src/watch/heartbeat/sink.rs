use std::fmt;

use crate::background::log_sink::Voice;
use crate::model::heartbeat::{Beat, BeatId};

/// Where beats arrive in this process.
pub(crate) trait Desk: fmt::Debug + Send + Sync {
    fn receive(&self, id: &BeatId, beat: Beat);

    /// Finds what has become due, at most a second after it has.
    fn tick(&self, voice: &Voice);
}
