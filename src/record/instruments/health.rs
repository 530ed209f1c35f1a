//! Health as metrics: copied from the latest state when somebody collects, so that a check that is
//! removed takes its series with it, and one that gets stale says so.
//!
//! Evaluated at collection and not when a check has run: a result gets stale without anything
//! happening.

use opentelemetry::KeyValue;

use crate::model::catalog::health::{
    CHECK_AGE, CHECK_DURATION, CHECK_STATUS, READY, SERVICE_STATUS,
};
use crate::model::snapshot::health::{
    CheckResult, CheckState, HealthState, HealthStatus, LatestHealth,
};
use crate::record::clock::Clock;
use crate::record::series::Instruments;

/// Registers the family's instruments.
pub(crate) fn observe_health(instruments: &Instruments, latest: &LatestHealth, clock: &Clock) {
    let source = (latest.clone(), clock.clone());
    instruments.observe_from(&SERVICE_STATUS, &source, |(latest, clock), observer| {
        let is = latest.read().evaluate(clock.now()).status;
        for status in HealthStatus::ALL {
            observer.observe(u64::from(is == status), &[status_label(status)]);
        }
    });
    instruments.observe_from(&READY, &source, |(latest, clock), observer| {
        let ready = latest.read().evaluate(clock.now()).ready;
        observer.observe(u64::from(ready), &[]);
    });
    instruments.observe_from(&CHECK_STATUS, &source, |(latest, clock), observer| {
        let now = clock.now();
        for check in &latest.read().checks {
            // No series before the first result: a check of which nothing is known is neither pass
            // nor fail.
            let Some(is) = check.status(now) else {
                continue;
            };
            // All three each time, so that a status that ended goes to 0 and doesn't just
            // disappear.
            for status in HealthStatus::ALL {
                let labels = [
                    check_label(check),
                    KeyValue::new("criticality", check.criticality.as_str()),
                    KeyValue::new("scope", check.scope.as_str()),
                    status_label(status),
                ];
                observer.observe(u64::from(is == status), &labels);
            }
        }
    });
    instruments.observe_from(&CHECK_DURATION, latest, |latest, observer| {
        for (check, result) in results(&latest.read()) {
            observer.observe(result.took.as_secs_f64(), &[check_label(check)]);
        }
    });
    instruments.observe_from(&CHECK_AGE, &source, |(latest, clock), observer| {
        for (check, result) in results(&latest.read()) {
            let age = clock.now().saturating_duration_since(result.at);
            observer.observe(age.as_secs_f64(), &[check_label(check)]);
        }
    });
}

/// Returns the checks that have a result, each with it.
fn results(health: &HealthState) -> impl Iterator<Item = (&CheckState, &CheckResult)> {
    let checks = health.checks.iter();
    checks.filter_map(|check| Some((check, check.last_result.as_ref()?)))
}

fn check_label(check: &CheckState) -> KeyValue {
    KeyValue::new("check", check.id.clone())
}

fn status_label(status: HealthStatus) -> KeyValue {
    KeyValue::new("status", status.as_str())
}
