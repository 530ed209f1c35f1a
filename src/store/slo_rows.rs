//! The stored rows of objectives: counted slices, and the states of their alerts.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::arc_str;
use super::record::{RecordKind, StoredRow, join_key};

/// Good and bad events of one objective in one slice of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SliceRow {
    pub(crate) instance: Arc<str>,
    pub(crate) objective: Arc<str>,
    /// Aligned to the length, so that every process cuts time in the same places.
    pub(crate) start: Timestamp,
    /// Of a slice that goes on, so far.
    pub(crate) length: Duration,
    /// The part of it in which events were sampled.
    pub(crate) covered: Duration,
    pub(crate) good: u64,
    pub(crate) bad: u64,
}

/// The state of an alert, which one run of a process leaves to the next of its instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AlertStateRow {
    #[serde(with = "arc_str")]
    pub(crate) instance: Arc<str>,
    /// The subject, such as `alert of api.latency`.
    #[serde(with = "arc_str")]
    pub(crate) subject: Arc<str>,
    /// By the writer's wall clock; a state that is too old is not taken over.
    pub(crate) written_at: Timestamp,
    /// The state in the form of its owner, which the store doesn't read.
    #[serde(with = "arc_str")]
    pub(crate) text: Arc<str>,
}

impl SliceRow {
    /// Returns the end, which does not belong to it.
    pub(crate) fn end(&self) -> Timestamp {
        let end = self.start.checked_add(self.length);
        end.unwrap_or(Timestamp::MAX)
    }
}

impl StoredRow for AlertStateRow {
    const KIND: RecordKind = RecordKind::AlertState;

    fn key(&self) -> String {
        join_key(&[&*self.instance, &*self.subject])
    }

    // An instance writes its own states only, one after the other.
    fn replaces(&self, _: &Self) -> bool {
        true
    }

    /// One that was written at the very moment up to which rows are deleted stays.
    fn relevant_until(&self) -> Timestamp {
        let next = self.written_at.checked_add(Duration::from_nanos(1));
        next.unwrap_or(Timestamp::MAX)
    }
}
