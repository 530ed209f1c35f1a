//! The one table: criticality × scope × result × age → status, readiness and codes.

use vantage_obs::health::{CheckBuilder, Status};

use super::{Switch, after, ask, details, exact, seconds, settle, with};

/// What a check knows when it is asked.
const RESULTS: [&str; 6] = ["pending", "pass", "warn", "fail", "timeout", "stale"];

/// Criticality, scope, whether `unready_on` lists it, and for each of the results above the status
/// of the whole and whether the service is ready.
type Row = (&'static str, &'static str, bool, [(Status, bool); 6]);

#[rustfmt::skip]
fn table() -> [Row; 8] {
    use Status::{Fail, Pass, Warn};
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

fn described(check: CheckBuilder, criticality: &str, scope: &str) -> CheckBuilder {
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
            let mut config = exact();
            if unready {
                config.health.unready_on = vec!["it".into()];
            }
            let test = with(config);
            let switch = Switch::default();
            switch.set(match result {
                "warn" => Switch::WARN,
                "fail" => Switch::FAIL,
                "timeout" => Switch::HANG,
                _ => Switch::PASS,
            });
            let check = test.telemetry().check("it").within(seconds(2));
            described(check, criticality, scope).run(switch.check());
            match result {
                // It has begun, and not come back.
                "pending" => test.tick(),
                "timeout" => {
                    settle(&test).await;
                    after(&test, seconds(2)).await;
                }
                "stale" => {
                    settle(&test).await;
                    // Nobody ticks: the watching itself stands still.
                    test.clock().advance(seconds(32));
                }
                _ => settle(&test).await,
            }
            let row = format!("{criticality} {scope} unready_on={unready} {result}");
            assert_eq!(test.telemetry().health(), status, "{row}");
            assert_eq!(test.telemetry().is_ready(), ready, "{row}");
            let code = |fine: bool| if fine { 200 } else { 503 };
            let health = ask(&test, "").await;
            assert_eq!(health.status, code(status != Status::Fail), "{row}");
            assert_eq!(health.json()["status"], status.as_str(), "{row}");
            let answer = ask(&test, "/ready").await;
            assert_eq!(answer.status, code(ready), "{row}");
            assert_eq!(answer.json()["ready"], ready, "{row}");
            assert_eq!(ask(&test, "/live").await.status, 200, "{row}");
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
