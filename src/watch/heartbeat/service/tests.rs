use std::time::SystemTime;

use super::*;
use crate::config::{self, Config};
use crate::export::providers::Traces;
use crate::model::heartbeat::{Beat, BeatId, Role};
use crate::model::snapshot::{Latest, QueueState, Snapshot};
use crate::record::clock::Clock;
use crate::record::exemplars::Exemplars;
use crate::record::instruments::{Crew, Executions, Watched};
use crate::record::series::Instruments;
use crate::record::slo_events::Ledger;

#[derive(Debug, Default)]
struct Notebook(Mutex<Vec<(String, Beat)>>);

impl Desk for Notebook {
    fn receive(&self, id: &BeatId, beat: Beat) {
        self.0.lock().unwrap().push((id.to_string(), beat));
    }

    fn tick(&self, _: &Voice) {}
}

struct Test {
    heart: Heart,
    sources: Sources,
    notebook: Arc<Notebook>,
}

impl Test {
    fn new() -> Self {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let config = Config::new("digest service", config::Role::Worker).with_version("1.4.2");
        let crew = Crew::default();
        let exemplars = Exemplars::new(clock.clone(), Ledger::default());
        let meter = opentelemetry::global::meter("test");
        let instruments = Instruments::new(meter, 10, exemplars);
        let tracing = Traces::new(
            &config,
            opentelemetry_sdk::Resource::builder().build(),
            None,
        );
        let executions = Executions::new(
            &instruments,
            clock.clone(),
            crew.clone(),
            BeatId::closest(&config.service.name),
            tracing.tracing().clone(),
        );
        let sources = Sources {
            clock,
            crew,
            jobs: Watched::default(),
            executions,
            latest: Latest::default(),
        };
        let emitter = Emitter::new(&config, sources.clone());
        let notebook = Arc::new(Notebook::default());
        let desk = Arc::clone(&notebook) as Arc<dyn Desk>;
        let heart = Heart::new(
            sources.clone(),
            emitter,
            desk,
            #[cfg(feature = "otlp")]
            None,
        );
        Self {
            heart,
            sources,
            notebook,
        }
    }

    fn join(&self, name: &str) -> u64 {
        self.sources.crew.join(name, Role::Worker).1
    }

    fn round(&self) -> Vec<(String, Beat)> {
        self.heart.round(&Voice::AtOnce);
        std::mem::take(&mut *self.notebook.0.lock().unwrap())
    }

    fn advance(&self, seconds: u64) {
        self.sources.clock.advance(Duration::from_secs(seconds));
    }
}

#[test]
fn a_worker_beats_at_once_and_then_every_interval_moved_by_a_tenth_at_most() {
    let test = Test::new();
    test.join("w1");
    let first = test.round();
    assert_eq!(first.len(), 1);
    let beat = &first[0].1;
    assert_eq!((beat.sequence, beat.role), (1, Role::Worker));
    assert_eq!(beat.version.as_deref(), Some("1.4.2"));
    assert_eq!(beat.boot_id.len(), 32);
    for _ in 0..50 {
        let last = test.sources.clock.now();
        while test.round().is_empty() {
            test.sources.clock.advance(Duration::from_millis(100));
        }
        let after = test.sources.clock.now() - last;
        assert!(after >= Duration::from_secs(27), "{after:?}");
        assert!(after <= Duration::from_millis(33_100), "{after:?}");
    }
}

#[test]
fn two_starts_have_two_boot_ids() {
    let boot = |test: &Test| {
        test.join("w1");
        test.round()[0].1.boot_id.clone()
    };
    assert_ne!(boot(&Test::new()), boot(&Test::new()));
}

#[test]
fn progress_stands_still_while_beats_go_on() {
    let test = Test::new();
    let member = test.join("w1");
    let busy = || crate::record::series::SecondsCounter::unread();
    let job = test
        .sources
        .jobs
        .start(member, test.sources.clock.now(), busy(), None);
    let started = test.round()[0].1.clone();
    assert_eq!(started.progress.in_flight, 1);
    test.advance(600);
    let beat = test.round()[0].1.clone();
    assert!(beat.sequence > started.sequence);
    assert_eq!(
        beat.progress.last_progress_at,
        started.progress.last_progress_at
    );
    assert_eq!(
        beat.progress.oldest_in_flight,
        Some(Duration::from_secs(600))
    );
    test.sources.jobs.end(job, test.sources.clock.now(), false);
    test.advance(60);
    let progress = test.round()[0].1.progress;
    assert_eq!((progress.processed_total, progress.failed_total), (1, 1));
    assert_eq!((progress.in_flight, progress.oldest_in_flight), (0, None));
}

#[test]
fn a_worker_tells_what_waits_and_a_scheduler_does_not() {
    let test = Test::new();
    test.join("w1");
    test.sources.executions.scheduler();
    assert!(
        test.round()
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
    test.sources.latest.publish(Snapshot {
        queues: vec![queue(3), queue(4)],
        ..Snapshot::default()
    });
    test.advance(60);
    let depths: Vec<_> = test
        .round()
        .into_iter()
        .map(|(id, beat)| (id, beat.progress.queue_depth))
        .collect();
    assert_eq!(
        depths,
        [("w1".into(), Some(7)), ("digest_service".into(), None)]
    );
}

#[test]
fn everybody_drains_and_says_goodbye_once() {
    let test = Test::new();
    test.join("w1");
    test.join("w2");
    test.round();
    test.heart.drain();
    test.heart.drain();
    let conditions = |beats: Vec<(String, Beat)>| -> Vec<_> {
        beats
            .into_iter()
            .map(|(id, beat)| (id, beat.condition))
            .collect()
    };
    let of = |condition| vec![("w1".to_owned(), condition), ("w2".to_owned(), condition)];
    assert_eq!(conditions(test.round()), of(Condition::Draining));
    let (said, done) = std::sync::mpsc::channel();
    test.heart.part(
        Duration::from_secs(1),
        Box::new(move || said.send(()).unwrap()),
    );
    done.try_recv().unwrap();
    assert_eq!(conditions(test.round()), of(Condition::Stopped));
    test.advance(600);
    assert_eq!(test.round(), []);
}

#[test]
fn one_that_stopped_and_comes_back_goes_on_where_it_was() {
    let test = Test::new();
    let member = test.join("w1");
    let busy = crate::record::series::SecondsCounter::unread();
    test.sources
        .jobs
        .start(member, test.sources.clock.now(), busy, None);
    let first = test.round()[0].1.clone();
    test.sources.crew.leave(&BeatId::closest("w1"));
    let goodbye = test.round()[0].1.clone();
    assert_eq!(
        (goodbye.condition, goodbye.progress.in_flight),
        (Condition::Stopped, 1)
    );
    test.advance(60);
    assert_eq!(test.round(), []);
    test.join("w1");
    let again = test.round()[0].1.clone();
    assert_eq!(
        (again.condition, again.progress),
        (Condition::Running, Progress::default())
    );
    assert_eq!(again.boot_id, first.boot_id);
    assert!(again.sequence > goodbye.sequence);
}
