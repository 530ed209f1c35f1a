//! A PostgreSQL that is killed, locked or emptied under running services.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::runtime::Runtime;

use super::client::{TOKENS, assert_kept, beat, open_incident};
use crate::backends::postgres::server::{TestPostgres, open_session, run_script};
use crate::processes::child::{ChildProcess, ChildRole, eventually};
use crate::support::sample_with;

/// The deadline of a write, which is 15 s, and what a busy machine adds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(25);

/// Below the store's deadline of 5 s: what is answered sooner has not waited for it.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

fn api(url: &str) -> ChildProcess {
    let store = [
        ("VANTAGE_OBS_STORE_KIND", "postgres"),
        ("VANTAGE_OBS_STORE_URL", url),
        ("VANTAGE_OBS_HEARTBEAT_INTERVAL", "60s"),
    ];
    ChildProcess::start(ChildRole::Api, &[&TOKENS[..], &store].concat())
}

/// Kills the first process of a server, and waits until the others have noticed.
fn kill(server: &TestPostgres) {
    let data = server.data();
    let id_file = Path::new(&data).join("postmaster.pid");
    let process = fs::read_to_string(&id_file).unwrap();
    let process = process.lines().next().unwrap();
    let status = Command::new("kill").args(["-KILL", process]).status();
    assert!(status.unwrap().success());
    eventually("its processes are gone", || {
        let processes = fs::read_dir("/proc").unwrap();
        let mut folders =
            processes.map(|process| fs::read_link(process.unwrap().path().join("cwd")));
        !folders.any(|folder| folder.is_ok_and(|folder| folder == Path::new(&data)))
    });
    // Where no process waits for the children of others, the id of one that has ended stays taken.
    fs::remove_file(id_file).unwrap();
    for entry in fs::read_dir(Path::new(&data).parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "lock") {
            fs::remove_file(path).unwrap();
        }
    }
}

fn pending(service: &ChildProcess) -> f64 {
    let text = service.get("/metrics").1;
    sample_with(&text, "vantage_store_pending", &[]).unwrap_or_default()
}

/// Opens an incident; `None` where that is refused with 503, in time.
fn try_open(service: &ChildProcess, title: &str) -> Option<(String, String)> {
    let asked = Instant::now();
    let (status, id) = open_incident(service.address(), title).unwrap();
    assert!(asked.elapsed() < ANSWER_TIMEOUT, "{:?}", asked.elapsed());
    match status {
        201 => Some((id, title.to_owned())),
        503 => None,
        other => panic!("{title}: {other}"),
    }
}

/// Opens incidents, each with a title of its own, until one is acknowledged, which is returned.
fn open_eventually(service: &ChildProcess, title: &str) -> (String, String) {
    let (mut number, mut opened) = (0, None);
    eventually("an incident is taken", || {
        number += 1;
        opened = try_open(service, &format!("{title} {number}"));
        opened.is_some()
    });
    opened.unwrap()
}

fn assert_unhurt(service: &ChildProcess) {
    for path in [
        "/api/v1/health/live",
        "/api/v1/workers/health",
        "/status",
        "/metrics",
    ] {
        let asked = Instant::now();
        assert_eq!(service.get(path).0, 200, "{path}");
        assert!(
            asked.elapsed() < PROBE_TIMEOUT,
            "{path}: {:?}",
            asked.elapsed()
        );
    }
}

#[test]
#[ignore = "needs .ci/failures"]
fn a_postgres_that_is_killed_costs_no_acknowledged_write_and_no_probe() {
    let server = TestPostgres::start();
    let service = api(&server.url());
    let mut kept = vec![open_eventually(&service, "before")];
    for round in 0..3 {
        // In the midst of writes.
        std::thread::scope(|scope| {
            let writes = scope.spawn(|| {
                let titles = (0..).map(|n| format!("round {round}, {n}"));
                titles
                    .map_while(|title| try_open(&service, &title))
                    .take(15)
                    .collect::<Vec<_>>()
            });
            kill(&server);
            kept.extend(writes.join().unwrap());
        });
        assert_eq!(
            beat(service.address(), "w", "boot", round + 1).unwrap(),
            202
        );
        assert_eq!(try_open(&service, &format!("round {round}, away")), None);
        assert!(pending(&service) > 0.0);
        assert_unhurt(&service);
        server.up();
        eventually("what waited is written", || pending(&service) == 0.0);
        kept.push(open_eventually(&service, &format!("round {round}, back")));
    }
    let other = api(&server.url());
    assert_kept(&other, &kept);
    eventually("the beat is there", || {
        other.worker_view("w")["sequence"] == 3
    });
}

#[test]
#[ignore = "needs .ci/failures"]
fn tables_that_are_locked_cost_no_probe_and_what_waited_is_written_afterwards() {
    let (runtime, server) = (Runtime::new().unwrap(), TestPostgres::start());
    let url = server.url();
    let service = api(&url);
    let kept = open_eventually(&service, "before");
    let holder = runtime.block_on(open_session(&url));
    let lock = "BEGIN; LOCK TABLE vantage_obs.records, vantage_obs.slices IN ACCESS EXCLUSIVE MODE";
    runtime.block_on(holder.batch_execute(lock)).unwrap();
    assert_eq!(beat(service.address(), "w", "boot", 1).unwrap(), 202);
    assert_eq!(try_open(&service, "locked"), None);
    assert!(pending(&service) > 0.0);
    for _ in 0..10 {
        assert_unhurt(&service);
    }
    assert_eq!(service.state("w"), "online");
    runtime.block_on(holder.batch_execute("ROLLBACK")).unwrap();
    eventually("what waited is written", || pending(&service) == 0.0);
    let again = open_eventually(&service, "after");
    let other = api(&url);
    assert_kept(&other, &[kept, again]);
    eventually("the beat is there", || {
        other.worker_view("w")["sequence"] == 1
    });
}

#[test]
#[ignore = "needs .ci/failures"]
fn tables_that_are_emptied_or_dropped_cost_their_rows_and_are_filled_and_made_anew() {
    let runtime = Runtime::new().unwrap();
    for script in [
        "TRUNCATE vantage_obs.records, vantage_obs.slices",
        "DROP SCHEMA vantage_obs CASCADE",
    ] {
        let server = TestPostgres::start();
        let url = server.url();
        let service = api(&url);
        open_eventually(&service, "before");
        assert_eq!(beat(service.address(), "w", "boot", 1).unwrap(), 202);
        eventually("it is written", || pending(&service) == 0.0);
        runtime.block_on(run_script(&url, script));
        assert_unhurt(&service);
        assert_eq!(
            service.state("w"),
            "online",
            "what this process knows stays"
        );
        assert_eq!(beat(service.address(), "w", "boot", 2).unwrap(), 202);
        let after = open_eventually(&service, "after");
        eventually("what waited is written", || pending(&service) == 0.0);
        let other = api(&url);
        assert_kept(&other, &[after]);
        eventually("the beat is there", || {
            other.worker_view("w")["sequence"] == 2
        });
    }
}

/// Three times the timeout of the workers below.
const LONG_OUTAGE: Duration = Duration::from_secs(24);

/// Looks at a service until `is_over`, which `worker` must not be offline in all the time.
fn never_offline(service: &ChildProcess, worker: &str, mut is_over: impl FnMut() -> bool) {
    eventually("it is over", || {
        let state = service.state(worker);
        assert!(["online", "late"].contains(&&*state), "{state}");
        is_over()
    });
}

fn json(service: &ChildProcess, path: &str) -> Value {
    serde_json::from_str(&service.get(path).1).unwrap()
}

#[test]
#[ignore = "needs .ci/failures"]
fn workers_that_beat_through_a_postgres_that_is_away_are_unknown_and_not_offline() {
    let server = TestPostgres::start();
    let url = server.url();
    let start = |role, instance| {
        let variables = [
            ("VANTAGE_OBS_STORE_KIND", "postgres"),
            ("VANTAGE_OBS_STORE_URL", &*url),
            ("VANTAGE_OBS_INSTANCE_ID", instance),
            ("VANTAGE_OBS_HEARTBEAT_INTERVAL", "2s"),
            ("VANTAGE_OBS_HEARTBEAT_OFFLINE_AFTER", "8s"),
            ("VANTAGE_TEST_WORKER", "w"),
        ];
        ChildProcess::start(role, &variables)
    };
    let service = start(ChildRole::Api, "api");
    let mut worker = start(ChildRole::Worker, "worker");
    eventually("it is heard", || service.state("w") == "online");
    let workers = || json(&service, "/api/v1/workers/health");
    let component = || {
        let status = json(&service, "/status.json");
        let components = status["components"].as_array().unwrap().clone();
        let mut components = components.into_iter();
        let found = components.find(|one| one["key"] == "workers");
        (
            found.unwrap_or_default()["state"].clone(),
            status["workers_unknown_since"].is_string(),
        )
    };
    let last_seen = |text: &str| {
        let name = "vantage_worker_heartbeat_timestamp_seconds";
        sample_with(text, name, &[("worker_id", "w")])
    };
    let offline = |text: &str| {
        let labels = [("state", "offline")];
        sample_with(text, "vantage_worker_workers", &labels)
    };
    never_offline(&service, "w", || component().0 == "operational");

    server.down();
    let started = Instant::now();
    never_offline(&service, "w", || started.elapsed() > LONG_OUTAGE);
    let list = workers();
    assert_eq!(list["status"], "warn", "{list}");
    let reason = list["reason"].as_str().unwrap();
    assert!(reason.contains("has not been readable since"), "{reason}");
    assert_eq!(list["workers"][0]["stale"], true, "{list}");
    assert_eq!(worker.state("w"), "online", "as it knows itself");
    assert_eq!(component(), ("no_data".into(), true));
    let page = service.get("/status").1;
    assert!(page.contains("whose heartbeats come through it is not known"));
    let text = service.get("/metrics").1;
    assert_eq!((last_seen(&text), offline(&text)), (None, Some(0.0)));

    server.up();
    let is_known = || workers()["status"] == "pass" && component().0 == "operational";
    never_offline(&service, "w", is_known);
    assert!(last_seen(&service.get("/metrics").1).is_some());
    let back = Instant::now();
    never_offline(&service, "w", || back.elapsed() > Duration::from_secs(10));

    // One that is gone when it is back is offline by its timeout from then on.
    server.down();
    worker.kill();
    let away = Instant::now();
    never_offline(&service, "w", || away.elapsed() > LONG_OUTAGE / 2);
    server.up();
    eventually("it is missed", || service.state("w") == "offline");
    assert_eq!(workers()["status"], "fail");
}
