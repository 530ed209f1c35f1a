//! What the system itself writes down: when it opens an incident, tells of a change, and resolves it.
//!
//! All that goes wrong at one time is one incident: a database that is away takes the API and the
//! workers with it, and nobody is helped by three. There is one slot for it, which the store gives to
//! one of any number of processes that ask at once.
//!
//! * It opens when a component has been in a state for `open_after` that is reason enough.
//! * It tells of a change that has lasted as long.
//! * It is resolved when nothing has been reason enough for `resolve_after`. What comes and goes faster
//!   neither opens nor ends anything; what stays slow afterwards is shown, and keeps nothing open.
//! * A word of a person ends its part: that incident is the person's from then on. Nor does it open one
//!   about what a person has closed or is writing about already.
//!
//! Every decision is a function of what is known, so that any process comes to the same one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::text;
use crate::config::{IncidentFrom, Status};
use crate::model::status::{Author, ComponentState, Impact, IncidentStatus, StatusId};
use crate::store::{AffectedRow, BulletinRow, Course, IncidentCourse, UpdateRow};

/// The slot of the system's incident.
pub(super) const SLOT: &str = "system";
/// After so long without data a component is no reason to wait any more: its workers are forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);

/// How long something must last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) from: IncidentFrom,
    pub(super) open_after: Duration,
    pub(super) resolve_after: Duration,
}

/// A component as it was seen: without what people say of it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) key: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) state: ComponentState,
    pub(super) since: Timestamp,
}

/// What is known at a moment.
pub(super) struct Situation<'a> {
    pub(super) terms: Terms,
    pub(super) seen: &'a [Seen],
    pub(super) bulletins: &'a [&'a BulletinRow],
    pub(super) now: Timestamp,
}

impl Terms {
    pub(super) const fn of(config: &Status) -> Self {
        Self {
            from: config.incident_from,
            open_after: config.open_after,
            resolve_after: config.resolve_after,
        }
    }
}

impl Situation<'_> {
    /// What is to be written down, if anything is.
    pub(super) fn decide(&self) -> Option<BulletinRow> {
        let mut open = self.bulletins.iter().filter(|row| row.ends().is_none());
        match open.find(|row| row.slot.as_deref() == Some(SLOT)) {
            None => self.open(),
            Some(row) => self.go_on(row),
        }
    }

    fn open(&self) -> Option<BulletinRow> {
        let reasons: Vec<_> = self
            .seen
            .iter()
            .filter(|seen| self.is_reason(seen))
            .collect();
        let first = reasons.iter().map(|seen| seen.since).min()?;
        // Whatever else is wrong by then belongs to it.
        let wrong = self
            .seen
            .iter()
            .filter(|seen| self.is_settled_trouble(seen));
        let affected: Vec<_> = wrong.map(affected).collect();
        let names = self.names();
        let update = self.update(
            IncidentStatus::Investigating,
            text::found(&affected, &names),
            affected.clone(),
        );
        Some(BulletinRow {
            id: StatusId::random(),
            version: 1,
            slot: Some(SLOT.into()),
            draft: false,
            title: text::title(&affected, &names),
            author: Author::System,
            created_at: self.now,
            updated_at: self.now,
            course: Course::Incident(IncidentCourse {
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

    fn is_reason(&self, seen: &Seen) -> bool {
        self.is_settled_trouble(seen)
            && self.terms.from.is_met_by(seen.state)
            && !self.is_spoken_of(&seen.key)
            && self.last_end().is_none_or(|end| seen.since > end)
    }

    /// Whether an open incident of a person is about it.
    fn is_spoken_of(&self, key: &str) -> bool {
        let mut open = self.bulletins.iter().filter(|row| {
            matches!(row.course, Course::Incident(_)) && row.ends().is_none() && !row.draft
        });
        open.any(|row| row.affected.iter().any(|affected| affected.key == key))
    }

    /// When the last incident of the system was closed, by itself or by a person, who must not be told
    /// the same again.
    fn last_end(&self) -> Option<Timestamp> {
        let systems = self
            .bulletins
            .iter()
            .filter(|row| row.author == Author::System);
        systems.filter_map(|row| row.ends()).max()
    }

    fn go_on(&self, row: &BulletinRow) -> Option<BulletinRow> {
        let Course::Incident(course) = &row.course else {
            return None;
        };
        if course
            .updates
            .iter()
            .any(|update| update.author == Author::Person)
        {
            return None;
        }
        let told = Told::of(course, self.terms.from);
        if self.is_over(&told) {
            return Some(self.resolve(row, course));
        }
        let news = |seen: &&Seen| told.is_news(seen) && self.is_settled(seen);
        let changed: Vec<_> = self.seen.iter().filter(news).map(affected).collect();
        (!changed.is_empty()).then(|| self.tell(row, course, changed))
    }

    /// Whether everything that it is about has been no reason any more for long enough, and nothing else
    /// is one.
    fn is_over(&self, told: &Told<'_>) -> bool {
        let over = |seen: &Seen| {
            let since = told
                .reason(&seen.key)
                .map_or(seen.since, |at| at.max(seen.since));
            let lasts = self.passed(since);
            match seen.state {
                ComponentState::NoData => lasts >= FORGOTTEN,
                state => !self.terms.from.is_met_by(state) && lasts >= self.terms.resolve_after,
            }
        };
        self.seen.iter().all(|seen| {
            let concerned =
                told.0.contains_key(&*seen.key) || self.terms.from.is_met_by(seen.state);
            !concerned || over(seen)
        })
    }

    fn tell(
        &self,
        row: &BulletinRow,
        course: &IncidentCourse,
        changed: Vec<AffectedRow>,
    ) -> BulletinRow {
        let mut affected = row.affected.clone();
        for change in &changed {
            match affected.iter_mut().find(|one| one.key == change.key) {
                Some(known) => known.state = change.state,
                None => affected.push(change.clone()),
            }
        }
        let over = !affected
            .iter()
            .any(|one| self.terms.from.is_met_by(one.state));
        let well = !affected.iter().any(|one| one.state.is_trouble());
        let status = if over {
            IncidentStatus::Monitoring
        } else {
            IncidentStatus::Investigating
        };
        let body = text::changed(&changed, &self.names(), well);
        let mut next = self.next(row, course, status, body, changed);
        if let Course::Incident(course) = &mut next.course {
            course.impact = course.impact.max(impact(&affected));
            course.monitoring_at = over.then_some(self.now);
        }
        next.affected = affected;
        next
    }

    fn resolve(&self, row: &BulletinRow, course: &IncidentCourse) -> BulletinRow {
        let now = |key: &str| {
            let seen = self.seen.iter().find(|seen| *seen.key == *key);
            let state = seen
                .map(|seen| seen.state)
                .filter(|state| state.is_trouble());
            state.unwrap_or(ComponentState::Operational)
        };
        let affected = row.affected.iter().map(|one| AffectedRow {
            key: one.key.clone(),
            state: now(&one.key),
        });
        let affected: Vec<_> = affected.collect();
        let changed = affected.iter().filter(|one| !row.affected.contains(one));
        let changed = changed.cloned().collect();
        let left: Vec<_> = affected
            .iter()
            .filter(|one| one.state.is_trouble())
            .cloned()
            .collect();
        let body = text::over(self.now, course.started_at, &left, &self.names());
        let mut next = self.next(row, course, IncidentStatus::Resolved, body, changed);
        if let Course::Incident(course) = &mut next.course {
            course.resolved_at = Some(self.now);
        }
        next.affected = affected;
        next
    }

    fn next(
        &self,
        row: &BulletinRow,
        course: &IncidentCourse,
        status: IncidentStatus,
        body: String,
        changed: Vec<AffectedRow>,
    ) -> BulletinRow {
        let mut course = course.clone();
        course.status = status;
        course.updates.push(self.update(status, body, changed));
        BulletinRow {
            version: row.version + 1,
            updated_at: self.now.max(row.updated_at),
            course: Course::Incident(course),
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

    fn is_settled_trouble(&self, seen: &Seen) -> bool {
        seen.state.is_trouble() && self.is_settled(seen)
    }

    fn is_settled(&self, seen: &Seen) -> bool {
        self.passed(seen.since) >= self.terms.open_after
    }

    fn passed(&self, since: Timestamp) -> Duration {
        let passed = self.now.duration_since(since);
        Duration::try_from(passed).unwrap_or_default()
    }

    fn names(&self) -> BTreeMap<&str, &str> {
        self.seen
            .iter()
            .map(|seen| (&*seen.key, &*seen.name))
            .collect()
    }
}

/// What an incident has said of components so far.
struct Told<'a>(BTreeMap<&'a str, Word>);

/// What it said last of one.
#[derive(Clone, Copy)]
struct Word {
    state: ComponentState,
    at: Timestamp,
    /// When it last said that the component is in a state that is reason enough.
    reason: Option<Timestamp>,
}

impl<'a> Told<'a> {
    fn of(course: &'a IncidentCourse, from: IncidentFrom) -> Self {
        let mut words = BTreeMap::<&str, Word>::new();
        for update in &course.updates {
            for AffectedRow { key, state } in &update.affected {
                let before = words.get(&**key).and_then(|word| word.reason);
                let reason = if from.is_met_by(*state) {
                    Some(update.at)
                } else {
                    before
                };
                let word = Word {
                    state: *state,
                    at: update.at,
                    reason,
                };
                words.insert(key, word);
            }
        }
        Self(words)
    }

    /// Whether a component is otherwise than was said of it. A state that is older than the word is what
    /// a process saw that has yet to hear of the trouble, and no news.
    fn is_news(&self, seen: &Seen) -> bool {
        match self.0.get(&*seen.key) {
            Some(word) => {
                let other = word.state != seen.state && seen.state != ComponentState::NoData;
                other && seen.since >= word.at
            }
            None => seen.state.is_trouble(),
        }
    }

    fn reason(&self, key: &str) -> Option<Timestamp> {
        self.0.get(key)?.reason
    }
}

fn affected(seen: &Seen) -> AffectedRow {
    AffectedRow {
        key: seen.key.to_string(),
        state: seen.state,
    }
}

fn impact(affected: &[AffectedRow]) -> Impact {
    let impacts = affected.iter().map(|one| one.state.impact());
    impacts.max().unwrap_or(Impact::None)
}

#[cfg(test)]
mod tests;
