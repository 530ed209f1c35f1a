use serde_json::json;
use vantage_obs::config::Secret;

use super::*;
use crate::support::{ScriptedBody, Step};

fn json_to(id: &str) -> Builder {
    post_to(id).header("content-type", "application/json")
}

const BODY: &str = r#"{"boot_id":"a","sequence":1}"#;

#[tokio::test]
async fn a_beat_is_received_and_the_answer_says_as_what() {
    let test = open();
    let response = post(&test, "w1", r#"{"boot_id":"a","sequence":1,"mood":1}"#).await;
    assert_eq!(response.status, 202);
    assert_eq!(response.headers["cache-control"], "no-store");
    assert_eq!(
        response.json,
        json!({"worker_id": "w1", "result": "accepted", "state": "online"})
    );
    for (boot, sequence, result) in [
        ("a", 1, "duplicate"),
        ("a", 0, "out_of_order"),
        ("b", 1, "restarted"),
        ("a", 2, "superseded"),
    ] {
        let body = format!(r#"{{"boot_id":"{boot}","sequence":{sequence}}}"#);
        let response = post(&test, "w1", &body).await;
        assert_eq!(
            (response.status.as_u16(), &response.json["result"]),
            (202, &json!(result))
        );
    }
}

#[tokio::test]
async fn every_fault_is_named_with_its_path_and_counted() {
    let test = open();
    let body = r#"{"boot_id":"","state":"ill","progress":{"in_flight":-1}}"#;
    let response = post(&test, "a%20b", body).await;
    assert_eq!(response.status, 400);
    assert_eq!(response.headers["cache-control"], "no-store");
    assert_eq!(
        paths(&response),
        [
            "worker_id",
            "$.boot_id",
            "$.sequence",
            "$.state",
            "$.progress.in_flight"
        ]
    );
    let allowed = &response.json["faults"][3]["allowed"];
    assert_eq!(allowed, "running, draining, stopped");
    for broken in ["", "{", "[]", "\u{0}"] {
        assert_eq!(post(&test, "w1", broken).await.status, 400);
    }
    let response = post(&test, "%ff", BODY).await;
    assert_eq!(
        (response.status.as_u16(), paths(&response)),
        (400, vec!["worker_id"])
    );
    // Also where no worker has ever come: whoever refuses all must say so.
    let rejection = test.value("vantage_worker_beats_total", &[("result", "refused")]);
    assert_eq!(rejection, Some(6.0));
}

#[tokio::test]
async fn with_a_token_only_who_brings_it_may_beat_and_everybody_may_look() {
    let mut config = open_config();
    config.heartbeat.open = false;
    config.heartbeat.token = Some(Secret::new("t0ken"));
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    for authorization in [
        None,
        Some("Bearer t0ke"),
        Some("Basic t0ken"),
        Some("t0ken"),
    ] {
        let mut request = post_to("w1").header("content-type", "application/json");
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let response = send(&test, request.body(BODY.into()).unwrap()).await;
        assert_eq!(response.status, 401, "{authorization:?}");
        assert_eq!(
            response.headers["www-authenticate"],
            r#"Bearer realm="heartbeat""#
        );
    }
    assert_eq!(
        get(&test, &path("w1")).await.status,
        404,
        "nothing was taken in"
    );
    let request = post_to("w1")
        .header("content-type", "application/json")
        .header("authorization", "bearer t0ken");
    let response = send(&test, request.body(BODY.into()).unwrap()).await;
    assert_eq!(response.status, 202);
    assert_eq!(get(&test, &path("w1")).await.status, 200);
    assert_eq!(get(&test, LIST).await.status, 200);
}

#[tokio::test]
async fn a_body_over_16_kib_is_refused_whatever_it_says_of_its_length() {
    let test = open();
    let padded = |length: usize| {
        let filling = length - BODY.len();
        format!("{BODY}{}", " ".repeat(filling))
    };
    assert_eq!(post(&test, "w1", &padded(16 * 1024)).await.status, 202);
    assert_eq!(post(&test, "w1", &padded(16 * 1024 + 1)).await.status, 413);
    let chunk: &'static str = Box::leak(padded(10_000).into_boxed_str());
    let steps = || ScriptedBody::new([Step::Data(chunk), Step::Data(chunk)]);
    for body in [steps(), steps().with_length(28)] {
        let request = json_to("w1").body(Body::new(body)).unwrap();
        assert_eq!(send(&test, request).await.status, 413);
    }
    let broken = ScriptedBody::new([Step::Data("{"), Step::Fail]);
    let request = json_to("w1").body(Body::new(broken)).unwrap();
    assert_eq!(send(&test, request).await.status, 400);
}

#[tokio::test]
async fn only_plain_json_is_taken_and_no_type_at_all_is_none() {
    let test = open();
    let json = "application/json";
    for (content_type, encoding, status) in [
        (Some(json), None, 202),
        (Some("Application/JSON; charset=utf-8"), None, 202),
        (Some("application/heartbeat+json"), None, 202),
        (Some(json), Some("identity"), 202),
        (Some(json), Some("gzip"), 415),
        // What a page of another origin can send without being asked: a form, text, and a blob of no type.
        (Some("text/plain"), None, 415),
        (Some("text/plain; a=application/json"), None, 415),
        (Some("application/x-www-form-urlencoded"), None, 415),
        (Some("multipart/form-data; boundary=json"), None, 415),
        (Some(""), None, 415),
        (None, None, 415),
    ] {
        let mut request = post_to("w1");
        for (name, value) in [
            ("content-type", content_type),
            ("content-encoding", encoding),
        ] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let response = send(&test, request.body(BODY.into()).unwrap()).await;
        assert_eq!(response.status, status, "{content_type:?}, {encoding:?}");
        let error = response.json["error"].as_str().unwrap_or_default();
        assert_eq!(error.contains("application/json"), status == 415, "{error}");
    }
}

#[tokio::test]
async fn too_many_workers_and_too_many_beats_are_told_to_come_later() {
    let mut config = open_config();
    config.heartbeat.capacity = 1;
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    for sequence in 1..=20 {
        beat(&test, "w1", "a", sequence).await;
    }
    let response = post(&test, "w1", r#"{"boot_id":"a","sequence":21}"#).await;
    assert_eq!(
        (response.status.as_u16(), &response.headers["retry-after"]),
        (429, &"1".parse().unwrap())
    );
    let response = post(&test, "w2", BODY).await;
    assert_eq!(
        (response.status.as_u16(), &response.headers["retry-after"]),
        (429, &"60".parse().unwrap())
    );
    for result in ["too_fast", "full"] {
        let counted = test.value("vantage_worker_beats_total", &[("result", result)]);
        assert_eq!(counted, Some(1.0), "{result}");
    }
    wait(&test, 1);
    beat(&test, "w1", "a", 22).await;
}

#[tokio::test]
async fn beats_are_neither_requests_of_the_api_nor_traced() {
    let test = TestTelemetry::with_config(open_config(), &crate::support::OBJECTIVES).unwrap();
    let layer = test.telemetry().http_layer();
    let routes: Router = test.telemetry().routes();
    let app = Router::new().merge(routes).layer(layer);
    for request in [
        json_to("w1").body(BODY.into()).unwrap(),
        Request::get(path("w1")).body(Body::empty()).unwrap(),
        Request::get(LIST).body(Body::empty()).unwrap(),
    ] {
        assert!(
            into_ok(app.clone().oneshot(request).await)
                .status()
                .is_success()
        );
    }
    assert!(test.spans().is_empty());
    assert_eq!(crate::support::events(&test, "api.latency"), (0, 0));
}

#[tokio::test]
async fn an_interval_longer_than_half_of_offline_after_is_refused_with_the_bound() {
    let mut config = open_config();
    config.heartbeat.offline_after = Duration::from_secs(60);
    for (config, max) in [(open_config(), 150_000_u64), (config, 30_000)] {
        let test = TestTelemetry::with_config(config, &[]).unwrap();
        let interval =
            |millis: u64| format!(r#"{{"boot_id":"a","sequence":1,"interval_ms":{millis}}}"#);
        for millis in [max + 1, 86_400_000] {
            let refused = post(&test, "w1", &interval(millis)).await;
            assert_eq!(refused.status, 400, "{millis}");
            assert_eq!(paths(&refused), ["$.interval_ms"]);
            let allowed = refused.json["faults"][0]["allowed"].as_str().unwrap();
            assert!(allowed.contains(&format!("1 to {max}")), "{allowed}");
        }
        assert_eq!(post(&test, "w1", &interval(max)).await.status, 202);
    }
    // Without an interval it is one that fits: not offline before it is late.
    let mut config = open_config();
    config.heartbeat.interval = Duration::from_secs(5);
    config.heartbeat.offline_after = Duration::from_secs(20);
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    beat(&test, "w1", "a", 1).await;
    let view = get(&test, &path("w1")).await.json;
    assert_eq!(view["late_at"], view["offline_at"]);
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_once_and_in_a_metric() {
    let test = open();
    let log = crate::support::CapturedLog::default();
    let _default = log.install(&test);
    let mut sequence = 0;
    let mut beat_at = async |id: &str, role: &str, ahead: i64| {
        sequence += 1;
        let now = jiff::Timestamp::try_from(test.clock().wall()).unwrap();
        let sent = now + jiff::SignedDuration::from_secs(ahead);
        let body = format!(
            r#"{{"boot_id":"a","sequence":{sequence},"role":"{role}","sent_at":"{sent}"}}"#
        );
        assert_eq!(post(&test, id, &body).await.status, 202);
        wait(&test, 1);
    };
    let worker = |id| {
        test.value(
            "vantage_worker_heartbeat_clock_skew_seconds",
            &[("worker_id", id)],
        )
    };
    let behind = || log.with_message("a worker's clock is behind this host's");
    let ahead = || log.with_message("a worker's clock is ahead of this host's");
    beat_at("right", "worker", -10).await;
    assert!(behind().is_empty(), "a beat takes its time");
    assert_eq!(worker("right"), Some(10.0));
    for _ in 0..3 {
        beat_at("slow", "worker", -32).await;
    }
    assert_eq!(behind().len(), 1, "{:?}", log.lines());
    assert_eq!(
        (
            &behind()[0]["fields"]["worker"],
            &behind()[0]["fields"]["off_by"]
        ),
        (&"slow".into(), &"32s".into())
    );
    assert_eq!(worker("slow"), Some(32.0));
    beat_at("fast", "scheduler", 3_600).await;
    assert_eq!(ahead().len(), 1);
    let scheduler = "vantage_scheduler_heartbeat_clock_skew_seconds";
    assert_eq!(
        test.value(scheduler, &[("scheduler_id", "fast")]),
        Some(-3_600.0)
    );
    // Set right, and off again: that is news.
    beat_at("slow", "worker", 0).await;
    beat_at("slow", "worker", -32).await;
    assert_eq!(behind().len(), 2);
    // Who doesn't say when has no skew.
    beat(&test, "silent", "a", 1).await;
    assert_eq!(worker("silent"), None);
}
