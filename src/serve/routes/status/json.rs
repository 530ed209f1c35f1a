//! The pages for programs: what a page shows, with the exact figures.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::status::{
    Affected, Component, Day, Incident, Maintenance, Seconds, StatusId, StatusSnapshot, Update,
};
use crate::serve::pages::readable;

/// What a document holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// How everything is: components, what is wrong, what is planned.
    Status,
    /// What is wrong and what is planned.
    Current,
    /// Everything that is known of incidents and maintenance.
    History,
}

#[derive(Serialize)]
struct Document<'a> {
    title: String,
    time_zone: &'a str,
    taken_at: String,
    store_away_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Vec<ComponentOf>>,
    incidents: Vec<NoticeOf>,
    maintenances: Vec<NoticeOf>,
}

#[derive(Serialize)]
struct ComponentOf {
    id: String,
    key: String,
    name: String,
    description: Option<String>,
    state: &'static str,
    since: String,
    in_maintenance: bool,
    uptime: Uptime,
    days: Vec<DayOf>,
}

/// A share of time, as a number from 0 to 1 and by the seconds that it is made of.
#[derive(Serialize)]
struct Uptime {
    value: Option<f64>,
    formula: &'static str,
    seconds: SecondsOf,
}

#[derive(Serialize)]
struct SecondsOf {
    operational: u64,
    degraded_performance: u64,
    partial_outage: u64,
    major_outage: u64,
    maintenance: u64,
    no_data: u64,
    outage_in_maintenance: u64,
}

#[derive(Serialize)]
struct DayOf {
    date: String,
    state: &'static str,
    seconds: SecondsOf,
}

#[derive(Serialize)]
struct NoticeOf {
    id: String,
    title: String,
    status: &'static str,
    impact: &'static str,
    affected: Vec<AffectedOf>,
    created_at: String,
    updated_at: String,
    started_at: String,
    ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_until: Option<String>,
    updates: Vec<UpdateOf>,
}

#[derive(Serialize)]
struct AffectedOf {
    id: String,
    key: String,
    name: String,
    state: &'static str,
}

#[derive(Serialize)]
struct UpdateOf {
    id: String,
    status: &'static str,
    at: String,
    body: String,
    author: &'static str,
}

pub(super) fn document(snapshot: &StatusSnapshot, part: Part) -> String {
    let whole = matches!(part, Part::History);
    let incidents = snapshot.incidents.iter();
    let maintenances = snapshot.maintenances.iter();
    let status = matches!(part, Part::Status);
    let document = Document {
        title: readable(&snapshot.title),
        time_zone: &snapshot.time_zone,
        taken_at: time(snapshot.taken_at),
        store_away_since: snapshot.store_away_since.map(time),
        state: status.then(|| snapshot.worst().as_str()),
        components: (!matches!(part, Part::Current))
            .then(|| snapshot.components.iter().map(component).collect()),
        incidents: incidents
            .filter(|one| whole || !one.is_resolved())
            .map(incident)
            .collect(),
        maintenances: maintenances
            .filter(|one| whole || !one.is_completed())
            .map(maintenance)
            .collect(),
    };
    written(&document)
}

/// The incident or maintenance of an id.
pub(super) fn notice(snapshot: &StatusSnapshot, id: StatusId) -> Option<String> {
    let found = snapshot.incidents.iter().find(|one| one.id == id);
    let planned = || snapshot.maintenances.iter().find(|one| one.id == id);
    let found = found.map(incident).or_else(|| planned().map(maintenance))?;
    Some(written(&found))
}

fn written(value: &impl Serialize) -> String {
    // Text, numbers and nothing that fails.
    serde_json::to_string(value).unwrap_or_default()
}

fn component(one: &Component) -> ComponentOf {
    ComponentOf {
        id: one.id.to_string(),
        key: readable(&one.key),
        name: readable(&one.name),
        description: one.description.as_deref().map(readable),
        state: one.state.as_str(),
        since: time(one.since),
        in_maintenance: one.in_maintenance,
        uptime: Uptime {
            value: one
                .seconds
                .uptime()
                .map(|uptime| f64::from(uptime.thousandths()) / 100_000.0),
            formula: Seconds::FORMULA,
            seconds: seconds(&one.seconds),
        },
        days: one.days.iter().map(day).collect(),
    }
}

fn day(day: &Day) -> DayOf {
    DayOf {
        date: day.date.to_string(),
        state: day.seconds.worst().as_str(),
        seconds: seconds(&day.seconds),
    }
}

const fn seconds(seconds: &Seconds) -> SecondsOf {
    SecondsOf {
        operational: seconds.operational,
        degraded_performance: seconds.degraded_performance,
        partial_outage: seconds.partial_outage,
        major_outage: seconds.major_outage,
        maintenance: seconds.maintenance,
        no_data: seconds.no_data,
        outage_in_maintenance: seconds.outage_in_maintenance,
    }
}

fn incident(one: &Incident) -> NoticeOf {
    NoticeOf {
        id: one.id.to_string(),
        title: readable(&one.title),
        status: one.status.as_str(),
        impact: one.impact.as_str(),
        affected: one.affected.iter().map(affected).collect(),
        created_at: time(one.created_at),
        updated_at: time(one.updated_at),
        started_at: time(one.started_at),
        ended_at: one.resolved_at.map(time),
        scheduled_until: None,
        updates: updates(&one.updates, crate::model::status::IncidentStatus::as_str),
    }
}

fn maintenance(one: &Maintenance) -> NoticeOf {
    NoticeOf {
        id: one.id.to_string(),
        title: readable(&one.title),
        status: one.status.as_str(),
        impact: crate::model::status::Impact::Maintenance.as_str(),
        affected: one.affected.iter().map(affected).collect(),
        created_at: time(one.created_at),
        updated_at: time(one.updated_at),
        started_at: time(one.scheduled_for),
        ended_at: one.completed_at.map(time),
        scheduled_until: Some(time(one.scheduled_until)),
        updates: updates(
            &one.updates,
            crate::model::status::MaintenanceStatus::as_str,
        ),
    }
}

fn affected(one: &Affected) -> AffectedOf {
    AffectedOf {
        id: one.id.to_string(),
        key: readable(&one.key),
        name: readable(&one.name),
        state: one.state.as_str(),
    }
}

fn updates<S: Copy>(updates: &[Update<S>], status: fn(S) -> &'static str) -> Vec<UpdateOf> {
    let update = |update: &Update<S>| UpdateOf {
        id: update.id.to_string(),
        status: status(update.status),
        at: time(update.at),
        body: readable(&update.body),
        author: update.author.as_str(),
    };
    updates.iter().map(update).collect()
}

fn time(at: Timestamp) -> String {
    format!("{at:.3}")
}
