//! The store of what must outlive a process, behind one trait: in memory, in an embedded file, or in
//! PostgreSQL.
//!
//! The store is beside, never between: nothing that a request, a probe or a recording does waits for
//! it. Operations go to the writer, which batches, bounds, and bridges an outage.
//!
//! | kind | survives | shared | leases | revisions |
//! |---|---|---|---|---|
//! | memory | nothing | no | always held | a counter |
//! | file | a kill at any moment | no | always held | a counter in the file |
//! | PostgreSQL | the process and its host | yes | by the server's clock | snapshots |
//!
//! The promises of a store are on [`Store`]; tests run the same cases against all three kinds.
//! The meaning of a row, and which of two rows stays, is decided by the types of the rows in [`record`]
//! and [`op`], and by no store.

mod arc_str;
pub(crate) mod business_totals;
#[cfg(feature = "file-store")]
mod file;
#[cfg(not(feature = "file-store"))]
#[path = "store/file/disabled.rs"]
mod file;
mod incident_row;
mod memory;
mod op;
mod pending;
mod poll;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
pub(crate) mod postgres_client;
mod record;
mod slo_rows;
mod total_row;
mod worker_row;
mod writer;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::causes::with_causes;
use crate::model::status::StatusId;

#[cfg(all(feature = "file-store", test))]
pub(crate) use file::FileStore;
pub(crate) use file::open_file;
#[cfg(all(feature = "file-store", feature = "cli"))]
pub(crate) use file::{CopyError, StoreCopy, is_free, open_undamaged};
pub(crate) use incident_row::{
    AffectedRow, IncidentDetails, IncidentKind, IncidentRow, MaintenanceDetails, SpanRow, UpdateRow,
};
pub(crate) use memory::MemoryStore;
pub(crate) use op::StoreOp;
pub(crate) use poll::{StorePoll, try_receive};
#[cfg(feature = "postgres")]
pub(crate) use postgres::PostgresStore;
pub(crate) use record::RecordKind;
use record::{StoredRow, decode_all, key_prefix};
pub(crate) use slo_rows::{AlertStateRow, SliceRow};
pub(crate) use total_row::TotalRow;
pub(crate) use worker_row::WorkerRow;
pub(crate) use writer::{StoreReply, StoreWriter, WriterSettings, block_on};

/// The future that a store's method returns.
///
/// Boxed, because the trait is used as `dyn`: which store it is, the configuration says at run
/// time.
pub(crate) type StoreFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A durable store. Called on the store's own thread only, so that it may block for a short
/// time; every call has a deadline of its own.
///
/// Calls may come again after they have failed, in any order, and from several processes at once
/// where the store is shared.
pub(crate) trait Store: fmt::Debug + Send + Sync {
    /// Makes all operations durable, or none of them. Doing the same twice changes nothing more, so that
    /// a batch whose answer was lost can be tried again.
    fn commit<'a>(&'a self, ops: &'a [StoreOp]) -> StoreFuture<'a, ()>;

    /// Reads the records of a kind whose keys begin with `prefix` and that are relevant after `since`, in
    /// no order.
    fn list<'a>(
        &'a self,
        kind: RecordKind,
        prefix: &'a str,
        since: Timestamp,
    ) -> StoreFuture<'a, Vec<String>>;

    /// Reads the records of a kind that changed since a revision, in no order, and the new revision.
    ///
    /// Nothing that was committed may ever be missed: a row may be told twice, and its reader's own
    /// rule ignores it. A revision that the store doesn't know counts as the beginning.
    fn changed(
        &self,
        kind: RecordKind,
        since: Revision,
    ) -> StoreFuture<'_, (Vec<String>, Revision)>;

    /// Reads the instances that have slices here, in order.
    #[cfg_attr(
        not(feature = "cli"),
        allow(dead_code, reason = "the command reads what several have kept")
    )]
    fn instances(&self) -> StoreFuture<'_, Vec<Arc<str>>>;

    /// Reads the slices of an instance that ended after `since`, in order.
    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> StoreFuture<'a, Vec<SliceRow>>;

    /// Deletes slices that ended before, in batches; returns the number of rows.
    fn delete_expired_slices(&self, before: Timestamp) -> StoreFuture<'_, u64>;

    /// Deletes the records of a kind that were relevant until then at the latest; returns the number.
    fn delete_expired(&self, kind: RecordKind, before: Timestamp) -> StoreFuture<'_, u64>;

    /// Acquires or renews a lease until `ttl` from now; false if another instance holds it. A store that
    /// is not shared always returns true.
    fn acquire_lease<'a>(
        &'a self,
        lease: &'a str,
        instance: &'a str,
        ttl: Duration,
    ) -> StoreFuture<'a, bool>;

    /// Returns true if other processes write into it too.
    ///
    /// A shared store is asked for the rows of others; one that is not only holds what this process
    /// wrote.
    fn is_shared(&self) -> bool;

    /// Returns a notice for the operator, such as that a damaged file was set aside.
    fn notice(&self) -> Option<String> {
        None
    }

    /// Reads the rows of workers that changed since a revision, and the new revision.
    fn workers(&self, since: Revision) -> StoreFuture<'_, (Vec<WorkerRow>, Revision)> {
        Box::pin(async move {
            let (values, revision) = self.changed(RecordKind::Worker, since).await?;
            Ok((decode_all(&values), revision))
        })
    }

    /// Reads the alert states that earlier runs of an instance have saved, in the order of the subjects.
    fn alert_states<'a>(&'a self, instance: &'a str) -> StoreFuture<'a, Vec<AlertStateRow>> {
        Box::pin(async move {
            let prefix = key_prefix(instance);
            let rows = list_rows(self, &prefix, Timestamp::MIN);
            let mut rows: Vec<AlertStateRow> = rows.await?;
            rows.sort_by(|left, right| left.subject.cmp(&right.subject));
            Ok(rows)
        })
    }

    /// Reads incidents and maintenance that were changed after `since` or are not over then, in no order.
    fn incidents(&self, since: Timestamp) -> StoreFuture<'_, Vec<IncidentRow>> {
        Box::pin(list_rows(self, "", since))
    }

    /// Reads one incident or maintenance.
    fn incident(&self, id: StatusId) -> StoreFuture<'_, Option<IncidentRow>> {
        Box::pin(async move {
            // Keys that begin alike are found as well: ids have one length, so that only the id
            // itself does.
            let rows = list_rows(self, id.as_str(), Timestamp::MIN).await?;
            let mut rows = rows.into_iter();
            Ok(rows.find(|row: &IncidentRow| row.id == id))
        })
    }

    /// Reads the spans of components that ended at or after a second, in no order.
    fn spans(&self, since: i64) -> StoreFuture<'_, Vec<SpanRow>> {
        // A time that can't be represented is before everything.
        let since = Timestamp::from_second(since).unwrap_or(Timestamp::MIN);
        Box::pin(list_rows(self, "", since))
    }
}

/// Reads the rows of a kind whose keys begin with `prefix` and that are relevant after `since`.
async fn list_rows<R: StoredRow>(
    store: &(impl Store + ?Sized),
    prefix: &str,
    since: Timestamp,
) -> Result<Vec<R>, StoreError> {
    let values = store.list(R::KIND, prefix, since).await?;
    Ok(decode_all(&values))
}

/// A point in a store's history; the default is its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Revision(pub(crate) i64);

/// An error of a store.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct StoreError {
    /// Lower case, with no address or secret in it.
    pub(crate) message: String,
    #[source]
    pub(crate) source: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// True if a retry may succeed: an outage, and not a fault of the request.
    ///
    /// It decides what the writer does: a transient error keeps everything and waits, a permanent
    /// one looks for the row at fault.
    pub(crate) transient: bool,
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

    /// Returns the same error once more, for another of those that it concerns; its causes become text.
    fn to_shared(&self) -> Self {
        let source = self.source.as_deref();
        Self {
            message: self.message.clone(),
            source: source.map(|source| with_causes(source).into()),
            transient: self.transient,
        }
    }

    /// Returns the text with its causes, which may be private.
    pub(crate) fn with_causes(&self) -> String {
        with_causes(self)
    }
}

#[cfg(test)]
pub(crate) mod tests;
