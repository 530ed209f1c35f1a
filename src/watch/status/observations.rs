//! What this process sees of each component at a moment.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::component::{Part, Pattern, Source};
use super::rules::{self, Check};
use crate::model::heartbeat::Role;
use crate::model::slo::report::Report;
use crate::model::snapshot::health::{CheckState, Component, Health, LatestHealth, Scope};
use crate::model::snapshot::slo::LatestSlo;
use crate::model::status::ComponentState;
use crate::watch::heartbeat::Reception;
use crate::watch::heartbeat::registry::{Query, State};

/// How many workers are looked at together.
const PAGE: usize = 1_000;
/// The check of what the SDK itself keeps things in.
const OWN_STORE: &str = "store";

/// Where it is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    pub(crate) health: LatestHealth,
    pub(crate) reception: Arc<Reception>,
    pub(crate) slo: LatestSlo,
    /// Whether other instances serve beside this one.
    pub(crate) fleet: bool,
}

/// Everything at one moment.
struct View<'a> {
    evidence: &'a Evidence,
    health: &'a Health,
    report: Option<&'a Report>,
    now: Instant,
    wall: Timestamp,
}

impl Evidence {
    /// The states of the components, in their order.
    pub(super) fn look(
        &self,
        parts: &[Part],
        now: Instant,
        wall: Timestamp,
    ) -> Vec<ComponentState> {
        let (health, report) = (self.health.read(), self.slo.read());
        let view = View {
            evidence: self,
            health: &health,
            report: report.as_deref(),
            now,
            wall,
        };
        let state = |part: &Part| rules::worst(part.sources.iter().map(|source| view.of(source)));
        parts.iter().map(state).collect()
    }
}

impl View<'_> {
    fn of(&self, source: &Source) -> ComponentState {
        match source {
            Source::Service => self.of_service(),
            Source::DataStores => self.of_checks(|check| {
                let own_file = &*check.id == OWN_STORE && check.scope == Scope::Local;
                check.component == Component::Datastore && !own_file
            }),
            Source::Checks(ids) => self.of_checks(|check| any(ids, &check.id)),
            Source::Crew(role, ids) => self.of_crew(*role, ids),
            Source::Objectives(ids) => self.of_objectives(ids),
            Source::Presence => ComponentState::Operational,
        }
    }

    fn of_service(&self) -> ComponentState {
        if !self.health.started {
            return ComponentState::NoData;
        }
        let checks = self.health.checks.iter();
        let states =
            checks.map(|check| rules::of_service(&Check::of(check, self.now), self.evidence.fleet));
        // It answers, whatever else is known.
        rules::worst(states.chain([ComponentState::Operational]))
    }

    fn of_checks(&self, wanted: impl Fn(&CheckState) -> bool) -> ComponentState {
        let checks = self.health.checks.iter().filter(|check| wanted(check));
        rules::of_checks(checks.map(|check| check.known(self.now)))
    }

    fn of_crew(&self, role: Role, ids: &[Pattern]) -> ComponentState {
        let roster = self.evidence.reception.roster();
        if ids.iter().any(|pattern| pattern.matches("")) {
            let counts = roster.counts(role, self.wall);
            let states = State::LISTED.into_iter();
            return rules::of_crew(
                states.flat_map(|state| std::iter::repeat_n(state, counts.of(state))),
            );
        }
        let (mut states, mut after) = (Vec::new(), None);
        loop {
            let query = Query {
                role,
                states: Vec::new(),
                after,
                limit: PAGE,
            };
            let page = roster.page(&query, self.wall);
            let ours = page
                .views
                .iter()
                .filter(|view| any(ids, view.row.id.as_str()));
            states.extend(ours.map(|view| view.state));
            after = page.next;
            if after.is_none() {
                return rules::of_crew(states);
            }
        }
    }

    fn of_objectives(&self, ids: &[Pattern]) -> ComponentState {
        let objectives = self
            .report
            .into_iter()
            .flat_map(|report| &report.objectives);
        let ours = objectives.filter(|one| any(ids, &format!("{}.{}", one.service, one.name)));
        rules::worst(ours.map(|one| rules::of_alert(one.alert)))
    }
}

fn any(patterns: &[Pattern], id: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(id))
}
