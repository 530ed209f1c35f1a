//! Health as metrics: copied from the latest state when somebody collects, so that a check that is
//! removed takes its series with it, and one that gets stale says so.

use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;

use crate::model::catalog::MetricSpec;
use crate::model::catalog::health::{
    CHECK_AGE, CHECK_DURATION, CHECK_STATUS, READY, SERVICE_STATUS,
};
use crate::model::snapshot::health::{CheckState, HealthState, HealthStatus, LatestHealth};
use crate::record::clock::Clock;
use crate::record::series::Instruments;

/// Registers the family's instruments.
pub(crate) fn observe_health(instruments: &Instruments, latest: &LatestHealth, clock: &Clock) {
    let observer = HealthObserver {
        instruments,
        latest,
        clock,
    };
    observer.service();
    observer.checks();
}

struct HealthObserver<'a> {
    instruments: &'a Instruments,
    latest: &'a LatestHealth,
    clock: &'a Clock,
}

impl HealthObserver<'_> {
    fn service(&self) {
        self.flags(&SERVICE_STATUS, |health, now, observer| {
            let is = health.evaluate(now).status;
            for status in HealthStatus::ALL {
                observer.observe((is == status).into(), &[status_label(status)]);
            }
        });
        self.flags(&READY, |health, now, observer| {
            observer.observe(health.evaluate(now).ready.into(), &[]);
        });
    }

    fn checks(&self) {
        self.flags(&CHECK_STATUS, |health, now, observer| {
            for check in &health.checks {
                let Some(is) = check.status(now) else {
                    continue;
                };
                for status in HealthStatus::ALL {
                    let labels = [
                        check_label(check),
                        KeyValue::new("criticality", check.criticality.as_str()),
                        KeyValue::new("scope", check.scope.as_str()),
                        status_label(status),
                    ];
                    observer.observe((is == status).into(), &labels);
                }
            }
        });
        self.seconds(&CHECK_DURATION, |check, _| {
            Some(check.last_result.as_ref()?.took.as_secs_f64())
        });
        self.seconds(&CHECK_AGE, |check, now| {
            let age = now.saturating_duration_since(check.last_result.as_ref()?.at);
            Some(age.as_secs_f64())
        });
    }

    fn flags(
        &self,
        spec: &'static MetricSpec,
        read: impl Fn(&HealthState, std::time::Instant, &dyn AsyncInstrument<u64>)
        + Send
        + Sync
        + 'static,
    ) {
        let (latest, clock) = (self.latest.clone(), self.clock.clone());
        let read = move |observer: &dyn AsyncInstrument<u64>| {
            read(&latest.read(), clock.now(), observer);
        };
        self.instruments.observe(spec, read);
    }

    fn seconds(
        &self,
        spec: &'static MetricSpec,
        read: fn(&CheckState, std::time::Instant) -> Option<f64>,
    ) {
        let (latest, clock) = (self.latest.clone(), self.clock.clone());
        self.instruments.observe(spec, move |observer| {
            for check in &latest.read().checks {
                if let Some(seconds) = read(check, clock.now()) {
                    observer.observe(seconds, &[check_label(check)]);
                }
            }
        });
    }
}

fn check_label(check: &CheckState) -> KeyValue {
    KeyValue::new("check", check.id.clone())
}

fn status_label(status: HealthStatus) -> KeyValue {
    KeyValue::new("status", status.as_str())
}
