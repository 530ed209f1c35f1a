//! | row | whose figures |
//! |---|---|
//! | overview, budgets, burn rates, events | each process's own, the worst shown |
//! | all replicas together | those that the rules record, which the alerts read |
//! | can these figures be trusted? | the telemetry's own |

use std::time::Duration;

use super::context::{
    DashboardContext, RATE, counter, gauge, greatest, histogram, least, rate, total,
};
use super::panel_spec::{
    PanelSpec, bar_gauge, bars, lines, percentiles, row, stacked, stat, state_timeline, with_link,
};
use crate::generate::alerts::{alert_levels, burn_rate, remaining_budgets};
use crate::generate::grafana::{
    Color, DashboardModel, DashboardRow, DisplayUnit, FieldOverride, Panel, PanelQuery,
    ThresholdSteps, Visualization,
};
use crate::model::alerts::{AlertSignal, DashboardId};
use crate::model::catalog::{MetricSpec, store, telemetry};
use crate::model::promql::{InstantVector, Select as _};
use crate::model::slo::policy::{AlertLevel, BurnRatePolicy, WindowPair};
use crate::model::units::format_duration;

/// Returns the dashboard of objectives, error budgets, and the quality of their data.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    let policy = context.input.config.slo.alert_policy();
    context.dashboard(
        DashboardId::Slo,
        "SLOs and error budgets",
        "The objectives that were promised to users, how much of their error budgets is left, and how fast the budgets burn.",
        "24h",
        vec![
            DashboardRow::new("Overview", overview(context, &policy)),
            row(context, "Error budgets", BUDGETS),
            DashboardRow::new("Burn rates", burn_rates(context, &policy)),
            DashboardRow::new(
                "All replicas together, as recorded by the rules",
                fleet(context, &policy),
            ),
            row(context, "Good and bad events", EVENTS),
            row(
                context,
                "Can these figures be trusted? Scrapes and samples",
                SCRAPE_QUALITY,
            ),
            row(
                context,
                "Can these figures be trusted? What is pushed and stored",
                EXPORT_QUALITY,
            ),
        ],
    )
}

/// The stats beside those of the policy's burn rates.
const OVERVIEW: &[PanelSpec] = &[
    stat("Least budget left", DisplayUnit::Share)
        .shows(
            "Remaining error budget of the objective with the least; negative if it is overspent.",
            "More than the part of the window that is still to come.",
        )
        .query("budget left", || min_remaining().min_by(&[]))
        .with(|panel, _| {
            panel
                .decimals(1)
                .alert_levels(budget_steps())
                .no_value("no events")
        })
        .alert(AlertSignal::ErrorBudget),
    stat("Objectives in alert", DisplayUnit::Count)
        .shows(
            "Objectives whose burn rate raises an alert, critical ones and warnings.",
            "0.",
        )
        .query("critical", || active_alerts("critical").sum_by(&[]))
        .query("warning", || active_alerts("warning").sum_by(&[]))
        .with(|panel, _| panel.alert_levels(none_but(Color::Red)))
        .alert(AlertSignal::ErrorBudget),
    stat("Frozen objectives", DisplayUnit::Count)
        .shows(
            "Objectives with too few samples to evaluate.",
            "0, half an hour after a start.",
        )
        .query("frozen", || active_alerts("frozen").sum_by(&[]))
        .with(|panel, _| panel.alert_levels(none_but(Color::Yellow)))
        .alert(AlertSignal::ErrorBudget),
    stat("Bad events now", DisplayUnit::Share)
        .shows(
            "The share of bad events among the events of all objectives.",
            "Near 0 %.",
        )
        .query("bad", || bad_event_ratio(&[]))
        .with(|panel, _| panel.decimals(2).no_value("no events"))
        .alert(AlertSignal::ErrorBudget),
];

const BUDGETS: &[PanelSpec] = &[
    bar_gauge("Error budget left", DisplayUnit::Share)
        .shows("Remaining error budget of each objective in its window; of several replicas the one with the least.", "More than the part of the window that is still to come.")
        .instant("{{objective}} {{job}}", min_remaining)
        .with(|panel, _| {
            let panel = with_budget_levels(panel).no_value("no events");
            let panel = with_link(panel, "API", DashboardId::Api);
            with_link(panel, "Workers", DashboardId::Workers)
        })
        .alert(AlertSignal::ErrorBudget),
    lines("Error budget over time", DisplayUnit::Share)
        .shows("Remaining error budget of each objective over time.", "Level, or falling slowly; it rises as old errors leave the window.")
        .query("{{objective}} {{job}}", min_remaining)
        .alert(AlertSignal::ErrorBudget),
    state_timeline("Alerts of objectives", DisplayUnit::Count)
        .shows("Alert state of each objective.", "none.")
        .query("{{objective}} {{job}}", || {
            let levels = alert_levels().with_dashboard_variables();
            levels.now().max_by(&["job", "objective"])
        })
        .with(|panel, _| {
            panel
                .value_mapping(0.0, "none", Color::Green)
                .value_mapping(1.0, "frozen", Color::Gray)
                .value_mapping(2.0, "warning", Color::Yellow)
                .value_mapping(3.0, "critical", Color::Red)
        })
        .alert(AlertSignal::ErrorBudget),
    lines("Coverage", DisplayUnit::Share)
        .shows("The share of each objective's window that has samples. The rest counts neither as good nor as bad.", "Rises to 100 % once the service has run for as long as the window.")
        .query("{{objective}} {{job}}", || least(&telemetry::SLO_COVERAGE, &["job", "objective"]))
        .with(|panel, _| panel.zero_to_one())
        .alert(AlertSignal::ErrorBudget),
];

const FLEET_BUDGET: PanelSpec = bar_gauge("Error budget left, all replicas", DisplayUnit::Share)
    .shows(
        "Remaining error budget of each objective in its window, from the events of all replicas.",
        "More than the part of the window that is still to come.",
    )
    .instant("{{objective}} {{job}}", || {
        remaining_budgets().with_dashboard_variables().now()
    })
    .with(|panel, _| {
        with_budget_levels(panel)
            .no_value("no events, or no rules")
            .size(8, 8)
    })
    .alert(AlertSignal::ErrorBudget);

const EVENTS: &[PanelSpec] = &[
    lines("Events", DisplayUnit::PerSecond)
        .shows(
            "Events per second that count towards each objective.",
            "As usual for this hour: without events nothing else on this dashboard means much.",
        )
        .query("{{objective}} {{job}}", || {
            rate(&telemetry::SLO_EVENTS, &["job", "objective"])
        })
        .alert(AlertSignal::ErrorBudget),
    bars("Bad events", DisplayUnit::PerSecond)
        .shows("Bad events per second, by objective.", "Few.")
        .query("{{objective}} {{job}}", || {
            bad_event_rate(&["job", "objective"])
        })
        .alert(AlertSignal::ErrorBudget),
    lines("Share of bad events", DisplayUnit::Share)
        .shows(
            "Bad events as a share of all, by objective.",
            "Below what the target permits.",
        )
        .query("{{objective}}", || bad_event_ratio(&["objective"]))
        .alert(AlertSignal::ErrorBudget),
    stacked(
        "Requests that slices of availability are judged by",
        DisplayUnit::RequestsPerSecond,
    )
    .shows(
        "Requests per second of all replicas: a slice is bad when more than a tenth of them is.",
        "Green.",
    )
    .query("{{result}}", || rate(&telemetry::SLO_REQUESTS, &["result"]))
    .with(|panel, _| {
        panel
            .with_override(FieldOverride::by_name("good").color(Color::Green))
            .with_override(FieldOverride::by_name("bad").color(Color::Red))
    })
    .alert(AlertSignal::ErrorBudget),
    lines("Declared maintenance", DisplayUnit::Count)
        .shows("1 while declared maintenance goes on, by service.", "0.")
        .query("{{job}}", || {
            greatest(&telemetry::SLO_MAINTENANCE, &["job"])
        })
        .with(|panel, _| panel.no_value("none is declared"))
        .alert(AlertSignal::ErrorBudget),
    bars("Events of maintenance", DisplayUnit::PerSecond)
        .shows(
            "Good and bad events per second of declared maintenance, which no objective counts.",
            "None.",
        )
        .query("{{objective}} {{result}}", || {
            rate(&telemetry::SLO_MAINTENANCE_EVENTS, &["objective", "result"])
        })
        .with(|panel, _| panel.no_value("none is declared"))
        .alert(AlertSignal::ErrorBudget),
];

const SCRAPE_QUALITY: &[PanelSpec] = &[
    percentiles("Time that scrapes take", || histogram(&telemetry::SCRAPE_DURATION))
        .shows("50, 90, 95 and 99 of 100 scrapes were collected and written within this time.", "Below a tenth of the scrape interval.")
        .alert(AlertSignal::ScrapeIncomplete),
    bars("Left out of scrapes", DisplayUnit::PerSecond)
        .shows("Series, metrics or parts per second that scrapes had to omit, and samples that were lost.", "None.")
        .query("{{job}} {{part}}", || rate(&telemetry::SCRAPE_ERRORS, &["job", "part"]))
        .query("{{job}} sampler {{sampler}}", || rate(&telemetry::SAMPLER_ERRORS, &["job", "sampler"]))
        .with(|panel, _| panel.no_value("none"))
        .alert(AlertSignal::ScrapeIncomplete),
    bars("Requests to the telemetry's own routes", DisplayUnit::RequestsPerSecond)
        .shows("Requests per second to the scrape, probes, workers, objectives and pages, by route and status; without a status there was no answer. No API metric counts them.", "Scrapes and probes at an even rate, and no status above 399.")
        .query("{{http_request_method}} {{http_route}} {{http_response_status_code}}", || rate(&telemetry::OPERATIONAL_REQUESTS, OPERATIONAL))
        .alert(AlertSignal::TargetDown),
    bars("Measurements in overflow series", DisplayUnit::PerSecond)
        .shows("Measurements per second without a series of their own, because their instrument holds its limit of series.", "None: a label holds too many values.")
        .query("{{job}} {{instrument}}", || {
            rate(&telemetry::SERIES_OVERFLOW, &["job", "instrument"]).above(0_u32)
        })
        .with(|panel, _| panel.no_value("none"))
        .alert(AlertSignal::SeriesOverflow),
];

const EXPORT_QUALITY: &[PanelSpec] = &[
    lines("Pushed", DisplayUnit::PerSecond)
        .shows("Spans, log records and metric points per second that were handed over and that the receiver accepted; with an error type, those that were lost.", "No line with an error type.")
        .query("spans {{error_type}}", || rate(&telemetry::SPANS_PROCESSED, ERROR))
        .query("spans taken {{error_type}}", || rate(&telemetry::SPANS_EXPORTED, ERROR))
        .query("log records {{error_type}}", || rate(&telemetry::LOGS_PROCESSED, ERROR))
        .query("log records taken {{error_type}}", || rate(&telemetry::LOGS_EXPORTED, ERROR))
        .query("points taken {{error_type}}", || rate(&telemetry::POINTS_EXPORTED, ERROR))
        .with(of_push)
        .alert(AlertSignal::ExportFailures),
    lines("Queues of the push", DisplayUnit::Share)
        .shows("Fill level of the queues of spans and log records.", "Near 0 %; whatever doesn't fit is lost.")
        .query("spans {{instance}}", || {
            fill_level(&telemetry::SPAN_QUEUE_SIZE, &telemetry::SPAN_QUEUE_CAPACITY)
        })
        .query("log records {{instance}}", || {
            fill_level(&telemetry::LOG_QUEUE_SIZE, &telemetry::LOG_QUEUE_CAPACITY)
        })
        .with(|panel, context| of_push(panel, context).zero_to_one())
        .alert(AlertSignal::ExportFailures),
    percentiles("Time that pushes take", || histogram(&telemetry::EXPORT_DURATION))
        .shows("50, 90, 95 and 99 of 100 requests to the receiver took at most this long.", "Far below their timeout.")
        .with(of_push)
        .alert(AlertSignal::ExportFailures),
    lines("Threads of the telemetry", DisplayUnit::Count)
        .shows("1 for each thread and task of the telemetry that works, 0 while it is down.", "1.")
        .query("{{job}} {{instance}} {{thread}}", || {
            least(&telemetry::THREAD_UP, &["job", "instance", "thread"])
        })
        .with(|panel, _| panel.zero_to_one())
        .alert(AlertSignal::ThreadDown),
    bars("Lost log lines", DisplayUnit::PerSecond)
        .shows("Log lines per second that were not written, because the reader of the output stalls or the output failed.", "None.")
        .query("{{job}} {{instance}}", || rate(&telemetry::LOG_LINES_LOST, PROCESS))
        .alert(AlertSignal::ExportFailures),
    lines("Functions of the service that hang", DisplayUnit::Count)
        .shows("Health checks, metric callbacks, notifications and samplers of the service that did not return in time.", "None; each is left out until it returns, and named in the log.")
        .query("{{job}} {{instance}} {{callback_kind}}", || greatest(&telemetry::HANGING_CALLBACKS, &["job", "instance", "callback_kind"]))
        .alert(AlertSignal::ScrapeIncomplete),
    lines("Age of the oldest change that is not durable", DisplayUnit::Seconds)
        .shows("Time that the oldest change has waited for the store.", "Below a second.")
        .query("{{job}} {{instance}}", || greatest(&store::OLDEST_PENDING_AGE, PROCESS))
        .levels(AlertSignal::StoreDelay),
    lines("Changes that wait for the store", DisplayUnit::Count)
        .shows("Changes that the store has not made durable yet.", "A few.")
        .query("{{job}} {{instance}}", || greatest(&store::PENDING, PROCESS))
        .alert(AlertSignal::StoreDelay),
    bars("Commits of the store", DisplayUnit::PerSecond)
        .shows("Commits per second by result, and changes that were given up.", "Only ok.")
        .query("{{job}} {{result}}", || rate(&store::COMMITS, &["job", "result"]))
        .query("{{job}} dropped: {{reason}}", || rate(&store::DROPPED, &["job", "reason"]))
        .alert(AlertSignal::StoreDelay),
];

const OPERATIONAL: &[&str] = &[
    "http.request.method",
    "http.route",
    "http.response.status_code",
];
const ERROR: &[&str] = &["error.type"];
const PROCESS: &[&str] = &["job", "instance"];

/// Returns the overview: the fastest burn of each level that the policy has, and the other stats.
fn overview(context: &DashboardContext<'_>, policy: &BurnRatePolicy) -> Vec<Panel> {
    let levels = [
        ("Fastest critical burn", AlertLevel::Critical),
        ("Fastest warning burn", AlertLevel::Warning),
    ];
    let fastest = levels.into_iter().filter_map(|(title, level)| {
        let pair = policy.pairs.iter().find(|pair| pair.level == level)?;
        Some(fastest_burn(context, title, pair))
    });
    let others = OVERVIEW.iter().map(|panel| panel.build(context));
    fastest.chain(others).collect()
}

fn fastest_burn(context: &DashboardContext<'_>, title: &'static str, pair: &WindowPair) -> Panel {
    let (factor, long, short) = (
        pair.factor.format_trimmed(2),
        format_duration(pair.long),
        format_duration(pair.short),
    );
    let shows = format!(
        "How many times too fast the budget of the fastest objective burns over {long}; above {factor} there and over {short}, that is an alert."
    );
    let panel = burn_rate_panel(Visualization::Stat, title, &shows, pair)
        .decimals(2)
        .query(over_time(
            &max_burn_rate(pair.long).max_by(&[]),
            "burn rate",
        ));
    context.with_alert_runbook(panel, AlertSignal::ErrorBudget)
}

/// Returns a panel with the level of a pair of windows.
fn burn_rate_panel(
    visualization: Visualization,
    title: &'static str,
    shows: &str,
    pair: &WindowPair,
) -> Panel {
    Panel::new(visualization, title)
        .describe(shows, "Below 1: the budget outlasts its window.")
        .unit(DisplayUnit::Count)
        .alert_levels(burn_rate_steps(pair))
        .no_value("no events")
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
        let panel = burn_rate_panel(Visualization::Lines, title, &shows, pair)
            .query(over_time(
                &max_burn_rate(pair.long),
                &format!("{{{{objective}}}} {{{{job}}}} {long}"),
            ))
            .query(over_time(
                &max_burn_rate(pair.short),
                &format!("{{{{objective}}}} {{{{job}}}} {short}"),
            ));
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

/// Returns the panels of the alerts' own series, of each service. These have no instance.
fn fleet(context: &DashboardContext<'_>, policy: &BurnRatePolicy) -> Vec<Panel> {
    let titles = [
        "Critical burn, all replicas",
        "Warning burn, all replicas",
        "Slower burn, all replicas",
        "Slowest burn, all replicas",
    ];
    let burns = policy.pairs.iter().zip(titles).map(|(pair, title)| {
        let (long, factor) = (format_duration(pair.long), pair.factor.format_trimmed(2));
        let shows = format!("How many times too fast each budget burns over {long}, from the events of all replicas; the alert fires above {factor}.");
        let panel = burn_rate_panel(Visualization::Lines, title, &shows, pair)
            .no_value("no events, or no rules")
            .size(8, 8);
        let objectives = context.input.objectives.iter();
        objectives.fold(panel, |panel, objective| {
            let legend = format!("{} {{{{job}}}}", objective.id());
            panel.query(over_time(&burn_rate(objective, pair.long), &legend))
        })
    });
    let burns = burns.map(|panel| context.with_alert_runbook(panel, AlertSignal::ErrorBudget));
    [FLEET_BUDGET.build(context)]
        .into_iter()
        .chain(burns)
        .collect()
}

/// Returns the highest burn rate of an objective's replicas over a window.
fn max_burn_rate(window: Duration) -> InstantVector {
    let window = format_duration(window);
    let rate = gauge(&telemetry::SLO_BURN_RATE)
        .with("window")
        .is(&window)
        .now();
    rate.max_by(&["job", "objective"])
}

fn min_remaining() -> InstantVector {
    least(&telemetry::SLO_BUDGET_REMAINING, &["job", "objective"])
}

fn active_alerts(severity: &str) -> InstantVector {
    gauge(&telemetry::SLO_ALERT)
        .with("severity")
        .is(severity)
        .now()
        .max_by(&["job", "objective"])
}

/// Returns the colour that the level has on every dashboard.
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

/// Returns red below 0, yellow below a quarter, green above.
fn budget_steps() -> ThresholdSteps {
    ThresholdSteps::single(Color::Red)
        .step(0.0, Color::Yellow)
        .step(0.25, Color::Green)
}

fn none_but(color: Color) -> ThresholdSteps {
    ThresholdSteps::single(Color::Green).step(1.0, color)
}

fn with_budget_levels(panel: Panel) -> Panel {
    panel.decimals(1).alert_levels(budget_steps()).zero_to_one()
}

fn of_push(panel: Panel, _: &DashboardContext<'_>) -> Panel {
    panel.no_value("nothing is pushed")
}

fn bad_event_rate(by: &[&str]) -> InstantVector {
    let events = counter(&telemetry::SLO_EVENTS).with("result").is("bad");
    events.rate(RATE).sum_by(by)
}

fn bad_event_ratio(by: &[&str]) -> InstantVector {
    // Each objective has a series of good and one of bad events.
    bad_event_rate(by).div(&rate(&telemetry::SLO_EVENTS, by).above(0_u32))
}

fn fill_level(size: &'static MetricSpec, capacity: &'static MetricSpec) -> InstantVector {
    total(size, PROCESS).div(&total(capacity, PROCESS))
}

fn over_time(vector: &InstantVector, legend: &str) -> PanelQuery {
    PanelQuery::range(vector.clone()).legend(legend)
}
