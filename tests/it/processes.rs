//! Real processes: this test binary runs itself again as an API and as workers, which are killed,
//! asked to stop, and started anew.

pub(crate) mod child;
mod served;
mod stalled_output;

use std::time::Duration;

use child::{ChildProcess, ChildRole, eventually};

const TOKEN: (&str, &str) = ("VANTAGE_OBS_HEARTBEAT_TOKEN", "t0ken");

/// An API that gives workers up quickly, with its file where this build has one.
fn api(folder: &tempfile::TempDir) -> ChildProcess {
    let file = folder.path().join("store.redb");
    let store_variables = [
        ("VANTAGE_OBS_STORE_KIND", "file"),
        ("VANTAGE_OBS_STORE_PATH", file.to_str().unwrap()),
    ];
    let mut variables = vec![
        TOKEN,
        ("VANTAGE_OBS_HEARTBEAT_INTERVAL", "200ms"),
        ("VANTAGE_OBS_HEARTBEAT_OFFLINE_AFTER", "2s"),
    ];
    if cfg!(feature = "file-store") {
        variables.extend(store_variables);
    }
    ChildProcess::start(ChildRole::Api, &variables)
}

fn worker(id: &str, api: &ChildProcess) -> ChildProcess {
    let endpoint = api.endpoint();
    ChildProcess::start(
        ChildRole::Worker,
        &[
            TOKEN,
            ("VANTAGE_TEST_WORKER", id),
            ("VANTAGE_OBS_HEARTBEAT_INTERVAL", "200ms"),
            ("VANTAGE_OBS_HEARTBEAT_OFFLINE_AFTER", "2s"),
            ("VANTAGE_OBS_HEARTBEAT_SINK", "http"),
            ("VANTAGE_OBS_HEARTBEAT_ENDPOINT", &endpoint),
        ],
    )
}

#[test]
fn a_worker_that_is_killed_is_offline_at_its_last_beat_and_the_configured_time() {
    let folder = tempfile::tempdir().unwrap();
    let api = api(&folder);
    let mut killed = worker("killed", &api);
    eventually("it beats", || api.state("killed") == "online");
    eventually("it works", || {
        api.worker_view("killed")["progress"]["processed_total"].as_u64() > Some(0)
    });
    killed.kill();
    let seen = api.worker_view("killed");
    assert_eq!(seen["state"], "online");
    // The metric and not the route: that is judged when somebody asks, and this is what was found.
    let offline = "vantage_worker_workers{state=\"offline\"} 1";
    eventually("it is found", || api.get("/metrics").1.contains(offline));
    let found = jiff::Timestamp::now();
    let view = api.worker_view("killed");
    let date = |name: &str| {
        view[name]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap()
    };
    assert_eq!(view["last_seen"], seen["last_seen"]);
    let configured = jiff::SignedDuration::from_secs(2);
    assert_eq!(
        date("offline_at").duration_since(date("last_seen")),
        configured
    );
    let late = found.duration_since(date("offline_at"));
    assert!(late >= jiff::SignedDuration::ZERO, "{late}");
    assert!(late < jiff::SignedDuration::from_secs(1), "{late}");
    assert_eq!(api.state("killed"), "offline");
    assert_eq!(api.forget("killed", "another"), 401);
    assert_eq!(api.forget("killed", TOKEN.1), 204);
    assert_eq!(api.get("/api/v1/workers/killed/heartbeat").0, 404);
}

#[test]
fn a_worker_that_is_terminated_says_goodbye() {
    let folder = tempfile::tempdir().unwrap();
    let api = api(&folder);
    let mut worker = worker("polite", &api);
    eventually("it beats", || api.state("polite") == "online");
    worker.terminate();
    assert_eq!(api.state("polite"), "stopped");
    std::thread::sleep(Duration::from_millis(2_500));
    assert_eq!(api.state("polite"), "stopped", "and is not missed");
}

#[cfg(feature = "file-store")]
#[test]
fn an_api_that_is_killed_and_started_anew_remembers_its_workers() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = api(&folder);
    let mut gone = worker("gone", &first);
    let mut polite = worker("polite", &first);
    eventually("both beat", || {
        first.state("gone") == "online" && first.state("polite") == "online"
    });
    polite.terminate();
    gone.kill();
    // Nothing that is older than a second is uncommitted.
    std::thread::sleep(Duration::from_millis(1_100));
    let before = first.worker_view("gone");
    first.kill();
    let second = api(&folder);
    eventually("it has read the store", || {
        second.state("polite") == "stopped"
    });
    let after = second.worker_view("gone");
    for name in ["boot_id", "sequence", "last_seen", "offline_at", "progress"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    eventually("it is offline", || second.state("gone") == "offline");
    let _again = worker("gone", &second);
    eventually("it is back", || second.state("gone") == "online");
    assert_eq!(second.worker_view("gone")["restarts"], 1);
}
