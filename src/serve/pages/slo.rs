//! The objectives as a page: what is left of each budget, how it got there, and how fast it burns.

mod burn_down;
mod rates;
mod state;

use askama::Template;

use self::burn_down::BurnDown;
use self::rates::{Rate, rates};
use self::state::{State, remarks};
use super::frame::{self, Frame};
use super::moment::Moment;
use super::numbers::{grouped, percent, spoken};
use crate::model::slo::policy::Policy;
use crate::model::slo::report::{ObjectiveReport, Report, Source};

#[derive(Debug, Template)]
#[template(path = "slo.html", whitespace = "minimize")]
struct Page {
    frame: Frame,
    source: &'static str,
    at: Moment,
    objectives: Vec<Objective>,
    json: Option<&'static str>,
}

#[derive(Debug)]
struct Objective {
    id: String,
    description: Option<String>,
    window: String,
    state: State,
    remarks: Vec<String>,
    facts: Vec<Fact>,
    burn_down: Option<BurnDown>,
    rates: Vec<Rate>,
}

/// One figure under its name.
#[derive(Debug)]
struct Fact {
    name: &'static str,
    value: String,
    more: String,
}

/// How the page is served.
#[cfg(feature = "axum")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Served<'a> {
    /// Whose page it is.
    pub(crate) brand: &'a str,
    /// Whether there are public pages beside it.
    pub(crate) public: bool,
    /// Whether it loads itself anew.
    pub(crate) refreshing: bool,
}

/// The report as a page that is a file of its own: it loads nothing, and can be sent, kept and printed.
///
/// The thresholds that it draws are those of `policy`.
#[must_use]
pub fn render_slo(report: &Report, policy: &Policy) -> String {
    let title = "Service level objectives";
    let frame = Frame::of_a_file(title.into(), title.into());
    render(&page(report, policy, frame, None))
}

/// The same as it is served.
#[cfg(feature = "axum")]
pub(crate) fn serve_slo(report: &Report, policy: &Policy, served: Served<'_>) -> String {
    let title = format!("Service level objectives – {}", served.brand);
    let mut frame = Frame::served(title, served.brand.into(), served.refreshing);
    if served.public {
        frame.links = super::status::links("/status/slo");
        frame.feed = true;
    }
    render(&page(report, policy, frame, Some("/status/slo.json")))
}

fn render(page: &Page) -> String {
    // Only a writer can fail, and a string does not.
    page.render().unwrap_or_default()
}

fn page(report: &Report, policy: &Policy, mut frame: Frame, json: Option<&'static str>) -> Page {
    let objectives: Vec<_> = report
        .objectives
        .iter()
        .map(|objective| show(objective, policy))
        .collect();
    let worst = objectives
        .iter()
        .map(|objective| objective.state.rank)
        .max();
    let worst = objectives
        .iter()
        .find(|objective| Some(objective.state.rank) == worst);
    frame.icon = frame::icon(worst.map_or("none", |worst| worst.state.tone));
    Page {
        source: match report.source {
            Source::Local => "Of this process",
            Source::Prometheus => "Of the fleet, from Prometheus",
            Source::Store => "Of one instance, from its store",
        },
        at: Moment::utc(report.generated_at),
        frame,
        objectives,
        json,
    }
}

fn show(report: &ObjectiveReport, policy: &Policy) -> Objective {
    Objective {
        id: format!("{}.{}", report.service, report.name),
        description: report.description.clone(),
        window: report.window.to_string(),
        state: State::of(report),
        remarks: remarks(report),
        facts: facts(report),
        burn_down: BurnDown::of(report),
        rates: rates(report, policy),
    }
}

fn facts(report: &ObjectiveReport) -> Vec<Fact> {
    let fact = |name, value: String, more: String| Fact { name, value, more };
    let budget = report.budget();
    let known = |share: Option<_>, places| match share.filter(|_| report.is_counted()) {
        Some(share) => percent(share, places),
        None => "unknown".into(),
    };
    let limit = report.threshold.map(|(value, unit)| {
        let unit = if unit == "percent" { "%" } else { unit };
        format!("within {} {unit}", value.shortened(6))
    });
    let counts = if report.is_counted() {
        let (bad, total) = (grouped(report.bad), grouped(budget.total()));
        format!("{bad} bad of {total} {}", report.method.as_str())
    } else {
        String::new()
    };
    // Rounded down: 99.9 % covered is not all of it.
    let covered = format!("{} %", (report.coverage * 100.0).floor());
    let time = format!("of {} in {}", spoken(budget.time()), report.window);
    vec![
        fact("Budget left", known(budget.remaining(), 2), time),
        fact("Good (SLI)", known(budget.sli(), 4), counts),
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
