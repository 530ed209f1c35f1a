use serde_json::json;

use super::*;

fn ids(response: &JsonResponse) -> Vec<&str> {
    let workers = response.json["workers"].as_array().unwrap();
    workers
        .iter()
        .map(|worker| worker["worker_id"].as_str().unwrap())
        .collect()
}

/// Two that are online, one late, one offline, one stopped.
async fn many_workers() -> TestTelemetry {
    let test = open();
    beat(&test, "gone", "a", 1).await;
    goodbye(&test, "done", "a", 1).await;
    wait(&test, 230);
    beat(&test, "slow", "a", 1).await;
    wait(&test, 70);
    beat(&test, "w2", "a", 1).await;
    beat(&test, "w10", "a", 1).await;
    test
}

#[tokio::test]
async fn the_list_has_its_documented_members_and_all_states_are_counted() {
    let test = open();
    let body = r#"{"boot_id":"a","sequence":1,"progress":{"in_flight":2,"processed_total":7,
        "failed_total":1,"queue_depth":3}}"#;
    assert_eq!(post(&test, "w1", body).await.status, 202);
    test.clock().advance(Duration::from_millis(1500));
    let response = get(&test, LIST).await;
    assert_eq!(response.status, 200);
    assert_eq!(
        response.json,
        json!({
            "status": "pass",
            "counts": {"new": 0, "online": 1, "late": 0, "stalled": 0, "offline": 0, "stopped": 0},
            "workers": [{
                "worker_id": "w1", "state": "online",
                "last_seen": "2027-01-15T08:00:00.000Z", "age_ms": 1500,
                "in_flight": 2, "processed_total": 7, "failed_total": 1, "queue_depth": 3,
            }],
            "next_cursor": null,
        })
    );
}

#[tokio::test]
async fn nobody_is_no_fault() {
    let response = get(&open(), LIST).await;
    assert_eq!(response.json["status"], "pass");
    assert_eq!(response.json["workers"], json!([]));
    assert_eq!(response.json["counts"]["offline"], 0);
}

#[tokio::test]
async fn states_are_asked_for_several_times_or_with_commas() {
    let test = many_workers().await;
    for (query, expected) in [
        ("", vec!["done", "gone", "slow", "w10", "w2"]),
        ("?state=late", vec!["slow"]),
        ("?state=late,offline", vec!["gone", "slow"]),
        ("?state=late&state=stopped", vec!["done", "slow"]),
        ("?state=late%2Cstopped&mood=good", vec!["done", "slow"]),
        ("?role=scheduler", vec!["test"]),
    ] {
        let response = get(&test, &format!("{LIST}{query}")).await;
        assert_eq!(ids(&response), expected, "{query}");
    }
    let response = get(&test, &format!("{LIST}?state=late")).await;
    assert_eq!(response.json["counts"]["online"], 2, "counts are of all");
    assert_eq!(response.json["status"], "warn");
}

#[tokio::test]
async fn pages_follow_each_other_by_their_cursors() {
    let test = many_workers().await;
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let response = get(&test, &format!("{LIST}?limit=2{next}")).await;
        seen.extend(ids(&response).into_iter().map(str::to_owned));
        match response.json["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, ["done", "gone", "slow", "w10", "w2"]);
}

#[tokio::test]
async fn every_fault_of_a_query_is_named_at_once() {
    let query = "?state=ill,late&limit=0&cursor=%20&role=boss&limit=1001";
    let response = get(&open(), &format!("{LIST}{query}")).await;
    assert_eq!(response.status, 400);
    assert_eq!(
        paths(&response),
        ["state", "limit", "cursor", "role", "limit"]
    );
    assert_eq!(response.json["error"], "bad query");
    assert_eq!(response.headers["cache-control"], "no-store");
    assert_eq!(
        response.json["faults"][0],
        json!({
            "path": "state",
            "found": "ill",
            "allowed": "new, online, late, stalled, offline, stopped",
        })
    );
}

#[tokio::test]
async fn a_query_of_many_faults_is_not_answered_with_many_times_its_size() {
    let query = format!("?state={}", ",".repeat(60_000));
    let response = get(&TestTelemetry::new(), &format!("{LIST}{query}")).await;
    assert_eq!(response.status, 400);
    assert_eq!(paths(&response), ["state"; 20]);
    let long = format!("?limit={}", "9".repeat(60_000));
    let response = get(&TestTelemetry::new(), &format!("{LIST}{long}")).await;
    assert_eq!(response.json["faults"][0]["found"], "9".repeat(64));
}

#[tokio::test]
async fn a_query_that_is_no_text_is_refused_and_not_taken_for_none() {
    let response = get(&open(), &format!("{LIST}?state=%ff")).await;
    assert_eq!(
        (response.status.as_u16(), paths(&response)),
        (400, vec!["state"])
    );
}

#[tokio::test]
async fn the_status_is_the_worst_that_the_table_says() {
    let test = open();
    beat(&test, "w1", "a", 1).await;
    wait(&test, 60);
    assert_eq!(get(&test, LIST).await.json["status"], "warn", "late");
    wait(&test, 240);
    assert_eq!(
        get(&test, LIST).await.json["status"],
        "fail",
        "all are offline"
    );
    assert_eq!(get(&test, LIST).await.status, 200);
    beat(&test, "w2", "a", 1).await;
    assert_eq!(
        get(&test, LIST).await.json["status"],
        "warn",
        "one is there"
    );
    goodbye(&test, "w1", "a", 2).await;
    assert_eq!(
        get(&test, LIST).await.json["status"],
        "pass",
        "stopped is no fault"
    );
}

#[tokio::test]
async fn schedulers_have_a_list_of_their_own() {
    let test = open();
    let body = r#"{"boot_id":"a","sequence":1,"role":"scheduler"}"#;
    assert_eq!(post(&test, "s1", body).await.status, 202);
    assert!(ids(&get(&test, LIST).await).is_empty());
    let response = get(&test, &format!("{LIST}?role=scheduler")).await;
    assert_eq!(ids(&response), ["s1"]);
}

#[tokio::test]
async fn head_is_answered_as_get() {
    let test = open();
    beat(&test, "w1", "a", 1).await;
    for path in [LIST.to_owned(), path("w1")] {
        let head = send(&test, Request::head(&path).body(Body::empty()).unwrap()).await;
        assert_eq!((head.status, head.json), (StatusCode::OK, Value::Null));
        assert_eq!(head.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn a_strict_list_is_an_error_when_its_status_is_fail() {
    let test = open();
    let strict = |value: &str| format!("{LIST}?strict{value}");
    assert_eq!(
        get(&test, &strict("=1")).await.status,
        200,
        "none is no fault"
    );
    beat(&test, "w1", "a", 1).await;
    wait(&test, 300);
    for (value, status) in [
        ("", 503),
        ("=1", 503),
        ("=true", 503),
        ("=0", 200),
        ("=false", 200),
    ] {
        let response = get(&test, &strict(value)).await;
        assert_eq!(response.status, status, "{value}");
        assert_eq!(response.json["status"], "fail", "{value}");
        assert_eq!(ids(&response), ["w1"], "{value}");
    }
    // Whatever part of the list is asked for, the status is that of all.
    let part = format!("{LIST}?state=online&strict=1");
    assert_eq!(get(&test, &part).await.status, 503);
    beat(&test, "w2", "a", 1).await;
    let degraded = get(&test, &strict("=1")).await;
    assert_eq!(
        (degraded.status.as_u16(), &degraded.json["status"]),
        (200, &json!("warn"))
    );
    let bad = get(&test, &format!("{LIST}?strict=yes&limit=0")).await;
    assert_eq!(bad.status, 400);
    assert_eq!(paths(&bad), ["limit", "strict"]);
}

#[tokio::test]
async fn a_slash_at_the_end_is_forgiven_and_a_wrong_method_is_answered_as_json() {
    let test = open();
    beat(&test, "w1", "a", 1).await;
    for path in [LIST.to_owned(), path("w1"), "/api/v1/health/live".into()] {
        let [plain, slash] = [path.clone(), format!("{path}/")];
        assert_eq!(get(&test, &slash).await.json, get(&test, &plain).await.json);
        for path in [plain, slash] {
            let request = Request::put(&path).body(Body::empty()).unwrap();
            let refused = send(&test, request).await;
            assert_eq!(refused.status, 405, "{path}");
            assert_eq!(
                refused.json,
                json!({"error": "method not allowed"}),
                "{path}"
            );
            assert_eq!(refused.headers["cache-control"], "no-store", "{path}");
            let allowed = refused.headers["allow"].to_str().unwrap();
            assert!(allowed.contains("GET"), "{path}: {allowed}");
        }
    }
    let request = Request::post("/api/v1/workers/w2/heartbeat/")
        .header("content-type", "application/json")
        .body(r#"{"boot_id":"a","sequence":1}"#.into())
        .unwrap();
    assert_eq!(send(&test, request).await.status, 202);
}
