//! What a person wrote, judged, and made into a row. All that is wrong is told at once.

use std::time::Duration;

use jiff::Timestamp;

use super::IncidentFault;
use super::component::Part;
use super::new_incident::{NewIncident, NewMaintenance, NewStatus, NewUpdate};
use crate::model::status::{
    Author, ComponentState, Impact, IncidentStatus, MaintenanceStatus, StatusId,
};
use crate::store::{
    AffectedRow, BulletinRow, Course, IncidentCourse, MaintenanceCourse, UpdateRow,
};

const LONGEST_TITLE: usize = 255;
const LONGEST_BODY: usize = 10_000;
/// Entries of one timeline: enough for weeks, and little enough for a page.
const MOST_UPDATES: usize = 200;
const LONGEST_WORK: Duration = Duration::from_secs(31 * 86_400);
/// Longer ago than pages show.
const LONGEST_AGO: Duration = Duration::from_secs(90 * 86_400);
/// Nobody announces so far ahead, but slips of the year do.
const LONGEST_AHEAD: Duration = Duration::from_secs(366 * 86_400);

/// Finds faults.
pub(super) struct Judge<'a> {
    parts: &'a [Part],
    now: Timestamp,
    faults: Vec<IncidentFault>,
}

type Judged = Result<BulletinRow, Vec<IncidentFault>>;

impl<'a> Judge<'a> {
    pub(super) const fn new(parts: &'a [Part], now: Timestamp) -> Self {
        Self {
            parts,
            now,
            faults: Vec::new(),
        }
    }

    pub(super) fn incident(mut self, new: &NewIncident) -> Judged {
        self.title(&new.title);
        self.body(&new.body);
        self.impact(new.impact);
        let affected = self.states(&new.components);
        let started_at = new.started_at.unwrap_or(self.now);
        let fine =
            started_at <= self.now && self.now.duration_since(started_at) <= span(LONGEST_AGO);
        self.require(
            fine,
            "$.started_at",
            started_at,
            "a time in the last 90 days",
        );
        let status = new.status.unwrap_or(IncidentStatus::Investigating);
        let worst = affected.iter().map(|one| one.state.impact()).max();
        let now = self.now;
        let course = IncidentCourse {
            impact: new.impact.or(worst).unwrap_or(Impact::None),
            status,
            started_at,
            monitoring_at: (status == IncidentStatus::Monitoring).then_some(now),
            resolved_at: status.is_end().then_some(now),
            updates: vec![entry(status, &new.body, now, &affected)],
        };
        let course = Course::Incident(course);
        self.judged(bulletin(&new.title, new.draft, affected, now, course))
    }

    pub(super) fn maintenance(mut self, new: &NewMaintenance) -> Judged {
        self.title(&new.title);
        self.body(&new.body);
        let fine = !new.components.is_empty();
        self.require(fine, "$.components", "[]", "at least one component");
        for (index, key) in new.components.iter().enumerate() {
            self.component(&format!("$.components[{index}]"), key);
        }
        let (from, until) = (new.scheduled_for, new.scheduled_until);
        self.window(from, until);
        let mut keys = new.components.clone();
        keys.sort();
        keys.dedup();
        let state = ComponentState::UnderMaintenance;
        let affected = keys.into_iter().map(|key| AffectedRow { key, state });
        let affected: Vec<_> = affected.collect();
        let (now, status) = (self.now, MaintenanceStatus::Scheduled);
        let course = MaintenanceCourse {
            status,
            scheduled_for: from,
            scheduled_until: until,
            completed_at: None,
            updates: vec![entry(status, &new.body, now, &affected)],
        };
        let course = Course::Maintenance(course);
        self.judged(bulletin(&new.title, new.draft, affected, now, course))
    }

    /// The next version of what is there.
    pub(super) fn update(mut self, row: &BulletinRow, new: &NewUpdate) -> Judged {
        self.body(&new.body);
        if let Some(title) = &new.title {
            self.title(title);
        }
        let mut next = row.clone();
        next.version += 1;
        next.updated_at = self.now.max(row.updated_at);
        next.draft &= !new.publish;
        next.title = new.title.clone().unwrap_or(next.title);
        match &mut next.course {
            Course::Incident(course) => {
                let affected = self.go_on(course, new);
                if course.status.is_end() {
                    let well = ComponentState::Operational;
                    next.affected.iter_mut().for_each(|one| one.state = well);
                }
                merge(&mut next.affected, &affected);
                // Opened again, it is the person's, and the system may need its slot for another one.
                if course.resolved_at.is_none() && row.ends().is_some() {
                    next.slot = None;
                }
            }
            Course::Maintenance(course) => self.go_on_working(course, new),
        }
        self.judged(next)
    }

    fn go_on(&mut self, course: &mut IncidentCourse, new: &NewUpdate) -> Vec<AffectedRow> {
        self.impact(new.impact);
        let until = new.scheduled_until.map(|at| at.to_string());
        self.require(
            until.is_none(),
            "$.scheduled_until",
            until.unwrap_or_default(),
            "a maintenance",
        );
        let affected = self.states(&new.components);
        let status = match new.status {
            None => course.status,
            Some(NewStatus::Incident(status)) => status,
            Some(NewStatus::Maintenance(status)) => {
                self.require(
                    false,
                    "$.status",
                    status.as_str(),
                    &words(&IncidentStatus::ALL.map(IncidentStatus::as_str)),
                );
                course.status
            }
        };
        self.room(course.updates.len());
        let now = self.now;
        let worst = affected.iter().map(|one| one.state.impact()).max();
        course.impact = new
            .impact
            .unwrap_or(course.impact.max(worst.unwrap_or(Impact::None)));
        course.status = status;
        course.monitoring_at = match status {
            IncidentStatus::Investigating | IncidentStatus::Identified => None,
            IncidentStatus::Monitoring => course.monitoring_at.or(Some(now)),
            IncidentStatus::Resolved | IncidentStatus::Postmortem => course.monitoring_at,
        };
        course.resolved_at = if status.is_end() {
            course.resolved_at.or(Some(now))
        } else {
            None
        };
        course
            .updates
            .push(entry(status, &new.body, now, &affected));
        affected
    }

    fn go_on_working(&mut self, course: &mut MaintenanceCourse, new: &NewUpdate) {
        let status = match new.status {
            None => course.status,
            Some(NewStatus::Maintenance(status)) => status,
            Some(NewStatus::Incident(status)) => {
                self.require(
                    false,
                    "$.status",
                    status.as_str(),
                    &words(&MaintenanceStatus::ALL.map(MaintenanceStatus::as_str)),
                );
                course.status
            }
        };
        for key in new.components.keys() {
            self.require(
                false,
                "$.components",
                format!("{key:?}"),
                "an incident: those of a maintenance stay as announced",
            );
        }
        if let Some(impact) = new.impact {
            self.require(false, "$.impact", impact.as_str(), "an incident");
        }
        let over = course.completed_at.is_some() || course.scheduled_until <= self.now;
        self.require(
            !over || new.status.is_none(),
            "$.status",
            status.as_str(),
            "no other one: the maintenance is over",
        );
        if let Some(until) = new.scheduled_until {
            self.require(
                !over,
                "$.scheduled_until",
                until,
                "no other one: the maintenance is over",
            );
            self.window(course.scheduled_for, until);
            course.scheduled_until = until;
        }
        self.room(course.updates.len());
        course.status = status;
        if status == MaintenanceStatus::Completed {
            course.completed_at = course.completed_at.or(Some(self.now));
        }
        course.updates.push(entry(status, &new.body, self.now, &[]));
    }

    fn window(&mut self, from: Timestamp, until: Timestamp) {
        let ahead = self
            .now
            .checked_add(LONGEST_AHEAD)
            .unwrap_or(Timestamp::MAX);
        self.require(
            from <= ahead,
            "$.scheduled_for",
            from,
            "a time in the next 366 days",
        );
        let fine =
            from < until && until > self.now && until.duration_since(from) <= span(LONGEST_WORK);
        let allowed = "a time to come, after scheduled_for and at most 31 days after it";
        self.require(fine, "$.scheduled_until", until, allowed);
    }

    fn title(&mut self, title: &str) {
        let fine = !title.trim().is_empty()
            && title.len() <= LONGEST_TITLE
            && !title.contains(char::is_control);
        self.require(
            fine,
            "$.title",
            shown(title),
            "1 to 255 bytes of printable text in one line",
        );
    }

    fn body(&mut self, body: &str) {
        let odd = |c: char| c.is_control() && c != '\n' && c != '\t';
        let fine = !body.trim().is_empty() && body.len() <= LONGEST_BODY && !body.contains(odd);
        let allowed = "1 to 10000 bytes of printable text, lines separated by \\n";
        self.require(fine, "$.body", shown(body), allowed);
    }

    fn impact(&mut self, impact: Option<Impact>) {
        let fine = impact != Some(Impact::Maintenance);
        self.require(
            fine,
            "$.impact",
            "maintenance",
            "none, minor, major, critical",
        );
    }

    fn room(&mut self, updates: usize) {
        let fine = updates < MOST_UPDATES;
        self.require(
            fine,
            "$",
            format!("{updates} updates"),
            "at most 200 in one timeline",
        );
    }

    fn states(
        &mut self,
        components: &std::collections::BTreeMap<String, ComponentState>,
    ) -> Vec<AffectedRow> {
        for (key, state) in components {
            let path = format!("$.components.{key}");
            self.component(&path, key);
            let fine = !matches!(
                state,
                ComponentState::NoData | ComponentState::UnderMaintenance
            );
            let allowed = "operational, degraded_performance, partial_outage, major_outage";
            self.require(fine, &path, state.as_str(), allowed);
        }
        let rows = components.iter().map(|(key, state)| AffectedRow {
            key: key.clone(),
            state: *state,
        });
        rows.collect()
    }

    fn component(&mut self, path: &str, key: &str) {
        let known = self.parts.iter().any(|part| *part.key == *key);
        let keys: Vec<_> = self.parts.iter().map(|part| &*part.key).collect();
        self.require(known, path, shown(key), &words(&keys));
    }

    fn require(&mut self, fine: bool, path: &str, found: impl std::fmt::Display, allowed: &str) {
        if !fine {
            self.faults.push(IncidentFault {
                path: path.into(),
                found: found.to_string(),
                allowed: allowed.into(),
            });
        }
    }

    fn judged(self, row: BulletinRow) -> Judged {
        if self.faults.is_empty() {
            Ok(row)
        } else {
            Err(self.faults)
        }
    }
}

/// One that is new.
fn bulletin(
    title: &str,
    draft: bool,
    affected: Vec<AffectedRow>,
    now: Timestamp,
    course: Course,
) -> BulletinRow {
    BulletinRow {
        id: StatusId::random(),
        version: 1,
        slot: None,
        draft,
        title: title.into(),
        author: Author::Person,
        created_at: now,
        updated_at: now,
        affected,
        course,
    }
}

fn entry<S>(status: S, body: &str, at: Timestamp, affected: &[AffectedRow]) -> UpdateRow<S> {
    UpdateRow {
        id: StatusId::random(),
        status,
        body: body.into(),
        at,
        author: Author::Person,
        affected: affected.into(),
    }
}

fn merge(into: &mut Vec<AffectedRow>, changed: &[AffectedRow]) {
    for change in changed {
        match into.iter_mut().find(|one| one.key == change.key) {
            Some(known) => known.state = change.state,
            None => into.push(change.clone()),
        }
    }
}

fn words(words: &[&str]) -> String {
    words.join(", ")
}

/// As much of a text as a message needs.
pub(super) fn shown(text: &str) -> String {
    let short: String = text.chars().take(64).collect();
    if short.len() < text.len() {
        format!("{short:?}… ({} bytes)", text.len())
    } else {
        format!("{short:?}")
    }
}

fn span(time: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(time).unwrap_or(jiff::SignedDuration::MAX)
}
