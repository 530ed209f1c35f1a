//! Tests with a manual clock.

mod belief;
mod clocks;
mod instants;
mod merging;
mod order;
mod pages;
mod reference;
mod size;
mod slices;

use std::cell::{RefCell, RefMut};
use std::time::Duration;

use jiff::Timestamp;

use super::events::RegistryEvents;
use super::state::saturating_add;
use super::*;
use crate::model::heartbeat::{Beat, BeatProgress, LifecycleState};
use crate::store::StoreOp;

const MINUTE: Duration = Duration::from_secs(60);
const NANOSECOND: Duration = Duration::from_nanos(1);

fn timeouts() -> StateTimeouts {
    StateTimeouts {
        stalled_after: 5 * MINUTE,
        offline_after: 5 * MINUTE,
        forget_after: 60 * MINUTE,
        expire_after: 24 * 60 * MINUTE,
        capacity: 100,
    }
}

/// Midnight, so that slices end at whole minutes of it.
fn start() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

/// So many seconds later.
fn at(seconds: u64) -> Timestamp {
    saturating_add(start(), Duration::from_secs(seconds))
}

fn before(at: Timestamp) -> Timestamp {
    at.checked_sub(NANOSECOND).unwrap()
}

fn id(name: &str) -> BeatId {
    BeatId::parse(name).unwrap()
}

fn beat(boot: &str, sequence: u64) -> Beat {
    Beat {
        boot_id: boot.into(),
        sequence,
        role: BeatRole::Worker,
        interval: Duration::from_secs(30),
        state: LifecycleState::Running,
        sent_at: None,
        version: None,
        progress: BeatProgress::default(),
    }
}

fn goodbye(boot: &str, sequence: u64) -> Beat {
    Beat {
        state: LifecycleState::Stopped,
        ..beat(boot, sequence)
    }
}

fn busy(boot: &str, sequence: u64, in_flight: u64, processed_total: u64) -> Beat {
    Beat {
        progress: BeatProgress {
            in_flight,
            processed_total,
            ..BeatProgress::default()
        },
        ..beat(boot, sequence)
    }
}

/// A registry with one worker.
struct SingleWorker {
    registry: RefCell<WorkerRegistry>,
    id: BeatId,
}

impl SingleWorker {
    fn new() -> Self {
        Self {
            registry: RefCell::new(WorkerRegistry::new(timeouts(), start())),
            id: id("w"),
        }
    }

    fn registry(&self) -> RefMut<'_, WorkerRegistry> {
        self.registry.borrow_mut()
    }

    fn beat(&self, beat: Beat, at: Timestamp) -> BeatOutcome {
        self.receipt(beat, at).outcome
    }

    fn receipt(&self, beat: Beat, at: Timestamp) -> BeatReceipt {
        self.registry().ingest(&self.id, beat, at).unwrap()
    }

    fn state(&self, at: Timestamp) -> Option<WorkerState> {
        Some(self.view(at)?.state)
    }

    fn view(&self, at: Timestamp) -> Option<WorkerView> {
        self.registry().view(&self.id, at)
    }

    /// Calls each second until then, as the heartbeat's thread does; what became due.
    fn listen(&self, from: u64, until: u64) -> RegistryEvents {
        listen(&mut self.registry(), from, until)
    }
}

fn listen(registry: &mut WorkerRegistry, from: u64, until: u64) -> RegistryEvents {
    let mut all = RegistryEvents::default();
    for second in from..=until {
        let mut found = registry.advance(at(second));
        all.transitions.append(&mut found.transitions);
        all.store_ops.append(&mut found.store_ops);
        all.lost_jobs += found.lost_jobs;
        all.slices.add(found.slices);
    }
    all
}

/// From, to, and the date.
fn changes(events: &RegistryEvents) -> Vec<(WorkerState, WorkerState, Timestamp)> {
    let all = events.transitions.iter();
    all.map(|change| (change.from, change.to, change.at))
        .collect()
}
