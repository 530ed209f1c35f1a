//! The objects of Statuspage's API, field by field.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::model::status::{
    self, Affected, ComponentState, Impact, StatusId, StatusSnapshot, Update,
};
use crate::serve::pages::{Overall, readable};

/// What a page id is made of, where it is not a component's or an incident's.
fn page_id(snapshot: &StatusSnapshot) -> StatusId {
    StatusId::of(&snapshot.title)
}

/// A time in UTC with exactly three decimals.
#[derive(Clone, Copy)]
pub(super) struct Time(Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:.3}", self.0))
    }
}

/// An id as text.
#[derive(Clone, Copy)]
pub(super) struct Id(StatusId);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

#[derive(Serialize)]
pub(super) struct PageOf<'a> {
    id: Id,
    name: String,
    url: &'a str,
    time_zone: &'a str,
    updated_at: Time,
}

#[derive(Serialize)]
pub(super) struct Status {
    indicator: &'static str,
    description: &'static str,
}

#[derive(Serialize)]
pub(super) struct Component<'a> {
    id: Id,
    name: String,
    status: &'static str,
    created_at: Time,
    updated_at: Time,
    position: usize,
    description: Option<String>,
    showcase: bool,
    start_date: Option<&'a str>,
    group_id: Option<&'a str>,
    page_id: Id,
    group: bool,
    only_show_if_degraded: bool,
}

#[derive(Serialize)]
pub(super) struct Incident<'a> {
    id: Id,
    name: String,
    status: &'static str,
    created_at: Time,
    updated_at: Time,
    monitoring_at: Option<Time>,
    resolved_at: Option<Time>,
    impact: &'static str,
    shortlink: String,
    started_at: Time,
    page_id: Id,
    incident_updates: Vec<IncidentUpdate>,
    components: Vec<Component<'a>>,
    reminder_intervals: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct Maintenance<'a> {
    #[serde(flatten)]
    incident: Incident<'a>,
    scheduled_for: Time,
    scheduled_until: Time,
}

#[derive(Serialize)]
pub(super) struct IncidentUpdate {
    id: Id,
    status: &'static str,
    body: String,
    incident_id: Id,
    created_at: Time,
    updated_at: Time,
    affected_components: Option<Vec<Change>>,
    deliver_notifications: bool,
    custom_tweet: Option<String>,
    tweet_id: Option<u64>,
    display_at: Time,
}

#[derive(Serialize)]
pub(super) struct Change {
    code: Id,
    name: String,
    old_status: &'static str,
    new_status: &'static str,
}

impl<'a> PageOf<'a> {
    pub(super) fn of(snapshot: &'a StatusSnapshot, url: &'a str) -> Self {
        let zone = &*snapshot.time_zone;
        Self {
            id: Id(page_id(snapshot)),
            name: readable(&snapshot.title),
            url,
            time_zone: if zone == "UTC" { "Etc/UTC" } else { zone },
            updated_at: Time(snapshot.taken_at),
        }
    }
}

impl Status {
    pub(super) fn of(snapshot: &StatusSnapshot) -> Self {
        let overall = Overall::of(snapshot);
        let (indicator, description) = match overall.impact {
            Impact::None if !overall.known => ("minor", "Status Unknown"),
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

impl<'a> Component<'a> {
    pub(super) fn all(snapshot: &'a StatusSnapshot) -> Vec<Self> {
        let components = snapshot.components.iter().enumerate();
        components
            .filter(|(_, one)| one.state != ComponentState::NoData)
            .map(|(index, one)| Self::of(index, one, page_id(snapshot)))
            .collect()
    }

    fn of(index: usize, one: &'a status::Component, page: StatusId) -> Self {
        Self {
            id: Id(one.id),
            name: readable(&one.name),
            status: word(one.state),
            created_at: Time(one.first_seen),
            updated_at: Time(one.since),
            position: index + 1,
            description: one.description.as_deref().map(readable),
            showcase: true,
            start_date: None,
            group_id: None,
            page_id: Id(page),
            group: false,
            only_show_if_degraded: false,
        }
    }

    /// Those that are concerned and known, as they are now.
    fn concerned(affected: &[Affected], snapshot: &'a StatusSnapshot) -> Vec<Self> {
        let components = snapshot.components.iter().enumerate();
        let concerned = |one: &status::Component| affected.iter().any(|it| it.id == one.id);
        components
            .filter(|(_, one)| concerned(one))
            .map(|(index, one)| Self::of(index, one, page_id(snapshot)))
            .collect()
    }
}

impl<'a> Incident<'a> {
    pub(super) fn of(one: &status::Incident, snapshot: &'a StatusSnapshot, base: &str) -> Self {
        Self {
            id: Id(one.id),
            name: line(&one.title),
            status: one.status.as_str(),
            created_at: Time(one.created_at),
            updated_at: Time(one.updated_at),
            monitoring_at: one.monitoring_at.map(Time),
            resolved_at: one.resolved_at.map(Time),
            impact: one.impact.as_str(),
            shortlink: format!("{base}/status/incidents/{}", one.id),
            started_at: Time(one.started_at),
            page_id: Id(page_id(snapshot)),
            incident_updates: updates(&one.updates, status::IncidentStatus::as_str, one.id),
            components: Component::concerned(&one.affected, snapshot),
            reminder_intervals: None,
        }
    }
}

impl<'a> Maintenance<'a> {
    pub(super) fn of(one: &status::Maintenance, snapshot: &'a StatusSnapshot, base: &str) -> Self {
        let incident = Incident {
            id: Id(one.id),
            name: line(&one.title),
            status: one.status.as_str(),
            created_at: Time(one.created_at),
            updated_at: Time(one.updated_at),
            monitoring_at: None,
            resolved_at: one.completed_at.map(Time),
            impact: Impact::Maintenance.as_str(),
            shortlink: format!("{base}/status/incidents/{}", one.id),
            started_at: Time(one.scheduled_for),
            page_id: Id(page_id(snapshot)),
            incident_updates: updates(&one.updates, status::MaintenanceStatus::as_str, one.id),
            components: Component::concerned(&one.affected, snapshot),
            reminder_intervals: None,
        };
        Self {
            incident,
            scheduled_for: Time(one.scheduled_for),
            scheduled_until: Time(one.scheduled_until),
        }
    }
}

/// Newest first, as they come.
fn updates<S: Copy>(
    updates: &[Update<S>],
    status: fn(S) -> &'static str,
    incident: StatusId,
) -> Vec<IncidentUpdate> {
    let update = |(index, update): (usize, &Update<S>)| {
        let before = updates.get(index + 1..).unwrap_or_default();
        let changes = update.affected.iter().map(|one| Change {
            code: Id(one.id),
            name: readable(&one.name),
            old_status: word(before_that(before, one)),
            new_status: word(one.state),
        });
        let changes: Vec<_> = changes.collect();
        IncidentUpdate {
            id: Id(update.id),
            status: status(update.status),
            body: readable(&update.body),
            incident_id: Id(incident),
            created_at: Time(update.at),
            updated_at: Time(update.at),
            affected_components: (!changes.is_empty()).then_some(changes),
            deliver_notifications: true,
            custom_tweet: None,
            tweet_id: None,
            display_at: Time(update.at),
        }
    };
    updates.iter().enumerate().map(update).collect()
}

/// What the updates before said of a component; before the first one it worked.
fn before_that<S>(before: &[Update<S>], one: &Affected) -> ComponentState {
    let said = before.iter().flat_map(|update| &update.affected);
    let last = said.into_iter().find(|it| it.id == one.id);
    last.map_or(ComponentState::Operational, |it| it.state)
}

/// Their words; they have none for what nobody has looked at.
const fn word(state: ComponentState) -> &'static str {
    match state {
        ComponentState::NoData => ComponentState::Operational.as_str(),
        known => known.as_str(),
    }
}

fn line(title: &str) -> String {
    readable(title).replace('\n', " ")
}
