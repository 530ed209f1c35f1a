//! Records: rows of any kind in the one form in which every store keeps them.
//!
//! A store knows a record's kind and key, the time until which it is relevant, its slot, and its value
//! as JSON. Which of two rows with one key stays is a rule of the row's type and said once, here in
//! Rust: a store reads the record under its lock or in its transaction, and writes what the rule says.
//! A second spelling of the rules in SQL would have to be held equal to the first one.
//!
//! | kind | key | the newer row | kept |
//! |---|---|---|---|
//! | total | day, metric, attribute, source | the greater value | for ever |
//! | incident | id | the next version | `store.retention`, at least 93 days |
//! | alert state | instance, subject | the one that comes | `store.retention` |
//! | span | component, start, state | the later end | `store.retention`, at least 93 days |
//! | worker | id | by boot, sequence, last seen | until it is deleted |
//!
//! Every rule is idempotent and, but for versions, independent of the order in which rows arrive;
//! so a batch can be written twice, and two processes come to the same end.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The kind of a record. Slices have none: a store has many, and each is small. When too many operations
/// wait for a store, those of the last kind are dropped first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
// The order of the variants is the order of importance: totals and incidents can't be told again.
pub(crate) enum RecordKind {
    Total,
    Incident,
    AlertState,
    Span,
    Worker,
}

/// The identity of a record among those of all kinds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecordKey {
    // First, so that the records of a kind stand together in every ordered map.
    pub(crate) kind: RecordKind,
    pub(crate) key: Arc<str>,
}

/// A row as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The row as JSON.
    pub(crate) value: String,
    /// The time in nanoseconds at which it may be deleted; `i64::MAX` is never.
    /// Not a `Timestamp`, which has no value for "for ever" in a column.
    pub(crate) relevant_until: i64,
    /// The slot that it holds. No two records of a kind hold the same.
    pub(crate) slot: Option<String>,
}

/// A row that is kept as a record. A new kind of row is an implementation of this, a [`RecordKind`] and a
/// variant of `StoreOp`; no store has to know of it.
pub(crate) trait StoredRow: Any + Sync + Serialize + DeserializeOwned {
    const KIND: RecordKind;

    /// Returns the key, which is unique among the rows of the kind.
    fn key(&self) -> String;

    /// Returns true if it takes the place of the row with its key that is there. Doing that twice must
    /// change nothing more: a batch may be written again.
    fn replaces(&self, stored: &Self) -> bool;

    /// Returns the time at which it may be deleted, and from which lists may leave it out. Default: never.
    fn relevant_until(&self) -> Timestamp {
        Timestamp::MAX
    }

    /// Returns the slot that it holds. A new row is left out where another one holds its slot.
    ///
    /// It is how "only one of these may be open" is kept over processes, without a lock that
    /// outlives one.
    fn slot(&self) -> Option<&str> {
        None
    }

    /// Returns the version, each of which is written by itself; 0 where only the newest counts.
    fn version(&self) -> u64 {
        0
    }
}

/// A [`StoredRow`] of any type.
///
/// The object-safe face of it, implemented for every row below.
pub(crate) trait AnyRow: Any + Sync {
    fn record_key(&self) -> RecordKey;
    fn row_slot(&self) -> Option<&str>;
    fn row_version(&self) -> u64;
    fn to_record(&self) -> Record;
    fn replaces_record(&self, stored: &Record) -> bool;
    // Rows of different types never replace each other; keys keep them apart already.
    fn replaces_row(&self, other: &dyn AnyRow) -> bool;
}

/// The shortest time for which incidents and states of components are kept: pages show 90 days, and the
/// first of them begins up to a day earlier by some clock.
const MIN_STATUS_RETENTION: Duration = Duration::from_secs(93 * 86_400);

impl RecordKind {
    pub(crate) const ALL: [Self; 5] = [
        Self::Total,
        Self::Incident,
        Self::AlertState,
        Self::Span,
        Self::Worker,
    ];

    /// Returns the name in a file and in a database, which stays for ever.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Incident => "incident",
            Self::AlertState => "alert_state",
            Self::Span => "span",
            Self::Worker => "worker",
        }
    }

    /// Returns the shortest time for which rows are kept, whatever the configuration says.
    pub(crate) const fn min_retention(self) -> Duration {
        match self {
            Self::Incident | Self::Span => MIN_STATUS_RETENTION,
            _ => Duration::ZERO,
        }
    }

    /// Returns true for rows that are only of use to other programs, which can't ask a store that one
    /// process has for itself.
    pub(crate) const fn is_for_other_programs(self) -> bool {
        matches!(self, Self::Total)
    }
}

impl<R: StoredRow> AnyRow for R {
    fn record_key(&self) -> RecordKey {
        RecordKey {
            kind: R::KIND,
            key: self.key().into(),
        }
    }

    fn row_slot(&self) -> Option<&str> {
        self.slot()
    }

    fn row_version(&self) -> u64 {
        self.version()
    }

    fn to_record(&self) -> Record {
        Record {
            // Text, numbers and times only: it can't fail.
            value: serde_json::to_string(self).unwrap_or_default(),
            relevant_until: to_nanos(self.relevant_until()),
            slot: self.slot().map(str::to_owned),
        }
    }

    /// A value that this release cannot read has its place taken: its writer was another release.
    fn replaces_record(&self, stored: &Record) -> bool {
        decode(&stored.value).is_none_or(|stored| self.replaces(&stored))
    }

    fn replaces_row(&self, other: &dyn AnyRow) -> bool {
        let other: &dyn Any = other;
        other
            .downcast_ref::<Self>()
            .is_some_and(|other| self.replaces(other))
    }
}

/// Decodes a record's value. One that this release cannot read is skipped and logged: a release that was
/// rolled back to goes on.
pub(crate) fn decode<R: StoredRow>(value: &str) -> Option<R> {
    let parsed = serde_json::from_str(value);
    parsed
        .inspect_err(|error| {
            let kind = R::KIND.as_str();
            tracing::debug!(target: "vantage_obs", kind, %error, "a stored row was skipped");
        })
        .ok()
}

/// Decodes those of a kind that this release can read.
pub(crate) fn decode_all<R: StoredRow>(values: &[String]) -> Vec<R> {
    values.iter().filter_map(|value| decode(value)).collect()
}

/// Returns a key of several parts. As JSON it is unambiguous, and free of zero bytes, which PostgreSQL
/// has no text with.
pub(crate) fn join_key(parts: &impl Serialize) -> String {
    // Text and numbers only: it can't fail.
    serde_json::to_string(parts).unwrap_or_default()
}

/// Returns what a key of several parts begins with if this is the first of them.
// A JSON array that is cut after its first element: `["api-1",`. The comma keeps `api-1` from
// matching `api-10`.
pub(crate) fn key_prefix(first: &str) -> String {
    let mut prefix = join_key(&[first]);
    prefix.pop();
    prefix.push(',');
    prefix
}

/// Returns nanoseconds since the epoch, exact from 1677 to 2262.
pub(crate) fn to_nanos(at: Timestamp) -> i64 {
    let nanos = at.as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}
