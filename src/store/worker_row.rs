//! The stored rows of workers and schedulers.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::arc_str;
use super::record::{RecordKind, StoredRow};
use crate::model::heartbeat::{BeatId, BeatProgress, BeatRole, LifecycleState};

/// The stored state of one worker or scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerRow {
    pub(crate) id: BeatId,
    pub(crate) role: BeatRole,
    /// `None` before the first beat, as all that a beat brings.
    ///
    /// One start of the worker's process.
    #[serde(with = "arc_str::option")]
    pub(crate) boot_id: Option<Arc<str>>,
    /// The boot before, whose late beats are ignored.
    #[serde(with = "arc_str::option")]
    pub(crate) previous_boot_id: Option<Arc<str>>,
    /// Of the last beat; 0 before the first.
    pub(crate) sequence: u64,
    /// The time at which this id was first seen or expected, by the receiver's clock.
    pub(crate) registered_at: Timestamp,
    /// By the receiver's clock.
    pub(crate) last_seen: Option<Timestamp>,
    /// The time of the last beat with progress, or of the first work after none, by the receiver's clock.
    pub(crate) progressed_at: Option<Timestamp>,
    /// As the sender announced it; late is two of them after `last_seen`.
    pub(crate) interval: Duration,
    pub(crate) condition: LifecycleState,
    #[serde(with = "arc_str::option")]
    pub(crate) version: Option<Arc<str>>,
    pub(crate) progress: BeatProgress,
    /// Running jobs whose start was seen, at most: no more than these can be lost. 0 in a row of an earlier
    /// release.
    #[serde(default)]
    pub(crate) jobs_seen: u64,
    /// Boots that followed another one.
    pub(crate) restarts: u64,
    /// The receiver's clock minus the sender's; `None` where the sender did not tell its own.
    pub(crate) clock_skew_ms: Option<i64>,
    /// True once its running jobs were counted as lost.
    /// It keeps a second receiver from counting them again.
    pub(crate) lost: bool,
    /// The time at which it was forgotten on demand: the others that share the store learn it by this row. A
    /// beat after it takes the row's place.
    #[serde(default)]
    pub(crate) forgotten_at: Option<Timestamp>,
}

impl WorkerRow {
    /// Returns true if `self` is newer than `stored`: one rule for the registry and all stores.
    ///
    /// Of one boot the higher sequence is newer. A boot that has followed another is newer than it,
    /// whatever two receivers' clocks say. Of other boots that is newer which was seen later; where
    /// that is the same, the names decide, so that all come to the same end. Of one beat, a row that was
    /// forgotten is newer than one that was registered before that; so it is than one without a beat.
    pub(crate) fn supersedes(&self, stored: &Self) -> bool {
        if self.boot_id == stored.boot_id {
            if self.sequence != stored.sequence {
                return self.sequence > stored.sequence;
            }
            return match (self.forgotten_at, stored.forgotten_at) {
                (Some(at), None) => at >= stored.registered_at,
                (None, Some(at)) => self.registered_at > at,
                (Some(_), Some(_)) => false,
                // The same beat, and one receiver has counted its lost jobs meanwhile.
                (None, None) => self.lost && !stored.lost,
            };
        }
        // A worker that was expected after it was forgotten is missed until it beats.
        match (self.forgotten_at, stored.forgotten_at) {
            (Some(at), None) if stored.boot_id.is_none() => return at >= stored.registered_at,
            (None, Some(at)) if self.boot_id.is_none() => return self.registered_at > at,
            _ => {}
        }
        match (self.follows_boot_of(stored), stored.follows_boot_of(self)) {
            (true, false) => true,
            (false, true) => false,
            // Any order will do that all receivers share; the id only breaks ties.
            _ => (self.last_seen, &self.boot_id) > (stored.last_seen, &stored.boot_id),
        }
    }

    /// Returns true if this row's boot is the one after the other's.
    fn follows_boot_of(&self, other: &Self) -> bool {
        self.boot_id.is_some()
            && (other.boot_id.is_none() || self.previous_boot_id == other.boot_id)
    }
}

impl StoredRow for WorkerRow {
    const KIND: RecordKind = RecordKind::Worker;

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn replaces(&self, stored: &Self) -> bool {
        self.supersedes(stored)
    }

    fn relevant_until(&self) -> Timestamp {
        self.forgotten_at.unwrap_or(Timestamp::MAX)
    }
}
