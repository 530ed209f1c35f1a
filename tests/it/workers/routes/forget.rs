use vantage_obs::Role;
use vantage_obs::config::{Secret, StoreKind};

use super::*;
use crate::support::scrape;

/// Telemetry with the token `t0ken` for beats, and another one for incidents.
fn with_tokens(open: bool) -> TestTelemetry {
    let mut config = crate::support::config();
    config.heartbeat.token = Some(Secret::new("t0ken"));
    config.heartbeat.open = open;
    config.status.token = Some(Secret::new("status-t0ken"));
    TestTelemetry::with_config(config, &[]).unwrap()
}

async fn beat_with(test: &TestTelemetry, id: &str, sequence: u64, token: &str) -> JsonResponse {
    let request = post_to(id)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"));
    let body = format!(r#"{{"boot_id":"a","sequence":{sequence}}}"#);
    send(test, request.body(body.into()).unwrap()).await
}

async fn delete(test: &TestTelemetry, id: &str, token: Option<&str>) -> JsonResponse {
    let mut request = Request::delete(format!("/api/v1/workers/{id}"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    send(test, request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn without_a_token_configured_beats_are_forbidden_and_the_answer_names_the_setting() {
    let test = TestTelemetry::new();
    for path in ["w1", "a%20b", "%ff"] {
        let response = post(&test, path, r#"{"boot_id":"a","sequence":1}"#).await;
        assert_eq!(response.status, 403);
        assert_eq!(response.headers["content-type"], "application/json");
        assert_eq!(response.headers["cache-control"], "no-store");
        let error = response.json["error"].as_str().unwrap();
        assert!(
            error.contains("heartbeat.token") && error.contains("heartbeat.open"),
            "{error}"
        );
    }
    // A token that is brought changes nothing.
    assert_eq!(beat_with(&test, "w1", 1, "guess").await.status, 403);
    assert_eq!(
        get(&test, LIST).await.json["workers"],
        serde_json::json!([])
    );
    let refused = test.value("vantage_worker_beats_total", &[("result", "refused")]);
    assert_eq!(refused, Some(4.0));
    let forget = delete(&test, "w1", Some("guess")).await;
    assert_eq!(forget.status, 403);
    assert!(
        forget.json["error"]
            .as_str()
            .unwrap()
            .contains("heartbeat.token")
    );
}

#[tokio::test]
async fn open_beats_need_no_token_and_take_one() {
    let test = with_tokens(true);
    assert_eq!(
        post(&test, "w1", r#"{"boot_id":"a","sequence":1}"#)
            .await
            .status,
        202
    );
    assert_eq!(beat_with(&test, "w1", 2, "t0ken").await.status, 202);
    assert_eq!(beat_with(&test, "w1", 3, "another").await.status, 202);
}

#[tokio::test]
async fn the_token_of_beats_opens_no_incident_and_that_of_incidents_no_beat() {
    let test = with_tokens(false);
    let open = async |token: &str| {
        let request = Request::post("/api/v1/incidents")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"));
        let body =
            r#"{"title":"Late","body":"We look.","components":{"api":"degraded_performance"}}"#;
        send(&test, request.body(body.into()).unwrap()).await.status
    };
    assert_eq!(open("t0ken").await, 401);
    assert_eq!(open("status-t0ken").await, 201);
    assert_eq!(beat_with(&test, "w1", 1, "status-t0ken").await.status, 401);
    assert_eq!(beat_with(&test, "w1", 1, "t0ken").await.status, 202);
    assert_eq!(delete(&test, "w1", Some("status-t0ken")).await.status, 401);
}

#[tokio::test]
async fn a_worker_is_forgotten_with_the_token_however_open_beats_are() {
    for open in [false, true] {
        let test = with_tokens(open);
        for id in ["w1", "w2"] {
            beat_with(&test, id, 1, "t0ken").await;
        }
        wait(&test, 400);
        for token in [None, Some("t0ke"), Some("")] {
            let response = delete(&test, "w1", token).await;
            assert_eq!(response.status, 401, "{token:?}");
            assert_eq!(
                response.headers["www-authenticate"],
                r#"Bearer realm="heartbeat""#
            );
        }
        let response = delete(&test, "w1", Some("t0ken")).await;
        assert_eq!(
            (response.status.as_u16(), &response.headers["cache-control"]),
            (204, &"no-store".parse().unwrap())
        );
        assert_eq!(delete(&test, "w1", Some("t0ken")).await.status, 404);
        assert_eq!(delete(&test, "never", Some("t0ken")).await.status, 404);
        assert_eq!(delete(&test, "%ff", Some("t0ken")).await.status, 404);
        assert_eq!(get(&test, &path("w1")).await.status, 404);
        let list = get(&test, LIST).await.json;
        assert_eq!(
            (
                &list["counts"]["offline"],
                list["workers"].as_array().unwrap().len()
            ),
            (&1.into(), 1)
        );
        assert!(!scrape(&test).contains(r#"worker_id="w1""#));
        assert!(scrape(&test).contains(r#"worker_id="w2""#));
        // The same beat once more, and then a later one.
        assert_eq!(
            beat_with(&test, "w1", 2, "t0ken").await.json["result"],
            "accepted"
        );
        assert_eq!(get(&test, &path("w1")).await.json["state"], "online");
        assert!(test.telemetry().forget_worker("w1"));
        assert!(!test.telemetry().forget_worker("w1") && !test.telemetry().forget_worker("a b"));
    }
}

#[tokio::test]
async fn ids_are_as_they_are_named_and_each_is_found_under_its_own_path() {
    let test = with_tokens(true);
    let ids = [
        ("celery@host_1", "celery@host_1"),
        ("celery_host_1", "celery_host_1"),
        ("celery@host-1", "celery%40host%2D1"),
        ("ns/pod", "ns%2Fpod"),
        ("w#1?x", "w%231%3Fx"),
        (
            "работник",
            "%D1%80%D0%B0%D0%B1%D0%BE%D1%82%D0%BD%D0%B8%D0%BA",
        ),
        ("health", "health"),
        ("a\"b\\c", "a%22b%5Cc"),
        ("<b>&amp;", "%3Cb%3E%26amp;"),
    ];
    for (id, segment) in ids {
        beat(&test, segment, "a", 1).await;
        assert_eq!(get(&test, &path(segment)).await.json["worker_id"], id);
    }
    let list = get(&test, LIST).await.json;
    let mut expected = ids.map(|(id, _)| id);
    expected.sort_unstable();
    let listed = list["workers"].as_array().unwrap().iter();
    let listed: Vec<_> = listed
        .map(|worker| worker["worker_id"].as_str().unwrap())
        .collect();
    assert_eq!(listed, expected);
    for (id, segment) in ids {
        let labels = [("worker_id", id)];
        let name = "vantage_worker_heartbeat_timestamp_seconds";
        assert_eq!(test.value(name, &labels), Some(1_800_000_000.0), "{id}");
        assert_eq!(
            delete(&test, segment, Some("t0ken")).await.status,
            204,
            "{id}"
        );
        assert_eq!(test.value(name, &labels), None, "{id}");
    }
    for segment in ["%20", "a%09b", "a%0Ab", "..", "%2E", &"x".repeat(129)] {
        let refused = post(&test, segment, r#"{"boot_id":"a","sequence":1}"#).await;
        assert_eq!(
            (refused.status.as_u16(), paths(&refused)),
            (400, vec!["worker_id"]),
            "{segment}"
        );
        let allowed = refused.json["faults"][0]["allowed"].as_str().unwrap();
        assert!(allowed.starts_with("1 to 128 characters"), "{allowed}");
    }
}

#[tokio::test]
async fn workers_of_this_process_are_as_they_are_named_and_a_bad_id_is_told_once() {
    let test = TestTelemetry::new();
    let log = crate::support::CapturedLog::default();
    let _default = log.install(&test);
    let worker = |id: &str| test.telemetry().worker(id);
    for id in ["celery@host_1", "celery_host_1", "a b", "\n", ""] {
        assert_eq!(worker(id).id(), id);
    }
    test.tick();
    let list = get(&test, LIST).await.json;
    let listed = list["workers"].as_array().unwrap().iter();
    let listed: Vec<_> = listed
        .map(|worker| worker["worker_id"].as_str().unwrap())
        .collect();
    assert_eq!(listed, ["celery@host_1", "celery_host_1"]);
    let told = log.lines();
    let told: Vec<_> = told
        .iter()
        .filter(|line| line["level"] == "ERROR" || line["level"] == "error")
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let message = told[0]["message"].as_str().unwrap();
    assert!(
        message.contains("not allowed") && message.contains("1 to 128 characters"),
        "{message}"
    );
    // Its jobs are measured like any other's.
    let job = worker("a b").start(
        "publish_post",
        test.clock().wall(),
        &vantage_obs::trace::Carrier::EMPTY,
    );
    job.succeed();
    let jobs = [("job_kind", "publish_post"), ("outcome", "succeeded")];
    assert_eq!(test.value("vantage_worker_jobs_total", &jobs), Some(1.0));
}

#[tokio::test]
async fn one_of_many_counts_no_more_an_hour_after_its_last_beat() {
    let mut config = open_config();
    config.heartbeat.expected = vec!["expected".into()];
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    for id in ["pod-7f9c", "expected"] {
        beat(&test, id, "a", 1).await;
    }
    let offline = || test.value("vantage_worker_workers", &[("state", "offline")]);
    let seen = |id| {
        test.value(
            "vantage_worker_heartbeat_timestamp_seconds",
            &[("worker_id", id)],
        )
        .is_some()
    };
    wait(&test, 3_599);
    assert_eq!((offline(), seen("pod-7f9c")), (Some(2.0), true));
    wait(&test, 1);
    assert_eq!(
        (offline(), seen("pod-7f9c"), seen("expected")),
        (Some(1.0), false, true)
    );
    // The same beat once more is answered in the words of the list.
    let again = post(&test, "pod-7f9c", r#"{"boot_id":"a","sequence":1}"#)
        .await
        .json;
    assert_eq!(
        (&again["result"], &again["state"]),
        (&"duplicate".into(), &"offline".into())
    );
    // It is still listed as what it is, and no longer in the status.
    assert_eq!(get(&test, &path("pod-7f9c")).await.json["state"], "offline");
    let list = get(&test, &format!("{LIST}?state=offline")).await.json;
    assert_eq!(
        (&list["status"], &list["counts"]["offline"]),
        (&"fail".into(), &2.into())
    );
    assert_eq!(list["workers"].as_array().unwrap().len(), 2);
    beat(&test, "expected", "a", 2).await;
    assert_eq!(get(&test, LIST).await.json["status"], "pass");
    assert_eq!(get(&test, &format!("{LIST}?strict=1")).await.status, 200);
    wait(&test, 86_400 - 3_600);
    assert_eq!(get(&test, &path("pod-7f9c")).await.status, 404);
    wait(&test, 40 * 86_400);
    assert_eq!(
        get(&test, &path("expected")).await.json["state"],
        "offline",
        "it never expires"
    );
}

#[test]
fn settings_of_the_file_and_the_environment_open_and_close() {
    use vantage_obs::config::Environment;
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = r#"{"service": {"name": "a", "roles": ["api"]}, "heartbeat": {"open": true, "forget_after": "30m",
        "token": {"env": "BEATS"}}, "status": {"token": {"env": "WRITERS"}}}"#;
    std::fs::write(file.path(), text).unwrap();
    let config = Config::default().file(file.path());
    let variables = [
        ("BEATS", "b"),
        ("WRITERS", "w"),
        ("VANTAGE_OBS_HEARTBEAT_OPEN", "false"),
        ("VANTAGE_OBS_STATUS_TOKEN", "v"),
    ];
    let config = config
        .resolve(&Environment::from_iter(variables))
        .unwrap()
        .config;
    let expose = |token: &Option<Secret>| token.as_ref().unwrap().expose().unwrap().to_owned();
    assert!(!config.heartbeat.open);
    assert_eq!(
        config.heartbeat.forget_after,
        Some(Duration::from_secs(1_800))
    );
    assert_eq!(
        (
            expose(&config.heartbeat.token),
            expose(&config.status.token)
        ),
        ("b".into(), "v".into())
    );
    assert_eq!(
        (config.store.kind, config.service.roles),
        (StoreKind::Memory, vec![Role::Api])
    );
}

#[tokio::test]
async fn unbelievable_progress_is_refused_and_a_restart_costs_no_million_of_jobs() {
    let test = TestTelemetry::with_config(open_config(), &crate::support::OBJECTIVES).unwrap();
    let body = r#"{"boot_id":"a","sequence":1,"progress":{"in_flight":9007199254740991}}"#;
    assert_eq!(post(&test, "w1", body).await.status, 400);
    for (boot, jobs) in [("a", 1_000_000), ("b", 1_000_000), ("c", 0)] {
        let body =
            format!(r#"{{"boot_id":"{boot}","sequence":1,"progress":{{"in_flight":{jobs}}}}}"#);
        assert_eq!(post(&test, "w1", &body).await.status, 202);
    }
    wait(&test, 1);
    assert_eq!(
        crate::support::events(&test, "workers.processing_time"),
        (0, 200)
    );
}
