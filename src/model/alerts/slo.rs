//! Alerts about error budgets. Their levels are the policy of `config.slo`.

use std::time::Duration;

use super::{
    AlertLevels, AlertSignal, AlertSpec, DashboardId, ThresholdComparison, ThresholdQuantity,
};

/// An objective's budget burns too fast.
pub(super) const BURN: AlertSpec = AlertSpec {
    signal: AlertSignal::ErrorBudget,
    name: "ErrorBudgetBurn",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::None,
    levels: AlertLevels::NONE,
    for_duration: Duration::ZERO,
    team: "platform",
    dashboard: DashboardId::Slo,
    summary: "The error budget of {{ $labels.objective }} burns more than {threshold} times too fast",
    critical_summary: None,
    description: "In the last {long} the error budget of {{ $labels.objective }} burned {{ $value | humanize }} times as fast as it may to last for {window}; the limit is {threshold} times, in {long} and in {short} both.",
    meaning: "If it goes on, what was promised to those who use the platform will not be kept.",
};
