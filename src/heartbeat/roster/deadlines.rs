//! When which worker's state may change next, found without looking at the others.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jiff::Timestamp;

use crate::beat::BeatId;

/// A heap that is told of earlier deadlines only. One that moves later, as with every beat, stays
/// where it is and is looked at in vain once: a beat costs no work here.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BinaryHeap<Reverse<(Timestamp, BeatId)>>);

impl Deadlines {
    pub(super) fn push(&mut self, at: Timestamp, id: BeatId) {
        self.0.push(Reverse((at, id)));
    }

    /// The next one that is due.
    pub(super) fn pop(&mut self, now: Timestamp) -> Option<BeatId> {
        let Reverse((at, _)) = self.0.peek()?;
        if *at > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, id))| id)
    }
}
