use std::time::Duration;

use super::context::{
    DashboardContext, RATE, counter, gauge, over_time, percentiles_panel, ratio_or_zero,
};
use crate::generate::alerts::{burn_rate, remaining_budgets};
use crate::generate::grafana::{
    Color, DashboardModel, DashboardRow, DisplayUnit, FieldOverride, Panel, PanelQuery,
    ThresholdSteps, Visualization,
};
use crate::model::alerts::{self, AlertSignal};
use crate::model::catalog::{store, telemetry};
use crate::model::promql::{InstantVector, Select as _};
use crate::model::slo::policy::{AlertLevel, BurnRatePolicy, WindowPair};
use crate::model::units::format_duration;

/// Returns the dashboard of objectives, error budgets, and the quality of their data.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    let policy = context.input.config.slo.alert_policy();
    DashboardModel {
        uid: alerts::DashboardId::Slo.uid(),
        title: "SLOs and error budgets",
        description: "What was promised to those who use the platform, how much of the error budgets is left, and how fast it burns.",
        since: "24h",
        variables: context.variables(),
        annotations: context.annotations(),
        rows: vec![
            DashboardRow::new("Overview", overview(context, &policy)),
            DashboardRow::new("Error budgets", budgets(context)),
            DashboardRow::new("Burn rates", burn_rates(context, &policy)),
            DashboardRow::new(
                "All replicas together, as recorded by the rules",
                fleet(context, &policy),
            ),
            DashboardRow::new("Good and bad events", events(context)),
            DashboardRow::new(
                "Can these figures be trusted? Scrapes and samples",
                scrape_quality(context),
            ),
            DashboardRow::new(
                "Can these figures be trusted? What is pushed and stored",
                export_quality(context),
            ),
        ],
    }
}

/// Returns the highest burn rate of an objective's replicas over a window.
fn max_burn_rate(window: Duration) -> InstantVector {
    let window = format_duration(window);
    let rate = gauge(&telemetry::SLO_BURN_RATE)
        .with("window")
        .is(&window)
        .now();
    rate.max_by(&["objective"])
}

fn min_remaining() -> InstantVector {
    gauge(&telemetry::SLO_BUDGET_REMAINING)
        .now()
        .min_by(&["objective"])
}

fn active_alerts(severity: &str) -> InstantVector {
    gauge(&telemetry::SLO_ALERT)
        .with("severity")
        .is(severity)
        .now()
        .max_by(&["objective"])
}

fn pairs_of_level(policy: &BurnRatePolicy, level: AlertLevel) -> impl Iterator<Item = &WindowPair> {
    policy.pairs.iter().filter(move |pair| pair.level == level)
}

const fn level_color(level: AlertLevel) -> Color {
    match level {
        AlertLevel::Warning => Color::Yellow,
        AlertLevel::Critical => Color::Red,
    }
}

/// Returns the steps of a pair: green below its factor.
fn burn_rate_steps(pair: &WindowPair) -> ThresholdSteps {
    ThresholdSteps::single(Color::Green).step(pair.factor.to_f64(), level_color(pair.level))
}

fn budget_steps() -> ThresholdSteps {
    ThresholdSteps::single(Color::Red)
        .step(0.0, Color::Yellow)
        .step(0.25, Color::Green)
}

fn overview(context: &DashboardContext<'_>, policy: &BurnRatePolicy) -> Vec<Panel> {
    fn stat(title: &'static str, shows: &str, good: &str, unit: DisplayUnit) -> Panel {
        Panel::new(Visualization::Stat, title)
            .describe(shows, good)
            .unit(unit)
    }
    let alert_steps = ThresholdSteps::single(Color::Green).step(1.0, Color::Red);
    let critical = active_alerts("critical").sum_by(&[]);
    let warning = active_alerts("warning").sum_by(&[]);
    let frozen = active_alerts("frozen").sum_by(&[]);
    let mut panels = Vec::new();
    let fastest = [
        ("Fastest critical burn", AlertLevel::Critical),
        ("Fastest warning burn", AlertLevel::Warning),
    ];
    for (title, level) in fastest {
        let Some(pair) = pairs_of_level(policy, level).next() else {
            continue;
        };
        let (factor, long, short) = (
            pair.factor.format_trimmed(2),
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
            DisplayUnit::Count,
        )
        .decimals(2)
        .alert_levels(burn_rate_steps(pair))
        .no_value("no events")
        .query(over_time(&max_burn_rate(pair.long).max_by(&[])).legend("burn rate"));
        panels.push(context.with_alert_runbook(panel, AlertSignal::ErrorBudget));
    }
    let rest = [
        stat("Least budget left", "What is left of the error budget of the objective that has least of it; negative where it is overspent.", "More than the part of the window that is still to come.", DisplayUnit::Share)
            .decimals(1)
            .alert_levels(budget_steps())
            .no_value("no events")
            .query(over_time(&min_remaining().min_by(&[])).legend("budget left")),
        stat("Objectives in alert", "Objectives whose burn rate raises an alert, critical ones and warnings.", "0.", DisplayUnit::Count)
            .alert_levels(alert_steps)
            .query(over_time(&critical).legend("critical"))
            .query(over_time(&warning).legend("warning")),
        stat("Frozen objectives", "Objectives of which too few samples are there to say anything.", "0, half an hour after a start.", DisplayUnit::Count)
            .alert_levels(ThresholdSteps::single(Color::Green).step(1.0, Color::Yellow))
            .query(over_time(&frozen).legend("frozen")),
        stat("Bad events now", "The share of bad events among all of all objectives.", "Near 0 %.", DisplayUnit::Share)
            .decimals(2)
            .no_value("no events")
            .query(over_time(&bad_event_ratio(&[])).legend("bad")),
    ];
    panels.extend(rest.map(|panel| context.with_alert_runbook(panel, AlertSignal::ErrorBudget)));
    panels
}

fn bad_event_ratio(by: &[&str]) -> InstantVector {
    let all = counter(&telemetry::SLO_EVENTS).rate(RATE).sum_by(by);
    ratio_or_zero(&event_rate("bad", by), &all)
}

fn event_rate(result: &str, by: &[&str]) -> InstantVector {
    counter(&telemetry::SLO_EVENTS)
        .with("result")
        .is(result)
        .rate(RATE)
        .sum_by(by)
}

fn budgets(context: &DashboardContext<'_>) -> Vec<Panel> {
    let coverage = gauge(&telemetry::SLO_COVERAGE).now().min_by(&["objective"]);
    let state = active_alerts("frozen")
        .add(&active_alerts("warning").mul_number(2_u32))
        .add(&active_alerts("critical").mul_number(3_u32));
    let panels = [
        Panel::new(Visualization::BarGauge, "Error budget left")
            .describe("What is left of each objective's error budget in its window; of replicas the one that has least.", "More than the part of the window that is still to come.")
            .unit(DisplayUnit::Share)
            .decimals(1)
            .alert_levels(budget_steps())
            .zero_to_one()
            .no_value("no events")
            .query(PanelQuery::instant(min_remaining().to_string()).legend("{{objective}}"))
            .link(context.dashboard_link("API", alerts::DashboardId::Api))
            .link(context.dashboard_link("Workers", alerts::DashboardId::Workers)),
        Panel::new(Visualization::Lines, "Error budget over time")
            .describe("What was left of each objective's error budget.", "Level, or falling slowly; it rises as old errors leave the window.")
            .unit(DisplayUnit::Share)
            .query(over_time(&min_remaining()).legend("{{objective}}")),
        Panel::new(Visualization::StateTimeline, "Alerts of objectives")
            .value_mapping(0.0, "none", Color::Green)
            .value_mapping(1.0, "frozen", Color::Gray)
            .value_mapping(2.0, "warning", Color::Yellow)
            .value_mapping(3.0, "critical", Color::Red)
            .describe("What each objective raises.", "none.")
            .query(over_time(&state).legend("{{objective}}")),
        Panel::new(Visualization::Lines, "Coverage")
            .describe("The share of each objective's window that has samples. The rest counts neither as good nor as bad.", "Rises to 100 % once the service is as old as the window.")
            .unit(DisplayUnit::Share)
            .zero_to_one()
            .query(over_time(&coverage).legend("{{objective}}")),
    ];
    panels
        .map(|panel| context.with_alert_runbook(panel, AlertSignal::ErrorBudget))
        .into()
}

/// Returns a panel for each pair of windows: the long one, which says how much is gone, and the
/// short one, which says that it goes on.
fn burn_rates(context: &DashboardContext<'_>, policy: &BurnRatePolicy) -> Vec<Panel> {
    let panel = |(pair, title): (&WindowPair, &'static str)| {
        let (long, short) = (format_duration(pair.long), format_duration(pair.short));
        let factor = pair.factor.format_trimmed(2);
        let shows = format!(
            "How many times too fast each budget burns over {long} and over {short}; above {factor} in both, that is an alert."
        );
        let panel = Panel::new(Visualization::Lines, title)
            .describe(&shows, "Below 1: the budget outlasts its window.")
            .unit(DisplayUnit::Count)
            .alert_levels(burn_rate_steps(pair))
            .no_value("no events")
            .query(
                over_time(&max_burn_rate(pair.long)).legend(&format!("{{{{objective}}}} {long}")),
            )
            .query(
                over_time(&max_burn_rate(pair.short)).legend(&format!("{{{{objective}}}} {short}")),
            );
        context.with_alert_runbook(panel, AlertSignal::ErrorBudget)
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

/// Returns the panels of the alerts' own series. These have no instance: the variables
/// don't choose among them.
fn fleet(context: &DashboardContext<'_>, policy: &BurnRatePolicy) -> Vec<Panel> {
    let left = Panel::new(Visualization::BarGauge, "Error budget left, all replicas")
        .describe("What is left of each objective's error budget in its window, from the events of all replicas.", "More than the part of the window that is still to come.")
        .unit(DisplayUnit::Share)
        .decimals(1)
        .alert_levels(budget_steps())
        .zero_to_one()
        .no_value("no events, or no rules")
        .size(8, 8)
        .query(PanelQuery::instant(remaining_budgets().to_string()).legend("{{objective}}"));
    let titles = [
        "Critical burn, all replicas",
        "Warning burn, all replicas",
        "Slower burn, all replicas",
        "Slowest burn, all replicas",
    ];
    let burns = policy.pairs.iter().zip(titles).map(|(pair, title)| {
        let (long, factor) = (format_duration(pair.long), pair.factor.format_trimmed(2));
        let shows = format!("How many times too fast each budget burns over {long}, from the events of all replicas; the alert fires above {factor}.");
        let panel = Panel::new(Visualization::Lines, title)
            .describe(&shows, "Below 1: the budget outlasts its window.")
            .unit(DisplayUnit::Count)
            .alert_levels(burn_rate_steps(pair))
            .no_value("no events, or no rules")
            .size(8, 8);
        let objectives = context.input.objectives.iter();
        objectives.fold(panel, |panel, objective| {
            panel.query(over_time(&burn_rate(objective, pair.long)).legend(objective.id()))
        })
    });
    let panels = [left].into_iter().chain(burns);
    panels
        .map(|panel| context.with_alert_runbook(panel, AlertSignal::ErrorBudget))
        .collect()
}

fn events(context: &DashboardContext<'_>) -> Vec<Panel> {
    let all = counter(&telemetry::SLO_EVENTS)
        .rate(RATE)
        .sum_by(&["objective"]);
    let requests = counter(&telemetry::SLO_REQUESTS)
        .rate(RATE)
        .sum_by(&["result"]);
    let panels = [
        Panel::new(Visualization::Lines, "Events")
            .describe(
                "Events a second that count towards each objective.",
                "As usual at this hour: nothing else on this dashboard means much without events.",
            )
            .unit(DisplayUnit::PerSecond)
            .query(over_time(&all).legend("{{objective}}")),
        Panel::new(Visualization::Bars, "Bad events")
            .describe("Bad events a second, by objective.", "Few.")
            .unit(DisplayUnit::PerSecond)
            .query(over_time(&event_rate("bad", &["objective"])).legend("{{objective}}")),
        Panel::new(Visualization::Lines, "Share of bad events")
            .describe(
                "Bad events as a share of all, by objective.",
                "Below what the target permits.",
            )
            .unit(DisplayUnit::Share)
            .query(over_time(&bad_event_ratio(&["objective"])).legend("{{objective}}")),
        Panel::new(
            Visualization::Stacked,
            "Requests that slices of availability are judged by",
        )
        .describe(
            "Requests a second of all replicas: a slice is bad when more than a tenth of them is.",
            "Green.",
        )
        .unit(DisplayUnit::RequestsPerSecond)
        .query(over_time(&requests).legend("{{result}}"))
        .with_override(FieldOverride::by_name("good").color(Color::Green))
        .with_override(FieldOverride::by_name("bad").color(Color::Red)),
    ];
    panels
        .map(|panel| context.with_alert_runbook(panel, AlertSignal::ErrorBudget))
        .into()
}

fn scrape_quality(context: &DashboardContext<'_>) -> Vec<Panel> {
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
    let scrape = super::context::histogram(&telemetry::SCRAPE_DURATION);
    vec![
        context.with_alert_runbook(
            percentiles_panel("Time that scrapes take", &scrape)
                .describe("50, 90, 95 and 99 of 100 scrapes were collected and written within this time.", "Below a tenth of the scrape interval."),
            AlertSignal::ScrapeIncomplete,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Bars, "Left out of scrapes")
                .describe("Series, metrics or parts a second that scrapes had to leave out, and samples that were lost.", "None.")
                .unit(DisplayUnit::PerSecond)
                .no_value("none")
                .query(over_time(&errors).legend("{{job}} {{part}}"))
                .query(over_time(&samplers).legend("{{job}} sampler {{sampler}}")),
            AlertSignal::ScrapeIncomplete,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Bars, "Measurements in overflow series")
                .describe("Measurements a second without a series of their own, because their instrument holds its limit of series.", "None: a label holds too many values.")
                .unit(DisplayUnit::PerSecond)
                .no_value("none")
                .query(over_time(&overflow).legend("{{job}} {{instrument}}")),
            AlertSignal::SeriesOverflow,
        ),
    ]
}

fn export_quality(context: &DashboardContext<'_>) -> Vec<Panel> {
    let by = ["error.type"];
    let spans = counter(&telemetry::SPANS_PROCESSED).rate(RATE).sum_by(&by);
    let span_results = counter(&telemetry::SPANS_EXPORTED).rate(RATE).sum_by(&by);
    let logs = counter(&telemetry::LOGS_PROCESSED).rate(RATE).sum_by(&by);
    let log_results = counter(&telemetry::LOGS_EXPORTED).rate(RATE).sum_by(&by);
    let points = counter(&telemetry::POINTS_EXPORTED).rate(RATE).sum_by(&by);
    let full = |size, capacity| {
        let part = gauge(size).now().sum_by(&["job", "instance"]);
        part.div(&gauge(capacity).now().sum_by(&["job", "instance"]))
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
    let push = super::context::histogram(&telemetry::EXPORT_DURATION);
    let nothing = "nothing is pushed";
    vec![
        context.with_alert_runbook(
            Panel::new(Visualization::Lines, "Pushed")
                .describe("Spans, log records and metric points a second that were handed over and that the receiver took; with a reason, those that were lost.", "No line with a reason.")
                .unit(DisplayUnit::PerSecond)
                .no_value(nothing)
                .query(over_time(&spans).legend("spans {{error_type}}"))
                .query(over_time(&span_results).legend("spans taken {{error_type}}"))
                .query(over_time(&logs).legend("log records {{error_type}}"))
                .query(over_time(&log_results).legend("log records taken {{error_type}}"))
                .query(over_time(&points).legend("points taken {{error_type}}")),
            AlertSignal::ExportFailures,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Lines, "Queues of the push")
                .describe("How full the queues of spans and log records are.", "Near 0 %; what doesn't fit is lost.")
                .unit(DisplayUnit::Share)
                .zero_to_one()
                .no_value(nothing)
                .query(over_time(&span_queue).legend("spans {{instance}}"))
                .query(over_time(&log_queue).legend("log records {{instance}}")),
            AlertSignal::ExportFailures,
        ),
        context.with_alert_runbook(
            percentiles_panel("Time that pushes take", &push)
                .no_value(nothing)
                .describe("50, 90, 95 and 99 of 100 requests to the receiver took at most so long.", "Far below their timeout."),
            AlertSignal::ExportFailures,
        ),
        context.with_alert_levels(
            Panel::new(Visualization::Lines, "Age of the oldest change that is not durable")
                .describe("For how long the oldest change has waited for the store.", "Below a second.")
                .unit(DisplayUnit::Seconds)
                .query(over_time(&oldest).legend("{{job}} {{instance}}")),
            AlertSignal::StoreDelay,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Lines, "Changes that wait for the store")
                .describe("Changes that the store has not made durable yet.", "A few.")
                .unit(DisplayUnit::Count)
                .query(over_time(&pending).legend("{{job}} {{instance}}")),
            AlertSignal::StoreDelay,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Bars, "Commits of the store")
                .describe("Commits a second by result, and changes that were given up.", "ok alone.")
                .unit(DisplayUnit::PerSecond)
                .query(over_time(&commits).legend("{{job}} {{result}}"))
                .query(over_time(&dropped).legend("{{job}} dropped: {{reason}}")),
            AlertSignal::StoreDelay,
        ),
    ]
}
