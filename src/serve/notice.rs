//! Incidents and maintenance as one kind: both have a title, affected components and a timeline.
//!
//! Pages, feed and JSON read it instead of the two, so that each has one template.

use serde::Serialize;

use super::time::Rfc3339Millis;
use crate::model::status::{
    AffectedComponent, Author, ComponentState, Impact, Incident, IncidentStatus, MaintenanceStatus,
    ScheduledMaintenance, StatusId, StatusSnapshot, StatusUpdate,
};

/// The most incidents, or maintenance, that one document lists: as many as Statuspage does. The rest is on
/// further pages of the history.
pub(crate) const MAX_LISTED: usize = 50;
/// The updates on one page of an incident.
pub(crate) const UPDATES_PER_PAGE: usize = 50;
/// The text that lists show of one timeline, in bytes, and the newest update whatever its size. All of it is on
/// the page of the incident.
const MAX_LISTED_TEXT_BYTES: usize = 16 * 1_024;

/// An incident or a maintenance, with the members of its JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Notice<'a> {
    pub(crate) id: StatusId,
    pub(crate) title: &'a str,
    pub(crate) status: &'static str,
    /// For people; `status` is for programs.
    #[serde(skip)]
    pub(crate) status_label: &'static str,
    pub(crate) impact: Impact,
    pub(crate) affected: Vec<NoticeComponent<'a>>,
    pub(crate) created_at: Rfc3339Millis,
    pub(crate) updated_at: Rfc3339Millis,
    /// The planned start of a maintenance.
    pub(crate) started_at: Rfc3339Millis,
    /// For Statuspage's API alone.
    #[serde(skip)]
    pub(crate) monitoring_at: Option<Rfc3339Millis>,
    pub(crate) ended_at: Option<Rfc3339Millis>,
    /// True once resolved or completed; a maintenance may have a planned end before.
    #[serde(skip)]
    pub(crate) is_over: bool,
    /// The planned end of a maintenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scheduled_until: Option<Rfc3339Millis>,
    /// Newest first.
    pub(crate) updates: Vec<NoticeUpdate<'a>>,
    /// The number of updates before those that are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) earlier_updates: usize,
}

/// An affected component.
#[derive(Debug, Serialize)]
pub(crate) struct NoticeComponent<'a> {
    pub(crate) id: StatusId,
    key: &'a str,
    pub(crate) name: &'a str,
    pub(crate) state: ComponentState,
}

/// One entry of a timeline.
#[derive(Debug, Serialize)]
pub(crate) struct NoticeUpdate<'a> {
    pub(crate) id: StatusId,
    pub(crate) status: &'static str,
    #[serde(skip)]
    pub(crate) status_label: &'static str,
    pub(crate) at: Rfc3339Millis,
    pub(crate) body: &'a str,
    author: Author,
    #[serde(skip)]
    pub(crate) affected: Vec<NoticeComponent<'a>>,
}

impl<'a> Notice<'a> {
    pub(crate) fn from_incident(incident: &'a Incident) -> Self {
        Self {
            id: incident.id,
            title: &incident.title,
            status: incident.status.as_str(),
            status_label: incident.status.label(),
            impact: incident.impact,
            affected: components(&incident.affected),
            created_at: Rfc3339Millis(incident.created_at),
            updated_at: Rfc3339Millis(incident.updated_at),
            started_at: Rfc3339Millis(incident.started_at),
            monitoring_at: incident.monitoring_at.map(Rfc3339Millis),
            ended_at: incident.resolved_at.map(Rfc3339Millis),
            is_over: incident.is_resolved(),
            scheduled_until: None,
            updates: updates(&incident.updates, |status: IncidentStatus| {
                (status.as_str(), status.label())
            }),
            earlier_updates: 0,
        }
    }

    pub(crate) fn from_maintenance(maintenance: &'a ScheduledMaintenance) -> Self {
        Self {
            id: maintenance.id,
            title: &maintenance.title,
            status: maintenance.status.as_str(),
            status_label: maintenance.status.label(),
            impact: Impact::Maintenance,
            affected: components(&maintenance.affected),
            created_at: Rfc3339Millis(maintenance.created_at),
            updated_at: Rfc3339Millis(maintenance.updated_at),
            started_at: Rfc3339Millis(maintenance.scheduled_for),
            monitoring_at: None,
            ended_at: maintenance.completed_at.map(Rfc3339Millis),
            is_over: maintenance.is_completed(),
            scheduled_until: Some(Rfc3339Millis(maintenance.scheduled_until)),
            updates: updates(&maintenance.updates, |status: MaintenanceStatus| {
                (status.as_str(), status.label())
            }),
            earlier_updates: 0,
        }
    }

    /// Returns all incidents, then all maintenance.
    pub(crate) fn all(snapshot: &'a StatusSnapshot) -> impl Iterator<Item = Self> {
        let maintenances = snapshot.maintenances.iter().map(Self::from_maintenance);
        snapshot
            .incidents
            .iter()
            .map(Self::from_incident)
            .chain(maintenances)
    }

    /// Returns the incident or maintenance of an id.
    pub(crate) fn find(snapshot: &'a StatusSnapshot, id: StatusId) -> Option<Self> {
        let incident = snapshot.incidents.iter().find(|one| one.id == id);
        let maintenance = || snapshot.maintenances.iter().find(|one| one.id == id);
        incident
            .map(Self::from_incident)
            .or_else(|| maintenance().map(Self::from_maintenance))
    }

    /// Leaves out the earliest updates of a long timeline, as lists do.
    pub(crate) fn shortened(mut self) -> Self {
        let listed = self.listed_updates();
        self.earlier_updates = self.updates.len() - listed;
        self.updates.truncate(listed);
        self
    }

    /// Returns the number of updates that lists show.
    pub(crate) fn listed_updates(&self) -> usize {
        let mut bytes = 0;
        let fits = |update: &&NoticeUpdate<'_>| {
            // Markup, times and states, roughly.
            bytes += update.body.len() + 200 + 100 * update.affected.len();
            bytes <= MAX_LISTED_TEXT_BYTES
        };
        let fitting = self.updates.iter().take_while(fits).count();
        fitting.max(1).min(self.updates.len())
    }

    /// Keeps the updates of a page, from 1 on.
    pub(crate) fn page(mut self, page: usize) -> Self {
        let first = page.saturating_sub(1).saturating_mul(UPDATES_PER_PAGE);
        self.updates.drain(..first.min(self.updates.len()));
        self.updates.truncate(UPDATES_PER_PAGE);
        self
    }

    /// Returns the path of its page.
    pub(crate) fn path(id: StatusId) -> String {
        format!("/status/incidents/{id}")
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

fn components(affected: &[AffectedComponent]) -> Vec<NoticeComponent<'_>> {
    let components = affected.iter().map(|one| NoticeComponent {
        id: one.id,
        key: &one.key,
        name: &one.name,
        state: one.state,
    });
    components.collect()
}

/// Converts updates of either kind; `words` gives a status its word and its label.
fn updates<S: Copy>(
    updates: &[StatusUpdate<S>],
    words: fn(S) -> (&'static str, &'static str),
) -> Vec<NoticeUpdate<'_>> {
    let updates = updates.iter().map(|update| {
        let (status, status_label) = words(update.status);
        NoticeUpdate {
            id: update.id,
            status,
            status_label,
            at: Rfc3339Millis(update.at),
            body: &update.body,
            author: update.author,
            affected: components(&update.affected),
        }
    });
    updates.collect()
}
