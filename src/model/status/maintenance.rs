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
    /// What it is about, in one line.
    pub title: Arc<str>,
    /// How far it has come, at the time of the snapshot.
    pub status: MaintenanceStatus,
    /// The components that are worked on.
    pub affected: Vec<AffectedComponent>,
    /// When it begins.
    pub scheduled_for: Timestamp,
    /// When it ends: later than it begins.
    pub scheduled_until: Timestamp,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When it was changed last, be it by the clock.
    pub updated_at: Timestamp,
    /// When it was over, which may be before its planned end; `None` while it is not.
    pub completed_at: Option<Timestamp>,
    /// What was said, newest first; never empty. That it began and ended by the clock is among it.
    pub updates: Vec<StatusUpdate<MaintenanceStatus>>,
}

words! {
    /// How far a maintenance has come, in Statuspage's words.
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
    /// Whether it is over.
    #[must_use]
    pub const fn is_completed(&self) -> bool {
        matches!(self.status, MaintenanceStatus::Completed)
    }

    /// Whether it is done at the moment, or looked at.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(
            self.status,
            MaintenanceStatus::InProgress | MaintenanceStatus::Verifying
        )
    }

    /// Whether it has yet to begin.
    #[must_use]
    pub const fn is_upcoming(&self) -> bool {
        matches!(self.status, MaintenanceStatus::Scheduled)
    }
}
