//! The writer over a store with injected faults, with a manual clock.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::rows::{at, id, incident, slice, worker};
use crate::background::Supervisor;
use crate::model::status::StatusId;
use crate::record::clock::Clock;
use crate::store::{
    MemoryStore, RecordKind, Revision, SliceRow, Store, StoreError, StoreFuture, StoreOp,
    StoreWriter, WriterSettings,
};

/// A store that is unavailable, refuses a worker, or panics, as the test sets it.
#[derive(Debug, Default)]
struct FaultyStore {
    memory: MemoryStore,
    unavailable: AtomicBool,
    hanging: AtomicBool,
    refused: Mutex<Vec<&'static str>>,
    commits: AtomicUsize,
    gate: Option<Gate>,
    /// The time that each commit takes, by the runtime's clock.
    commit_time: Duration,
}

/// A disk whose syncs end when the test says so.
#[derive(Debug)]
struct Gate {
    /// The number of operations of each commit, sent as it begins.
    begun: mpsc::Sender<usize>,
    /// A commit ends for each permit.
    permits: Arc<Semaphore>,
}

impl Store for FaultyStore {
    fn commit<'a>(&'a self, ops: &'a [StoreOp]) -> StoreFuture<'a, ()> {
        self.commits.fetch_add(1, Ordering::SeqCst);
        if !self.commit_time.is_zero() {
            return Box::pin(async {
                tokio::time::sleep(self.commit_time).await;
                self.commit_now(ops).await
            });
        }
        self.commit_now(ops)
    }

    fn list<'a>(
        &'a self,
        kind: RecordKind,
        prefix: &'a str,
        since: Timestamp,
    ) -> StoreFuture<'a, Vec<String>> {
        self.memory.list(kind, prefix, since)
    }

    fn changed(
        &self,
        kind: RecordKind,
        since: Revision,
    ) -> StoreFuture<'_, (Vec<String>, Revision)> {
        self.memory.changed(kind, since)
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

    fn acquire_lease<'a>(&'a self, _: &'a str, _: &'a str, _: Duration) -> StoreFuture<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn is_shared(&self) -> bool {
        false
    }
}

impl FaultyStore {
    fn commit_now<'a>(&'a self, ops: &'a [StoreOp]) -> StoreFuture<'a, ()> {
        if self.unavailable.load(Ordering::SeqCst) {
            return Box::pin(async { Err(StoreError::transient("away")) });
        }
        if self.hanging.load(Ordering::SeqCst) {
            return Box::pin(std::future::pending());
        }
        let refused = self.refused.lock().unwrap().clone();
        let bad = |op: &StoreOp| match op {
            StoreOp::Worker(row) => refused.contains(&row.id.as_str()),
            StoreOp::Incident(row) => refused.iter().any(|key| StatusId::from_key(key) == row.id),
            _ => false,
        };
        if ops.iter().any(bad) {
            assert!(!refused.contains(&"panic"), "as the test wants it");
            return Box::pin(async { Err(StoreError::permanent("refused")) });
        }
        let committed = self.memory.commit(ops);
        let Some(Gate { begun, permits }) = &self.gate else {
            return committed;
        };
        begun.send(ops.len()).unwrap();
        Box::pin(async move {
            permits.acquire().await.unwrap().forget();
            committed.await
        })
    }
}

struct WriterFixture {
    store: Arc<FaultyStore>,
    clock: Clock,
    writer: StoreWriter,
}

impl WriterFixture {
    fn new() -> Self {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let (store, clock) = (Arc::new(FaultyStore::default()), Clock::manual(start));
        let writer =
            StoreWriter::without_thread(Arc::clone(&store) as _, settings(&clock)).unwrap();
        Self {
            store,
            clock,
            writer,
        }
    }

    fn advance(&self, time: Duration) {
        self.clock.advance(time);
        self.writer.tick();
    }

    fn enqueue_worker(&self, name: &str, sequence: u64) {
        let row = worker(name, "x", sequence, i64::try_from(sequence).unwrap());
        self.writer.enqueue(StoreOp::Worker(row));
    }

    fn stored_workers(&self) -> Vec<(String, u64)> {
        let (rows, _) = self.writer.workers(Revision::default()).wait().unwrap();
        let mut rows: Vec<_> = rows
            .iter()
            .map(|row| (row.id.to_string(), row.sequence))
            .collect();
        rows.sort();
        rows
    }
}

fn settings(clock: &Clock) -> WriterSettings {
    WriterSettings {
        clock: clock.clone(),
        instance: Arc::from("test"),
        retention: Duration::from_secs(3_600),
    }
}

const MS: fn(u64) -> Duration = Duration::from_millis;

#[test]
fn an_operation_is_committed_a_quarter_of_a_second_after_the_first() {
    let fixture = WriterFixture::new();
    fixture.enqueue_worker("a", 1);
    fixture.advance(MS(200));
    fixture.enqueue_worker("a", 2);
    fixture.advance(MS(49));
    assert_eq!(fixture.stored_workers(), []);
    assert_eq!(fixture.writer.status().oldest_pending, Some(MS(249)));
    fixture.advance(MS(1));
    assert_eq!(fixture.stored_workers(), [("a".into(), 2)]);
    assert_eq!(fixture.store.commits.load(Ordering::SeqCst), 1);
    assert_eq!(fixture.writer.status().pending, 0);
}

#[test]
fn an_outage_is_bridged_with_the_newest_state() {
    let fixture = WriterFixture::new();
    fixture.store.unavailable.store(true, Ordering::SeqCst);
    for sequence in 1..100 {
        fixture.enqueue_worker("a", sequence);
        fixture.advance(MS(250));
    }
    let status = fixture.writer.status();
    // What was tried last, and what was queued since, if anything was: retries come at random times.
    assert!((1..=2).contains(&status.pending), "{}", status.pending);
    assert_eq!(status.committed, 0);
    assert_eq!(status.oldest_pending, Some(MS(99 * 250)));
    assert_eq!(status.failing, Some(MS(98 * 250)));
    assert!(status.failed < 15, "{} tries in 25 s", status.failed);
    fixture.store.unavailable.store(false, Ordering::SeqCst);
    fixture.advance(Duration::from_secs(5));
    assert_eq!(fixture.stored_workers(), [("a".into(), 99)]);
    assert_eq!(fixture.writer.status().failing, None);
}

#[test]
fn one_refused_operation_holds_up_no_other() {
    let fixture = WriterFixture::new();
    fixture.store.refused.lock().unwrap().push("bad");
    for n in 0..500 {
        fixture.enqueue_worker(&format!("w{n}"), 1);
    }
    fixture.enqueue_worker("bad", 1);
    for n in 500..900 {
        fixture.enqueue_worker(&format!("w{n}"), 1);
    }
    fixture.advance(MS(250));
    assert_eq!(fixture.stored_workers().len(), 900);
    let status = fixture.writer.status();
    assert_eq!(
        (status.refused, status.pending, status.failing),
        (1, 0, None)
    );
}

#[test]
fn an_operation_that_is_refused_alone_waits_for_proof_that_it_is_at_fault() {
    let fixture = WriterFixture::new();
    fixture.store.refused.lock().unwrap().push("bad");
    fixture.enqueue_worker("bad", 1);
    fixture.advance(MS(250));
    fixture.advance(Duration::from_secs(5));
    let status = fixture.writer.status();
    assert_eq!((status.refused, status.pending), (0, 1));
    assert!(status.failing.is_some());
    fixture.enqueue_worker("good", 1);
    fixture.advance(Duration::from_secs(5));
    let status = fixture.writer.status();
    assert_eq!(
        (status.refused, status.pending, status.failing),
        (1, 0, None)
    );
    assert_eq!(fixture.stored_workers(), [("good".into(), 1)]);
}

#[test]
fn a_store_that_panics_ends_nothing() {
    let fixture = WriterFixture::new();
    fixture
        .store
        .refused
        .lock()
        .unwrap()
        .extend(["bad", "panic"]);
    fixture.enqueue_worker("bad", 1);
    fixture.enqueue_worker("good", 1);
    fixture.advance(MS(250));
    assert_eq!(fixture.stored_workers(), [("good".into(), 1)]);
    assert_eq!(fixture.writer.status().refused, 1);
}

#[test]
fn writes_that_come_during_a_commit_are_in_the_next_one_together() {
    let (begun, commits) = mpsc::channel();
    let permits = Arc::new(Semaphore::new(0));
    let store = FaultyStore {
        gate: Some(Gate {
            begun,
            permits: Arc::clone(&permits),
        }),
        ..FaultyStore::default()
    };
    let writer = StoreWriter::start(
        Arc::new(store),
        settings(&Clock::system()),
        &Supervisor::default(),
    )
    .unwrap();
    let first = writer.commit_incident(incident("first", 0, None));
    assert_eq!(commits.recv().unwrap(), 1, "it doesn't wait for others");
    let rows: Vec<_> = (0..60)
        .map(|n| incident(&format!("post {n}"), n, None))
        .collect();
    let posts: Vec<_> = rows
        .iter()
        .cloned()
        .map(|row| writer.commit_incident(row))
        .collect();
    for n in 0..40 {
        let row = worker(&format!("w{n}"), "x", 1, 1);
        writer.enqueue(StoreOp::Worker(row));
    }
    assert_eq!(writer.status().pending, 1 + 60 + 40);
    permits.add_permits(1);
    assert!(first.wait().unwrap().is_some());
    // A commit for each would be sixty syncs, and the beats would wait for all of them.
    assert_eq!(commits.recv().unwrap(), 60 + 40);
    permits.add_permits(1);
    for (post, row) in posts.into_iter().zip(rows) {
        assert_eq!(post.wait().unwrap(), Some(row));
    }
    let (workers, _) = writer.workers(Revision::default()).wait().unwrap();
    assert_eq!(workers.len(), 40);
    assert_eq!(writer.status().pending, 0);
    assert_eq!(writer.stop(MS(5_000)).wait().unwrap(), 0);
    assert!(commits.try_recv().is_err(), "nothing was committed twice");
}

#[test]
fn a_write_that_fails_is_told_and_not_tried_again_and_a_beat_beside_it_is() {
    let fixture = WriterFixture::new();
    fixture.store.unavailable.store(true, Ordering::SeqCst);
    fixture.enqueue_worker("a", 1);
    let post = || fixture.writer.commit_incident(incident("post", 0, None));
    let error = post().wait().unwrap_err();
    assert!(error.transient, "{error}");
    assert_eq!(error.to_string(), "away");
    // In the midst of the outage a caller's own try is made at once.
    let tries = fixture.store.commits.load(Ordering::SeqCst);
    assert!(post().wait().is_err());
    assert_eq!(fixture.store.commits.load(Ordering::SeqCst), tries + 1);
    assert_eq!(fixture.writer.status().pending, 1);
    fixture.store.unavailable.store(false, Ordering::SeqCst);
    fixture.advance(Duration::from_secs(5));
    assert_eq!(fixture.stored_workers(), [("a".into(), 1)]);
    assert_eq!(fixture.writer.incidents(at(-9)).wait().unwrap(), []);
    assert!(post().wait().unwrap().is_some());
}

#[test]
fn a_write_that_fails_alone_is_no_outage() {
    let fixture = WriterFixture::new();
    fixture.store.unavailable.store(true, Ordering::SeqCst);
    let post = fixture.writer.commit_incident(incident("post", 0, None));
    assert!(post.wait().is_err());
    let status = fixture.writer.status();
    assert_eq!(
        (status.pending, status.failing, status.failed),
        (0, None, 1)
    );
    fixture.advance(Duration::from_secs(60));
    assert_eq!(fixture.writer.status().failed, 1, "nothing is left to try");
}

#[test]
fn a_write_that_is_refused_fails_alone() {
    let fixture = WriterFixture::new();
    fixture.store.refused.lock().unwrap().push("bad");
    for n in 0..100 {
        fixture.enqueue_worker(&format!("w{n}"), 1);
    }
    let bad = fixture.writer.commit_incident(incident("bad", 0, None));
    let error = bad.wait().unwrap_err();
    assert_eq!(
        (error.transient, error.to_string()),
        (false, "refused".into())
    );
    assert_eq!(fixture.stored_workers().len(), 100);
    let status = fixture.writer.status();
    assert_eq!(
        (status.refused, status.pending, status.failing),
        (0, 0, None)
    );
}

#[test]
fn of_two_writes_to_one_row_in_one_commit_both_learn_which_one_won() {
    let (begun, commits) = mpsc::channel();
    let permits = Arc::new(Semaphore::new(0));
    let store = FaultyStore {
        gate: Some(Gate {
            begun,
            permits: Arc::clone(&permits),
        }),
        ..FaultyStore::default()
    };
    let writer = StoreWriter::start(
        Arc::new(store),
        settings(&Clock::system()),
        &Supervisor::default(),
    )
    .unwrap();
    let held = writer.commit_incident(incident("held", 0, None));
    commits.recv().unwrap();
    let one = incident("one", 0, None);
    let other = crate::store::IncidentRow {
        title: "another text".into(),
        ..one.clone()
    };
    let replies = [one.clone(), other].map(|row| writer.commit_incident(row));
    permits.add_permits(2);
    assert!(held.wait().is_ok());
    for reply in replies {
        assert_eq!(reply.wait().unwrap(), Some(one.clone()));
    }
    assert_eq!(commits.try_iter().collect::<Vec<_>>(), [2]);
}

#[test]
fn over_the_bound_the_oldest_slices_go_first() {
    let fixture = WriterFixture::new();
    fixture.store.unavailable.store(true, Ordering::SeqCst);
    fixture.enqueue_worker("w", 1);
    for n in 0..200_010_i64 {
        fixture
            .writer
            .enqueue(StoreOp::Slice(slice("i", "o", n * 60, 1)));
    }
    let status = fixture.writer.status();
    assert_eq!((status.pending, status.overflowed), (200_000, 11));
    fixture.store.unavailable.store(false, Ordering::SeqCst);
    assert_eq!(fixture.writer.flush(MS(0)).wait().unwrap(), 0);
    assert_eq!(fixture.stored_workers(), [("w".into(), 1)]);
    let slices = fixture.writer.slices("i", at(0)).wait().unwrap();
    assert_eq!(slices.last().unwrap().start, at(200_009 * 60));
}

#[test]
fn a_worker_that_is_deleted_and_beats_again_is_stored() {
    let fixture = WriterFixture::new();
    fixture.enqueue_worker("a", 5);
    fixture.advance(MS(250));
    fixture
        .writer
        .enqueue(StoreOp::DeleteWorker(id("a"), Some(at(5))));
    fixture
        .writer
        .enqueue(StoreOp::Worker(worker("a", "y", 1, 1)));
    fixture.advance(MS(250));
    assert_eq!(fixture.stored_workers(), [("a".into(), 1)]);
}

#[test]
fn rows_older_than_the_retention_are_deleted() {
    let fixture = WriterFixture::new();
    for second in [-3_700, 0] {
        fixture
            .writer
            .enqueue(StoreOp::Slice(slice("i", "o", second, 1)));
    }
    fixture.advance(MS(250));
    assert_eq!(
        fixture
            .writer
            .slices("i", Timestamp::MIN)
            .wait()
            .unwrap()
            .len(),
        2
    );
    fixture.advance(Duration::from_secs(60));
    let left = fixture.writer.slices("i", Timestamp::MIN).wait().unwrap();
    assert_eq!(left, [slice("i", "o", 0, 1)]);
}

#[test]
fn a_thread_commits_flushes_and_stops_without_any_runtime() {
    let store = Arc::new(FaultyStore::default());
    let writer = StoreWriter::start(
        Arc::clone(&store) as _,
        settings(&Clock::system()),
        &Supervisor::default(),
    )
    .unwrap();
    writer.enqueue(StoreOp::Worker(worker("a", "x", 1, 1)));
    assert_eq!(writer.flush(Duration::from_secs(5)).wait().unwrap(), 0);
    let (rows, _) = writer.workers(Revision::default()).wait().unwrap();
    assert_eq!(rows.len(), 1);
    writer.enqueue(StoreOp::Worker(worker("a", "x", 2, 2)));
    assert_eq!(writer.stop(Duration::from_secs(5)).wait().unwrap(), 0);
    assert_eq!(Arc::strong_count(&store), 1, "the store is closed");
    writer.enqueue(StoreOp::Worker(worker("a", "x", 3, 3)));
    assert_eq!(writer.status().after_close, 1);
    assert!(writer.workers(Revision::default()).wait().is_err());
    assert_eq!(writer.stop(Duration::from_secs(5)).wait().unwrap(), 0);
}

#[test]
fn a_store_that_hangs_does_not_hold_up_a_stop() {
    let store = Arc::new(FaultyStore::default());
    store.hanging.store(true, Ordering::SeqCst);
    let writer = StoreWriter::start(
        store as _,
        settings(&Clock::system()),
        &Supervisor::default(),
    )
    .unwrap();
    writer.enqueue(StoreOp::Worker(worker("a", "x", 1, 1)));
    assert_eq!(writer.stop(MS(300)).wait().unwrap(), 1);
}

#[tokio::test]
async fn a_reply_can_be_awaited_and_blocked_on_in_a_runtime() {
    let writer = StoreWriter::start(
        Arc::new(MemoryStore::default()),
        settings(&Clock::system()),
        &Supervisor::default(),
    )
    .unwrap();
    writer.enqueue(StoreOp::Worker(worker("a", "x", 1, 1)));
    assert_eq!(writer.flush(Duration::from_secs(5)).await.unwrap(), 0);
    assert!(writer.acquire_lease("m", "i", MS(1)).wait().unwrap());
    assert_eq!(writer.stop(Duration::from_secs(5)).wait().unwrap(), 0);
}

#[test]
fn a_clock_that_is_far_ahead_for_a_while_deletes_nothing() {
    const DAY: i64 = 86_400;
    let hour = Duration::from_secs(3_600);
    for (ahead, is_believed) in [(30 * 365 * DAY, false), (2 * DAY, false), (3_600, true)] {
        let fixture = WriterFixture::new();
        let rows = || {
            let rows = fixture.writer.slices("one", Timestamp::MIN).wait();
            rows.unwrap().len()
        };
        // From before the retention of an hour, and of now.
        for minute in [-90, 0] {
            let mut row = slice("one", "api.latency", 0, 1);
            row.start = Timestamp::from_second(1_800_000_000 + 60 * minute).unwrap();
            fixture.writer.enqueue(StoreOp::Slice(row));
        }
        fixture.advance(Duration::from_secs(1));
        fixture.clock.step_wall(ahead * 1_000);
        fixture.advance(Duration::from_secs(60));
        assert_eq!(rows() < 2, is_believed, "{ahead}");
        // Right again within the hour: as if nothing had been.
        fixture.clock.step_wall(-ahead * 1_000);
        fixture.advance(hour - Duration::from_secs(61));
        assert_eq!(rows() < 2, is_believed, "{ahead}");
    }
    // One that stays where it was set is believed an hour later.
    let fixture = WriterFixture::new();
    let mut row = slice("one", "api.latency", 0, 1);
    row.start = Timestamp::from_second(1_800_000_000).unwrap();
    fixture.writer.enqueue(StoreOp::Slice(row));
    fixture.clock.step_wall(3 * DAY * 1_000);
    fixture.advance(Duration::from_secs(60));
    let rows = || fixture.writer.slices("one", Timestamp::MIN).wait();
    assert_eq!(rows().unwrap().len(), 1);
    fixture.advance(hour);
    assert_eq!(rows().unwrap().len(), 0);
}

#[test]
fn a_host_that_sleeps_for_days_between_two_runs_deletes_in_every_second_one() {
    let fixture = WriterFixture::new();
    let rows = || fixture.writer.slices("one", Timestamp::MIN).wait();
    for run in 0..6 {
        let mut row = slice("one", "api.latency", 0, 1);
        row.start = Timestamp::try_from(fixture.clock.wall()).unwrap();
        fixture.writer.enqueue(StoreOp::Slice(row));
        fixture.advance(Duration::from_secs(1));
        assert_eq!(rows().unwrap().len(), 1 + run % 2, "{run}");
        fixture.clock.step_wall(2 * 86_400 * 1_000);
        fixture.advance(Duration::from_secs(3_600));
        assert_eq!(rows().unwrap().len(), 1 - run % 2, "{run}");
    }
}

/// A writer over a store whose commits take so long, and the store.
fn slow_writer(commit_time: Duration) -> (StoreWriter, Arc<FaultyStore>) {
    let store = Arc::new(FaultyStore {
        commit_time,
        ..FaultyStore::default()
    });
    let settings = settings(&Clock::system());
    let writer = StoreWriter::in_runtime(Arc::clone(&store) as _, settings).unwrap();
    (writer, store)
}

#[tokio::test(start_paused = true)]
async fn a_write_has_time_for_the_commit_under_way_and_its_own() {
    let (writer, store) = slow_writer(MS(4_900));
    let first = writer.commit_incident(incident("first", 0, None));
    while store.commits.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let (row, begun) = (incident("second", 0, None), tokio::time::Instant::now());
    let second = writer.commit_incident(row.clone());
    assert!(first.await.unwrap().is_some());
    assert_eq!(second.await.unwrap(), Some(row));
    assert!(begun.elapsed() >= MS(9_800), "{:?}", begun.elapsed());
    assert_eq!(store.commits.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_caller_was_told_that_it_failed_is_not_made_later() {
    let (writer, store) = slow_writer(MS(4_900));
    let bad = ["bad one", "bad two", "bad three"];
    store.refused.lock().unwrap().extend(bad);
    // Halved until the bad ones are found, which takes longer than the last one waits.
    let post = |key: &str| writer.commit_incident(incident(key, 0, None));
    let replies = [bad[0], bad[1], bad[2], "good"].map(post);
    for reply in replies {
        assert!(reply.await.is_err());
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let stored = writer.incidents(Timestamp::MIN).await.unwrap();
    assert_eq!(stored, [], "its caller writes it again");
    assert_eq!(writer.status().pending, 0);
}

#[test]
fn without_a_thread_changes_wait_and_callers_do_not() {
    let refuses = Arc::new(AtomicBool::new(true));
    let refused = Arc::clone(&refuses);
    let supervisor = Supervisor::refused_while(move |name| {
        name == "vantage-store" && refused.load(Ordering::SeqCst)
    });
    let store = Arc::new(FaultyStore::default());
    let settings = settings(&Clock::system());
    let writer = StoreWriter::start(Arc::clone(&store) as _, settings, &supervisor).unwrap();
    writer.enqueue(StoreOp::Worker(worker("a", "x", 1, 1)));
    let post = writer.commit_incident(incident("post", 0, None)).wait();
    assert!(post.unwrap_err().transient);
    let read = writer.workers(Revision::default()).wait();
    assert!(read.unwrap_err().transient);
    assert_eq!(writer.flush(Duration::from_secs(5)).wait().unwrap(), 1);
    assert_eq!(writer.status().pending, 1);
    refuses.store(false, Ordering::SeqCst);
    // The next try is due in a second at most.
    while writer.workers(Revision::default()).wait().is_err() {
        supervisor.nudge();
        std::thread::yield_now();
    }
    assert_eq!(writer.flush(Duration::from_secs(5)).wait().unwrap(), 0);
    let (rows, _) = writer.workers(Revision::default()).wait().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(writer.incidents(Timestamp::MIN).wait().unwrap(), []);
}
