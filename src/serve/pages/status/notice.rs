//! Incidents and maintenances for display: both have a title, affected components and a timeline.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::display_time::DisplayTime;
use super::super::format::format_spaced;
use super::labels::{impact_label, impact_tone, strip_invisible};
use crate::model::status::{
    AffectedComponent, Incident, IncidentStatus, MaintenanceStatus, ScheduledMaintenance, StatusId,
    StatusSnapshot, StatusUpdate,
};

/// An incident or a maintenance for display.
#[derive(Debug)]
pub(super) struct Notice {
    pub(super) id: StatusId,
    pub(super) title: String,
    pub(super) tone: &'static str,
    /// `Investigating`, `Completed`.
    pub(super) status: &'static str,
    /// The worst impact, or `Maintenance`.
    pub(super) impact: &'static str,
    /// Start, end and duration.
    pub(super) time: String,
    pub(super) affected: Vec<String>,
    /// Newest first.
    pub(super) updates: Vec<TimelineEntry>,
    /// The sort key, the newest first.
    began: Timestamp,
    ended: Option<Timestamp>,
    pub(super) month: String,
}

/// One entry of a timeline.
#[derive(Debug)]
pub(super) struct TimelineEntry {
    pub(super) status: &'static str,
    pub(super) at: DisplayTime,
    pub(super) body: String,
}

/// Returns unresolved incidents.
pub(super) fn unresolved(snapshot: &StatusSnapshot, zone: &TimeZone) -> Vec<Notice> {
    snapshot
        .unresolved()
        .map(|incident| Notice::from_incident(incident, zone))
        .collect()
}

/// Returns maintenance that is active or upcoming, the next to begin first.
pub(super) fn planned(snapshot: &StatusSnapshot, zone: &TimeZone) -> Vec<Notice> {
    let open = snapshot
        .maintenances
        .iter()
        .filter(|one| !one.is_completed());
    let mut open: Vec<_> = open
        .map(|one| Notice::from_maintenance(one, zone))
        .collect();
    open.sort_by_key(|notice| notice.began);
    open
}

/// Returns incidents and maintenance that have ended.
pub(super) fn ended(snapshot: &StatusSnapshot, zone: &TimeZone) -> Vec<Notice> {
    let mut ended = begun(snapshot, zone);
    ended.retain(|notice| notice.ended.is_some());
    ended
}

/// Returns everything that has begun, the newest first.
pub(super) fn begun(snapshot: &StatusSnapshot, zone: &TimeZone) -> Vec<Notice> {
    let incidents = snapshot.incidents.iter();
    let begun = snapshot
        .maintenances
        .iter()
        .filter(|one| !one.is_upcoming());
    let mut all: Vec<_> = incidents
        .map(|incident| Notice::from_incident(incident, zone))
        .chain(begun.map(|one| Notice::from_maintenance(one, zone)))
        .collect();
    all.sort_by_key(|notice| std::cmp::Reverse(notice.began));
    all
}

/// Returns the incident or maintenance of this id.
pub(super) fn find(snapshot: &StatusSnapshot, id: StatusId, zone: &TimeZone) -> Option<Notice> {
    let incident = snapshot.incidents.iter().find(|incident| incident.id == id);
    let maintenance = || snapshot.maintenances.iter().find(|one| one.id == id);
    incident
        .map(|incident| Notice::from_incident(incident, zone))
        .or_else(|| maintenance().map(|one| Notice::from_maintenance(one, zone)))
}

/// Groups notices by the names of their months.
pub(super) fn group_by_month(notices: Vec<Notice>) -> Vec<(String, Vec<Notice>)> {
    let mut months: Vec<(String, Vec<Notice>)> = Vec::new();
    for notice in notices {
        match months.last_mut() {
            Some((month, of_month)) if *month == notice.month => of_month.push(notice),
            _ => months.push((notice.month.clone(), vec![notice])),
        }
    }
    months
}

impl Notice {
    fn from_incident(incident: &Incident, zone: &TimeZone) -> Self {
        let has_ended = incident.is_resolved();
        let ended = incident.resolved_at.filter(|_| has_ended);
        Self {
            id: incident.id,
            title: strip_invisible(&incident.title),
            tone: if has_ended {
                "ok"
            } else {
                impact_tone(incident.impact)
            },
            status: incident.status.label(),
            impact: impact_label(incident.impact),
            time: format_period(incident.started_at, ended, zone),
            affected: component_names(&incident.affected),
            updates: timeline_entries(&incident.updates, IncidentStatus::label, zone),
            began: incident.started_at,
            ended: ended.or(has_ended.then_some(incident.updated_at)),
            month: format_month(incident.started_at, zone),
        }
    }

    fn from_maintenance(one: &ScheduledMaintenance, zone: &TimeZone) -> Self {
        let has_ended = one.is_completed();
        let ended = one.completed_at.unwrap_or(one.scheduled_until);
        Self {
            id: one.id,
            title: strip_invisible(&one.title),
            tone: if has_ended { "ok" } else { "maint" },
            status: one.status.label(),
            impact: "Maintenance",
            time: format_period(one.scheduled_for, Some(ended), zone),
            affected: component_names(&one.affected),
            updates: timeline_entries(&one.updates, MaintenanceStatus::label, zone),
            began: one.scheduled_for,
            ended: has_ended.then_some(ended),
            month: format_month(one.scheduled_for, zone),
        }
    }

    /// Returns true if it ended at most this long ago.
    pub(super) fn ended_within(&self, now: Timestamp, max_age: Duration) -> bool {
        let age = self.ended.map(|ended| now.duration_since(ended));
        age.is_some_and(|age| Duration::try_from(age).unwrap_or_default() <= max_age)
    }
}

fn component_names(affected: &[AffectedComponent]) -> Vec<String> {
    affected
        .iter()
        .map(|one| strip_invisible(&one.name))
        .collect()
}

fn timeline_entries<S: Copy>(
    updates: &[StatusUpdate<S>],
    label: fn(S) -> &'static str,
    zone: &TimeZone,
) -> Vec<TimelineEntry> {
    let entry = |update: &StatusUpdate<S>| TimelineEntry {
        status: label(update.status),
        at: DisplayTime::new(update.at, zone),
        body: strip_invisible(&update.body),
    };
    updates.iter().map(entry).collect()
}

fn format_period(began: Timestamp, ended: Option<Timestamp>, zone: &TimeZone) -> String {
    let from = DisplayTime::new(began, zone).text;
    let Some(ended) = ended else {
        return format!("since {from}");
    };
    let lasted = Duration::try_from(ended.duration_since(began)).unwrap_or_default();
    let same_day = ended.to_zoned(zone.clone()).date() == began.to_zoned(zone.clone()).date();
    let to = if same_day {
        ended.to_zoned(zone.clone()).strftime("%H:%M").to_string()
    } else {
        DisplayTime::new(ended, zone).text
    };
    format!("{from} to {to} ({})", format_spaced(round_down(lasted)))
}

/// Rounds down to whole minutes, from one minute on.
fn round_down(lasted: Duration) -> Duration {
    match lasted.as_secs() {
        seconds @ 0..60 => Duration::from_secs(seconds),
        seconds => Duration::from_secs(seconds / 60 * 60),
    }
}

fn format_month(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%B %Y").to_string()
}
