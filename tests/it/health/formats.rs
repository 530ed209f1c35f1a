//! The same state as plain JSON, as the draft has it, and as Kubernetes' users expect it.

use serde_json::{Value, json};

use super::{
    CheckSwitch, TOKEN, advance, authorized, details, exact_config, get, get_with, run_checks,
    seconds, telemetry_with,
};
use crate::support::request;
use tower::ServiceExt as _;
use vantage_obs::health::Finding;
use vantage_obs::testing::TestTelemetry;

const DRAFT: [(&str, &str); 1] = [("accept", "application/health+json")];

/// A critical check of one's own that is well, a shared one that is not, and one that slows down.
async fn mixed() -> TestTelemetry {
    let test = telemetry_with(exact_config().version("1.4.2"));
    let telemetry = test.telemetry();
    telemetry
        .health_check("disk")
        .critical()
        .local()
        .run(CheckSwitch::default().check());
    telemetry
        .health_check("database")
        .critical()
        .shared()
        .run(|| async { Finding::fail("refused").with_detail("db-1: refused") });
    let slow = CheckSwitch::default();
    slow.set(CheckSwitch::WARN);
    telemetry.health_check("queue").run(slow.check());
    run_checks(&test).await;
    test
}

#[tokio::test]
async fn plain_bodies_are_as_the_contract_has_them() {
    let test = mixed().await;
    for (path, body) in [
        ("", r#"{"status":"warn"}"#),
        ("/live", r#"{"status":"pass"}"#),
        ("/startup", r#"{"status":"pass","started":true}"#),
        ("/ready", r#"{"status":"warn","ready":true}"#),
    ] {
        let response = get(&test, path).await;
        assert_eq!(
            (response.status.as_u16(), response.body.as_str()),
            (200, body)
        );
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.header("retry-after"), None);
    }
    advance(&test, std::time::Duration::from_millis(1500)).await;
    let details = details(&test).await;
    let database = json!({
        "id": "database", "status": "fail", "criticality": "critical", "scope": "shared",
        "observed_at": "2027-01-15T08:00:00.000000Z", "age_ms": 1500, "duration_ms": 0,
        "stale": false, "code": "refused", "detail": "db-1: refused"
    });
    assert_eq!(details["checks"][1], database);
    let members: Vec<_> = details.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["checks", "service", "started_at", "status", "version"]
    );
    assert_eq!(details["started_at"], "2027-01-15T08:00:00.000000Z");
}

#[tokio::test]
async fn head_is_answered_as_get_without_a_body() {
    let test = mixed().await;
    for path in ["", "/live", "/startup", "/ready", "/detailed"] {
        let get = get(&test, path).await;
        let router: axum::Router = test.telemetry().routes();
        let head = router
            .oneshot(request("HEAD", &format!("/api/v1/health{path}")))
            .await;
        let head = head.unwrap();
        assert_eq!(head.status(), get.status, "{path}");
        for name in ["content-type", "cache-control"] {
            assert_eq!(
                head.headers().get(name),
                get.headers.get(name),
                "{path} {name}"
            );
        }
    }
}

/// What draft-inadarei-api-health-check-06 asks of a document, as far as it can be checked.
fn assert_follows_the_draft(document: &Value, code: u16) {
    let words = ["pass", "warn", "fail"];
    let status = document["status"].as_str().unwrap();
    assert!(words.contains(&status));
    assert_eq!(
        code >= 400,
        status == "fail",
        "fail is 4xx or 5xx, the others are not"
    );
    let known = [
        "status",
        "version",
        "releaseId",
        "notes",
        "output",
        "checks",
        "links",
        "serviceId",
        "description",
    ];
    assert!(
        document
            .as_object()
            .unwrap()
            .keys()
            .all(|key| known.contains(&key.as_str()))
    );
    for key in ["version", "releaseId", "output", "serviceId", "description"] {
        assert!(document.get(key).is_none_or(Value::is_string), "{key}");
    }
    assert!(document.get("notes").is_none_or(Value::is_array));
    assert!(
        status != "pass" || document.get("output").is_none(),
        "no output of a pass"
    );
    for (key, parts) in document
        .get("checks")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        assert_eq!(
            key.matches(':').count(),
            1,
            "component and measurement: {key}"
        );
        let parts = parts.as_array().unwrap();
        assert!(!parts.is_empty());
        for part in parts {
            let status = part["status"].as_str().unwrap();
            assert!(words.contains(&status));
            assert!(
                ["component", "datastore", "system"]
                    .contains(&part["componentType"].as_str().unwrap())
            );
            assert_eq!(
                part.get("observedValue").is_some(),
                part.get("observedUnit").is_some()
            );
            assert!(
                status != "pass" || part.get("output").is_none(),
                "no output of a pass"
            );
            if let Some(time) = part.get("time") {
                let time = time.as_str().unwrap();
                assert!(time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
            }
        }
    }
}

#[tokio::test]
async fn our_documents_follow_the_rules_of_the_draft() {
    let test = mixed().await;
    let failing = telemetry_with(exact_config());
    let switch = CheckSwitch::default();
    switch.set(CheckSwitch::FAIL);
    failing
        .telemetry()
        .health_check("it")
        .critical()
        .run(switch.check());
    run_checks(&failing).await;
    let pending = telemetry_with(exact_config());
    pending
        .telemetry()
        .health_check("it")
        .critical()
        .run(std::future::pending::<Finding>);
    for (test, statuses) in [
        (&test, ["warn", "pass", "pass", "warn", "warn"]),
        (&failing, ["fail", "pass", "pass", "fail", "fail"]),
        (&pending, ["warn", "pass", "fail", "fail", "warn"]),
    ] {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [DRAFT[0], ("authorization", &bearer)];
        for (path, status) in ["", "/live", "/startup", "/ready", "/detailed"]
            .iter()
            .zip(statuses)
        {
            let response = get_with(test, path, &headers).await;
            assert_eq!(
                response.header("content-type"),
                Some("application/health+json")
            );
            assert_eq!(response.json()["status"], status, "{path}");
            assert_follows_the_draft(&response.json(), response.status.as_u16());
        }
    }
    let bearer = format!("Bearer {TOKEN}");
    let headers = [DRAFT[0], ("authorization", &*bearer)];
    let response = get_with(&test, "", &headers).await.json();
    assert_eq!(response["output"], "database: refused; queue: slow");
    assert_eq!(
        response["checks"]["database:responseTime"][0]["output"],
        "refused"
    );
    assert!(response.get("releaseId").is_none(), "versions are private");
    let notes = get_with(&pending, "/ready", &DRAFT).await.json();
    assert_eq!(notes["notes"], json!(["waiting for first results"]));
}

#[tokio::test]
async fn readyz_verbose_reads_as_kubectl_users_know_it() {
    let test = mixed().await;
    let response = authorized(&test, "/ready?verbose").await;
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.status, 200);
    assert_eq!(
        response.body,
        "[+]ping ok\n[+]disk ok\n[+]database degraded: ok\n[+]queue degraded: ok\n\
         [+]samples ok\n[+]shutdown ok\nreadyz check passed\n"
    );
    assert_eq!(
        get(&test, "/live?verbose").await.body,
        "[+]ping ok\nlivez check passed\n"
    );
    let startup = "[+]ping ok\n[+]startup ok\nstartupz check passed\n";
    assert_eq!(get(&test, "/startup?verbose=1").await.body, startup);
}

#[tokio::test]
async fn a_failed_check_withholds_its_reason_and_can_be_excluded() {
    let test = telemetry_with(exact_config());
    let switch = CheckSwitch::default();
    switch.set(CheckSwitch::FAIL);
    test.telemetry()
        .health_check("disk")
        .critical()
        .run(switch.check());
    test.telemetry()
        .health_check("queue")
        .run(CheckSwitch::default().check());
    run_checks(&test).await;
    let failed = authorized(&test, "/ready?verbose").await;
    assert_eq!(failed.status, 503);
    assert_eq!(failed.header("retry-after"), Some("10"));
    assert_eq!(
        failed.body,
        "[+]ping ok\n[-]disk failed: reason withheld\n[+]queue ok\n[+]samples ok\n\
         [+]shutdown ok\nreadyz check failed\n"
    );
    let excluded = authorized(
        &test,
        "/ready?verbose&exclude=disk&exclude=nothing&exclude=other",
    )
    .await;
    assert_eq!(excluded.status, 200);
    assert_eq!(
        excluded.body,
        "[+]ping ok\n[+]disk excluded: ok\n[+]queue ok\n[+]samples ok\n[+]shutdown ok\n\
         warn: some health checks cannot be excluded: no matches for \"nothing\", \"other\"\n\
         readyz check passed\n"
    );
    // Without `verbose` the body is the small one.
    let quiet = get(&test, "/ready?exclude=disk").await;
    assert_eq!(
        (quiet.status.as_u16(), quiet.body.as_str()),
        (200, r#"{"status":"pass","ready":true}"#)
    );
    // Kubernetes' kubelet follows redirects and takes 200 to 399 for success: there are none here.
    for (path, code) in [
        ("", 503),
        ("/live", 200),
        ("/startup", 200),
        ("/ready", 503),
    ] {
        assert_eq!(get(&test, path).await.status, code, "{path}");
    }
    advance(&test, seconds(1)).await;
}
