//! Tables of panels: a row is a title, a unit, a description, its queries, and the alert or page that helps.
//!
//! Rows are constants; what the configuration decides on, such as thresholds, is added when they are built.

use super::context::{DashboardContext, RATE};
use crate::generate::grafana::{
    Color, DashboardRow, DataLink, DisplayUnit, FieldOverride, Panel, PanelQuery, Visualization,
};
use crate::model::alerts::{AlertSignal, DashboardId};
use crate::model::promql::{HistogramQuery, InstantVector};

type VectorFn = fn() -> InstantVector;
type HistogramFn = fn() -> HistogramQuery;
type FinishFn = fn(Panel, &DashboardContext<'_>) -> Panel;

/// The percentiles of every duration.
const PERCENTILES: [(&str, u32); 4] = [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)];

/// The maximum of queries of a panel.
/// An array, because a constant cannot hold a `Vec`; one more does not compile.
const MAX_QUERIES: usize = 5;

/// A row of a table of panels.
#[derive(Clone, Copy, Debug)]
pub(super) struct PanelSpec {
    visualization: Visualization,
    title: &'static str,
    unit: DisplayUnit,
    shows: &'static str,
    good: &'static str,
    queries: [Option<Query>; MAX_QUERIES],
    help: Option<Help>,
    finish: FinishFn,
}

/// The query of a panel, with the legend of its series.
#[derive(Clone, Copy, Debug)]
enum Query {
    Range(&'static str, VectorFn),
    Traced(&'static str, VectorFn),
    Instant(&'static str, VectorFn),
    Table(VectorFn),
    Percentiles(HistogramFn),
    TracedPercentiles(HistogramFn),
    Buckets(HistogramFn),
    Sql(fn() -> String),
}

/// The runbook of a panel.
#[derive(Clone, Copy, Debug)]
enum Help {
    /// That of an alert, whose levels the panel shows.
    Levels(AlertSignal),
    /// That of an alert.
    Alert(AlertSignal),
    /// Another page.
    Page(&'static str),
}

/// Returns the panels of a table under a title.
pub(super) fn row(
    context: &DashboardContext<'_>,
    title: &'static str,
    panels: &[PanelSpec],
) -> DashboardRow {
    let panels = panels.iter().map(|panel| panel.build(context)).collect();
    DashboardRow::new(title, panels)
}

/// Returns a row for the newest value.
pub(super) const fn stat(title: &'static str, unit: DisplayUnit) -> PanelSpec {
    panel(Visualization::Stat, title, unit)
}

/// Returns a row for lines over time.
pub(super) const fn lines(title: &'static str, unit: DisplayUnit) -> PanelSpec {
    panel(Visualization::Lines, title, unit)
}

/// Returns a row for lines over time that add up.
pub(super) const fn stacked(title: &'static str, unit: DisplayUnit) -> PanelSpec {
    panel(Visualization::Stacked, title, unit)
}

/// Returns a row for bars over time that add up.
pub(super) const fn bars(title: &'static str, unit: DisplayUnit) -> PanelSpec {
    panel(Visualization::Bars, title, unit)
}

/// Returns a row for a bar of each series' newest value.
pub(super) const fn bar_gauge(title: &'static str, unit: DisplayUnit) -> PanelSpec {
    panel(Visualization::BarGauge, title, unit)
}

/// Returns a row for the states that each series went through.
pub(super) const fn state_timeline(title: &'static str, unit: DisplayUnit) -> PanelSpec {
    panel(Visualization::StateTimeline, title, unit)
}

/// Returns a row for a table, whose columns have units of their own.
pub(super) const fn table(title: &'static str) -> PanelSpec {
    panel(Visualization::Table, title, DisplayUnit::Count)
}

/// Returns a row for the percentiles of a duration that belongs to no trace.
pub(super) const fn percentiles(title: &'static str, duration: HistogramFn) -> PanelSpec {
    lines(title, DisplayUnit::Seconds).push(Query::Percentiles(duration))
}

/// Returns a row for the percentiles of a duration, with exemplars.
pub(super) const fn traced_percentiles(title: &'static str, duration: HistogramFn) -> PanelSpec {
    lines(title, DisplayUnit::Seconds).push(Query::TracedPercentiles(duration))
}

/// Returns a row for a heatmap of a duration.
pub(super) const fn distribution(title: &'static str, duration: HistogramFn) -> PanelSpec {
    panel(Visualization::Heatmap, title, DisplayUnit::Seconds).push(Query::Buckets(duration))
}

/// Returns a row with this visualization.
pub(super) const fn panel(
    visualization: Visualization,
    title: &'static str,
    unit: DisplayUnit,
) -> PanelSpec {
    PanelSpec {
        visualization,
        title,
        unit,
        shows: "",
        good: "",
        queries: [None; MAX_QUERIES],
        help: None,
        finish: |panel, _| panel,
    }
}

impl PanelSpec {
    /// Sets the description: its content, and a healthy value.
    pub(super) const fn shows(mut self, shows: &'static str, good: &'static str) -> Self {
        (self.shows, self.good) = (shows, good);
        self
    }

    /// Adds a query over time.
    pub(super) const fn query(self, legend: &'static str, vector: VectorFn) -> Self {
        self.push(Query::Range(legend, vector))
    }

    /// Adds a query over time, with exemplars.
    pub(super) const fn traced(self, legend: &'static str, vector: VectorFn) -> Self {
        self.push(Query::Traced(legend, vector))
    }

    /// Adds a query of the newest values.
    pub(super) const fn instant(self, legend: &'static str, vector: VectorFn) -> Self {
        self.push(Query::Instant(legend, vector))
    }

    /// Adds a query of the newest values as rows.
    pub(super) const fn rows(self, vector: VectorFn) -> Self {
        self.push(Query::Table(vector))
    }

    /// Adds an SQL query.
    pub(super) const fn sql(self, statement: fn() -> String) -> Self {
        self.push(Query::Sql(statement))
    }

    /// Sets the alert whose levels are drawn, and whose runbook helps.
    pub(super) const fn levels(mut self, signal: AlertSignal) -> Self {
        self.help = Some(Help::Levels(signal));
        self
    }

    /// Sets the alert whose runbook helps; the panel doesn't show its levels.
    pub(super) const fn alert(mut self, signal: AlertSignal) -> Self {
        self.help = Some(Help::Alert(signal));
        self
    }

    /// Sets another page that helps.
    pub(super) const fn page(mut self, name: &'static str) -> Self {
        self.help = Some(Help::Page(name));
        self
    }

    /// Sets what only this panel has.
    pub(super) const fn with(mut self, finish: FinishFn) -> Self {
        self.finish = finish;
        self
    }

    const fn push(mut self, query: Query) -> Self {
        let mut index = 0;
        while self.queries[index].is_some() {
            index += 1;
        }
        self.queries[index] = Some(query);
        self
    }

    /// Returns the panel.
    pub(super) fn build(&self, context: &DashboardContext<'_>) -> Panel {
        let panel = Panel::new(self.visualization, self.title)
            .describe(self.shows, self.good)
            .unit(self.unit);
        let queries = self.queries.iter().flatten();
        let panel = queries
            .flat_map(|query| query.build())
            .fold(panel, Panel::query);
        let panel = (self.finish)(panel, context);
        match self.help {
            Some(Help::Levels(signal)) => context.with_alert_levels(panel, signal),
            Some(Help::Alert(signal)) => context.with_alert_runbook(panel, signal),
            Some(Help::Page(name)) => context.with_runbook(panel, name),
            None => panel,
        }
    }
}

impl Query {
    fn build(self) -> Vec<PanelQuery> {
        vec![match self {
            Query::Range(legend, vector) => PanelQuery::range(vector()).legend(legend),
            Query::Traced(legend, vector) => {
                PanelQuery::range(vector()).legend(legend).with_exemplars()
            }
            Query::Instant(legend, vector) => PanelQuery::instant(vector()).legend(legend),
            Query::Table(vector) => PanelQuery::table(vector()),
            Query::Sql(statement) => PanelQuery::sql(statement()),
            Query::Buckets(duration) => {
                let buckets = duration().buckets(RATE, &[]);
                PanelQuery::buckets(buckets).with_exemplars()
            }
            Query::Percentiles(duration) => return percentile_queries(&duration()),
            Query::TracedPercentiles(duration) => return traced_percentile_queries(&duration()),
        }]
    }
}

/// Returns the queries of the percentiles of a distribution, with exemplars.
pub(super) fn traced_percentile_queries(duration: &HistogramQuery) -> Vec<PanelQuery> {
    let mut queries = percentile_queries(duration);
    // Each query would fetch the same traces.
    if let Some(last) = queries.pop() {
        queries.push(last.with_exemplars());
    }
    queries
}

fn percentile_queries(duration: &HistogramQuery) -> Vec<PanelQuery> {
    let query =
        |(name, percent)| PanelQuery::range(duration.percentile(percent, RATE, &[])).legend(name);
    PERCENTILES.into_iter().map(query).collect()
}

/// Adds a link to another dashboard.
pub(super) fn with_link(panel: Panel, title: &str, dashboard: DashboardId) -> Panel {
    panel.link(DataLink::to_dashboard(title, dashboard.uid()))
}

/// Draws series whose names begin with `limit` as limits.
pub(super) fn with_limit_lines(panel: Panel) -> Panel {
    panel.with_override(FieldOverride::by_regex("limit.*").into_limit_line())
}

/// Adds the colours of outcomes, the same on every panel.
pub(super) fn with_outcome_colors(panel: Panel) -> Panel {
    let colors = [
        ("succeeded", Color::Green),
        ("committed", Color::Green),
        ("failed", Color::Red),
        ("panicked", Color::Red),
        ("rolled_back", Color::Yellow),
        ("aborted", Color::Orange),
    ];
    colors.into_iter().fold(panel, |panel, (outcome, color)| {
        panel.with_override(FieldOverride::by_name(outcome).color(color))
    })
}

/// The row of the highest memory usage; here and below each dashboard adds the query, of its own processes.
pub(super) const MEMORY_STAT: PanelSpec = stat("Memory", DisplayUnit::Share)
    .shows(
        "Resident memory as a share of the limit that applies (the control group's, or the machine's), of the process that is nearest to it.",
        "Flat over a day. At 100 % the kernel kills the process.",
    )
    .with(|panel, _| panel.decimals(1))
    .levels(AlertSignal::MemoryUsage);

/// The row of the highest processor usage.
pub(super) const CPU_STAT: PanelSpec = stat("CPU", DisplayUnit::Share)
    .shows(
        "Processor time as a share of what the limit allows, of the busiest process.",
        "Room for a peak: below the alert's level for most of the day.",
    )
    .with(|panel, _| panel.decimals(1))
    .levels(AlertSignal::CpuUsage);

/// Returns the row of memory usage over time, by process.
pub(super) const fn memory_usage(title: &'static str) -> PanelSpec {
    lines(title, DisplayUnit::Share)
        .shows(
            "Resident memory as a share of the limit that applies, by process.",
            "Flat over a day; a line that only rises is a leak.",
        )
        .levels(AlertSignal::MemoryUsage)
}

/// Returns the row of processor usage over time, by process.
pub(super) const fn cpu_usage(title: &'static str) -> PanelSpec {
    lines(title, DisplayUnit::Share)
        .shows(
            "Processor time as a share of what the limit allows, by process.",
            "Room for a peak, and replicas that are about equally busy.",
        )
        .levels(AlertSignal::CpuUsage)
}
