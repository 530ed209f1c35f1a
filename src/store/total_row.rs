//! The stored rows of daily business totals.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::arc_str;
use super::record::{RecordKind, StoredRow, join_key};

/// The total that one run of a process has counted of a metric on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TotalRow {
    /// Of UTC.
    pub(crate) day: Date,
    /// Such as `revenue`, or `shop.orders` of a figure of the service's own.
    pub(crate) metric: Cow<'static, str>,
    /// Such as a currency; empty where the figure has none, and an object of the labels where it has several.
    #[serde(with = "arc_str")]
    pub(crate) attribute: Arc<str>,
    /// The run: no other has the same.
    #[serde(with = "arc_str")]
    pub(crate) source: Arc<str>,
    /// In the metric's own unit; money in minor units.
    pub(crate) value: u64,
    /// Of a day's rows the largest counts, and not their sum: every replica has the whole.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) peak: bool,
}

impl StoredRow for TotalRow {
    const KIND: RecordKind = RecordKind::Total;

    /// The day is first: an index of the PostgreSQL store reads it there.
    fn key(&self) -> String {
        join_key(&(self.day, &*self.metric, &*self.attribute, &*self.source))
    }

    // Totals only grow within a day and a run. An older commit that is repeated late changes
    // nothing.
    fn replaces(&self, stored: &Self) -> bool {
        self.value > stored.value
    }
}
