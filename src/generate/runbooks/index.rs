//! The page from which the others are found.

use super::calendar::Round;
use super::issues::Issue;
use super::page::Page;
use crate::model::alerts;

pub(super) fn page() -> Page {
    let issues = Issue::ALL.map(|issue| format!("[{}]({}.md)", issue.title(), issue.name()));
    let rounds = Round::ALL.map(|round| format!("[{}]({}.md)", round.title(), round.name()));
    let alerts = alerts::ALL.iter();
    let alerts =
        alerts.map(|spec| format!("[{}]({}.md): {}", spec.name, spec.runbook(), spec.meaning));
    Page::new("README", "Runbooks")
        .paragraph("Something is wrong now: [incident response](incident-response.md).")
        .section("Common issues")
        .points(&issues)
        .section("Alerts")
        .points(&alerts.collect::<Vec<_>>())
        .section("Rounds")
        .points(&rounds)
}
