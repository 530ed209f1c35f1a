//! The keeper over a store that fails when told to, with the clock in the hand.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::rows::{at, id, slice, worker};
use crate::model::status::StatusId;
use crate::record::clock::Clock;
use crate::store::{
    Answer, BulletinRow, Change, Keeper, Memory, NoteRow, Revision, Settings, SliceRow, SpanRow,
    Store, StoreError, WorkerRow,
};

/// A store that is away, refuses a worker, or panics, as the test wants it.
#[derive(Debug, Default)]
struct Moody {
    memory: Memory,
    away: AtomicBool,
    hanging: AtomicBool,
    refused: Mutex<Vec<&'static str>>,
    commits: AtomicUsize,
}

impl Store for Moody {
    fn commit<'a>(&'a self, changes: &'a [Change]) -> Answer<'a, ()> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::passing("away")) });
        }
        if self.hanging.load(Ordering::SeqCst) {
            return Box::pin(std::future::pending());
        }
        let refused = self.refused.lock().unwrap().clone();
        let bad = |change: &Change| match change {
            Change::Worker(row) => refused.contains(&row.id.as_str()),
            _ => false,
        };
        if changes.iter().any(bad) {
            assert!(!refused.contains(&"panic"), "as the test wants it");
            return Box::pin(async { Err(StoreError::lasting("refused")) });
        }
        self.memory.commit(changes)
    }

    fn workers(&self, since: Revision) -> Answer<'_, (Vec<WorkerRow>, Revision)> {
        self.memory.workers(since)
    }

    fn instances(&self) -> Answer<'_, Vec<Arc<str>>> {
        self.memory.instances()
    }

    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> Answer<'a, Vec<SliceRow>> {
        self.memory.slices(instance, since)
    }

    fn notes<'a>(&'a self, instance: &'a str) -> Answer<'a, Vec<NoteRow>> {
        self.memory.notes(instance)
    }

    fn bulletins(&self, since: Timestamp) -> Answer<'_, Vec<BulletinRow>> {
        self.memory.bulletins(since)
    }

    fn bulletin(&self, id: StatusId) -> Answer<'_, Option<BulletinRow>> {
        self.memory.bulletin(id)
    }

    fn spans(&self, since: i64) -> Answer<'_, Vec<SpanRow>> {
        self.memory.spans(since)
    }

    fn sweep_status(&self, before: Timestamp) -> Answer<'_, u64> {
        self.memory.sweep_status(before)
    }

    fn sweep(&self, before: Timestamp) -> Answer<'_, u64> {
        self.memory.sweep(before)
    }

    fn lead<'a>(&'a self, _: &'a str, _: &'a str, _: Duration) -> Answer<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn is_shared(&self) -> bool {
        false
    }
}

struct Bench {
    store: Arc<Moody>,
    clock: Clock,
    keeper: Keeper,
}

impl Bench {
    fn new() -> Self {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let (store, clock) = (Arc::new(Moody::default()), Clock::manual(start));
        let keeper = Keeper::idle(Arc::clone(&store) as _, settings(&clock)).unwrap();
        Self {
            store,
            clock,
            keeper,
        }
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.keeper.tick();
    }

    fn keep(&self, name: &str, sequence: u64) {
        let row = worker(name, "x", sequence, i64::try_from(sequence).unwrap());
        self.keeper.keep(Change::Worker(row));
    }

    fn kept(&self) -> Vec<(String, u64)> {
        let (rows, _) = self.keeper.workers(Revision::default()).wait().unwrap();
        let mut rows: Vec<_> = rows
            .iter()
            .map(|row| (row.id.to_string(), row.sequence))
            .collect();
        rows.sort();
        rows
    }
}

fn settings(clock: &Clock) -> Settings {
    Settings {
        clock: clock.clone(),
        instance: Arc::from("test"),
        retention: Duration::from_secs(3_600),
    }
}

const MS: fn(u64) -> Duration = Duration::from_millis;

#[test]
fn a_change_is_committed_a_quarter_of_a_second_after_the_first() {
    let bench = Bench::new();
    bench.keep("a", 1);
    bench.pass(MS(200));
    bench.keep("a", 2);
    bench.pass(MS(49));
    assert_eq!(bench.kept(), []);
    assert_eq!(bench.keeper.condition().oldest_pending, Some(MS(249)));
    bench.pass(MS(1));
    assert_eq!(bench.kept(), [("a".into(), 2)]);
    assert_eq!(bench.store.commits.load(Ordering::SeqCst), 1);
    assert_eq!(bench.keeper.condition().pending, 0);
}

#[test]
fn an_outage_is_bridged_with_the_newest_state() {
    let bench = Bench::new();
    bench.store.away.store(true, Ordering::SeqCst);
    for sequence in 1..100 {
        bench.keep("a", sequence);
        bench.pass(MS(250));
    }
    let told = bench.keeper.condition();
    assert_eq!((told.pending, told.committed), (2, 0), "tried, and since");
    assert_eq!(told.oldest_pending, Some(MS(99 * 250)));
    assert_eq!(told.failing, Some(MS(98 * 250)));
    assert!(told.failed < 15, "{} tries in 25 s", told.failed);
    bench.store.away.store(false, Ordering::SeqCst);
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.kept(), [("a".into(), 99)]);
    assert_eq!(bench.keeper.condition().failing, None);
}

#[test]
fn one_refused_change_holds_up_no_other() {
    let bench = Bench::new();
    bench.store.refused.lock().unwrap().push("bad");
    for n in 0..500 {
        bench.keep(&format!("w{n}"), 1);
    }
    bench.keep("bad", 1);
    for n in 500..900 {
        bench.keep(&format!("w{n}"), 1);
    }
    bench.pass(MS(250));
    assert_eq!(bench.kept().len(), 900);
    let told = bench.keeper.condition();
    assert_eq!((told.refused, told.pending, told.failing), (1, 0, None));
}

#[test]
fn a_change_that_is_refused_alone_waits_for_proof_that_it_is_at_fault() {
    let bench = Bench::new();
    bench.store.refused.lock().unwrap().push("bad");
    bench.keep("bad", 1);
    bench.pass(MS(250));
    bench.pass(Duration::from_secs(5));
    let told = bench.keeper.condition();
    assert_eq!((told.refused, told.pending), (0, 1));
    assert!(told.failing.is_some());
    bench.keep("good", 1);
    bench.pass(Duration::from_secs(5));
    let told = bench.keeper.condition();
    assert_eq!((told.refused, told.pending, told.failing), (1, 0, None));
    assert_eq!(bench.kept(), [("good".into(), 1)]);
}

#[test]
fn a_store_that_panics_ends_nothing() {
    let bench = Bench::new();
    bench.store.refused.lock().unwrap().extend(["bad", "panic"]);
    bench.keep("bad", 1);
    bench.keep("good", 1);
    bench.pass(MS(250));
    assert_eq!(bench.kept(), [("good".into(), 1)]);
    assert_eq!(bench.keeper.condition().refused, 1);
}

#[test]
fn over_the_bound_the_oldest_slices_go_first() {
    let bench = Bench::new();
    bench.store.away.store(true, Ordering::SeqCst);
    bench.keep("w", 1);
    for n in 0..200_010_i64 {
        bench.keeper.keep(Change::Slice(slice("i", "o", n * 60, 1)));
    }
    let told = bench.keeper.condition();
    assert_eq!((told.pending, told.overflowed), (200_000, 11));
    bench.store.away.store(false, Ordering::SeqCst);
    assert_eq!(bench.keeper.flush(MS(0)).wait().unwrap(), 0);
    assert_eq!(bench.kept(), [("w".into(), 1)]);
    let slices = bench.keeper.slices("i", at(0)).wait().unwrap();
    assert_eq!(slices.last().unwrap().start, at(200_009 * 60));
}

#[test]
fn a_worker_that_is_forgotten_and_comes_back_is_kept() {
    let bench = Bench::new();
    bench.keep("a", 5);
    bench.pass(MS(250));
    bench.keeper.keep(Change::Forget(id("a"), Some(at(5))));
    bench.keeper.keep(Change::Worker(worker("a", "y", 1, 1)));
    bench.pass(MS(250));
    assert_eq!(bench.kept(), [("a".into(), 1)]);
}

#[test]
fn what_is_older_than_the_retention_is_swept() {
    let bench = Bench::new();
    for second in [-3_700, 0] {
        bench.keeper.keep(Change::Slice(slice("i", "o", second, 1)));
    }
    bench.pass(MS(250));
    assert_eq!(
        bench
            .keeper
            .slices("i", Timestamp::MIN)
            .wait()
            .unwrap()
            .len(),
        2
    );
    bench.pass(Duration::from_secs(60));
    let left = bench.keeper.slices("i", Timestamp::MIN).wait().unwrap();
    assert_eq!(left, [slice("i", "o", 0, 1)]);
}

#[test]
fn a_thread_commits_flushes_and_stops_without_any_runtime() {
    let store = Arc::new(Moody::default());
    let keeper = Keeper::start(Arc::clone(&store) as _, settings(&Clock::system())).unwrap();
    keeper.keep(Change::Worker(worker("a", "x", 1, 1)));
    assert_eq!(keeper.flush(Duration::from_secs(5)).wait().unwrap(), 0);
    let (rows, _) = keeper.workers(Revision::default()).wait().unwrap();
    assert_eq!(rows.len(), 1);
    keeper.keep(Change::Worker(worker("a", "x", 2, 2)));
    assert_eq!(keeper.stop(Duration::from_secs(5)).wait().unwrap(), 0);
    assert_eq!(Arc::strong_count(&store), 1, "the store is closed");
    keeper.keep(Change::Worker(worker("a", "x", 3, 3)));
    assert_eq!(keeper.condition().late, 1);
    assert!(keeper.workers(Revision::default()).wait().is_err());
    assert_eq!(keeper.stop(Duration::from_secs(5)).wait().unwrap(), 0);
}

#[test]
fn a_store_that_hangs_does_not_hold_up_a_stop() {
    let store = Arc::new(Moody::default());
    store.hanging.store(true, Ordering::SeqCst);
    let keeper = Keeper::start(store as _, settings(&Clock::system())).unwrap();
    keeper.keep(Change::Worker(worker("a", "x", 1, 1)));
    assert_eq!(keeper.stop(MS(300)).wait().unwrap(), 1);
}

#[tokio::test]
async fn an_answer_can_be_awaited_and_waited_for_in_a_runtime() {
    let keeper = Keeper::start(Arc::new(Memory::default()), settings(&Clock::system())).unwrap();
    keeper.keep(Change::Worker(worker("a", "x", 1, 1)));
    assert_eq!(keeper.flush(Duration::from_secs(5)).await.unwrap(), 0);
    assert!(keeper.lead("m", "i", MS(1)).wait().unwrap());
    assert_eq!(keeper.stop(Duration::from_secs(5)).wait().unwrap(), 0);
}
