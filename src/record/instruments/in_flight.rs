//! Work that is going on: its busy time ticks while it runs, and a threshold that it passes is
//! noticed at that moment, so that a job that never ends is seen.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hashbrown::HashMap;

use super::progress::{Tallies, Tally};
use super::worker_keys::{Member, Number};
use crate::record::series::SecondsCounter;
use crate::record::slo_events::Account;

/// Everything of one sort that is running now. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    next: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: HashMap<u64, Running>,
    tallies: Tallies,
}

#[derive(Debug)]
struct Running {
    member: Number,
    started: Instant,
    ticked: Instant,
    busy: SecondsCounter,
    threshold: Option<Account>,
    /// Whether it was counted as bad while it ran.
    overdue: bool,
}

impl Watched {
    /// Takes up a piece of a member's work; `threshold` is the objective that it counts towards once.
    pub(crate) fn start(
        &self,
        member: Number,
        now: Instant,
        busy: SecondsCounter,
        threshold: Option<Account>,
    ) -> u64 {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let work = Running {
            member,
            started: now,
            ticked: now,
            busy,
            threshold,
            overdue: false,
        };
        let mut state = self.lock();
        state.running.insert(id, work);
        state.tallies.start(member, now);
        id
    }

    /// Lets a piece of work go, and counts it, if it was not counted before.
    pub(crate) fn end(&self, id: u64, now: Instant, well: bool) {
        let mut state = self.lock();
        let ended = state.running.remove(&id);
        if let Some(work) = &ended {
            state.tallies.end(work.member, now, well);
        }
        drop(state);
        if let Some(mut work) = ended {
            work.tick(now);
            if let Some(account) = work.threshold {
                account.count_elapsed(now.saturating_duration_since(work.started));
            }
        }
    }

    /// Adds the time that has passed, and counts what has passed its threshold.
    pub(crate) fn tick(&self, now: Instant) {
        for work in self.lock().running.values_mut() {
            work.tick(now);
            let elapsed = now.saturating_duration_since(work.started);
            let passed = |account: &Account| {
                account
                    .threshold()
                    .is_some_and(|threshold| elapsed > threshold)
            };
            if work.threshold.as_ref().is_some_and(passed)
                && let Some(account) = work.threshold.take()
            {
                account.count(false);
                work.overdue = true;
            }
        }
    }

    /// How far each member's work has come.
    pub(crate) fn tallies(&self) -> HashMap<Number, Tally> {
        let state = self.lock();
        let running = state.running.values();
        state
            .tallies
            .with(running.map(|work| (work.member, work.started, work.overdue)))
    }

    /// Forgets what those did who are no longer present.
    pub(crate) fn prune(&self, present: &[Member]) {
        self.lock().tallies.prune(present);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn tick(&mut self, now: Instant) {
        self.busy
            .add(now.saturating_duration_since(self.ticked).as_secs_f64());
        self.ticked = now;
    }
}
