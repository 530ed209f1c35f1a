//! The rows that a reader has seen, as snapshots.
//!
//! A number from a sequence would not do: a transaction that took a low one can end after a reader
//! has seen a higher one, and its row would never be read. So a reader's place is a snapshot, which
//! says of every transaction whether its rows were visible; a row is new that was not. Because a
//! revision is a number, the last snapshots are kept here under numbers of our own.
//!
//! | transaction | took its id | committed | a reader in between |
//! |---|---|---|---|
//! | 101 | first | after 102 | must see it later, although it is the lower one |
//! | 102 | second | before 101 | saw it |
//!
//! See <https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT>.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::model::random::random_u64;
use crate::record::sync::lock;
use crate::store::Revision;

/// The snapshot of the statement's transaction, as text.
pub(super) const SELECT_SNAPSHOT: &str = "SELECT pg_current_snapshot()::text";

/// The snapshot before the first transaction: nothing is visible.
// `xmin:xmax:in progress`: the first id that is not over is 1.
const EMPTY_SNAPSHOT: &str = "1:1:";
/// The most snapshots kept. A reader goes on from the last one, or from the one before where an answer was lost on its way.
const MAX_SNAPSHOTS: usize = 16;

/// The last snapshots and their numbers.
#[derive(Debug)]
pub(super) struct SnapshotHistory(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    /// The number given last.
    last: i64,
    /// Oldest first.
    snapshots: VecDeque<(Revision, String)>,
}

impl Default for SnapshotHistory {
    /// Starts at a number that no other store of this or another process is likely to have used: one
    /// of theirs must mean the beginning here.
    fn default() -> Self {
        // Two bits less than 64: room for as many numbers again before `i64` ends.
        let random = random_u64() >> 2;
        Self(Mutex::new(Inner {
            last: i64::try_from(random).unwrap_or_default().max(1),
            snapshots: VecDeque::new(),
        }))
    }
}

impl SnapshotHistory {
    /// Returns the snapshot that a reader at this revision has seen; everything is new where that is not known, or where
    /// the server's transactions count from lower numbers, because it was restored.
    pub(super) fn snapshot_at(&self, since: Revision, now: &str) -> String {
        let inner = lock(&self.0);
        let entry = inner.snapshots.iter().find(|(entry, _)| *entry == since);
        match entry {
            // A restored server may have lower ids than the snapshot; comparing with it would hide
            // every new row.
            Some((_, before)) if xmax(before) <= xmax(now) => before.clone(),
            _ => EMPTY_SNAPSHOT.into(),
        }
    }

    /// Records a reader's snapshot and returns its revision. A reader that found nothing keeps its own.
    pub(super) fn record(
        &self,
        since: Revision,
        before: &str,
        now: String,
        is_empty: bool,
    ) -> Revision {
        // Nothing new since: the old snapshot still says so, and the list of snapshots doesn't fill
        // with equal ones.
        if is_empty && before != EMPTY_SNAPSHOT {
            return since;
        }
        let mut inner = lock(&self.0);
        inner.last += 1;
        let revision = Revision(inner.last);
        inner.snapshots.push_back((revision, now));
        if inner.snapshots.len() > MAX_SNAPSHOTS {
            inner.snapshots.pop_front();
        }
        revision
    }
}

/// Returns the first transaction that had not begun: the second number of `xmin:xmax:those in between`.
fn xmax(snapshot: &str) -> u64 {
    let second = snapshot.split(':').nth(1);
    second
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_goes_on_where_it_was_also_when_an_answer_was_lost() {
        let history = SnapshotHistory::default();
        let first = history.record(Revision(0), EMPTY_SNAPSHOT, "5:5:".into(), false);
        let lost = history.record(first, "5:5:", "7:9:7,8".into(), false);
        assert!(lost > first);
        assert_eq!(history.snapshot_at(first, "9:9:"), "5:5:");
        assert_eq!(history.snapshot_at(lost, "9:9:"), "7:9:7,8");
        assert_eq!(history.record(lost, "7:9:7,8", "9:9:".into(), true), lost);
    }

    #[test]
    fn an_unknown_place_and_a_restored_server_are_read_from_the_beginning() {
        let history = SnapshotHistory::default();
        for revision in [Revision(0), Revision(3), Revision(i64::MAX)] {
            assert_eq!(history.snapshot_at(revision, "9:9:"), EMPTY_SNAPSHOT);
        }
        let revision = history.record(Revision(0), EMPTY_SNAPSHOT, "700:700:".into(), false);
        assert_eq!(history.snapshot_at(revision, "90:90:"), EMPTY_SNAPSHOT);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let history = SnapshotHistory::default();
        for number in 0..100 {
            history.record(
                Revision(0),
                EMPTY_SNAPSHOT,
                format!("{number}:{number}:"),
                false,
            );
        }
        assert_eq!(history.0.lock().unwrap().snapshots.len(), MAX_SNAPSHOTS);
    }
}
