//! Scheduled maintenance.

use std::sync::Arc;

use jiff::Timestamp;

use super::words::words;
use super::{AffectedComponent, StatusId, StatusUpdate};

/// A scheduled maintenance. It annotates its components, and never hides an outage of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScheduledMaintenance {
    /// Its id.
    pub id: StatusId,
    /// The title, in one line.
    pub title: Arc<str>,
    /// The status at the time of the snapshot.
    pub status: MaintenanceStatus,
    /// The components that are worked on.
    pub affected: Vec<AffectedComponent>,
    /// The planned begin.
    pub scheduled_for: Timestamp,
    /// The planned end, later than the begin.
    pub scheduled_until: Timestamp,
    /// The time at which it was written.
    pub created_at: Timestamp,
    /// The time of the last change, including those by the clock.
    /// Feeds sort by it, so that the begin of a maintenance shows up as news without being written
    /// by anybody.
    pub updated_at: Timestamp,
    /// The time at which it was over, which may be before its planned end; `None` until then.
    pub completed_at: Option<Timestamp>,
    /// The updates, newest first; never empty. Its begin and end by the clock are among them.
    pub updates: Vec<StatusUpdate<MaintenanceStatus>>,
}

words! {
    /// The status of a maintenance, in Statuspage's words.
    pub enum MaintenanceStatus {
        /// It is announced.
        Scheduled = "scheduled", "Scheduled";
        /// It is done at the moment.
        InProgress = "in_progress", "In progress";
        /// It is done, and looked at.
        Verifying = "verifying", "Verifying";
        /// It is over.
        Completed = "completed", "Completed";
    }
}

impl ScheduledMaintenance {
    /// Returns `true` if it is over.
    #[must_use]
    pub const fn is_completed(&self) -> bool {
        matches!(self.status, MaintenanceStatus::Completed)
    }

    /// Returns `true` if it is in progress or being verified.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(
            self.status,
            MaintenanceStatus::InProgress | MaintenanceStatus::Verifying
        )
    }

    /// Returns `true` if it has yet to begin.
    #[must_use]
    pub const fn is_upcoming(&self) -> bool {
        matches!(self.status, MaintenanceStatus::Scheduled)
    }
}
