//! The public status of the service: states of components, incidents, maintenance, uptime.
//!
//! One loop looks at what the process knows of itself, its workers and its objectives, and keeps the
//! states that follow from it; what other processes of the fleet saw it reads from the store. It writes
//! down what goes wrong as an incident, and resolves that when all is well again. People write, too:
//! with [`Incidents`], or by `POST /api/v1/incidents`.
//!
//! Why by the store, and not by one process that leads? Because whoever leads may be the one that is
//! ill. Every process says what it sees, the worst counts, and of any number that open the same
//! incident the store lets one.
//!
//! A component's state follows by these rules, checked from the worst down:
//!
//! | what is looked at | degraded performance | partial outage | major outage |
//! |---|---|---|---|
//! | `database`, and `checks` of the configuration | one warns | some fail | all fail |
//! | `api`: the checks of this service | one warns; or it fails, and the service goes on | it takes this instance out, with others beside it | it takes the service out |
//! | `workers`, `scheduler` | fewer than half are offline or stalled | half or more | all |
//! | alerts of the objectives `api.*`, `workers.*`, without maintenance | warning; critical, where time slices say more | critical, without time slices | – |
//! | time slices of the objective `api.availability` | – | a bad one, from its start to its end, without maintenance | – |
//!
//! `web` is operational where this process has the role. In announced maintenance, what is no outage
//! is shown as maintenance; an outage that a check or a worker shows is shown as what it is.
//!
//! Where a component has the time slices of an objective, they alone say when requests were out: an alert
//! fires for minutes after its cause has ended. So an hour in which 8 % of the requests end in 5xx, with no
//! bad slice, is degraded performance, and opens no incident at the default `status.incident_from`.
//!
//! While the state is locked, the registry of workers and the store's queue are locked for a
//! moment; neither comes back here.

mod auto_incident;
mod component;
mod error;
mod history;
mod new_incident;
mod observations;
mod outage_recorder;
mod recorder;
#[cfg(feature = "axum")]
pub(crate) mod request;
mod rules;
mod snapshot_builder;
mod text;
mod validate;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use crate::model::fault::Fault as IncidentFault;
pub use error::IncidentError;
pub use new_incident::{NewIncident, NewMaintenance, NewUpdate};
pub(crate) use observations::StatusSources;

use self::auto_incident::{AutoIncidentInputs, AutoIncidentRules};
use self::component::ComponentDefinition;
use self::history::StatusHistory;
use self::outage_recorder::{
    BAD_SLICE_STATE, OutageInput, OutageRecorder, declared_periods, is_maintained,
};
use self::recorder::SpanRecorder;
use self::snapshot_builder::{
    PageConfig, REMOTE_SPAN_TIMEOUT, SnapshotBuilder, maintenance_windows,
};
use self::validate::Validator;
use crate::background::Supervisor;
use crate::background::thread::LoopGuard;
use crate::config::Config;
use crate::model::status::timeline::MaintenancePeriod;
use crate::model::status::{ComponentState, LatestStatus, StatusId, StatusSnapshot};
use crate::record::clock::{Clock, ClockSteps};
use crate::record::sync::lock;
use crate::store::{
    IncidentKind, IncidentRow, StoreOp, StoreReply, StoreWriter, block_on, try_receive,
};

/// The interval of the loop.
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// The interval of snapshots without a change, for the sake of their time.
const PUBLISH_INTERVAL: Duration = Duration::from_secs(2);
/// The number of attempts of an update that conflicts with others each time.
const MAX_UPDATE_ATTEMPTS: usize = 8;

/// The status of the service, with its incidents and maintenance. Cheap to clone; clones share the state.
///
/// It is looked at and written where a process has the role `api` or `web`.
#[derive(Clone, Debug)]
pub struct Incidents(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    store_writer: StoreWriter,
    page: PageConfig,
    auto_incident_rules: AutoIncidentRules,
    sources: StatusSources,
    /// The declared maintenance of objectives.
    declared_maintenance: Vec<MaintenancePeriod>,
    latest: LatestStatus,
    /// `true` if a role of this process shows the status.
    enabled: bool,
    state: Mutex<IncidentsState>,
}

#[derive(Debug)]
struct IncidentsState {
    recorder: SpanRecorder,
    outages: OutageRecorder,
    history: StatusHistory,
    /// Of the last tick, in the order of the definitions.
    states: Vec<ComponentState>,
    /// The automatic incident that is being written, until the store has replied.
    /// While it is there, nothing is decided: the answer changes what is known.
    pending_write: Option<(IncidentRow, StoreReply<Option<IncidentRow>>)>,
    published_at: Option<Instant>,
    clock_steps: ClockSteps,
    stopped: bool,
}

impl Incidents {
    pub(crate) fn new(
        config: &Config,
        clock: Clock,
        store_writer: StoreWriter,
        sources: StatusSources,
    ) -> Self {
        let status = &config.status;
        let title = status.title.as_deref().unwrap_or(&config.service.name);
        let page = PageConfig {
            title: title.into(),
            zone_name: status.time_zone.as_str().into(),
            // Judged by the configuration.
            zone: TimeZone::get(&status.time_zone).unwrap_or(TimeZone::UTC),
            definitions: component::definitions(config),
        };
        Self(Arc::new(Inner {
            clock,
            page,
            auto_incident_rules: AutoIncidentRules::from_config(status),
            sources,
            declared_maintenance: declared_periods(&config.slo.maintenance),
            latest: LatestStatus::default(),
            enabled: config.shows_status(),
            state: Mutex::new(IncidentsState {
                recorder: SpanRecorder::default(),
                outages: OutageRecorder::default(),
                history: StatusHistory::new(store_writer.clone()),
                states: Vec::new(),
                pending_write: None,
                published_at: None,
                clock_steps: ClockSteps::default(),
                stopped: false,
            }),
            store_writer,
        }))
    }

    /// Returns the public status; `None` before the first tick, and where this process has neither the
    /// role `api` nor `web`.
    #[must_use]
    pub fn status(&self) -> Option<Arc<StatusSnapshot>> {
        self.0.latest.read()
    }

    /// Opens an incident, and waits until it is stored.
    ///
    /// # Errors
    ///
    /// [`IncidentError`] says whether to write something else or to try again.
    pub async fn open(&self, incident: NewIncident) -> Result<StatusId, IncidentError> {
        let validator = self.validator()?;
        self.write(validator.incident(&incident)).await
    }

    /// Does what [`open`](Self::open) does, for a thread without an async runtime: blocks.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_blocking(&self, incident: NewIncident) -> Result<StatusId, IncidentError> {
        block_on(self.open(incident))
    }

    /// Announces maintenance, and waits until it is stored.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn announce(&self, maintenance: NewMaintenance) -> Result<StatusId, IncidentError> {
        let validator = self.validator()?;
        self.write(validator.maintenance(&maintenance)).await
    }

    /// Does what [`announce`](Self::announce) does, for a thread without an async runtime: blocks.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn announce_blocking(
        &self,
        maintenance: NewMaintenance,
    ) -> Result<StatusId, IncidentError> {
        block_on(self.announce(maintenance))
    }

    /// Updates an incident or a maintenance, also an automatic one, and waits until the update is stored. It
    /// turns automatic updates off for that incident.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn update(&self, id: StatusId, update: NewUpdate) -> Result<(), IncidentError> {
        for _ in 0..MAX_UPDATE_ATTEMPTS {
            let validator = self.validator()?;
            let row = self
                .0
                .store_writer
                .incident(id)
                .await
                .map_err(store_unavailable)?;
            let row = row.ok_or(IncidentError::Unknown)?;
            match self.write(validator.update(&row, &update)).await {
                // Another update came first.
                Err(IncidentError::Busy) => {}
                done => return done.map(drop),
            }
        }
        Err(IncidentError::Busy)
    }

    /// Does what [`update`](Self::update) does, for a thread without an async runtime: blocks.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn update_blocking(&self, id: StatusId, update: NewUpdate) -> Result<(), IncidentError> {
        block_on(self.update(id, update))
    }

    /// Returns the latest snapshot.
    #[cfg(feature = "axum")]
    pub(crate) fn latest(&self) -> &LatestStatus {
        &self.0.latest
    }

    /// Runs one tick of the loop.
    pub(crate) fn tick(&self) {
        if self.0.enabled {
            self.0.refresh(false);
        }
    }

    /// Starts the loop on a thread of its own.
    pub(crate) fn start(&self, supervisor: &Supervisor) -> Option<LoopGuard> {
        if !self.0.enabled {
            return None;
        }
        let incidents = self.clone();
        let tick = move || incidents.tick();
        Some(supervisor.repeat("vantage-status", TICK_INTERVAL, tick))
    }

    /// Writes the ends of all open spans to the store, and stops.
    pub(crate) fn stop(&self) {
        let mut state = self.0.state();
        state.stopped = true;
        let IncidentsState {
            recorder, outages, ..
        } = &mut *state;
        // A second does not matter to those that are all due.
        for row in recorder.finish().into_iter().chain(outages.due(0, None)) {
            self.0.store_writer.enqueue(StoreOp::Span(row));
        }
    }

    fn validator(&self) -> Result<Validator<'_>, IncidentError> {
        let now = self.0.now().filter(|_| self.0.enabled);
        let now = now.ok_or(IncidentError::Disabled)?;
        Ok(Validator::new(&self.0.page.definitions, now))
    }

    async fn write(
        &self,
        validated: Result<IncidentRow, Vec<IncidentFault>>,
    ) -> Result<StatusId, IncidentError> {
        let row = validated.map_err(IncidentError::Faults)?;
        let stored = self
            .0
            .store_writer
            .commit_incident(row.clone())
            .await
            .map_err(store_unavailable)?;
        // The store answers with what it has: ours, or ours with a later update on it.
        let is_own = stored.as_ref().is_some_and(|stored| stored.includes(&row));
        if let Some(stored) = stored {
            self.0.state().history.insert(stored);
            self.0.refresh(true);
        }
        if is_own {
            Ok(row.id)
        } else {
            Err(IncidentError::Busy)
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn store_unavailable(error: crate::store::StoreError) -> IncidentError {
    // The text may hold what is not for everybody.
    tracing::warn!(target: "vantage_obs", error = error.with_causes(), "an incident could not be stored");
    IncidentError::StoreUnavailable
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, IncidentsState> {
        lock(&self.state)
    }

    fn now(&self) -> Option<Timestamp> {
        Timestamp::try_from(self.clock.wall()).ok()
    }

    /// Records the states of now, and publishes a snapshot if something has changed or one is due.
    fn refresh(&self, force: bool) {
        let mut state = self.state();
        if state.stopped {
            return;
        }
        let clocks = self.clock.read();
        let (now, wall_time) = (clocks.monotonic, clocks.wall);
        let step = state.clock_steps.follow(clocks);
        match step {
            Some(step) if step.is_negative() => self.follow_step_back(&mut state, wall_time),
            Some(_) => state.history.follow_step_forward(),
            None => {}
        }
        let mut changed = state.history.poll(now, wall_time);
        changed |= self.observe(&mut state, now, wall_time);
        changed |= state.finish_write();
        let due = state
            .published_at
            .is_none_or(|last| now.saturating_duration_since(last) >= PUBLISH_INTERVAL);
        if changed || due || force {
            state.published_at = Some(now);
            self.publish(&mut state, wall_time);
        }
    }

    /// Follows a clock that was set back: states begin anew, because one that was observed by a clock ahead of the
    /// time would be that of now until then.
    fn follow_step_back(&self, state: &mut IncidentsState, wall_time: Timestamp) {
        let IncidentsState {
            recorder,
            outages,
            history,
            ..
        } = state;
        for row in recorder.finish().into_iter().chain(outages.due(0, None)) {
            self.store_writer.enqueue(StoreOp::Span(row));
        }
        history.follow_step_back(wall_time);
    }

    /// Records the states of now and returns whether one has changed.
    fn observe(&self, state: &mut IncidentsState, now: Instant, wall_time: Timestamp) -> bool {
        let definitions = &self.page.definitions;
        let is_maintained = |definition: &ComponentDefinition| {
            let maintenance = self.maintenance(&state.history, definition, wall_time);
            is_maintained(&maintenance, wall_time)
        };
        let mut states = self.sources.states(definitions, &is_maintained, now);
        let is_longer = self.record_outages(state, &mut states, wall_time);
        let keys = definitions.iter().map(|definition| &definition.key);
        let observed = keys.zip(states.iter().copied());
        let updates = state.recorder.record(observed, wall_time.as_second());
        for row in &updates.grown {
            state.history.insert_span(row, true);
        }
        for row in updates.to_store {
            self.store_writer.enqueue(StoreOp::Span(row));
        }
        std::mem::replace(&mut state.states, states) != state.states || is_longer
    }

    /// Records outages of bad time slices, raises the states of components whose outage goes on, and returns
    /// whether the history has changed.
    fn record_outages(
        &self,
        state: &mut IncidentsState,
        states: &mut [ComponentState],
        wall_time: Timestamp,
    ) -> bool {
        let Some(outcomes) = self.sources.slo.read_slices() else {
            return false;
        };
        let mut changed = false;
        for (definition, component_state) in self.page.definitions.iter().zip(states) {
            if !definition.has_objective(&outcomes.objective) {
                continue;
            }
            let maintenance = self.maintenance(&state.history, definition, wall_time);
            let input = OutageInput {
                outcomes: &outcomes,
                maintenance: &maintenance,
                fleet: self.sources.fleet,
                now: wall_time,
            };
            if input.is_failing() {
                *component_state = BAD_SLICE_STATE.max(*component_state);
            }
            for span in state.outages.record(&definition.key, input) {
                changed |= state.history.insert_span(&span, true);
            }
        }
        let second = wall_time.as_second();
        let timeout = self.store_writer.is_shared().then_some(REMOTE_SPAN_TIMEOUT);
        for row in state.outages.due(second, timeout) {
            self.store_writer.enqueue(StoreOp::Span(row));
        }
        changed
    }

    /// Returns the maintenance of a component until `now`: announced of it, and declared for objectives.
    fn maintenance(
        &self,
        history: &StatusHistory,
        definition: &ComponentDefinition,
        now: Timestamp,
    ) -> Vec<MaintenancePeriod> {
        let published = history.incident_rows().filter(|row| !row.draft);
        let mut maintenance = maintenance_windows(&definition.key, published, now);
        maintenance.extend(&self.declared_maintenance);
        maintenance
    }

    fn publish(&self, state: &mut IncidentsState, wall_time: Timestamp) {
        state.history.trim(wall_time);
        let store_condition = self.store_writer.status();
        let failing = store_condition
            .failing
            .and_then(|failing| wall_time.checked_sub(failing).ok());
        let builder = SnapshotBuilder {
            page: &self.page,
            history: &state.history,
            recorder: &state.recorder,
            now: wall_time,
            away_since: state.history.away_since().or(failing),
            workers_unknown_since: self.sources.workers_unknown_since(),
        };
        let (snapshot, observations) = builder.build();
        self.latest.publish(snapshot);
        // Before the store was read, an open incident may be there already.
        if state.pending_write.is_some() || !state.history.is_ready() {
            return;
        }
        let incident_rows: Vec<_> = state.history.incident_rows().collect();
        let inputs = AutoIncidentInputs {
            rules: self.auto_incident_rules,
            observations: &observations,
            incident_rows: &incident_rows,
            now: wall_time,
        };
        let decision = inputs.decide();
        state.pending_write =
            decision.map(|row| (row.clone(), self.store_writer.commit_incident(row)));
    }
}

impl IncidentsState {
    /// Applies the store's reply to the pending write and returns whether anything has changed.
    fn finish_write(&mut self) -> bool {
        let Some((_, reply)) = &mut self.pending_write else {
            return false;
        };
        let Some(result) = try_receive(reply) else {
            return false;
        };
        let written = self.pending_write.take().map(|(row, _)| row);
        match result {
            Ok(Some(stored)) => {
                if written.as_ref() == Some(&stored) {
                    log_written(&stored);
                }
                self.history.insert(stored)
            }
            // Another process has opened it.
            Ok(None) => {
                self.history.poll_soon();
                false
            }
            // The next tick decides anew, and tries again.
            Err(_) => false,
        }
    }
}

/// Logs an automatic incident, in the process that wrote it.
fn log_written(row: &IncidentRow) {
    let IncidentKind::Incident(details) = &row.kind else {
        return;
    };
    let (incident, title, status) = (&row.id, &row.title, details.status.as_str());
    if row.version == 1 {
        tracing::warn!(target: "vantage_obs", %incident, title, "an incident was opened");
    } else {
        tracing::info!(target: "vantage_obs", %incident, title, status, "an incident was updated");
    }
}

#[cfg(test)]
mod tests;
