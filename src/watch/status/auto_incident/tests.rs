//! Histories simulated second by second.

use super::*;
use crate::store::tests::rows::at;

use ComponentState::{DegradedPerformance, MajorOutage, NoData, Operational, PartialOutage};

const KEYS: [&str; 2] = ["api", "database"];

/// A simulation of two components and their incidents.
struct Simulation {
    observations: Vec<Observation>,
    incident_rows: Vec<IncidentRow>,
    second: i64,
    from: IncidentFrom,
}

impl Simulation {
    fn new() -> Self {
        let observations = KEYS.map(|key| Observation {
            key: key.into(),
            name: key.to_uppercase().into(),
            state: Operational,
            since: at(0),
        });
        Self {
            observations: observations.into(),
            incident_rows: Vec::new(),
            second: 0,
            from: IncidentFrom::PartialOutage,
        }
    }

    fn set(&mut self, key: usize, state: ComponentState) {
        let now = at(self.second);
        let observation = &mut self.observations[key];
        if observation.state != state {
            (observation.state, observation.since) = (state, now);
        }
    }

    fn decide(&self) -> Option<IncidentRow> {
        let incident_rows: Vec<_> = self.incident_rows.iter().collect();
        let rules = AutoIncidentRules {
            from: self.from,
            open_after: Duration::from_secs(60),
            resolve_after: Duration::from_secs(300),
        };
        let inputs = AutoIncidentInputs {
            rules,
            observations: &self.observations,
            incident_rows: &incident_rows,
            now: at(self.second),
        };
        inputs.decide()
    }

    fn advance(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.second += 1;
            if let Some(row) = self.decide() {
                self.incident_rows.retain(|known| known.id != row.id);
                self.incident_rows.push(row);
            }
        }
    }

    fn details(&self, index: usize) -> &IncidentDetails {
        match &self.incident_rows[index].kind {
            IncidentKind::Incident(details) => details,
            IncidentKind::Maintenance(_) => panic!("{:?}", self.incident_rows[index]),
        }
    }

    /// Returns the time, status and text of each update of the only incident.
    fn updates(&self) -> Vec<(i64, IncidentStatus, &str)> {
        assert_eq!(self.incident_rows.len(), 1, "{:#?}", self.incident_rows);
        let updates = self.details(0).updates.iter();
        let second = |time: Timestamp| time.as_second() - at(0).as_second();
        updates
            .map(|update| (second(update.at), update.status, &*update.body))
            .collect()
    }
}

#[test]
fn an_outage_opens_one_incident_announces_changes_and_resolves() {
    let mut simulation = Simulation::new();
    simulation.advance(10);
    simulation.set(1, MajorOutage);
    simulation.advance(20);
    simulation.set(0, DegradedPerformance);
    simulation.advance(170);
    simulation.set(1, Operational);
    simulation.set(0, Operational);
    simulation.advance(400);
    use IncidentStatus::{Investigating, Monitoring, Resolved};
    assert_eq!(
        simulation.updates(),
        [
            (
                70,
                Investigating,
                "DATABASE: major outage. Detected by automatic checks."
            ),
            (90, Investigating, "API: degraded performance."),
            (
                260,
                Monitoring,
                "API: operational. DATABASE: operational. All affected components work again and are being monitored."
            ),
            (
                500,
                Resolved,
                "All components have been working for a while. The incident lasted 8 m 10 s."
            ),
        ]
    );
    assert_eq!(
        simulation.incident_rows[0].title,
        "Major outage of DATABASE, degraded performance of API"
    );
    let details = simulation.details(0);
    assert_eq!(
        details.started_at,
        at(10),
        "when it began, and not when it was opened"
    );
    assert_eq!(
        (details.impact, details.resolved_at),
        (Impact::Critical, Some(at(500)))
    );
}

#[test]
fn a_title_names_each_component_with_its_own_state_and_follows() {
    let mut simulation = Simulation::new();
    let title = |simulation: &Simulation| simulation.incident_rows[0].title.clone();
    simulation.set(0, DegradedPerformance);
    simulation.set(1, MajorOutage);
    simulation.advance(61);
    assert_eq!(
        title(&simulation),
        "Major outage of DATABASE, degraded performance of API"
    );
    simulation.set(0, PartialOutage);
    simulation.set(1, PartialOutage);
    simulation.advance(61);
    assert_eq!(title(&simulation), "Partial outage of API and DATABASE");
    simulation.set(1, Operational);
    simulation.advance(61);
    assert_eq!(title(&simulation), "Partial outage of API");
    simulation.set(0, DegradedPerformance);
    simulation.advance(61);
    assert_eq!(title(&simulation), "Degraded performance of API");
    simulation.set(0, Operational);
    simulation.advance(61);
    let whole = "Major outage of DATABASE, partial outage of API";
    assert_eq!(title(&simulation), whole, "works again: what it was");
    simulation.advance(300);
    assert_eq!(simulation.details(0).status, IncidentStatus::Resolved);
    assert_eq!(title(&simulation), whole);
}

#[test]
fn a_title_follows_nothing_after_a_manual_update() {
    let mut simulation = Simulation::new();
    simulation.set(1, MajorOutage);
    simulation.advance(61);
    update_manually(&mut simulation, IncidentStatus::Identified);
    simulation.set(0, PartialOutage);
    simulation.set(1, Operational);
    simulation.advance(1_000);
    assert_eq!(
        simulation.incident_rows[0].title,
        "Major outage of DATABASE"
    );
}

#[test]
fn a_flapping_component_opens_nothing_and_resolves_nothing() {
    let mut simulation = Simulation::new();
    for _ in 0..30 {
        simulation.set(0, MajorOutage);
        simulation.advance(59);
        simulation.set(0, Operational);
        simulation.advance(59);
    }
    assert!(simulation.incident_rows.is_empty());
    simulation.set(0, MajorOutage);
    simulation.advance(61);
    for _ in 0..30 {
        simulation.set(0, Operational);
        simulation.advance(59);
        simulation.set(0, MajorOutage);
        simulation.advance(59);
    }
    assert_eq!(
        simulation.updates().len(),
        1,
        "one incident, and not a word more"
    );
    assert_eq!(simulation.details(0).resolved_at, None);
}

#[test]
fn degraded_performance_opens_an_incident_only_if_configured() {
    let mut simulation = Simulation::new();
    simulation.set(0, DegradedPerformance);
    simulation.advance(600);
    assert!(simulation.incident_rows.is_empty());
    simulation.from = IncidentFrom::DegradedPerformance;
    simulation.advance(1);
    assert_eq!(simulation.details(0).impact, Impact::Minor);
}

#[test]
fn degraded_performance_after_an_outage_does_not_keep_it_open() {
    let mut simulation = Simulation::new();
    simulation.set(0, DegradedPerformance);
    simulation.advance(100);
    simulation.set(0, MajorOutage);
    simulation.advance(100);
    simulation.set(0, DegradedPerformance);
    simulation.advance(500);
    use IncidentStatus::{Investigating, Monitoring, Resolved};
    assert_eq!(
        simulation.updates(),
        [
            (
                160,
                Investigating,
                "API: major outage. Detected by automatic checks."
            ),
            (260, Monitoring, "API: degraded performance."),
            (
                500,
                Resolved,
                "The incident is over; it lasted 6 m 40 s. API: degraded performance."
            ),
        ]
    );
    let affected = &simulation.incident_rows[0].affected;
    assert_eq!(affected[0].state, DegradedPerformance);
}

#[test]
fn without_data_nothing_opens_and_nothing_is_resolved_for_an_hour() {
    let mut simulation = Simulation::new();
    simulation.set(0, NoData);
    simulation.advance(600);
    assert!(simulation.incident_rows.is_empty());
    simulation.set(0, PartialOutage);
    simulation.advance(61);
    simulation.set(0, NoData);
    simulation.advance(3_500);
    assert_eq!(simulation.updates().len(), 1);
    simulation.advance(200);
    assert_eq!(simulation.details(0).status, IncidentStatus::Resolved);
}

fn update_manually(simulation: &mut Simulation, status: IncidentStatus) {
    let now = at(simulation.second);
    let row = &mut simulation.incident_rows[0];
    row.version += 1;
    if let IncidentKind::Incident(details) = &mut row.kind {
        details.status = status;
        details.resolved_at = status.is_end().then_some(now);
        details.updates.push(UpdateRow {
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
fn a_manual_update_turns_automatic_updates_off() {
    let mut simulation = Simulation::new();
    simulation.set(0, MajorOutage);
    simulation.advance(61);
    update_manually(&mut simulation, IncidentStatus::Identified);
    simulation.set(1, MajorOutage);
    simulation.advance(100);
    simulation.set(0, Operational);
    simulation.set(1, Operational);
    simulation.advance(1_000);
    assert_eq!(simulation.updates().len(), 2);
}

#[test]
fn a_manually_resolved_incident_is_not_reopened_for_the_same_outage() {
    let mut simulation = Simulation::new();
    simulation.set(0, MajorOutage);
    simulation.advance(61);
    update_manually(&mut simulation, IncidentStatus::Resolved);
    simulation.advance(1_000);
    assert_eq!(
        simulation.incident_rows.len(),
        1,
        "it is the same trouble still"
    );
    simulation.set(0, Operational);
    simulation.advance(10);
    simulation.set(0, MajorOutage);
    simulation.advance(61);
    assert_eq!(simulation.incident_rows.len(), 2);
}

#[test]
fn a_component_of_a_manual_incident_opens_none() {
    let mut simulation = Simulation::new();
    let mut manual = crate::store::tests::rows::incident("theirs", 0, None);
    simulation.incident_rows.push(manual.clone());
    simulation.set(0, MajorOutage);
    simulation.advance(100);
    assert_eq!(simulation.incident_rows.len(), 1);
    simulation.set(1, MajorOutage);
    simulation.advance(100);
    assert_eq!(
        simulation.incident_rows.len(),
        2,
        "the other component is one"
    );
    manual.draft = true;
    let mut simulation = Simulation::new();
    simulation.incident_rows.push(manual);
    simulation.set(0, MajorOutage);
    simulation.advance(100);
    assert_eq!(
        simulation.incident_rows.len(),
        2,
        "a draft is not known to anybody"
    );
}

#[test]
fn a_process_with_late_observations_does_not_contradict() {
    let mut simulation = Simulation::new();
    simulation.advance(1_000);
    simulation.set(0, MajorOutage);
    simulation.advance(61);
    // Another process, which knows the incident and has yet to hear of the state.
    let mut other = Simulation::new();
    other.second = simulation.second;
    other.incident_rows = simulation.incident_rows.clone();
    other.advance(100);
    assert_eq!(
        other.updates().len(),
        1,
        "what it saw is older than the word"
    );
    other.set(0, MajorOutage);
    other.advance(100);
    assert_eq!(other.updates().len(), 1, "and what it hears is no news");
}
