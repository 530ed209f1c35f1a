//! Small JSON, for load balancers and operators.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::HealthReport;
use crate::export::logs::rfc3339;
use crate::model::routes::HealthProbe;
use crate::model::snapshot::health::{CheckState, HealthStatus, ResultFreshness};

pub(super) fn render(report: &HealthReport<'_>) -> String {
    let status = report.status().as_str();
    match report.probe {
        // `draining` tells an orderly stop from an outage, which have the same status.
        HealthProbe::Health if report.is_draining() => {
            format!(r#"{{"status":"{status}","draining":true}}"#)
        }
        HealthProbe::Health | HealthProbe::Live => format!(r#"{{"status":"{status}"}}"#),
        HealthProbe::Startup => {
            let started = report.overall.started;
            format!(r#"{{"status":"{status}","started":{started}}}"#)
        }
        HealthProbe::Ready => {
            let ready = report.overall.ready;
            format!(r#"{{"status":"{status}","ready":{ready}}}"#)
        }
        HealthProbe::Detailed => {
            let details = DetailedHealth {
                status,
                service: &report.routes.service,
                version: report.reveal(report.routes.version.as_ref()),
                started_at: format_time(report.routes.started_at),
                checks: report
                    .checks()
                    .map(|check| DetailedCheck::new(check, report))
                    .collect(),
            };
            // Text and numbers only: it can't fail.
            serde_json::to_string(&details).unwrap_or_default()
        }
        HealthProbe::Check => {
            let check = report.check.map(|check| DetailedCheck::new(check, report));
            serde_json::to_string(&check).unwrap_or_default()
        }
    }
}

#[derive(Serialize)]
struct DetailedHealth<'a> {
    status: &'a str,
    service: &'a str,
    version: Option<&'a str>,
    started_at: String,
    checks: Vec<DetailedCheck<'a>>,
}

#[derive(Serialize)]
struct DetailedCheck<'a> {
    id: &'a str,
    status: &'a str,
    criticality: &'a str,
    scope: &'a str,
    observed_at: Option<String>,
    age_ms: Option<u64>,
    duration_ms: Option<u64>,
    stale: bool,
    code: &'a str,
    detail: Option<&'a str>,
}

impl<'a> DetailedCheck<'a> {
    fn new(check: &'a CheckState, report: &HealthReport<'_>) -> Self {
        let last_result = check.last_result.as_ref();
        Self {
            id: &check.id,
            status: check
                .status(report.now)
                .unwrap_or(HealthStatus::Warn)
                .as_str(),
            criticality: check.criticality.as_str(),
            scope: check.scope.as_str(),
            observed_at: last_result.map(|last_result| format_time(last_result.wall_time)),
            age_ms: last_result
                .map(|last_result| millis(report.now.saturating_duration_since(last_result.at))),
            duration_ms: last_result.map(|last_result| millis(last_result.took)),
            stale: check.freshness(report.now) == ResultFreshness::Stale,
            code: check.code(report.now),
            detail: report.reveal(last_result.and_then(|last_result| last_result.detail.as_ref())),
        }
    }
}

pub(super) fn format_time(time: SystemTime) -> String {
    String::from_utf8_lossy(&rfc3339(time)).into_owned()
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
