//! The stored rows of incidents and maintenance: one kind of row, because both are a title, components
//! and a timeline.
//!
//! | rule | enforced by |
//! |---|---|
//! | no update is lost | a version is stored only over the one before it |
//! | one automatic incident a subject, whatever replicas see it | the slot |
//! | a draft is not shown | the reader |
//!
//! Fields are strict (`deny_unknown_fields`): a row of a later release with a field that this one
//! doesn't know is skipped, instead of being written back without it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::arc_str;
use super::record::{RecordKind, StoredRow, join_key};
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
    /// Manual incidents have none: people may open two.
    pub(crate) slot: Option<String>,
    /// Not for the public yet.
    pub(crate) draft: bool,
    pub(crate) title: String,
    /// The author of the first version.
    pub(crate) author: Author,
    pub(crate) created_at: Timestamp,
    /// The time of the newest change, which also keeps the row from being deleted.
    pub(crate) updated_at: Timestamp,
    /// As of now; how it came there is in the updates.
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
    /// The worst so far.
    pub(crate) impact: Impact,
    pub(crate) status: IncidentStatus,
    /// The time at which it really began, for automatic ones by the states.
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
    /// From this update on.
    pub(crate) status: S,
    /// For the public, as plain text.
    pub(crate) body: String,
    pub(crate) at: Timestamp,
    pub(crate) author: Author,
    pub(crate) affected: Vec<AffectedRow>,
}

/// A component by its key, and how it is said to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AffectedRow {
    /// Not the id: keys are what the configuration knows, and ids follow from them.
    pub(crate) key: String,
    pub(crate) state: ComponentState,
}

/// A component in one state for a time, in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SpanRow {
    #[serde(with = "arc_str")]
    pub(crate) component: Arc<str>,
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
        self.relevant_until() > since
    }

    /// Returns true if it is the other one or a later version of it: another process may go on with a
    /// version as soon as it is written, and before its writer has read it back.
    // Versions alone don't say it: two writers may have made different rows of one version.
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
}

impl StoredRow for IncidentRow {
    const KIND: RecordKind = RecordKind::Incident;

    fn key(&self) -> String {
        self.id.to_string()
    }

    // Exactly the next one. The loser of a race reads the winner's row and decides anew.
    fn replaces(&self, stored: &Self) -> bool {
        self.version == stored.version.saturating_add(1)
    }

    fn relevant_until(&self) -> Timestamp {
        let ends_at = self.ends_at();
        // A postmortem that is added later keeps the incident on the pages.
        ends_at.map_or(Timestamp::MAX, |ends_at| ends_at.max(self.updated_at))
    }

    /// One that is over holds its slot no more.
    fn slot(&self) -> Option<&str> {
        let open = self.ends_at().is_none();
        self.slot.as_deref().filter(|_| open)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl StoredRow for SpanRow {
    const KIND: RecordKind = RecordKind::Span;

    fn key(&self) -> String {
        join_key(&(&*self.component, self.start, self.state))
    }

    fn replaces(&self, stored: &Self) -> bool {
        self.end > stored.end
    }

    /// The second in which it ended belongs to it.
    fn relevant_until(&self) -> Timestamp {
        Timestamp::from_second(self.end.saturating_add(1)).unwrap_or(Timestamp::MAX)
    }
}
