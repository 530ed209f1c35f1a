//! The workers and the scheduler of this process that send heartbeats.
//!
//! Handles are often made on the spot, one for a job, so that a handle's end is no worker's end: a
//! worker is there from its first handle until somebody stops it.
//!
//! | | `table` | effect |
//! |---|---|---|
//! | `register` | adds, or finds | wakes the thread that beats, if new |
//! | `remove` | moves to `removed` | wakes it, to say goodbye |
//! | past [`MAX_WORKERS`] | unchanged | slot 0: jobs are recorded, no heartbeat |
//!
//! The lock is held for map operations only. Log lines are written outside of it, because a
//! subscriber may record, too.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hashbrown::HashMap;
use tokio::sync::Notify;

use crate::model::heartbeat::{BeatId, BeatRole};
use crate::record::sync::lock;

/// More workers than that in one process are a mistake, such as an id made of a job's id.
pub(crate) const MAX_WORKERS: usize = 1000;

/// The slot of a worker; never reused, and 0 past the limit.
///
/// A number of its own and not the id: progress is kept by slot, so that a worker that comes back
/// under its old id starts at 0.
pub(crate) type Slot = u64;

/// The registered workers. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkerKeys(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    table: Mutex<WorkerKeyTable>,
    /// Woken after the lock is released, so that the woken thread doesn't run into it.
    changed: Notify,
    /// Each warning is logged once: services make handles by the thousand. Relaxed, because a
    /// second line would do no harm.
    refused: AtomicBool,
    full: AtomicBool,
}

#[derive(Debug, Default)]
struct WorkerKeyTable {
    last_slot: Slot,
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
    /// Returns the id and slot of the worker of this name, registering it if new. A name that is no id has no
    /// heartbeat: the id is `None`.
    pub(crate) fn register_name(&self, name: &str, role: BeatRole) -> (Option<BeatId>, Slot) {
        // The guard ends with this statement; the lock is taken anew below, and a worker that another thread
        // registered meanwhile is found there.
        if let Some(key) = self.lock().registered.get(name) {
            return (Some(key.id.clone()), key.slot);
        }
        match BeatId::parse(name) {
            Some(id) => {
                let slot = self.register(&id, role);
                (Some(id), slot)
            }
            None => (None, self.refuse()),
        }
    }

    /// Returns the worker's slot, registering it if new. It is 0 when [`MAX_WORKERS`] is reached.
    pub(crate) fn register(&self, id: &BeatId, role: BeatRole) -> Slot {
        let (slot, joined) = self.lock().register(id, role);
        if joined {
            self.0.changed.notify_one();
        }
        if slot == 0 && !self.0.full.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %id,
                "this process has {MAX_WORKERS} workers with heartbeats, and further ones get none: use one worker id for all its jobs, and stop() workers that have ended"
            );
        }
        slot
    }

    /// Tells once that an id is refused; returns the slot of what has no heartbeat.
    pub(crate) fn refuse(&self) -> Slot {
        if !self.0.refused.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "the id of a worker or scheduler is not allowed: it has no heartbeat; allowed: {}",
                BeatId::ALLOWED
            );
        }
        0
    }

    /// Removes a worker; its goodbye is still to be sent.
    pub(crate) fn remove(&self, id: &BeatId) {
        let mut table = self.lock();
        let removed_key = table.registered.remove(id);
        // Several names may have become this id; all of them must register anew.
        table.removed.extend(removed_key);
        drop(table);
        self.0.changed.notify_one();
    }

    /// Returns the registered workers in order of registration.
    pub(crate) fn registered(&self) -> Vec<WorkerKey> {
        let mut registered: Vec<_> = self.lock().registered.values().cloned().collect();
        // Slots ascend with registration, which makes the order of beats stable.
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

    fn lock(&self) -> MutexGuard<'_, WorkerKeyTable> {
        lock(&self.0.table)
    }
}

impl WorkerKeyTable {
    /// Returns the worker's slot, and `true` if it is new.
    fn register(&mut self, id: &BeatId, role: BeatRole) -> (Slot, bool) {
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
        (slot, existing.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(table: &[WorkerKey]) -> Vec<&str> {
        table.iter().map(|key| key.id.as_str()).collect()
    }

    fn register(worker_keys: &WorkerKeys, name: &str) -> Slot {
        worker_keys.register_name(name, BeatRole::Worker).1
    }

    #[test]
    fn the_same_name_is_the_same_worker_until_it_is_removed() {
        let worker_keys = WorkerKeys::default();
        let (id, first) = worker_keys.register_name("w1", BeatRole::Worker);
        let id = id.unwrap();
        assert_eq!(register(&worker_keys, "w1"), first);
        register(&worker_keys, "w2");
        assert_eq!(ids(&worker_keys.registered()), ["w1", "w2"]);
        worker_keys.remove(&id);
        assert_eq!(ids(&worker_keys.registered()), ["w2"]);
        assert_eq!(
            (ids(&worker_keys.take_removed()), worker_keys.take_removed()),
            (vec!["w1"], vec![])
        );
        let again = register(&worker_keys, "w1");
        assert!(
            again > first,
            "a late end of the old one's job is not its own"
        );
    }

    #[test]
    fn names_that_differ_are_two_workers_and_one_that_is_no_id_has_no_heartbeat() {
        let worker_keys = WorkerKeys::default();
        for (at, name) in ["celery@host_1", "celery_host_1", "celery@host-1"]
            .iter()
            .enumerate()
        {
            let (id, slot) = worker_keys.register_name(name, BeatRole::Worker);
            assert_eq!((id.unwrap().as_str(), slot), (*name, at as u64 + 1));
        }
        for name in ["", "a b", &"x".repeat(129)] {
            assert_eq!(worker_keys.register_name(name, BeatRole::Worker), (None, 0));
        }
        assert_eq!(worker_keys.registered().len(), 3);
    }

    #[test]
    fn names_without_end_take_bounded_memory() {
        let worker_keys = WorkerKeys::default();
        let slots = (0..5000).map(|i| register(&worker_keys, &format!("w{i}")));
        assert_eq!(slots.filter(|slot| *slot > 0).count(), MAX_WORKERS);
        assert_eq!(worker_keys.lock().registered.len(), MAX_WORKERS);
    }
}
