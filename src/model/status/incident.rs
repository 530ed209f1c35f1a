//! Something that is wrong, or was.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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

/// How far an incident has come, in Statuspage's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IncidentStatus {
    /// The cause is looked for.
    Investigating,
    /// The cause is known.
    Identified,
    /// It is mended, and watched.
    Monitoring,
    /// It is over.
    Resolved,
    /// It is over, and what was learned is written down.
    Postmortem,
}

impl Incident {
    /// Whether it is over.
    #[must_use]
    pub const fn is_resolved(&self) -> bool {
        self.status.is_end()
    }
}

impl IncidentStatus {
    /// All, in their usual order.
    pub const ALL: [Self; 5] = [
        Self::Investigating,
        Self::Identified,
        Self::Monitoring,
        Self::Resolved,
        Self::Postmortem,
    ];

    /// The word of Statuspage's API for it, such as `investigating`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Investigating => "investigating",
            Self::Identified => "identified",
            Self::Monitoring => "monitoring",
            Self::Resolved => "resolved",
            Self::Postmortem => "postmortem",
        }
    }

    /// The same for people, such as `Investigating`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Investigating => "Investigating",
            Self::Identified => "Identified",
            Self::Monitoring => "Monitoring",
            Self::Resolved => "Resolved",
            Self::Postmortem => "Postmortem",
        }
    }

    /// The status of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether an incident of this status is over.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Resolved | Self::Postmortem)
    }
}
