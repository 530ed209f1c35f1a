//! Validation of manual incidents and maintenance. All faults are reported at once.
//!
//! Validation sees one version of a row. Another update may come between: the store then refuses
//! the version, and the caller validates anew.

use std::time::Duration;

use jiff::Timestamp;

use super::component::ComponentDefinition;
use super::new_incident::{NewIncident, NewMaintenance, NewStatus, NewUpdate};
use crate::model::fault::Fault;
use crate::model::status::{
    Author, ComponentState, Impact, IncidentStatus, MaintenanceStatus, StatusId,
};
use crate::model::string_enum::{StringEnum as _, join_words};
use crate::store::{
    AffectedRow, IncidentDetails, IncidentKind, IncidentRow, MaintenanceDetails, UpdateRow,
};

/// The impacts that an incident can have.
pub(super) const IMPACTS: &str = "none, minor, major, critical";
/// The states that an incident can give a component.
pub(super) const STATES: &str = "operational, degraded_performance, partial_outage, major_outage";

const MAX_TITLE_BYTES: usize = 255;
const MAX_BODY_BYTES: usize = 10_000;
/// The largest number of updates of one timeline: enough for weeks, and little enough for a page.
const MAX_UPDATES: usize = 200;
const MAX_MAINTENANCE: Duration = Duration::from_secs(31 * 86_400);
/// The longest time since the start of an incident: as long as pages show.
const MAX_AGE: Duration = Duration::from_secs(90 * 86_400);
/// The longest time until a maintenance, against slips of the year.
const MAX_LEAD_TIME: Duration = Duration::from_secs(366 * 86_400);

/// The validator, which collects faults and returns a row.
pub(super) struct Validator<'a> {
    definitions: &'a [ComponentDefinition],
    now: Timestamp,
    faults: Vec<Fault>,
}

type ValidationResult = Result<IncidentRow, Vec<Fault>>;

impl<'a> Validator<'a> {
    pub(super) const fn new(definitions: &'a [ComponentDefinition], now: Timestamp) -> Self {
        Self {
            definitions,
            now,
            faults: Vec::new(),
        }
    }

    pub(super) fn incident(mut self, new: &NewIncident) -> ValidationResult {
        self.check_title(&new.title);
        self.check_body(&new.body);
        self.check_impact(new.impact);
        let affected = self.affected_rows(&new.components);
        let started_at = new.started_at.unwrap_or(self.now);
        let is_valid =
            started_at <= self.now && self.now.duration_since(started_at) <= signed(MAX_AGE);
        self.require(
            is_valid,
            "$.started_at",
            started_at,
            "a time in the last 90 days",
        );
        let status = new.status.unwrap_or(IncidentStatus::Investigating);
        let worst = affected.iter().map(|one| one.state.impact()).max();
        let now = self.now;
        let details = IncidentDetails {
            impact: new.impact.or(worst).unwrap_or(Impact::None),
            status,
            started_at,
            monitoring_at: (status == IncidentStatus::Monitoring).then_some(now),
            resolved_at: status.is_end().then_some(now),
            updates: vec![new_update(status, &new.body, now, &affected)],
        };
        let details = IncidentKind::Incident(details);
        self.finish(new_row(&new.title, new.draft, affected, now, details))
    }

    pub(super) fn maintenance(mut self, new: &NewMaintenance) -> ValidationResult {
        self.check_title(&new.title);
        self.check_body(&new.body);
        let is_valid = !new.components.is_empty();
        self.require(is_valid, "$.components", "[]", "at least one component");
        for (index, key) in new.components.iter().enumerate() {
            self.check_component(&format!("$.components[{index}]"), key);
        }
        let (from, until) = (new.scheduled_for, new.scheduled_until);
        self.check_window(from, until);
        let mut keys = new.components.clone();
        keys.sort();
        keys.dedup();
        let state = ComponentState::UnderMaintenance;
        let affected = keys.into_iter().map(|key| AffectedRow { key, state });
        let affected: Vec<_> = affected.collect();
        let (now, status) = (self.now, MaintenanceStatus::Scheduled);
        let details = MaintenanceDetails {
            status,
            scheduled_for: from,
            scheduled_until: until,
            completed_at: None,
            updates: vec![new_update(status, &new.body, now, &affected)],
        };
        let details = IncidentKind::Maintenance(details);
        self.finish(new_row(&new.title, new.draft, affected, now, details))
    }

    /// Returns the next version of a row.
    pub(super) fn update(mut self, row: &IncidentRow, new: &NewUpdate) -> ValidationResult {
        self.check_body(&new.body);
        if let Some(title) = &new.title {
            self.check_title(title);
        }
        let mut next = row.clone();
        next.version += 1;
        next.updated_at = self.now.max(row.updated_at);
        // Published once, it is never a draft again: people have seen it.
        next.draft &= !new.publish;
        next.title = new.title.clone().unwrap_or(next.title);
        match &mut next.kind {
            IncidentKind::Incident(details) => {
                let affected = self.update_incident(details, new);
                if details.status.is_end() {
                    let operational = ComponentState::Operational;
                    next.affected
                        .iter_mut()
                        .for_each(|one| one.state = operational);
                }
                merge_affected(&mut next.affected, &affected);
                // Opened again, it is the person's, and the system may need its slot for another one.
                if details.resolved_at.is_none() && row.ends_at().is_some() {
                    next.slot = None;
                }
            }
            IncidentKind::Maintenance(details) => self.update_maintenance(details, new),
        }
        self.finish(next)
    }

    fn update_incident(
        &mut self,
        details: &mut IncidentDetails,
        new: &NewUpdate,
    ) -> Vec<AffectedRow> {
        self.check_impact(new.impact);
        let until = new.scheduled_until.map(|at| at.to_string());
        self.require(
            until.is_none(),
            "$.scheduled_until",
            until.unwrap_or_default(),
            "a maintenance",
        );
        let affected = self.affected_rows(&new.components);
        let status = match new.status {
            None => details.status,
            Some(NewStatus::Incident(status)) => status,
            Some(NewStatus::Maintenance(status)) => {
                self.require(
                    false,
                    "$.status",
                    status.as_str(),
                    &join_words(IncidentStatus::ALL),
                );
                details.status
            }
        };
        self.check_update_count(details.updates.len());
        let now = self.now;
        let worst = affected.iter().map(|one| one.state.impact()).max();
        details.impact = new
            .impact
            .unwrap_or(details.impact.max(worst.unwrap_or(Impact::None)));
        details.status = status;
        details.monitoring_at = match status {
            IncidentStatus::Investigating | IncidentStatus::Identified => None,
            IncidentStatus::Monitoring => details.monitoring_at.or(Some(now)),
            IncidentStatus::Resolved | IncidentStatus::Postmortem => details.monitoring_at,
        };
        // A postmortem after the end does not move it.
        details.resolved_at = if status.is_end() {
            details.resolved_at.or(Some(now))
        } else {
            None
        };
        details
            .updates
            .push(new_update(status, &new.body, now, &affected));
        affected
    }

    fn update_maintenance(&mut self, details: &mut MaintenanceDetails, new: &NewUpdate) {
        let status = match new.status {
            None => details.status,
            Some(NewStatus::Maintenance(status)) => status,
            Some(NewStatus::Incident(status)) => {
                self.require(
                    false,
                    "$.status",
                    status.as_str(),
                    &join_words(MaintenanceStatus::ALL),
                );
                details.status
            }
        };
        for key in new.components.keys() {
            self.require(
                false,
                "$.components",
                format!("{key:?}"),
                "an incident: the components of a maintenance cannot be changed",
            );
        }
        if let Some(impact) = new.impact {
            self.require(false, "$.impact", impact.as_str(), "an incident");
        }
        let is_over = details.completed_at.is_some() || details.scheduled_until <= self.now;
        self.require(
            !is_over || new.status.is_none(),
            "$.status",
            status.as_str(),
            "no change: the maintenance is over",
        );
        if let Some(until) = new.scheduled_until {
            self.require(
                !is_over,
                "$.scheduled_until",
                until,
                "no change: the maintenance is over",
            );
            self.check_window(details.scheduled_for, until);
            details.scheduled_until = until;
        }
        self.check_update_count(details.updates.len());
        details.status = status;
        if status == MaintenanceStatus::Completed {
            details.completed_at = details.completed_at.or(Some(self.now));
        }
        details
            .updates
            .push(new_update(status, &new.body, self.now, &[]));
    }

    fn check_window(&mut self, from: Timestamp, until: Timestamp) {
        let ahead = self
            .now
            .checked_add(MAX_LEAD_TIME)
            .unwrap_or(Timestamp::MAX);
        self.require(
            from <= ahead,
            "$.scheduled_for",
            from,
            "a time in the next 366 days",
        );
        let is_valid = from < until
            && until > self.now
            && until.duration_since(from) <= signed(MAX_MAINTENANCE);
        let allowed = "a future time, after scheduled_for and at most 31 days after it";
        self.require(is_valid, "$.scheduled_until", until, allowed);
    }

    fn check_title(&mut self, title: &str) {
        let is_valid = !title.trim().is_empty()
            && title.len() <= MAX_TITLE_BYTES
            && !title.contains(char::is_control);
        self.require(
            is_valid,
            "$.title",
            abbreviate(title),
            "1 to 255 bytes of printable text in one line",
        );
    }

    fn check_body(&mut self, body: &str) {
        let is_forbidden = |c: char| c.is_control() && c != '\n' && c != '\t';
        let is_valid =
            !body.trim().is_empty() && body.len() <= MAX_BODY_BYTES && !body.contains(is_forbidden);
        let allowed = "1 to 10000 bytes of printable text, lines separated by \\n";
        self.require(is_valid, "$.body", abbreviate(body), allowed);
    }

    fn check_impact(&mut self, impact: Option<Impact>) {
        let is_valid = impact != Some(Impact::Maintenance);
        self.require(is_valid, "$.impact", "maintenance", IMPACTS);
    }

    fn check_update_count(&mut self, updates: usize) {
        let is_valid = updates < MAX_UPDATES;
        self.require(
            is_valid,
            "$",
            format!("{updates} updates"),
            "at most 200 in one timeline",
        );
    }

    fn affected_rows(
        &mut self,
        components: &std::collections::BTreeMap<String, ComponentState>,
    ) -> Vec<AffectedRow> {
        for (key, state) in components {
            let path = format!("$.components.{key}");
            self.check_component(&path, key);
            let is_valid = !matches!(
                state,
                ComponentState::NoData | ComponentState::UnderMaintenance
            );
            self.require(is_valid, &path, state.as_str(), STATES);
        }
        let rows = components.iter().map(|(key, state)| AffectedRow {
            key: key.clone(),
            state: *state,
        });
        rows.collect()
    }

    fn check_component(&mut self, path: &str, key: &str) {
        let known = self
            .definitions
            .iter()
            .any(|definition| *definition.key == *key);
        let keys: Vec<_> = self
            .definitions
            .iter()
            .map(|definition| &*definition.key)
            .collect();
        self.require(known, path, abbreviate(key), &join(&keys));
    }

    fn require(
        &mut self,
        is_valid: bool,
        path: &str,
        found: impl std::fmt::Display,
        allowed: &str,
    ) {
        if !is_valid {
            self.faults.push(Fault {
                path: path.into(),
                found: found.to_string(),
                allowed: allowed.into(),
            });
        }
    }

    fn finish(self, row: IncidentRow) -> ValidationResult {
        if self.faults.is_empty() {
            Ok(row)
        } else {
            Err(self.faults)
        }
    }
}

/// Returns the first version of a row.
fn new_row(
    title: &str,
    draft: bool,
    affected: Vec<AffectedRow>,
    now: Timestamp,
    details: IncidentKind,
) -> IncidentRow {
    IncidentRow {
        id: StatusId::random(),
        version: 1,
        slot: None,
        draft,
        title: title.into(),
        author: Author::Person,
        created_at: now,
        updated_at: now,
        affected,
        kind: details,
    }
}

fn new_update<S>(status: S, body: &str, at: Timestamp, affected: &[AffectedRow]) -> UpdateRow<S> {
    UpdateRow {
        id: StatusId::random(),
        status,
        body: body.into(),
        at,
        author: Author::Person,
        affected: affected.into(),
    }
}

/// Gives components their changed states, and adds those that are new.
pub(super) fn merge_affected(into: &mut Vec<AffectedRow>, changed: &[AffectedRow]) {
    for change in changed {
        match into.iter_mut().find(|one| one.key == change.key) {
            Some(known) => known.state = change.state,
            None => into.push(change.clone()),
        }
    }
}

fn join(names: &[&str]) -> String {
    names.join(", ")
}

/// Returns a text as short as a message needs.
pub(super) fn abbreviate(text: &str) -> String {
    let short: String = text.chars().take(64).collect();
    if short.len() < text.len() {
        format!("{short:?}… ({} bytes)", text.len())
    } else {
        format!("{short:?}")
    }
}

fn signed(time: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(time).unwrap_or(jiff::SignedDuration::MAX)
}
