//! `application/health+json`, as draft-inadarei-api-health-check-06 has it.
//!
//! Detail and version are revealed with the token only, and codes stand in for details otherwise.

use std::collections::BTreeMap;

use serde::Serialize;

use super::HealthReport;
use super::plain::{format_time, millis};
use crate::export::prometheus::text::named_weight;
use crate::model::routes::HealthProbe;
use crate::model::snapshot::health::{CheckState, HealthStatus};

const TYPE: &str = "application/health+json";

/// Returns true if an `Accept` header names the type and does not prefer plain JSON. Clients that accept
/// anything get the plain body: they know nothing of the draft.
pub(super) fn is_accepted(accept: Option<&str>) -> bool {
    let draft = named_weight(accept, TYPE);
    draft > 0.0 && draft >= named_weight(accept, "application/json")
}

pub(super) fn render(report: &HealthReport<'_>) -> String {
    let document = DraftHealth {
        status: report.status().as_str(),
        release_id: report.reveal(report.routes.version.as_ref()),
        notes: notes(report),
        output: output(report),
        service_id: &report.routes.service,
        description: format!("health of {}", report.routes.service),
        checks: report
            .checks()
            .map(|check| {
                (
                    format!("{}:responseTime", component_name(&check.id)),
                    [DraftCheck::new(check, report)],
                )
            })
            .collect(),
    };
    // Text and numbers only: it can't fail.
    serde_json::to_string(&document).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DraftHealth<'a> {
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    release_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    service_id: &'a str,
    description: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    checks: BTreeMap<String, [DraftCheck<'a>; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DraftCheck<'a> {
    component_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_value: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_unit: Option<&'a str>,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a str>,
}

impl<'a> DraftCheck<'a> {
    fn new(check: &'a CheckState, report: &HealthReport<'_>) -> Self {
        let status = check.status(report.now).unwrap_or(HealthStatus::Warn);
        let last_result = check.last_result.as_ref();
        let detail = report.reveal(last_result.and_then(|last_result| last_result.detail.as_ref()));
        let output = detail.unwrap_or_else(|| check.code(report.now));
        Self {
            component_type: check.component.as_str(),
            observed_value: last_result.map(|last_result| millis(last_result.took)),
            observed_unit: last_result.map(|_| "ms"),
            status: status.as_str(),
            time: last_result.map(|last_result| format_time(last_result.wall_time)),
            output: (status != HealthStatus::Pass).then_some(output),
        }
    }
}

/// Returns the name of a component, in which the draft forbids colons: they are percent-encoded.
fn component_name(id: &str) -> String {
    id.replace('%', "%25").replace(':', "%3A")
}

/// Returns the reasons for which the service as a whole is held back, beside its checks.
fn notes<'a>(report: &HealthReport<'_>) -> Vec<&'a str> {
    let health = report.health;
    let probe = report.probe;
    let starting = !health.started && matches!(probe, HealthProbe::Ready | HealthProbe::Startup);
    let draining = matches!(probe, HealthProbe::Ready | HealthProbe::Health);
    let first_results = !health.sampled
        || health
            .startup_checks()
            .any(|check| check.last_result.is_none());
    let reasons = [
        (health.shutting_down && draining, "shutting down"),
        (starting && !health.registered, "waiting for registration"),
        (starting && first_results, "waiting for first results"),
        (
            starting && health.conditions.iter().any(|one| !one.met),
            "waiting for conditions of start-up",
        ),
    ];
    let reasons = reasons.into_iter().filter(|(holds, _)| *holds);
    reasons.map(|(_, reason)| reason).collect()
}

/// Returns the codes of checks that do not pass; `None` for a pass. They are shown with their ids as given.
fn output(report: &HealthReport<'_>) -> Option<String> {
    if report.status() == HealthStatus::Pass {
        return None;
    }
    let not_passing = |check: &&CheckState| check.status(report.now) != Some(HealthStatus::Pass);
    let check_code = |check: &CheckState| format!("{}: {}", check.id, check.code(report.now));
    let codes: Vec<_> = report
        .checks()
        .filter(not_passing)
        .map(check_code)
        .collect();
    (!codes.is_empty()).then(|| codes.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draft_is_used_only_if_named_in_accept() {
        for (accept, accepted) in [
            ("application/health+json", true),
            ("application/json, Application/Health+JSON", true),
            (
                "application/health+json;q=0.5, application/json;q=0.4",
                true,
            ),
            ("application/health+json;q=0.5, application/json", false),
            ("application/health+json;q=0", false),
            ("application/json", false),
            ("*/*", false),
            ("application/*", false),
            ("", false),
        ] {
            assert_eq!(is_accepted(Some(accept)), accepted, "{accept}");
        }
        assert!(!is_accepted(None));
    }
}
