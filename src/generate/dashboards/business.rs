use super::sheet::{RATE, Sheet, counter, gauge, over_time};
use crate::generate::grafana::{Color, Dashboard, Override, Panel, Query, Row, Unit, View};
use crate::model::alerts::{self, Signal};
use crate::model::catalog::{MetricSpec, business};
use crate::model::promql::{Vector, Window};

const DAY: Window = Window::hours(24);

/// What the platform is for: live, and in the books.
pub(super) fn dashboard(sheet: &Sheet<'_>) -> Dashboard {
    Dashboard {
        uid: alerts::Dashboard::Business.uid(),
        title: "Business metrics",
        description: "Organisations, posts, AI generations, revenue and engagement: live from Prometheus, and day by day from the books in PostgreSQL.",
        since: "7d",
        variables: sheet.variables(),
        annotations: sheet.annotations(),
        rows: vec![
            Row::new(
                "Overview: against the same 3 hours of the last three weeks",
                overview(sheet),
            ),
            Row::new("Live, from Prometheus", live(sheet)),
            Row::new("Compared with last week", compared(sheet)),
            Row::new("The books, from PostgreSQL", books(sheet)),
        ],
    }
}

/// What was counted over a window.
fn counted(spec: &'static MetricSpec, window: Window, by: &[&str]) -> Vector {
    counter(spec).increase(window).sum_by(by)
}

/// The largest of the replicas is right, not their sum.
fn organizations() -> Vector {
    gauge(&business::ACTIVE_ORGANIZATIONS).now().max_by(&[])
}

/// The last 3 hours over the median of the same hours of the last three weeks; nothing before there
/// are three.
fn against_usual(spec: &'static MetricSpec, by: &[&str]) -> Vector {
    let hours = Window::hours(3);
    let mut labels = by.to_vec();
    labels.push("week");
    let week = |weeks: u64, name: &str| {
        let ago = Window::hours(weeks * 7 * 24);
        counter(spec)
            .increase_before(hours, ago)
            .sum_by(by)
            .labelled("week", name)
    };
    let weeks = week(1, "1").or(&week(2, "2")).or(&week(3, "3"));
    let usual = weeks.median_without("week").above(0_u32);
    let known = weeks.count_without("week").equal(3_u32);
    counted(spec, hours, by).over(&usual).and(&known)
}

fn overview(sheet: &Sheet<'_>) -> Vec<Panel> {
    let stat = |title, shows, good| {
        Panel::new(View::Stat, title)
            .describe(shows, good)
            .unit(Unit::Share)
            .decimals(0)
            .nothing("less than three weeks of history")
            .size(6, 4)
    };
    vec![
        sheet.page_of(
            Panel::new(View::Stat, "Active organizations")
                .describe("Organisations that the platform counts as active.", "As yesterday, or more.")
                .unit(Unit::Count)
                .decimals(0)
                .size(6, 4)
                .query(over_time(&organizations()).legend("organizations")),
            Signal::PostsPublished,
        ),
        sheet.alert(
            stat("Posts against usual", "Posts published in 3 hours as a share of the median of the same hours of the last three weeks.", "About 100 %.")
                .query(over_time(&against_usual(&business::POSTS, &[])).legend("posts")),
            Signal::PostsPublished,
        ),
        sheet.alert(
            stat("AI generations against usual", "AI generations in 3 hours as a share of the median of the same hours of the last three weeks.", "About 100 %.")
                .query(over_time(&against_usual(&business::AI_GENERATIONS, &[])).legend("generations")),
            Signal::AiGenerations,
        ),
        sheet.alert(
            stat("Revenue against usual", "Revenue in 3 hours as a share of the median of the same hours of the last three weeks, by currency.", "About 100 %.")
                .query(over_time(&against_usual(&business::REVENUE, &["currency"])).legend("{{currency}}")),
            Signal::Revenue,
        ),
    ]
}

fn live(sheet: &Sheet<'_>) -> Vec<Panel> {
    let per_day = |title, shows, good| {
        Panel::new(View::Bars, title)
            .describe(shows, good)
            .unit(Unit::Count)
            .every("1d")
    };
    let net = counted(&business::REVENUE, DAY, &["currency"]);
    let refunds = counted(&business::REFUNDS, DAY, &["currency"]);
    let engagement = counter(&business::USER_ENGAGEMENT)
        .rate(RATE)
        .sum_by(&["kind"]);
    vec![
        sheet.page_of(
            Panel::new(View::Lines, "Active organizations")
                .describe("Organisations that the platform counts as active.", "A slow rise.")
                .unit(Unit::Count)
                .query(over_time(&organizations()).legend("organizations")),
            Signal::PostsPublished,
        ),
        sheet.page_of(
            per_day("Posts published per day", "Posts that were published in the 24 hours up to each bar.", "The pattern of the week before.")
                .query(over_time(&counted(&business::POSTS, DAY, &[])).legend("posts")),
            Signal::PostsPublished,
        ),
        sheet.page_of(
            per_day("AI generations per day", "AI generations that were delivered in the 24 hours up to each bar, by kind.", "The pattern of the week before.")
                .query(over_time(&counted(&business::AI_GENERATIONS, DAY, &["generation.kind"])).legend("{{generation_kind}}")),
            Signal::AiGenerations,
        ),
        sheet.page_of(
            per_day("Revenue per day, in minor units", "Revenue and refunds in the 24 hours up to each bar, in minor units of the currency, such as cents.", "The pattern of the week before; refunds far below revenue.")
                .query(over_time(&net).legend("{{currency}}"))
                .query(over_time(&refunds.negated()).legend("refunds {{currency}}"))
                .differ(Override::matching("refunds.*").color(Color::Red)),
            Signal::Revenue,
        ),
        sheet.page_of(
            Panel::new(View::Stacked, "User engagement")
                .describe("Interactions of users with posts a second, by kind.", "The shape of the day before.")
                .unit(Unit::PerSecond)
                .query(over_time(&engagement).legend("{{kind}}")),
            Signal::PostsPublished,
        ),
    ]
}

fn compared(sheet: &Sheet<'_>) -> Vec<Panel> {
    let hours = Window::hours(3);
    let week = Window::hours(7 * 24);
    let panel = |title, shows, spec: &'static MetricSpec, by: &[&str], legend: &str| {
        let before = counter(spec).increase_before(hours, week).sum_by(by);
        Panel::new(View::Lines, title)
            .describe(shows, "Two lines that lie on each other.")
            .unit(Unit::Count)
            .size(8, 8)
            .query(over_time(&counted(spec, hours, by)).legend(&format!("now {legend}")))
            .query(over_time(&before).legend(&format!("a week ago {legend}")))
            .differ(Override::matching("a week ago.*").color(Color::Gray))
    };
    vec![
        sheet.page_of(
            panel(
                "Posts in 3 hours",
                "Posts that were published in 3 hours, and in the same hours a week ago.",
                &business::POSTS,
                &[],
                "",
            ),
            Signal::PostsPublished,
        ),
        sheet.page_of(
            panel(
                "AI generations in 3 hours",
                "AI generations in 3 hours, and in the same hours a week ago.",
                &business::AI_GENERATIONS,
                &[],
                "",
            ),
            Signal::AiGenerations,
        ),
        sheet.page_of(
            panel(
                "Revenue in 3 hours, in minor units",
                "Revenue in 3 hours, and in the same hours a week ago, by currency.",
                &business::REVENUE,
                &["currency"],
                "{{currency}}",
            ),
            Signal::Revenue,
        ),
    ]
}

/// The daily totals of some figures, with a column for each series.
fn totals(series: &str, figures: &[&str]) -> Query {
    let figures: Vec<_> = figures.iter().map(|figure| format!("'{figure}'")).collect();
    Query::sql(format!(
        "\
SELECT to_char(day, 'YYYY-MM-DD') AS day, {series} AS series, value::float8 AS value
FROM vantage_obs.daily_totals
WHERE figure IN ({}) AND day >= ($__timeFrom()::timestamptz AT TIME ZONE 'UTC')::date
  AND day <= ($__timeTo()::timestamptz AT TIME ZONE 'UTC')::date
ORDER BY day, series",
        figures.join(", ")
    ))
}

fn books(sheet: &Sheet<'_>) -> Vec<Panel> {
    let panel = |title, shows, query: Query| {
        Panel::new(View::BarChart("day\\series"), title)
            .describe(shows, "The pattern of the week before; no day is missing.")
            .unit(Unit::Count)
            .nothing("no totals: is the PostgreSQL store on?")
            .query(query)
            .pivoted("day", "series", "value")
    };
    vec![
        sheet.page_of(
            panel(
                "Posts published per day (books)",
                "Posts of each day (UTC), across restarts and replicas.",
                totals("figure", &["posts_published"]),
            ),
            Signal::PostsPublished,
        ),
        sheet.page_of(
            panel(
                "AI generations per day (books)",
                "AI generations of each day (UTC) by kind, across restarts and replicas.",
                totals("attribute", &["ai_generations"]),
            ),
            Signal::AiGenerations,
        ),
        sheet.page_of(
            panel(
                "Revenue per day, in minor units (books)",
                "Revenue and refunds of each day (UTC) by currency, in minor units such as cents.",
                totals("figure || ' ' || attribute", &["revenue", "refunds"]),
            ),
            Signal::Revenue,
        ),
        sheet.page_of(
            panel(
                "Active organizations per day (books)",
                "The most organisations that were active on each day (UTC).",
                totals("figure", &["active_organizations"]),
            ),
            Signal::PostsPublished,
        ),
        sheet.page_of(
            panel(
                "User engagement per day (books)",
                "Interactions of users with posts on each day (UTC), by kind.",
                totals("attribute", &["engagement"]),
            ),
            Signal::PostsPublished,
        ),
    ]
}
