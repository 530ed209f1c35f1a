//! The store, as the tracker sees it: asked once for what earlier processes kept, and never waited for.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::store::{Change, Keeper, NoteRow, Reply, SliceRow, StoreError};

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
    slices: Question<Vec<SliceRow>>,
    notes: Question<Vec<NoteRow>>,
    began: Option<Instant>,
    next: Option<Instant>,
    known: bool,
}

/// A question that is asked once, and its answer.
#[derive(Debug)]
enum Question<T> {
    Unasked,
    Asked(Reply<T>),
    Answered(T),
}

/// What earlier processes have kept.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) slices: Vec<SliceRow>,
    pub(super) notes: Vec<NoteRow>,
}

impl Past {
    pub(super) const fn new(kept: Option<Kept>) -> Self {
        Self {
            known: kept.is_none(),
            kept,
            slices: Question::Unasked,
            notes: Question::Unasked,
            began: None,
            next: None,
        }
    }

    /// The slices that ended after `since` and the notes, once: when both answers have come.
    pub(super) fn ask(&mut self, now: Instant, since: Timestamp) -> Option<Told> {
        let kept = self.kept.as_ref().filter(|_| !self.known)?;
        self.began.get_or_insert(now);
        if self.next.is_some_and(|next| next > now) {
            return None;
        }
        let (keeper, instance) = (&kept.keeper, &*kept.instance);
        let slices = self.slices.look(|| keeper.slices(instance, since));
        let notes = self.notes.look(|| keeper.notes(instance));
        if slices.and(notes).is_err() {
            self.next = Some(now + AGAIN);
        }
        let (slices, notes) = self.slices.take_with(&mut self.notes)?;
        self.known = true;
        Some(Told { slices, notes })
    }

    /// Whether it is time to judge: with the past, or without.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        let waited = self.began.map_or(Duration::ZERO, |began| now - began);
        self.known || waited >= PATIENCE
    }

    /// Keeps what `change` makes of the instance.
    pub(super) fn keep(&self, change: impl FnOnce(Arc<str>) -> Option<Change>) {
        let Some(kept) = &self.kept else {
            return;
        };
        if let Some(change) = change(Arc::clone(&kept.instance)) {
            kept.keeper.keep(change);
        }
    }
}

impl<T> Question<T> {
    /// Asks where nobody has, and looks for the answer; after an error it is to be asked again.
    fn look(&mut self, ask: impl FnOnce() -> Reply<T>) -> Result<(), StoreError> {
        if matches!(self, Self::Unasked) {
            *self = Self::Asked(ask());
        }
        let Self::Asked(reply) = self else {
            return Ok(());
        };
        match pin!(reply).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(answer)) => {
                *self = Self::Answered(answer);
                Ok(())
            }
            Poll::Ready(Err(error)) => {
                *self = Self::Unasked;
                Err(error)
            }
        }
    }

    /// Both answers, where both are there.
    fn take_with<U>(&mut self, other: &mut Question<U>) -> Option<(T, U)> {
        let both = matches!(
            (&*self, &*other),
            (Self::Answered(_), Question::Answered(_))
        );
        if !both {
            return None;
        }
        match (
            std::mem::replace(self, Self::Unasked),
            std::mem::replace(other, Question::Unasked),
        ) {
            (Self::Answered(this), Question::Answered(that)) => Some((this, that)),
            _ => None,
        }
    }
}
