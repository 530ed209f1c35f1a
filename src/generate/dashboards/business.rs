//! The figures that the library ships. Live figures come from Prometheus and may be off by what a restart lost;
//! the totals in PostgreSQL are by day and complete.

use super::context::{DashboardContext, greatest, rate};
use super::figure_panels::{PanelWords, against_last_week, against_usual, per_day, stored_totals};
use super::panel_spec::{PanelSpec, lines, stacked, stat};
use crate::generate::alerts::{Baseline, CURRENCY, Counted, CountedWindow};
use crate::generate::grafana::{
    Color, DashboardModel, DashboardRow, DisplayUnit, FieldOverride, Panel, PanelQuery,
};
use crate::model::alerts::{AlertSignal, DashboardId};
use crate::model::catalog::business;
use crate::model::promql::InstantVector;

/// Returns the dashboard of business metrics: live, and from stored totals.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    context.dashboard(
        DashboardId::Business,
        "Business metrics",
        "Organisations, posts, AI generations, revenue and engagement: live from Prometheus, and day by day from the totals stored in PostgreSQL.",
        "7d",
        vec![
            DashboardRow::new(
                "Overview: against the same 3 hours of the last three weeks",
                overview(context),
            ),
            DashboardRow::new("Live, from Prometheus", current_totals(context)),
            DashboardRow::new("Compared with last week", week_over_week(context)),
            DashboardRow::new("Daily totals, from PostgreSQL", daily_totals(context)),
        ],
    )
}

const ORGANIZATIONS_STAT: PanelSpec = stat("Active organizations", DisplayUnit::Count)
    .shows(
        "Organisations that the platform counts as active.",
        "As yesterday, or more.",
    )
    .query("organizations", active_organizations)
    .with(|panel, _| panel.decimals(0).size(6, 4))
    .alert(AlertSignal::PostsPublished);

const ORGANIZATIONS: PanelSpec = lines("Active organizations", DisplayUnit::Count)
    .shows(
        "Organisations that the platform counts as active.",
        "A slow rise.",
    )
    .query("organizations", active_organizations)
    .alert(AlertSignal::PostsPublished);

const ENGAGEMENT: PanelSpec = stacked("User engagement", DisplayUnit::PerSecond)
    .shows(
        "Interactions of users with posts per second, by kind.",
        "The shape of the day before.",
    )
    .query("{{kind}}", || rate(&business::USER_ENGAGEMENT, &["kind"]))
    .alert(AlertSignal::PostsPublished);

fn overview(context: &DashboardContext<'_>) -> Vec<Panel> {
    let ratio = |title, subject, by, baseline: Baseline, signal| {
        let panel = against_usual(PanelWords { title, subject, by }, &baseline);
        context.with_alert_levels(panel, signal)
    };
    vec![
        ORGANIZATIONS_STAT.build(context),
        ratio(
            "Posts",
            "Posts published",
            "",
            Baseline::posts(),
            AlertSignal::PostsPublished,
        ),
        ratio(
            "AI generations",
            "AI generations",
            "",
            Baseline::generations(),
            AlertSignal::AiGenerations,
        ),
        ratio(
            "Revenue",
            "Revenue",
            ", by currency",
            Baseline::revenue(),
            AlertSignal::Revenue,
        ),
    ]
}

fn current_totals(context: &DashboardContext<'_>) -> Vec<Panel> {
    let posts = PanelWords {
        title: "Posts published per day",
        subject: "Posts that were published",
        by: "",
    };
    let posts = per_day(posts, DisplayUnit::Count, ("posts", &Counted::posts()), &[]);
    let generations = PanelWords {
        title: "AI generations per day",
        subject: "AI generations that were delivered",
        by: ", by kind",
    };
    let counter = ("generations", &Counted::generations());
    let generations = per_day(
        generations,
        DisplayUnit::Count,
        counter,
        &["generation.kind"],
    );
    let revenue = PanelWords {
        title: "Revenue per day, in minor units",
        subject: "Revenue and refunds",
        by: ", in minor units of the currency, such as cents",
    };
    let refunds = Counted::refunds().chosen_events(CountedWindow::Day);
    let refunds = refunds.sum_by(&[CURRENCY]).neg();
    let revenue = per_day(
        revenue,
        DisplayUnit::Count,
        ("revenue", &Counted::revenue()),
        &[CURRENCY],
    )
    .good("The pattern of the week before; refunds far below revenue.")
    .query(PanelQuery::range(refunds).legend("refunds {{currency}}"))
    .with_override(FieldOverride::by_regex("refunds.*").color(Color::Red));
    vec![
        ORGANIZATIONS.build(context),
        context.with_alert_runbook(posts, AlertSignal::PostsPublished),
        context.with_alert_runbook(generations, AlertSignal::AiGenerations),
        context.with_alert_runbook(revenue, AlertSignal::Revenue),
        ENGAGEMENT.build(context),
    ]
}

fn week_over_week(context: &DashboardContext<'_>) -> Vec<Panel> {
    let panel = |title, subject, end, counter, by: &[&str], signal| {
        let words = PanelWords {
            title,
            subject,
            by: end,
        };
        let panel = against_last_week(words, DisplayUnit::Count, &counter, by);
        context.with_alert_runbook(panel, signal)
    };
    vec![
        panel(
            "Posts in 3 hours",
            "Posts that were published",
            "",
            Counted::posts(),
            &[],
            AlertSignal::PostsPublished,
        ),
        panel(
            "AI generations in 3 hours",
            "AI generations",
            "",
            Counted::generations(),
            &[],
            AlertSignal::AiGenerations,
        ),
        panel(
            "Revenue in 3 hours, in minor units",
            "Revenue",
            ", by currency",
            Counted::revenue(),
            &[CURRENCY],
            AlertSignal::Revenue,
        ),
    ]
}

fn daily_totals(context: &DashboardContext<'_>) -> Vec<Panel> {
    let panel = |title: &str, shows, series, figures: &[&str], signal| {
        let panel = stored_totals(format!("{title} (stored)"), shows, series, figures);
        context.with_alert_runbook(panel, signal)
    };
    vec![
        panel(
            "Posts published per day",
            "Posts of each day (UTC), across restarts and replicas.",
            "figure",
            &["posts_published"],
            AlertSignal::PostsPublished,
        ),
        panel(
            "AI generations per day",
            "AI generations of each day (UTC) by kind, across restarts and replicas.",
            "attribute",
            &["ai_generations"],
            AlertSignal::AiGenerations,
        ),
        panel(
            "Revenue per day, in minor units",
            "Revenue and refunds of each day (UTC) by currency, in minor units such as cents.",
            "figure || ' ' || attribute",
            &["revenue", "refunds"],
            AlertSignal::Revenue,
        ),
        panel(
            "Active organizations per day",
            "The most organisations that were active on each day (UTC).",
            "figure",
            &["active_organizations"],
            AlertSignal::PostsPublished,
        ),
        panel(
            "User engagement per day",
            "Interactions of users with posts on each day (UTC), by kind.",
            "attribute",
            &["engagement"],
            AlertSignal::PostsPublished,
        ),
    ]
}

/// Returns active organizations: the largest value of the replicas is right, not their sum.
fn active_organizations() -> InstantVector {
    greatest(&business::ACTIVE_ORGANIZATIONS, &[])
}
