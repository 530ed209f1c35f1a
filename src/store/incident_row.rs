//! Incidents and maintenance as they are kept: one kind of row, because both are a title, components
//! and a timeline.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::status::{
    Author, ComponentState, Impact, IncidentStatus, MaintenanceStatus, StatusId,
};

/// An incident or a maintenance, with all that was said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulletinRow {
    pub(crate) id: StatusId,
    /// Grows by one with each change; one that was made to an older version is left out, so that two
    /// who write at once do not lose each other's words.
    pub(crate) version: u64,
    /// Of those that are open, only one may have a slot: the second is left out.
    pub(crate) slot: Option<String>,
    /// Not for the public yet.
    pub(crate) draft: bool,
    pub(crate) title: String,
    /// Who opened it.
    pub(crate) author: Author,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) affected: Vec<AffectedRow>,
    pub(crate) course: Course,
}

/// How it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Course {
    Incident(IncidentCourse),
    Maintenance(MaintenanceCourse),
}

/// What an incident has of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IncidentCourse {
    pub(crate) impact: Impact,
    pub(crate) status: IncidentStatus,
    pub(crate) started_at: Timestamp,
    pub(crate) monitoring_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    /// Oldest first.
    pub(crate) updates: Vec<UpdateRow<IncidentStatus>>,
}

/// What a maintenance has of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MaintenanceCourse {
    /// What a person said last; the clock goes on from there.
    pub(crate) status: MaintenanceStatus,
    pub(crate) scheduled_for: Timestamp,
    pub(crate) scheduled_until: Timestamp,
    /// When a person said that it is over.
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

impl BulletinRow {
    /// When it is or will be over; `None` where nobody knows.
    pub(crate) fn ends(&self) -> Option<Timestamp> {
        match &self.course {
            Course::Incident(course) => course.resolved_at,
            Course::Maintenance(course) => {
                let until = course.scheduled_until;
                Some(course.completed_at.map_or(until, |at| at.min(until)))
            }
        }
    }

    /// Whether a reader who knows everything up to a moment has to see it.
    pub(crate) fn matters_after(&self, since: Timestamp) -> bool {
        self.updated_at > since || self.ends().is_none_or(|ends| ends > since)
    }

    /// Whether it takes the place of one with the same id.
    pub(crate) const fn follows(&self, known: &Self) -> bool {
        self.version == known.version.saturating_add(1)
    }

    /// Whether it is the other one, or what has become of it: somebody may go on with a version as soon
    /// as it is written, and before its writer has read it back.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        let last = other.words().next_back();
        self.id == other.id
            && (self == other || last.is_some_and(|last| self.words().any(|word| word == last)))
    }

    /// The ids of its updates, the oldest first.
    fn words(&self) -> Box<dyn DoubleEndedIterator<Item = StatusId> + '_> {
        match &self.course {
            Course::Incident(course) => Box::new(course.updates.iter().map(|update| update.id)),
            Course::Maintenance(course) => Box::new(course.updates.iter().map(|update| update.id)),
        }
    }

    /// Whether the other one keeps it from being opened.
    pub(crate) fn is_shut_out_by(&self, other: &Self) -> bool {
        self.slot.is_some() && self.slot == other.slot && other.ends().is_none()
    }
}

#[cfg(any(test, feature = "file-store", feature = "postgres"))]
impl BulletinRow {
    pub(crate) fn to_json(&self) -> String {
        // Text, numbers and times only: it can't fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn parse(id: &str, json: &[u8]) -> Result<Self, String> {
        let row = serde_json::from_slice(json);
        row.map_err(|error| format!("the row of incident {id:?}: {error}"))
    }
}
