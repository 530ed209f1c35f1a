//! What must outlive a process, behind one trait: in memory, in an embedded file, or in PostgreSQL.
//!
//! The store is beside, never between: nothing that a request, a probe or a recording does waits for
//! it. Whoever has something to keep hands it to the keeper, which batches, bounds, and bridges an
//! outage.

pub(crate) mod business_totals;
#[cfg(feature = "file-store")]
mod file;
mod incident_row;
mod memory;
mod pending;
mod poll;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
pub(crate) mod postgres_client;
mod writer;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::heartbeat::{BeatId, Condition, Progress, Role};
use crate::model::status::StatusId;

#[cfg(feature = "file-store")]
pub(crate) use file::File;
pub(crate) use incident_row::{
    AffectedRow, BulletinRow, Course, IncidentCourse, MaintenanceCourse, SpanRow, UpdateRow,
};
pub(crate) use memory::Memory;
pub(crate) use poll::{Asked, answered};
#[cfg(feature = "postgres")]
pub(crate) use postgres::Postgres;
pub(crate) use writer::{Keeper, Reply, Settings, block_on};

/// What a store answers with.
pub(crate) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// One place to keep things. Called on the store's own thread only, so that it may block for a short
/// time; every call has a deadline of its own.
pub(crate) trait Store: fmt::Debug + Send + Sync {
    /// Makes all changes durable, or none of them. Doing the same twice changes nothing more, so that
    /// a batch whose answer was lost can be tried again.
    fn commit<'a>(&'a self, changes: &'a [Change]) -> Answer<'a, ()>;

    /// The rows of workers that changed since the revision was told, and the new revision.
    fn workers(&self, since: Revision) -> Answer<'_, (Vec<WorkerRow>, Revision)>;

    /// The instances that have slices here, in order.
    #[cfg_attr(
        not(feature = "cli"),
        allow(dead_code, reason = "the command reads what several have kept")
    )]
    fn instances(&self) -> Answer<'_, Vec<Arc<str>>>;

    /// The slices of an instance that ended after `since`, in order.
    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> Answer<'a, Vec<SliceRow>>;

    /// What earlier runs of an instance have left, in the order of the subjects.
    fn notes<'a>(&'a self, instance: &'a str) -> Answer<'a, Vec<NoteRow>>;

    /// Incidents and maintenance that were changed after `since` or are not over then, in no order.
    fn bulletins(&self, since: Timestamp) -> Answer<'_, Vec<BulletinRow>>;

    /// One incident or maintenance.
    fn bulletin(&self, id: StatusId) -> Answer<'_, Option<BulletinRow>>;

    /// The spans of components that ended at or after a second, in no order.
    fn spans(&self, since: i64) -> Answer<'_, Vec<SpanRow>>;

    /// Removes slices that ended before, in batches; how many rows that were.
    fn sweep(&self, before: Timestamp) -> Answer<'_, u64>;

    /// Removes spans that ended before, and incidents and maintenance that were over and unchanged
    /// since; how many rows that were.
    fn sweep_status(&self, before: Timestamp) -> Answer<'_, u64>;

    /// Whether this instance has the lead in a matter, until `ttl` from now on unless it asks again.
    /// A store that nobody shares always says yes.
    fn lead<'a>(&'a self, matter: &'a str, instance: &'a str, ttl: Duration) -> Answer<'a, bool>;

    /// Whether other processes write into it too.
    fn is_shared(&self) -> bool;

    /// What an operator must know of it, such as that a damaged file was set aside.
    fn remark(&self) -> Option<String> {
        None
    }
}

/// A point in a store's history; the default is its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Revision(pub(crate) i64);

/// One thing to keep.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// Takes the row's place, unless what is there supersedes it.
    Worker(WorkerRow),
    /// Removes a worker that was last seen when this says, and not one that has come back since.
    Forget(BeatId, Option<Timestamp>),
    /// Takes the place of the slice with the same instance, objective and start.
    Slice(SliceRow),
    /// Takes the place of the note with the same instance and subject.
    Note(NoteRow),
    /// Takes the place of the version before it. A new one is left out where another one that is open
    /// has its slot: of any number that open the same at once, one does.
    Bulletin(BulletinRow),
    /// Takes the place of the span with the same component, start and state, unless that ended later.
    Span(SpanRow),
    /// Takes the place of the total with the same day, figure, attribute and source where it is greater.
    /// Kept by a store that can be asked by others, and by no other.
    Total(TotalRow),
}

/// What is known of one worker or scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkerRow {
    pub(crate) id: BeatId,
    pub(crate) role: Role,
    /// `None` before the first beat, as all that a beat brings.
    pub(crate) boot_id: Option<Arc<str>>,
    /// The boot before, whose stragglers say nothing.
    pub(crate) previous_boot_id: Option<Arc<str>>,
    pub(crate) sequence: u64,
    pub(crate) registered_at: Timestamp,
    /// By the receiver's clock.
    pub(crate) last_seen: Option<Timestamp>,
    /// When a beat last told of progress, or of the first work after none, by the receiver's clock.
    pub(crate) progressed_at: Option<Timestamp>,
    pub(crate) interval: Duration,
    pub(crate) condition: Condition,
    pub(crate) version: Option<Arc<str>>,
    pub(crate) progress: Progress,
    pub(crate) restarts: u64,
    /// The receiver's clock minus the sender's; `None` where the sender did not tell its own.
    pub(crate) clock_skew_ms: Option<i64>,
    /// Whether its running jobs were counted as lost already.
    pub(crate) lost: bool,
}

/// Good and bad events of one objective in one slice of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SliceRow {
    pub(crate) instance: Arc<str>,
    pub(crate) objective: Arc<str>,
    pub(crate) start: Timestamp,
    pub(crate) length: Duration,
    /// The part of it in which somebody looked.
    pub(crate) covered: Duration,
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

/// What one run of a process leaves to the next of its instance, in words of the one who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoteRow {
    pub(crate) instance: Arc<str>,
    /// What it is about, such as `alert of api.latency`.
    pub(crate) subject: Arc<str>,
    pub(crate) written_at: Timestamp,
    pub(crate) text: Arc<str>,
}

/// What one run of a process has counted of a figure on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TotalRow {
    /// Of UTC.
    pub(crate) day: jiff::civil::Date,
    /// Such as `revenue`.
    pub(crate) figure: &'static str,
    /// Such as a currency; empty where the figure has none.
    pub(crate) attribute: Arc<str>,
    /// The run: no other has the same.
    pub(crate) source: Arc<str>,
    pub(crate) value: u64,
}

/// Why a store could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct StoreError {
    /// Lower case, with no address or secret in it.
    pub(crate) what: String,
    #[source]
    pub(crate) cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// Whether the same may work later: an outage, and not a fault of what was asked.
    pub(crate) passing: bool,
}

impl SliceRow {
    /// The moment from which on nothing more belongs to it.
    pub(crate) fn end(&self) -> Timestamp {
        let end = self.start.checked_add(self.length);
        end.unwrap_or(Timestamp::MAX)
    }
}

impl StoreError {
    /// Something that may work later.
    pub(crate) fn passing(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            cause: None,
            passing: true,
        }
    }

    /// Something that will fail each time.
    pub(crate) fn lasting(what: impl Into<String>) -> Self {
        Self {
            passing: false,
            ..Self::passing(what)
        }
    }

    #[cfg(any(test, feature = "file-store", feature = "postgres"))]
    pub(crate) fn because(
        mut self,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// The text with its causes, for those who may read them.
    pub(crate) fn told(&self) -> String {
        let mut text = self.what.clone();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl WorkerRow {
    /// Whether `self` tells of something newer than `known`: one rule for the roster and all stores.
    ///
    /// Of one boot the higher sequence is newer. A boot that has followed another is newer than it,
    /// whatever two receivers' clocks say. Of other boots that is newer which was seen later; where
    /// that is the same, the names decide, so that all come to the same end.
    pub(crate) fn supersedes(&self, known: &Self) -> bool {
        if self.boot_id == known.boot_id {
            return self.sequence > known.sequence
                || (self.lost && !known.lost && self.sequence == known.sequence);
        }
        match (self.has_followed(known), known.has_followed(self)) {
            (true, false) => true,
            (false, true) => false,
            _ => (self.last_seen, &self.boot_id) > (known.last_seen, &known.boot_id),
        }
    }

    fn has_followed(&self, other: &Self) -> bool {
        self.boot_id.is_some()
            && (other.boot_id.is_none() || self.previous_boot_id == other.boot_id)
    }
}

#[cfg(test)]
pub(crate) mod tests;
