//! The loader of the history that earlier processes have stored: requested once, without blocking.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::record::clock::saturating_step;
use crate::store::{AlertStateRow, SliceRow, StoreOp, StorePoll, StoreReply, StoreWriter};

/// The shortest interval between two tries of a request.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// The longest time that evaluation waits for the store. After that, alerts are judged on what this process
/// has seen, and the history is added when it arrives.
const LOAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A slice that begins no later than this after now is of a clock that differs a little.
const MAX_AHEAD: SignedDuration = SignedDuration::from_mins(1);

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
    slices: Request<Vec<SliceRow>>,
    /// Both are awaited: slices without their alert would raise it a second time.
    alert_rows: Request<Vec<AlertStateRow>>,
    started_at: Option<Instant>,
    /// True from the start where there is no store.
    is_loaded: bool,
}

/// A request that is repeated until it succeeds, and its answer.
#[derive(Debug, Default)]
struct Request<T> {
    poll: StorePoll<T>,
    answer: Option<T>,
}

/// The slices and alert states of earlier processes.
#[derive(Debug)]
pub(super) struct LoadedHistory {
    pub(super) slices: Vec<SliceRow>,
    pub(super) alert_rows: Vec<AlertStateRow>,
}

impl LoadedHistory {
    /// Returns whether some of it lies after `now`: the clock is behind, or was ahead before. Which of them can't be
    /// told, and loading once more after a step forward is right for both.
    pub(super) fn is_of_the_future(&self, now: Timestamp) -> bool {
        let latest = saturating_step(now, MAX_AHEAD);
        self.slices.iter().any(|row| row.start > latest)
    }
}

impl HistoryLoader {
    pub(super) fn new(slo_store: Option<SloStore>) -> Self {
        Self {
            is_loaded: slo_store.is_none(),
            slo_store,
            slices: Request::default(),
            alert_rows: Request::default(),
            started_at: None,
        }
    }

    /// Returns the slices that ended after `since` and the alert states, once: when both have arrived.
    pub(super) fn poll(&mut self, now: Instant, since: Timestamp) -> Option<LoadedHistory> {
        let slo_store = self.slo_store.as_ref().filter(|_| !self.is_loaded)?;
        self.started_at.get_or_insert(now);
        let (writer, instance) = (&slo_store.store_writer, &*slo_store.instance);
        self.slices.poll(now, || writer.slices(instance, since));
        self.alert_rows.poll(now, || writer.alert_states(instance));
        if self.slices.answer.is_none() || self.alert_rows.answer.is_none() {
            return None;
        }
        self.is_loaded = true;
        Some(LoadedHistory {
            slices: self.slices.answer.take()?,
            alert_rows: self.alert_rows.answer.take()?,
        })
    }

    /// Loads all once more.
    pub(super) fn restart(&mut self) {
        *self = Self::new(self.slo_store.take());
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

impl<T> Request<T> {
    /// Asks until there is an answer; errors are tried again.
    fn poll(&mut self, now: Instant, query: impl FnOnce() -> StoreReply<T>) {
        if self.answer.is_none() {
            let answer = self.poll.poll(now, RETRY_INTERVAL, query);
            self.answer = answer.and_then(Result::ok);
        }
    }
}
