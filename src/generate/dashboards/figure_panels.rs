//! The panels of a figure, whether the library ships it or the service declares it: against what is usual, by
//! day, against last week, and the stored totals.

use crate::generate::alerts::{Baseline, Counted, CountedWindow};
use crate::generate::grafana::{
    Color, DisplayUnit, FieldOverride, Panel, PanelQuery, Visualization,
};
use crate::model::promql::InstantVector;

pub(super) const TWO_LINES: &str = "Two lines that nearly coincide.";
pub(super) const NO_GAP: &str = "The pattern of the week before; no day is missing.";

/// The words of a figure's panel.
#[derive(Clone, Copy, Debug)]
pub(super) struct PanelWords<'a> {
    /// The beginning of the title, such as `Posts`.
    pub(super) title: &'a str,
    /// The beginning of the description, such as `Posts that were published`.
    pub(super) subject: &'a str,
    /// The end of the description, such as `, by kind`.
    pub(super) by: &'a str,
}

/// Returns the stat of the last 3 hours against what is usual; its levels are the alert's.
pub(super) fn against_usual(words: PanelWords<'_>, baseline: &Baseline) -> Panel {
    let PanelWords { title, subject, by } = words;
    let shows = format!(
        "{subject} in 3 hours as a share of the median of the same hours of the last three weeks{by}."
    );
    let ratio = ratio_to_baseline(baseline);
    let legend = legend(&ratio.labels().iter().collect::<Vec<_>>());
    Panel::new(Visualization::Stat, against_usual_title(title))
        .describe(&shows, "About 100 %.")
        .unit(DisplayUnit::Share)
        .query(PanelQuery::range(ratio).legend(&legend))
        .decimals(0)
        .no_value("less than three weeks of history")
        .size(6, 4)
}

/// Returns the title of that stat.
pub(super) fn against_usual_title(title: &str) -> String {
    format!("{title} against usual")
}

/// Returns the bars of each day's growth of a counter, in the unit that it counts.
pub(super) fn per_day(
    words: PanelWords<'_>,
    unit: DisplayUnit,
    (name, counted): (&str, &Counted),
    by: &[&str],
) -> Panel {
    let PanelWords {
        title,
        subject,
        by: end,
    } = words;
    let shows = format!("{subject} in the 24 hours up to each bar{end}.");
    let events = counted.chosen_events(CountedWindow::Day);
    let legend = match by {
        [] => name.to_owned(),
        by => legend(by),
    };
    Panel::new(Visualization::Bars, title.to_owned())
        .describe(&shows, "The pattern of the week before.")
        .unit(unit)
        .query(PanelQuery::range(events.sum_by(by)).legend(&legend))
        .min_interval("1d")
}

/// Returns the lines of 3 hours now and a week ago.
pub(super) fn against_last_week(
    words: PanelWords<'_>,
    unit: DisplayUnit,
    counted: &Counted,
    by: &[&str],
) -> Panel {
    let PanelWords {
        title,
        subject,
        by: end,
    } = words;
    let shows = format!("{subject} in 3 hours, and in the same hours a week ago{end}.");
    let [now, before] = [CountedWindow::Hours, CountedWindow::WEEK_AGO]
        .map(|window| counted.chosen_events(window).sum_by(by));
    let legend = legend(by);
    Panel::new(Visualization::Lines, title.to_owned())
        .describe(&shows, TWO_LINES)
        .unit(unit)
        .query(PanelQuery::range(now).legend(&format!("now {legend}")))
        .query(PanelQuery::range(before).legend(&format!("a week ago {legend}")))
        .size(8, 8)
        .with_override(FieldOverride::by_regex("a week ago.*").color(Color::Gray))
}

/// Returns the bars of stored totals, a column for each series: `series` is an expression of SQL.
pub(super) fn stored_totals(title: String, shows: &str, series: &str, figures: &[&str]) -> Panel {
    Panel::new(Visualization::BarChart("day\\series"), title)
        .describe(shows, NO_GAP)
        .unit(DisplayUnit::Count)
        .query(PanelQuery::sql(daily_totals(series, figures)))
        .no_value("no totals: is the PostgreSQL store on?")
        .pivot("day", "series", "value")
}

/// Returns the legend that shows these labels.
pub(super) fn legend(labels: &[&str]) -> String {
    let labels = labels.iter().map(|label| label.replace('.', "_"));
    let labels = labels.map(|label| format!("{{{{{label}}}}}"));
    labels.collect::<Vec<_>>().join(" ")
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
