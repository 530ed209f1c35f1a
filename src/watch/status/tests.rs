//! Processes that share a store, second by second.

mod clock_steps;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

use super::*;
use crate::background::log_queue::LogQueue;
use crate::config::Role;
use crate::model::heartbeat::{Beat, BeatId, BeatProgress, BeatRole, LifecycleState};
use crate::model::snapshot::health::{
    CheckResult, CheckScope, CheckState, CheckedComponent, Criticality, HealthState, HealthStatus,
    LatestHealth,
};
use crate::model::snapshot::slo::{BadPeriod, LatestSloReport, SliceOutcomes};
use crate::model::status::{Author, ComponentStatus, IncidentStatus};
use crate::record::slo_events::SloEvents;
use crate::store::{
    MemoryStore, RecordKind, Revision, SliceRow, Store, StoreError, StoreFuture, WriterSettings,
    block_on,
};
use crate::watch::heartbeat::HeartbeatReceiver;

use ComponentState::{Operational, PartialOutage};

/// A store that several processes share, and that may be away.
#[derive(Debug, Default)]
struct OutageStore {
    memory: MemoryStore,
    away: AtomicBool,
    /// True if a single process has it for itself.
    is_local: bool,
}

impl OutageStore {
    fn unless_away<'a, T: Send + 'a>(&'a self, future: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        if self.away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::transient("away")) });
        }
        future
    }
}

impl Store for OutageStore {
    fn commit<'a>(&'a self, changes: &'a [StoreOp]) -> StoreFuture<'a, ()> {
        if self.away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::transient("away")) });
        }
        self.memory.commit(changes)
    }

    fn list<'a>(
        &'a self,
        kind: RecordKind,
        prefix: &'a str,
        since: Timestamp,
    ) -> StoreFuture<'a, Vec<String>> {
        self.unless_away(self.memory.list(kind, prefix, since))
    }

    fn changed(
        &self,
        kind: RecordKind,
        since: Revision,
    ) -> StoreFuture<'_, (Vec<String>, Revision)> {
        self.unless_away(self.memory.changed(kind, since))
    }

    fn instances(&self) -> StoreFuture<'_, Vec<Arc<str>>> {
        self.unless_away(self.memory.instances())
    }

    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> StoreFuture<'a, Vec<SliceRow>> {
        self.unless_away(self.memory.slices(instance, since))
    }

    fn delete_expired_slices(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        self.unless_away(self.memory.delete_expired_slices(before))
    }

    fn delete_expired(&self, kind: RecordKind, before: Timestamp) -> StoreFuture<'_, u64> {
        self.unless_away(self.memory.delete_expired(kind, before))
    }

    fn acquire_lease<'a>(&'a self, _: &'a str, _: &'a str, _: Duration) -> StoreFuture<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn is_shared(&self) -> bool {
        !self.is_local
    }
}

/// One process with its only check and its status.
struct StatusProcess {
    health: LatestHealth,
    slo: LatestSloReport,
    store_writer: StoreWriter,
    receiver: Arc<HeartbeatReceiver>,
    incidents: Incidents,
    clock: Clock,
}

fn clock() -> Clock {
    Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}

fn process(clock: &Clock, store: &Arc<OutageStore>) -> StatusProcess {
    let settings = WriterSettings {
        clock: clock.clone(),
        instance: "i".into(),
        retention: Duration::from_secs(86_400),
    };
    let store_writer = StoreWriter::without_thread(Arc::clone(store) as _, settings).unwrap();
    let config = Config::new("test", Role::Api);
    let receiver = Arc::new(HeartbeatReceiver::new(
        &config,
        clock.clone(),
        store_writer.clone(),
        SloEvents::default(),
    ));
    let (health, slo) = (LatestHealth::default(), LatestSloReport::default());
    let sources = StatusSources {
        health: health.clone(),
        heartbeat_receiver: Arc::clone(&receiver),
        slo: slo.clone(),
        fleet: true,
    };
    let process = StatusProcess {
        incidents: Incidents::new(&config, clock.clone(), store_writer.clone(), sources),
        health,
        slo,
        store_writer,
        receiver,
        clock: clock.clone(),
    };
    process.set_check_status(HealthStatus::Pass);
    process
}

impl StatusProcess {
    /// Sets the status of the only check.
    fn set_check_status(&self, status: HealthStatus) {
        let now = self.clock.now();
        let found = CheckResult {
            status,
            code: "x",
            detail: None,
            at: now + Duration::from_secs(86_400),
            wall_time: self.clock.wall(),
            took: Duration::ZERO,
        };
        self.health.publish(HealthState {
            sampled: true,
            registered: true,
            started: true,
            shutting_down: false,
            conditions: Vec::new(),
            checks: vec![check(now, found)],
        });
    }

    fn tick(&self) {
        self.receiver.tick(&LogQueue::immediate());
        self.incidents.tick();
        self.store_writer.tick();
    }

    fn api_component(&self) -> ComponentStatus {
        self.component("api").unwrap()
    }

    fn component(&self, key: &str) -> Option<ComponentStatus> {
        let status = self.incidents.status().unwrap();
        let mut components = status.components.iter();
        components.find(|one| &*one.key == key).cloned()
    }

    /// Takes in a beat of a worker and one of a scheduler, and does what is due.
    fn beat(&self, sequence: u64) {
        for (id, role) in [("w1", BeatRole::Worker), ("s1", BeatRole::Scheduler)] {
            let beat = Beat {
                boot_id: "a".into(),
                sequence,
                role,
                interval: Duration::from_secs(30),
                state: LifecycleState::Running,
                sent_at: None,
                version: None,
                progress: BeatProgress::default(),
            };
            let id = BeatId::parse(id).unwrap();
            self.receiver.ingest(&id, beat).unwrap();
        }
    }
}

fn check(registered: Instant, found: CheckResult) -> CheckState {
    CheckState {
        id: "it".into(),
        criticality: Criticality::Critical,
        scope: CheckScope::Local,
        component: CheckedComponent::Other,
        unready: false,
        watchdog: false,
        late: false,
        registered,
        stale_after: Duration::from_secs(60),
        last_result: Some(found),
    }
}

fn advance(clock: &Clock, processes: &[&StatusProcess], seconds: u64) {
    for _ in 0..seconds {
        clock.advance(Duration::from_secs(1));
        processes.iter().for_each(|process| process.tick());
    }
}

#[test]
fn an_observation_of_one_instance_is_shown_by_all_and_opens_one_incident() {
    let (clock, store) = (clock(), Arc::default());
    let [one, two] = [(); 2].map(|()| process(&clock, &store));
    let both = [&one, &two];
    advance(&clock, &both, 30);
    assert_eq!(
        both.map(|process| process.api_component().state),
        [Operational; 2]
    );
    one.set_check_status(HealthStatus::Fail);
    advance(&clock, &both, 8);
    assert_eq!(
        both.map(|process| process.api_component().state),
        [PartialOutage; 2]
    );
    advance(&clock, &both, 100);
    let incidents = both.map(|process| process.incidents.status().unwrap().incidents.clone());
    assert_eq!(incidents[0].len(), 1);
    assert_eq!(incidents[0], incidents[1]);
    assert_eq!(incidents[0][0].author, Author::System);
    one.set_check_status(HealthStatus::Pass);
    advance(&clock, &both, 40);
    assert_eq!(
        both.map(|process| process.api_component().state),
        [Operational; 2]
    );
    advance(&clock, &both, 400);
    let incidents = both.map(|process| process.incidents.status().unwrap().incidents.clone());
    assert_eq!(incidents[0], incidents[1]);
    let statuses: Vec<_> = incidents[0][0]
        .updates
        .iter()
        .map(|one| one.status)
        .collect();
    use IncidentStatus::{Investigating, Monitoring, Resolved};
    assert_eq!(
        statuses,
        [Resolved, Monitoring, Investigating],
        "newest first"
    );
}

#[test]
fn two_instances_that_observe_the_same_second_open_one_incident() {
    let (clock, store) = (clock(), Arc::default());
    let [one, two] = [(); 2].map(|()| process(&clock, &store));
    advance(&clock, &[&one, &two], 30);
    one.set_check_status(HealthStatus::Fail);
    two.set_check_status(HealthStatus::Fail);
    advance(&clock, &[&one, &two], 300);
    let rows = block_on(store.memory.incidents(Timestamp::MIN)).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].version, 1, "neither contradicts the other");
}

#[test]
fn a_restart_keeps_history_and_since_and_leaves_a_gap_without_data() {
    let (clock, store) = (clock(), Arc::default());
    let before = process(&clock, &store);
    advance(&clock, &[&before], 100);
    before.incidents.stop();
    assert_eq!(
        block_on(before.store_writer.flush(Duration::ZERO)).unwrap(),
        0
    );
    let since = before.api_component().since;
    advance(&clock, &[], 60);
    let after = process(&clock, &store);
    advance(&clock, &[&after], 41);
    let api = after.api_component();
    assert_eq!((api.state, api.since), (Operational, since));
    let seconds = api.seconds;
    // From the first of 100 looks to the last, and 41 seconds with the one that goes on.
    assert_eq!(seconds.operational, 99 + 41);
    assert_eq!(seconds.down(), 0);
}

#[test]
fn a_kill_soon_after_a_bad_slice_leaves_its_outage_in_the_store() {
    // Of a shared store, up to the end that others don't take for an outage that goes on.
    for (is_local, stored) in [(true, 60), (false, 40)] {
        let store = Arc::new(OutageStore {
            is_local,
            ..OutageStore::default()
        });
        let clock = clock();
        let killed = process(&clock, &store);
        advance(&clock, &[&killed], 100);
        let now = Timestamp::try_from(clock.wall()).unwrap();
        killed.slo.publish_slices(SliceOutcomes {
            objective: "api.availability".into(),
            bad: vec![BadPeriod {
                start: now - Duration::from_secs(60),
                end: now,
                is_downtime: false,
            }],
            is_failing: false,
        });
        advance(&clock, &[&killed], 2);
        let others = process(&clock, &store);
        advance(&clock, &[&others], 2);
        let seen = others.api_component();
        assert_eq!(seen.state, Operational, "{is_local}: it is over");
        assert_eq!(seen.seconds.partial_outage, stored, "{is_local}");
        drop(killed);
        advance(&clock, &[&others], 60);
        let seen = others.api_component();
        assert_eq!(seen.seconds.partial_outage, stored, "{is_local}");
    }
}

#[test]
fn while_the_store_is_unavailable_states_go_on_and_incidents_stay() {
    let (clock, store) = (clock(), Arc::<OutageStore>::default());
    let one = process(&clock, &store);
    advance(&clock, &[&one], 30);
    one.set_check_status(HealthStatus::Fail);
    advance(&clock, &[&one], 100);
    assert_eq!(one.incidents.status().unwrap().store_away_since, None);
    store.away.store(true, Ordering::SeqCst);
    let away = Timestamp::try_from(clock.wall()).unwrap();
    advance(&clock, &[&one], 20);
    one.set_check_status(HealthStatus::Pass);
    advance(&clock, &[&one], 400);
    let status = one.incidents.status().unwrap();
    let since = status.store_away_since.unwrap();
    assert!(
        since.duration_since(away).as_secs() <= 6,
        "{since} after {away}"
    );
    assert_eq!(one.api_component().state, Operational);
    assert_eq!(status.incidents[0].status, IncidentStatus::Investigating);
    let refused = block_on(one.incidents.open(NewIncident::new("a", "b")));
    assert!(
        matches!(refused, Err(IncidentError::StoreUnavailable)),
        "{refused:?}"
    );
    store.away.store(false, Ordering::SeqCst);
    advance(&clock, &[&one], 30);
    let status = one.incidents.status().unwrap();
    assert_eq!(status.store_away_since, None);
    assert_eq!(status.incidents[0].status, IncidentStatus::Resolved);
    let outage = one.api_component().seconds.partial_outage;
    assert_eq!(outage, 120, "nothing of what was seen is lost");
}

#[test]
fn workers_whose_beats_come_through_a_store_that_is_away_have_no_data() {
    let (clock, store) = (clock(), Arc::<OutageStore>::default());
    let [one, other] = [(); 2].map(|()| process(&clock, &store));
    let run = |seconds: u64, beats: bool| {
        for _ in 0..seconds {
            let second = clock.wall().duration_since(SystemTime::UNIX_EPOCH);
            let second = second.unwrap().as_secs();
            if beats && second.is_multiple_of(30) {
                other.beat(second);
            }
            advance(&clock, &[&one, &other], 1);
        }
    };
    run(300, true);
    for key in ["workers", "scheduler"] {
        assert_eq!(one.component(key).unwrap().state, Operational, "{key}");
    }
    let status = || one.incidents.status().unwrap();
    store.away.store(true, Ordering::SeqCst);
    run(1_200, true);
    let since = status().workers_unknown_since.unwrap();
    assert!(status().store_away_since.unwrap() >= since);
    for key in ["workers", "scheduler"] {
        let component = one.component(key).unwrap();
        assert_eq!(component.state, ComponentState::NoData, "{key}");
        assert_eq!(component.seconds.down(), 0, "{key}");
        let up = component.seconds.operational;
        assert!((290..=315).contains(&up), "{key}: {up}");
        // Where its beats come, it is current.
        assert_eq!(other.component(key).unwrap().state, Operational, "{key}");
    }
    assert_eq!(
        other.incidents.status().unwrap().workers_unknown_since,
        None
    );
    store.away.store(false, Ordering::SeqCst);
    run(100, true);
    assert_eq!(status().workers_unknown_since, None);
    for key in ["workers", "scheduler"] {
        let component = one.component(key).unwrap();
        assert_eq!(component.state, Operational, "{key}");
        assert_eq!(component.seconds.down(), 0, "{key}");
    }
    assert_eq!(status().incidents.len(), 0);
    // One that is gone is missed.
    run(500, false);
    let workers = one.component("workers").unwrap();
    assert_eq!(workers.state, ComponentState::MajorOutage);
}

#[test]
fn concurrent_updates_are_all_stored() {
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
    let row = block_on(store.memory.incident(id)).unwrap().unwrap();
    assert_eq!(row.version, 21);
}

#[test]
fn a_component_without_data_is_left_out() {
    let (clock, store) = (clock(), Arc::default());
    let one = process(&clock, &store);
    advance(&clock, &[&one], 3);
    let status = one.incidents.status().unwrap();
    let keys: Vec<_> = status.components.iter().map(|one| &*one.key).collect();
    assert_eq!(keys, ["api"]);
    assert_eq!(status.worst(), Operational);
}
