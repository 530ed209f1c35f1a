use std::fmt;

use super::voice::Voice;
use crate::beat::{Beat, BeatId};

/// Where beats arrive in this process.
pub(crate) trait Desk: fmt::Debug + Send + Sync {
    fn receive(&self, id: &BeatId, beat: Beat);

    /// Finds what has become due, at most a second after it has.
    fn tick(&self, voice: &Voice);
}
