//! The store, as the tracker sees it: asked once for what earlier processes kept, and never waited for.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::store::{Change, Keeper, Reply, SliceRow, StoreError};

/// How soon the store is asked again after a failure.
const AGAIN: Duration = Duration::from_secs(1);
/// For how long nothing is judged because the store has not answered. After that, too little coverage
/// freezes the alerts, and the past comes when it comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a tracker keeps its slices.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) keeper: Keeper,
    /// By which this process finds its own slices after a restart.
    pub(crate) instance: Arc<str>,
}

/// What earlier processes have kept, on its way here.
#[derive(Debug)]
pub(super) struct Past {
    kept: Option<Kept>,
    reply: Option<Reply<Vec<SliceRow>>>,
    began: Option<Instant>,
    next: Option<Instant>,
    known: bool,
}

impl Past {
    pub(super) const fn new(kept: Option<Kept>) -> Self {
        Self {
            known: kept.is_none(),
            kept,
            reply: None,
            began: None,
            next: None,
        }
    }

    /// The rows that ended after `since`, once: when the answer has come.
    pub(super) fn ask(&mut self, now: Instant, since: Timestamp) -> Option<Vec<SliceRow>> {
        let kept = self.kept.as_ref().filter(|_| !self.known)?;
        self.began.get_or_insert(now);
        if self.reply.is_none() && self.next.is_none_or(|next| next <= now) {
            self.reply = Some(kept.keeper.slices(&kept.instance, since));
        }
        match look(self.reply.as_mut()?)? {
            Ok(rows) => {
                (self.known, self.reply) = (true, None);
                Some(rows)
            }
            Err(_) => {
                (self.next, self.reply) = (Some(now + AGAIN), None);
                None
            }
        }
    }

    /// Whether it is time to judge: with the past, or without.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        let waited = self.began.map_or(Duration::ZERO, |began| now - began);
        self.known || waited >= PATIENCE
    }

    /// Keeps what `row` makes of the instance.
    pub(super) fn keep(&self, row: impl FnOnce(Arc<str>) -> Option<SliceRow>) {
        let Some(kept) = &self.kept else {
            return;
        };
        if let Some(row) = row(Arc::clone(&kept.instance)) {
            kept.keeper.keep(Change::Slice(row));
        }
    }
}

fn look<T>(reply: &mut Reply<T>) -> Option<Result<T, StoreError>> {
    match pin!(reply).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}
