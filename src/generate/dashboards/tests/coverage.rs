//! Coverage: every metric is shown on a panel.

use super::*;
use crate::model::catalog;

/// The metrics without a panel, with their reasons.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "system.filesystem.usage",
        "its share is shown; the bytes answer how much to add, once somebody is at it",
    ),
    (
        "vantage.telemetry.figure_mismatches",
        "a log line names the figure and what does not fit its declaration",
    ),
    (
        "vantage.telemetry.http.refused_tokens",
        "a log line tells of wrong tokens, and the requests to the SDK's routes are shown with their status 401",
    ),
    (
        "vantage.telemetry.http.ended_connections",
        "a log line tells when connections make room for others; each other limit concerns its client alone",
    ),
    (
        "vantage.worker.heartbeat.clock_skew",
        "a log line names a worker whose clock is off, and its route shows by how much",
    ),
    (
        "vantage.slo.maintenance.start.timestamp",
        "rules read when maintenance begins; a panel shows that it goes on",
    ),
    (
        "vantage.slo.maintenance.end.timestamp",
        "rules read when maintenance ends; a panel shows that it goes on",
    ),
    (
        "vantage.scheduler.heartbeat.clock_skew",
        "a log line names a scheduler whose clock is off, and its route shows by how much",
    ),
];

#[test]
fn every_metric_has_a_panel_or_a_stated_reason() {
    let dashboards = dashboards();
    let shown: Vec<&str> = dashboards
        .iter()
        .flat_map(panels)
        .flat_map(expressions)
        .collect();
    for spec in catalog::all() {
        let name = spec.prometheus_name();
        let is_shown = shown
            .iter()
            .any(|expression| queries_metric(expression, &name));
        let reason = EXCEPTIONS.iter().find(|(known, _)| *known == spec.name);
        assert!(is_shown || reason.is_some(), "{name} is shown nowhere");
        assert!(
            !is_shown || reason.is_none(),
            "{name} is shown, and has a reason not to be"
        );
    }
}

/// Returns true if an expression queries a metric, and not one with the same prefix.
fn queries_metric(expression: &str, metric: &str) -> bool {
    expression.match_indices(metric).any(|(at, _)| {
        let rest = &expression[at + metric.len()..];
        let is_whole = !expression[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        is_whole
            && ["{", "_bucket{", "_count{", "_sum{"]
                .iter()
                .any(|end| rest.starts_with(end))
    })
}
