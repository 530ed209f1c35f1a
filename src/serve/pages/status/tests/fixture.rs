//! A service with a past: enough of everything that a page shows.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::model::status::{
    AffectedComponent, Author, ComponentState, ComponentStatus, Impact, Incident, IncidentStatus,
    MaintenanceStatus, ScheduledMaintenance, StateDurations, StatusId, StatusSnapshot,
    StatusUpdate, UptimeDay,
};

pub(crate) fn now() -> Timestamp {
    "2026-11-24T12:00:30.5Z".parse().unwrap()
}

pub(crate) fn hours_ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

/// The same numbers in each run.
struct StatusRng(u64);

impl StatusRng {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// So many components, of which about one day in `calm` has some trouble.
pub(crate) fn snapshot(components: usize, calm: u64) -> StatusSnapshot {
    let mut rng = StatusRng(7);
    let names = ["API", "Workers", "Scheduler", "Database", "Web"];
    let named = |index: usize| match names.get(index) {
        Some(name) => (*name).to_owned(),
        None => format!("Region {index}"),
    };
    let all = (0..components).map(|index| component(&named(index), calm, &mut rng));
    let mut snapshot = StatusSnapshot {
        title: "VANTAGE AI".into(),
        time_zone: "Europe/Berlin".into(),
        taken_at: now(),
        store_away_since: None,
        workers_unknown_since: None,
        components: all.collect(),
        incidents: vec![
            incident("Posts are published late", hours_ago(2), None),
            incident("Sign-in was slow", hours_ago(80), Some(hours_ago(78))),
            incident("Emails arrived twice", hours_ago(900), Some(hours_ago(870))),
        ],
        maintenances: vec![maintenance("Move to a larger database", hours_ago(-30))],
    };
    if let Some(worst) = snapshot.components.get_mut(1) {
        worst.state = ComponentState::PartialOutage;
        worst.since = hours_ago(2);
    }
    snapshot
}

fn component(name: &str, calm: u64, rng: &mut StatusRng) -> ComponentStatus {
    let key: Arc<str> = name.to_lowercase().replace(' ', "-").into();
    let today: Date = "2026-11-24".parse().unwrap();
    let day = |back: i64| UptimeDay {
        date: today - jiff::Span::new().days(back),
        seconds: seconds(back, calm, rng),
    };
    let days: Vec<_> = (0..90).rev().map(day).collect();
    let mut seconds = StateDurations::default();
    days.iter().for_each(|day| seconds += day.seconds);
    ComponentStatus {
        id: StatusId::from_key(&key),
        key,
        name: name.into(),
        description: (name == "API").then(|| "Everything below /api".into()),
        state: ComponentState::Operational,
        since: hours_ago(2_000),
        first_seen: hours_ago(2_000),
        in_maintenance: false,
        days,
        seconds,
    }
}

fn seconds(back: i64, calm: u64, rng: &mut StatusRng) -> StateDurations {
    let mut seconds = StateDurations::default();
    if back > 86 {
        seconds.no_data = 86_400;
        return seconds;
    }
    seconds.operational = 86_400;
    if rng.below(calm) == 0 {
        let trouble = 60 + rng.below(7_000);
        let states = [
            ComponentState::DegradedPerformance,
            ComponentState::PartialOutage,
            ComponentState::MajorOutage,
            ComponentState::UnderMaintenance,
        ];
        let state = states[usize::try_from(rng.below(4)).unwrap()];
        *seconds.in_state_mut(state) += trouble;
        seconds.operational -= trouble;
    }
    seconds
}

fn workers(state: ComponentState) -> Vec<AffectedComponent> {
    vec![AffectedComponent {
        id: StatusId::from_key("workers"),
        key: "workers".into(),
        name: "Workers".into(),
        state,
    }]
}

pub(crate) fn incident(title: &str, began: Timestamp, over: Option<Timestamp>) -> Incident {
    let update = |status: IncidentStatus, at: Timestamp, body: &str, state| StatusUpdate {
        id: StatusId::from_key(&format!("{title}{status:?}")),
        status,
        body: body.into(),
        at,
        author: Author::Person,
        affected: workers(state),
    };
    let outage = ComponentState::PartialOutage;
    let mut updates = vec![
        update(
            IncidentStatus::Identified,
            began + SignedDuration::from_mins(20),
            "A queue is longer than usual.\nWe add workers.",
            outage,
        ),
        update(
            IncidentStatus::Investigating,
            began,
            "We are looking into it.",
            outage,
        ),
    ];
    if let Some(over) = over {
        let fine = ComponentState::Operational;
        updates.insert(
            0,
            update(IncidentStatus::Resolved, over, "It is over.", fine),
        );
    }
    Incident {
        id: StatusId::from_key(title),
        title: title.into(),
        impact: Impact::Major,
        status: updates[0].status,
        affected: updates[0].affected.clone(),
        started_at: began,
        created_at: began,
        updated_at: updates[0].at,
        monitoring_at: None,
        resolved_at: over,
        author: Author::Person,
        updates,
    }
}

pub(crate) fn maintenance(title: &str, begins: Timestamp) -> ScheduledMaintenance {
    let state = ComponentState::UnderMaintenance;
    ScheduledMaintenance {
        id: StatusId::from_key(title),
        title: title.into(),
        status: MaintenanceStatus::Scheduled,
        affected: workers(state),
        scheduled_for: begins,
        scheduled_until: begins + SignedDuration::from_hours(2),
        created_at: hours_ago(40),
        updated_at: hours_ago(40),
        completed_at: None,
        updates: vec![StatusUpdate {
            id: StatusId::from_key(&format!("{title}1")),
            status: MaintenanceStatus::Scheduled,
            body: "Posts wait for a few minutes.".into(),
            at: hours_ago(40),
            author: Author::Person,
            affected: workers(state),
        }],
    }
}
