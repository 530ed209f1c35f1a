//! The loader of the history that earlier processes have stored: requested once, without blocking.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::store::{AlertStateRow, SliceRow, StoreError, StoreOp, StoreReply, StoreWriter};

/// The delay before a failed request is sent again.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// The longest time that evaluation waits for the store. After that, too little coverage freezes the
/// alerts, and the history is added when it arrives.
const LOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The store of a tracker's slices and alert states.
#[derive(Clone, Debug)]
pub(crate) struct SloStore {
    pub(crate) store_writer: StoreWriter,
    /// The name by which this process finds its own slices after a restart.
    pub(crate) instance: Arc<str>,
}

/// The loader of earlier processes' history.
#[derive(Debug)]
pub(super) struct HistoryLoader {
    slo_store: Option<SloStore>,
    slices: LoadState<Vec<SliceRow>>,
    alert_rows: LoadState<Vec<AlertStateRow>>,
    started_at: Option<Instant>,
    retry_at: Option<Instant>,
    is_loaded: bool,
}

/// The state of a request that is sent once.
#[derive(Debug)]
enum LoadState<T> {
    NotRequested,
    Requested(StoreReply<T>),
    Loaded(T),
}

/// The slices and alert states of earlier processes.
#[derive(Debug)]
pub(super) struct LoadedHistory {
    pub(super) slices: Vec<SliceRow>,
    pub(super) alert_rows: Vec<AlertStateRow>,
}

impl HistoryLoader {
    pub(super) const fn new(slo_store: Option<SloStore>) -> Self {
        Self {
            is_loaded: slo_store.is_none(),
            slo_store,
            slices: LoadState::NotRequested,
            alert_rows: LoadState::NotRequested,
            started_at: None,
            retry_at: None,
        }
    }

    /// Returns the slices that ended after `since` and the alert states, once: when both have arrived.
    pub(super) fn poll(&mut self, now: Instant, since: Timestamp) -> Option<LoadedHistory> {
        let slo_store = self.slo_store.as_ref().filter(|_| !self.is_loaded)?;
        self.started_at.get_or_insert(now);
        if self.retry_at.is_some_and(|next| next > now) {
            return None;
        }
        let (writer, instance) = (&slo_store.store_writer, &*slo_store.instance);
        let slices = self.slices.poll(|| writer.slices(instance, since));
        let alert_rows = self.alert_rows.poll(|| writer.alert_states(instance));
        if slices.and(alert_rows).is_err() {
            self.retry_at = Some(now + RETRY_DELAY);
        }
        let (slices, alert_rows) = self.slices.take_with(&mut self.alert_rows)?;
        self.is_loaded = true;
        Some(LoadedHistory { slices, alert_rows })
    }

    /// Returns whether objectives may be evaluated: with the history, or without.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        let waited = self.started_at.map_or(Duration::ZERO, |began| now - began);
        self.is_loaded || waited >= LOAD_TIMEOUT
    }

    /// Enqueues the write that `op` makes of the instance.
    pub(super) fn save(&self, op: impl FnOnce(Arc<str>) -> Option<StoreOp>) {
        let Some(slo_store) = &self.slo_store else {
            return;
        };
        if let Some(op) = op(Arc::clone(&slo_store.instance)) {
            slo_store.store_writer.enqueue(op);
        }
    }
}

impl<T> LoadState<T> {
    /// Sends the request if it is not sent yet, and polls its reply; after an error it is to be sent again.
    fn poll(&mut self, send_request: impl FnOnce() -> StoreReply<T>) -> Result<(), StoreError> {
        if matches!(self, Self::NotRequested) {
            *self = Self::Requested(send_request());
        }
        let Self::Requested(reply) = self else {
            return Ok(());
        };
        match pin!(reply).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(value)) => {
                *self = Self::Loaded(value);
                Ok(())
            }
            Poll::Ready(Err(error)) => {
                *self = Self::NotRequested;
                Err(error)
            }
        }
    }

    /// Returns both values, if both are loaded.
    fn take_with<U>(&mut self, other: &mut LoadState<U>) -> Option<(T, U)> {
        let both_loaded = matches!((&*self, &*other), (Self::Loaded(_), LoadState::Loaded(_)));
        if !both_loaded {
            return None;
        }
        match (
            std::mem::replace(self, Self::NotRequested),
            std::mem::replace(other, LoadState::NotRequested),
        ) {
            (Self::Loaded(this), LoadState::Loaded(that)) => Some((this, that)),
            _ => None,
        }
    }
}
