//! Live figures come from Prometheus and may be off by what a restart lost; the books in PostgreSQL
//! are by day and complete.

use super::context::{DashboardContext, counter, greatest, increase, rate};
use super::panel_spec::{PanelSpec, bars, lines, panel, row, stacked, stat};
use crate::generate::alerts::Baseline;
use crate::generate::grafana::{
    Color, DashboardModel, DisplayUnit, FieldOverride, Panel, Visualization,
};
use crate::model::alerts::{AlertSignal, DashboardId};
use crate::model::catalog::{MetricSpec, business};
use crate::model::promql::{InstantVector, QueryWindow};

const HOURS: QueryWindow = QueryWindow::hours(3);
const DAY: QueryWindow = QueryWindow::hours(24);

/// Returns the dashboard of business metrics: live, and from stored totals.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    context.dashboard(
        DashboardId::Business,
        "Business metrics",
        "Organisations, posts, AI generations, revenue and engagement: live from Prometheus, and day by day from the totals stored in PostgreSQL.",
        "7d",
        vec![
            row(
                context,
                "Overview: against the same 3 hours of the last three weeks",
                OVERVIEW,
            ),
            row(context, "Live, from Prometheus", CURRENT_TOTALS),
            row(context, "Compared with last week", WEEK_OVER_WEEK),
            row(context, "Daily totals, from PostgreSQL", STORED_TOTALS),
        ],
    )
}

const OVERVIEW: &[PanelSpec] = &[
    stat("Active organizations", DisplayUnit::Count)
        .shows("Organisations that the platform counts as active.", "As yesterday, or more.")
        .query("organizations", active_organizations)
        .with(|panel, _| panel.decimals(0).size(6, 4))
        .alert(AlertSignal::PostsPublished),
    stat("Posts against usual", DisplayUnit::Share)
        .shows("Posts published in 3 hours as a share of the median of the same hours of the last three weeks.", "About 100 %.")
        .query("{{environment}}", || ratio_to_baseline(&Baseline::posts()))
        .with(against_usual)
        .levels(AlertSignal::PostsPublished),
    stat("AI generations against usual", DisplayUnit::Share)
        .shows("AI generations in 3 hours as a share of the median of the same hours of the last three weeks.", "About 100 %.")
        .query("{{environment}}", || ratio_to_baseline(&Baseline::generations()))
        .with(against_usual)
        .levels(AlertSignal::AiGenerations),
    stat("Revenue against usual", DisplayUnit::Share)
        .shows("Revenue in 3 hours as a share of the median of the same hours of the last three weeks, by currency.", "About 100 %.")
        .query("{{currency}} {{environment}}", || ratio_to_baseline(&Baseline::revenue()))
        .with(against_usual)
        .levels(AlertSignal::Revenue),
];

const CURRENT_TOTALS: &[PanelSpec] = &[
    lines("Active organizations", DisplayUnit::Count)
        .shows("Organisations that the platform counts as active.", "A slow rise.")
        .query("organizations", active_organizations)
        .alert(AlertSignal::PostsPublished),
    bars("Posts published per day", DisplayUnit::Count)
        .shows("Posts that were published in the 24 hours up to each bar.", "The pattern of the week before.")
        .query("posts", || increase(&business::POSTS, DAY, &[]))
        .with(per_day)
        .alert(AlertSignal::PostsPublished),
    bars("AI generations per day", DisplayUnit::Count)
        .shows("AI generations that were delivered in the 24 hours up to each bar, by kind.", "The pattern of the week before.")
        .query("{{generation_kind}}", || increase(&business::AI_GENERATIONS, DAY, &["generation.kind"]))
        .with(per_day)
        .alert(AlertSignal::AiGenerations),
    bars("Revenue per day, in minor units", DisplayUnit::Count)
        .shows("Revenue and refunds in the 24 hours up to each bar, in minor units of the currency, such as cents.", "The pattern of the week before; refunds far below revenue.")
        .query("{{currency}}", || increase(&business::REVENUE, DAY, &["currency"]))
        .query("refunds {{currency}}", || increase(&business::REFUNDS, DAY, &["currency"]).neg())
        .with(|panel, context| {
            let refunds = FieldOverride::by_regex("refunds.*").color(Color::Red);
            per_day(panel, context).with_override(refunds)
        })
        .alert(AlertSignal::Revenue),
    stacked("User engagement", DisplayUnit::PerSecond)
        .shows("Interactions of users with posts per second, by kind.", "The shape of the day before.")
        .query("{{kind}}", || rate(&business::USER_ENGAGEMENT, &["kind"]))
        .alert(AlertSignal::PostsPublished),
];

const WEEK_OVER_WEEK: &[PanelSpec] = &[
    lines("Posts in 3 hours", DisplayUnit::Count)
        .shows(
            "Posts that were published in 3 hours, and in the same hours a week ago.",
            TWO_LINES,
        )
        .query("now ", || increase(&business::POSTS, HOURS, &[]))
        .query("a week ago ", || weeks_ago(1, &business::POSTS, &[]))
        .with(against_last_week)
        .alert(AlertSignal::PostsPublished),
    lines("AI generations in 3 hours", DisplayUnit::Count)
        .shows(
            "AI generations in 3 hours, and in the same hours a week ago.",
            TWO_LINES,
        )
        .query("now ", || increase(&business::AI_GENERATIONS, HOURS, &[]))
        .query("a week ago ", || {
            weeks_ago(1, &business::AI_GENERATIONS, &[])
        })
        .with(against_last_week)
        .alert(AlertSignal::AiGenerations),
    lines("Revenue in 3 hours, in minor units", DisplayUnit::Count)
        .shows(
            "Revenue in 3 hours, and in the same hours a week ago, by currency.",
            TWO_LINES,
        )
        .query("now {{currency}}", || {
            increase(&business::REVENUE, HOURS, &["currency"])
        })
        .query("a week ago {{currency}}", || {
            weeks_ago(1, &business::REVENUE, &["currency"])
        })
        .with(against_last_week)
        .alert(AlertSignal::Revenue),
];

const STORED_TOTALS: &[PanelSpec] = &[
    books("Posts published per day (stored)")
        .shows(
            "Posts of each day (UTC), across restarts and replicas.",
            NO_GAP,
        )
        .sql(|| daily_totals("figure", &["posts_published"]))
        .alert(AlertSignal::PostsPublished),
    books("AI generations per day (stored)")
        .shows(
            "AI generations of each day (UTC) by kind, across restarts and replicas.",
            NO_GAP,
        )
        .sql(|| daily_totals("attribute", &["ai_generations"]))
        .alert(AlertSignal::AiGenerations),
    books("Revenue per day, in minor units (stored)")
        .shows(
            "Revenue and refunds of each day (UTC) by currency, in minor units such as cents.",
            NO_GAP,
        )
        .sql(|| daily_totals("figure || ' ' || attribute", &["revenue", "refunds"]))
        .alert(AlertSignal::Revenue),
    books("Active organizations per day (stored)")
        .shows(
            "The most organisations that were active on each day (UTC).",
            NO_GAP,
        )
        .sql(|| daily_totals("figure", &["active_organizations"]))
        .alert(AlertSignal::PostsPublished),
    books("User engagement per day (stored)")
        .shows(
            "Interactions of users with posts on each day (UTC), by kind.",
            NO_GAP,
        )
        .sql(|| daily_totals("attribute", &["engagement"]))
        .alert(AlertSignal::PostsPublished),
];

const TWO_LINES: &str = "Two lines that nearly coincide.";
const NO_GAP: &str = "The pattern of the week before; no day is missing.";

/// Returns active organizations: the largest value of the replicas is right, not their sum.
fn active_organizations() -> InstantVector {
    greatest(&business::ACTIVE_ORGANIZATIONS, &[])
}

/// Returns the increase in the same 3 hours of an earlier week.
fn weeks_ago(weeks: u64, spec: &'static MetricSpec, by: &[&str]) -> InstantVector {
    let ago = QueryWindow::hours(weeks * 7 * 24);
    counter(spec).increase_offset(HOURS, ago).sum_by(by)
}

/// Returns the ratio of the last 3 hours to the median of the same hours of the last three weeks, as
/// alerts have it; no series before there are three.
fn ratio_to_baseline(baseline: &Baseline) -> InstantVector {
    let [ratio, usual] = [baseline.ratio(), baseline.baseline()]
        .map(|recorded| recorded.with_dashboard_variables().now());
    ratio.and(&usual.above(0_u32))
}

/// Returns the query of some figures' daily totals, with a column for each series.
fn daily_totals(series: &str, figures: &[&str]) -> String {
    let figures: Vec<_> = figures.iter().map(|figure| format!("'{figure}'")).collect();
    format!(
        "\
SELECT to_char(day, 'YYYY-MM-DD') AS day, {series} AS series, value::float8 AS value
FROM vantage_obs.daily_totals
WHERE figure IN ({}) AND day >= ($__timeFrom()::timestamptz AT TIME ZONE 'UTC')::date
  AND day <= ($__timeTo()::timestamptz AT TIME ZONE 'UTC')::date
ORDER BY day, series",
        figures.join(", ")
    )
}

const fn books(title: &'static str) -> PanelSpec {
    let chart = Visualization::BarChart("day\\series");
    panel(chart, title, DisplayUnit::Count).with(|panel, _| {
        panel
            .no_value("no totals: is the PostgreSQL store on?")
            .pivot("day", "series", "value")
    })
}

fn against_usual(panel: Panel, _: &DashboardContext<'_>) -> Panel {
    panel
        .decimals(0)
        .no_value("less than three weeks of history")
        .size(6, 4)
}

fn against_last_week(panel: Panel, _: &DashboardContext<'_>) -> Panel {
    let before = FieldOverride::by_regex("a week ago.*").color(Color::Gray);
    panel.size(8, 8).with_override(before)
}

fn per_day(panel: Panel, _: &DashboardContext<'_>) -> Panel {
    panel.min_interval("1d")
}
