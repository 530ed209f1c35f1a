//! `application/health+json`, as draft-inadarei-api-health-check-06 has it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::plain::{millis, time};
use super::{Probe, View};
use crate::model::snapshot::health::{CheckState, Status};

const TYPE: &str = "application/health+json";

/// Whether an `Accept` header names the type and does not like plain JSON better. Those who take
/// anything get the plain body: their programs know nothing of the draft.
pub(super) fn is_accepted(accept: Option<&str>) -> bool {
    let (mut draft, mut json) = (0.0, 0.0);
    for entry in accept.unwrap_or_default().split(',') {
        let mut parts = entry.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts
            .find_map(|part| part.strip_prefix("q=")?.parse::<f64>().ok())
            .unwrap_or(1.0);
        if name.eq_ignore_ascii_case(TYPE) {
            draft = weight;
        } else if name.eq_ignore_ascii_case("application/json") {
            json = weight;
        }
    }
    draft > 0.0 && draft >= json
}

pub(super) fn render(view: &View<'_>) -> String {
    let document = Document {
        status: view.status().as_str(),
        release_id: view.reveal(view.page.version.as_ref()),
        notes: notes(view),
        output: output(view),
        service_id: &view.page.service,
        description: format!("health of {}", view.page.service),
        checks: view
            .checks()
            .map(|check| {
                (
                    format!("{}:responseTime", check.id),
                    [Check::of(check, view)],
                )
            })
            .collect(),
    };
    // Text and numbers only: it can't fail.
    serde_json::to_string(&document).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
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
    checks: BTreeMap<String, [Check<'a>; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Check<'a> {
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

impl<'a> Check<'a> {
    fn of(check: &'a CheckState, view: &View<'_>) -> Self {
        let status = check.status(view.now).unwrap_or(Status::Warn);
        let found = check.found.as_ref();
        let detail = view.reveal(found.and_then(|found| found.detail.as_ref()));
        let output = detail.unwrap_or_else(|| check.code(view.now));
        Self {
            component_type: check.component.as_str(),
            observed_value: found.map(|found| millis(found.took)),
            observed_unit: found.map(|_| "ms"),
            status: status.as_str(),
            time: found.map(|found| time(found.wall)),
            output: (status != Status::Pass).then_some(output),
        }
    }
}

fn notes<'a>(view: &View<'_>) -> Vec<&'a str> {
    let health = view.health;
    let reasons = [
        (health.ending, "shutting down"),
        (!health.started, "waiting for first results"),
    ];
    let asked = matches!(view.probe, Probe::Ready | Probe::Startup);
    let reasons = reasons.into_iter().filter(|(holds, _)| *holds && asked);
    reasons.map(|(_, reason)| reason).collect()
}

/// The checks that are not well, with their codes; nothing for a pass.
fn output(view: &View<'_>) -> Option<String> {
    if view.status() == Status::Pass {
        return None;
    }
    let unwell = |check: &&CheckState| check.status(view.now) != Some(Status::Pass);
    let told = |check: &CheckState| format!("{}: {}", check.id, check.code(view.now));
    let told: Vec<_> = view.checks().filter(unwell).map(told).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draft_is_for_those_who_name_it() {
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
