use super::context::{DashboardContext, RATE, counter, gauge, over_time};
use crate::generate::grafana::{
    Color, DashboardModel, DashboardRow, DisplayUnit, FieldOverride, Panel, PanelQuery,
    Visualization,
};
use crate::model::alerts::{self, AlertSignal};
use crate::model::catalog::{MetricSpec, business};
use crate::model::promql::{InstantVector, QueryWindow};

const DAY: QueryWindow = QueryWindow::hours(24);

/// Returns the dashboard of business metrics: live, and from stored totals.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    DashboardModel {
        uid: alerts::DashboardId::Business.uid(),
        title: "Business metrics",
        description: "Organisations, posts, AI generations, revenue and engagement: live from Prometheus, and day by day from the books in PostgreSQL.",
        since: "7d",
        variables: context.variables(),
        annotations: context.annotations(),
        rows: vec![
            DashboardRow::new(
                "Overview: against the same 3 hours of the last three weeks",
                overview(context),
            ),
            DashboardRow::new("Live, from Prometheus", current_totals(context)),
            DashboardRow::new("Compared with last week", week_over_week(context)),
            DashboardRow::new("The books, from PostgreSQL", stored_totals(context)),
        ],
    }
}

/// Returns the increase of a counter over a window.
fn increase(spec: &'static MetricSpec, window: QueryWindow, by: &[&str]) -> InstantVector {
    counter(spec).increase(window).sum_by(by)
}

/// Returns active organizations: the largest value of the replicas is right, not their sum.
fn active_organizations() -> InstantVector {
    gauge(&business::ACTIVE_ORGANIZATIONS).now().max_by(&[])
}

/// Returns the ratio of the last 3 hours to the median of the same hours of the last three weeks; no
/// series before there are three.
fn ratio_to_baseline(spec: &'static MetricSpec, by: &[&str]) -> InstantVector {
    let hours = QueryWindow::hours(3);
    let mut labels = by.to_vec();
    labels.push("week");
    let week = |weeks: u64, name: &str| {
        let ago = QueryWindow::hours(weeks * 7 * 24);
        counter(spec)
            .increase_offset(hours, ago)
            .sum_by(by)
            .with_label("week", name)
    };
    let weeks = week(1, "1").or(&week(2, "2")).or(&week(3, "3"));
    let baseline = weeks.median_without("week").above(0_u32);
    let known = weeks.count_without("week").equal(3_u32);
    increase(spec, hours, by).div(&baseline).and(&known)
}

fn overview(context: &DashboardContext<'_>) -> Vec<Panel> {
    let stat = |title, shows, good| {
        Panel::new(Visualization::Stat, title)
            .describe(shows, good)
            .unit(DisplayUnit::Share)
            .decimals(0)
            .no_value("less than three weeks of history")
            .size(6, 4)
    };
    vec![
        context.with_alert_runbook(
            Panel::new(Visualization::Stat, "Active organizations")
                .describe("Organisations that the platform counts as active.", "As yesterday, or more.")
                .unit(DisplayUnit::Count)
                .decimals(0)
                .size(6, 4)
                .query(over_time(&active_organizations()).legend("organizations")),
            AlertSignal::PostsPublished,
        ),
        context.with_alert_levels(
            stat("Posts against usual", "Posts published in 3 hours as a share of the median of the same hours of the last three weeks.", "About 100 %.")
                .query(over_time(&ratio_to_baseline(&business::POSTS, &[])).legend("posts")),
            AlertSignal::PostsPublished,
        ),
        context.with_alert_levels(
            stat("AI generations against usual", "AI generations in 3 hours as a share of the median of the same hours of the last three weeks.", "About 100 %.")
                .query(over_time(&ratio_to_baseline(&business::AI_GENERATIONS, &[])).legend("generations")),
            AlertSignal::AiGenerations,
        ),
        context.with_alert_levels(
            stat("Revenue against usual", "Revenue in 3 hours as a share of the median of the same hours of the last three weeks, by currency.", "About 100 %.")
                .query(over_time(&ratio_to_baseline(&business::REVENUE, &["currency"])).legend("{{currency}}")),
            AlertSignal::Revenue,
        ),
    ]
}

fn current_totals(context: &DashboardContext<'_>) -> Vec<Panel> {
    let per_day = |title, shows, good| {
        Panel::new(Visualization::Bars, title)
            .describe(shows, good)
            .unit(DisplayUnit::Count)
            .min_interval("1d")
    };
    let net = increase(&business::REVENUE, DAY, &["currency"]);
    let refunds = increase(&business::REFUNDS, DAY, &["currency"]);
    let engagement = counter(&business::USER_ENGAGEMENT)
        .rate(RATE)
        .sum_by(&["kind"]);
    vec![
        context.with_alert_runbook(
            Panel::new(Visualization::Lines, "Active organizations")
                .describe("Organisations that the platform counts as active.", "A slow rise.")
                .unit(DisplayUnit::Count)
                .query(over_time(&active_organizations()).legend("organizations")),
            AlertSignal::PostsPublished,
        ),
        context.with_alert_runbook(
            per_day("Posts published per day", "Posts that were published in the 24 hours up to each bar.", "The pattern of the week before.")
                .query(over_time(&increase(&business::POSTS, DAY, &[])).legend("posts")),
            AlertSignal::PostsPublished,
        ),
        context.with_alert_runbook(
            per_day("AI generations per day", "AI generations that were delivered in the 24 hours up to each bar, by kind.", "The pattern of the week before.")
                .query(over_time(&increase(&business::AI_GENERATIONS, DAY, &["generation.kind"])).legend("{{generation_kind}}")),
            AlertSignal::AiGenerations,
        ),
        context.with_alert_runbook(
            per_day("Revenue per day, in minor units", "Revenue and refunds in the 24 hours up to each bar, in minor units of the currency, such as cents.", "The pattern of the week before; refunds far below revenue.")
                .query(over_time(&net).legend("{{currency}}"))
                .query(over_time(&refunds.neg()).legend("refunds {{currency}}"))
                .with_override(FieldOverride::by_regex("refunds.*").color(Color::Red)),
            AlertSignal::Revenue,
        ),
        context.with_alert_runbook(
            Panel::new(Visualization::Stacked, "User engagement")
                .describe("Interactions of users with posts a second, by kind.", "The shape of the day before.")
                .unit(DisplayUnit::PerSecond)
                .query(over_time(&engagement).legend("{{kind}}")),
            AlertSignal::PostsPublished,
        ),
    ]
}

fn week_over_week(context: &DashboardContext<'_>) -> Vec<Panel> {
    let hours = QueryWindow::hours(3);
    let week = QueryWindow::hours(7 * 24);
    let panel = |title, shows, spec: &'static MetricSpec, by: &[&str], legend: &str| {
        let before = counter(spec).increase_offset(hours, week).sum_by(by);
        Panel::new(Visualization::Lines, title)
            .describe(shows, "Two lines that lie on each other.")
            .unit(DisplayUnit::Count)
            .size(8, 8)
            .query(over_time(&increase(spec, hours, by)).legend(&format!("now {legend}")))
            .query(over_time(&before).legend(&format!("a week ago {legend}")))
            .with_override(FieldOverride::by_regex("a week ago.*").color(Color::Gray))
    };
    vec![
        context.with_alert_runbook(
            panel(
                "Posts in 3 hours",
                "Posts that were published in 3 hours, and in the same hours a week ago.",
                &business::POSTS,
                &[],
                "",
            ),
            AlertSignal::PostsPublished,
        ),
        context.with_alert_runbook(
            panel(
                "AI generations in 3 hours",
                "AI generations in 3 hours, and in the same hours a week ago.",
                &business::AI_GENERATIONS,
                &[],
                "",
            ),
            AlertSignal::AiGenerations,
        ),
        context.with_alert_runbook(
            panel(
                "Revenue in 3 hours, in minor units",
                "Revenue in 3 hours, and in the same hours a week ago, by currency.",
                &business::REVENUE,
                &["currency"],
                "{{currency}}",
            ),
            AlertSignal::Revenue,
        ),
    ]
}

/// Returns the query of some figures' daily totals, with a column for each series.
fn daily_totals(series: &str, figures: &[&str]) -> PanelQuery {
    let figures: Vec<_> = figures.iter().map(|figure| format!("'{figure}'")).collect();
    PanelQuery::sql(format!(
        "\
SELECT to_char(day, 'YYYY-MM-DD') AS day, {series} AS series, value::float8 AS value
FROM vantage_obs.daily_totals
WHERE figure IN ({}) AND day >= ($__timeFrom()::timestamptz AT TIME ZONE 'UTC')::date
  AND day <= ($__timeTo()::timestamptz AT TIME ZONE 'UTC')::date
ORDER BY day, series",
        figures.join(", ")
    ))
}

fn stored_totals(context: &DashboardContext<'_>) -> Vec<Panel> {
    let panel = |title, shows, query: PanelQuery| {
        Panel::new(Visualization::BarChart("day\\series"), title)
            .describe(shows, "The pattern of the week before; no day is missing.")
            .unit(DisplayUnit::Count)
            .no_value("no totals: is the PostgreSQL store on?")
            .query(query)
            .pivot("day", "series", "value")
    };
    vec![
        context.with_alert_runbook(
            panel(
                "Posts published per day (books)",
                "Posts of each day (UTC), across restarts and replicas.",
                daily_totals("figure", &["posts_published"]),
            ),
            AlertSignal::PostsPublished,
        ),
        context.with_alert_runbook(
            panel(
                "AI generations per day (books)",
                "AI generations of each day (UTC) by kind, across restarts and replicas.",
                daily_totals("attribute", &["ai_generations"]),
            ),
            AlertSignal::AiGenerations,
        ),
        context.with_alert_runbook(
            panel(
                "Revenue per day, in minor units (books)",
                "Revenue and refunds of each day (UTC) by currency, in minor units such as cents.",
                daily_totals("figure || ' ' || attribute", &["revenue", "refunds"]),
            ),
            AlertSignal::Revenue,
        ),
        context.with_alert_runbook(
            panel(
                "Active organizations per day (books)",
                "The most organisations that were active on each day (UTC).",
                daily_totals("figure", &["active_organizations"]),
            ),
            AlertSignal::PostsPublished,
        ),
        context.with_alert_runbook(
            panel(
                "User engagement per day (books)",
                "Interactions of users with posts on each day (UTC), by kind.",
                daily_totals("attribute", &["engagement"]),
            ),
            AlertSignal::PostsPublished,
        ),
    ]
}
