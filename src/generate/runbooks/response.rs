//! The five steps of an incident.

use super::page::RunbookPage;
use super::queries;
use crate::generate::GenerateInput;
use crate::model::alerts::DashboardId;

pub(super) fn page(input: &GenerateInput) -> RunbookPage {
    let dashboards: Vec<_> = DashboardId::ALL
        .into_iter()
        .map(|dashboard| {
            let uid = dashboard.uid();
            format!("[{uid}]({})", input.config.links.dashboard(uid))
        })
        .collect();
    let (failing, burning) = (queries::failing_requests(input), queries::burn_rates());
    RunbookPage::new("incident-response", "Incident response")
        .paragraph("Five steps. Whoever is called first leads until somebody else says that they do.")
        .section("1. Detection")
        .bullets(&[
            "An alert names its page here and its dashboard: open both, and acknowledge it.",
            "Somebody else told you? Look at `/status` and at the dashboards; if they show nothing, what is missing there is part of the post-mortem.",
        ])
        .bullets(&dashboards)
        .section("2. Assessment")
        .paragraph("Who is hurt, how badly, and since when? Error budgets say how much time there is.")
        .commands(&[
            "vantage-obs slo report --prometheus \"$PROMETHEUS\"",
            "curl -s \"$SERVICE/api/v1/health/detailed\"",
            "curl -s \"$SERVICE/api/v1/workers/health\"",
        ])
        .query(failing.caption, &failing.vector)
        .query(burning.caption, &burning.vector)
        .bullets(&[
            "**Critical**: users cannot do what they came for, or a budget burns at its critical rate. Call the next person now, and tell the public.",
            "**Major**: some cannot, or all of them slowly. Tell the public.",
            "**Minor**: nobody has noticed yet. Work on it in the open, without waking anybody else.",
        ])
        .section("3. Response")
        .numbered(&[
            "Tell the public. The status page opens incidents by itself when a component stays down; yours says more. From the first word of a person on, only people end it.",
            "Follow the alert's page. Prefer what is undone easily: roll back, switch off, add instances.",
            "Write down what you do and when, as updates: they are the timeline of the post-mortem.",
        ])
        .commands(&[
            "curl -s -X POST \"$SERVICE/api/v1/incidents\" -H \"Authorization: Bearer $TOKEN\" \\\n  -H 'Content-Type: application/json' \\\n  -d '{\"title\": \"Posts are published late\", \"body\": \"We are looking into it.\", \"components\": {\"workers\": \"degraded_performance\"}}'",
            "curl -s -X POST \"$SERVICE/api/v1/incidents/$ID/updates\" -H \"Authorization: Bearer $TOKEN\" \\\n  -H 'Content-Type: application/json' \\\n  -d '{\"status\": \"identified\", \"body\": \"A queue is stuck; we restart its workers.\"}'",
        ])
        .section("4. Resolution")
        .numbered(&[
            "Fix the root cause, or say which mitigation stays until it is fixed and who does that.",
            "Wait until the alert has resolved and the short burn windows are below 1x; then resolve the incident with an update of the status `resolved`.",
        ])
        .section("5. Post-mortem")
        .bullets(&[
            "Within five days, without blame: what happened, how it was noticed, what was tried, what helped.",
            "How much of which budget it cost: `vantage-obs slo report --since 7d --compare`.",
            "Document lessons learned: what would have told us earlier, what would have made it smaller. Each becomes a change with an owner, and a note on the page of the alert that fired.",
        ])
}
