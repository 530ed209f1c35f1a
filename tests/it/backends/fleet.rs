//! Two API processes that share a PostgreSQL, with workers that beat to either or straight into it,
//! while the database is away.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::postgres::server::TestPostgres;
use crate::processes::child::{ChildProcess, ChildRole, eventually};

const WORKERS: [&str; 3] = ["one", "two", "three"];
const TOKEN: &str = "t0ken";
const DOWNTIME: Duration = Duration::from_secs(20);

fn child(kind: ChildRole, id: &str, more: &[(&str, &str)]) -> ChildProcess {
    let mut variables = vec![
        ("VANTAGE_TEST_WORKER", id),
        ("VANTAGE_OBS_HEARTBEAT_TOKEN", TOKEN),
        // What others wrote is read each second: a faster beat would be late before it is read.
        ("VANTAGE_OBS_HEARTBEAT_INTERVAL", "2s"),
        ("VANTAGE_OBS_HEARTBEAT_OFFLINE_AFTER", "60s"),
    ];
    variables.extend(more);
    ChildProcess::start(kind, &variables)
}

fn over_http(id: &str, api: &ChildProcess) -> ChildProcess {
    let endpoint = api.endpoint();
    let http = [
        ("VANTAGE_OBS_HEARTBEAT_SINK", "http"),
        ("VANTAGE_OBS_HEARTBEAT_ENDPOINT", &endpoint),
    ];
    child(ChildRole::Worker, id, &http)
}

/// What does not depend on when it is asked for.
fn known(api: &ChildProcess, worker: &str) -> Value {
    let mut view = api.worker_view(worker);
    if let Some(members) = view.as_object_mut() {
        members.remove("age_ms");
    }
    view
}

fn all_online(api: &ChildProcess) -> bool {
    WORKERS.iter().all(|worker| api.state(worker) == "online")
}

#[test]
#[ignore = "needs .ci/backends"]
fn two_apis_answer_the_same_and_go_on_answering_while_their_database_is_away() {
    let server = TestPostgres::start();
    let url = server.url();
    let shared = [
        ("VANTAGE_OBS_STORE_KIND", "postgres"),
        ("VANTAGE_OBS_STORE_URL", url.as_str()),
    ];
    let apis = [(); 2].map(|()| child(ChildRole::Api, "", &shared));
    let mut workers = [
        over_http("one", &apis[0]),
        over_http("two", &apis[1]),
        child(ChildRole::Worker, "three", &shared),
    ];
    for api in &apis {
        eventually("everybody is seen by both", || all_online(api));
    }
    let boots: Vec<_> = WORKERS
        .map(|id| apis[0].worker_view(id)["boot_id"].clone())
        .into();

    server.down();
    let since = Instant::now();
    while since.elapsed() < DOWNTIME {
        for (api, own) in apis.iter().zip(["one", "two"]) {
            let asked = Instant::now();
            assert_eq!(api.get("/api/v1/health/live").0, 200);
            assert_eq!(api.get("/api/v1/workers/health").0, 200);
            // Those that beat to it are as fresh as ever, the others as it saw them last.
            assert_eq!(api.state(own), "online");
            for id in WORKERS {
                assert!(["online", "late"].contains(&api.state(id).as_str()), "{id}");
            }
            assert!(asked.elapsed() < Duration::from_secs(1));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(workers[2].get("/api/v1/workers/three/heartbeat").0, 200);

    server.up();
    for api in &apis {
        eventually("everybody is seen by both again", || all_online(api));
        for (id, boot) in WORKERS.iter().zip(&boots) {
            let view = api.worker_view(id);
            assert_eq!(
                (&view["boot_id"], &view["restarts"]),
                (boot, &0.into()),
                "{id}"
            );
        }
    }
    workers.iter_mut().for_each(ChildProcess::terminate);
    for id in WORKERS {
        eventually("both know the same", || {
            let [one, two] = [0, 1].map(|api| known(&apis[api], id));
            one == two && one["state"] == "stopped"
        });
    }

    // Forgotten by one, gone with both, also for one that starts later.
    assert_eq!(apis[0].forget("one", "another"), 401);
    assert_eq!(apis[0].forget("one", TOKEN), 204);
    assert_eq!(apis[0].state("one"), "");
    eventually("the other learns it", || apis[1].state("one").is_empty());
    assert_eq!(apis[1].forget("one", TOKEN), 404);
    let later = child(ChildRole::Api, "", &shared);
    eventually("it knows the others", || later.state("two") == "stopped");
    assert_eq!(later.state("one"), "");
    let again = over_http("one", &apis[1]);
    for api in [&apis[0], &apis[1], &later] {
        eventually("it is back for all", || api.state("one") == "online");
    }
    drop(again);
}
