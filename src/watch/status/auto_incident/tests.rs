//! Histories played second by second.

use super::*;
use crate::store::tests::rows::at;

use ComponentState::{DegradedPerformance, MajorOutage, NoData, Operational, PartialOutage};

const KEYS: [&str; 2] = ["api", "database"];

/// A world of two components, and what is written down about it.
struct World {
    seen: Vec<Seen>,
    bulletins: Vec<BulletinRow>,
    second: i64,
    from: IncidentFrom,
}

impl World {
    fn new() -> Self {
        let seen = KEYS.map(|key| Seen {
            key: key.into(),
            name: key.to_uppercase().into(),
            state: Operational,
            since: at(0),
        });
        Self {
            seen: seen.into(),
            bulletins: Vec::new(),
            second: 0,
            from: IncidentFrom::PartialOutage,
        }
    }

    fn set(&mut self, key: usize, state: ComponentState) {
        let now = at(self.second);
        let seen = &mut self.seen[key];
        if seen.state != state {
            (seen.state, seen.since) = (state, now);
        }
    }

    fn decide(&self) -> Option<BulletinRow> {
        let bulletins: Vec<_> = self.bulletins.iter().collect();
        let terms = Terms {
            from: self.from,
            open_after: Duration::from_secs(60),
            resolve_after: Duration::from_secs(300),
        };
        let situation = Situation {
            terms,
            seen: &self.seen,
            bulletins: &bulletins,
            now: at(self.second),
        };
        situation.decide()
    }

    fn pass(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.second += 1;
            if let Some(row) = self.decide() {
                self.bulletins.retain(|known| known.id != row.id);
                self.bulletins.push(row);
            }
        }
    }

    fn course(&self, index: usize) -> &IncidentCourse {
        match &self.bulletins[index].course {
            Course::Incident(course) => course,
            Course::Maintenance(_) => panic!("{:?}", self.bulletins[index]),
        }
    }

    /// When each update of the only incident came, and what it said.
    fn told(&self) -> Vec<(i64, IncidentStatus, &str)> {
        assert_eq!(self.bulletins.len(), 1, "{:#?}", self.bulletins);
        let updates = self.course(0).updates.iter();
        let second = |time: Timestamp| time.as_second() - at(0).as_second();
        updates
            .map(|update| (second(update.at), update.status, &*update.body))
            .collect()
    }
}

#[test]
fn an_outage_opens_one_incident_tells_its_changes_and_resolves_itself() {
    let mut world = World::new();
    world.pass(10);
    world.set(1, MajorOutage);
    world.pass(20);
    world.set(0, DegradedPerformance);
    world.pass(170);
    world.set(1, Operational);
    world.set(0, Operational);
    world.pass(400);
    use IncidentStatus::{Investigating, Monitoring, Resolved};
    assert_eq!(
        world.told(),
        [
            (
                70,
                Investigating,
                "DATABASE: major outage. Found by automatic checks."
            ),
            (90, Investigating, "API: degraded performance."),
            (
                260,
                Monitoring,
                "API: operational. DATABASE: operational. All that was affected works again, and is watched."
            ),
            (
                500,
                Resolved,
                "Everything has worked for a while. It lasted 8m10s."
            ),
        ]
    );
    assert_eq!(world.bulletins[0].title, "Major outage of DATABASE");
    let course = world.course(0);
    assert_eq!(
        course.started_at,
        at(10),
        "when it began, and not when it was opened"
    );
    assert_eq!(
        (course.impact, course.resolved_at),
        (Impact::Critical, Some(at(500)))
    );
}

#[test]
fn what_comes_and_goes_opens_nothing_and_ends_nothing() {
    let mut world = World::new();
    for _ in 0..30 {
        world.set(0, MajorOutage);
        world.pass(59);
        world.set(0, Operational);
        world.pass(59);
    }
    assert!(world.bulletins.is_empty());
    world.set(0, MajorOutage);
    world.pass(61);
    for _ in 0..30 {
        world.set(0, Operational);
        world.pass(59);
        world.set(0, MajorOutage);
        world.pass(59);
    }
    assert_eq!(world.told().len(), 1, "one incident, and not a word more");
    assert_eq!(world.course(0).resolved_at, None);
}

#[test]
fn degraded_performance_is_a_reason_only_where_it_is_configured() {
    let mut world = World::new();
    world.set(0, DegradedPerformance);
    world.pass(600);
    assert!(world.bulletins.is_empty());
    world.from = IncidentFrom::DegradedPerformance;
    world.pass(1);
    assert_eq!(world.course(0).impact, Impact::Minor);
}

#[test]
fn what_is_slow_before_and_after_an_outage_does_not_keep_it_open() {
    let mut world = World::new();
    world.set(0, DegradedPerformance);
    world.pass(100);
    world.set(0, MajorOutage);
    world.pass(100);
    world.set(0, DegradedPerformance);
    world.pass(500);
    use IncidentStatus::{Investigating, Monitoring, Resolved};
    assert_eq!(
        world.told(),
        [
            (
                160,
                Investigating,
                "API: major outage. Found by automatic checks."
            ),
            (260, Monitoring, "API: degraded performance."),
            (
                500,
                Resolved,
                "It is over, and lasted 6m40s. API: degraded performance."
            ),
        ]
    );
    let affected = &world.bulletins[0].affected;
    assert_eq!(affected[0].state, DegradedPerformance);
}

#[test]
fn without_data_nothing_opens_and_nothing_is_resolved_for_an_hour() {
    let mut world = World::new();
    world.set(0, NoData);
    world.pass(600);
    assert!(world.bulletins.is_empty());
    world.set(0, PartialOutage);
    world.pass(61);
    world.set(0, NoData);
    world.pass(3_500);
    assert_eq!(world.told().len(), 1);
    world.pass(200);
    assert_eq!(world.course(0).status, IncidentStatus::Resolved);
}

fn written_by_a_person(world: &mut World, status: IncidentStatus) {
    let now = at(world.second);
    let row = &mut world.bulletins[0];
    row.version += 1;
    if let Course::Incident(course) = &mut row.course {
        course.status = status;
        course.resolved_at = status.is_end().then_some(now);
        course.updates.push(UpdateRow {
            id: StatusId::random(),
            status,
            body: "We know.".into(),
            at: now,
            author: Author::Person,
            affected: Vec::new(),
        });
    }
}

#[test]
fn after_a_word_of_a_person_the_system_is_silent_about_it() {
    let mut world = World::new();
    world.set(0, MajorOutage);
    world.pass(61);
    written_by_a_person(&mut world, IncidentStatus::Identified);
    world.set(1, MajorOutage);
    world.pass(100);
    world.set(0, Operational);
    world.set(1, Operational);
    world.pass(1_000);
    assert_eq!(world.told().len(), 2);
}

#[test]
fn what_a_person_closed_is_not_opened_again_until_it_is_something_new() {
    let mut world = World::new();
    world.set(0, MajorOutage);
    world.pass(61);
    written_by_a_person(&mut world, IncidentStatus::Resolved);
    world.pass(1_000);
    assert_eq!(world.bulletins.len(), 1, "it is the same trouble still");
    world.set(0, Operational);
    world.pass(10);
    world.set(0, MajorOutage);
    world.pass(61);
    assert_eq!(world.bulletins.len(), 2);
}

#[test]
fn what_a_person_writes_about_already_is_no_reason() {
    let mut world = World::new();
    let mut theirs = crate::store::tests::rows::incident("theirs", 0, None);
    world.bulletins.push(theirs.clone());
    world.set(0, MajorOutage);
    world.pass(100);
    assert_eq!(world.bulletins.len(), 1);
    world.set(1, MajorOutage);
    world.pass(100);
    assert_eq!(world.bulletins.len(), 2, "the other component is one");
    theirs.draft = true;
    let mut world = World::new();
    world.bulletins.push(theirs);
    world.set(0, MajorOutage);
    world.pass(100);
    assert_eq!(world.bulletins.len(), 2, "a draft is not known to anybody");
}

#[test]
fn whoever_hears_of_it_later_does_not_contradict() {
    let mut world = World::new();
    world.pass(1_000);
    world.set(0, MajorOutage);
    world.pass(61);
    // Another process, which knows the incident and has yet to hear of the state.
    let mut other = World::new();
    other.second = world.second;
    other.bulletins = world.bulletins.clone();
    other.pass(100);
    assert_eq!(other.told().len(), 1, "what it saw is older than the word");
    other.set(0, MajorOutage);
    other.pass(100);
    assert_eq!(other.told().len(), 1, "and what it hears is no news");
}
