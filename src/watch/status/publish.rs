//! What is known, as the public sees it.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::auto_incident::Seen;
use super::component::{Part, Source};
use super::history::History;
use super::recorder::Recorder;
use super::text;
use crate::model::status::calendar::{self, CalendarDay};
use crate::model::status::timeline::{self, Piece, Work};
use crate::model::status::{
    Affected, Author, Component, ComponentState, Incident, Maintenance, MaintenanceStatus, Seconds,
    StatusId, StatusSnapshot, Update,
};
use crate::store::{
    AffectedRow, BulletinRow, Course, IncidentCourse, MaintenanceCourse, UpdateRow,
};

/// Until one hears of what another process sees: it tells every 10 s, its store takes a second, and it
/// is read every 5 s.
const LINGER: i64 = 20;
/// A restart does not begin a state anew.
const BRIDGE: i64 = 120;

/// What a page shows, whatever happens.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) title: Arc<str>,
    pub(super) zone_name: Arc<str>,
    pub(super) zone: TimeZone,
    pub(super) parts: Vec<Part>,
}

/// What a snapshot is made of.
pub(super) struct Known<'a> {
    pub(super) page: &'a Page,
    pub(super) history: &'a History,
    pub(super) recorder: &'a Recorder,
    pub(super) now: Timestamp,
    pub(super) away_since: Option<Timestamp>,
}

impl Known<'_> {
    /// The snapshot; beside it, how each component was seen to be.
    pub(super) fn snapshot(&self) -> (StatusSnapshot, Vec<Seen>) {
        let calendar = calendar::days(self.now, &self.page.zone, StatusSnapshot::DAYS);
        let public: Vec<_> = self.history.bulletins().filter(|row| !row.draft).collect();
        let (mut components, mut seen) = (Vec::new(), Vec::new());
        for part in &self.page.parts {
            let (component, was_seen) = self.component(part, &calendar, &public);
            components.extend(component);
            seen.push(was_seen);
        }
        let mut incidents: Vec<_> = public.iter().filter_map(|row| self.incident(row)).collect();
        incidents.sort_by_key(|one| std::cmp::Reverse((one.created_at, one.id)));
        let mut maintenances: Vec<_> = public
            .iter()
            .filter_map(|row| self.maintenance(row))
            .collect();
        maintenances.sort_by_key(|one| std::cmp::Reverse((one.scheduled_for, one.id)));
        let snapshot = StatusSnapshot {
            title: Arc::clone(&self.page.title),
            time_zone: Arc::clone(&self.page.zone_name),
            taken_at: self.now,
            store_away_since: self.away_since,
            components,
            incidents,
            maintenances,
        };
        (snapshot, seen)
    }

    /// `None` for one of the built-in ones of which nothing was ever heard.
    fn component(
        &self,
        part: &Part,
        calendar: &[CalendarDay],
        public: &[&BulletinRow],
    ) -> (Option<Component>, Seen) {
        let second = self.now.as_second();
        let from = calendar.first().map_or(second, |day| day.start);
        let own = self.recorder.going(&part.key);
        let mut pieces = self.history.pieces(&part.key, second, LINGER, own);
        let works = self.works(&part.key, public);
        let observed = timeline::merge(&pieces, &works, from, second + 1);
        let seen = self.seen(part, timeline::since(&observed, BRIDGE));
        for row in public {
            pieces.extend(said(row, &part.key, second + 1));
        }
        let known = !pieces.is_empty() || part.is_configured();
        let line = timeline::merge(&pieces, &works, from, second + 1);
        let (state, since) =
            timeline::since(&line, BRIDGE).unwrap_or((ComponentState::NoData, second));
        let days = timeline::by_day(&line, calendar);
        let mut seconds = Seconds::default();
        days.iter().for_each(|day| seconds += day.seconds);
        let first_seen = pieces
            .iter()
            .map(|piece| piece.start)
            .min()
            .unwrap_or(second);
        let component = Component {
            id: part.id,
            key: Arc::clone(&part.key),
            name: Arc::clone(&part.name),
            description: part.description.clone(),
            state,
            since: moment(if state == ComponentState::NoData {
                second
            } else {
                since
            }),
            first_seen: moment(first_seen),
            in_maintenance: line.last().is_some_and(|segment| segment.in_work),
            days,
            seconds,
        };
        (known.then_some(component), seen)
    }

    fn seen(&self, part: &Part, since: Option<(ComponentState, i64)>) -> Seen {
        let (state, since) = since.unwrap_or((ComponentState::NoData, self.now.as_second()));
        Seen {
            key: Arc::clone(&part.key),
            name: Arc::clone(&part.name),
            state,
            since: moment(since),
        }
    }

    fn works(&self, key: &str, public: &[&BulletinRow]) -> Vec<Work> {
        let concerned = public
            .iter()
            .filter(|row| row.affected.iter().any(|one| one.key == key));
        let works = concerned.filter_map(|row| match &row.course {
            Course::Maintenance(course) => {
                let end = row.ends()?.min(self.now.max(course.scheduled_for));
                Some(Work {
                    start: begun(course).as_second(),
                    // The second that goes on is the last that is looked at.
                    end: end.as_second() + i64::from(row.ends()? > self.now),
                })
            }
            Course::Incident(_) => None,
        });
        works.collect()
    }

    fn incident(&self, row: &BulletinRow) -> Option<Incident> {
        let Course::Incident(course) = &row.course else {
            return None;
        };
        Some(Incident {
            id: row.id,
            title: row.title.as_str().into(),
            impact: course.impact,
            status: course.status,
            affected: self.affected(&row.affected),
            started_at: course.started_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            monitoring_at: course.monitoring_at,
            resolved_at: course.resolved_at,
            author: row.author,
            updates: course
                .updates
                .iter()
                .rev()
                .map(|update| self.update(update))
                .collect(),
        })
    }

    fn maintenance(&self, row: &BulletinRow) -> Option<Maintenance> {
        let Course::Maintenance(course) = &row.course else {
            return None;
        };
        let by_clock = by_clock(row, course, self.now);
        let written = course.updates.iter().map(|update| self.update(update));
        let mut updates: Vec<_> = written.chain(by_clock).collect();
        updates.sort_by_key(|update| update.at);
        updates.reverse();
        let last = updates.first().map_or(row.updated_at, |update| update.at);
        let ends = row.ends();
        Some(Maintenance {
            id: row.id,
            title: row.title.as_str().into(),
            status: updates
                .first()
                .map_or(course.status, |update| update.status),
            affected: self.affected(&row.affected),
            scheduled_for: course.scheduled_for,
            scheduled_until: course.scheduled_until,
            created_at: row.created_at,
            updated_at: row.updated_at.max(last),
            completed_at: ends.filter(|ends| *ends <= self.now),
            updates,
        })
    }

    fn update<S: Copy>(&self, row: &UpdateRow<S>) -> Update<S> {
        Update {
            id: row.id,
            status: row.status,
            body: row.body.as_str().into(),
            at: row.at,
            author: row.author,
            affected: self.affected(&row.affected),
        }
    }

    /// A component that is not known here any more goes by its key; one that is hidden is left out.
    fn affected(&self, rows: &[AffectedRow]) -> Vec<Affected> {
        let one = |row: &AffectedRow| {
            let part = self.page.parts.iter().find(|part| *part.key == *row.key);
            Affected {
                id: StatusId::of(&row.key),
                key: row.key.as_str().into(),
                name: part.map_or_else(|| row.key.as_str().into(), |part| Arc::clone(&part.name)),
                state: row.state,
            }
        };
        rows.iter().map(one).collect()
    }
}

impl Part {
    /// Whether somebody asked for it, so that it is shown also while nothing is known of it.
    fn is_configured(&self) -> bool {
        let built_in = |source: &Source| {
            !matches!(source, Source::Checks(_))
                && !matches!(source, Source::Crew(_, ids) if !ids.iter().any(|id| id.matches("")))
        };
        self.sources.iter().any(|source| !built_in(source))
    }
}

/// What people said of a component in an incident. What the system said it has seen, and that is known
/// already.
fn said(row: &BulletinRow, key: &str, until: i64) -> Vec<Piece> {
    let Course::Incident(IncidentCourse {
        started_at,
        resolved_at,
        updates,
        ..
    }) = &row.course
    else {
        return Vec::new();
    };
    let end = resolved_at.map_or(until, |at| at.as_second());
    let words = updates.iter().enumerate().filter_map(|(index, update)| {
        let word = update.affected.iter().find(|one| one.key == key)?;
        // What was said first holds from the beginning.
        let at = if index == 0 { *started_at } else { update.at };
        Some((at.as_second(), word.state, update.author))
    });
    let words: Vec<_> = words.collect();
    let ends = words.iter().skip(1).map(|(at, ..)| *at).chain([end]);
    let pieces = words
        .iter()
        .zip(ends)
        .filter_map(|((start, state, author), next)| {
            let holds = *author == Author::Person && state.is_trouble();
            holds.then_some(Piece {
                state: *state,
                start: *start,
                end: next.min(end),
            })
        });
    pieces.collect()
}

/// When it began, or will: earlier than announced where a person said so.
fn begun(course: &MaintenanceCourse) -> Timestamp {
    let mut begun = course.updates.iter().filter(|update| {
        matches!(
            update.status,
            MaintenanceStatus::InProgress | MaintenanceStatus::Verifying
        )
    });
    let said = begun.next().map(|update| update.at);
    said.map_or(course.scheduled_for, |at| at.min(course.scheduled_for))
}

/// What became of it by the clock alone.
fn by_clock(
    row: &BulletinRow,
    course: &MaintenanceCourse,
    now: Timestamp,
) -> Vec<Update<MaintenanceStatus>> {
    let (from, until) = (course.scheduled_for, course.scheduled_until);
    let update = |status: MaintenanceStatus, at, body: &str| Update {
        id: StatusId::of(&format!("{}/{}", row.id, status.as_str())),
        status,
        body: body.into(),
        at,
        author: Author::System,
        affected: Vec::new(),
    };
    let over = course.completed_at;
    let mut updates = Vec::new();
    let said = course
        .updates
        .iter()
        .any(|one| one.at <= from && one.status != MaintenanceStatus::Scheduled);
    if from <= now && !said && over.is_none_or(|over| over > from) {
        updates.push(update(MaintenanceStatus::InProgress, from, text::BEGUN));
    }
    if until <= now && over.is_none_or(|over| over > until) {
        updates.push(update(MaintenanceStatus::Completed, until, text::DONE));
    }
    updates
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap_or_default()
}
