//! Scheduled maintenance.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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

/// How far a maintenance has come, in Statuspage's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MaintenanceStatus {
    /// It is announced.
    Scheduled,
    /// It is done at the moment.
    InProgress,
    /// It is done, and looked at.
    Verifying,
    /// It is over.
    Completed,
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

impl MaintenanceStatus {
    /// All, in their order.
    pub const ALL: [Self; 4] = [
        Self::Scheduled,
        Self::InProgress,
        Self::Verifying,
        Self::Completed,
    ];

    /// The word of Statuspage's API for it, such as `in_progress`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::InProgress => "in_progress",
            Self::Verifying => "verifying",
            Self::Completed => "completed",
        }
    }

    /// The same for people, such as `In progress`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::InProgress => "In progress",
            Self::Verifying => "Verifying",
            Self::Completed => "Completed",
        }
    }

    /// The status of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}
