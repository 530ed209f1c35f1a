//! Recording rules: requests, presence, baselines, objectives.

use std::time::Duration;

use crate::generate::GenerateInput;
use crate::generate::alerts::{Baseline, BudgetRules, Presence, ScaledWindows, requests};
use crate::generate::rule::{RecordingRule, Rule, RuleGroup};

pub(super) fn groups(input: &GenerateInput) -> Vec<RuleGroup> {
    let windows = ScaledWindows { input };
    let budget_rules = BudgetRules::new(windows);
    let minutes = |minutes: u64| Some(input.time_scale.scale(Duration::from_secs(60 * minutes)));
    let presence = Presence::all()
        .iter()
        .map(Presence::recording_rule)
        .collect();
    let baselines = Baseline::all(windows)
        .iter()
        .flat_map(Baseline::recording_rules)
        .collect();
    [
        ("vantage-requests", None, requests(windows)),
        ("vantage-presence", None, presence),
        ("vantage-usual", minutes(5), baselines),
        (
            "vantage-slo-slices",
            Some(budget_rules.slice_length()),
            budget_rules.slice_rules(),
        ),
        ("vantage-slo-burn", None, budget_rules.burn_rate_rules()),
        // A month of samples is much to read, and what is left of it changes slowly.
        (
            "vantage-slo-budget",
            minutes(5),
            budget_rules.remaining_rules(),
        ),
    ]
    .into_iter()
    .filter(|(_, _, records)| !records.is_empty())
    .map(|(name, interval, records)| recording_group(name, interval, records))
    .collect()
}

fn recording_group(
    name: &'static str,
    interval: Option<Duration>,
    records: Vec<RecordingRule>,
) -> RuleGroup {
    RuleGroup {
        name,
        interval,
        rules: records.into_iter().map(Rule::Record).collect(),
    }
}
