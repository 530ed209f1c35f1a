use std::time::Duration;

use super::sheet::{RATE, Sheet, counter, gauge, over_time, percentiles_panel, share};
use crate::generate::alert_query::{budgets_left, burn_rate};
use crate::generate::grafana::{Color, Dashboard, Override, Panel, Query, Row, Steps, Unit, View};
use crate::model::alerts::{self, Signal};
use crate::model::catalog::{store, telemetry};
use crate::model::promql::{Select as _, Vector};
use crate::model::slo::policy::{Level, Pair, Policy};
use crate::model::units::format_duration;

/// Objectives, their error budgets, and how far these figures can be trusted.
pub(super) fn dashboard(sheet: &Sheet<'_>) -> Dashboard {
    let policy = sheet.source.config.slo.alert_policy();
    Dashboard {
        uid: alerts::Dashboard::Slo.uid(),
        title: "SLOs and error budgets",
        description: "What was promised to those who use the platform, how much of the error budgets is left, and how fast it burns.",
        since: "24h",
        variables: sheet.variables(),
        annotations: sheet.annotations(),
        rows: vec![
            Row::new("Overview", overview(sheet, &policy)),
            Row::new("Error budgets", budgets(sheet)),
            Row::new("Burn rates", burn_rates(sheet, &policy)),
            Row::new(
                "All replicas together, as recorded by the rules",
                fleet(sheet, &policy),
            ),
            Row::new("Good and bad events", events(sheet)),
            Row::new(
                "Can these figures be trusted? Scrapes and samples",
                trust(sheet),
            ),
            Row::new(
                "Can these figures be trusted? What is pushed and stored",
                carried(sheet),
            ),
        ],
    }
}

/// The fastest burn of an objective's replicas over a window.
fn burn(window: Duration) -> Vector {
    let window = format_duration(window);
    let rate = gauge(&telemetry::SLO_BURN_RATE)
        .with("window")
        .is(&window)
        .now();
    rate.max_by(&["objective"])
}

fn remaining() -> Vector {
    gauge(&telemetry::SLO_BUDGET_REMAINING)
        .now()
        .min_by(&["objective"])
}

fn raised(severity: &str) -> Vector {
    gauge(&telemetry::SLO_ALERT)
        .with("severity")
        .is(severity)
        .now()
        .max_by(&["objective"])
}

fn of_level(policy: &Policy, level: Level) -> impl Iterator<Item = &Pair> {
    policy.pairs.iter().filter(move |pair| pair.level == level)
}

const fn color(level: Level) -> Color {
    match level {
        Level::Warning => Color::Yellow,
        Level::Critical => Color::Red,
    }
}

/// Green until the factor of a pair.
fn steps(pair: &Pair) -> Steps {
    Steps::plain(Color::Green).from(pair.factor.to_f64(), color(pair.level))
}

fn budget_steps() -> Steps {
    Steps::plain(Color::Red)
        .from(0.0, Color::Yellow)
        .from(0.25, Color::Green)
}

fn overview(sheet: &Sheet<'_>, policy: &Policy) -> Vec<Panel> {
    fn stat(title: &'static str, shows: &str, good: &str, unit: Unit) -> Panel {
        Panel::new(View::Stat, title)
            .describe(shows, good)
            .unit(unit)
    }
    let alarm = Steps::plain(Color::Green).from(1.0, Color::Red);
    let critical = raised("critical").sum_by(&[]);
    let warning = raised("warning").sum_by(&[]);
    let frozen = raised("frozen").sum_by(&[]);
    let mut panels = Vec::new();
    let fastest = [
        ("Fastest critical burn", Level::Critical),
        ("Fastest warning burn", Level::Warning),
    ];
    for (title, level) in fastest {
        let Some(pair) = of_level(policy, level).next() else {
            continue;
        };
        let (factor, long, short) = (
            pair.factor.shortened(2),
            format_duration(pair.long),
            format_duration(pair.short),
        );
        let shows = format!(
            "How many times too fast the budget of the fastest objective burns over {long}; above {factor} there and over {short}, that is an alert."
        );
        let panel = stat(
            title,
            &shows,
            "Below 1: the budget outlasts its window.",
            Unit::Count,
        )
        .decimals(2)
        .levels(steps(pair))
        .nothing("no events")
        .query(over_time(&burn(pair.long).max_by(&[])).legend("burn rate"));
        panels.push(sheet.page_of(panel, Signal::ErrorBudget));
    }
    let rest = [
        stat("Least budget left", "What is left of the error budget of the objective that has least of it; negative where it is overspent.", "More than the part of the window that is still to come.", Unit::Share)
            .decimals(1)
            .levels(budget_steps())
            .nothing("no events")
            .query(over_time(&remaining().min_by(&[])).legend("budget left")),
        stat("Objectives in alert", "Objectives whose burn rate raises an alert, critical ones and warnings.", "0.", Unit::Count)
            .levels(alarm)
            .query(over_time(&critical).legend("critical"))
            .query(over_time(&warning).legend("warning")),
        stat("Frozen objectives", "Objectives of which too few samples are there to say anything.", "0, half an hour after a start.", Unit::Count)
            .levels(Steps::plain(Color::Green).from(1.0, Color::Yellow))
            .query(over_time(&frozen).legend("frozen")),
        stat("Bad events now", "The share of bad events among all of all objectives.", "Near 0 %.", Unit::Share)
            .decimals(2)
            .nothing("no events")
            .query(over_time(&bad_share(&[])).legend("bad")),
    ];
    panels.extend(rest.map(|panel| sheet.page_of(panel, Signal::ErrorBudget)));
    panels
}

fn bad_share(by: &[&str]) -> Vector {
    let all = counter(&telemetry::SLO_EVENTS).rate(RATE).sum_by(by);
    share(&events_of("bad", by), &all)
}

fn events_of(result: &str, by: &[&str]) -> Vector {
    counter(&telemetry::SLO_EVENTS)
        .with("result")
        .is(result)
        .rate(RATE)
        .sum_by(by)
}

fn budgets(sheet: &Sheet<'_>) -> Vec<Panel> {
    let coverage = gauge(&telemetry::SLO_COVERAGE).now().min_by(&["objective"]);
    let state = raised("frozen")
        .plus(&raised("warning").times(2_u32))
        .plus(&raised("critical").times(3_u32));
    let panels = [
        Panel::new(View::BarGauge, "Error budget left")
            .describe("What is left of each objective's error budget in its window; of replicas the one that has least.", "More than the part of the window that is still to come.")
            .unit(Unit::Share)
            .decimals(1)
            .levels(budget_steps())
            .whole_share()
            .nothing("no events")
            .query(Query::instant(remaining().to_string()).legend("{{objective}}"))
            .link(sheet.to("API", alerts::Dashboard::Api))
            .link(sheet.to("Workers", alerts::Dashboard::Workers)),
        Panel::new(View::Lines, "Error budget over time")
            .describe("What was left of each objective's error budget.", "Level, or falling slowly; it rises as old errors leave the window.")
            .unit(Unit::Share)
            .query(over_time(&remaining()).legend("{{objective}}")),
        Panel::new(View::StateTimeline, "Alerts of objectives")
            .word(0.0, "none", Color::Green)
            .word(1.0, "frozen", Color::Gray)
            .word(2.0, "warning", Color::Yellow)
            .word(3.0, "critical", Color::Red)
            .describe("What each objective raises.", "none.")
            .query(over_time(&state).legend("{{objective}}")),
        Panel::new(View::Lines, "Coverage")
            .describe("The share of each objective's window that has samples. The rest counts neither as good nor as bad.", "Rises to 100 % once the service is as old as the window.")
            .unit(Unit::Share)
            .whole_share()
            .query(over_time(&coverage).legend("{{objective}}")),
    ];
    panels
        .map(|panel| sheet.page_of(panel, Signal::ErrorBudget))
        .into()
}

/// A panel for each pair of windows: the long one, which says how much is gone, and the short one, which
/// says that it goes on.
fn burn_rates(sheet: &Sheet<'_>, policy: &Policy) -> Vec<Panel> {
    let panel = |(pair, title): (&Pair, &'static str)| {
        let (long, short) = (format_duration(pair.long), format_duration(pair.short));
        let factor = pair.factor.shortened(2);
        let shows = format!(
            "How many times too fast each budget burns over {long} and over {short}; above {factor} in both, that is an alert."
        );
        let panel = Panel::new(View::Lines, title)
            .describe(&shows, "Below 1: the budget outlasts its window.")
            .unit(Unit::Count)
            .levels(steps(pair))
            .nothing("no events")
            .query(over_time(&burn(pair.long)).legend(&format!("{{{{objective}}}} {long}")))
            .query(over_time(&burn(pair.short)).legend(&format!("{{{{objective}}}} {short}")));
        sheet.page_of(panel, Signal::ErrorBudget)
    };
    let titles = [
        "Critical burn",
        "Warning burn",
        "Slower burn",
        "Slowest burn",
    ];
    let named = policy.pairs.iter().zip(titles);
    named.map(panel).collect()
}

/// What the alerts look at. These series have no instance: the variables don't choose among them.
fn fleet(sheet: &Sheet<'_>, policy: &Policy) -> Vec<Panel> {
    let left = Panel::new(View::BarGauge, "Error budget left, all replicas")
        .describe("What is left of each objective's error budget in its window, from the events of all replicas.", "More than the part of the window that is still to come.")
        .unit(Unit::Share)
        .decimals(1)
        .levels(budget_steps())
        .whole_share()
        .nothing("no events, or no rules")
        .size(8, 8)
        .query(Query::instant(budgets_left().to_string()).legend("{{objective}}"));
    let titles = [
        "Critical burn, all replicas",
        "Warning burn, all replicas",
        "Slower burn, all replicas",
        "Slowest burn, all replicas",
    ];
    let burns = policy.pairs.iter().zip(titles).map(|(pair, title)| {
        let (long, factor) = (format_duration(pair.long), pair.factor.shortened(2));
        let shows = format!("How many times too fast each budget burns over {long}, from the events of all replicas; the alert fires above {factor}.");
        let panel = Panel::new(View::Lines, title)
            .describe(&shows, "Below 1: the budget outlasts its window.")
            .unit(Unit::Count)
            .levels(steps(pair))
            .nothing("no events, or no rules")
            .size(8, 8);
        let objectives = sheet.source.objectives.iter();
        objectives.fold(panel, |panel, objective| {
            panel.query(over_time(&burn_rate(objective, pair.long)).legend(objective.id()))
        })
    });
    let panels = [left].into_iter().chain(burns);
    panels
        .map(|panel| sheet.page_of(panel, Signal::ErrorBudget))
        .collect()
}

fn events(sheet: &Sheet<'_>) -> Vec<Panel> {
    let all = counter(&telemetry::SLO_EVENTS)
        .rate(RATE)
        .sum_by(&["objective"]);
    let requests = counter(&telemetry::SLO_REQUESTS)
        .rate(RATE)
        .sum_by(&["result"]);
    let panels = [
        Panel::new(View::Lines, "Events")
            .describe(
                "Events a second that count towards each objective.",
                "As usual at this hour: nothing else on this dashboard means much without events.",
            )
            .unit(Unit::PerSecond)
            .query(over_time(&all).legend("{{objective}}")),
        Panel::new(View::Bars, "Bad events")
            .describe("Bad events a second, by objective.", "Few.")
            .unit(Unit::PerSecond)
            .query(over_time(&events_of("bad", &["objective"])).legend("{{objective}}")),
        Panel::new(View::Lines, "Share of bad events")
            .describe(
                "Bad events as a share of all, by objective.",
                "Below what the target permits.",
            )
            .unit(Unit::Share)
            .query(over_time(&bad_share(&["objective"])).legend("{{objective}}")),
        Panel::new(
            View::Stacked,
            "Requests that slices of availability are judged by",
        )
        .describe(
            "Requests a second of all replicas: a slice is bad when more than a tenth of them is.",
            "Green.",
        )
        .unit(Unit::RequestsPerSecond)
        .query(over_time(&requests).legend("{{result}}"))
        .differ(Override::of("good").color(Color::Green))
        .differ(Override::of("bad").color(Color::Red)),
    ];
    panels
        .map(|panel| sheet.page_of(panel, Signal::ErrorBudget))
        .into()
}

fn trust(sheet: &Sheet<'_>) -> Vec<Panel> {
    let errors = counter(&telemetry::SCRAPE_ERRORS)
        .rate(RATE)
        .sum_by(&["job", "part"]);
    let samplers = counter(&telemetry::SAMPLER_ERRORS)
        .rate(RATE)
        .sum_by(&["job", "sampler"]);
    let overflow = counter(&telemetry::SERIES_OVERFLOW)
        .rate(RATE)
        .sum_by(&["job", "instrument"])
        .above(0_u32);
    let scrape = super::sheet::histogram(&telemetry::SCRAPE_DURATION);
    vec![
        sheet.page_of(
            percentiles_panel("Time that scrapes take", &scrape)
                .describe("50, 90, 95 and 99 of 100 scrapes were collected and written within this time.", "Below a tenth of the scrape interval."),
            Signal::ScrapeIncomplete,
        ),
        sheet.page_of(
            Panel::new(View::Bars, "Left out of scrapes")
                .describe("Series, metrics or parts a second that scrapes had to leave out, and samples that were lost.", "None.")
                .unit(Unit::PerSecond)
                .nothing("none")
                .query(over_time(&errors).legend("{{job}} {{part}}"))
                .query(over_time(&samplers).legend("{{job}} sampler {{sampler}}")),
            Signal::ScrapeIncomplete,
        ),
        sheet.page_of(
            Panel::new(View::Bars, "Measurements in overflow series")
                .describe("Measurements a second without a series of their own, because their instrument holds its limit of series.", "None: a label holds too many values.")
                .unit(Unit::PerSecond)
                .nothing("none")
                .query(over_time(&overflow).legend("{{job}} {{instrument}}")),
            Signal::SeriesOverflow,
        ),
    ]
}

fn carried(sheet: &Sheet<'_>) -> Vec<Panel> {
    let by = ["error.type"];
    let spans = counter(&telemetry::SPANS_PROCESSED).rate(RATE).sum_by(&by);
    let span_results = counter(&telemetry::SPANS_EXPORTED).rate(RATE).sum_by(&by);
    let logs = counter(&telemetry::LOGS_PROCESSED).rate(RATE).sum_by(&by);
    let log_results = counter(&telemetry::LOGS_EXPORTED).rate(RATE).sum_by(&by);
    let points = counter(&telemetry::POINTS_EXPORTED).rate(RATE).sum_by(&by);
    let full = |size, capacity| {
        let part = gauge(size).now().sum_by(&["job", "instance"]);
        part.over(&gauge(capacity).now().sum_by(&["job", "instance"]))
    };
    let span_queue = full(&telemetry::SPAN_QUEUE_SIZE, &telemetry::SPAN_QUEUE_CAPACITY);
    let log_queue = full(&telemetry::LOG_QUEUE_SIZE, &telemetry::LOG_QUEUE_CAPACITY);
    let pending = gauge(&store::PENDING).now().max_by(&["job", "instance"]);
    let oldest = gauge(&store::OLDEST_PENDING_AGE)
        .now()
        .max_by(&["job", "instance"]);
    let commits = counter(&store::COMMITS)
        .rate(RATE)
        .sum_by(&["job", "result"]);
    let dropped = counter(&store::DROPPED)
        .rate(RATE)
        .sum_by(&["job", "reason"]);
    let push = super::sheet::histogram(&telemetry::EXPORT_DURATION);
    let nothing = "nothing is pushed";
    vec![
        sheet.page_of(
            Panel::new(View::Lines, "Pushed")
                .describe("Spans, log records and metric points a second that were handed over and that the receiver took; with a reason, those that were lost.", "No line with a reason.")
                .unit(Unit::PerSecond)
                .nothing(nothing)
                .query(over_time(&spans).legend("spans {{error_type}}"))
                .query(over_time(&span_results).legend("spans taken {{error_type}}"))
                .query(over_time(&logs).legend("log records {{error_type}}"))
                .query(over_time(&log_results).legend("log records taken {{error_type}}"))
                .query(over_time(&points).legend("points taken {{error_type}}")),
            Signal::ExportFailures,
        ),
        sheet.page_of(
            Panel::new(View::Lines, "Queues of the push")
                .describe("How full the queues of spans and log records are.", "Near 0 %; what doesn't fit is lost.")
                .unit(Unit::Share)
                .whole_share()
                .nothing(nothing)
                .query(over_time(&span_queue).legend("spans {{instance}}"))
                .query(over_time(&log_queue).legend("log records {{instance}}")),
            Signal::ExportFailures,
        ),
        sheet.page_of(
            percentiles_panel("Time that pushes take", &push)
                .nothing(nothing)
                .describe("50, 90, 95 and 99 of 100 requests to the receiver took at most so long.", "Far below their timeout."),
            Signal::ExportFailures,
        ),
        sheet.alert(
            Panel::new(View::Lines, "Age of the oldest change that is not durable")
                .describe("For how long the oldest change has waited for the store.", "Below a second.")
                .unit(Unit::Seconds)
                .query(over_time(&oldest).legend("{{job}} {{instance}}")),
            Signal::StoreDelay,
        ),
        sheet.page_of(
            Panel::new(View::Lines, "Changes that wait for the store")
                .describe("Changes that the store has not made durable yet.", "A few.")
                .unit(Unit::Count)
                .query(over_time(&pending).legend("{{job}} {{instance}}")),
            Signal::StoreDelay,
        ),
        sheet.page_of(
            Panel::new(View::Bars, "Commits of the store")
                .describe("Commits a second by result, and changes that were given up.", "ok alone.")
                .unit(Unit::PerSecond)
                .query(over_time(&commits).legend("{{job}} {{result}}"))
                .query(over_time(&dropped).legend("{{job}} dropped: {{reason}}")),
            Signal::StoreDelay,
        ),
    ]
}
