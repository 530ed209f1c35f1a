//! Which rows a reader has seen.
//!
//! A number from a sequence would not do: a transaction that took a low one can end after a reader
//! has seen a higher one, and its row would never be read. So a reader's place is a snapshot, which
//! says of every transaction whether its rows were visible; a row is new that was not. Because a
//! revision is a number, the last snapshots are kept here under numbers of our own.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

use crate::store::Revision;

/// The snapshot of the statement's transaction, as text.
pub(super) const SNAPSHOT: &str = "SELECT pg_current_snapshot()::text";

/// Before the first transaction: nothing is visible.
const BEGINNING: &str = "1:1:";
/// A reader goes on from the last one, or from the one before where an answer was lost on its way.
const KEPT: usize = 16;

/// The last snapshots and their numbers.
#[derive(Debug)]
pub(super) struct Seen(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    last: i64,
    snapshots: VecDeque<(Revision, String)>,
}

impl Default for Seen {
    /// Begins at a number that no other store of this or another process is likely to have used: one
    /// of theirs must mean the beginning here.
    fn default() -> Self {
        let chance = RandomState::new().hash_one("seen") >> 2;
        Self(Mutex::new(Kept {
            last: i64::try_from(chance).unwrap_or_default().max(1),
            snapshots: VecDeque::new(),
        }))
    }
}

impl Seen {
    /// What a reader at this revision has seen; everything is new where that is not known, or where
    /// the server's transactions count from lower numbers, because it was restored.
    pub(super) fn snapshot(&self, since: Revision, now: &str) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.snapshots.iter().find(|(known, _)| *known == since);
        match known {
            Some((_, before)) if next(before) <= next(now) => before.clone(),
            _ => BEGINNING.into(),
        }
    }

    /// Keeps where a reader is now. One that found nothing can stay where it was.
    pub(super) fn remember(
        &self,
        since: Revision,
        before: &str,
        now: String,
        nothing: bool,
    ) -> Revision {
        if nothing && before != BEGINNING {
            return since;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        let revision = Revision(kept.last);
        kept.snapshots.push_back((revision, now));
        if kept.snapshots.len() > KEPT {
            kept.snapshots.pop_front();
        }
        revision
    }
}

/// The first transaction that had not begun: the second number of `xmin:xmax:those in between`.
fn next(snapshot: &str) -> u64 {
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
        let seen = Seen::default();
        let first = seen.remember(Revision(0), BEGINNING, "5:5:".into(), false);
        let lost = seen.remember(first, "5:5:", "7:9:7,8".into(), false);
        assert!(lost > first);
        assert_eq!(seen.snapshot(first, "9:9:"), "5:5:");
        assert_eq!(seen.snapshot(lost, "9:9:"), "7:9:7,8");
        assert_eq!(seen.remember(lost, "7:9:7,8", "9:9:".into(), true), lost);
    }

    #[test]
    fn an_unknown_place_and_a_restored_server_are_read_from_the_beginning() {
        let seen = Seen::default();
        for revision in [Revision(0), Revision(3), Revision(i64::MAX)] {
            assert_eq!(seen.snapshot(revision, "9:9:"), BEGINNING);
        }
        let revision = seen.remember(Revision(0), BEGINNING, "700:700:".into(), false);
        assert_eq!(seen.snapshot(revision, "90:90:"), BEGINNING);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let seen = Seen::default();
        for number in 0..100 {
            seen.remember(Revision(0), BEGINNING, format!("{number}:{number}:"), false);
        }
        assert_eq!(seen.0.lock().unwrap().snapshots.len(), KEPT);
    }
}
