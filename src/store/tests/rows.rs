//! Rows for tests.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::heartbeat::{BeatId, BeatProgress, BeatRole, LifecycleState};
use crate::model::status::{
    Author, ComponentState, Impact, IncidentStatus, MaintenanceStatus, StatusId,
};
use crate::store::{
    AffectedRow, AlertStateRow, IncidentDetails, IncidentKind, IncidentRow, MaintenanceDetails,
    SliceRow, SpanRow, UpdateRow, WorkerRow,
};

/// Returns the time so many seconds after the tests' start.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(crate) fn id(id: &str) -> BeatId {
    BeatId::parse(id).unwrap()
}

/// A worker that beat with this boot and sequence at this second.
pub(crate) fn worker(name: &str, boot: &str, sequence: u64, second: i64) -> WorkerRow {
    WorkerRow {
        id: id(name),
        role: BeatRole::Worker,
        boot_id: Some(Arc::from(boot)),
        previous_boot_id: None,
        sequence,
        registered_at: at(0),
        last_seen: Some(at(second)),
        progressed_at: Some(at(second)),
        interval: Duration::from_secs(30),
        condition: LifecycleState::Running,
        version: Some(Arc::from("1.2.3")),
        progress: BeatProgress {
            in_flight: 2,
            in_flight_overdue: 1,
            processed_total: u64::MAX >> 1,
            failed_total: 3,
            last_progress_at: Some(at(second)),
            oldest_in_flight: Some(Duration::from_millis(1_500)),
            queue_depth: Some(9),
        },
        jobs_seen: 2,
        restarts: 4,
        clock_skew_ms: Some(-12),
        lost: false,
        forgotten_at: None,
    }
}

/// A worker that is registered and has not beaten.
pub(crate) fn unbeaten_worker(name: &str) -> WorkerRow {
    WorkerRow {
        boot_id: None,
        last_seen: None,
        progressed_at: None,
        version: None,
        progress: BeatProgress::default(),
        clock_skew_ms: None,
        ..worker(name, "", 0, 0)
    }
}

/// A minute that begins at this second.
pub(crate) fn slice(instance: &str, objective: &str, second: i64, good: u64) -> SliceRow {
    SliceRow {
        instance: Arc::from(instance),
        objective: Arc::from(objective),
        start: at(second),
        length: Duration::from_secs(60),
        covered: Duration::from_secs(50),
        good,
        bad: 1,
    }
}

/// The alert state that an instance wrote about a subject at this second.
pub(crate) fn alert_state(instance: &str, subject: &str, second: i64, text: &str) -> AlertStateRow {
    AlertStateRow {
        instance: Arc::from(instance),
        subject: Arc::from(subject),
        written_at: at(second),
        text: Arc::from(text),
    }
}

/// An incident that began at this second, and was resolved at that.
pub(crate) fn incident(name: &str, second: i64, resolved: Option<i64>) -> IncidentRow {
    let affected = vec![AffectedRow {
        key: "api".into(),
        state: ComponentState::PartialOutage,
    }];
    let status = resolved.map_or(IncidentStatus::Investigating, |_| IncidentStatus::Resolved);
    IncidentRow {
        id: StatusId::from_key(name),
        version: 1,
        slot: None,
        draft: false,
        title: format!("Incident \"{name}\" \u{1f525}"),
        author: Author::Person,
        created_at: at(second),
        updated_at: at(resolved.unwrap_or(second)),
        affected: affected.clone(),
        kind: IncidentKind::Incident(IncidentDetails {
            impact: Impact::Major,
            status,
            started_at: at(second),
            monitoring_at: resolved.map(at),
            resolved_at: resolved.map(at),
            updates: vec![UpdateRow {
                id: StatusId::from_key("first"),
                status: IncidentStatus::Investigating,
                body: "We look.\nAnd find.".into(),
                at: at(second),
                author: Author::Person,
                affected,
            }],
        }),
    }
}

/// A maintenance from this second to that.
pub(crate) fn maintenance(name: &str, from: i64, until: i64) -> IncidentRow {
    IncidentRow {
        updated_at: at(0),
        kind: IncidentKind::Maintenance(MaintenanceDetails {
            status: MaintenanceStatus::Scheduled,
            scheduled_for: at(from),
            scheduled_until: at(until),
            completed_at: None,
            updates: Vec::new(),
        }),
        ..incident(name, 0, None)
    }
}

/// A state of a component from this second to that.
pub(crate) fn span(component: &str, state: ComponentState, from: i64, until: i64) -> SpanRow {
    SpanRow {
        component: component.into(),
        state,
        start: at(from).as_second(),
        end: at(until).as_second(),
    }
}
