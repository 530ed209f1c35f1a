//! What is private appears in no byte of an answer to a stranger.

use vantage_obs::ExpositionFormat;
use vantage_obs::config::HealthDetails;
use vantage_obs::health::Finding;

use super::{TOKEN, exact_config, get, get_with, run_checks, telemetry_with};

const CANARY: &str = "canary-7d1f";
const PATHS: [&str; 5] = ["", "/live", "/startup", "/ready", "/detailed"];

#[tokio::test]
async fn a_canary_in_error_text_panic_address_and_version_is_never_shown_to_a_stranger() {
    for open in [HealthDetails::Token, HealthDetails::OpenCodes] {
        let mut config = exact_config().version(CANARY);
        config.health.details = open;
        let test = telemetry_with(config);
        let telemetry = test.telemetry();
        telemetry
            .health_check("error")
            .critical()
            .run(|| async { Err::<(), _>(format!("at {CANARY}.internal")) });
        telemetry
            .health_check("panic")
            .critical()
            .run(|| async { panic!("{CANARY}") as Finding });
        telemetry
            .health_check("finding")
            .run(|| async { Finding::warn("slow").with_detail(CANARY) });
        telemetry
            .health_check("tcp")
            .tcp(format!("{CANARY}:not-a-port"));
        telemetry
            .health_check("http")
            .http(format!("ftp://{CANARY}/"));
        telemetry.health_check("disk").disk(
            format!("/nowhere/{CANARY}"),
            vantage_obs::health::UsageLimits::DISK,
        );
        run_checks(&test).await;
        while details_are_pending(&test).await {
            run_checks(&test).await;
        }
        let authorized = get_with(
            &test,
            "/detailed",
            &[("authorization", &format!("Bearer {TOKEN}"))],
        )
        .await;
        assert_eq!(
            authorized.body.matches(CANARY).count(),
            7,
            "{}",
            authorized.body
        );
        for path in PATHS {
            for accept in ["*/*", "application/health+json"] {
                for query in [
                    "",
                    "?verbose",
                    "?exclude=error&verbose",
                    "?exclude=canary&verbose",
                ] {
                    for authorization in ["", "Bearer", "Bearer wrong", "Basic s3cr3t-token"] {
                        let headers = [("accept", accept), ("authorization", authorization)];
                        // So many wrong tokens at one instant would wait.
                        test.clock().advance(std::time::Duration::from_millis(100));
                        let response = get_with(&test, &format!("{path}{query}"), &headers).await;
                        let all = format!("{:?} {}", response.headers, response.body);
                        assert!(!all.contains(CANARY), "{path}{query}: {all}");
                    }
                }
            }
            // The token opens the details, and nothing else.
            if path != "/detailed" {
                let bearer = format!("Bearer {TOKEN}");
                let headers = [
                    ("authorization", &*bearer),
                    ("accept", "application/health+json"),
                ];
                let response = get_with(&test, path, &headers).await;
                assert!(!response.body.contains(CANARY), "{path}");
            }
        }
        let scrape = telemetry.scrape(ExpositionFormat::OpenMetrics).unwrap();
        let health = scrape
            .lines()
            .filter(|line| line.contains("vantage_health"));
        assert!(health.clone().count() > 20);
        assert!(health.into_iter().all(|line| !line.contains(CANARY)));
    }
}

#[tokio::test]
async fn a_probe_tells_ids_and_codes_of_checks_where_details_are_open_or_with_the_token() {
    let bearer = format!("Bearer {TOKEN}");
    for open in [HealthDetails::Token, HealthDetails::OpenCodes] {
        let mut config = exact_config();
        config.health.details = open;
        let test = telemetry_with(config);
        let telemetry = test.telemetry();
        let _watchdog = telemetry.watchdog("canary-loop", std::time::Duration::from_secs(9));
        let _condition = telemetry.startup_condition("canary-condition");
        telemetry
            .health_check("canary-check")
            .critical()
            .run(|| async { Finding::fail("canary-code") });
        run_checks(&test).await;
        for path in ["", "/live", "/startup", "/ready"] {
            for (query, accept) in [
                ("", "application/health+json"),
                ("?verbose", "*/*"),
                ("?exclude=nothing&verbose", "application/health+json"),
            ] {
                let path = &format!("{path}{query}");
                let mut shown = Vec::new();
                let mut statuses = Vec::new();
                for authorization in ["", "Bearer wrong", &bearer] {
                    let headers = [("accept", accept), ("authorization", authorization)];
                    // So many wrong tokens at one instant would wait.
                    test.clock().advance(std::time::Duration::from_millis(100));
                    let response = get_with(&test, path, &headers).await;
                    shown.push(response.body.contains("canary"));
                    statuses.push(response.status);
                    // It would tell which there are.
                    let warns = response.body.contains("\"nothing\"");
                    let may_warn = open == HealthDetails::OpenCodes || authorization == bearer;
                    assert_eq!(warns, may_warn && query.contains("exclude"), "{path}");
                }
                statuses.dedup();
                assert_eq!(statuses.len(), 1, "{path}: who asks changes no status");
                let is_open = open == HealthDetails::OpenCodes;
                // Of start-up the draft has no checks.
                let has_checks = !(path.starts_with("/startup") && query.is_empty());
                let expected = [is_open, is_open, true].map(|shows| shows && has_checks);
                assert_eq!(shown, expected, "{path} {accept}");
            }
        }
        let lines = get(&test, "/ready?verbose").await.body;
        for line in ["[+]ping ok\n", "[+]samples ok\n", "[+]shutdown ok\n"] {
            assert!(lines.contains(line), "{lines}");
        }
    }
}

async fn details_are_pending(test: &vantage_obs::testing::TestTelemetry) -> bool {
    let details = super::details(test).await;
    let checks = details["checks"].as_array().unwrap();
    checks.iter().any(|check| check["code"] == "pending")
}

#[tokio::test]
async fn details_need_the_token_or_are_open_with_codes_only() {
    let mut config = exact_config().version("1.4.2");
    let test = telemetry_with(config.clone());
    test.telemetry()
        .health_check("it")
        .run(|| async { Err::<(), _>("refused by db-1") });
    run_checks(&test).await;
    let closed = get(&test, "/detailed").await;
    assert_eq!(closed.status, 401);
    assert_eq!(
        closed.header("www-authenticate"),
        Some(r#"Bearer realm="health""#)
    );
    assert_eq!(closed.header("cache-control"), Some("no-store"));
    let shown = super::details(&test).await;
    assert_eq!(shown["version"], "1.4.2");
    assert_eq!(shown["checks"][0]["detail"], "refused by db-1");

    config.health.details = HealthDetails::OpenCodes;
    let test = telemetry_with(config.clone());
    test.telemetry()
        .health_check("it")
        .run(|| async { Err::<(), _>("refused by db-1") });
    run_checks(&test).await;
    let open = get(&test, "/detailed").await;
    assert_eq!(open.status, 200);
    let open = open.json();
    assert_eq!(open["checks"][0]["code"], "error");
    assert!(open["checks"][0]["detail"].is_null() && open["version"].is_null());
    assert_eq!(
        super::details(&test).await["checks"][0]["detail"],
        "refused by db-1"
    );

    config.health.details = HealthDetails::Token;
    config.health.details_token = None;
    let test = telemetry_with(config);
    let bearer = [("authorization", "Bearer ")];
    assert_eq!(
        get_with(&test, "/detailed", &bearer).await.status,
        401,
        "no token opens nothing"
    );
}
