use serde_json::json;

use super::*;

#[tokio::test]
async fn a_worker_has_its_documented_members() {
    let test = open();
    let body = r#"{"boot_id":"b-1","sequence":4,"interval_ms":10000,"state":"draining",
        "sent_at":"2027-01-15T08:00:00.250Z","version":"1.4.2",
        "progress":{"in_flight":2,"in_flight_overdue":1,"processed_total":7,"failed_total":1,
        "last_progress_at":"2027-01-15T07:59:59Z","oldest_in_flight_ms":2500,"queue_depth":3}}"#;
    assert_eq!(post(&test, "w1", body).await.status, 202);
    test.clock().advance(Duration::from_millis(1500));
    let response = get(&test, &path("w1")).await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.json,
        json!({
            "worker_id": "w1", "state": "online",
            "last_seen": "2027-01-15T08:00:00.000Z", "age_ms": 1500,
            "late_at": "2027-01-15T08:00:20.000Z", "offline_at": "2027-01-15T08:05:00.000Z",
            "boot_id": "b-1", "sequence": 4, "restarts": 0, "clock_skew_ms": -250,
            "progress": {
                "in_flight": 2, "processed_total": 7, "failed_total": 1,
                "last_progress_at": "2027-01-15T07:59:59.000Z",
                "oldest_in_flight_ms": 2500, "queue_depth": 3,
            },
        })
    );
}

#[tokio::test]
async fn one_that_is_expected_and_never_came_has_the_same_members_and_no_values() {
    let mut config = open_config();
    config.heartbeat.expected = vec!["w1".into()];
    let test = TestTelemetry::with_config(config, &[]).unwrap();
    let response = get(&test, &path("w1")).await;
    assert_eq!(response.json["state"], "new");
    assert_eq!(keys(&response.json).len(), 11);
    for key in ["last_seen", "age_ms", "late_at", "boot_id", "clock_skew_ms"] {
        assert!(response.json[key].is_null(), "{key}");
    }
    wait(&test, 300);
    assert_eq!(get(&test, &path("w1")).await.json["state"], "offline");
}

#[tokio::test]
async fn who_is_unknown_or_expired_or_no_id_is_not_found() {
    let test = open();
    assert_eq!(get(&test, &path("w1")).await.status, 404);
    beat(&test, "w1", "a", 1).await;
    wait(&test, 86_399);
    assert_eq!(get(&test, &path("w1")).await.status, 200);
    wait(&test, 1);
    assert_eq!(get(&test, &path("w1")).await.status, 404);
    let long = "x".repeat(129);
    for id in ["a%20b", "%ff", "a%2Fb", long.as_str()] {
        assert_eq!(get(&test, &path(id)).await.status, 404, "{id}");
    }
}

#[tokio::test]
async fn strictly_one_that_is_offline_or_stalled_is_an_error() {
    let test = open();
    let strict = format!("{}?strict=1", path("w1"));
    for sequence in 1..=11 {
        let body =
            format!(r#"{{"boot_id":"a","sequence":{sequence},"progress":{{"in_flight":1}}}}"#);
        assert_eq!(post(&test, "w1", &body).await.status, 202);
        assert_eq!(get(&test, &strict).await.status, 200, "beat {sequence}");
        wait(&test, if sequence < 11 { 29 } else { 10 });
    }
    let response = get(&test, &strict).await;
    assert_eq!(
        (response.status.as_u16(), &response.json["state"]),
        (503, &json!("stalled"))
    );
    wait(&test, 50);
    assert_eq!(get(&test, &strict).await.json["state"], "late");
    assert_eq!(get(&test, &strict).await.status, 200);
    wait(&test, 240);
    assert_eq!(get(&test, &strict).await.status, 503, "offline");
    assert_eq!(
        get(&test, &path("w1")).await.status,
        200,
        "not asked to be strict"
    );
    assert_eq!(
        get(&test, &format!("{}?strict=0", path("w1"))).await.status,
        200
    );
    let response = get(&test, &format!("{}?strict=very", path("w1"))).await;
    assert_eq!(
        (response.status.as_u16(), paths(&response)),
        (400, vec!["strict"])
    );
}
