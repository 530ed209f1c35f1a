//! The page of an alert.

use super::advice::Advice;
use super::page::Page;
use super::{issues, queries};
use crate::generate::Source;
use crate::model::alerts::{self, AlertSpec, Comparison, Signal, Threshold};
use crate::model::slo::policy::Level;
use crate::model::units::format_duration;

pub(super) fn pages(source: &Source) -> Vec<Page> {
    alerts::ALL.iter().map(|spec| page(spec, source)).collect()
}

fn page(spec: &'static AlertSpec, source: &Source) -> Page {
    let advice = Advice::on(spec.signal);
    let team = source.config.service.team.as_deref().unwrap_or(spec.team);
    let mut page = Page::new(spec.runbook(), spec.name)
        .paragraph(spec.meaning)
        .section("Impact")
        .paragraph(advice.impact)
        .section("When it fires");
    page = match spec.signal {
        Signal::Watchdog => page.paragraph("Always. Its silence is the alarm."),
        Signal::ErrorBudget => burning(page, source),
        _ => page.table(["Severity", "Fires when", "For"], &levels(spec, source)),
    };
    page = page.section("Diagnosis").steps(advice.look);
    for query in queries::of(spec.signal, source) {
        page = page.query(query.asks, &query.vector);
    }
    let dashboard = source.config.links.dashboard(spec.dashboard.uid());
    let mut more = vec![format!(
        "The dashboard: [{}]({dashboard})",
        spec.dashboard.uid()
    )];
    more.extend(issues::of(spec.signal).map(|issue| {
        let (name, title) = (issue.name(), issue.title());
        format!("The common issue: [{title}]({name}.md)")
    }));
    more.push("Users are affected? [Incident response](incident-response.md)".into());
    page.section("Mitigation")
        .points(advice.mend)
        .section("Escalation")
        .paragraph(&format!(
            "The team `{team}` owns this alert. {}",
            advice.escalate
        ))
        .section("More")
        .points(&more)
}

fn levels(spec: &AlertSpec, source: &Source) -> Vec<[String; 3]> {
    let levels = source.config.alerts.levels(spec.signal);
    let rows = levels.map(|(severity, threshold)| {
        let (beyond, hold) = match (spec.comparison, threshold) {
            (Comparison::Above, threshold) => (format!("above {threshold}"), spec.hold),
            (Comparison::Below, threshold) => (format!("below {threshold}"), spec.hold),
            (Comparison::Outside, threshold) => (format!("outside {threshold}"), spec.hold),
            (Comparison::Lasts, Threshold::Time(time)) => ("it is so".into(), time),
            (Comparison::Lasts, threshold) => (format!("it is so: {threshold}"), spec.hold),
        };
        let hold = match hold.is_zero() {
            true => "at once".into(),
            false => format_duration(hold),
        };
        [severity.as_str().into(), beyond, hold]
    });
    rows.collect()
}

fn burning(page: Page, source: &Source) -> Page {
    let policy = source.config.slo.alert_policy();
    let rows = policy.pairs.iter().map(|pair| {
        let level = match pair.level {
            Level::Critical => "critical",
            Level::Warning => "warning",
        };
        let [long, short] = [pair.long, pair.short].map(format_duration);
        [
            level.into(),
            format!("above {}x", pair.factor.shortened(6)),
            format!("{long} and {short}"),
        ]
    });
    let rows: Vec<_> = rows.collect();
    page.table(["Severity", "Burn rate", "Over both of"], &rows).paragraph(
        "1x spends the budget in exactly the objective's window. A few bad events alone fire nothing: \
         the long window needs a minimum of them (`slo.burn_rate.min_bad`).",
    )
}
