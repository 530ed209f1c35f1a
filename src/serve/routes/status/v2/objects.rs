//! The objects of Statuspage's API, field by field.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::model::status::{
    self, AffectedComponent, ComponentState, Impact, StatusId, StatusSnapshot, StatusUpdate,
};
use crate::serve::pages::{OverallStatus, strip_invisible};

/// Returns the id of the page.
fn page_id(snapshot: &StatusSnapshot) -> StatusId {
    StatusId::from_key(&snapshot.title)
}

/// A time in UTC with exactly three decimals.
#[derive(Clone, Copy)]
pub(super) struct StatuspageTime(Timestamp);

impl Serialize for StatuspageTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

/// An id as text.
#[derive(Clone, Copy)]
pub(super) struct StatuspageId(StatusId);

impl Serialize for StatuspageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

#[derive(Serialize)]
pub(super) struct StatuspagePage<'a> {
    id: StatuspageId,
    name: String,
    url: &'a str,
    time_zone: &'a str,
    updated_at: StatuspageTime,
}

#[derive(Serialize)]
pub(super) struct StatuspageStatus {
    indicator: &'static str,
    description: &'static str,
}

#[derive(Serialize)]
pub(super) struct StatuspageComponent<'a> {
    id: StatuspageId,
    name: String,
    status: &'static str,
    created_at: StatuspageTime,
    updated_at: StatuspageTime,
    position: usize,
    description: Option<String>,
    showcase: bool,
    start_date: Option<&'a str>,
    group_id: Option<&'a str>,
    page_id: StatuspageId,
    group: bool,
    only_show_if_degraded: bool,
}

#[derive(Serialize)]
pub(super) struct StatuspageIncident<'a> {
    id: StatuspageId,
    name: String,
    status: &'static str,
    created_at: StatuspageTime,
    updated_at: StatuspageTime,
    monitoring_at: Option<StatuspageTime>,
    resolved_at: Option<StatuspageTime>,
    impact: &'static str,
    shortlink: String,
    started_at: StatuspageTime,
    page_id: StatuspageId,
    incident_updates: Vec<StatuspageUpdate>,
    components: Vec<StatuspageComponent<'a>>,
    reminder_intervals: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct StatuspageMaintenance<'a> {
    #[serde(flatten)]
    incident: StatuspageIncident<'a>,
    scheduled_for: StatuspageTime,
    scheduled_until: StatuspageTime,
}

#[derive(Serialize)]
pub(super) struct StatuspageUpdate {
    id: StatuspageId,
    status: &'static str,
    body: String,
    incident_id: StatuspageId,
    created_at: StatuspageTime,
    updated_at: StatuspageTime,
    affected_components: Option<Vec<ComponentChange>>,
    deliver_notifications: bool,
    custom_tweet: Option<String>,
    tweet_id: Option<u64>,
    display_at: StatuspageTime,
}

#[derive(Serialize)]
pub(super) struct ComponentChange {
    code: StatuspageId,
    name: String,
    old_status: &'static str,
    new_status: &'static str,
}

impl<'a> StatuspagePage<'a> {
    pub(super) fn new(snapshot: &'a StatusSnapshot, url: &'a str) -> Self {
        let zone = &*snapshot.time_zone;
        Self {
            id: StatuspageId(page_id(snapshot)),
            name: strip_invisible(&snapshot.title),
            url,
            time_zone: if zone == "UTC" { "Etc/UTC" } else { zone },
            updated_at: StatuspageTime(snapshot.taken_at),
        }
    }
}

impl StatuspageStatus {
    pub(super) fn from_snapshot(snapshot: &StatusSnapshot) -> Self {
        let overall = OverallStatus::from_snapshot(snapshot);
        let (indicator, description) = match overall.impact {
            Impact::None if !overall.has_data => ("minor", "Status Unknown"),
            Impact::None => ("none", "All Systems Operational"),
            Impact::Maintenance => ("maintenance", "Service Under Maintenance"),
            Impact::Minor => ("minor", "Partially Degraded Service"),
            Impact::Major => ("major", "Partial System Outage"),
            Impact::Critical => ("critical", "Major System Outage"),
        };
        Self {
            indicator,
            description,
        }
    }
}

impl<'a> StatuspageComponent<'a> {
    pub(super) fn all_with_data(snapshot: &'a StatusSnapshot) -> Vec<Self> {
        let components = snapshot.components.iter().enumerate();
        components
            .filter(|(_, one)| one.state != ComponentState::NoData)
            .map(|(index, one)| Self::new(index, one, page_id(snapshot)))
            .collect()
    }

    fn new(index: usize, one: &'a status::ComponentStatus, page: StatusId) -> Self {
        Self {
            id: StatuspageId(one.id),
            name: strip_invisible(&one.name),
            status: state_name(one.state),
            created_at: StatuspageTime(one.first_seen),
            updated_at: StatuspageTime(one.since),
            position: index + 1,
            description: one.description.as_deref().map(strip_invisible),
            showcase: true,
            start_date: None,
            group_id: None,
            page_id: StatuspageId(page),
            group: false,
            only_show_if_degraded: false,
        }
    }

    /// Returns affected components that are known, in their current state.
    fn affected(affected: &[AffectedComponent], snapshot: &'a StatusSnapshot) -> Vec<Self> {
        let components = snapshot.components.iter().enumerate();
        let is_affected = |one: &status::ComponentStatus| affected.iter().any(|it| it.id == one.id);
        components
            .filter(|(_, one)| is_affected(one))
            .map(|(index, one)| Self::new(index, one, page_id(snapshot)))
            .collect()
    }
}

impl<'a> StatuspageIncident<'a> {
    pub(super) fn new(one: &status::Incident, snapshot: &'a StatusSnapshot, base: &str) -> Self {
        Self {
            id: StatuspageId(one.id),
            name: to_single_line(&one.title),
            status: one.status.as_str(),
            created_at: StatuspageTime(one.created_at),
            updated_at: StatuspageTime(one.updated_at),
            monitoring_at: one.monitoring_at.map(StatuspageTime),
            resolved_at: one.resolved_at.map(StatuspageTime),
            impact: one.impact.as_str(),
            shortlink: format!("{base}/status/incidents/{}", one.id),
            started_at: StatuspageTime(one.started_at),
            page_id: StatuspageId(page_id(snapshot)),
            incident_updates: statuspage_updates(
                &one.updates,
                status::IncidentStatus::as_str,
                one.id,
            ),
            components: StatuspageComponent::affected(&one.affected, snapshot),
            reminder_intervals: None,
        }
    }
}

impl<'a> StatuspageMaintenance<'a> {
    pub(super) fn new(
        one: &status::ScheduledMaintenance,
        snapshot: &'a StatusSnapshot,
        base: &str,
    ) -> Self {
        let incident = StatuspageIncident {
            id: StatuspageId(one.id),
            name: to_single_line(&one.title),
            status: one.status.as_str(),
            created_at: StatuspageTime(one.created_at),
            updated_at: StatuspageTime(one.updated_at),
            monitoring_at: None,
            resolved_at: one.completed_at.map(StatuspageTime),
            impact: Impact::Maintenance.as_str(),
            shortlink: format!("{base}/status/incidents/{}", one.id),
            started_at: StatuspageTime(one.scheduled_for),
            page_id: StatuspageId(page_id(snapshot)),
            incident_updates: statuspage_updates(
                &one.updates,
                status::MaintenanceStatus::as_str,
                one.id,
            ),
            components: StatuspageComponent::affected(&one.affected, snapshot),
            reminder_intervals: None,
        };
        Self {
            incident,
            scheduled_for: StatuspageTime(one.scheduled_for),
            scheduled_until: StatuspageTime(one.scheduled_until),
        }
    }
}

/// Returns the updates, newest first.
fn statuspage_updates<S: Copy>(
    updates: &[StatusUpdate<S>],
    status: fn(S) -> &'static str,
    incident: StatusId,
) -> Vec<StatuspageUpdate> {
    let update = |(index, update): (usize, &StatusUpdate<S>)| {
        let before = updates.get(index + 1..).unwrap_or_default();
        let changes = update.affected.iter().map(|one| ComponentChange {
            code: StatuspageId(one.id),
            name: strip_invisible(&one.name),
            old_status: state_name(state_before(before, one)),
            new_status: state_name(one.state),
        });
        let changes: Vec<_> = changes.collect();
        StatuspageUpdate {
            id: StatuspageId(update.id),
            status: status(update.status),
            body: strip_invisible(&update.body),
            incident_id: StatuspageId(incident),
            created_at: StatuspageTime(update.at),
            updated_at: StatuspageTime(update.at),
            affected_components: (!changes.is_empty()).then_some(changes),
            deliver_notifications: true,
            custom_tweet: None,
            tweet_id: None,
            display_at: StatuspageTime(update.at),
        }
    };
    updates.iter().enumerate().map(update).collect()
}

/// Returns a component's state in the updates before; before the first one it is operational.
fn state_before<S>(before: &[StatusUpdate<S>], one: &AffectedComponent) -> ComponentState {
    let affected = before.iter().flat_map(|update| &update.affected);
    let last = affected.into_iter().find(|it| it.id == one.id);
    last.map_or(ComponentState::Operational, |it| it.state)
}

/// Returns Statuspage's name of a state; there is none for a component without data.
const fn state_name(state: ComponentState) -> &'static str {
    match state {
        ComponentState::NoData => ComponentState::Operational.as_str(),
        known => known.as_str(),
    }
}

fn to_single_line(title: &str) -> String {
    strip_invisible(title).replace('\n', " ")
}
