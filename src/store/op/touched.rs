//! The records that a batch touches: what a store has to read before it can merge, unless it has all in
//! memory.

use std::collections::BTreeSet;

use super::{OpTarget, RecordBatch};
use crate::store::record::{RecordKey, RecordKind};

impl<'a> RecordBatch<'a> {
    /// Returns the keys of the records that it touches.
    pub(crate) fn keys(&self) -> BTreeSet<&RecordKey> {
        self.0.iter().map(|(key, _)| key).collect()
    }

    /// Returns the slots that its rows want to hold.
    ///
    /// Their holders may have other keys than the batch's, and must be read as well.
    pub(crate) fn slots(&self) -> BTreeSet<(RecordKind, &'a str)> {
        let slots = self.0.iter().filter_map(|(key, target)| match *target {
            OpTarget::Row(row) => Some((key.kind, row.row_slot()?)),
            _ => None,
        });
        slots.collect()
    }
}
