//! The objects of Statuspage's API, field by field.
//!
//! Fields that have no meaning here hold what Statuspage sends for a page that does not use them; a
//! client that misses one fails.

use serde::Serialize;

use crate::model::status::{ComponentState, ComponentStatus, Impact, StatusId, StatusSnapshot};
use crate::serve::link_base::LinkBase;
use crate::serve::notice::{Notice, NoticeComponent, NoticeUpdate};
use crate::serve::pages::OverallStatus;
use crate::serve::time::Rfc3339Millis;

/// Returns the id of the page.
fn page_id(snapshot: &StatusSnapshot) -> StatusId {
    StatusId::from_key(&snapshot.title)
}

#[derive(Serialize)]
pub(super) struct StatuspagePage<'a> {
    id: StatusId,
    name: &'a str,
    url: String,
    time_zone: &'a str,
    updated_at: Rfc3339Millis,
}

#[derive(Serialize)]
pub(super) struct StatuspageStatus {
    indicator: &'static str,
    description: &'static str,
}

#[derive(Serialize)]
pub(super) struct StatuspageComponent<'a> {
    id: StatusId,
    name: &'a str,
    status: ComponentState,
    created_at: Rfc3339Millis,
    updated_at: Rfc3339Millis,
    position: usize,
    description: Option<&'a str>,
    showcase: bool,
    start_date: Option<&'a str>,
    group_id: Option<&'a str>,
    page_id: StatusId,
    group: bool,
    only_show_if_degraded: bool,
}

/// An incident, or a maintenance, which has two more fields.
#[derive(Serialize)]
pub(super) struct StatuspageIncident<'a> {
    id: StatusId,
    name: String,
    status: &'static str,
    created_at: Rfc3339Millis,
    updated_at: Rfc3339Millis,
    monitoring_at: Option<Rfc3339Millis>,
    resolved_at: Option<Rfc3339Millis>,
    impact: Impact,
    shortlink: String,
    started_at: Rfc3339Millis,
    page_id: StatusId,
    incident_updates: Vec<StatuspageUpdate<'a>>,
    components: Vec<StatuspageComponent<'a>>,
    reminder_intervals: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_for: Option<Rfc3339Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_until: Option<Rfc3339Millis>,
}

#[derive(Serialize)]
struct StatuspageUpdate<'a> {
    id: StatusId,
    status: &'static str,
    body: &'a str,
    incident_id: StatusId,
    created_at: Rfc3339Millis,
    updated_at: Rfc3339Millis,
    affected_components: Option<Vec<ComponentChange<'a>>>,
    deliver_notifications: bool,
    custom_tweet: Option<&'a str>,
    tweet_id: Option<u64>,
    display_at: Rfc3339Millis,
}

#[derive(Serialize)]
struct ComponentChange<'a> {
    code: StatusId,
    name: &'a str,
    old_status: ComponentState,
    new_status: ComponentState,
}

impl<'a> StatuspagePage<'a> {
    pub(super) fn new(snapshot: &'a StatusSnapshot, base: &LinkBase) -> Self {
        let zone = &*snapshot.time_zone;
        Self {
            id: page_id(snapshot),
            name: &snapshot.title,
            url: base.root_url(),
            time_zone: if zone == "UTC" { "Etc/UTC" } else { zone },
            updated_at: Rfc3339Millis(snapshot.taken_at),
        }
    }
}

impl StatuspageStatus {
    pub(super) fn from_snapshot(snapshot: &StatusSnapshot) -> Self {
        let overall = OverallStatus::from_snapshot(snapshot);
        let (indicator, description) = match overall.impact {
            // Statuspage has no "unknown"; "none" would say that all is well.
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
    /// Returns the components whose state is known.
    pub(super) fn all_with_data(snapshot: &'a StatusSnapshot) -> Vec<Self> {
        Self::filtered(snapshot, |one| one.state != ComponentState::NoData)
    }

    fn filtered(
        snapshot: &'a StatusSnapshot,
        is_included: impl Fn(&ComponentStatus) -> bool,
    ) -> Vec<Self> {
        let page_id = page_id(snapshot);
        let components = snapshot.components.iter().enumerate();
        let components = components.filter(|(_, one)| is_included(one));
        let components = components.map(|(index, one)| Self {
            id: one.id,
            name: &one.name,
            status: known_state(one.state),
            created_at: Rfc3339Millis(one.first_seen),
            updated_at: Rfc3339Millis(one.since),
            position: index + 1,
            description: one.description.as_deref(),
            showcase: true,
            start_date: None,
            group_id: None,
            page_id,
            group: false,
            only_show_if_degraded: false,
        });
        components.collect()
    }
}

impl<'a> StatuspageIncident<'a> {
    pub(super) fn new(notice: &Notice<'a>, snapshot: &'a StatusSnapshot, base: &LinkBase) -> Self {
        let is_affected = |one: &ComponentStatus| notice.affected.iter().any(|it| it.id == one.id);
        Self {
            id: notice.id,
            name: notice.title.replace('\n', " "),
            status: notice.status,
            created_at: notice.created_at,
            updated_at: notice.updated_at,
            monitoring_at: notice.monitoring_at,
            resolved_at: notice.ended_at,
            impact: notice.impact,
            shortlink: base.url(&Notice::path(notice.id)),
            started_at: notice.started_at,
            page_id: page_id(snapshot),
            incident_updates: statuspage_updates(notice),
            components: StatuspageComponent::filtered(snapshot, is_affected),
            reminder_intervals: None,
            scheduled_for: notice.scheduled_until.map(|_| notice.started_at),
            scheduled_until: notice.scheduled_until,
        }
    }
}

/// Returns the updates that lists show, newest first.
fn statuspage_updates<'a>(notice: &Notice<'a>) -> Vec<StatuspageUpdate<'a>> {
    let updates = notice.updates.iter().enumerate();
    let updates = updates.map(|(index, update)| {
        let before = notice.updates.get(index + 1..).unwrap_or_default();
        let changes = update.affected.iter().map(|one| ComponentChange {
            code: one.id,
            name: one.name,
            old_status: known_state(state_before(before, one)),
            new_status: known_state(one.state),
        });
        let changes: Vec<_> = changes.collect();
        StatuspageUpdate {
            id: update.id,
            status: update.status,
            body: update.body,
            incident_id: notice.id,
            created_at: update.at,
            updated_at: update.at,
            affected_components: (!changes.is_empty()).then_some(changes),
            deliver_notifications: true,
            custom_tweet: None,
            tweet_id: None,
            display_at: update.at,
        }
    });
    updates.take(notice.listed_updates()).collect()
}

/// Returns a component's state in the updates before; before the first one it is operational.
fn state_before(before: &[NoticeUpdate<'_>], one: &NoticeComponent<'_>) -> ComponentState {
    let mut affected = before.iter().flat_map(|update| &update.affected);
    let last = affected.find(|it| it.id == one.id);
    last.map_or(ComponentState::Operational, |it| it.state)
}

/// Returns a state that Statuspage has a name for: it has none for a component without data.
const fn known_state(state: ComponentState) -> ComponentState {
    match state {
        ComponentState::NoData => ComponentState::Operational,
        known => known,
    }
}
