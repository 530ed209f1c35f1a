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
use crate::generate::alerts::{self, AlertQuery, prose};
use crate::model::alerts::{AlertSignal, AlertSpec, AlertThreshold, ThresholdComparison};
use crate::model::slo::policy::AlertLevel;
use crate::model::units::format_duration;

/// Returns the link to the page of an alert's common issue: the causes that several alerts share.
pub(super) fn common_issue(signal: AlertSignal) -> Option<&'static str> {
    let link = markdown::section(prose(signal), "Common issue");
    (link != "None.").then_some(link)
}

/// Returns true if the page of this name is that of the alert's common issue.
pub(super) fn is_symptom_of(signal: AlertSignal, page: &str) -> bool {
    common_issue(signal).is_some_and(|link| link.ends_with(&format!("]({page}.md)")))
}

/// Returns the text of an alert's page.
pub(super) fn text(spec: &AlertSpec, input: &GenerateInput) -> String {
    let [impact, diagnosis, mitigation, escalation] =
        ["Impact", "Diagnosis", "Mitigation", "Escalation"]
            .map(|heading| markdown::section(prose(spec.signal), heading));
    let diagnosis = markdown::expand(diagnosis, |directive| {
        match directive.strip_prefix("value ") {
            Some(caption) => AlertQuery::for_signal(spec.signal, input)
                .map(|query| queries::to_markdown(caption, &query.value)),
            None => queries::expand(directive),
        }
    });
    let (name, meaning, levels) = (spec.name, spec.meaning, levels(spec, input));
    let team = input.config.service.team.as_deref().unwrap_or(spec.team);
    let uid = spec.dashboard.uid();
    let dashboard = input.config.links.dashboard(uid);
    let issue = common_issue(spec.signal)
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

The team `{team}` owns this alert. {escalation}

## More

- The dashboard: [{uid}]({dashboard})
{issue}- If users are affected: [Incident response](incident-response.md)"
    )
}

fn levels(spec: &AlertSpec, input: &GenerateInput) -> String {
    match spec.signal {
        AlertSignal::Watchdog => "Always. It is the alarm when it stops firing.".into(),
        AlertSignal::ErrorBudget => burn_rate_table(input),
        _ => markdown::table(["Severity", "Fires when", "For"], &level_rows(spec, input)),
    }
}

fn level_rows(spec: &AlertSpec, input: &GenerateInput) -> Vec<[String; 3]> {
    let levels = input.config.alerts.levels(spec.signal);
    let rows = levels.map(|(severity, threshold)| {
        let condition = match (spec.comparison, threshold) {
            (ThresholdComparison::Above, _) => format!("above {threshold}"),
            (ThresholdComparison::Below, _) => format!("below {threshold}"),
            (ThresholdComparison::Outside, _) => format!("outside {threshold}"),
            (ThresholdComparison::Sustained, AlertThreshold::Time(_)) => {
                "the condition holds".into()
            }
            (ThresholdComparison::Sustained, _) => format!("the condition holds: {threshold}"),
        };
        let for_duration = alerts::for_duration(spec, threshold);
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
