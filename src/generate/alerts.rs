//! The query and the runbook of each alert, in a table for each family.
//!
//! The Markdown files beside the tables are prose: impact, diagnosis, mitigation and escalation. An alert
//! without a row, or with two, does not compile.

mod budget;
mod business;
mod database;
pub(super) mod jobs;
mod presence;
mod process;
pub(super) mod requests;
pub(super) mod telemetry;

use std::time::Duration;

use super::GenerateInput;
use crate::model::alerts::{self, AlertSignal, AlertSpec, AlertThreshold, ThresholdComparison};
use crate::model::promql::{InstantVector, QueryWindow};
use crate::model::units::Ratio;

pub(super) use budget::{BudgetRules, alert_levels, burn_rate, remaining_budgets};
pub(super) use business::Baseline;
pub(super) use presence::Presence;

/// The labels of a service as a whole.
const SERVICE: [&str; 2] = ["environment", "job"];

/// An alert's query: the value compared with its threshold, and a condition.
#[derive(Debug, Clone)]
pub(super) struct AlertQuery {
    pub(super) value: InstantVector,
    /// Series that must exist for the value to be meaningful, matched by the labels of both.
    pub(super) condition: Option<InstantVector>,
}

/// A row of the table: an alert, its query, its prose.
#[derive(Debug, Clone, Copy)]
struct AlertRow {
    signal: AlertSignal,
    /// `None` for an error budget, which has a query for each objective.
    query: Option<fn(ScaledWindows<'_>) -> AlertQuery>,
    prose: &'static str,
}

const FAMILIES: [&[AlertRow]; 8] = [
    requests::ALERTS,
    process::ALERTS,
    jobs::ALERTS,
    database::ALERTS,
    business::ALERTS,
    budget::ALERTS,
    presence::ALERTS,
    telemetry::ALERTS,
];

/// The rows of all families, by signal.
// Checked while compiling, so that a new signal cannot be shipped without a rule and a runbook.
static ROWS: [AlertRow; alerts::ALL.len()] = {
    let mut rows = [FAMILIES[0][0]; alerts::ALL.len()];
    let mut is_found = [false; alerts::ALL.len()];
    let (mut family, mut row, mut count) = (0, 0, 0);
    while family < FAMILIES.len() {
        if row == FAMILIES[family].len() {
            (family, row) = (family + 1, 0);
            continue;
        }
        let found = FAMILIES[family][row];
        assert!(!is_found[found.signal as usize], "an alert has two rows");
        (rows[found.signal as usize], is_found[found.signal as usize]) = (found, true);
        (row, count) = (row + 1, count + 1);
    }
    assert!(count == alerts::ALL.len(), "an alert has no row");
    rows
};

/// Returns the Markdown about an alert.
pub(super) fn prose(signal: AlertSignal) -> &'static str {
    ROWS[signal as usize].prose
}

/// Returns the time for which the condition of a level must hold: a state that persists has it as threshold.
pub(super) fn for_duration(spec: &AlertSpec, threshold: AlertThreshold) -> Duration {
    match (spec.comparison, threshold) {
        (ThresholdComparison::Sustained, AlertThreshold::Time(time)) => time,
        _ => spec.for_duration,
    }
}

impl AlertRow {
    const fn new(
        signal: AlertSignal,
        query: fn(ScaledWindows<'_>) -> AlertQuery,
        prose: &'static str,
    ) -> AlertRow {
        AlertRow {
            signal,
            query: Some(query),
            prose,
        }
    }
}

impl AlertQuery {
    /// Returns the query of a signal; `None` for an error budget, which has one for each objective.
    pub(super) fn for_signal(signal: AlertSignal, input: &GenerateInput) -> Option<AlertQuery> {
        ROWS[signal as usize]
            .query
            .map(|query| query(ScaledWindows { input }))
    }

    const fn from_value(value: InstantVector) -> AlertQuery {
        AlertQuery {
            value,
            condition: None,
        }
    }

    const fn with_condition(value: InstantVector, condition: InstantVector) -> AlertQuery {
        AlertQuery {
            value,
            condition: Some(condition),
        }
    }

    /// Returns a ratio that counts only while its whole has enough events: one in 10 s on average.
    fn with_min_rate(value: InstantVector, whole: &InstantVector) -> AlertQuery {
        AlertQuery::with_condition(value, whole.at_least(min_event_rate()))
    }
}

/// Returns the events a second that a ratio needs: one in 10 s.
/// Of fewer, one bad event is a large share: two requests a night, of which one fails, would be 50
/// %.
fn min_event_rate() -> Ratio {
    Ratio::new(1, 10).unwrap_or(Ratio::ZERO)
}

/// Windows in the time scale of the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScaledWindows<'a> {
    pub(super) input: &'a GenerateInput,
}

impl ScaledWindows<'_> {
    fn minutes(self, minutes: u64) -> QueryWindow {
        let duration = Duration::from_secs(60 * minutes);
        QueryWindow::Fixed(self.input.time_scale.scale(duration))
    }

    fn hours(self, hours: u64) -> QueryWindow {
        self.minutes(60 * hours)
    }

    fn days(self, days: u64) -> QueryWindow {
        self.hours(24 * days)
    }
}
