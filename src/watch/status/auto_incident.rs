//! Automatic incidents: when they open, report a change, and resolve.
//!
//! All that goes wrong at one time is one incident: a database that is away takes the API and the
//! workers with it, and nobody is helped by three. There is one slot for it, which the store gives to
//! one of any number of processes that ask at once.
//!
//! * It opens when a component has been in a state for `open_after` that is reason enough.
//! * It announces a change that has lasted as long. Its title names each affected component with its
//!   present state; after the end, with the worst one that it was in.
//! * It is resolved when nothing has been reason enough for `resolve_after`. What comes and goes faster
//!   neither opens nor ends anything; what stays slow afterwards is shown, and keeps nothing open.
//! * A manual update takes an incident over: automation no longer changes it. Nor does it open one
//!   about what a person has closed or is writing about already.
//!
//! Every decision is a function of what is known, so that any process comes to the same one.
//!
//! | automatic incident | observed | decision |
//! |---|---|---|
//! | none open | a reason for `open_after`, begun after the last one ended, not reported by a person | open |
//! | open, untouched | an affected component's other state for `open_after` | announce |
//! | open, untouched | no reason for `resolve_after` | resolve |
//! | open, updated by a person | anything | none |

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::text;
use super::validate::merge_affected;
use crate::config::{IncidentFrom, StatusConfig};
use crate::model::status::{Author, ComponentState, Impact, IncidentStatus, StatusId};
use crate::store::{AffectedRow, IncidentDetails, IncidentKind, IncidentRow, UpdateRow};

/// The slot of the automatic incident.
pub(super) const SLOT: &str = "system";
/// The time without data after which a component keeps no incident open: its workers are forgotten.
const NO_DATA_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// The rules by which automatic incidents open and resolve.
#[derive(Clone, Copy, Debug)]
pub(super) struct AutoIncidentRules {
    pub(super) from: IncidentFrom,
    /// Also the time that a change must last before it is announced.
    pub(super) open_after: Duration,
    pub(super) resolve_after: Duration,
}

/// The observed state of a component, without manual incidents.
#[derive(Clone, Debug)]
pub(super) struct Observation {
    pub(super) key: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) state: ComponentState,
    /// The begin of the state, bridged over short gaps.
    pub(super) since: Timestamp,
}

/// The inputs of a decision at one moment.
pub(super) struct AutoIncidentInputs<'a> {
    pub(super) rules: AutoIncidentRules,
    pub(super) observations: &'a [Observation],
    pub(super) incident_rows: &'a [&'a IncidentRow],
    pub(super) now: Timestamp,
}

impl AutoIncidentRules {
    pub(super) const fn from_config(config: &StatusConfig) -> Self {
        Self {
            from: config.incident_from,
            open_after: config.open_after,
            resolve_after: config.resolve_after,
        }
    }
}

impl AutoIncidentInputs<'_> {
    /// Returns the row to write, if there is one.
    pub(super) fn decide(&self) -> Option<IncidentRow> {
        let mut open = self
            .incident_rows
            .iter()
            .filter(|row| row.ends_at().is_none());
        match open.find(|row| row.slot.as_deref() == Some(SLOT)) {
            None => self.open_incident(),
            Some(row) => self.continue_incident(row),
        }
    }

    /// Returns a new incident, if some component is reason enough.
    fn open_incident(&self) -> Option<IncidentRow> {
        let causes: Vec<_> = self
            .observations
            .iter()
            .filter(|observation| self.opens_incident(observation))
            .collect();
        // The incident began when its first cause did, and not when it was sure.
        let first = causes.iter().map(|observation| observation.since).min()?;
        // Whatever else is wrong by then belongs to it.
        let troubled = self
            .observations
            .iter()
            .filter(|observation| self.is_stable_trouble(observation));
        let affected: Vec<_> = troubled.map(affected).collect();
        let names = self.names();
        let update = self.update(
            IncidentStatus::Investigating,
            text::opened_body(&affected, &names),
            affected.clone(),
        );
        Some(IncidentRow {
            id: StatusId::random(),
            version: 1,
            slot: Some(SLOT.into()),
            draft: false,
            title: text::incident_title(&affected, &names),
            author: Author::System,
            created_at: self.now,
            updated_at: self.now,
            kind: IncidentKind::Incident(IncidentDetails {
                impact: impact(&affected),
                status: IncidentStatus::Investigating,
                started_at: first,
                monitoring_at: None,
                resolved_at: None,
                updates: vec![update],
            }),
            affected,
        })
    }

    /// Returns whether a component is reason enough for a new incident.
    fn opens_incident(&self, observation: &Observation) -> bool {
        self.is_stable_trouble(observation)
            && self.rules.from.includes(observation.state)
            && !self.is_reported_by_person(&observation.key)
            && self
                .last_automatic_end()
                // What a person has closed while it lasts must not be opened again under their
                // hands.
                .is_none_or(|end| observation.since > end)
    }

    /// Returns whether an open manual incident is about the component.
    fn is_reported_by_person(&self, key: &str) -> bool {
        let mut open = self.incident_rows.iter().filter(|row| {
            matches!(row.kind, IncidentKind::Incident(_)) && row.ends_at().is_none() && !row.draft
        });
        open.any(|row| row.affected.iter().any(|affected| affected.key == key))
    }

    /// Returns the end of the last automatic incident, resolved automatically or by a person, who must not
    /// get the same one again.
    fn last_automatic_end(&self) -> Option<Timestamp> {
        let automatic = self
            .incident_rows
            .iter()
            .filter(|row| row.author == Author::System);
        let ends = automatic.filter_map(|row| row.ends_at());
        // One in the future was written by a clock that was ahead, and would keep all others from opening.
        ends.filter(|end| *end <= self.now).max()
    }

    /// Returns the next version of an open incident, if there is something to write.
    fn continue_incident(&self, row: &IncidentRow) -> Option<IncidentRow> {
        let IncidentKind::Incident(details) = &row.kind else {
            return None;
        };
        if details
            .updates
            .iter()
            .any(|update| update.author == Author::Person)
        {
            return None;
        }
        let announced = AnnouncedStates::from_details(details, self.rules.from, self.now);
        if self.is_over(&announced) {
            return Some(self.resolve(row, details));
        }
        let is_changed = |observation: &&Observation| {
            announced.is_change(observation) && self.is_stable(observation)
        };
        let changed: Vec<_> = self
            .observations
            .iter()
            .filter(is_changed)
            .map(affected)
            .collect();
        (!changed.is_empty()).then(|| self.announce_changes(row, details, changed))
    }

    /// Returns whether no affected component has been a reason for long enough, and no other one is.
    fn is_over(&self, announced: &AnnouncedStates<'_>) -> bool {
        let over = |observation: &Observation| {
            let since = announced
                .last_reason_at(&observation.key)
                .map_or(observation.since, |at| at.max(observation.since));
            let elapsed = self.elapsed_since(since);
            match observation.state {
                // Silence is no recovery: a worker that is gone may still be broken.
                ComponentState::NoData => elapsed >= NO_DATA_TIMEOUT,
                state => !self.rules.from.includes(state) && elapsed >= self.rules.resolve_after,
            }
        };
        self.observations.iter().all(|observation| {
            let concerned = announced.0.contains_key(&*observation.key)
                || self.rules.from.includes(observation.state);
            !concerned || over(observation)
        })
    }

    /// Returns the incident with an update about these changes; monitoring once nothing is a reason
    /// any more.
    fn announce_changes(
        &self,
        row: &IncidentRow,
        details: &IncidentDetails,
        changed: Vec<AffectedRow>,
    ) -> IncidentRow {
        let mut affected = row.affected.clone();
        merge_affected(&mut affected, &changed);
        let over = !affected
            .iter()
            .any(|one| self.rules.from.includes(one.state));
        let all_operational = !affected.iter().any(|one| one.state.needs_attention());
        let status = if over {
            IncidentStatus::Monitoring
        } else {
            IncidentStatus::Investigating
        };
        let body = text::changed_body(&changed, &self.names(), all_operational);
        let mut next = self.next_version(row, details, status, body, changed);
        if let IncidentKind::Incident(details) = &mut next.kind {
            // An incident's impact is its worst, so that it only grows.
            details.impact = details.impact.max(impact(&affected));
            details.monitoring_at = over.then_some(self.now);
        }
        next.title = if all_operational {
            self.final_title(row, details)
        } else {
            text::incident_title(&affected, &self.names())
        };
        next.affected = affected;
        next
    }

    /// Returns the incident as resolved, with the present states of its components.
    fn resolve(&self, row: &IncidentRow, details: &IncidentDetails) -> IncidentRow {
        let now = |key: &str| {
            let observation = self
                .observations
                .iter()
                .find(|observation| *observation.key == *key);
            let state = observation
                .map(|observation| observation.state)
                .filter(|state| state.needs_attention());
            state.unwrap_or(ComponentState::Operational)
        };
        let affected = row.affected.iter().map(|one| AffectedRow {
            key: one.key.clone(),
            state: now(&one.key),
        });
        let affected: Vec<_> = affected.collect();
        let changed = affected.iter().filter(|one| !row.affected.contains(one));
        let changed = changed.cloned().collect();
        let remaining: Vec<_> = affected
            .iter()
            .filter(|one| one.state.needs_attention())
            .cloned()
            .collect();
        let body = text::resolved_body(self.now, details.started_at, &remaining, &self.names());
        let mut next = self.next_version(row, details, IncidentStatus::Resolved, body, changed);
        if let IncidentKind::Incident(details) = &mut next.kind {
            details.resolved_at = Some(self.now);
        }
        next.title = self.final_title(row, details);
        next.affected = affected;
        next
    }

    /// Returns the title of an incident that is over: each component with the worst state that was announced.
    fn final_title(&self, row: &IncidentRow, details: &IncidentDetails) -> String {
        let announced = details.updates.iter().flat_map(|update| &update.affected);
        let mut worst = Vec::<AffectedRow>::new();
        for one in announced {
            match worst.iter_mut().find(|known| known.key == one.key) {
                Some(known) => known.state = known.state.max(one.state),
                None => worst.push(one.clone()),
            }
        }
        let title = text::incident_title(&worst, &self.names());
        // An incident opens with an announced state; a stored row may come from elsewhere.
        if title.is_empty() {
            row.title.clone()
        } else {
            title
        }
    }

    /// Returns the row with one more update.
    fn next_version(
        &self,
        row: &IncidentRow,
        details: &IncidentDetails,
        status: IncidentStatus,
        body: String,
        changed: Vec<AffectedRow>,
    ) -> IncidentRow {
        let mut details = details.clone();
        details.status = status;
        details.updates.push(self.update(status, body, changed));
        IncidentRow {
            version: row.version + 1,
            // Another process's clock may be ahead.
            updated_at: self.now.max(row.updated_at),
            kind: IncidentKind::Incident(details),
            ..row.clone()
        }
    }

    fn update(
        &self,
        status: IncidentStatus,
        body: String,
        affected: Vec<AffectedRow>,
    ) -> UpdateRow<IncidentStatus> {
        UpdateRow {
            id: StatusId::random(),
            status,
            body,
            at: self.now,
            author: Author::System,
            affected,
        }
    }

    /// Returns whether a component has been in a state that needs attention for `open_after`.
    fn is_stable_trouble(&self, observation: &Observation) -> bool {
        observation.state.needs_attention() && self.is_stable(observation)
    }

    fn is_stable(&self, observation: &Observation) -> bool {
        self.elapsed_since(observation.since) >= self.rules.open_after
    }

    fn elapsed_since(&self, since: Timestamp) -> Duration {
        let passed = self.now.duration_since(since);
        Duration::try_from(passed).unwrap_or_default()
    }

    fn names(&self) -> BTreeMap<&str, &str> {
        self.observations
            .iter()
            .map(|observation| (&*observation.key, &*observation.name))
            .collect()
    }
}

/// The states of components that an incident has announced so far.
struct AnnouncedStates<'a>(BTreeMap<&'a str, AnnouncedState>);

/// The last announced state of a component.
#[derive(Clone, Copy)]
struct AnnouncedState {
    state: ComponentState,
    /// `None` where it was announced by a clock that was ahead: everything observed is newer.
    at: Option<Timestamp>,
    /// The time of the last announced state that opens an incident.
    last_reason_at: Option<Timestamp>,
}

impl<'a> AnnouncedStates<'a> {
    /// Collects the states from the updates, the latest last.
    fn from_details(details: &'a IncidentDetails, from: IncidentFrom, now: Timestamp) -> Self {
        let mut states = BTreeMap::<&str, AnnouncedState>::new();
        for update in &details.updates {
            let at = Some(update.at).filter(|at| *at <= now);
            for AffectedRow { key, state } in &update.affected {
                let before = states
                    .get(&**key)
                    .and_then(|announced| announced.last_reason_at);
                let last_reason_at = if from.includes(*state) { at } else { before };
                let announced = AnnouncedState {
                    state: *state,
                    at,
                    last_reason_at,
                };
                states.insert(key, announced);
            }
        }
        Self(states)
    }

    /// Returns whether a component has changed since it was announced. A state that is older than the
    /// announcement comes from a process that has not read it yet, and is no change.
    fn is_change(&self, observation: &Observation) -> bool {
        match self.0.get(&*observation.key) {
            Some(announced) => {
                let other = announced.state != observation.state
                    && observation.state != ComponentState::NoData;
                other && announced.at.is_none_or(|at| observation.since >= at)
            }
            None => observation.state.needs_attention(),
        }
    }

    fn last_reason_at(&self, key: &str) -> Option<Timestamp> {
        self.0.get(key)?.last_reason_at
    }
}

fn affected(observation: &Observation) -> AffectedRow {
    AffectedRow {
        key: observation.key.to_string(),
        state: observation.state,
    }
}

fn impact(affected: &[AffectedRow]) -> Impact {
    let impacts = affected.iter().map(|one| one.state.impact());
    impacts.max().unwrap_or(Impact::None)
}

#[cfg(test)]
mod tests;
