//! The observed state of each component at a moment.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::component::{ComponentDefinition, IdPattern, StateSource};
use super::rules::{self, CheckInput};
use crate::model::heartbeat::BeatRole;
use crate::model::slo::report::SloReport;
use crate::model::snapshot::health::{
    CheckScope, CheckState, CheckedComponent, HealthState, LatestHealth,
};
use crate::model::snapshot::slo::{LatestSloReport, SliceOutcomes};
use crate::model::status::ComponentState;
use crate::watch::heartbeat::HeartbeatReceiver;
use crate::watch::heartbeat::registry::{WorkerQuery, WorkerState};

/// The number of workers per page.
const PAGE_SIZE: usize = 1_000;
/// The id of the check of this crate's own store.
/// A file of this process is no data store that a visitor could miss.
const OWN_STORE: &str = "store";

/// The sources of the components' states.
#[derive(Clone, Debug)]
pub(crate) struct StatusSources {
    pub(crate) health: LatestHealth,
    pub(crate) heartbeat_receiver: Arc<HeartbeatReceiver>,
    pub(crate) slo: LatestSloReport,
    /// `true` if other instances serve beside this one.
    pub(crate) fleet: bool,
}

/// The values of all sources at one moment.
struct SourceSnapshot<'a> {
    sources: &'a StatusSources,
    health: &'a HealthState,
    report: Option<&'a SloReport>,
    slices: Option<&'a SliceOutcomes>,
    is_maintained: &'a dyn Fn(&ComponentDefinition) -> bool,
    now: Instant,
}

impl StatusSources {
    /// Returns the states of the components, in their order; `is_maintained` says which are in maintenance.
    pub(super) fn states(
        &self,
        definitions: &[ComponentDefinition],
        is_maintained: &dyn Fn(&ComponentDefinition) -> bool,
        now: Instant,
    ) -> Vec<ComponentState> {
        let (health, report) = (self.health.read(), self.slo.read());
        let slices = self.slo.read_slices();
        let snapshot = SourceSnapshot {
            sources: self,
            health: &health,
            report: report.as_deref(),
            slices: slices.as_deref(),
            is_maintained,
            now,
        };
        let state = |definition: &ComponentDefinition| {
            rules::worst(
                definition
                    .sources
                    .iter()
                    .map(|source| snapshot.state(definition, source)),
            )
        };
        definitions.iter().map(state).collect()
    }
}

impl StatusSources {
    /// Returns since when the state of any worker or scheduler is unknown because the store of its beats can't be
    /// read.
    pub(super) fn workers_unknown_since(&self) -> Option<Timestamp> {
        let (registry, now) = self.heartbeat_receiver.lock_registry();
        registry.unknown_since(now)
    }
}

impl SourceSnapshot<'_> {
    fn state(&self, definition: &ComponentDefinition, source: &StateSource) -> ComponentState {
        match source {
            StateSource::Service => self.service_state(),
            StateSource::DataStores => self.checks_state(|check| {
                let own_file = &*check.id == OWN_STORE && check.scope == CheckScope::Local;
                check.component == CheckedComponent::Datastore && !own_file
            }),
            StateSource::Checks(ids) => self.checks_state(|check| any_matches(ids, &check.id)),
            StateSource::Workers(role, ids) => self.workers_state(*role, ids),
            StateSource::Objectives(ids) => self.objectives_state(definition, ids),
            // Who is not there can't say so: without any process the span ends.
            StateSource::Presence => ComponentState::Operational,
        }
    }

    /// Returns the state of this service, the worst of its checks.
    fn service_state(&self) -> ComponentState {
        if !self.health.started {
            return ComponentState::NoData;
        }
        let checks = self.health.checks.iter();
        let states = checks.map(|check| {
            rules::service_state(&CheckInput::from_check(check, self.now), self.sources.fleet)
        });
        // It answers, whatever else is known.
        rules::worst(states.chain([ComponentState::Operational]))
    }

    fn checks_state(&self, is_included: impl Fn(&CheckState) -> bool) -> ComponentState {
        let checks = self.health.checks.iter().filter(|check| is_included(check));
        rules::checks_state(checks.map(|check| check.freshness(self.now)))
    }

    /// Returns the state of the workers, or schedulers, that the patterns match.
    fn workers_state(&self, role: BeatRole, ids: &[IdPattern]) -> ComponentState {
        let receiver = &self.sources.heartbeat_receiver;
        // Only the pattern `*` matches nothing: counts are enough, and no worker is looked at.
        if ids.iter().any(|pattern| pattern.matches("")) {
            let (mut registry, now) = receiver.lock_registry();
            let (known, all) = (registry.known_counts(role, now), registry.counts(role, now));
            drop(registry);
            let states = WorkerState::LISTED.into_iter();
            return rules::workers_state(
                states.flat_map(|state| std::iter::repeat_n(state, known.count(state))),
                known.total() < all.total(),
            );
        }
        let (mut states, mut has_unknown, mut after) = (Vec::new(), false, None);
        loop {
            let query = WorkerQuery {
                role,
                states: Vec::new(),
                after,
                limit: PAGE_SIZE,
            };
            // Page by page, so that the registry is not locked for all of ten thousand workers.
            let (mut registry, now) = receiver.lock_registry();
            let page = registry.page(&query, now);
            drop(registry);
            let workers = page.workers.iter();
            for worker in workers.filter(|worker| any_matches(ids, worker.row.id.as_str())) {
                match worker.is_stale {
                    true => has_unknown = true,
                    false => states.push(worker.state),
                }
            }
            after = page.next_cursor;
            if after.is_none() {
                return rules::workers_state(states, has_unknown);
            }
        }
    }

    /// Returns the state of a component by the worst alert of the matching objectives.
    fn objectives_state(
        &self,
        definition: &ComponentDefinition,
        ids: &[IdPattern],
    ) -> ComponentState {
        // Failures in maintenance are expected, and raise an alert all the same.
        if (self.is_maintained)(definition) {
            return ComponentState::NoData;
        }
        let has_slices = self
            .slices
            .is_some_and(|slices| definition.has_objective(&slices.objective));
        let objectives = self
            .report
            .into_iter()
            .flat_map(|report| &report.objectives);
        let matching =
            objectives.filter(|one| any_matches(ids, &format!("{}.{}", one.service, one.name)));
        rules::worst(matching.map(|one| rules::alert_state(one.alert, has_slices)))
    }
}

fn any_matches(patterns: &[IdPattern], id: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(id))
}
