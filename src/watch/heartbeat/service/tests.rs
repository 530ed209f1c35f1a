use std::collections::HashMap;
use std::time::SystemTime;

use super::*;
use crate::config::{self, Config};
use crate::export::providers::TraceProvider;
use crate::model::heartbeat::{BeatId, BeatRole};
use crate::model::snapshot::{LatestSnapshot, QueueState, Snapshot};
use crate::record::clock::Clock;
use crate::record::error_reasons::ErrorReasons;
use crate::record::exemplars::Exemplars;
use crate::record::instruments::{ExecutionInstruments, InFlight, WorkerKeys};
use crate::record::series::Instruments;
use crate::record::slo_events::SloEvents;
use crate::store::{MemoryStore, StoreWriter, WorkerRow, WriterSettings};
use crate::watch::heartbeat::registry::WorkerQuery;

struct ServiceFixture {
    service: HeartbeatService,
    sources: HeartbeatSources,
    executions: ExecutionInstruments,
    receiver: Arc<HeartbeatReceiver>,
    /// The sequence number of each worker's last beat.
    seen: Mutex<HashMap<BeatId, u64>>,
}

impl ServiceFixture {
    fn new() -> Self {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let config = Config::new("digest service", config::Role::Worker).version("1.4.2");
        let worker_keys = WorkerKeys::default();
        let exemplars = Exemplars::new(clock.clone(), SloEvents::default());
        let meter = opentelemetry::global::meter("test");
        let instruments = Instruments::new(meter, 10, exemplars);
        let traces = TraceProvider::new(
            &config,
            opentelemetry_sdk::Resource::builder().build(),
            None,
        );
        let in_flight = InFlight::default();
        let executions = ExecutionInstruments::new(
            &instruments,
            clock.clone(),
            in_flight.clone(),
            worker_keys.clone(),
            BeatId::of_scheduler(&config.service.name, None),
            traces.tracer().clone(),
            ErrorReasons::default(),
        );
        let sources = HeartbeatSources {
            clock,
            worker_keys,
            in_flight,
            executions: executions.clone(),
            snapshot: LatestSnapshot::default(),
        };
        let emitter = HeartbeatEmitter::new(&config, sources.clone());
        let settings = WriterSettings {
            clock: sources.clock.clone(),
            instance: "i".into(),
            retention: Duration::from_secs(86_400),
        };
        let store = Arc::new(MemoryStore::default());
        let receiver = Arc::new(HeartbeatReceiver::new(
            &config,
            sources.clock.clone(),
            StoreWriter::without_thread(store, settings).unwrap(),
            SloEvents::default(),
        ));
        let service = HeartbeatService::new(sources.clone(), emitter, Arc::clone(&receiver), None);
        Self {
            service,
            sources,
            executions,
            receiver,
            seen: Mutex::default(),
        }
    }

    fn register(&self, name: &str) -> u64 {
        self.sources
            .worker_keys
            .register_name(name, BeatRole::Worker)
            .1
    }

    /// The rows of those that have beaten in one tick.
    fn round(&self) -> Vec<(String, WorkerRow)> {
        self.service.tick(&LogQueue::immediate());
        let page = |role| {
            let query = WorkerQuery {
                role,
                states: Vec::new(),
                after: None,
                limit: 100,
            };
            let (mut registry, now) = self.receiver.lock_registry();
            let page = registry.page(&query, now);
            page.workers.into_iter().map(|worker| worker.row)
        };
        let rows = [BeatRole::Worker, BeatRole::Scheduler].map(page);
        let mut seen = self.seen.lock().unwrap();
        let has_beaten =
            |row: &WorkerRow| seen.insert(row.id.clone(), row.sequence) != Some(row.sequence);
        let beaten = rows.into_iter().flatten().filter(has_beaten);
        beaten.map(|row| (row.id.to_string(), row)).collect()
    }

    fn advance(&self, seconds: u64) {
        self.sources.clock.advance(Duration::from_secs(seconds));
    }
}

#[test]
fn a_worker_beats_at_once_and_then_every_interval_moved_by_a_tenth_at_most() {
    let fixture = ServiceFixture::new();
    fixture.register("w1");
    let first = fixture.round();
    assert_eq!(first.len(), 1);
    let beat = &first[0].1;
    assert_eq!((beat.sequence, beat.role), (1, BeatRole::Worker));
    assert_eq!(beat.version.as_deref(), Some("1.4.2"));
    assert_eq!(beat.boot_id.as_deref().unwrap().len(), 32);
    for _ in 0..50 {
        let last = fixture.sources.clock.now();
        while fixture.round().is_empty() {
            fixture.sources.clock.advance(Duration::from_millis(100));
        }
        let after = fixture.sources.clock.now() - last;
        assert!(after >= Duration::from_secs(27), "{after:?}");
        assert!(after <= Duration::from_millis(33_100), "{after:?}");
    }
}

#[test]
fn two_starts_have_two_boot_ids() {
    let boot = |fixture: &ServiceFixture| {
        fixture.register("w1");
        fixture.round()[0].1.boot_id.clone()
    };
    assert_ne!(boot(&ServiceFixture::new()), boot(&ServiceFixture::new()));
}

#[test]
fn progress_stands_still_while_beats_go_on() {
    let fixture = ServiceFixture::new();
    let slot = fixture.register("w1");
    let job = fixture
        .sources
        .in_flight
        .start(slot, fixture.sources.clock.now(), None, None);
    let started = fixture.round()[0].1.clone();
    assert_eq!(started.progress.in_flight, 1);
    fixture.advance(600);
    let beat = fixture.round()[0].1.clone();
    assert!(beat.sequence > started.sequence);
    assert_eq!(
        beat.progress.last_progress_at,
        started.progress.last_progress_at
    );
    assert_eq!(
        beat.progress.oldest_in_flight,
        Some(Duration::from_secs(600))
    );
    fixture
        .sources
        .in_flight
        .end(job, fixture.sources.clock.now(), false);
    fixture.advance(60);
    let progress = fixture.round()[0].1.progress;
    assert_eq!((progress.processed_total, progress.failed_total), (1, 1));
    assert_eq!((progress.in_flight, progress.oldest_in_flight), (0, None));
}

#[test]
fn a_worker_tells_what_waits_and_a_scheduler_does_not() {
    let fixture = ServiceFixture::new();
    fixture.register("w1");
    fixture.executions.scheduler();
    assert!(
        fixture
            .round()
            .iter()
            .all(|(_, beat)| beat.progress.queue_depth.is_none())
    );
    let queue = |depth| {
        (
            "q".into(),
            QueueState {
                depth,
                oldest: None,
            },
        )
    };
    fixture.sources.snapshot.publish(Snapshot {
        queues: vec![queue(3), queue(4)],
        ..Snapshot::default()
    });
    fixture.advance(60);
    let depths: Vec<_> = fixture
        .round()
        .into_iter()
        .map(|(id, beat)| (id, beat.progress.queue_depth))
        .collect();
    assert_eq!(
        depths,
        [("w1".into(), Some(7)), ("digest%20service".into(), None)]
    );
}

#[test]
fn everybody_drains_and_says_goodbye_once() {
    let fixture = ServiceFixture::new();
    fixture.register("w1");
    fixture.register("w2");
    fixture.round();
    fixture.service.drain();
    fixture.service.drain();
    let conditions = |beats: Vec<(String, WorkerRow)>| -> Vec<_> {
        beats
            .into_iter()
            .map(|(id, beat)| (id, beat.condition))
            .collect()
    };
    let of = |condition| vec![("w1".to_owned(), condition), ("w2".to_owned(), condition)];
    assert_eq!(conditions(fixture.round()), of(LifecycleState::Draining));
    let (said, done) = std::sync::mpsc::channel();
    fixture.service.stop(
        Duration::from_secs(1),
        Box::new(move || said.send(()).unwrap()),
    );
    done.try_recv().unwrap();
    assert_eq!(conditions(fixture.round()), of(LifecycleState::Stopped));
    fixture.advance(600);
    assert!(fixture.round().is_empty());
}

#[test]
fn one_that_stopped_and_comes_back_goes_on_where_it_was() {
    let fixture = ServiceFixture::new();
    let slot = fixture.register("w1");
    fixture
        .sources
        .in_flight
        .start(slot, fixture.sources.clock.now(), None, None);
    let first = fixture.round()[0].1.clone();
    fixture
        .sources
        .worker_keys
        .remove(&BeatId::parse("w1").unwrap());
    let goodbye = fixture.round()[0].1.clone();
    assert_eq!(
        (goodbye.condition, goodbye.progress.in_flight),
        (LifecycleState::Stopped, 1)
    );
    fixture.advance(60);
    assert!(fixture.round().is_empty());
    fixture.register("w1");
    let again = fixture.round()[0].1.clone();
    assert_eq!(
        (again.condition, again.progress),
        (LifecycleState::Running, BeatProgress::default())
    );
    assert_eq!(again.boot_id, first.boot_id);
    assert!(again.sequence > goodbye.sequence);
}
