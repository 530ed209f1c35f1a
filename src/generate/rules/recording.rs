//! Recording rules: requests, jobs, exports, presence, baselines of business and own figures, objectives.
//!
//! No rule reads a result of its own group: Prometheus waits for it, but others, such as vmalert, find the
//! one before. What builds on results is in a group of its own.

use std::time::Duration;

use crate::generate::GenerateInput;
use crate::generate::alerts::{
    Baseline, BudgetRules, Counted, FigureAlerts, Presence, ScaledWindows, first_value_rules, jobs,
    process_rules, requests, telemetry,
};
use crate::generate::rule::{RecordingRule, Rule, RuleGroup};
use crate::model::alerts::DashboardId;
use crate::model::figure::FigureKind;

/// The interval of rules that read much and change slowly: below the 5 minutes for which Prometheus finds
/// a sample, so that rules that read their results always find one.
/// A look at a month of samples every 15 s would be most of Prometheus's work.
const SLOW: Duration = Duration::from_secs(4 * 60);

pub(super) fn groups(input: &GenerateInput) -> Vec<RuleGroup> {
    let windows = ScaledWindows { input };
    let budget_rules = BudgetRules::new(windows);
    let shipped = match input.has_dashboard(DashboardId::Business) {
        true => Baseline::business().into(),
        false => Vec::new(),
    };
    let figures = FigureAlerts::all(input).into_iter();
    let figures: Vec<_> = figures.map(|figure| figure.baseline).collect();
    let counted = counted(input);
    let slow = Some(input.time_scale.scale(SLOW));
    let presence = Presence::all();
    let presence = presence.iter().map(Presence::recording_rule);
    let counts = |baselines: &[Baseline]| {
        let rules = baselines.iter();
        rules.flat_map(|it| it.count_rules(windows)).collect()
    };
    let usual = |baselines: &[Baseline]| baselines.iter().map(Baseline::baseline_rule).collect();
    let ratios = |baselines: &[Baseline]| baselines.iter().map(Baseline::ratio_rule).collect();
    let groups = [
        ("vantage-requests", None, requests::recording_rules(windows)),
        ("vantage-jobs", None, jobs::recording_rules(windows)),
        ("vantage-exports", None, telemetry::recording_rules(windows)),
        ("vantage-presence", None, presence.collect()),
        ("vantage-processes", slow, process_rules(&counted, windows)),
        (
            "vantage-first-values",
            slow,
            first_value_rules(&counted, windows),
        ),
        ("vantage-business-counts", slow, counts(&shipped)),
        ("vantage-usual", slow, usual(&shipped)),
        ("vantage-against-usual", slow, ratios(&shipped)),
        ("vantage-figure-counts", slow, counts(&figures)),
        ("vantage-figures-usual", slow, usual(&figures)),
        ("vantage-figures-against-usual", slow, ratios(&figures)),
        (
            "vantage-slo-maintenance",
            None,
            vec![BudgetRules::maintenance_rule()],
        ),
        (
            "vantage-slo-slice-inputs",
            None,
            budget_rules.slice_input_rules(),
        ),
        (
            "vantage-slo-slice-results",
            None,
            budget_rules.slice_result_rules(),
        ),
        (
            "vantage-slo-slices",
            Some(budget_rules.slice_length()),
            budget_rules.slice_rules(),
        ),
        ("vantage-slo-events", None, budget_rules.event_rules()),
        ("vantage-slo-coverage", None, budget_rules.coverage_rules()),
        ("vantage-slo-judged", None, budget_rules.judged_rules()),
        ("vantage-slo-ratios", None, budget_rules.ratio_rules()),
        ("vantage-slo-burning", None, budget_rules.burning_rules()),
        ("vantage-slo-raised", None, budget_rules.raised_rules()),
        ("vantage-slo-held", None, budget_rules.held_rules()),
        (
            "vantage-slo-levels",
            None,
            vec![BudgetRules::alert_level_rule()],
        ),
        // A month of samples is much to read, and what is left of it changes slowly.
        (
            "vantage-slo-long-events",
            slow,
            budget_rules.long_event_rules(),
        ),
        (
            "vantage-slo-long-ratios",
            slow,
            budget_rules.long_ratio_rules(),
        ),
        ("vantage-slo-seen", slow, budget_rules.seen_rules()),
        (
            "vantage-slo-seen-ratios",
            slow,
            budget_rules.seen_ratio_rules(),
        ),
        ("vantage-slo-budget", slow, budget_rules.remaining_rules()),
    ];
    groups
        .into_iter()
        .filter(|(_, _, records)| !records.is_empty())
        .map(|(name, interval, records)| recording_group(name, interval, records))
        .collect()
}

/// Returns the counters whose events are counted, in a panel or for an alert.
fn counted(input: &GenerateInput) -> Vec<Counted> {
    let figures = input.config.figures.metrics();
    let counters = figures.filter(|(figure, _)| figure.kind == FigureKind::Counter);
    let shown = counters.filter(|(figure, _)| figure.panel || figure.is_watched());
    let figures = shown.map(|(figure, metric)| Counted::of_figure(figure, metric));
    let shipped = input.has_dashboard(DashboardId::Business);
    let shipped = shipped.then(Counted::business).into_iter().flatten();
    shipped.chain(figures).collect()
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
