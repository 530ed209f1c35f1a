//! Periodic deletion of rows that are older than the retention.
//!
//! | | cut off |
//! |---|---|
//! | slices, alert states | `store.retention` |
//! | incidents, spans | the same, but at least 93 days, which the status pages show |
//! | totals | never |
//! | workers | never, by the registry alone, except for the rows that tell of one forgotten on demand: `store.retention` after it |
//!
//! A clock that was set ahead by more than a day since the last run is not believed before the next one: what is
//! deleted by a wrong clock does not come back. The next run believes it whatever it shows, because a host that sleeps
//! for days between two runs would never delete anything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::time::sleep;

use super::{WriterSettings, guard};
use crate::background::ThreadStatus;
use crate::background::panic::catch_panic;
use crate::record::clock::ClockSteps;
use crate::store::{RecordKind, Store, StoreError, StoreFuture};

/// The delay of the first run, so that a start has nothing else to do.
const FIRST_DELAY: Duration = Duration::from_secs(60);
/// Rows expire by the day; an hour late does no harm.
const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// A step of the clock that deletes nothing before it has lasted for an [`INTERVAL`].
///
/// By less, rows are deleted a day too early at most.
const DOUBTFUL_STEP: SignedDuration = SignedDuration::from_hours(24);
/// A first run on an old store may have months to delete.
const CALL_TIMEOUT: Duration = Duration::from_secs(5 * 60);
/// The lease of the one process that deletes expired rows of a shared store.
const LEASE: &str = "sweep";

/// The task that deletes expired rows.
#[derive(Debug)]
pub(super) struct RetentionTask {
    store: Arc<dyn Store>,
    /// Clock, instance and retention.
    settings: WriterSettings,
    next_at: Instant,
    /// As of the last run.
    clock_steps: ClockSteps,
    /// True if the last run has deleted nothing because the clock was set.
    is_doubtful: bool,
    timed: bool,
}

impl RetentionTask {
    pub(super) fn new(store: Arc<dyn Store>, settings: WriterSettings, timed: bool) -> Self {
        let clocks = settings.clock.read();
        Self {
            store,
            settings,
            next_at: clocks.monotonic + FIRST_DELAY,
            clock_steps: ClockSteps::since(clocks),
            is_doubtful: false,
            timed,
        }
    }

    /// Runs until the runtime ends.
    pub(super) async fn run(mut self, thread: ThreadStatus) {
        // Nothing is held between rounds; the next one deletes what this one did not.
        while let Err(payload) = catch_panic(self.run_loop(&thread)).await {
            sleep(thread.record_panic(&*payload)).await;
            thread.record_round();
        }
    }

    async fn run_loop(&mut self, thread: &ThreadStatus) {
        loop {
            sleep(self.next_at - self.settings.clock.now()).await;
            self.run_if_due().await;
            thread.record_round();
        }
    }

    pub(super) async fn run_if_due(&mut self) {
        let now = self.settings.clock.now();
        if now < self.next_at {
            return;
        }
        // Before the work, so that one that fails is tried again in an hour and not at once.
        self.next_at = now + INTERVAL;
        let step = self.clock_steps.follow(self.settings.clock.read());
        let is_set = step.is_some_and(|step| step > DOUBTFUL_STEP);
        self.is_doubtful = is_set && !self.is_doubtful;
        if self.is_doubtful {
            return;
        }
        match self.delete_expired().await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(target: "vantage_obs", rows, "swept the store"),
            Err(error) => {
                tracing::warn!(target: "vantage_obs", error = error.with_causes(), "could not delete expired rows from the store");
            }
        }
    }

    async fn delete_expired(&self) -> Result<u64, StoreError> {
        let is_leader = self
            .store
            // Twice the interval: the holder renews it in time, and another process takes over
            // within two hours of its end.
            .acquire_lease(LEASE, &self.settings.instance, INTERVAL * 2);
        if !self.call(is_leader).await? {
            return Ok(0);
        }
        let retention = self.settings.retention;
        let slices = self.store.delete_expired_slices(self.cutoff(retention));
        let mut deleted = self.call(slices).await?;
        for kind in RecordKind::ALL {
            let cutoff = self.cutoff(retention.max(kind.min_retention()));
            deleted += self.call(self.store.delete_expired(kind, cutoff)).await?;
        }
        Ok(deleted)
    }

    fn cutoff(&self, retention: Duration) -> Timestamp {
        let wall = Timestamp::try_from(self.settings.clock.wall());
        // By the wall clock, in which rows are dated; one that is wrong from the start on deletes too early,
        // which no other clock could prevent.
        let cutoff = wall.and_then(|now| now.checked_sub(retention));
        // Nothing is older than the beginning of time.
        cutoff.unwrap_or(Timestamp::MIN)
    }

    async fn call<T>(&self, call: StoreFuture<'_, T>) -> Result<T, StoreError> {
        if self.timed {
            guard::with_timeout(call, CALL_TIMEOUT).await
        } else {
            guard::catch_panic(call).await
        }
    }
}
