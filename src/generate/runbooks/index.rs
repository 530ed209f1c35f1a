//! The index page, with links to all others.

use super::checklist::Checklist;
use super::issues::CommonIssue;
use super::page::RunbookPage;
use crate::model::alerts;

pub(super) fn page() -> RunbookPage {
    let issues = CommonIssue::ALL.map(|issue| format!("[{}]({}.md)", issue.title(), issue.name()));
    let checklists =
        Checklist::ALL.map(|checklist| format!("[{}]({}.md)", checklist.title(), checklist.name()));
    let alerts = alerts::ALL.iter();
    let alerts =
        alerts.map(|spec| format!("[{}]({}.md): {}", spec.name, spec.runbook(), spec.meaning));
    RunbookPage::new("README", "Runbooks")
        .paragraph("Something is wrong now: [incident response](incident-response.md).")
        .section("Common issues")
        .bullets(&issues)
        .section("Alerts")
        .bullets(&alerts.collect::<Vec<_>>())
        .section("Rounds")
        .bullets(&checklists)
}
