//! Ids as they are given: shown everywhere, never merged, refused where they can't be had.

use std::collections::BTreeSet;

use serde_json::Value;
use vantage_obs::health::{CheckHandle, Finding};
use vantage_obs::testing::TestTelemetry;

use super::{
    CheckSwitch, TOKEN, authorized, detail, details, exact_config, get, get_with, run_checks,
    telemetry_with,
};
use crate::support::{CapturedLog, named, scrape};

fn register(test: &TestTelemetry, id: &str, finds: u64) -> CheckHandle {
    let switch = CheckSwitch::default();
    switch.set(finds);
    test.telemetry()
        .health_check(id)
        .critical()
        .run(switch.check())
}

fn ids(details: &Value) -> Vec<&str> {
    let checks = details["checks"].as_array().unwrap();
    checks
        .iter()
        .map(|check| check["id"].as_str().unwrap())
        .collect()
}

/// Returns the text as it stands in a path or query.
fn encoded(id: &str) -> String {
    id.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn ids_of_any_script_are_kept_and_a_failing_one_fails() {
    let test = telemetry_with(exact_config());
    register(&test, "жарко", CheckSwitch::FAIL);
    register(&test, "ąężćś", CheckSwitch::PASS);
    run_checks(&test).await;
    assert_eq!(ids(&details(&test).await), ["жарко", "ąężćś"]);
    assert_eq!(get(&test, "").await.status, 503);
    assert_eq!(get(&test, "/ready").await.status, 503);
    let lines = authorized(&test, "/ready?verbose").await.body;
    assert!(
        lines.contains("[-]жарко failed: reason withheld\n[+]ąężćś ok\n"),
        "{lines}"
    );
    // Each has its path and can be excluded.
    assert_eq!(
        authorized(&test, &format!("/check/{}", encoded("жарко")))
            .await
            .status,
        503
    );
    assert_eq!(
        authorized(&test, &format!("/check/{}", encoded("ąężćś")))
            .await
            .status,
        200
    );
    let without = get(&test, &format!("/ready?exclude={}", encoded("жарко"))).await;
    assert_eq!(without.status, 200);
    let series = named(&scrape(&test), "vantage_health_check_age_seconds");
    let labels: BTreeSet<_> = series
        .iter()
        .map(|one| one.labels["check"].as_str())
        .collect();
    assert_eq!(labels, BTreeSet::from(["жарко", "ąężćś"]));
}

#[tokio::test]
async fn ids_that_differ_in_one_character_stay_apart() {
    let test = telemetry_with(exact_config());
    let long = "x".repeat(127);
    let given = [
        "main db",
        "main_db",
        "main-db",
        "a:b",
        "a%3Ab",
        "a/b",
        "a_b",
        "é",
        "e\u{301}",
        "DB",
        "db",
        "\"quoted\"",
        "back\\slash",
        &format!("{long}1"),
        &format!("{long}2"),
    ];
    for id in given {
        register(&test, id, CheckSwitch::PASS);
    }
    run_checks(&test).await;
    assert_eq!(ids(&details(&test).await), given);
    assert_eq!(get(&test, "/ready").await.status, 200);
    for id in given {
        let one = authorized(&test, &format!("/check/{}", encoded(id))).await;
        assert_eq!((one.status.as_u16(), &one.json()["id"]), (200, &id.into()));
    }
    let bearer = format!("Bearer {TOKEN}");
    let draft = [
        ("accept", "application/health+json"),
        ("authorization", &*bearer),
    ];
    let document = get_with(&test, "", &draft).await.json();
    let components = document["checks"].as_object().unwrap();
    assert_eq!(components.len(), given.len());
    assert!(
        components.keys().all(|key| key.matches(':').count() == 1),
        "{components:?}"
    );
    assert_eq!(
        named(&scrape(&test), "vantage_health_check_age_seconds").len(),
        given.len()
    );
}

#[tokio::test]
async fn an_id_that_cannot_be_shown_is_refused_and_counts_as_failed() {
    let too_long = "x".repeat(129);
    for id in [
        "",
        " ",
        "a\nb",
        " db",
        "db ",
        "a\tb",
        "\u{0}",
        "a\u{2028}b",
        &too_long,
    ] {
        let test = telemetry_with(exact_config());
        let refused = register(&test, id, CheckSwitch::PASS);
        run_checks(&test).await;
        let shown = detail(&test, "refused-1").await;
        assert_eq!(
            (&shown["status"], &shown["code"]),
            (&"fail".into(), &"invalid_id".into()),
            "{id:?}"
        );
        let detail = shown["detail"].as_str().unwrap();
        assert!(detail.contains("1 to 128 characters"), "{detail}");
        assert_eq!(get(&test, "/ready").await.status, 503, "{id:?}");
        assert_eq!(get(&test, "/live").await.status, 200, "{id:?}");
        refused.remove();
        assert_eq!(get(&test, "/ready").await.status, 200, "{id:?}");
    }
}

#[tokio::test]
async fn two_checks_of_one_id_are_an_error_and_neither_vanishes() {
    for (first, second) in [
        (CheckSwitch::FAIL, CheckSwitch::PASS),
        (CheckSwitch::PASS, CheckSwitch::FAIL),
    ] {
        let test = telemetry_with(exact_config());
        let log = CapturedLog::default();
        let _default = log.install(&test);
        register(&test, "db", first);
        let refused = register(&test, "db", second);
        let told = log.with_message("a health check was refused and counts as failed");
        assert_eq!(told.len(), 1, "{:?}", log.lines());
        assert_eq!(told[0]["level"], "error");
        assert_eq!(told[0]["fields"]["check"], "\"db\"");
        run_checks(&test).await;
        assert_eq!(get(&test, "").await.status, 503);
        let status = |found| {
            if found == CheckSwitch::FAIL {
                "fail"
            } else {
                "pass"
            }
        };
        assert_eq!(detail(&test, "db").await["status"], status(first));
        let shown = detail(&test, "refused-1").await;
        assert_eq!(shown["code"], "duplicate_id");
        assert!(shown["detail"].as_str().unwrap().starts_with("\"db\": "));
        // No stranger reads what was given as an id.
        assert!(!authorized(&test, "?verbose").await.body.contains("\"db\""));
        refused.remove();
        assert_eq!(ids(&details(&test).await), ["db"]);
    }
}

#[tokio::test]
async fn a_refused_check_has_the_criticality_that_it_was_given() {
    let test = telemetry_with(exact_config());
    let telemetry = test.telemetry();
    telemetry
        .health_check("refused-1")
        .run(CheckSwitch::default().check());
    telemetry
        .health_check("it")
        .run(CheckSwitch::default().check());
    telemetry
        .health_check("it")
        .informational()
        .run(CheckSwitch::default().check());
    run_checks(&test).await;
    assert_eq!(get(&test, "").await.body, r#"{"status":"pass"}"#);
    assert_eq!(
        detail(&test, "refused-1").await["code"],
        "ok",
        "that is another's"
    );
    assert_eq!(detail(&test, "refused-2").await["code"], "duplicate_id");
    telemetry
        .health_check("it")
        .shared()
        .critical()
        .run(CheckSwitch::default().check());
    run_checks(&test).await;
    assert_eq!(get(&test, "").await.body, r#"{"status":"warn"}"#);
    let _stuck = telemetry.watchdog("it", super::seconds(60));
    run_checks(&test).await;
    // After start-up an instance less would mend it neither.
    assert_eq!(get(&test, "").await.body, r#"{"status":"warn"}"#);
    assert_eq!(
        get(&test, "/live").await.status,
        200,
        "a restart would not mend a name"
    );
}

#[tokio::test]
async fn one_check_is_answered_as_in_the_details_and_by_their_rule() {
    let mut config = exact_config();
    let test = telemetry_with(config.clone());
    test.telemetry()
        .health_check("db")
        .critical()
        .shared()
        .run(|| async { Finding::fail("refused").with_detail("db-1: refused") });
    register(&test, "disk", CheckSwitch::WARN);
    run_checks(&test).await;
    // The whole is degraded, and the check fails.
    assert_eq!(get(&test, "").await.status, 200);
    for path in ["/check/db", "/check/db/"] {
        let one = authorized(&test, path).await;
        assert_eq!(one.status, 503);
        assert_eq!(one.json(), detail(&test, "db").await);
        assert_eq!(one.json()["detail"], "db-1: refused");
        assert_eq!(one.header("cache-control"), Some("no-store"));
    }
    let warned = authorized(&test, "/check/disk").await;
    assert_eq!(
        (warned.status.as_u16(), &warned.json()["status"]),
        (200, &"warn".into())
    );
    for path in ["/check/nothing", "/check/%FF", "/check/DB", "/check/db%20"] {
        let unknown = authorized(&test, path).await;
        assert_eq!(unknown.status, 404, "{path}");
        assert_eq!(unknown.body, r#"{"error":"no such check"}"#);
        assert_eq!(unknown.header("cache-control"), Some("no-store"));
    }
    let lines = authorized(&test, "/check/db?verbose").await;
    assert_eq!(lines.status, 503);
    assert_eq!(
        lines.body,
        "[+]ping ok\n[-]db failed: reason withheld\nhealthz check failed\n"
    );
    let bearer = format!("Bearer {TOKEN}");
    let headers = [
        ("accept", "application/health+json"),
        ("authorization", &*bearer),
    ];
    let draft = get_with(&test, "/check/db", &headers).await.json();
    assert_eq!(draft["status"], "fail");
    assert_eq!(draft["checks"].as_object().unwrap().len(), 1);
    // Whoever has no token does not learn which checks there are.
    for path in ["/check/db", "/check/nothing"] {
        assert_eq!(get(&test, path).await.status, 401, "{path}");
    }

    config.health.details = vantage_obs::config::HealthDetails::OpenCodes;
    let test = telemetry_with(config);
    test.telemetry()
        .health_check("db")
        .run(|| async { Finding::fail("refused").with_detail("db-1: refused") });
    run_checks(&test).await;
    let open = get(&test, "/check/db").await;
    assert_eq!(
        (open.status.as_u16(), &open.json()["code"]),
        (503, &"refused".into())
    );
    assert!(open.json()["detail"].is_null());
    assert_eq!(get(&test, "/check/nothing").await.status, 404);
}

#[tokio::test]
async fn a_second_check_of_one_id_after_start_up_takes_no_instance_away() {
    let test = TestTelemetry::new();
    let telemetry = test.telemetry();
    telemetry.started();
    let critical = || telemetry.health_check("database").critical().local();
    let first = critical().run(|| async { Ok::<_, std::io::Error>(()) });
    for _ in 0..3 {
        test.tick();
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&test, "/ready").await.status, 200);
    let refused: Vec<_> = (0..200)
        .map(|_| critical().run(|| async { Ok::<_, std::io::Error>(()) }))
        .collect();
    for _ in 0..10 {
        test.clock().advance(std::time::Duration::from_secs(10));
        test.tick();
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&test, "/ready").await.status, 200);
    // A closure may own the handle of another check: it is dropped outside of the registry's lock.
    let watchdog = telemetry.watchdog("consumer", std::time::Duration::from_secs(1));
    let owner = telemetry.health_check("owner").run(move || {
        watchdog.tick();
        async { Ok::<_, std::io::Error>(()) }
    });
    owner.remove();
    drop((first, refused));
}
