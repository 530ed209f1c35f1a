//! The page of the objectives: a compact card of each, then its burn-down and burn rates.

mod burn_down;
mod rates;
mod state;

use std::collections::BTreeMap;

use askama::Template;

use self::burn_down::BurnDownChart;
use self::rates::{BurnRateBar, burn_rate_bars, fastest_burn_rate};
use self::state::{StateLabel, remarks};
use super::display_time::DisplayTime;
use super::format::{format_percent, group_digits};
use super::layout::{self, PageLayout};
use super::render;
use crate::model::slo::policy::BurnRatePolicy;
use crate::model::slo::report::{ObjectiveReport, ReportSource, SloReport};
use crate::model::units::{Ratio, format_duration_spaced};
#[cfg(feature = "axum")]
use crate::serve::link_base::LinkBase;

#[derive(Debug, Template)]
#[template(path = "slo.html", whitespace = "minimize")]
struct SloPage {
    layout: PageLayout,
    source: &'static str,
    at: DisplayTime,
    objectives: Vec<ObjectiveSection>,
    /// The path of the same as JSON; `None` in a file, which has no server.
    json: Option<&'static str>,
}

#[derive(Debug)]
struct ObjectiveSection {
    id: String,
    /// Its place on the page.
    anchor: String,
    description: Option<String>,
    window: String,
    state: StateLabel,
    /// The part of the window that has samples, while that is not all of it.
    collecting: Option<String>,
    remarks: Vec<String>,
    /// The figures of its card.
    figures: Vec<LabeledValue>,
    facts: Vec<LabeledValue>,
    burn_down: Option<BurnDownChart>,
    rates: Vec<BurnRateBar>,
}

/// A value with its label.
#[derive(Debug)]
struct LabeledValue {
    name: &'static str,
    value: String,
    /// The whole that the value is a part of, in small print.
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
    let mut objectives: Vec<_> = report
        .objectives
        .iter()
        .map(|objective| objective_section(objective, policy))
        .collect();
    number_anchors(&mut objectives);
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

/// Makes the places of objectives with one id differ, as a fleet's report has them.
fn number_anchors(objectives: &mut [ObjectiveSection]) {
    let mut seen = BTreeMap::<String, usize>::new();
    for objective in objectives {
        let count = seen.entry(objective.anchor.clone()).or_default();
        *count += 1;
        if *count > 1 {
            objective.anchor = format!("{}-{count}", objective.anchor);
        }
    }
}

fn objective_section(report: &ObjectiveReport, policy: &BurnRatePolicy) -> ObjectiveSection {
    ObjectiveSection {
        id: section_id(report),
        anchor: section_id(report),
        description: report.description.clone(),
        window: report.window.to_string(),
        state: StateLabel::from_report(report),
        collecting: report.collecting_text().map(|text| capitalize(&text)),
        remarks: remarks(report),
        figures: card_figures(report),
        facts: labeled_values(report),
        burn_down: BurnDownChart::from_report(report),
        rates: burn_rate_bars(report, policy),
    }
}

const UNKNOWN: &str = "unknown";

fn format_share(share: Option<Ratio>, places: u32) -> String {
    share.map_or_else(|| UNKNOWN.into(), |share| format_percent(share, places))
}

/// Returns the figures of an objective's card.
fn card_figures(report: &ObjectiveReport) -> Vec<LabeledValue> {
    let figure = |name, value| LabeledValue {
        name,
        value,
        note: String::new(),
    };
    let burn_rate = fastest_burn_rate(report);
    vec![
        figure("SLI", format_share(report.sli(), 2)),
        figure("Target", format!("{}\u{a0}%", report.target)),
        figure("Budget left", format_share(report.remaining(), 1)),
        LabeledValue {
            name: "Burn rate",
            value: burn_rate.value,
            note: burn_rate.window,
        },
    ]
}

/// Returns the name of a section, which is its anchor, too: no part of that may be a space.
fn section_id(report: &ObjectiveReport) -> String {
    match report.service_text() {
        Some(service) => {
            format!("{} of {service}", report.id()).replace(char::is_whitespace, "\u{a0}")
        }
        None => report.id(),
    }
}

fn labeled_values(report: &ObjectiveReport) -> Vec<LabeledValue> {
    let fact = |name, value: String, note: String| LabeledValue { name, value, note };
    let budget = report.budget();
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
    let time = format!(
        "of {} in {}",
        format_duration_spaced(budget.time_budget()),
        report.window
    );
    vec![
        fact("Budget left", format_share(report.remaining(), 2), time),
        fact("Good (SLI)", format_share(report.sli(), 4), counts),
        fact(
            "Target",
            format!("{}\u{a0}%", report.target),
            limit.unwrap_or_default(),
        ),
        samples(report),
    ]
}

/// Returns how much of the window has samples. Rounded down: 99.9 % of it is not all of it.
fn samples(report: &ObjectiveReport) -> LabeledValue {
    let collecting = report.collecting_text();
    let (value, note) = match collecting.as_deref().and_then(|text| text.split_once(", ")) {
        Some((words, part)) => (capitalize(words), part.to_owned()),
        None if !report.is_counted() => (UNKNOWN.into(), String::new()),
        None => {
            let share = format_percent(report.seen().share(), 0);
            (share, "of the window has them".into())
        }
    };
    LabeledValue {
        name: "Samples",
        value,
        note,
    }
}

fn capitalize(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

#[cfg(test)]
mod tests;
