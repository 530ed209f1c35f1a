//! Something that is wrong, or was.

use std::sync::Arc;

use jiff::Timestamp;

use super::words::words;
use super::{AffectedComponent, Author, Impact, StatusId, StatusUpdate};

/// Something that is wrong, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Incident {
    /// Its id.
    pub id: StatusId,
    /// What it is about, in one line.
    pub title: Arc<str>,
    /// How bad it is at its worst.
    pub impact: Impact,
    /// How far it has come.
    pub status: IncidentStatus,
    /// The components that it concerns, each as the incident says it is now.
    pub affected: Vec<AffectedComponent>,
    /// When it began: not later than it was written down.
    pub started_at: Timestamp,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Since when it is watched after a mend.
    pub monitoring_at: Option<Timestamp>,
    /// When it was over; `None` while it is not.
    pub resolved_at: Option<Timestamp>,
    /// Who opened it.
    pub author: Author,
    /// What was said, newest first; never empty.
    pub updates: Vec<StatusUpdate<IncidentStatus>>,
}

words! {
    /// How far an incident has come, in Statuspage's words.
    pub enum IncidentStatus {
        /// The cause is looked for.
        Investigating = "investigating", "Investigating";
        /// The cause is known.
        Identified = "identified", "Identified";
        /// It is mended, and watched.
        Monitoring = "monitoring", "Monitoring";
        /// It is over.
        Resolved = "resolved", "Resolved";
        /// It is over, and what was learned is written down.
        Postmortem = "postmortem", "Postmortem";
    }
}

impl Incident {
    /// Whether it is over.
    #[must_use]
    pub const fn is_resolved(&self) -> bool {
        self.status.is_end()
    }
}

impl IncidentStatus {
    /// Whether an incident of this status is over.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Resolved | Self::Postmortem)
    }
}
