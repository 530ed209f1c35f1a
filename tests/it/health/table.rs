//! The one table: criticality × scope × result × age → status, readiness and codes.

use vantage_obs::health::{CheckBuilder, HealthStatus};

use super::{
    CheckSwitch, advance, details, exact_config, get, run_checks, seconds, telemetry_with,
};

/// What a check knows when it is asked.
const RESULTS: [&str; 6] = ["pending", "pass", "warn", "fail", "timeout", "stale"];

/// Criticality, scope, whether `unready_on` lists it, and for each of the results above the status
/// of the whole and whether the service is ready.
type ExpectedHealth = (&'static str, &'static str, bool, [(HealthStatus, bool); 6]);

#[rustfmt::skip]
fn table() -> [ExpectedHealth; 8] {
    use HealthStatus::{Fail, Pass, Warn};
    let stops = [(Warn, false), (Pass, true), (Warn, true), (Fail, false), (Fail, false), (Fail, false)];
    let degrades = [(Warn, false), (Pass, true), (Warn, true), (Warn, true), (Warn, true), (Warn, true)];
    let informs = [(Pass, true); 6];
    [
        ("critical", "local", false, stops),
        ("critical", "shared", false, degrades),
        ("critical", "shared", true, stops),
        ("degrading", "local", false, degrades),
        ("degrading", "shared", false, degrades),
        ("degrading", "shared", true, degrades),
        ("informational", "local", false, informs),
        ("informational", "shared", true, informs),
    ]
}

fn with_criticality_and_scope(check: CheckBuilder, criticality: &str, scope: &str) -> CheckBuilder {
    let check = match criticality {
        "critical" => check.critical(),
        "degrading" => check.degrading(),
        _ => check.informational(),
    };
    if scope == "local" {
        check.local()
    } else {
        check.shared()
    }
}

#[tokio::test]
async fn every_criticality_scope_result_and_age_has_its_status_and_code() {
    for (criticality, scope, unready, expected) in table() {
        for (result, (status, ready)) in RESULTS.into_iter().zip(expected) {
            let mut config = exact_config();
            if unready {
                config.health.unready_on = vec!["it".into()];
            }
            let test = telemetry_with(config);
            let switch = CheckSwitch::default();
            switch.set(match result {
                "warn" => CheckSwitch::WARN,
                "fail" => CheckSwitch::FAIL,
                "timeout" => CheckSwitch::HANG,
                _ => CheckSwitch::PASS,
            });
            let check = test.telemetry().health_check("it").timeout(seconds(2));
            with_criticality_and_scope(check, criticality, scope).run(switch.check());
            match result {
                // It has begun, and not come back.
                "pending" => test.tick(),
                "timeout" => {
                    run_checks(&test).await;
                    advance(&test, seconds(2)).await;
                }
                "stale" => {
                    run_checks(&test).await;
                    // Nobody ticks: the watching itself stands still.
                    test.clock().advance(seconds(32));
                }
                _ => run_checks(&test).await,
            }
            let row = format!("{criticality} {scope} unready_on={unready} {result}");
            assert_eq!(test.telemetry().health(), status, "{row}");
            assert_eq!(test.telemetry().is_ready(), ready, "{row}");
            let code = |fine: bool| if fine { 200 } else { 503 };
            let health = get(&test, "").await;
            assert_eq!(health.status, code(status != HealthStatus::Fail), "{row}");
            assert_eq!(health.json()["status"], status.as_str(), "{row}");
            let response = get(&test, "/ready").await;
            assert_eq!(response.status, code(ready), "{row}");
            assert_eq!(response.json()["ready"], ready, "{row}");
            assert_eq!(get(&test, "/live").await.status, 200, "{row}");
            let check = &details(&test).await["checks"][0];
            let code = match result {
                "pass" => "ok",
                "warn" => "slow",
                "fail" => "refused",
                other => other,
            };
            assert_eq!(check["code"], code, "{row}");
            assert_eq!(check["stale"], result == "stale", "{row}");
        }
    }
}
