//! The public snapshot of the status.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::auto_incident::Observation;
use super::component::{ComponentDefinition, StateSource};
use super::history::StatusHistory;
use super::recorder::SpanRecorder;
use super::text;
use crate::model::status::calendar::{self, CalendarDay};
use crate::model::status::timeline::{self, MaintenancePeriod, StateSpan};
use crate::model::status::{
    AffectedComponent, Author, ComponentState, ComponentStatus, Incident, MaintenanceStatus,
    ScheduledMaintenance, StateDurations, StatusId, StatusSnapshot, StatusUpdate,
};
use crate::store::{
    AffectedRow, IncidentDetails, IncidentKind, IncidentRow, MaintenanceDetails, UpdateRow,
};

/// The seconds after which a span of another process has ended: it is written every 10 s, its store takes
/// a second, and it is read every 5 s.
/// The sum of these is 16 s; the rest is for a slow store.
pub(super) const REMOTE_SPAN_TIMEOUT: i64 = 20;
/// The longest gap, in seconds, that doesn't end a state: a restart does not begin it anew.
const MAX_BRIDGED_GAP: i64 = 120;

/// The configured title, time zone and components of a page.
#[derive(Debug)]
pub(super) struct PageConfig {
    pub(super) title: Arc<str>,
    pub(super) zone_name: Arc<str>,
    pub(super) zone: TimeZone,
    pub(super) definitions: Vec<ComponentDefinition>,
}

/// The builder of a snapshot.
pub(super) struct SnapshotBuilder<'a> {
    pub(super) page: &'a PageConfig,
    pub(super) history: &'a StatusHistory,
    pub(super) recorder: &'a SpanRecorder,
    pub(super) now: Timestamp,
    pub(super) away_since: Option<Timestamp>,
    pub(super) workers_unknown_since: Option<Timestamp>,
}

impl SnapshotBuilder<'_> {
    /// Returns the snapshot, and the observation of each component.
    pub(super) fn build(&self) -> (StatusSnapshot, Vec<Observation>) {
        let calendar = calendar::last_days(self.now, &self.page.zone, StatusSnapshot::DAYS);
        let published: Vec<_> = self
            .history
            .incident_rows()
            .filter(|row| !row.draft)
            .collect();
        let (mut components, mut observations) = (Vec::new(), Vec::new());
        for definition in &self.page.definitions {
            let (component, observation) = self.component(definition, &calendar, &published);
            components.extend(component);
            observations.push(observation);
        }
        let mut incidents: Vec<_> = published
            .iter()
            .filter_map(|row| self.incident(row))
            .collect();
        incidents.sort_by_key(|one| std::cmp::Reverse((one.created_at, one.id)));
        let mut maintenances: Vec<_> = published
            .iter()
            .filter_map(|row| self.maintenance(row))
            .collect();
        maintenances.sort_by_key(|one| std::cmp::Reverse((one.scheduled_for, one.id)));
        let snapshot = StatusSnapshot {
            title: Arc::clone(&self.page.title),
            time_zone: Arc::clone(&self.page.zone_name),
            taken_at: self.now,
            store_away_since: self.away_since,
            workers_unknown_since: self.workers_unknown_since,
            components,
            incidents,
            maintenances,
        };
        (snapshot, observations)
    }

    /// Returns a component and its observation; no component for a built-in one without any data.
    fn component(
        &self,
        definition: &ComponentDefinition,
        calendar: &[CalendarDay],
        published: &[&IncidentRow],
    ) -> (Option<ComponentStatus>, Observation) {
        let second = self.now.as_second();
        let from = calendar.first().map_or(second, |day| day.start);
        let own = self.recorder.open_span(&definition.key);
        let mut spans = self
            .history
            .state_spans(&definition.key, second, REMOTE_SPAN_TIMEOUT, own);
        let rows = published.iter().copied();
        let maintenance_windows = maintenance_windows(&definition.key, rows, self.now);
        // Without what people announced: automation must not take its own or a person's words for
        // an observation.
        let observed = timeline::merge_timeline(&spans, &maintenance_windows, from, second + 1);
        let observation = self.observation(
            definition,
            timeline::state_since(&observed, MAX_BRIDGED_GAP),
        );
        for row in published {
            spans.extend(manual_spans(row, &definition.key, second + 1));
        }
        let known = !spans.is_empty() || definition.is_configured();
        let segments = timeline::merge_timeline(&spans, &maintenance_windows, from, second + 1);
        let (state, since) = timeline::state_since(&segments, MAX_BRIDGED_GAP)
            .unwrap_or((ComponentState::NoData, second));
        let days = timeline::split_by_day(&segments, calendar);
        let mut seconds = StateDurations::default();
        days.iter().for_each(|day| seconds += day.seconds);
        let first_seen = spans
            .iter()
            .map(|piece| piece.start)
            .min()
            .unwrap_or(second);
        let component = ComponentStatus {
            id: definition.id,
            key: Arc::clone(&definition.key),
            name: Arc::clone(&definition.name),
            description: definition.description.clone(),
            state,
            since: timestamp(if state == ComponentState::NoData {
                second
            } else {
                since
            }),
            first_seen: timestamp(first_seen),
            in_maintenance: segments
                .last()
                .is_some_and(|segment| segment.in_maintenance),
            days,
            seconds,
        };
        (known.then_some(component), observation)
    }

    fn observation(
        &self,
        definition: &ComponentDefinition,
        since: Option<(ComponentState, i64)>,
    ) -> Observation {
        let (state, since) = since.unwrap_or((ComponentState::NoData, self.now.as_second()));
        Observation {
            key: Arc::clone(&definition.key),
            name: Arc::clone(&definition.name),
            state,
            since: timestamp(since),
        }
    }

    /// Returns an incident for the public; `None` for a maintenance.
    fn incident(&self, row: &IncidentRow) -> Option<Incident> {
        let IncidentKind::Incident(details) = &row.kind else {
            return None;
        };
        Some(Incident {
            id: row.id,
            title: row.title.as_str().into(),
            impact: details.impact,
            status: details.status,
            affected: self.affected(&row.affected),
            started_at: details.started_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            monitoring_at: details.monitoring_at,
            resolved_at: details.resolved_at,
            author: row.author,
            updates: details
                .updates
                .iter()
                .rev()
                .map(|update| self.update(update))
                .collect(),
        })
    }

    /// Returns a maintenance for the public, with the updates that the clock makes; `None` for an
    /// incident.
    fn maintenance(&self, row: &IncidentRow) -> Option<ScheduledMaintenance> {
        let IncidentKind::Maintenance(details) = &row.kind else {
            return None;
        };
        let clock_updates = clock_updates(row, details, self.now);
        let written = details.updates.iter().map(|update| self.update(update));
        let mut updates: Vec<_> = written.chain(clock_updates).collect();
        updates.sort_by_key(|update| update.at);
        updates.reverse();
        let last = updates.first().map_or(row.updated_at, |update| update.at);
        let ends = row.ends_at();
        Some(ScheduledMaintenance {
            id: row.id,
            title: row.title.as_str().into(),
            status: updates
                .first()
                .map_or(details.status, |update| update.status),
            affected: self.affected(&row.affected),
            scheduled_for: details.scheduled_for,
            scheduled_until: details.scheduled_until,
            created_at: row.created_at,
            updated_at: row.updated_at.max(last),
            completed_at: ends.filter(|ends| *ends <= self.now),
            updates,
        })
    }

    fn update<S: Copy>(&self, row: &UpdateRow<S>) -> StatusUpdate<S> {
        StatusUpdate {
            id: row.id,
            status: row.status,
            body: row.body.as_str().into(),
            at: row.at,
            author: row.author,
            affected: self.affected(&row.affected),
        }
    }

    /// Returns the affected components. One that is not known here any more goes by its key.
    fn affected(&self, rows: &[AffectedRow]) -> Vec<AffectedComponent> {
        let one = |row: &AffectedRow| {
            let definition = self
                .page
                .definitions
                .iter()
                .find(|definition| *definition.key == *row.key);
            AffectedComponent {
                id: StatusId::from_key(&row.key),
                key: row.key.as_str().into(),
                name: definition.map_or_else(
                    || row.key.as_str().into(),
                    |definition| Arc::clone(&definition.name),
                ),
                state: row.state,
            }
        };
        rows.iter().map(one).collect()
    }
}

impl ComponentDefinition {
    /// Returns whether it is configured, so that it is shown also while it has no data.
    fn is_configured(&self) -> bool {
        let built_in = |source: &StateSource| {
            !matches!(source, StateSource::Checks(_))
                && !matches!(source, StateSource::Workers(_, ids) if !ids.iter().any(|id| id.matches("")))
        };
        self.sources.iter().any(|source| !built_in(source))
    }
}

/// Returns the states of a component that people announced in an incident. Automatic announcements follow
/// from observations, which are known already.
fn manual_spans(row: &IncidentRow, key: &str, until: i64) -> Vec<StateSpan> {
    let IncidentKind::Incident(IncidentDetails {
        started_at,
        resolved_at,
        updates,
        ..
    }) = &row.kind
    else {
        return Vec::new();
    };
    let end = resolved_at.map_or(until, |at| at.as_second());
    let states = updates.iter().enumerate().filter_map(|(index, update)| {
        let affected = update.affected.iter().find(|one| one.key == key)?;
        // The first update holds from the start.
        let at = if index == 0 { *started_at } else { update.at };
        Some((at.as_second(), affected.state, update.author))
    });
    let states: Vec<_> = states.collect();
    let ends = states.iter().skip(1).map(|(at, ..)| *at).chain([end]);
    let spans = states
        .iter()
        .zip(ends)
        .filter_map(|((start, state, author), next)| {
            let holds = *author == Author::Person && state.needs_attention();
            holds.then_some(StateSpan {
                state: *state,
                start: *start,
                end: next.min(end),
            })
        });
    spans.collect()
}

/// Returns the periods of announced maintenance of a component until `now`.
pub(super) fn maintenance_windows<'a>(
    key: &str,
    published: impl Iterator<Item = &'a IncidentRow>,
    now: Timestamp,
) -> Vec<MaintenancePeriod> {
    let concerned = published.filter(|row| row.affected.iter().any(|one| one.key == key));
    let maintenance_windows = concerned.filter_map(|row| match &row.kind {
        IncidentKind::Maintenance(details) => {
            let end = row.ends_at()?.min(now.max(details.scheduled_for));
            Some(MaintenancePeriod {
                start: actual_start(details).as_second(),
                // The second that goes on is the last that is looked at.
                end: end.as_second() + i64::from(row.ends_at()? > now),
            })
        }
        IncidentKind::Incident(_) => None,
    });
    maintenance_windows.collect()
}

/// Returns the start of a maintenance: earlier than announced if an update says so.
fn actual_start(details: &MaintenanceDetails) -> Timestamp {
    let mut started_updates = details.updates.iter().filter(|update| {
        matches!(
            update.status,
            MaintenanceStatus::InProgress | MaintenanceStatus::Verifying
        )
    });
    let started = started_updates.next().map(|update| update.at);
    started.map_or(details.scheduled_for, |at| at.min(details.scheduled_for))
}

/// Returns the updates of a maintenance that follow from the clock alone.
fn clock_updates(
    row: &IncidentRow,
    details: &MaintenanceDetails,
    now: Timestamp,
) -> Vec<StatusUpdate<MaintenanceStatus>> {
    let (from, until) = (details.scheduled_for, details.scheduled_until);
    let update = |status: MaintenanceStatus, at, body: &str| StatusUpdate {
        id: StatusId::from_key(&format!("{}/{}", row.id, status.as_str())),
        status,
        body: body.into(),
        at,
        author: Author::System,
        affected: Vec::new(),
    };
    let completed_at = details.completed_at;
    let mut updates = Vec::new();
    let started_early = details
        .updates
        .iter()
        .any(|one| one.at <= from && one.status != MaintenanceStatus::Scheduled);
    if from <= now && !started_early && completed_at.is_none_or(|completed_at| completed_at > from)
    {
        updates.push(update(
            MaintenanceStatus::InProgress,
            from,
            text::MAINTENANCE_STARTED,
        ));
    }
    if until <= now && completed_at.is_none_or(|completed_at| completed_at > until) {
        updates.push(update(
            MaintenanceStatus::Completed,
            until,
            text::MAINTENANCE_ENDED,
        ));
    }
    updates
}

fn timestamp(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or_default()
}
