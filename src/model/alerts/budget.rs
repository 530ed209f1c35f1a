//! Alerts about error budgets. Their levels are the policy of `config.slo`.

use std::time::Duration;

use super::{AlertSpec, Comparison, Dashboard, Levels, Quantity, Signal};

/// An objective's budget burns too fast.
pub(super) const BURN: AlertSpec = AlertSpec {
    signal: Signal::ErrorBudget,
    name: "ErrorBudgetBurn",
    comparison: Comparison::Above,
    quantity: Quantity::None,
    levels: Levels::NONE,
    hold: Duration::ZERO,
    team: "platform",
    dashboard: Dashboard::Slo,
    summary: "The error budget of {{ $labels.objective }} burns more than {threshold} times too fast",
    critical_summary: None,
    description: "In the last {long} the error budget of {{ $labels.objective }} burned {{ $value | humanize }} times as fast as it may to last for {window}; the limit is {threshold} times, in {long} and in {short} both.",
    meaning: "If it goes on, what was promised to those who use the platform will not be kept.",
};
