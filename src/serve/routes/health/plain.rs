//! Small JSON, for load balancers and people.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{Probe, View};
use crate::export::logs::rfc3339;
use crate::model::snapshot::health::{CheckState, Known, Status};

pub(super) fn render(view: &View<'_>) -> String {
    let status = view.status().as_str();
    match view.probe {
        Probe::Health | Probe::Live => format!(r#"{{"status":"{status}"}}"#),
        Probe::Startup => {
            let started = view.judgement.started;
            format!(r#"{{"status":"{status}","started":{started}}}"#)
        }
        Probe::Ready => {
            let ready = view.judgement.ready;
            format!(r#"{{"status":"{status}","ready":{ready}}}"#)
        }
        Probe::Detailed => {
            let details = Details {
                status,
                service: &view.page.service,
                version: view.reveal(view.page.version.as_ref()),
                started_at: time(view.page.started_at),
                checks: view.checks().map(|check| Check::of(check, view)).collect(),
            };
            // Text and numbers only: it can't fail.
            serde_json::to_string(&details).unwrap_or_default()
        }
    }
}

#[derive(Serialize)]
struct Details<'a> {
    status: &'a str,
    service: &'a str,
    version: Option<&'a str>,
    started_at: String,
    checks: Vec<Check<'a>>,
}

#[derive(Serialize)]
struct Check<'a> {
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

impl<'a> Check<'a> {
    fn of(check: &'a CheckState, view: &View<'_>) -> Self {
        let found = check.found.as_ref();
        Self {
            id: &check.id,
            status: check.status(view.now).unwrap_or(Status::Warn).as_str(),
            criticality: check.criticality.as_str(),
            scope: check.scope.as_str(),
            observed_at: found.map(|found| time(found.wall)),
            age_ms: found.map(|found| millis(view.now.saturating_duration_since(found.at))),
            duration_ms: found.map(|found| millis(found.took)),
            stale: check.known(view.now) == Known::Stale,
            code: check.code(view.now),
            detail: view.reveal(found.and_then(|found| found.detail.as_ref())),
        }
    }
}

pub(super) fn time(time: SystemTime) -> String {
    String::from_utf8_lossy(&rfc3339(time)).into_owned()
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
