//! Merging of rows of a store, from the process before this one or from other receivers.

use jiff::Timestamp;

use super::ingest::new_row;
use super::state::WorkerState;
use super::workers::{WorkerEntry, WorkerTable};
use crate::model::heartbeat::{Beat, BeatId, BeatRole};
use crate::store::WorkerRow;

impl WorkerTable {
    /// Merges rows that are newer than the known ones. Returns the number that there was no room for.
    pub(super) fn merge(&mut self, rows: Vec<WorkerRow>, now: Timestamp) -> u64 {
        let now = now.max(self.now);
        let mut refused = 0;
        for mut row in rows {
            // Another receiver's clock may be ahead.
            row.clamp_to(now);
            refused += u64::from(!self.merge_one(row, now));
        }
        self.counters.full += refused;
        refused
    }

    fn merge_one(&mut self, row: WorkerRow, now: Timestamp) -> bool {
        let id = row.id.clone();
        let Some(entry) = self.entries.get_mut(&id) else {
            return self.insert_stored(row, now);
        };
        let registered_at = entry.row.registered_at.min(row.registered_at);
        entry.row.registered_at = registered_at;
        if !row.supersedes(&entry.row) {
            entry.merge_older(row);
            self.update_new(&id);
            return true;
        }
        let (old_role, seen_at) = (entry.row.role, row.last_seen.unwrap_or(row.registered_at));
        if let Some(boot) = row.boot_id.as_ref()
            && entry.row.boot_id.as_ref() != Some(boot)
        {
            entry.change_boot(boot);
        }
        entry.row = WorkerRow {
            registered_at,
            ..row
        };
        self.update_state(&id, old_role, seen_at);
        true
    }

    /// Updates the state of a new worker: an earlier registration can bring a deadline nearer.
    fn update_new(&mut self, id: &BeatId) {
        if let Some(entry) = self.entries.get(id)
            && entry.state == WorkerState::New
        {
            let (role, since) = (entry.row.role, entry.since);
            self.update_state(id, role, since);
        }
    }

    /// Inserts an unknown worker from a store. Its state is the one right after it was heard of, so
    /// that whatever changed since is found with its date.
    fn insert_stored(&mut self, row: WorkerRow, now: Timestamp) -> bool {
        if self.entries.len() >= self.timeouts.capacity {
            // Those who have expired meanwhile make room.
            self.advance_to(now);
        }
        if self.entries.len() >= self.timeouts.capacity {
            return false;
        }
        let heard_at = row.last_seen.unwrap_or(row.registered_at);
        let state = self.timeouts.state(&row, false, heard_at);
        self.insert(row, false, state, heard_at);
        true
    }

    /// Marks a worker as expected; returns the row to be stored, where it is new.
    pub(super) fn register_expected(
        &mut self,
        id: &BeatId,
        role: BeatRole,
        now: Timestamp,
    ) -> Option<WorkerRow> {
        self.advance_to(now);
        let now = self.now;
        if let Some(entry) = self.entries.get_mut(id) {
            entry.expected = true;
            return None;
        }
        // Whoever is expected is part of the configuration, and not of the flood that the capacity
        // is there for.
        let row = new_row(id, role, Beat::DEFAULT_INTERVAL, now);
        self.insert(row.clone(), true, WorkerState::New, now);
        Some(row)
    }
}

impl WorkerEntry {
    /// Merges the history of a row that is older than the known one: a worker may have beaten
    /// here before the store had answered.
    fn merge_older(&mut self, older: WorkerRow) {
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
