//! The receiver of heartbeats: beats go into the registry, changes into the store, and the events of
//! objectives into their counters.
//!
//! Lock order: store exchange, then registry. Beats take the registry alone, so that a request
//! never waits for the store.

mod log;
mod store_sync;

use std::sync::{Mutex, MutexGuard};
#[cfg(feature = "axum")]
use std::time::Duration;

use jiff::Timestamp;

use self::log::{EvictionLog, RestartLog};
use self::store_sync::{PolledRows, StoreSync};
use super::registry::{
    BeatOutcome, BeatReceipt, BeatRejection, StateTimeouts, WorkerRegistry, WorkerSliceCounts,
};
use crate::background::log_queue::LogQueue;
use crate::config::{Config, Role};
use crate::model::heartbeat::{Beat, BeatId, BeatRole};
use crate::model::slo::{ObjectiveKind, ServiceKey};
use crate::record::clock::Clock;
use crate::record::slo_events::SloEvents;
use crate::record::sync::lock;
use crate::store::{StoreOp, StoreWriter, WorkerRow};

/// Jobs that one tick may count as lost: a beat can say anything.
const MAX_LOST_JOBS: u64 = 100_000;

/// The receiver of beats from this process and from others.
#[derive(Debug)]
pub(crate) struct HeartbeatReceiver {
    clock: Clock,
    /// Half of the time after which a worker is offline.
    /// A worker that announced a longer one would be offline between two beats.
    #[cfg(feature = "axum")]
    max_interval: Duration,
    store_writer: StoreWriter,
    registry: Mutex<WorkerRegistry>,
    slo_events: SloEvents,
    store_sync: Mutex<StoreSync>,
    /// Collected between ticks, because beats come on threads that must not log.
    restarts: Mutex<RestartLog>,
    evictions: Mutex<EvictionLog>,
}

/// The result of forgetting a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForgetOutcome {
    Forgotten,
    Unknown,
    /// This process does not know all workers of the store that it shares: those with the role `api` or `web` do.
    NotHere,
}

impl HeartbeatReceiver {
    pub(crate) fn new(
        config: &Config,
        clock: Clock,
        store_writer: StoreWriter,
        slo_events: SloEvents,
    ) -> Self {
        let roles = &config.service.roles;
        let polls = roles
            .iter()
            .any(|role| matches!(role, Role::Api | Role::Web));
        let store_sync = StoreSync::new(config, store_writer.clone(), polls);
        let clocks = clock.read();
        let mut registry =
            WorkerRegistry::new(StateTimeouts::from_config(&config.heartbeat), clocks.wall);
        // From here on: a clock that is set back before the first tick would hold the registry where it was.
        registry.follow_clocks(clocks);
        registry.set_leader(store_sync.is_leader(clocks.monotonic));
        if store_sync.is_carrier() {
            registry.follow_store(clocks.wall);
        }
        let receiver = Self {
            clock,
            #[cfg(feature = "axum")]
            max_interval: config.heartbeat.offline_after / 2,
            store_writer,
            registry: Mutex::new(registry),
            slo_events,
            store_sync: Mutex::new(store_sync),
            restarts: Mutex::default(),
            evictions: Mutex::default(),
        };
        receiver.register_expected(&config.heartbeat.expected);
        receiver
    }

    /// Takes in a beat of this process.
    pub(super) fn receive(&self, id: &BeatId, beat: Beat) {
        // Its history first, so that the first beat here counts as a restart where it is one.
        if let Some(row) = lock(&self.store_sync).take_row(id) {
            let (mut registry, now) = self.lock_registry();
            registry.merge(vec![row], now);
        }
        // What was refused is counted by the registry.
        let _ = self.ingest(id, beat);
    }

    /// Processes what has become due, at most a second after it has.
    pub(in crate::watch) fn tick(&self, log_queue: &LogQueue) {
        let mut store_sync = lock(&self.store_sync);
        let is_known = |id: &BeatId| {
            let (mut registry, now) = self.lock_registry();
            registry.view(id, now).is_some()
        };
        if let Some(rows) = store_sync.poll(self.clock.now(), is_known) {
            let (mut registry, now) = self.lock_registry();
            registry.record_read(!matches!(rows, PolledRows::Unavailable), now);
            match rows {
                PolledRows::All(rows) => registry.merge(rows, now),
                PolledRows::Changes(rows) => registry.merge_changes(rows, now),
                PolledRows::Unavailable => 0,
            };
        }
        if !store_sync.is_ready() {
            // Who beat before the start would be missed, or forgotten, before they are known.
            return;
        }
        // Before advancing: whoever has lost the lead must not count what becomes due now.
        let (mut registry, now) = self.lock_registry();
        registry.set_leader(store_sync.is_leader(self.clock.now()));
        let events = registry.advance(now);
        // Queued below the lock, as all that concerns a worker: in the order in which it became so.
        for change in events.store_ops {
            self.store_writer.enqueue(change);
        }
        drop(registry);
        self.count_slo_events(events.slices, events.lost_jobs);
        log::log_transitions(log_queue, events.transitions, events.dropped);
        std::mem::take(&mut *lock(&self.restarts)).log(log_queue);
        log::log_lost_jobs(log_queue, events.lost_jobs);
        log::log_clock_skews(log_queue, events.clock_skews);
        lock(&self.evictions).log(log_queue, events.evicted, self.clock.now());
    }

    /// Counts the slices of workers that have ended by now. Called before the counters are sampled, and before
    /// maintenance begins or ends: a slice belongs to what went on at its end.
    pub(crate) fn count_ended_slices(&self) {
        // Workers that beat before the start would be missed before they are known.
        let store_sync = lock(&self.store_sync);
        if !store_sync.is_ready() {
            return;
        }
        let (mut registry, now) = self.lock_registry();
        // Called by another thread than that which renews the lead, and which may be held up.
        registry.set_leader(store_sync.is_leader(self.clock.now()));
        let slices = registry.take_slices(now);
        drop(registry);
        self.count_slo_events(slices, 0);
    }

    /// Takes in a beat, wherever it came from.
    ///
    /// # Errors
    ///
    /// When there is no room for another worker, or one beats far too often.
    pub(crate) fn ingest(&self, id: &BeatId, beat: Beat) -> Result<BeatReceipt, BeatRejection> {
        let (mut registry, now) = self.lock_registry();
        let receipt = registry.ingest(id, beat, now)?;
        // Queued below the lock: a worker that is forgotten next must not be stored after that.
        if let Some(row) = &receipt.row {
            self.store_writer.enqueue(StoreOp::Worker(row.clone()));
        }
        drop(registry);
        if receipt.outcome == BeatOutcome::Restarted && !receipt.after_goodbye {
            lock(&self.restarts).add(id);
        }
        Ok(receipt)
    }

    /// Forgets a worker that will not come back: here, in the store, and with all that share it. A later beat
    /// registers it anew.
    pub(crate) fn forget(&self, id: &BeatId) -> ForgetOutcome {
        // The row of a worker that beats elsewhere is an old one here, and all others would keep the newer.
        if !lock(&self.store_sync).sees_all() {
            return ForgetOutcome::NotHere;
        }
        let (mut registry, now) = self.lock_registry();
        let Some(row) = registry.forget(id, now) else {
            return ForgetOutcome::Unknown;
        };
        // Queued below the lock: a beat that comes next must not be deleted by it.
        self.store_writer
            .enqueue(forget_op(row, now, self.store_writer.is_shared()));
        ForgetOutcome::Forgotten
    }

    /// Locks the registry and has it follow the clocks; with the receiver's time of day.
    pub(crate) fn lock_registry(&self) -> (MutexGuard<'_, WorkerRegistry>, Timestamp) {
        let mut registry = lock(&self.registry);
        let now = registry.follow_clocks(self.clock.read());
        (registry, now)
    }

    /// Returns since when the store that carries beats of other processes can't be read; `None` while it can.
    pub(crate) fn store_lost_since(&self) -> Option<Timestamp> {
        let (registry, now) = self.lock_registry();
        registry.store_lost_since(now)
    }

    /// Locks the registry, for what needs no time.
    pub(crate) fn registry(&self) -> MutexGuard<'_, WorkerRegistry> {
        lock(&self.registry)
    }

    /// Returns the longest interval of a worker that is not offline between two beats.
    #[cfg(feature = "axum")]
    pub(crate) const fn max_interval(&self) -> Duration {
        self.max_interval
    }

    /// Registers the workers of `heartbeat.expected`, also in the store, so that others miss them
    /// too.
    fn register_expected(&self, ids: &[String]) {
        for id in ids.iter().filter_map(|id| BeatId::parse(id)) {
            let (mut registry, now) = self.lock_registry();
            if let Some(row) = registry.register_expected(&id, BeatRole::Worker, now) {
                self.store_writer.enqueue(StoreOp::Worker(row));
            }
        }
    }

    /// Counts slices and lost jobs for the objectives, where there are any that want them.
    fn count_slo_events(&self, slices: WorkerSliceCounts, lost_jobs: u64) {
        // From the first worker on and not from the first slice: what is sampled before it is seen, too.
        let is_counted = slices != WorkerSliceCounts::default() || self.registry().counts_slices();
        if is_counted && let Some(counters) = self.slo_events.activate_slices(&ServiceKey::Workers)
        {
            counters.record_events(true, slices.good);
            counters.record_events(false, slices.bad);
        }
        if lost_jobs > 0
            // A lost job never ends, so that nothing else would count it as bad.
            && let Some(counters) = self.slo_events.activate(ObjectiveKind::ProcessingTime)
        {
            counters.record_events(false, lost_jobs.min(MAX_LOST_JOBS));
        }
    }
}

/// Returns the operation that forgets a worker: a row that tells the others of a store that is shared, and no row
/// at all in one of our own.
pub(crate) fn forget_op(row: WorkerRow, now: Timestamp, shared: bool) -> StoreOp {
    if shared {
        let forgotten_at = Some(now.max(row.registered_at));
        StoreOp::Worker(WorkerRow {
            forgotten_at,
            ..row
        })
    } else {
        StoreOp::DeleteWorker(row.id, Some(Timestamp::MAX))
    }
}

#[cfg(test)]
mod tests;
