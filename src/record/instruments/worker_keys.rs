//! The workers and the scheduler of this process that send heartbeats.
//!
//! Handles are often made on the spot, one for a job, so that a handle's end is no worker's end: a
//! worker is there from its first handle until somebody stops it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hashbrown::HashMap;
use tokio::sync::Notify;

use crate::model::heartbeat::{BeatId, BeatRole};
use crate::record::sync::lock;

/// More workers than that in one process are a mistake, such as an id made of a job's id.
pub(crate) const MAX_WORKERS: usize = 1000;

/// The slot of a worker; never reused, and 0 past the limit.
pub(crate) type Slot = u64;

/// The registered workers. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkerKeys(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    table: Mutex<WorkerKeyTable>,
    changed: Notify,
    renamed: AtomicBool,
    full: AtomicBool,
}

#[derive(Debug, Default)]
struct WorkerKeyTable {
    last_slot: Slot,
    /// The ids and slots by the name that the service gave.
    names: HashMap<Box<str>, (BeatId, Slot)>,
    registered: HashMap<BeatId, WorkerKey>,
    removed: Vec<WorkerKey>,
}

/// A registered worker or scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkerKey {
    pub(crate) id: BeatId,
    pub(crate) role: BeatRole,
    pub(crate) slot: Slot,
}

impl WorkerKeys {
    /// Returns the worker's id, registering it if new. The slot is 0 when [`MAX_WORKERS`] is
    /// reached.
    pub(crate) fn register(&self, name: &str, role: BeatRole) -> (BeatId, Slot) {
        if let Some(existing) = self.lock().names.get(name) {
            return existing.clone();
        }
        let id = self.valid_id(name);
        let (slot, joined) = self.lock().register(name, &id, role);
        if joined {
            self.0.changed.notify_one();
        }
        if slot == 0 && !self.0.full.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                id = %id,
                "this process has {MAX_WORKERS} workers that beat, and those that come after have no heartbeat: give a worker one id for all its jobs, and stop() those that have ended"
            );
        }
        (id, slot)
    }

    /// Removes a worker; its goodbye is still to be sent.
    pub(crate) fn remove(&self, id: &BeatId) {
        let mut table = self.lock();
        let removed_key = table.registered.remove(id);
        table.names.retain(|_, (other, _)| other != id);
        table.removed.extend(removed_key);
        drop(table);
        self.0.changed.notify_one();
    }

    /// Returns the registered workers in order of registration.
    pub(crate) fn registered(&self) -> Vec<WorkerKey> {
        let mut registered: Vec<_> = self.lock().registered.values().cloned().collect();
        registered.sort_unstable_by_key(|key| key.slot);
        registered
    }

    /// Returns the workers that were removed since the last call.
    pub(crate) fn take_removed(&self) -> Vec<WorkerKey> {
        std::mem::take(&mut self.lock().removed)
    }

    /// Resolves when a worker was registered or removed.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Wakes the task that waits in [`changed`](Self::changed).
    pub(crate) fn wake(&self) {
        self.0.changed.notify_one();
    }

    /// The name as an id.
    fn valid_id(&self, name: &str) -> BeatId {
        if let Some(id) = BeatId::parse(name) {
            return id;
        }
        let id = BeatId::sanitize(name);
        if !self.0.renamed.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %id,
                "a worker's id is not allowed and was changed; allowed: {}",
                BeatId::ALLOWED
            );
        }
        id
    }

    fn lock(&self) -> MutexGuard<'_, WorkerKeyTable> {
        lock(&self.0.table)
    }
}

impl WorkerKeyTable {
    /// Returns the worker's slot, and `true` if it is new.
    fn register(&mut self, name: &str, id: &BeatId, role: BeatRole) -> (Slot, bool) {
        let existing = self.registered.get(id).map(|key| key.slot);
        if existing.is_none() && self.registered.len() >= MAX_WORKERS {
            return (0, false);
        }
        let slot = existing.unwrap_or(self.last_slot + 1);
        if existing.is_none() {
            self.last_slot = slot;
            let (id, role) = (id.clone(), role);
            let key = WorkerKey { id, role, slot };
            self.registered.insert(key.id.clone(), key);
        }
        // Many names may become one id.
        if self.names.len() < 2 * MAX_WORKERS {
            self.names.insert(name.into(), (id.clone(), slot));
        }
        (slot, existing.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(table: &[WorkerKey]) -> Vec<&str> {
        table.iter().map(|key| key.id.as_str()).collect()
    }

    #[test]
    fn the_same_name_is_the_same_member_until_he_leaves() {
        let worker_keys = WorkerKeys::default();
        let (id, first) = worker_keys.register("w1", BeatRole::Worker);
        assert_eq!(
            worker_keys.register("w1", BeatRole::Worker),
            (id.clone(), first)
        );
        worker_keys.register("w2", BeatRole::Worker);
        assert_eq!(ids(&worker_keys.registered()), ["w1", "w2"]);
        worker_keys.remove(&id);
        assert_eq!(ids(&worker_keys.registered()), ["w2"]);
        assert_eq!(
            (ids(&worker_keys.take_removed()), worker_keys.take_removed()),
            (vec!["w1"], vec![])
        );
        let (_, again) = worker_keys.register("w1", BeatRole::Worker);
        assert!(again > first, "a late end of the old one's job is not his");
    }

    #[test]
    fn a_name_that_is_no_id_becomes_one() {
        let worker_keys = WorkerKeys::default();
        assert_eq!(
            worker_keys.register("a b/ü", BeatRole::Worker).0.as_str(),
            "a_b__"
        );
        assert_eq!(worker_keys.register("", BeatRole::Worker).0.as_str(), "_");
        let long = "x".repeat(300);
        assert_eq!(
            worker_keys.register(&long, BeatRole::Worker).0.as_str(),
            "x".repeat(128)
        );
        let same = worker_keys.register("a.b", BeatRole::Worker).1;
        assert_ne!(worker_keys.register("a b", BeatRole::Worker).1, same);
    }

    #[test]
    fn names_without_end_take_bounded_memory() {
        let worker_keys = WorkerKeys::default();
        let slots: Vec<_> = (0..5000)
            .map(|i| worker_keys.register(&format!("w{i}"), BeatRole::Worker).1)
            .collect();
        assert_eq!(slots.iter().filter(|slot| **slot > 0).count(), MAX_WORKERS);
        for i in 0..5000 {
            worker_keys.register(&format!("w{} ", " ".repeat(i % 7)), BeatRole::Worker);
        }
        let table = worker_keys.lock();
        assert_eq!(table.registered.len(), MAX_WORKERS);
        assert!(table.names.len() <= 2 * MAX_WORKERS);
    }
}
