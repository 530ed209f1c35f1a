//! The page of an alert: its declaration, and the prose beside its query.
//!
//! | section | from |
//! |---|---|
//! | title, meaning | the alert's declaration |
//! | Impact, Diagnosis, Mitigation, Escalation | the prose beside its query |
//! | When it fires | the configured levels |
//! | More | links of the configuration |

use super::{markdown, queries};
use crate::generate::GenerateInput;
use crate::generate::alerts::Alert;
use crate::model::alerts::{AlertSignal, AlertThreshold, ThresholdComparison};
use crate::model::slo::policy::AlertLevel;
use crate::model::units::format_duration;

/// Returns the link to the page of an alert's common issue: the causes that several alerts share.
pub(super) fn common_issue(alert: &Alert) -> Option<&str> {
    let link = markdown::section(&alert.prose, "Common issue");
    (link != "None.").then_some(link)
}

/// Returns true if the page of this name is that of the alert's common issue.
pub(super) fn is_symptom_of(alert: &Alert, page: &str) -> bool {
    common_issue(alert).is_some_and(|link| link.ends_with(&format!("]({page}.md)")))
}

/// Returns the text of an alert's page.
pub(super) fn text(alert: &Alert, input: &GenerateInput) -> String {
    let [impact, diagnosis, mitigation, escalation] =
        ["Impact", "Diagnosis", "Mitigation", "Escalation"]
            .map(|heading| markdown::section(&alert.prose, heading));
    let diagnosis = markdown::expand(diagnosis, |directive| {
        match directive.strip_prefix("value ") {
            Some(caption) => {
                let query = alert.query.as_ref();
                query.map(|query| queries::to_markdown(caption, &query.value))
            }
            None => queries::expand(directive),
        }
    });
    let (name, meaning, levels) = (&alert.name, &alert.meaning, levels(alert, input));
    let team = alert.team(input);
    let owner = team.map_or(String::new(), |team| {
        format!("The team `{team}` owns this alert. ")
    });
    let uid = alert.dashboard.uid();
    let dashboard = input.config.links.dashboard(uid);
    let issue = common_issue(alert)
        .map(|link| format!("- The common issue: {link}\n"))
        .unwrap_or_default();
    format!(
        "\
# {name}

{meaning}

## Impact

{impact}

## When it fires

{levels}

## Diagnosis

{diagnosis}

## Mitigation

{mitigation}

## Escalation

{owner}{escalation}

## More

- The dashboard: [{uid}]({dashboard})
{issue}- If users are affected: [Incident response](incident-response.md)"
    )
}

fn levels(alert: &Alert, input: &GenerateInput) -> String {
    match alert.signal {
        Some(AlertSignal::Watchdog) => "Always. It is the alarm when it stops firing.".into(),
        Some(AlertSignal::ErrorBudget) => burn_rate_table(input),
        Some(signal) if alert.levels.is_empty() => {
            format!(
                "Never: `alerts.{}` of the configuration turns it off.",
                signal.key()
            )
        }
        _ => markdown::table(["Severity", "Fires when", "For"], &level_rows(alert)),
    }
}

fn level_rows(alert: &Alert) -> Vec<[String; 3]> {
    let rows = alert.levels.iter().map(|&(severity, threshold)| {
        let condition = match (alert.comparison, threshold) {
            (ThresholdComparison::Above, _) => format!("above {threshold}"),
            (ThresholdComparison::Below, _) => format!("below {threshold}"),
            (ThresholdComparison::Outside, _) => format!("outside {threshold}"),
            (ThresholdComparison::Sustained, AlertThreshold::Time(_)) => {
                "the condition holds".into()
            }
            (ThresholdComparison::Sustained, _) => format!("the condition holds: {threshold}"),
        };
        let for_duration = alert.for_duration(threshold);
        let for_duration = match for_duration.is_zero() {
            true => "at once".into(),
            false => format_duration(for_duration),
        };
        [severity.as_str().into(), condition, for_duration]
    });
    rows.collect()
}

fn burn_rate_table(input: &GenerateInput) -> String {
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
    let table = markdown::table(["Severity", "Burn rate", "Over both of"], &rows);
    format!(
        "{table}\n\n\
         1x spends the budget in exactly the objective's window. A few bad events alone do not fire the alert: \
         the long window needs a minimum of them (`slo.burn_rate.min_bad`)."
    )
}
