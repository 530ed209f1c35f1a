//! Removes what is older than the retention, now and then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Settings, guard};
use crate::store::{Store, StoreError};

/// The first time, so that a start has nothing else to do.
const FIRST: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(60 * 60);
const LIMIT: Duration = Duration::from_secs(5 * 60);
/// For how long incidents and states of components are kept at least: pages show 90 days, and the first
/// of them begins up to a day earlier by some clock.
const STATUS: Duration = Duration::from_secs(93 * 86_400);
/// One of the processes that share a store sweeps it.
const MATTER: &str = "sweep";

/// The one who sweeps.
#[derive(Debug)]
pub(super) struct Sweeper {
    store: Arc<dyn Store>,
    settings: Settings,
    next: Instant,
    timed: bool,
}

impl Sweeper {
    pub(super) fn new(store: Arc<dyn Store>, settings: Settings, timed: bool) -> Self {
        let next = settings.clock.now() + FIRST;
        Self {
            store,
            settings,
            next,
            timed,
        }
    }

    /// Sweeps for ever.
    pub(super) async fn run(mut self) {
        loop {
            tokio::time::sleep(self.next - self.settings.clock.now()).await;
            self.sweep_if_due().await;
        }
    }

    pub(super) async fn sweep_if_due(&mut self) {
        let now = self.settings.clock.now();
        if now < self.next {
            return;
        }
        self.next = now + EVERY;
        match self.sweep().await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(target: "vantage_obs", rows, "swept the store"),
            Err(error) => {
                tracing::warn!(target: "vantage_obs", error = error.told(), "could not sweep the store");
            }
        }
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        let leads = self.store.lead(MATTER, &self.settings.instance, EVERY * 2);
        if !self.bounded(leads).await? {
            return Ok(0);
        }
        let retention = self.settings.retention;
        let slices = self.store.sweep(self.before(retention));
        let slices = self.bounded(slices).await?;
        let status = self.store.sweep_status(self.before(retention.max(STATUS)));
        Ok(slices + self.bounded(status).await?)
    }

    fn before(&self, retention: Duration) -> Timestamp {
        let wall = Timestamp::try_from(self.settings.clock.wall());
        let before = wall.and_then(|now| now.checked_sub(retention));
        // Nothing is older than the beginning of time.
        before.unwrap_or(Timestamp::MIN)
    }

    async fn bounded<T>(&self, call: crate::store::Answer<'_, T>) -> Result<T, StoreError> {
        if self.timed {
            guard::bounded(call, LIMIT).await
        } else {
            guard::caught(call).await
        }
    }
}
