//! Incidents and maintenances as they are shown: both have a title, those that they concern, and what was
//! said when.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::moment::Moment;
use super::super::numbers::spoken;
use super::words::{impact, readable, tone_of_impact};
use crate::model::status::{
    Affected, Incident, IncidentStatus, Maintenance, MaintenanceStatus, StatusId, StatusSnapshot,
    Update,
};

/// An incident or a maintenance as it is shown.
#[derive(Debug)]
pub(super) struct Notice {
    pub(super) id: StatusId,
    pub(super) title: String,
    pub(super) tone: &'static str,
    /// `Investigating`, `Completed`.
    pub(super) status: &'static str,
    /// How bad it is at its worst; of a maintenance that it is one.
    pub(super) impact: &'static str,
    /// From when to when, and how long that is.
    pub(super) time: String,
    pub(super) affected: Vec<String>,
    /// Newest first.
    pub(super) updates: Vec<Entry>,
    /// By which it is ordered, the newest first.
    began: Timestamp,
    ended: Option<Timestamp>,
    pub(super) month: String,
}

/// One entry of a timeline.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) status: &'static str,
    pub(super) at: Moment,
    pub(super) body: String,
}

/// What is wrong now.
pub(super) fn unresolved(snapshot: &StatusSnapshot, zone: &TimeZone) -> Vec<Notice> {
    snapshot
        .unresolved()
        .map(|incident| Notice::incident(incident, zone))
        .collect()
}

/// What is worked on now or will be, the next to begin first.
pub(super) fn planned(snapshot: &StatusSnapshot, zone: &TimeZone) -> Vec<Notice> {
    let open = snapshot
        .maintenances
        .iter()
        .filter(|one| !one.is_completed());
    let mut open: Vec<_> = open.map(|one| Notice::maintenance(one, zone)).collect();
    open.sort_by_key(|notice| notice.began);
    open
}

/// What is over.
pub(super) fn over(snapshot: &StatusSnapshot, zone: &TimeZone) -> Vec<Notice> {
    let mut over = all(snapshot, zone);
    over.retain(|notice| notice.ended.is_some());
    over
}

/// Everything that has begun, the newest first.
pub(super) fn all(snapshot: &StatusSnapshot, zone: &TimeZone) -> Vec<Notice> {
    let incidents = snapshot.incidents.iter();
    let begun = snapshot
        .maintenances
        .iter()
        .filter(|one| !one.is_upcoming());
    let mut all: Vec<_> = incidents
        .map(|incident| Notice::incident(incident, zone))
        .chain(begun.map(|one| Notice::maintenance(one, zone)))
        .collect();
    all.sort_by_key(|notice| std::cmp::Reverse(notice.began));
    all
}

/// The one of this id.
pub(super) fn of(snapshot: &StatusSnapshot, id: StatusId, zone: &TimeZone) -> Option<Notice> {
    let incident = snapshot.incidents.iter().find(|incident| incident.id == id);
    let maintenance = || snapshot.maintenances.iter().find(|one| one.id == id);
    incident
        .map(|incident| Notice::incident(incident, zone))
        .or_else(|| maintenance().map(|one| Notice::maintenance(one, zone)))
}

/// The same under the names of their months.
pub(super) fn by_month(notices: Vec<Notice>) -> Vec<(String, Vec<Notice>)> {
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
    fn incident(incident: &Incident, zone: &TimeZone) -> Self {
        let over = incident.is_resolved();
        let ended = incident.resolved_at.filter(|_| over);
        Self {
            id: incident.id,
            title: readable(&incident.title),
            tone: if over {
                "ok"
            } else {
                tone_of_impact(incident.impact)
            },
            status: incident.status.label(),
            impact: impact(incident.impact),
            time: time(incident.started_at, ended, zone),
            affected: names(&incident.affected),
            updates: entries(&incident.updates, IncidentStatus::label, zone),
            began: incident.started_at,
            ended: ended.or(over.then_some(incident.updated_at)),
            month: month(incident.started_at, zone),
        }
    }

    fn maintenance(one: &Maintenance, zone: &TimeZone) -> Self {
        let over = one.is_completed();
        let ended = one.completed_at.unwrap_or(one.scheduled_until);
        Self {
            id: one.id,
            title: readable(&one.title),
            tone: if over { "ok" } else { "maint" },
            status: one.status.label(),
            impact: "Maintenance",
            time: time(one.scheduled_for, Some(ended), zone),
            affected: names(&one.affected),
            updates: entries(&one.updates, MaintenanceStatus::label, zone),
            began: one.scheduled_for,
            ended: over.then_some(ended),
            month: month(one.scheduled_for, zone),
        }
    }

    /// Whether it has been over for at most this long.
    pub(super) fn is_over_since(&self, now: Timestamp, longest: Duration) -> bool {
        let over = self.ended.map(|ended| now.duration_since(ended));
        over.is_some_and(|over| Duration::try_from(over).unwrap_or_default() <= longest)
    }
}

fn names(affected: &[Affected]) -> Vec<String> {
    affected.iter().map(|one| readable(&one.name)).collect()
}

fn entries<S: Copy>(
    updates: &[Update<S>],
    label: fn(S) -> &'static str,
    zone: &TimeZone,
) -> Vec<Entry> {
    let entry = |update: &Update<S>| Entry {
        status: label(update.status),
        at: Moment::new(update.at, zone),
        body: readable(&update.body),
    };
    updates.iter().map(entry).collect()
}

fn time(began: Timestamp, ended: Option<Timestamp>, zone: &TimeZone) -> String {
    let from = Moment::new(began, zone).text;
    let Some(ended) = ended else {
        return format!("since {from}");
    };
    let lasted = Duration::try_from(ended.duration_since(began)).unwrap_or_default();
    let same_day = ended.to_zoned(zone.clone()).date() == began.to_zoned(zone.clone()).date();
    let to = if same_day {
        ended.to_zoned(zone.clone()).strftime("%H:%M").to_string()
    } else {
        Moment::new(ended, zone).text
    };
    format!("{from} to {to} ({})", spoken(whole(lasted)))
}

/// Minutes, where there is one.
fn whole(lasted: Duration) -> Duration {
    match lasted.as_secs() {
        seconds @ 0..60 => Duration::from_secs(seconds),
        seconds => Duration::from_secs(seconds / 60 * 60),
    }
}

fn month(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%B %Y").to_string()
}
