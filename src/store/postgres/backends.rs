//! The store against a real PostgreSQL; `.ci/backends` starts it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Postgres;
use super::rows::tests::row;
use crate::config::{Secret, Tls};
use crate::store::postgres_client::Address;
use crate::store::postgres_client::server::{self, Server, database, run};
use crate::store::{Change, Revision, SliceRow, Store as _, TotalRow, WorkerRow};

const WITHIN: Duration = Duration::from_secs(5);

fn open(url: &str) -> Postgres {
    let address = Address::parse(&Secret::new(url), &Tls::default());
    Postgres::new(address.expect("the URL is valid"), WITHIN, 2)
}

async fn put(store: &Postgres, rows: &[WorkerRow]) {
    let changes: Vec<_> = rows.iter().cloned().map(Change::Worker).collect();
    store.commit(&changes).await.unwrap();
}

/// All rows, by id.
async fn all(store: &Postgres) -> Vec<WorkerRow> {
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
    let store = open(&database().await);
    let full = row("full");
    let empty = WorkerRow {
        boot_id: None,
        previous_boot_id: None,
        last_seen: None,
        progressed_at: None,
        version: None,
        progress: crate::model::heartbeat::Progress::default(),
        clock_skew_ms: None,
        ..row("empty")
    };
    put(&store, &[full.clone(), empty.clone()]).await;
    assert_eq!(all(&store).await, [empty, full]);
}

/// Rows that differ in everything that the rule looks at.
fn variants() -> Vec<WorkerRow> {
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
async fn which_of_two_rows_stays_is_the_rule_of_the_roster() {
    let store = open(&database().await);
    let variants = variants();
    let mut pairs = Vec::new();
    for known in &variants {
        for new in &variants {
            let id =
                crate::model::heartbeat::BeatId::parse(&format!("{:06}", pairs.len())).unwrap();
            let of = |row: &WorkerRow| WorkerRow {
                id: id.clone(),
                ..row.clone()
            };
            pairs.push((of(known), of(new)));
        }
    }
    let (known, new): (Vec<_>, Vec<_>) = pairs.iter().cloned().unzip();
    put(&store, &known).await;
    put(&store, &new).await;
    let stayed = all(&store).await;
    assert_eq!(stayed.len(), 81 * 81);
    for ((known, new), stayed) in pairs.iter().zip(&stayed) {
        let expected = if new.supersedes(known) { new } else { known };
        assert_eq!(stayed, expected, "{known:?} then {new:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs .ci/backends"]
async fn two_stores_that_write_the_same_rows_come_to_the_same_end() {
    let url = database().await;
    let (left, right) = (Arc::new(open(&url)), Arc::new(open(&url)));
    let beat = |worker: u64, sequence| WorkerRow {
        sequence,
        ..row(&format!("worker-{worker:03}"))
    };
    // One has the odd beats and one the even, in opposite orders of workers and of time.
    let writer = |store: Arc<Postgres>, reverse: bool| async move {
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
            put(&store, &rows).await;
        }
    };
    let one = tokio::spawn(writer(Arc::clone(&left), false));
    let other = tokio::spawn(writer(Arc::clone(&right), true));
    one.await.unwrap();
    other.await.unwrap();
    let rows = all(&left).await;
    assert_eq!(rows, all(&right).await);
    assert_eq!(rows.len(), 100);
    assert!(rows.iter().all(|row| row.sequence == 100), "{rows:?}");
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_row_that_is_committed_late_is_not_missed() {
    let url = database().await;
    let store = open(&url);
    put(&store, &[row("first"), row("late")]).await;
    let (_, start) = store.workers(Revision::default()).await.unwrap();
    // A writer that begins before the others, and ends after them.
    let slow = server::session(&url).await;
    let touch = "UPDATE vantage_obs.workers SET sequence = 99, written = pg_current_xact_id() WHERE id = 'late'";
    slow.batch_execute(&format!("BEGIN; {touch}"))
        .await
        .unwrap();
    put(&store, &[row("quick")]).await;
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
async fn a_worker_is_forgotten_unless_it_came_back() {
    let store = open(&database().await);
    let (gone, back) = (row("gone"), row("back"));
    put(&store, &[gone.clone(), back.clone()]).await;
    let earlier = back.last_seen.map(|at| at - Duration::from_nanos(1));
    let changes = [
        Change::Forget(gone.id.clone(), gone.last_seen),
        Change::Forget(back.id.clone(), earlier),
    ];
    store.commit(&changes).await.unwrap();
    store.commit(&changes).await.unwrap();
    assert_eq!(ids(&all(&store).await), ["back"]);
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
async fn slices_take_each_others_place_and_are_swept_in_batches() {
    let store = open(&database().await);
    let slices: Vec<_> = (0..12_000).map(|n| slice("a", n * 60, 1)).collect();
    let changes: Vec<_> = slices.iter().cloned().map(Change::Slice).collect();
    store.commit(&changes).await.unwrap();
    store.commit(&changes).await.unwrap();
    let newest = slice("a", 11_999 * 60, 9);
    let other = slice("b", 11_999 * 60, 5);
    let changes = [Change::Slice(newest.clone()), Change::Slice(other)];
    store.commit(&changes).await.unwrap();
    let since = Timestamp::from_second(11_998 * 60).unwrap();
    let read = store.slices("a", since).await.unwrap();
    assert_eq!(read, [slices[11_998].clone(), newest.clone()]);
    assert_eq!(store.sweep(newest.start).await.unwrap(), 11_998);
    assert_eq!(store.sweep(newest.start).await.unwrap(), 0);
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
async fn the_lead_is_one_s_until_it_ends() {
    let url = database().await;
    let (one, other) = (open(&url), open(&url));
    let (long, ended) = (Duration::from_secs(60), Duration::ZERO);
    assert!(one.lead("sweep", "one", long).await.unwrap());
    assert!(!other.lead("sweep", "other", long).await.unwrap());
    assert!(other.lead("another", "other", long).await.unwrap());
    assert!(one.lead("sweep", "one", ended).await.unwrap());
    assert!(other.lead("sweep", "other", long).await.unwrap());
    assert!(!one.lead("sweep", "one", long).await.unwrap());
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_server_that_stops_costs_the_deadline_at_most_and_one_that_is_back_is_used_at_once() {
    let server = Server::start();
    let store = open(&server.url());
    put(&store, &[row("before")]).await;
    server.down();
    let started = Instant::now();
    let error = store
        .commit(&[Change::Worker(row("lost"))])
        .await
        .unwrap_err();
    assert!(error.passing, "{error:?}");
    assert!(started.elapsed() < WITHIN, "{:?}", started.elapsed());
    server.up();
    put(&store, &[row("after")]).await;
    // Restarted between two calls: the connections that lay idle are found dead, and nobody is told.
    server.down();
    server.up();
    put(&store, &[row("later")]).await;
    assert_eq!(ids(&all(&store).await), ["after", "before", "later"]);
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_server_that_hangs_costs_the_deadline() {
    let url = database().await;
    let mut store = open(&url);
    put(&store, &[row("w")]).await;
    store.within = Duration::from_millis(300);
    // A hand on the table: the server waits for it longer than we do.
    let holder = server::session(&url).await;
    let hold = "BEGIN; LOCK TABLE vantage_obs.workers";
    holder.batch_execute(hold).await.unwrap();
    let started = Instant::now();
    let change = [Change::Worker(WorkerRow {
        sequence: 8,
        ..row("w")
    })];
    let error = store.commit(&change).await.unwrap_err();
    assert!(error.passing, "{error:?}");
    // Without a deadline it would be for ever; a busy machine may take its time to bulletin one.
    assert!(started.elapsed() < WITHIN, "{:?}", started.elapsed());
    holder.batch_execute("ROLLBACK").await.unwrap();
    store.within = WITHIN;
    store.commit(&change).await.unwrap();
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_beat_with_a_zero_byte_does_not_spoil_the_batch_and_a_lost_schema_is_made_again() {
    let url = database().await;
    let store = open(&url);
    let odd = WorkerRow {
        version: Some("1\0".into()),
        ..row("odd")
    };
    put(&store, &[odd, row("w")]).await;
    assert_eq!(all(&store).await.len(), 2);
    run(&url, "DROP SCHEMA vantage_obs CASCADE").await;
    let change = [Change::Worker(row("w"))];
    assert!(store.commit(&change).await.unwrap_err().passing);
    store.commit(&change).await.unwrap();
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_thousand_rows_are_committed_well_within_a_quarter_of_a_second() {
    let store = open(&database().await);
    let mut times = Vec::new();
    for sequence in 0..20 {
        let beat = |worker| WorkerRow {
            sequence,
            ..row(&format!("worker-{worker}"))
        };
        let rows: Vec<_> = (0..1_000).map(beat).collect();
        let started = Instant::now();
        put(&store, &rows).await;
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
async fn it_keeps_every_promise_of_a_store() {
    for (name, claim) in crate::store::tests::suite::CLAIMS {
        eprintln!("{name}");
        claim(Arc::new(open(&database().await))).await;
    }
}

/// The same incident, as each of them would open it.
fn opened() -> Change {
    let row = crate::store::tests::rows::incident("opened", 0, None);
    Change::Bulletin(crate::store::BulletinRow {
        id: crate::model::status::StatusId::random(),
        slot: Some("system".into()),
        ..row
    })
}

/// What the two processes of the next test do: twenty tasks, all at the moment that the environment
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
    let stores: Vec<_> = (0..4).map(|_| Arc::new(open(&url))).collect();
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
                store.commit(&[opened()]).await
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
    let url = database().await;
    open(&url).workers(Revision::default()).await.unwrap();
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
    let rows = server::session(&url).await;
    let rows = rows
        .query("SELECT id FROM vantage_obs.bulletins", &[])
        .await;
    assert_eq!(rows.unwrap().len(), 1);
}

#[tokio::test]
#[ignore = "needs .ci/backends"]
async fn a_total_only_grows_and_is_the_same_however_often_it_is_written() {
    let url = database().await;
    let store = open(&url);
    let total = |source: &str, figure, value| {
        Change::Total(TotalRow {
            day: jiff::civil::date(2026, 3, 29),
            figure,
            attribute: "".into(),
            source: source.into(),
            value,
        })
    };
    let changes = [
        total("a/1", "posts_published", 5),
        total("a/2", "posts_published", 7),
        total("a/1", "active_organizations", 5),
        total("b/1", "active_organizations", 4),
    ];
    store.commit(&changes).await.unwrap();
    store.commit(&changes).await.unwrap();
    let late = [total("a/1", "posts_published", 3)];
    store.commit(&late).await.unwrap();
    let session = server::session(&url).await;
    let asked = "SELECT figure, day::text, value FROM vantage_obs.daily_totals ORDER BY figure";
    let rows = session.query(asked, &[]).await.unwrap();
    let told: Vec<(&str, &str, i64)> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let expected = [
        ("active_organizations", "2026-03-29", 5),
        ("posts_published", "2026-03-29", 12),
    ];
    assert_eq!(told, expected);
}
