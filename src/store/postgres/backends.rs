//! The store against a real PostgreSQL; `.ci/backends` starts it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::PostgresStore;
use crate::config::Secret;
use crate::model::heartbeat::{BeatId, BeatProgress, BeatRole, LifecycleState};
use crate::store::postgres_client::PostgresAddress;
use crate::store::postgres_client::server::{self, TestPostgres, create_database, run_script};
use crate::store::{Revision, SliceRow, Store as _, StoreOp, TotalRow, WorkerRow};

const WITHIN: Duration = Duration::from_secs(5);

fn open_store(url: &str) -> PostgresStore {
    let address = PostgresAddress::parse(&Secret::new(url));
    PostgresStore::new(address.expect("the URL is valid"), WITHIN, 2)
}

/// A row in which no two figures are alike.
fn row(id: &str) -> WorkerRow {
    let at = |nanos: i128| Timestamp::from_nanosecond(1_800_000_000_000_000_000 + nanos).unwrap();
    WorkerRow {
        id: BeatId::parse(id).unwrap(),
        role: BeatRole::Worker,
        boot_id: Some("boot-b".into()),
        previous_boot_id: Some("boot-a".into()),
        sequence: 7,
        registered_at: at(1),
        last_seen: Some(at(1_000_000_007)),
        progressed_at: Some(at(900_000_003)),
        interval: Duration::from_nanos(30_000_000_001),
        condition: LifecycleState::Draining,
        version: Some("1.2.3".into()),
        progress: BeatProgress {
            in_flight: 11,
            in_flight_overdue: 12,
            processed_total: 13,
            failed_total: 14,
            last_progress_at: Some(at(15)),
            oldest_in_flight: Some(Duration::from_nanos(16)),
            queue_depth: Some(17),
        },
        jobs_seen: 2,
        restarts: 18,
        clock_skew_ms: Some(-19),
        lost: true,
        forgotten_at: None,
    }
}

async fn put_workers(store: &PostgresStore, rows: &[WorkerRow]) {
    let ops: Vec<_> = rows.iter().cloned().map(StoreOp::Worker).collect();
    store.commit(&ops).await.unwrap();
}

/// All rows, by id.
async fn all_workers(store: &PostgresStore) -> Vec<WorkerRow> {
    let (mut rows, _) = store.workers(Revision::default()).await.unwrap();
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows
}

fn ids(rows: &[WorkerRow]) -> Vec<&str> {
    rows.iter().map(|row| row.id.as_str()).collect()
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_row_comes_back_to_the_nanosecond() {
    let store = open_store(&create_database().await);
    let full = row("full");
    let empty = WorkerRow {
        boot_id: None,
        previous_boot_id: None,
        last_seen: None,
        progressed_at: None,
        version: None,
        progress: BeatProgress::default(),
        clock_skew_ms: None,
        ..row("empty")
    };
    put_workers(&store, &[full.clone(), empty.clone()]).await;
    assert_eq!(all_workers(&store).await, [empty, full]);
}

/// Rows that differ in everything that the rule looks at.
fn row_variants() -> Vec<WorkerRow> {
    let (none, a, b) = (None, Some("a".into()), Some("b".into()));
    let mut all = Vec::new();
    for boot_id in [&none, &a, &b] {
        for previous_boot_id in [&none, &a, &b] {
            for last_seen in [None, Some(5), Some(6)] {
                for (sequence, lost) in [(1, false), (1, true), (2, false)] {
                    all.push(WorkerRow {
                        boot_id: boot_id.clone(),
                        previous_boot_id: previous_boot_id.clone(),
                        last_seen: last_seen.map(|at| Timestamp::from_nanosecond(at).unwrap()),
                        sequence,
                        lost,
                        ..row("w")
                    });
                }
            }
        }
    }
    all
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn which_of_two_rows_stays_is_the_rule_of_the_registry() {
    let store = open_store(&create_database().await);
    let variants = row_variants();
    let mut pairs = Vec::new();
    for known in &variants {
        for new in &variants {
            let id = BeatId::parse(&format!("{:06}", pairs.len())).unwrap();
            let with_id = |row: &WorkerRow| WorkerRow {
                id: id.clone(),
                ..row.clone()
            };
            pairs.push((with_id(known), with_id(new)));
        }
    }
    let (known, new): (Vec<_>, Vec<_>) = pairs.iter().cloned().unzip();
    put_workers(&store, &known).await;
    put_workers(&store, &new).await;
    let stayed = all_workers(&store).await;
    assert_eq!(stayed.len(), 81 * 81);
    for ((known, new), stayed) in pairs.iter().zip(&stayed) {
        let expected = if new.supersedes(known) { new } else { known };
        assert_eq!(stayed, expected, "{known:?} then {new:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs .ci/backends"]
async fn two_stores_that_write_the_same_rows_come_to_the_same_end() {
    let url = create_database().await;
    let (left, right) = (Arc::new(open_store(&url)), Arc::new(open_store(&url)));
    let beat = |worker: u64, sequence| WorkerRow {
        sequence,
        ..row(&format!("worker-{worker:03}"))
    };
    // One has the odd beats and one the even, in opposite orders of workers and of time.
    let writer = |store: Arc<PostgresStore>, reverse: bool| async move {
        for step in 0..50_u64 {
            let sequence = if reverse {
                100 - 2 * step
            } else {
                2 * step + 1
            };
            let mut rows: Vec<_> = (0..100).map(|worker| beat(worker, sequence)).collect();
            if reverse {
                rows.reverse();
            }
            put_workers(&store, &rows).await;
        }
    };
    let one = tokio::spawn(writer(Arc::clone(&left), false));
    let other = tokio::spawn(writer(Arc::clone(&right), true));
    one.await.unwrap();
    other.await.unwrap();
    let rows = all_workers(&left).await;
    assert_eq!(rows, all_workers(&right).await);
    assert_eq!(rows.len(), 100);
    assert!(rows.iter().all(|row| row.sequence == 100), "{rows:?}");
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_row_that_is_committed_late_is_not_missed() {
    let url = create_database().await;
    let store = open_store(&url);
    put_workers(&store, &[row("first"), row("late")]).await;
    let (_, start) = store.workers(Revision::default()).await.unwrap();
    // A writer that begins before the others, and ends after them.
    let slow = server::open_session(&url).await;
    let touch = "UPDATE vantage_obs.records SET written = pg_current_xact_id() WHERE key = 'late'";
    slow.batch_execute(&format!("BEGIN; {touch}"))
        .await
        .unwrap();
    put_workers(&store, &[row("quick")]).await;
    let (rows, revision) = store.workers(start).await.unwrap();
    assert_eq!(ids(&rows), ["quick"]);
    let (rows, again) = store.workers(revision).await.unwrap();
    assert_eq!(
        (ids(&rows), again),
        (vec![], revision),
        "nothing is told twice"
    );
    slow.batch_execute("COMMIT").await.unwrap();
    let (rows, revision) = store.workers(revision).await.unwrap();
    assert_eq!(ids(&rows), ["late"]);
    assert_eq!(ids(&store.workers(revision).await.unwrap().0), [""; 0]);
    // An answer that was lost is told again.
    assert_eq!(store.workers(start).await.unwrap().0.len(), 2);
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_worker_is_deleted_unless_it_beat_again() {
    let store = open_store(&create_database().await);
    let (gone, back) = (row("gone"), row("back"));
    put_workers(&store, &[gone.clone(), back.clone()]).await;
    let earlier = back.last_seen.map(|at| at - Duration::from_nanos(1));
    let ops = [
        StoreOp::DeleteWorker(gone.id.clone(), gone.last_seen),
        StoreOp::DeleteWorker(back.id.clone(), earlier),
    ];
    store.commit(&ops).await.unwrap();
    store.commit(&ops).await.unwrap();
    assert_eq!(ids(&all_workers(&store).await), ["back"]);
}

fn slice(instance: &str, start: i64, good: u64) -> SliceRow {
    SliceRow {
        instance: instance.into(),
        objective: "workers.availability".into(),
        start: Timestamp::from_second(start).unwrap(),
        length: Duration::from_secs(60),
        covered: Duration::from_secs(40),
        good,
        bad: 1,
    }
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn slices_replace_each_other_and_are_deleted_in_batches() {
    let store = open_store(&create_database().await);
    let slices: Vec<_> = (0..12_000).map(|n| slice("a", n * 60, 1)).collect();
    let ops: Vec<_> = slices.iter().cloned().map(StoreOp::Slice).collect();
    store.commit(&ops).await.unwrap();
    store.commit(&ops).await.unwrap();
    let newest = slice("a", 11_999 * 60, 9);
    let other = slice("b", 11_999 * 60, 5);
    let ops = [StoreOp::Slice(newest.clone()), StoreOp::Slice(other)];
    store.commit(&ops).await.unwrap();
    let since = Timestamp::from_second(11_998 * 60).unwrap();
    let read = store.slices("a", since).await.unwrap();
    assert_eq!(read, [slices[11_998].clone(), newest.clone()]);
    assert_eq!(
        store.delete_expired_slices(newest.start).await.unwrap(),
        11_998
    );
    assert_eq!(store.delete_expired_slices(newest.start).await.unwrap(), 0);
    assert_eq!(
        store
            .slices("a", Timestamp::UNIX_EPOCH)
            .await
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_lease_is_held_by_one_instance_until_it_ends() {
    let url = create_database().await;
    let (one, other) = (open_store(&url), open_store(&url));
    let (long, ended) = (Duration::from_secs(60), Duration::ZERO);
    assert!(one.acquire_lease("sweep", "one", long).await.unwrap());
    assert!(!other.acquire_lease("sweep", "other", long).await.unwrap());
    assert!(other.acquire_lease("another", "other", long).await.unwrap());
    assert!(one.acquire_lease("sweep", "one", ended).await.unwrap());
    assert!(other.acquire_lease("sweep", "other", long).await.unwrap());
    assert!(!one.acquire_lease("sweep", "one", long).await.unwrap());
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_server_that_stops_costs_the_deadline_at_most_and_one_that_is_back_is_used_at_once() {
    let server = TestPostgres::start();
    let store = open_store(&server.url());
    put_workers(&store, &[row("before")]).await;
    server.down();
    let started = Instant::now();
    let error = store
        .commit(&[StoreOp::Worker(row("lost"))])
        .await
        .unwrap_err();
    assert!(error.transient, "{error:?}");
    assert!(started.elapsed() < WITHIN, "{:?}", started.elapsed());
    server.up();
    put_workers(&store, &[row("after")]).await;
    // Restarted between two calls: the connections that lay idle are found dead, and replaced.
    server.down();
    server.up();
    put_workers(&store, &[row("later")]).await;
    assert_eq!(
        ids(&all_workers(&store).await),
        ["after", "before", "later"]
    );
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_server_that_hangs_costs_the_deadline() {
    let url = create_database().await;
    let mut store = open_store(&url);
    put_workers(&store, &[row("w")]).await;
    store.timeout = Duration::from_millis(300);
    // A hand on the table: the server waits for it longer than we do.
    let holder = server::open_session(&url).await;
    let hold = "BEGIN; LOCK TABLE vantage_obs.records";
    holder.batch_execute(hold).await.unwrap();
    let started = Instant::now();
    let op = [StoreOp::Worker(WorkerRow {
        sequence: 8,
        ..row("w")
    })];
    let error = store.commit(&op).await.unwrap_err();
    assert!(error.transient, "{error:?}");
    // Without a deadline it would be for ever; a busy machine may take its time to notice one.
    assert!(started.elapsed() < WITHIN, "{:?}", started.elapsed());
    holder.batch_execute("ROLLBACK").await.unwrap();
    store.timeout = WITHIN;
    store.commit(&op).await.unwrap();
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_beat_with_a_zero_byte_does_not_spoil_the_batch_and_a_lost_schema_is_made_again() {
    let url = create_database().await;
    let store = open_store(&url);
    let odd = WorkerRow {
        version: Some("1\0".into()),
        ..row("odd")
    };
    put_workers(&store, &[odd, row("w")]).await;
    assert_eq!(all_workers(&store).await.len(), 2);
    let people = server::open_session(&url).await;
    let roster = "SELECT id, version, interval_seconds = 30.000000001, queue_depth::int FROM vantage_obs.roster ORDER BY id";
    let roster = people.query(roster, &[]).await.unwrap();
    let versions: Vec<(&str, &str)> = roster.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(versions, [("odd", "1\u{fffd}"), ("w", "1.2.3")]);
    assert_eq!((roster[1].get(2), roster[1].get(3)), (true, 17));
    run_script(&url, "DROP SCHEMA vantage_obs CASCADE").await;
    let op = [StoreOp::Worker(row("w"))];
    assert!(store.commit(&op).await.unwrap_err().transient);
    store.commit(&op).await.unwrap();
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_thousand_rows_are_committed_well_within_a_quarter_of_a_second() {
    let store = open_store(&create_database().await);
    let mut times = Vec::new();
    for sequence in 0..20 {
        let beat = |worker| WorkerRow {
            sequence,
            ..row(&format!("worker-{worker}"))
        };
        let rows: Vec<_> = (0..1_000).map(beat).collect();
        let started = Instant::now();
        put_workers(&store, &rows).await;
        times.push(started.elapsed());
    }
    times.sort();
    let (best, median, worst) = (times[0], times[10], times[19]);
    eprintln!("1,000 rows: best {best:?}, median {median:?}, worst {worst:?}");
    // The best, because a busy machine makes the others as slow as it likes.
    assert!(best < Duration::from_millis(250), "{times:?}");
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn the_postgres_store_fulfils_the_contract() {
    for (name, contract_test) in crate::store::tests::suite::CONTRACT {
        eprintln!("{name}");
        contract_test(Arc::new(open_store(&create_database().await))).await;
    }
}

/// The same incident, as each of them would open it.
fn open_incident_op() -> StoreOp {
    let row = crate::store::tests::rows::incident("opened", 0, None);
    StoreOp::Incident(crate::store::IncidentRow {
        id: crate::model::status::StatusId::random(),
        slot: Some("system".into()),
        ..row
    })
}

/// One of the two processes of the next test: twenty tasks, all at the moment that the environment
/// names. By itself it has nothing to do.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs .ci/backends"]
async fn one_process_of_two() {
    let (Ok(url), Ok(at)) = (
        std::env::var("VANTAGE_TEST_OPEN_AT_URL"),
        std::env::var("VANTAGE_TEST_OPEN_AT"),
    ) else {
        return;
    };
    let at: u128 = at.parse().unwrap();
    let stores: Vec<_> = (0..4).map(|_| Arc::new(open_store(&url))).collect();
    for store in &stores {
        store.workers(Revision::default()).await.unwrap();
    }
    let tasks: Vec<_> = (0..20)
        .map(|task| {
            let store = Arc::clone(&stores[task % stores.len()]);
            tokio::spawn(async move {
                while std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() < at {
                    tokio::task::yield_now().await;
                }
                store.commit(&[open_incident_op()]).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn twenty_tasks_in_each_of_two_processes_open_the_same_incident_and_there_is_one_row() {
    let url = create_database().await;
    open_store(&url).workers(Revision::default()).await.unwrap();
    let at = std::time::UNIX_EPOCH.elapsed().unwrap() + Duration::from_secs(3);
    let processes = [(); 2].map(|()| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "store::postgres::backends::one_process_of_two",
                "--ignored",
            ])
            .env("VANTAGE_TEST_OPEN_AT_URL", &url)
            .env("VANTAGE_TEST_OPEN_AT", at.as_millis().to_string());
        command.spawn().unwrap()
    });
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let rows = server::open_session(&url).await;
    let rows = rows.query("SELECT FROM vantage_obs.records", &[]).await;
    assert_eq!(rows.unwrap().len(), 1);
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_total_only_grows_and_is_the_same_however_often_it_is_written() {
    let url = create_database().await;
    let store = open_store(&url);
    let total = |source: &str, metric, value| {
        StoreOp::Total(TotalRow {
            day: jiff::civil::date(2026, 3, 29),
            metric: std::borrow::Cow::Borrowed(metric),
            attribute: "".into(),
            source: source.into(),
            value,
            peak: metric == "active_organizations",
        })
    };
    let ops = [
        total("a/1", "posts_published", 5),
        total("a/2", "posts_published", 7),
        total("a/1", "active_organizations", 5),
        total("b/1", "active_organizations", 4),
    ];
    store.commit(&ops).await.unwrap();
    store.commit(&ops).await.unwrap();
    let late = [total("a/1", "posts_published", 3)];
    store.commit(&late).await.unwrap();
    let session = server::open_session(&url).await;
    let query = "SELECT figure, day::text, value FROM vantage_obs.daily_totals ORDER BY figure";
    let rows = session.query(query, &[]).await.unwrap();
    let totals: Vec<(&str, &str, i64)> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let expected = [
        ("active_organizations", "2026-03-29", 5),
        ("posts_published", "2026-03-29", 12),
    ];
    assert_eq!(totals, expected);
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_reader_creates_nothing() {
    let url = create_database().await;
    let address = PostgresAddress::parse(&Secret::new(&url)).unwrap();
    let reader = PostgresStore::for_reader(address, WITHIN);
    let error = reader.instances().await.unwrap_err();
    assert!(
        error.to_string().contains("no schema vantage_obs"),
        "{error}"
    );
    let session = server::open_session(&url).await;
    let rows = session
        .query("SELECT to_regnamespace('vantage_obs')::text", &[])
        .await;
    assert_eq!(rows.unwrap()[0].get::<_, Option<String>>(0), None);
    open_store(&url).instances().await.unwrap();
    assert_eq!(reader.instances().await.unwrap().len(), 0);
}
