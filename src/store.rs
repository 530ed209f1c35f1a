//! The store of what must outlive a process, behind one trait: in memory, in an embedded file, or in
//! PostgreSQL.
//!
//! The store is beside, never between: nothing that a request, a probe or a recording does waits for
//! it. Operations go to the writer, which batches, bounds, and bridges an outage.

pub(crate) mod business_totals;
#[cfg(feature = "file-store")]
mod file;
#[cfg(not(feature = "file-store"))]
#[path = "store/file/disabled.rs"]
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

use crate::model::causes::with_causes;
use crate::model::heartbeat::{BeatId, BeatProgress, BeatRole, LifecycleState};
use crate::model::status::StatusId;

#[cfg(all(feature = "file-store", any(test, feature = "cli")))]
pub(crate) use file::FileStore;
pub(crate) use file::open_file;
pub(crate) use incident_row::{
    AffectedRow, IncidentDetails, IncidentKind, IncidentRow, MaintenanceDetails, SpanRow, UpdateRow,
};
pub(crate) use memory::MemoryStore;
pub(crate) use poll::{StorePoll, try_receive};
#[cfg(feature = "postgres")]
pub(crate) use postgres::PostgresStore;
pub(crate) use writer::{StoreReply, StoreWriter, WriterSettings, block_on};

/// The future that a store's method returns.
pub(crate) type StoreFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A durable store. Called on the store's own thread only, so that it may block for a short
/// time; every call has a deadline of its own.
pub(crate) trait Store: fmt::Debug + Send + Sync {
    /// Makes all operations durable, or none of them. Doing the same twice changes nothing more, so that
    /// a batch whose answer was lost can be tried again.
    fn commit<'a>(&'a self, ops: &'a [StoreOp]) -> StoreFuture<'a, ()>;

    /// Reads the rows of workers that changed since a revision, and the new revision.
    fn workers(&self, since: Revision) -> StoreFuture<'_, (Vec<WorkerRow>, Revision)>;

    /// Reads the instances that have slices here, in order.
    #[cfg_attr(
        not(feature = "cli"),
        allow(dead_code, reason = "the command reads what several have kept")
    )]
    fn instances(&self) -> StoreFuture<'_, Vec<Arc<str>>>;

    /// Reads the slices of an instance that ended after `since`, in order.
    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> StoreFuture<'a, Vec<SliceRow>>;

    /// Reads the alert states that earlier runs of an instance have saved, in the order of the subjects.
    fn alert_states<'a>(&'a self, instance: &'a str) -> StoreFuture<'a, Vec<AlertStateRow>>;

    /// Reads incidents and maintenance that were changed after `since` or are not over then, in no order.
    fn incidents(&self, since: Timestamp) -> StoreFuture<'_, Vec<IncidentRow>>;

    /// Reads one incident or maintenance.
    fn incident(&self, id: StatusId) -> StoreFuture<'_, Option<IncidentRow>>;

    /// Reads the spans of components that ended at or after a second, in no order.
    fn spans(&self, since: i64) -> StoreFuture<'_, Vec<SpanRow>>;

    /// Deletes slices that ended before, in batches; returns the number of rows.
    fn delete_expired_slices(&self, before: Timestamp) -> StoreFuture<'_, u64>;

    /// Deletes spans that ended before, and incidents and maintenance that were over and unchanged
    /// since; returns the number of rows.
    fn delete_expired_status(&self, before: Timestamp) -> StoreFuture<'_, u64>;

    /// Acquires or renews a lease until `ttl` from now; false if another instance holds it. A store that
    /// is not shared always returns true.
    fn acquire_lease<'a>(
        &'a self,
        lease: &'a str,
        instance: &'a str,
        ttl: Duration,
    ) -> StoreFuture<'a, bool>;

    /// Returns true if other processes write into it too.
    fn is_shared(&self) -> bool;

    /// Returns a notice for the operator, such as that a damaged file was set aside.
    fn notice(&self) -> Option<String> {
        None
    }
}

/// A point in a store's history; the default is its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Revision(pub(crate) i64);

/// One write operation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StoreOp {
    /// Takes the row's place, unless what is there supersedes it.
    Worker(WorkerRow),
    /// Removes a worker that was last seen when this says, and not one that has come back since.
    DeleteWorker(BeatId, Option<Timestamp>),
    /// Takes the place of the slice with the same instance, objective and start.
    Slice(SliceRow),
    /// Takes the place of the alert state with the same instance and subject.
    AlertState(AlertStateRow),
    /// Takes the place of the version before it. A new one is left out where another one that is open
    /// has its slot: of any number that open the same at once, one does.
    Incident(IncidentRow),
    /// Takes the place of the span with the same component, start and state, unless that ended later.
    Span(SpanRow),
    /// Takes the place of the total with the same day, figure, attribute and source where it is greater.
    /// Kept by a store that can be asked by others, and by no other.
    Total(TotalRow),
}

/// The stored state of one worker or scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkerRow {
    pub(crate) id: BeatId,
    pub(crate) role: BeatRole,
    /// `None` before the first beat, as all that a beat brings.
    pub(crate) boot_id: Option<Arc<str>>,
    /// The boot before, whose late beats are ignored.
    pub(crate) previous_boot_id: Option<Arc<str>>,
    pub(crate) sequence: u64,
    pub(crate) registered_at: Timestamp,
    /// By the receiver's clock.
    pub(crate) last_seen: Option<Timestamp>,
    /// The time of the last beat with progress, or of the first work after none, by the receiver's clock.
    pub(crate) progressed_at: Option<Timestamp>,
    pub(crate) interval: Duration,
    pub(crate) condition: LifecycleState,
    pub(crate) version: Option<Arc<str>>,
    pub(crate) progress: BeatProgress,
    pub(crate) restarts: u64,
    /// The receiver's clock minus the sender's; `None` where the sender did not tell its own.
    pub(crate) clock_skew_ms: Option<i64>,
    /// True once its running jobs were counted as lost.
    pub(crate) lost: bool,
}

/// Good and bad events of one objective in one slice of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SliceRow {
    pub(crate) instance: Arc<str>,
    pub(crate) objective: Arc<str>,
    pub(crate) start: Timestamp,
    pub(crate) length: Duration,
    /// The part of it in which events were sampled.
    pub(crate) covered: Duration,
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

/// The state of an alert, which one run of a process leaves to the next of its instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AlertStateRow {
    pub(crate) instance: Arc<str>,
    /// The subject, such as `alert of api.latency`.
    pub(crate) subject: Arc<str>,
    pub(crate) written_at: Timestamp,
    pub(crate) text: Arc<str>,
}

/// The total that one run of a process has counted of a metric on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TotalRow {
    /// Of UTC.
    pub(crate) day: jiff::civil::Date,
    /// Such as `revenue`.
    pub(crate) metric: &'static str,
    /// Such as a currency; empty where the figure has none.
    pub(crate) attribute: Arc<str>,
    /// The run: no other has the same.
    pub(crate) source: Arc<str>,
    pub(crate) value: u64,
}

/// An error of a store.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct StoreError {
    /// Lower case, with no address or secret in it.
    pub(crate) message: String,
    #[source]
    pub(crate) source: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// True if a retry may succeed: an outage, and not a fault of the request.
    pub(crate) transient: bool,
}

impl SliceRow {
    /// Returns the end, which does not belong to it.
    pub(crate) fn end(&self) -> Timestamp {
        let end = self.start.checked_add(self.length);
        end.unwrap_or(Timestamp::MAX)
    }
}

impl StoreError {
    /// Creates an error that a retry may cure.
    pub(crate) fn transient(what: impl Into<String>) -> Self {
        Self {
            message: what.into(),
            source: None,
            transient: true,
        }
    }

    /// Creates an error that a retry does not cure.
    pub(crate) fn permanent(what: impl Into<String>) -> Self {
        Self {
            transient: false,
            ..Self::transient(what)
        }
    }

    #[cfg(feature = "file-store")]
    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the text with its causes, which may be private.
    pub(crate) fn with_causes(&self) -> String {
        with_causes(self)
    }
}

impl WorkerRow {
    /// Returns true if `self` is newer than `stored`: one rule for the registry and all stores.
    ///
    /// Of one boot the higher sequence is newer. A boot that has followed another is newer than it,
    /// whatever two receivers' clocks say. Of other boots that is newer which was seen later; where
    /// that is the same, the names decide, so that all come to the same end.
    pub(crate) fn supersedes(&self, stored: &Self) -> bool {
        if self.boot_id == stored.boot_id {
            return self.sequence > stored.sequence
                || (self.lost && !stored.lost && self.sequence == stored.sequence);
        }
        match (self.follows_boot_of(stored), stored.follows_boot_of(self)) {
            (true, false) => true,
            (false, true) => false,
            _ => (self.last_seen, &self.boot_id) > (stored.last_seen, &stored.boot_id),
        }
    }

    fn follows_boot_of(&self, other: &Self) -> bool {
        self.boot_id.is_some()
            && (other.boot_id.is_none() || self.previous_boot_id == other.boot_id)
    }
}

#[cfg(test)]
pub(crate) mod tests;
