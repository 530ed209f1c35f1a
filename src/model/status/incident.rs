//! Something that is wrong, or was.

use std::sync::Arc;

use jiff::Timestamp;

use super::words::words;
use super::{AffectedComponent, Author, Impact, StatusId, StatusUpdate};

/// Something that is wrong, or was.
///
/// The fields describe the incident as it is after its newest update; `updates` holds how it came
/// there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Incident {
    /// Its id.
    pub id: StatusId,
    /// The title, in one line.
    pub title: Arc<str>,
    /// The worst impact so far.
    /// It does not fall when the incident gets better, because the history shows how bad it was.
    pub impact: Impact,
    /// The present status.
    pub status: IncidentStatus,
    /// The components that it concerns, each as the incident says it is now.
    pub affected: Vec<AffectedComponent>,
    /// The time at which it began, not after it was written.
    /// Automatic incidents are written some time after the state changed, and dated by the change.
    pub started_at: Timestamp,
    /// The time at which it was written.
    pub created_at: Timestamp,
    /// The time of the last change.
    pub updated_at: Timestamp,
    /// Since when it is watched after a mend.
    pub monitoring_at: Option<Timestamp>,
    /// The time at which it was over; `None` until then.
    pub resolved_at: Option<Timestamp>,
    /// The author of the incident.
    pub author: Author,
    /// The updates, newest first; never empty.
    pub updates: Vec<StatusUpdate<IncidentStatus>>,
}

words! {
    /// The status of an incident, in Statuspage's words.
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
    /// Returns `true` if it is over.
    #[must_use]
    pub const fn is_resolved(&self) -> bool {
        self.status.is_end()
    }
}

impl IncidentStatus {
    /// Returns `true` if an incident of this status is over.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Resolved | Self::Postmortem)
    }
}
