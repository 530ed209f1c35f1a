//! The public pages as JSON, with exact figures.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::routes::StatusPage;
use crate::model::status::{
    AffectedComponent, ComponentStatus, Incident, ScheduledMaintenance, StateDurations, StatusId,
    StatusSnapshot, StatusUpdate, UptimeDay,
};
use crate::serve::pages::strip_invisible;

#[derive(Serialize)]
struct StatusJson<'a> {
    title: String,
    time_zone: &'a str,
    taken_at: String,
    store_away_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Vec<ComponentJson>>,
    incidents: Vec<NoticeJson>,
    maintenances: Vec<NoticeJson>,
}

#[derive(Serialize)]
struct ComponentJson {
    id: String,
    key: String,
    name: String,
    description: Option<String>,
    state: &'static str,
    since: String,
    in_maintenance: bool,
    uptime: UptimeJson,
    days: Vec<DayJson>,
}

/// A share of time, as a number from 0 to 1 and by the seconds that it is made of.
#[derive(Serialize)]
struct UptimeJson {
    value: Option<f64>,
    formula: &'static str,
    seconds: StateSecondsJson,
}

#[derive(Serialize)]
struct StateSecondsJson {
    operational: u64,
    degraded_performance: u64,
    partial_outage: u64,
    major_outage: u64,
    maintenance: u64,
    no_data: u64,
    outage_in_maintenance: u64,
}

#[derive(Serialize)]
struct DayJson {
    date: String,
    state: &'static str,
    seconds: StateSecondsJson,
}

#[derive(Serialize)]
struct NoticeJson {
    id: String,
    title: String,
    status: &'static str,
    impact: &'static str,
    affected: Vec<AffectedComponentJson>,
    created_at: String,
    updated_at: String,
    started_at: String,
    ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_until: Option<String>,
    updates: Vec<UpdateJson>,
}

#[derive(Serialize)]
struct AffectedComponentJson {
    id: String,
    key: String,
    name: String,
    state: &'static str,
}

#[derive(Serialize)]
struct UpdateJson {
    id: String,
    status: &'static str,
    at: String,
    body: String,
    author: &'static str,
}

pub(super) fn render_page_json(page: StatusPage, snapshot: &StatusSnapshot) -> String {
    let whole = page == StatusPage::History;
    let incidents = snapshot.incidents.iter();
    let maintenances = snapshot.maintenances.iter();
    let status = page == StatusPage::Status;
    let document = StatusJson {
        title: strip_invisible(&snapshot.title),
        time_zone: &snapshot.time_zone,
        taken_at: format_time(snapshot.taken_at),
        store_away_since: snapshot.store_away_since.map(format_time),
        state: status.then(|| snapshot.worst().as_str()),
        components: (page != StatusPage::Current)
            .then(|| snapshot.components.iter().map(component_json).collect()),
        incidents: incidents
            .filter(|one| whole || !one.is_resolved())
            .map(incident_json)
            .collect(),
        maintenances: maintenances
            .filter(|one| whole || !one.is_completed())
            .map(maintenance_json)
            .collect(),
    };
    to_json_string(&document)
}

/// Returns the JSON of the incident or maintenance of an id.
pub(super) fn render_notice_json(snapshot: &StatusSnapshot, id: StatusId) -> Option<String> {
    let notice = snapshot.incidents.iter().find(|one| one.id == id);
    let planned = || snapshot.maintenances.iter().find(|one| one.id == id);
    let notice = notice
        .map(incident_json)
        .or_else(|| planned().map(maintenance_json))?;
    Some(to_json_string(&notice))
}

fn to_json_string(value: &impl Serialize) -> String {
    // Text, numbers and nothing that fails.
    serde_json::to_string(value).unwrap_or_default()
}

fn component_json(one: &ComponentStatus) -> ComponentJson {
    ComponentJson {
        id: one.id.to_string(),
        key: strip_invisible(&one.key),
        name: strip_invisible(&one.name),
        description: one.description.as_deref().map(strip_invisible),
        state: one.state.as_str(),
        since: format_time(one.since),
        in_maintenance: one.in_maintenance,
        uptime: UptimeJson {
            value: one
                .seconds
                .uptime()
                .map(|uptime| f64::from(uptime.thousandths()) / 100_000.0),
            formula: StateDurations::FORMULA,
            seconds: state_seconds_json(&one.seconds),
        },
        days: one.days.iter().map(day_json).collect(),
    }
}

fn day_json(day: &UptimeDay) -> DayJson {
    DayJson {
        date: day.date.to_string(),
        state: day.seconds.worst().as_str(),
        seconds: state_seconds_json(&day.seconds),
    }
}

const fn state_seconds_json(seconds: &StateDurations) -> StateSecondsJson {
    StateSecondsJson {
        operational: seconds.operational,
        degraded_performance: seconds.degraded_performance,
        partial_outage: seconds.partial_outage,
        major_outage: seconds.major_outage,
        maintenance: seconds.maintenance,
        no_data: seconds.no_data,
        outage_in_maintenance: seconds.outage_in_maintenance,
    }
}

fn incident_json(one: &Incident) -> NoticeJson {
    NoticeJson {
        id: one.id.to_string(),
        title: strip_invisible(&one.title),
        status: one.status.as_str(),
        impact: one.impact.as_str(),
        affected: one.affected.iter().map(affected_component_json).collect(),
        created_at: format_time(one.created_at),
        updated_at: format_time(one.updated_at),
        started_at: format_time(one.started_at),
        ended_at: one.resolved_at.map(format_time),
        scheduled_until: None,
        updates: update_list_json(&one.updates, crate::model::status::IncidentStatus::as_str),
    }
}

fn maintenance_json(one: &ScheduledMaintenance) -> NoticeJson {
    NoticeJson {
        id: one.id.to_string(),
        title: strip_invisible(&one.title),
        status: one.status.as_str(),
        impact: crate::model::status::Impact::Maintenance.as_str(),
        affected: one.affected.iter().map(affected_component_json).collect(),
        created_at: format_time(one.created_at),
        updated_at: format_time(one.updated_at),
        started_at: format_time(one.scheduled_for),
        ended_at: one.completed_at.map(format_time),
        scheduled_until: Some(format_time(one.scheduled_until)),
        updates: update_list_json(
            &one.updates,
            crate::model::status::MaintenanceStatus::as_str,
        ),
    }
}

fn affected_component_json(one: &AffectedComponent) -> AffectedComponentJson {
    AffectedComponentJson {
        id: one.id.to_string(),
        key: strip_invisible(&one.key),
        name: strip_invisible(&one.name),
        state: one.state.as_str(),
    }
}

fn update_list_json<S: Copy>(
    updates: &[StatusUpdate<S>],
    status: fn(S) -> &'static str,
) -> Vec<UpdateJson> {
    let update = |update: &StatusUpdate<S>| UpdateJson {
        id: update.id.to_string(),
        status: status(update.status),
        at: format_time(update.at),
        body: strip_invisible(&update.body),
        author: update.author.as_str(),
    };
    updates.iter().map(update).collect()
}

fn format_time(at: Timestamp) -> String {
    format!("{at:.3}")
}
