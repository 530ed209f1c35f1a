//! The stored rows of incidents and maintenance: one kind of row, because both are a title, components
//! and a timeline.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::status::{
    Author, ComponentState, Impact, IncidentStatus, MaintenanceStatus, StatusId,
};

/// An incident or a maintenance, with its updates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IncidentRow {
    pub(crate) id: StatusId,
    /// Grows by one with each change; one that was made to an older version is left out, so that two
    /// who write at once do not lose each other's words.
    pub(crate) version: u64,
    /// Of those that are open, only one may have a slot: the second is left out.
    pub(crate) slot: Option<String>,
    /// Not for the public yet.
    pub(crate) draft: bool,
    pub(crate) title: String,
    /// The author of the first version.
    pub(crate) author: Author,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) affected: Vec<AffectedRow>,
    #[serde(rename = "course")]
    pub(crate) kind: IncidentKind,
}

/// The kind of a row, with the details of that kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IncidentKind {
    Incident(IncidentDetails),
    Maintenance(MaintenanceDetails),
}

/// The details of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IncidentDetails {
    pub(crate) impact: Impact,
    pub(crate) status: IncidentStatus,
    pub(crate) started_at: Timestamp,
    pub(crate) monitoring_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    /// Oldest first.
    pub(crate) updates: Vec<UpdateRow<IncidentStatus>>,
}

/// The details of a maintenance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MaintenanceDetails {
    /// The status of the last manual update; the clock goes on from there.
    pub(crate) status: MaintenanceStatus,
    pub(crate) scheduled_for: Timestamp,
    pub(crate) scheduled_until: Timestamp,
    /// The time at which a person completed it.
    pub(crate) completed_at: Option<Timestamp>,
    /// Oldest first.
    pub(crate) updates: Vec<UpdateRow<MaintenanceStatus>>,
}

/// One entry of a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateRow<S> {
    pub(crate) id: StatusId,
    pub(crate) status: S,
    pub(crate) body: String,
    pub(crate) at: Timestamp,
    pub(crate) author: Author,
    pub(crate) affected: Vec<AffectedRow>,
}

/// A component by its key, and how it is said to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AffectedRow {
    pub(crate) key: String,
    pub(crate) state: ComponentState,
}

/// A component in one state for a time, in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpanRow {
    pub(crate) component: std::sync::Arc<str>,
    pub(crate) state: ComponentState,
    /// With component and state, by which it is found again.
    pub(crate) start: i64,
    /// Only grows.
    pub(crate) end: i64,
}

impl IncidentRow {
    /// Returns the time at which it is or will be over; `None` if that is unknown.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        match &self.kind {
            IncidentKind::Incident(details) => details.resolved_at,
            IncidentKind::Maintenance(details) => {
                let until = details.scheduled_until;
                Some(details.completed_at.map_or(until, |at| at.min(until)))
            }
        }
    }

    /// Returns true if it was changed after a moment or is not over then.
    pub(crate) fn is_relevant_after(&self, since: Timestamp) -> bool {
        self.updated_at > since || self.ends_at().is_none_or(|ends| ends > since)
    }

    /// Returns true if it takes the place of `known`, which has the same id.
    pub(crate) const fn is_next_version_of(&self, known: &Self) -> bool {
        self.version == known.version.saturating_add(1)
    }

    /// Returns true if it is the other one or a later version of it: another process may go on with a
    /// version as soon as it is written, and before its writer has read it back.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        let last = other.update_ids().next_back();
        self.id == other.id
            && (self == other || last.is_some_and(|last| self.update_ids().any(|id| id == last)))
    }

    /// Returns the ids of its updates, the oldest first.
    fn update_ids(&self) -> Box<dyn DoubleEndedIterator<Item = StatusId> + '_> {
        match &self.kind {
            IncidentKind::Incident(details) => {
                Box::new(details.updates.iter().map(|update| update.id))
            }
            IncidentKind::Maintenance(details) => {
                Box::new(details.updates.iter().map(|update| update.id))
            }
        }
    }

    /// Returns true if the other one is open and has its slot.
    pub(crate) fn is_blocked_by(&self, other: &Self) -> bool {
        self.slot.is_some() && self.slot == other.slot && other.ends_at().is_none()
    }
}

#[cfg(any(feature = "file-store", feature = "postgres"))]
impl IncidentRow {
    pub(crate) fn to_json(&self) -> String {
        // Text, numbers and times only: it can't fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn parse(id: &str, json: &[u8]) -> Result<Self, String> {
        let row = serde_json::from_slice(json);
        row.map_err(|error| format!("the row of incident {id:?}: {error}"))
    }
}
