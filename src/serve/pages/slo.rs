//! The page of the objectives: remaining budgets, their burn-down, burn rates.

mod burn_down;
mod rates;
mod state;

use askama::Template;

use self::burn_down::BurnDownChart;
use self::rates::{BurnRateBar, burn_rate_bars};
use self::state::{StateLabel, remarks};
use super::display_time::DisplayTime;
use super::format::{format_percent, group_digits};
use super::layout::{self, PageLayout};
use super::render;
use crate::model::slo::policy::BurnRatePolicy;
use crate::model::slo::report::{ObjectiveReport, ReportSource, SloReport};
use crate::model::units::format_duration_spaced;
#[cfg(feature = "axum")]
use crate::serve::link_base::LinkBase;

#[derive(Debug, Template)]
#[template(path = "slo.html", whitespace = "minimize")]
struct SloPage {
    layout: PageLayout,
    source: &'static str,
    at: DisplayTime,
    objectives: Vec<ObjectiveSection>,
    json: Option<&'static str>,
}

#[derive(Debug)]
struct ObjectiveSection {
    id: String,
    description: Option<String>,
    window: String,
    state: StateLabel,
    remarks: Vec<String>,
    facts: Vec<LabeledValue>,
    burn_down: Option<BurnDownChart>,
    rates: Vec<BurnRateBar>,
}

/// A value with its label.
#[derive(Debug)]
struct LabeledValue {
    name: &'static str,
    value: String,
    note: String,
}

/// The options of a served page.
#[cfg(feature = "axum")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct SloPageOptions<'a> {
    /// The name of the service.
    pub(crate) brand: &'a str,
    /// True if there are public pages beside it.
    pub(crate) public: bool,
    /// True if the page refreshes itself.
    pub(crate) auto_refresh: bool,
    /// The base of links.
    pub(crate) base: &'a LinkBase,
}

/// Renders the report as a standalone file: it loads nothing, and can be sent, kept and printed.
///
/// The thresholds that it draws are those of `policy`.
#[must_use]
pub fn render_slo(report: &SloReport, policy: &BurnRatePolicy) -> String {
    let title = "Service level objectives";
    let page_layout = PageLayout::standalone(title.into(), title.into());
    render(&slo_page(report, policy, page_layout, None))
}

/// Renders the report as a served page.
#[cfg(feature = "axum")]
pub(crate) fn render_served_slo(
    report: &SloReport,
    policy: &BurnRatePolicy,
    options: SloPageOptions<'_>,
) -> String {
    let title = format!("Service level objectives – {}", options.brand);
    let brand = options.brand.into();
    let mut page_layout = PageLayout::served(title, brand, options.base, options.auto_refresh);
    if options.public {
        page_layout.links =
            super::status::nav_links(Some(crate::model::routes::RouteKind::SloPage));
        page_layout.feed = true;
    }
    render(&slo_page(
        report,
        policy,
        page_layout,
        Some("/status/slo.json"),
    ))
}

fn slo_page(
    report: &SloReport,
    policy: &BurnRatePolicy,
    mut page_layout: PageLayout,
    json: Option<&'static str>,
) -> SloPage {
    let objectives: Vec<_> = report
        .objectives
        .iter()
        .map(|objective| objective_section(objective, policy))
        .collect();
    let worst = objectives
        .iter()
        .map(|objective| objective.state.severity)
        .max();
    let worst = objectives
        .iter()
        .find(|objective| Some(objective.state.severity) == worst);
    page_layout.icon = layout::icon_color(worst.map_or("none", |worst| worst.state.tone));
    SloPage {
        source: match report.source {
            ReportSource::Local => "Of this process",
            ReportSource::Prometheus => "Of the fleet, from Prometheus",
            ReportSource::Store => "Of one instance, from its store",
        },
        at: DisplayTime::utc(report.generated_at),
        layout: page_layout,
        objectives,
        json,
    }
}

fn objective_section(report: &ObjectiveReport, policy: &BurnRatePolicy) -> ObjectiveSection {
    ObjectiveSection {
        id: report.id(),
        description: report.description.clone(),
        window: report.window.to_string(),
        state: StateLabel::from_report(report),
        remarks: remarks(report),
        facts: labeled_values(report),
        burn_down: BurnDownChart::from_report(report),
        rates: burn_rate_bars(report, policy),
    }
}

fn labeled_values(report: &ObjectiveReport) -> Vec<LabeledValue> {
    let fact = |name, value: String, note: String| LabeledValue { name, value, note };
    let budget = report.budget();
    let known = |share: Option<_>, places| match share {
        Some(share) => format_percent(share, places),
        None => "unknown".into(),
    };
    let limit = report.threshold.map(|(value, unit)| {
        let unit = if unit == "percent" { "%" } else { unit };
        format!("within {} {unit}", value.format_trimmed(6))
    });
    let counts = if report.is_counted() {
        let (bad, total) = (group_digits(report.bad), group_digits(budget.total()));
        format!("{bad} bad of {total} {}", report.method.as_str())
    } else {
        String::new()
    };
    // Rounded down: 99.9 % covered is not all of it.
    let covered = format!("{} %", (report.coverage * 100.0).floor());
    let time = format!(
        "of {} in {}",
        format_duration_spaced(budget.time_budget()),
        report.window
    );
    vec![
        fact("Budget left", known(report.remaining(), 2), time),
        fact("Good (SLI)", known(report.sli(), 4), counts),
        fact(
            "Target",
            format!("{} %", report.target),
            limit.unwrap_or_default(),
        ),
        fact("Coverage", covered, "of the window has samples".into()),
    ]
}

#[cfg(test)]
mod tests;
