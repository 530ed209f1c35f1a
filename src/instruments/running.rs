//! Work that is going on: its busy time ticks while it runs, and a threshold that it passes is
//! noticed at that moment, so that a job that never ends is seen.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::ledger::Account;
use crate::series::SecondsCounter;

/// Everything of one sort that is running now. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    next: AtomicU64,
    running: Mutex<HashMap<u64, Running>>,
}

#[derive(Debug)]
struct Running {
    started: Instant,
    ticked: Instant,
    busy: SecondsCounter,
    threshold: Option<Account>,
}

impl Watched {
    /// Takes up a piece of work; `threshold` is the objective that it counts towards once.
    pub(crate) fn start(
        &self,
        now: Instant,
        busy: SecondsCounter,
        threshold: Option<Account>,
    ) -> u64 {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(
            id,
            Running {
                started: now,
                ticked: now,
                busy,
                threshold,
            },
        );
        id
    }

    /// Lets a piece of work go, and counts it, if it was not counted before.
    pub(crate) fn end(&self, id: u64, now: Instant) {
        let ended = self.lock().remove(&id);
        if let Some(mut work) = ended {
            work.tick(now);
            if let Some(account) = work.threshold {
                account.count_elapsed(now.saturating_duration_since(work.started));
            }
        }
    }

    /// Adds the time that has passed, and counts what has passed its threshold.
    pub(crate) fn tick(&self, now: Instant) {
        for work in self.lock().values_mut() {
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
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Running>> {
        self.0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn tick(&mut self, now: Instant) {
        self.busy
            .add(now.saturating_duration_since(self.ticked).as_secs_f64());
        self.ticked = now;
    }
}
