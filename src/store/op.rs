//! Operations on rows, and their effect on records.
//!
//! A batch is merged in memory: `stored` holds the records that it touches, as the store has them
//! under its lock or in its transaction; each operation is applied to what the ones before it made
//! of them; what comes out is what the store writes. All three stores share this code, so that they
//! can't differ.
//!
//! | operation | on no record | on a record |
//! |---|---|---|
//! | row | stored, unless its slot is held | stored, if its rule says that it replaces |
//! | delete worker | nothing | deleted, unless seen later than the deletion knows |
//! | slice | not a record | – |

#[cfg(any(feature = "file-store", feature = "postgres"))]
mod touched;

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::incident_row::{IncidentRow, SpanRow};
use super::record::{AnyRow, Record, RecordKey, RecordKind, decode};
use super::slo_rows::{AlertStateRow, SliceRow};
use super::total_row::TotalRow;
use super::worker_row::WorkerRow;
use crate::model::heartbeat::BeatId;

/// One write operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StoreOp {
    /// Takes the row's place, unless what is there supersedes it.
    Worker(WorkerRow),
    /// Removes a worker that was last seen when this says, and not one that has come back since.
    DeleteWorker(BeatId, Option<Timestamp>),
    /// Takes the place of the slice with the same instance, objective and start.
    Slice(SliceRow),
    /// Takes the place of the alert state with the same instance and subject.
    AlertState(AlertStateRow),
    /// Takes the place of the version before it. A new one is left out where another one that is open
    /// has its slot: of any number that open the same at once, one does.
    Incident(IncidentRow),
    /// Takes the place of the span with the same component, start and state, unless that ended later.
    Span(SpanRow),
    /// Takes the place of the total with the same day, figure, attribute and source where it is greater.
    /// Kept by a store that can be asked by others, and by no other.
    Total(TotalRow),
}

/// The target of an operation.
///
/// Borrowed from the operation: merging copies only what is written.
#[derive(Clone, Copy)]
enum OpTarget<'a> {
    /// A row that is kept as a record.
    Row(&'a dyn AnyRow),
    DeletedWorker(&'a BeatId, Option<Timestamp>),
    Slice,
}

/// The operations of a batch that touch records, in their order, each with the record's key.
///
/// The order matters: two operations with one key are applied one after the other.
pub(crate) struct RecordBatch<'a>(Vec<(RecordKey, OpTarget<'a>)>);

/// The records of some keys; `None` is one that is deleted.
pub(crate) type RecordChanges = BTreeMap<RecordKey, Option<Record>>;

impl StoreOp {
    fn target(&self) -> OpTarget<'_> {
        match self {
            Self::Worker(row) => OpTarget::Row(row),
            Self::DeleteWorker(id, last_seen) => OpTarget::DeletedWorker(id, *last_seen),
            Self::Slice(_) => OpTarget::Slice,
            Self::AlertState(row) => OpTarget::Row(row),
            Self::Incident(row) => OpTarget::Row(row),
            Self::Span(row) => OpTarget::Row(row),
            Self::Total(row) => OpTarget::Row(row),
        }
    }

    /// Returns the key of the record that it touches; `None` for a slice.
    pub(crate) fn record_key(&self) -> Option<RecordKey> {
        self.target().record_key()
    }

    /// Returns the version of the row, each of which is written by itself; 0 where only the newest counts.
    pub(crate) fn version(&self) -> u64 {
        match self.target() {
            OpTarget::Row(row) => row.row_version(),
            _ => 0,
        }
    }

    /// Returns true if it makes an earlier operation with its key superfluous.
    // Asked of operations in the queue. The store asks the same rule again: another process may
    // have written meanwhile.
    pub(crate) fn replaces(&self, earlier: &Self) -> bool {
        match (self.target(), earlier.target()) {
            (OpTarget::Row(row), OpTarget::Row(earlier)) => row.replaces_row(earlier),
            _ => true,
        }
    }
}

impl OpTarget<'_> {
    fn record_key(&self) -> Option<RecordKey> {
        match self {
            Self::Row(row) => Some(row.record_key()),
            Self::DeletedWorker(id, _) => Some(RecordKey {
                kind: RecordKind::Worker,
                key: id.to_arc(),
            }),
            Self::Slice => None,
        }
    }
}

impl<'a> RecordBatch<'a> {
    /// Returns the operations on records that a store takes. `is_shared` is true for a store that other
    /// programs can ask.
    pub(crate) fn new(ops: &'a [StoreOp], is_shared: bool) -> Self {
        let targets = ops.iter().map(StoreOp::target);
        let keyed = targets.filter_map(|target| Some((target.record_key()?, target)));
        // Left out here and not by the sender, which doesn't know the store.
        let accepted = keyed.filter(|(key, _)| is_shared || !key.kind.is_for_other_programs());
        Self(accepted.collect())
    }

    /// Returns the changes that the operations make to `stored`, which has the records of the keys and
    /// those that hold the slots.
    pub(crate) fn merge(&self, stored: &BTreeMap<RecordKey, Record>) -> RecordChanges {
        let mut merge = Merge {
            stored,
            changes: RecordChanges::new(),
        };
        for (key, target) in &self.0 {
            merge.apply(key, *target);
        }
        merge.changes
    }
}

/// Returns the slices of a batch in their order.
pub(crate) fn slices(ops: &[StoreOp]) -> impl Iterator<Item = &SliceRow> {
    ops.iter().filter_map(|op| match op {
        StoreOp::Slice(row) => Some(row),
        _ => None,
    })
}

/// Records as a store has them, and what has been changed of them.
///
/// A change is looked up before what is stored: later operations see earlier ones.
struct Merge<'a> {
    stored: &'a BTreeMap<RecordKey, Record>,
    changes: RecordChanges,
}

impl Merge<'_> {
    /// Applies one operation.
    fn apply(&mut self, key: &RecordKey, target: OpTarget<'_>) {
        let current = self.current(key);
        let change = match target {
            OpTarget::Row(row) => {
                let is_accepted = match current {
                    // A record that is there keeps its slot, and a newer version of it may keep or
                    // leave it.
                    Some(current) => row.replaces_record(current),
                    None => row
                        .row_slot()
                        .is_none_or(|slot| !self.is_held(key.kind, slot)),
                };
                is_accepted.then(|| Some(row.to_record()))
            }
            OpTarget::DeletedWorker(_, last_seen) => current
                .filter(|current| {
                    let row = decode::<WorkerRow>(&current.value);
                    // A row that can't be read is deleted: its writer was another release, and the
                    // worker was asked to go.
                    row.is_none_or(|row| row.last_seen <= last_seen)
                })
                .map(|_| None),
            OpTarget::Slice => None,
        };
        if let Some(change) = change {
            self.changes.insert(key.clone(), change);
        }
    }

    /// Returns the record as the batch has left it so far; `None` where it was deleted or never
    /// there.
    fn current(&self, key: &RecordKey) -> Option<&Record> {
        let changed = self.changes.get(key);
        changed.map_or_else(|| self.stored.get(key), Option::as_ref)
    }

    /// Returns true if a record of the kind holds the slot, after what the batch did so far.
    fn is_held(&self, kind: RecordKind, slot: &str) -> bool {
        let mut keys = self.stored.keys().chain(self.changes.keys());
        keys.any(|key| {
            let holder = self.current(key).filter(|_| key.kind == kind);
            holder.is_some_and(|record| record.slot.as_deref() == Some(slot))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::rows::{alert_state, at, id, slice, worker};

    fn key(kind: RecordKind, key: &str) -> RecordKey {
        let key = key.into();
        RecordKey { kind, key }
    }

    fn record(op: &StoreOp) -> (RecordKey, Record) {
        let mut changes = RecordBatch::new(std::slice::from_ref(op), true).merge(&BTreeMap::new());
        let (key, record) = changes.pop_first().unwrap();
        (key, record.unwrap())
    }

    #[test]
    fn operations_on_one_record_are_merged_in_their_order() {
        let (a, b) = (worker("a", "x", 1, 1), worker("b", "x", 1, 1));
        let ops = [
            StoreOp::Worker(b.clone()),
            StoreOp::Worker(worker("a", "x", 9, 1)),
            StoreOp::DeleteWorker(id("a"), Some(at(1))),
            StoreOp::Worker(a.clone()),
            StoreOp::DeleteWorker(id("c"), Some(at(1))),
            StoreOp::Slice(slice("i", "o", 0, 1)),
        ];
        let stored = [record(&StoreOp::Worker(worker("c", "x", 1, 1)))].into();
        let changes = RecordBatch::new(&ops, true).merge(&stored);
        let expected = [StoreOp::Worker(a), StoreOp::Worker(b)].map(|op| record(&op));
        let expected = expected.map(|(key, record)| (key, Some(record)));
        let deleted = (key(RecordKind::Worker, "c"), None);
        assert_eq!(changes, expected.into_iter().chain([deleted]).collect());
        assert!(RecordBatch::new(&[], true).merge(&stored).is_empty());
    }

    #[test]
    fn a_record_that_this_release_cannot_read_is_skipped_and_has_its_place_taken() {
        let newer = StoreOp::Worker(worker("w", "x", 1, 1));
        let (key, mut unreadable) = record(&newer);
        unreadable.value = r#"{"id":"w","role":"of a later release"}"#.into();
        assert_eq!(decode::<WorkerRow>(&unreadable.value), None);
        let stored = [(key.clone(), unreadable)].into();
        let changes = RecordBatch::new(std::slice::from_ref(&newer), true).merge(&stored);
        assert_eq!(changes, [(key, Some(record(&newer).1))].into());
    }

    #[test]
    fn parts_of_a_key_are_not_confused() {
        let key = |instance: &str, subject: &str| {
            let op = StoreOp::AlertState(alert_state(instance, subject, 0, ""));
            op.record_key().unwrap().key
        };
        assert_ne!(key("a", "b,c"), key("a,b", "c"));
        assert_ne!(key("a\"", "b"), key("a", "\"b"));
        assert!(!key("a\0", "b").contains('\0'));
        let prefix = crate::store::record::key_prefix("a");
        assert!(key("a", "b").starts_with(&prefix));
        for other in ["", "ab", "a,", "a\"", "b"] {
            assert!(!key(other, "b").starts_with(&prefix), "{other:?}");
        }
    }
}
