mod carrier;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::*;
use crate::config::Role;
use crate::model::heartbeat::{BeatProgress, LifecycleState};
use crate::model::slo::Objectives;
use crate::store::{
    MemoryStore, RecordKind, Revision, SliceRow, Store, StoreError, StoreFuture, WriterSettings,
};
use crate::watch::heartbeat::registry::WorkerState;

/// A store that several processes share, as one of them reaches it.
#[derive(Debug, Default)]
struct SharedStore {
    memory: Arc<MemoryStore>,
    leader: Arc<Mutex<Option<String>>>,
    /// `true` while this process can't reach it.
    away: AtomicBool,
    /// `true` if one process has it for itself.
    is_local: bool,
}

impl SharedStore {
    /// The same store, as another process reaches it.
    fn link(&self) -> Self {
        Self {
            memory: Arc::clone(&self.memory),
            leader: Arc::clone(&self.leader),
            ..Self::default()
        }
    }

    fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    fn unless_away<'a, T: Send + 'a>(&'a self, future: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        if self.away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::transient("away")) });
        }
        future
    }
}

impl Store for SharedStore {
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
        self.memory.instances()
    }

    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> StoreFuture<'a, Vec<SliceRow>> {
        self.memory.slices(instance, since)
    }

    fn delete_expired_slices(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        self.memory.delete_expired_slices(before)
    }

    fn delete_expired(&self, kind: RecordKind, before: Timestamp) -> StoreFuture<'_, u64> {
        self.memory.delete_expired(kind, before)
    }

    /// Whoever asks first leads for ever.
    fn acquire_lease<'a>(
        &'a self,
        _: &'a str,
        instance: &'a str,
        _: Duration,
    ) -> StoreFuture<'a, bool> {
        if self.away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::transient("away")) });
        }
        let mut leader = self.leader.lock().unwrap();
        let leads = leader.get_or_insert_with(|| instance.to_owned()) == instance;
        Box::pin(async move { Ok(leads) })
    }

    fn is_shared(&self) -> bool {
        !self.is_local
    }
}

/// A receiver of one process, with its store and counters.
struct TestReceiver {
    receiver: HeartbeatReceiver,
    store_writer: StoreWriter,
    slo_events: SloEvents,
}

fn clock() -> Clock {
    Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
}

fn test_receiver(role: Role, clock: &Clock, store: Arc<dyn Store>) -> TestReceiver {
    expecting_receiver(role, clock, store, &[])
}

fn expecting_receiver(
    role: Role,
    clock: &Clock,
    store: Arc<dyn Store>,
    expected: &[&str],
) -> TestReceiver {
    let objectives = [("workers.json", include_str!("../../../../slo/workers.json"))];
    let slo_events = SloEvents::new(&Objectives::parse(&objectives).unwrap());
    let settings = WriterSettings {
        clock: clock.clone(),
        instance: "i".into(),
        retention: Duration::from_secs(86_400),
    };
    let store_writer = StoreWriter::without_thread(store, settings).unwrap();
    let mut config = Config::new("test", role);
    config.heartbeat.expected = expected.iter().map(|&id| id.into()).collect();
    let receiver = HeartbeatReceiver::new(
        &config,
        clock.clone(),
        store_writer.clone(),
        slo_events.clone(),
    );
    TestReceiver {
        receiver,
        store_writer,
        slo_events,
    }
}

fn id(text: &str) -> BeatId {
    BeatId::parse(text).unwrap()
}

fn beat(boot: &str, sequence: u64) -> Beat {
    Beat {
        boot_id: boot.into(),
        sequence,
        role: BeatRole::Worker,
        interval: Duration::from_secs(30),
        state: LifecycleState::Running,
        sent_at: None,
        version: None,
        progress: BeatProgress {
            in_flight: 3,
            in_flight_overdue: 1,
            ..BeatProgress::default()
        },
    }
}

impl TestReceiver {
    fn tick(&self) {
        self.receiver.tick(&LogQueue::immediate());
        self.store_writer.tick();
    }

    /// Second by second, as the thread does.
    fn run_for(&self, clock: &Clock, seconds: u64) {
        for _ in 0..seconds {
            clock.advance(Duration::from_secs(1));
            self.tick();
        }
    }

    fn state(&self, worker: &str) -> Option<WorkerState> {
        let (mut registry, now) = self.receiver.lock_registry();
        let view = registry.view(&id(worker), now);
        view.map(|view| view.state)
    }

    fn counted(&self, objective: &str) -> Option<(u64, u64)> {
        let counters = self
            .slo_events
            .active()
            .find(|a| a.objective() == objective);
        counters.map(|counters| (counters.good(), counters.bad()))
    }
}

#[test]
fn jobs_that_are_lost_with_their_worker_are_counted_once() {
    let clock = clock();
    let api = test_receiver(Role::Api, &clock, Arc::new(MemoryStore::default()));
    api.receiver.ingest(&id("w1"), beat("a", 1)).unwrap();
    api.run_for(&clock, 299);
    assert_eq!(api.counted("workers.processing_time"), None);
    api.run_for(&clock, 1);
    assert_eq!(api.state("w1"), Some(WorkerState::Offline));
    assert_eq!(api.counted("workers.processing_time"), Some((0, 2)));
    api.run_for(&clock, 600);
    assert_eq!(api.counted("workers.processing_time"), Some((0, 2)));
}

#[test]
fn slices_are_counted_where_workers_are() {
    let clock = clock();
    let api = test_receiver(Role::Api, &clock, Arc::new(MemoryStore::default()));
    api.run_for(&clock, 120);
    assert_eq!(api.counted("workers.availability"), None);
    api.receiver.ingest(&id("w1"), beat("a", 1)).unwrap();
    api.run_for(&clock, 600);
    assert_eq!(api.counted("workers.availability"), Some((5, 5)));
}

#[test]
fn a_receiver_that_starts_again_knows_who_was_there() {
    let clock = clock();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let before = test_receiver(Role::Api, &clock, Arc::clone(&store));
    before.receiver.ingest(&id("w1"), beat("a", 1)).unwrap();
    before.run_for(&clock, 10);
    drop(before);
    clock.advance(Duration::from_secs(289));
    let after = test_receiver(Role::Api, &clock, store);
    after.tick();
    assert_eq!(after.state("w1"), Some(WorkerState::Late));
    clock.advance(Duration::from_secs(1));
    assert_eq!(
        after.state("w1"),
        Some(WorkerState::Offline),
        "at the exact instant"
    );
}

#[test]
fn two_that_share_a_store_answer_the_same_and_one_counts() {
    let clock = clock();
    let store: Arc<dyn Store> = Arc::new(SharedStore::default());
    let [one, two] = [(); 2].map(|()| test_receiver(Role::Api, &clock, Arc::clone(&store)));
    let both = |seconds| {
        for _ in 0..seconds {
            clock.advance(Duration::from_secs(1));
            one.tick();
            two.tick();
        }
    };
    one.receiver.ingest(&id("w1"), beat("a", 1)).unwrap();
    both(3);
    assert_eq!(two.state("w1"), Some(WorkerState::Online));
    two.receiver.ingest(&id("w1"), beat("a", 2)).unwrap();
    both(400);
    assert_eq!(
        (one.state("w1"), two.state("w1")),
        (Some(WorkerState::Offline), Some(WorkerState::Offline))
    );
    let counted = |objective| [&one, &two].map(|receiver| receiver.counted(objective));
    assert_eq!(counted("workers.processing_time"), [Some((0, 2)), None]);
    let [first, second] = counted("workers.availability");
    assert_eq!(
        (first.map(|(good, bad)| good + bad), second),
        (Some(6), None)
    );
}

#[test]
fn a_worker_that_shares_the_store_shows_itself_alone_and_its_restart_is_counted() {
    let clock = clock();
    let store: Arc<dyn Store> = Arc::new(SharedStore::default());
    let old = test_receiver(Role::Worker, &clock, Arc::clone(&store));
    for (worker, boot) in [("w1", "a"), ("w2", "x")] {
        old.receiver.receive(&id(worker), beat(boot, 1));
    }
    old.run_for(&clock, 2);
    let new = test_receiver(Role::Worker, &clock, Arc::clone(&store));
    new.tick();
    assert_eq!((new.state("w1"), new.state("w2")), (None, None));
    new.receiver.receive(&id("w1"), beat("b", 1));
    new.run_for(&clock, 2);
    assert_eq!(
        (new.state("w1"), new.state("w2")),
        (Some(WorkerState::Online), None)
    );
    let api = test_receiver(Role::Api, &clock, store);
    api.tick();
    let (mut registry, now) = api.receiver.lock_registry();
    let view = registry.view(&id("w1"), now).unwrap();
    assert_eq!((view.row.restarts, view.state), (1, WorkerState::Online));
}

#[test]
fn an_expected_worker_is_missed_though_it_never_beat() {
    let clock = clock();
    let settings = WriterSettings {
        clock: clock.clone(),
        instance: "i".into(),
        retention: Duration::from_secs(86_400),
    };
    let store_writer =
        StoreWriter::without_thread(Arc::new(MemoryStore::default()), settings).unwrap();
    let mut config = Config::new("test", Role::Api);
    config.heartbeat.expected = vec!["w1".into()];
    let receiver =
        HeartbeatReceiver::new(&config, clock.clone(), store_writer, SloEvents::default());
    let state = || {
        let (mut registry, now) = receiver.lock_registry();
        registry.view(&id("w1"), now).unwrap().state
    };
    assert_eq!(state(), WorkerState::New);
    clock.advance(Duration::from_secs(300));
    assert_eq!(state(), WorkerState::Offline);
}

#[test]
fn the_time_of_day_may_be_set_and_no_worker_goes_offline_by_it() {
    for step in [3_600_000, -3_600_000, 86_400_000] {
        let clock = clock();
        let api = test_receiver(Role::Api, &clock, Arc::new(MemoryStore::default()));
        api.receiver.ingest(&id("w1"), beat("a", 1)).unwrap();
        api.run_for(&clock, 20);
        clock.step_wall(step);
        api.run_for(&clock, 279);
        assert_eq!(api.state("w1"), Some(WorkerState::Late), "{step}");
        assert_eq!(api.counted("workers.processing_time"), None, "{step}");
        api.run_for(&clock, 1);
        assert_eq!(api.state("w1"), Some(WorkerState::Offline), "{step}");
    }
}

#[test]
fn a_forgotten_worker_is_gone_in_the_store_and_after_a_restart() {
    let clock = clock();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let api = test_receiver(Role::Api, &clock, Arc::clone(&store));
    for worker in ["w1", "w2"] {
        api.receiver.ingest(&id(worker), beat("a", 1)).unwrap();
    }
    api.run_for(&clock, 10);
    assert_eq!(api.receiver.forget(&id("w1")), ForgetOutcome::Forgotten);
    assert_eq!(api.receiver.forget(&id("w1")), ForgetOutcome::Unknown);
    api.run_for(&clock, 10);
    let again = test_receiver(Role::Api, &clock, store);
    again.tick();
    assert_eq!(
        (again.state("w1"), again.state("w2")),
        (None, Some(WorkerState::Online))
    );
    again.receiver.ingest(&id("w1"), beat("a", 2)).unwrap();
    assert_eq!(again.state("w1"), Some(WorkerState::Online));
}

#[test]
fn a_worker_is_forgotten_by_all_that_share_the_store_until_it_beats_again() {
    let clock = clock();
    let store: Arc<dyn Store> = Arc::new(SharedStore::default());
    let [one, two] = [(); 2].map(|()| test_receiver(Role::Api, &clock, Arc::clone(&store)));
    let both = |seconds| {
        for _ in 0..seconds {
            clock.advance(Duration::from_secs(1));
            one.tick();
            two.tick();
        }
    };
    one.receiver.ingest(&id("w1"), beat("a", 1)).unwrap();
    both(400);
    assert_eq!(two.state("w1"), Some(WorkerState::Offline));
    let forgotten = two.receiver.forget(&id("w1"));
    assert_eq!(forgotten, ForgetOutcome::Forgotten, "whoever is asked");
    both(3);
    assert_eq!((one.state("w1"), two.state("w1")), (None, None));
    let later = test_receiver(Role::Api, &clock, Arc::clone(&store));
    later.tick();
    assert_eq!(later.state("w1"), None);
    one.receiver.ingest(&id("w1"), beat("a", 2)).unwrap();
    both(3);
    assert_eq!(
        (one.state("w1"), two.state("w1")),
        (Some(WorkerState::Online), Some(WorkerState::Online))
    );
    // Here a worker of another boot.
    one.receiver.forget(&id("w1"));
    both(3);
    one.receiver.ingest(&id("w1"), beat("b", 1)).unwrap();
    both(3);
    assert_eq!(two.state("w1"), Some(WorkerState::Online));
}

#[test]
fn an_expected_worker_that_is_forgotten_is_expected_again_from_its_next_beat_or_the_next_start_on()
{
    for (last_beat, store) in [
        (
            Some(("a", 1)),
            Arc::new(SharedStore::default()) as Arc<dyn Store>,
        ),
        (None, Arc::new(SharedStore::default())),
        (Some(("a", 1)), Arc::new(MemoryStore::default())),
        (None, Arc::new(MemoryStore::default())),
    ] {
        let clock = clock();
        let start = || expecting_receiver(Role::Api, &clock, Arc::clone(&store), &["w1"]);
        let before = start();
        if let Some((boot, sequence)) = last_beat {
            before
                .receiver
                .ingest(&id("w1"), beat(boot, sequence))
                .unwrap();
        }
        before.run_for(&clock, 400);
        assert_eq!(before.state("w1"), Some(WorkerState::Offline));
        let forgotten = before.receiver.forget(&id("w1"));
        assert_eq!(forgotten, ForgetOutcome::Forgotten);
        before.run_for(&clock, 10);
        assert_eq!(before.state("w1"), None);
        // The next start.
        let after = start();
        let other = test_receiver(Role::Api, &clock, Arc::clone(&store));
        after.run_for(&clock, 3);
        assert_eq!(after.state("w1"), Some(WorkerState::New), "{last_beat:?}");
        other.tick();
        assert_eq!(other.state("w1"), Some(WorkerState::New), "{last_beat:?}");
        after.run_for(&clock, 300);
        assert_eq!(after.state("w1"), Some(WorkerState::Offline));
        // The next beat.
        after.receiver.forget(&id("w1"));
        after.run_for(&clock, 3);
        after.receiver.ingest(&id("w1"), beat("a", 2)).unwrap();
        after.run_for(&clock, 3);
        assert_eq!(after.state("w1"), Some(WorkerState::Online));
        clock.advance(Duration::from_secs(7 * 86_400));
        after.tick();
        assert_eq!(after.state("w1"), Some(WorkerState::Offline));
    }
}

#[test]
fn who_does_not_see_all_workers_of_a_shared_store_forgets_none() {
    let clock = clock();
    let store: Arc<dyn Store> = Arc::new(SharedStore::default());
    let api = test_receiver(Role::Api, &clock, Arc::clone(&store));
    api.receiver.ingest(&id("w1"), beat("a", 1)).unwrap();
    api.run_for(&clock, 3);
    let worker = test_receiver(Role::Worker, &clock, Arc::clone(&store));
    worker.tick();
    worker.receiver.receive(&id("w2"), beat("x", 1));
    api.receiver.ingest(&id("w1"), beat("a", 2)).unwrap();
    worker.run_for(&clock, 3);
    api.run_for(&clock, 3);
    for name in ["w1", "w2", "w3"] {
        let answer = worker.receiver.forget(&id(name));
        assert_eq!(answer, ForgetOutcome::NotHere, "{name}");
    }
    worker.run_for(&clock, 3);
    api.run_for(&clock, 3);
    for name in ["w1", "w2"] {
        assert_eq!(api.state(name), Some(WorkerState::Online), "{name}");
    }
    // Alone with its store it sees all.
    let alone = test_receiver(Role::Worker, &clock, Arc::new(MemoryStore::default()));
    alone.receiver.receive(&id("w1"), beat("a", 1));
    assert_eq!(alone.receiver.forget(&id("w1")), ForgetOutcome::Forgotten);
}

#[test]
fn a_worker_whose_jobs_were_just_lost_stays_forgotten_after_a_restart() {
    let clock = clock();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let api = test_receiver(Role::Api, &clock, Arc::clone(&store));
    for name in ["w1", "w2"] {
        api.receiver.ingest(&id(name), beat("a", 1)).unwrap();
    }
    api.run_for(&clock, 299);
    clock.advance(Duration::from_secs(1));
    // Asked between two ticks, it is found offline and its jobs lost.
    assert_eq!(api.state("w1"), Some(WorkerState::Offline));
    assert_eq!(api.receiver.forget(&id("w1")), ForgetOutcome::Forgotten);
    api.run_for(&clock, 10);
    let again = test_receiver(Role::Api, &clock, store);
    again.tick();
    assert_eq!(
        (again.state("w1"), again.state("w2")),
        (None, Some(WorkerState::Offline))
    );
}

#[test]
fn a_new_worker_of_a_receiver_whose_clock_is_behind_is_online() {
    let clock = clock();
    let behind = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 - 900));
    let store: Arc<dyn Store> = Arc::new(SharedStore::default());
    let one = test_receiver(Role::Api, &clock, Arc::clone(&store));
    let two = test_receiver(Role::Api, &behind, Arc::clone(&store));
    let both = |seconds| {
        for _ in 0..seconds {
            clock.advance(Duration::from_secs(1));
            behind.advance(Duration::from_secs(1));
            one.tick();
            two.tick();
        }
    };
    both(3);
    two.receiver.ingest(&id("w1"), beat("a", 1)).unwrap();
    both(3);
    assert_eq!(one.state("w1"), Some(WorkerState::Online));
    both(295);
    assert_eq!(one.state("w1"), Some(WorkerState::Late));
    both(5);
    assert_eq!(one.state("w1"), Some(WorkerState::Offline));
    assert_eq!(two.state("w1"), Some(WorkerState::Offline));
}

#[test]
fn slices_are_counted_by_nobody_whose_lead_has_run_out() {
    // The lead lasts a minute without its renewal.
    for (held_up, is_counted) in [(59, true), (60, false), (3_600, false)] {
        let clock = clock();
        let api = test_receiver(Role::Api, &clock, Arc::<SharedStore>::default());
        api.receiver.ingest(&id("w1"), beat("a", 1)).unwrap();
        api.run_for(&clock, 121);
        let before = api.counted("workers.availability").unwrap();
        assert!(before.0 > 0, "{before:?}");
        // The thread of the receiver is held up, and that of the objectives is not.
        clock.advance(Duration::from_secs(held_up));
        api.receiver.count_ended_slices();
        let counted = api.counted("workers.availability").unwrap();
        assert_eq!(counted != before, is_counted, "{held_up}: {counted:?}");
    }
}
