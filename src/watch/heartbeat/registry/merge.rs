//! What others know: rows of a store, of the process before this one or of other receivers.

use jiff::Timestamp;

use super::ingest::registered;
use super::state::State;
use super::workers::{Book, Entry};
use crate::model::heartbeat::{Beat, BeatId, Role};
use crate::store::WorkerRow;

impl Book {
    /// Takes in what is newer than what is known. How many there was no room for.
    pub(super) fn merge(&mut self, rows: Vec<WorkerRow>, now: Timestamp) -> u64 {
        let now = now.max(self.now);
        let mut refused = 0;
        for mut row in rows {
            // Another receiver's clock may be ahead.
            row.be_before(now);
            refused += u64::from(!self.merge_one(row, now));
        }
        self.tally.full += refused;
        refused
    }

    fn merge_one(&mut self, row: WorkerRow, now: Timestamp) -> bool {
        let id = row.id.clone();
        let Some(entry) = self.entries.get_mut(&id) else {
            return self.adopt(row, now);
        };
        let registered_at = entry.row.registered_at.min(row.registered_at);
        entry.row.registered_at = registered_at;
        if !row.supersedes(&entry.row) {
            entry.recall(row);
            self.renew_from(&id);
            return true;
        }
        let (was, seen) = (entry.row.role, row.last_seen.unwrap_or(row.registered_at));
        if let Some(boot) = row.boot_id.as_ref()
            && entry.row.boot_id.as_ref() != Some(boot)
        {
            entry.change_boot(boot);
        }
        entry.row = WorkerRow {
            registered_at,
            ..row
        };
        self.renew(&id, was, seen);
        true
    }

    /// An earlier registration can bring a deadline nearer.
    fn renew_from(&mut self, id: &BeatId) {
        if let Some(entry) = self.entries.get(id)
            && entry.state == State::New
        {
            let (role, since) = (entry.row.role, entry.since);
            self.renew(id, role, since);
        }
    }

    /// Somebody whom nobody here knew. Its state is the one right after it was heard of, so that
    /// whatever changed since is found with its date.
    fn adopt(&mut self, row: WorkerRow, now: Timestamp) -> bool {
        if self.entries.len() >= self.terms.capacity {
            // Those who have expired meanwhile make room.
            self.reach(now);
        }
        if self.entries.len() >= self.terms.capacity {
            return false;
        }
        let heard = row.last_seen.unwrap_or(row.registered_at);
        let state = self.terms.state(&row, false, heard);
        self.add(row, false, state, heard);
        true
    }

    /// Misses somebody from now on; the row to be kept, where nobody knew of it.
    pub(super) fn expect(&mut self, id: &BeatId, role: Role, now: Timestamp) -> Option<WorkerRow> {
        self.reach(now);
        let now = self.now;
        if let Some(entry) = self.entries.get_mut(id) {
            entry.expected = true;
            return None;
        }
        // Whoever is expected is part of the configuration, and not of the flood that the capacity
        // is there for.
        let row = registered(id, role, Beat::DEFAULT_INTERVAL, now);
        self.add(row.clone(), true, State::New, now);
        Some(row)
    }
}

impl Entry {
    /// Learns what went before from a row that is older than what is known: a worker may have beaten
    /// here before the store had answered.
    fn recall(&mut self, older: WorkerRow) {
        if self.row.boot_id == older.boot_id {
            self.row.restarts = self.row.restarts.max(older.restarts);
            if self.row.previous_boot_id.is_none() {
                self.row.previous_boot_id = older.previous_boot_id;
            }
        } else if self.row.previous_boot_id.is_none() && older.boot_id.is_some() {
            self.row.restarts = self.row.restarts.max(older.restarts + 1);
            self.row.previous_boot_id = older.boot_id;
        }
    }
}
