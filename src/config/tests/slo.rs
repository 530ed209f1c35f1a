use std::time::Duration;

use serde_json::json;

use super::*;
use crate::model::slo::policy::{AlertLevel, BurnRatePolicy};
use crate::model::units::Ratio;

fn slo(json: &str) -> EffectiveConfig {
    let file = ConfigFile::new(&format!(r#"{{"slo": {json}}}"#));
    resolved(api().file(file.path()), [])
}

#[test]
fn the_default_policy_is_the_platforms() {
    let policy = slo("{}").config.slo.alert_policy();
    assert_eq!(policy, BurnRatePolicy::platform());
}

#[test]
fn burn_windows_may_be_seconds_and_factors_decimals() {
    let effective = slo(
        r#"{"sample_interval": "1s", "slice": "2s", "prometheus": null,
        "burn_rate": {"critical": {"factor": 14.4, "long": "30s", "short": "5s"},
                      "min_bad": {"timeslices": 1}}}"#,
    );
    let policy = effective.config.slo.alert_policy();
    let critical = &policy.pairs[0];
    assert_eq!(critical.factor, "14.4".parse::<Ratio>().unwrap());
    assert_eq!(critical.long, Duration::from_secs(30));
    assert_eq!(critical.level, AlertLevel::Critical);
    assert_eq!(
        (policy.min_bad.occurrences, policy.min_bad.timeslices),
        (10, 1)
    );
    let factor = |level| value_at(&effective, &format!("slo.burn_rate.{level}.factor"));
    assert_eq!(
        (factor("critical"), factor("warning")),
        (json!(14.4), json!(2))
    );
}

#[test]
fn the_workbooks_policy_has_its_own_pairs_and_our_minimum() {
    let json = r#"{"policy": "sre-workbook", "burn_rate": {"min_bad": {"occurrences": 4}}}"#;
    let policy = slo(json).config.slo.alert_policy();
    assert_eq!(policy.pairs, BurnRatePolicy::sre_workbook().pairs);
    assert_eq!(policy.min_bad.occurrences, 4);
}

#[test]
fn maintenance_and_the_fleets_api_are_read_and_the_token_is_masked() {
    let json = r#"{"prometheus": {"url": "https://prometheus:9090", "token": "canary"},
        "maintenance": [{"from": "2026-12-01T02:00:00+01:00", "to": "2026-12-01T03:00:00Z",
                         "reason": "new disks"}]}"#;
    let effective = slo(json);
    let maintenance = &effective.config.slo.maintenance[0];
    assert_eq!(maintenance.range.duration(), Duration::from_secs(2 * 3_600));
    assert_eq!(
        value_at(&effective, "slo.maintenance"),
        json!([{"from": "2026-12-01T01:00:00Z", "to": "2026-12-01T03:00:00Z", "reason": "new disks"}])
    );
    assert_eq!(value_at(&effective, "slo.prometheus.token"), json!("***"));
    let token = effective.config.slo.prometheus.token.as_ref();
    assert_eq!(token.and_then(Secret::expose), Some("canary"));
}
