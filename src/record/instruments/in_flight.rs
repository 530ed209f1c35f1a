//! Work that is going on: its busy time ticks while it runs, and a threshold that it passes is
//! noticed at that moment, so that a job that never ends is seen.
//!
//! | moment | counted |
//! |---|---|
//! | start | in flight, progress |
//! | every tick | busy time since the last one |
//! | the threshold is passed | bad, once; from then on overdue |
//! | end | the rest of the busy time; good or bad, if the threshold had not decided |
//!
//! One lock for all work of the process. It is held for a few additions, and starting and ending a
//! job costs far more than that.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use hashbrown::HashMap;

use super::progress::{ProgressBySlot, WorkProgress};
use super::worker_keys::{Slot, WorkerKey};
use crate::record::series::SecondsCounter;
use crate::record::slo_events::ObjectiveCounters;
use crate::record::sync::lock;

/// All work of the process that is going on. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Ids are never reused. Relaxed, because only their uniqueness matters.
    next: AtomicU64,
    state: Mutex<InFlightState>,
}

#[derive(Debug, Default)]
struct InFlightState {
    running: HashMap<u64, RunningWork>,
    progress: ProgressBySlot,
}

#[derive(Debug)]
struct RunningWork {
    /// The worker's slot; 0 for one without.
    slot: Slot,
    started: Instant,
    /// The moment up to which busy time is counted.
    ticked: Instant,
    /// Counts the time that passes, where the family counts it.
    busy: Option<SecondsCounter>,
    /// Taken when it has been counted, so that it counts once.
    threshold: Option<ObjectiveCounters>,
    /// Counted as bad while it ran.
    overdue: bool,
}

impl InFlight {
    /// Registers a piece of a worker's work; `threshold` is the objective that it counts towards
    /// once.
    pub(crate) fn start(
        &self,
        slot: Slot,
        now: Instant,
        busy: Option<SecondsCounter>,
        threshold: Option<ObjectiveCounters>,
    ) -> u64 {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let work = RunningWork {
            slot,
            started: now,
            ticked: now,
            busy,
            threshold,
            overdue: false,
        };
        let mut state = self.lock();
        state.running.insert(id, work);
        state.progress.start(slot, now);
        id
    }

    /// Removes a piece of work, and counts it, if it was not counted before.
    pub(crate) fn end(&self, id: u64, now: Instant, succeeded: bool) {
        let mut state = self.lock();
        let ended = state.running.remove(&id);
        if let Some(work) = &ended {
            state.progress.end(work.slot, now, succeeded);
        }
        // Recorded outside of the lock, for which other jobs may be waiting.
        drop(state);
        if let Some(mut work) = ended {
            work.tick(now);
            if let Some(counters) = work.threshold {
                counters.record_elapsed(now.saturating_duration_since(work.started));
            }
        }
    }

    /// Adds the time that has passed, and counts what has passed its threshold.
    pub(crate) fn tick(&self, now: Instant) {
        // All of it under the lock: an ending between reading and counting would count a job twice.
        // The loop is short, because jobs in flight are few.
        for work in self.lock().running.values_mut() {
            work.tick(now);
            let elapsed = now.saturating_duration_since(work.started);
            let passed = |counters: &ObjectiveCounters| {
                counters
                    .threshold()
                    .is_some_and(|threshold| elapsed > threshold)
            };
            if work.threshold.as_ref().is_some_and(passed)
                && let Some(counters) = work.threshold.take()
            {
                counters.record_event(false);
                work.overdue = true;
            }
        }
    }

    /// Returns the progress of each worker.
    pub(crate) fn progress(&self) -> HashMap<Slot, WorkProgress> {
        let state = self.lock();
        let running = state.running.values();
        state
            .progress
            .with_running(running.map(|work| (work.slot, work.started, work.overdue)))
    }

    /// Deletes the progress of workers that are no longer `present`.
    pub(crate) fn prune(&self, present: &[WorkerKey]) {
        self.lock().progress.prune(present);
    }

    fn lock(&self) -> MutexGuard<'_, InFlightState> {
        lock(&self.0.state)
    }
}

impl RunningWork {
    fn tick(&mut self, now: Instant) {
        if let Some(busy) = &self.busy {
            busy.add(now.saturating_duration_since(self.ticked).as_secs_f64());
            self.ticked = now;
        }
    }
}
