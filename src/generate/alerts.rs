//! The query and the runbook of each alert, in a table for each family; those of figures follow from their
//! declarations.
//!
//! The Markdown files beside the tables are prose: impact, diagnosis, mitigation and escalation. An alert
//! without a row, or with two, does not compile.

mod baseline;
mod budget;
mod business;
mod counted;
mod database;
mod figure_labels;
mod figures;
pub(super) mod jobs;
mod presence;
mod process;
pub(super) mod requests;
pub(super) mod telemetry;

use std::borrow::Cow;
use std::time::Duration;

use super::GenerateInput;
use crate::model::alerts::{
    self, AlertSignal, AlertSpec, AlertThreshold, DashboardId, Severity, ThresholdComparison,
};
use crate::model::promql::{InstantVector, QueryWindow};
use crate::model::units::Ratio;

pub(super) use baseline::Baseline;
pub(super) use budget::{BudgetRules, alert_levels, burn_rate, remaining_budgets};
pub(super) use counted::{Counted, CountedWindow, first_value_rules, process_rules};
pub(super) use figure_labels::{CURRENCY, few_labels, is_short};
pub(super) use figures::{FigureAlerts, figure_title, in_markdown, label_list};
pub(super) use presence::Presence;

/// The labels of a service as a whole.
pub(super) const SERVICE: [&str; 2] = ["environment", "job"];

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

/// An alert as it is generated: one of the table with the levels of the configuration, or one of a figure.
///
/// Its texts are those of [`AlertSpec`], with the same placeholders.
#[derive(Debug, Clone)]
pub(super) struct Alert {
    pub(super) name: Cow<'static, str>,
    /// `None` for one of a figure.
    pub(super) signal: Option<AlertSignal>,
    pub(super) comparison: ThresholdComparison,
    pub(super) levels: Vec<(Severity, AlertThreshold)>,
    pub(super) for_duration: Duration,
    pub(super) team: Cow<'static, str>,
    pub(super) dashboard: DashboardId,
    pub(super) summary: Cow<'static, str>,
    pub(super) critical_summary: Option<&'static str>,
    pub(super) description: Cow<'static, str>,
    pub(super) meaning: Cow<'static, str>,
    /// `None` for an error budget, which has a query for each objective.
    pub(super) query: Option<AlertQuery>,
    /// The Markdown of its page.
    pub(super) prose: Cow<'static, str>,
}

impl Alert {
    /// Returns all alerts of an input, in the order of pages and rules.
    pub(super) fn all(input: &GenerateInput) -> Vec<Alert> {
        let specs = alerts::ALL.iter();
        let generated = specs.filter(|spec| input.has_dashboard(spec.dashboard));
        let table = generated.map(|spec| Alert::from_spec(spec, input));
        let figures = FigureAlerts::all(input);
        let figures = figures.into_iter().flat_map(FigureAlerts::into_alerts);
        table.chain(figures).collect()
    }

    /// Returns an alert of the table with the levels in force.
    pub(super) fn from_spec(spec: &'static AlertSpec, input: &GenerateInput) -> Alert {
        Alert {
            name: spec.name.into(),
            signal: Some(spec.signal),
            comparison: spec.comparison,
            levels: input.config.alerts.levels(spec.signal).collect(),
            for_duration: spec.for_duration,
            team: spec.team.into(),
            dashboard: spec.dashboard,
            summary: spec.summary.into(),
            critical_summary: spec.critical_summary,
            description: spec.description.into(),
            meaning: spec.meaning.into(),
            query: AlertQuery::for_signal(spec.signal, input),
            prose: ROWS[spec.signal as usize].prose.into(),
        }
    }

    /// Returns the name of its page in `runbooks/`, without `.md`.
    pub(super) fn runbook(&self) -> String {
        AlertSpec::runbook_name(&self.name)
    }

    /// Returns the summary of a severity.
    pub(super) fn summary_for(&self, severity: Severity) -> &str {
        match (severity, self.critical_summary) {
            (Severity::Critical, Some(summary)) => summary,
            _ => &self.summary,
        }
    }

    /// Returns the team that it calls: the configuration's, else its own where the figures are those of the
    /// platform that has such teams. A service that names no team may have none of these.
    pub(super) fn team<'a>(&'a self, input: &'a GenerateInput) -> Option<&'a str> {
        let configured = input.config.service.team.as_deref();
        configured.or_else(|| input.config.business.then_some(&*self.team))
    }

    /// Returns the time for which the condition of a level must hold: a state that persists has it as
    /// threshold.
    pub(super) fn for_duration(&self, threshold: AlertThreshold) -> Duration {
        match (self.comparison, threshold) {
            (ThresholdComparison::Sustained, AlertThreshold::Time(time)) => time,
            _ => self.for_duration,
        }
    }
}

/// Returns the Markdown about an alert of the table.
#[cfg(test)]
pub(super) fn prose(signal: AlertSignal) -> &'static str {
    ROWS[signal as usize].prose
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
