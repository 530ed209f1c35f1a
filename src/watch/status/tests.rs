//! Processes that share a store, second by second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

use super::*;
use crate::config::Role;
use crate::model::snapshot::health::{
    CheckState, Component, Criticality, Found, Health, LatestHealth, Scope, Status,
};
use crate::model::snapshot::slo::LatestSlo;
use crate::model::status::{Author, Component as Shown, IncidentStatus};
use crate::record::slo_events::Ledger;
use crate::store::{
    Answer, Memory, NoteRow, Revision, Settings, SliceRow, SpanRow, Store, StoreError, WorkerRow,
    block_on,
};
use crate::watch::heartbeat::Reception;

use ComponentState::{Operational, PartialOutage};

/// A store that several processes share, and that may be away.
#[derive(Debug, Default)]
struct Shared {
    memory: Memory,
    away: AtomicBool,
}

impl Shared {
    fn there<'a, T: Send + 'a>(&'a self, answer: Answer<'a, T>) -> Answer<'a, T> {
        if self.away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::passing("away")) });
        }
        answer
    }
}

impl Store for Shared {
    fn commit<'a>(&'a self, changes: &'a [Change]) -> Answer<'a, ()> {
        if self.away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::passing("away")) });
        }
        self.memory.commit(changes)
    }

    fn workers(&self, since: Revision) -> Answer<'_, (Vec<WorkerRow>, Revision)> {
        self.there(self.memory.workers(since))
    }

    fn instances(&self) -> Answer<'_, Vec<Arc<str>>> {
        self.there(self.memory.instances())
    }

    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> Answer<'a, Vec<SliceRow>> {
        self.there(self.memory.slices(instance, since))
    }

    fn notes<'a>(&'a self, instance: &'a str) -> Answer<'a, Vec<NoteRow>> {
        self.there(self.memory.notes(instance))
    }

    fn bulletins(&self, since: Timestamp) -> Answer<'_, Vec<BulletinRow>> {
        self.there(self.memory.bulletins(since))
    }

    fn bulletin(&self, id: StatusId) -> Answer<'_, Option<BulletinRow>> {
        self.there(self.memory.bulletin(id))
    }

    fn spans(&self, since: i64) -> Answer<'_, Vec<SpanRow>> {
        self.there(self.memory.spans(since))
    }

    fn sweep(&self, before: Timestamp) -> Answer<'_, u64> {
        self.there(self.memory.sweep(before))
    }

    fn sweep_status(&self, before: Timestamp) -> Answer<'_, u64> {
        self.there(self.memory.sweep_status(before))
    }

    fn lead<'a>(&'a self, _: &'a str, _: &'a str, _: Duration) -> Answer<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// One process: what its only check says, and what it shows.
struct Process {
    health: LatestHealth,
    keeper: Keeper,
    incidents: Incidents,
    clock: Clock,
}

fn clock() -> Clock {
    Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}

fn process(clock: &Clock, store: &Arc<Shared>) -> Process {
    let settings = Settings {
        clock: clock.clone(),
        instance: "i".into(),
        retention: Duration::from_secs(86_400),
    };
    let keeper = Keeper::idle(Arc::clone(store) as _, settings).unwrap();
    let config = Config::new("test", Role::Api);
    let reception = Reception::new(&config, clock.clone(), keeper.clone(), Ledger::default());
    let health = LatestHealth::default();
    let evidence = Evidence {
        health: health.clone(),
        reception: Arc::new(reception),
        slo: LatestSlo::default(),
        fleet: true,
    };
    let process = Process {
        incidents: Incidents::new(&config, clock.clone(), keeper.clone(), evidence),
        health,
        keeper,
        clock: clock.clone(),
    };
    process.find(Status::Pass);
    process
}

impl Process {
    /// What the check of this instance's own says from now on.
    fn find(&self, status: Status) {
        let now = self.clock.now();
        let found = Found {
            status,
            code: "x",
            detail: None,
            at: now + Duration::from_secs(86_400),
            wall: self.clock.wall(),
            took: Duration::ZERO,
        };
        self.health.publish(Health {
            sampled: true,
            started: true,
            ending: false,
            checks: vec![check(now, found)],
        });
    }

    fn tick(&self) {
        self.incidents.tick();
        self.keeper.tick();
    }

    fn api(&self) -> Shown {
        let status = self.incidents.status().unwrap();
        let found = status.components.iter().find(|one| &*one.key == "api");
        found.cloned().unwrap()
    }
}

fn check(registered: Instant, found: Found) -> CheckState {
    CheckState {
        id: "it".into(),
        criticality: Criticality::Critical,
        scope: Scope::Local,
        component: Component::Other,
        unready: false,
        watchdog: false,
        registered,
        stale_after: Duration::from_secs(60),
        found: Some(found),
    }
}

fn live(clock: &Clock, processes: &[&Process], seconds: u64) {
    for _ in 0..seconds {
        clock.advance(Duration::from_secs(1));
        processes.iter().for_each(|process| process.tick());
    }
}

#[test]
fn what_one_of_a_fleet_sees_all_show_and_one_incident_is_opened() {
    let (clock, store) = (clock(), Arc::default());
    let [one, two] = [(); 2].map(|()| process(&clock, &store));
    let both = [&one, &two];
    live(&clock, &both, 30);
    assert_eq!(both.map(|process| process.api().state), [Operational; 2]);
    one.find(Status::Fail);
    live(&clock, &both, 8);
    assert_eq!(both.map(|process| process.api().state), [PartialOutage; 2]);
    live(&clock, &both, 100);
    let shown = both.map(|process| process.incidents.status().unwrap().incidents.clone());
    assert_eq!(shown[0].len(), 1);
    assert_eq!(shown[0], shown[1]);
    assert_eq!(shown[0][0].author, Author::System);
    one.find(Status::Pass);
    live(&clock, &both, 40);
    assert_eq!(both.map(|process| process.api().state), [Operational; 2]);
    live(&clock, &both, 400);
    let shown = both.map(|process| process.incidents.status().unwrap().incidents.clone());
    assert_eq!(shown[0], shown[1]);
    let statuses: Vec<_> = shown[0][0].updates.iter().map(|one| one.status).collect();
    use IncidentStatus::{Investigating, Monitoring, Resolved};
    assert_eq!(
        statuses,
        [Resolved, Monitoring, Investigating],
        "newest first"
    );
}

#[test]
fn two_that_see_the_same_at_the_same_second_open_one_incident() {
    let (clock, store) = (clock(), Arc::default());
    let [one, two] = [(); 2].map(|()| process(&clock, &store));
    live(&clock, &[&one, &two], 30);
    one.find(Status::Fail);
    two.find(Status::Fail);
    live(&clock, &[&one, &two], 300);
    let rows = block_on(store.memory.bulletins(Timestamp::MIN)).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].version, 1, "neither contradicts the other");
}

#[test]
fn a_restart_keeps_history_and_since_and_leaves_a_gap_without_data() {
    let (clock, store) = (clock(), Arc::default());
    let before = process(&clock, &store);
    live(&clock, &[&before], 100);
    before.incidents.end();
    assert_eq!(block_on(before.keeper.flush(Duration::ZERO)).unwrap(), 0);
    let since = before.api().since;
    live(&clock, &[], 60);
    let after = process(&clock, &store);
    live(&clock, &[&after], 41);
    let api = after.api();
    assert_eq!((api.state, api.since), (Operational, since));
    let seconds = api.seconds;
    // From the first of 100 looks to the last, and 41 seconds with the one that goes on.
    assert_eq!(seconds.operational, 99 + 41);
    assert_eq!(seconds.down(), 0);
}

#[test]
fn while_the_store_is_away_states_go_on_and_incidents_are_as_they_were() {
    let (clock, store) = (clock(), Arc::<Shared>::default());
    let one = process(&clock, &store);
    live(&clock, &[&one], 30);
    one.find(Status::Fail);
    live(&clock, &[&one], 100);
    assert_eq!(one.incidents.status().unwrap().store_away_since, None);
    store.away.store(true, Ordering::SeqCst);
    let away = Timestamp::try_from(clock.wall()).unwrap();
    live(&clock, &[&one], 20);
    one.find(Status::Pass);
    live(&clock, &[&one], 400);
    let status = one.incidents.status().unwrap();
    let since = status.store_away_since.unwrap();
    assert!(
        since.duration_since(away).as_secs() <= 6,
        "{since} after {away}"
    );
    assert_eq!(one.api().state, Operational);
    assert_eq!(status.incidents[0].status, IncidentStatus::Investigating);
    let refused = block_on(one.incidents.open(NewIncident::new("a", "b")));
    assert!(matches!(refused, Err(IncidentError::Away)), "{refused:?}");
    store.away.store(false, Ordering::SeqCst);
    live(&clock, &[&one], 30);
    let status = one.incidents.status().unwrap();
    assert_eq!(status.store_away_since, None);
    assert_eq!(status.incidents[0].status, IncidentStatus::Resolved);
    let outage = one.api().seconds.partial_outage;
    assert_eq!(outage, 120, "nothing of what was seen is lost");
}

#[test]
fn words_that_come_at_once_are_all_kept() {
    let (clock, store) = (clock(), Arc::default());
    let [one, two] = [(); 2].map(|()| process(&clock, &store));
    let id = block_on(one.incidents.open(NewIncident::new("a", "b"))).unwrap();
    let threads: Vec<_> = [one.incidents.clone(), two.incidents.clone()]
        .into_iter()
        .map(|incidents| {
            std::thread::spawn(move || {
                for _ in 0..10 {
                    let update = NewUpdate::new("word");
                    while let Err(error) = block_on(incidents.update(id, update.clone())) {
                        assert!(matches!(error, IncidentError::Busy), "{error}");
                    }
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let row = block_on(store.memory.bulletin(id)).unwrap().unwrap();
    assert_eq!(row.version, 21);
}

#[test]
fn a_component_of_which_nothing_is_known_is_left_out() {
    let (clock, store) = (clock(), Arc::default());
    let one = process(&clock, &store);
    live(&clock, &[&one], 3);
    let status = one.incidents.status().unwrap();
    let keys: Vec<_> = status.components.iter().map(|one| &*one.key).collect();
    assert_eq!(keys, ["api"]);
    assert_eq!(status.worst(), Operational);
}
