//! The page of an alert.

use super::advice::Advice;
use super::page::RunbookPage;
use super::{issues, queries};
use crate::generate::GenerateInput;
use crate::model::alerts::{self, AlertSignal, AlertSpec, AlertThreshold, ThresholdComparison};
use crate::model::slo::policy::AlertLevel;
use crate::model::units::format_duration;

pub(super) fn pages(input: &GenerateInput) -> Vec<RunbookPage> {
    alerts::ALL.iter().map(|spec| page(spec, input)).collect()
}

fn page(spec: &'static AlertSpec, input: &GenerateInput) -> RunbookPage {
    let advice = Advice::for_signal(spec.signal);
    let team = input.config.service.team.as_deref().unwrap_or(spec.team);
    let mut page = RunbookPage::new(spec.runbook(), spec.name)
        .paragraph(spec.meaning)
        .section("Impact")
        .paragraph(advice.impact)
        .section("When it fires");
    page = match spec.signal {
        AlertSignal::Watchdog => page.paragraph("Always. Its silence is the alarm."),
        AlertSignal::ErrorBudget => burn_rate_table(page, input),
        _ => page.table(["Severity", "Fires when", "For"], &level_rows(spec, input)),
    };
    page = page.section("Diagnosis").numbered(advice.diagnosis);
    for query in queries::queries_for(spec.signal, input) {
        page = page.query(query.caption, &query.vector);
    }
    let dashboard = input.config.links.dashboard(spec.dashboard.uid());
    let mut more = vec![format!(
        "The dashboard: [{}]({dashboard})",
        spec.dashboard.uid()
    )];
    more.extend(issues::issue_for(spec.signal).map(|issue| {
        let (name, title) = (issue.name(), issue.title());
        format!("The common issue: [{title}]({name}.md)")
    }));
    more.push("Users are affected? [Incident response](incident-response.md)".into());
    page.section("Mitigation")
        .bullets(advice.mitigation)
        .section("Escalation")
        .paragraph(&format!(
            "The team `{team}` owns this alert. {}",
            advice.escalation
        ))
        .section("More")
        .bullets(&more)
}

fn level_rows(spec: &AlertSpec, input: &GenerateInput) -> Vec<[String; 3]> {
    let levels = input.config.alerts.levels(spec.signal);
    let rows = levels.map(|(severity, threshold)| {
        let (condition, for_duration) = match (spec.comparison, threshold) {
            (ThresholdComparison::Above, threshold) => {
                (format!("above {threshold}"), spec.for_duration)
            }
            (ThresholdComparison::Below, threshold) => {
                (format!("below {threshold}"), spec.for_duration)
            }
            (ThresholdComparison::Outside, threshold) => {
                (format!("outside {threshold}"), spec.for_duration)
            }
            (ThresholdComparison::Sustained, AlertThreshold::Time(time)) => {
                ("it is so".into(), time)
            }
            (ThresholdComparison::Sustained, threshold) => {
                (format!("it is so: {threshold}"), spec.for_duration)
            }
        };
        let for_duration = match for_duration.is_zero() {
            true => "at once".into(),
            false => format_duration(for_duration),
        };
        [severity.as_str().into(), condition, for_duration]
    });
    rows.collect()
}

fn burn_rate_table(page: RunbookPage, input: &GenerateInput) -> RunbookPage {
    let policy = input.config.slo.alert_policy();
    let rows = policy.pairs.iter().map(|pair| {
        let level = match pair.level {
            AlertLevel::Critical => "critical",
            AlertLevel::Warning => "warning",
        };
        let [long, short] = [pair.long, pair.short].map(format_duration);
        [
            level.into(),
            format!("above {}x", pair.factor.format_trimmed(6)),
            format!("{long} and {short}"),
        ]
    });
    let rows: Vec<_> = rows.collect();
    page.table(["Severity", "Burn rate", "Over both of"], &rows).paragraph(
        "1x spends the budget in exactly the objective's window. A few bad events alone fire nothing: \
         the long window needs a minimum of them (`slo.burn_rate.min_bad`).",
    )
}
