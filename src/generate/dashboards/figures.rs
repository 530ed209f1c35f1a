//! The figures that the configuration declares: an overview, then a row for each.

use super::context::{DashboardContext, RATE, gauge, greatest, histogram, rate};
use super::figure_panels::{
    PanelWords, against_last_week, against_usual, against_usual_title, legend, per_day,
    stored_totals,
};
use super::panel_spec::traced_percentile_queries;
use crate::generate::GenerateInput;
use crate::generate::alerts::{
    Alert, CURRENCY, Counted, CountedWindow, FigureAlerts, few_labels, figure_title, is_short,
};
use crate::generate::grafana::{
    DashboardModel, DashboardRow, DisplayUnit, Panel, PanelQuery, ThresholdSteps, Visualization,
};
use crate::model::alerts::{AlertThreshold, DashboardId, Severity, ThresholdComparison};
use crate::model::catalog::MetricSpec;
use crate::model::figure::{Figure, FigureKind};
use crate::model::promql::InstantVector;
use crate::model::units::Unit;

/// The title of the dashboard.
pub(super) const TITLE: &str = "Service figures";

/// The page of figures without an alert.
const PAGE: &str = "figures";

/// The most series that a panel draws of one label; of more, the largest.
const MAX_SERIES: u32 = 20;

/// Returns the dashboard of the service's own figures.
pub(super) fn dashboard(context: &DashboardContext<'_>) -> DashboardModel {
    let figures = figures(context.input);
    let overview: Vec<_> = figures.iter().filter_map(|it| it.stat(context)).collect();
    let overview = (!overview.is_empty()).then(|| DashboardRow::new("Overview", overview));
    let each = figures.iter().map(|it| it.row(context));
    context.dashboard(
        DashboardId::Figures,
        TITLE,
        "The figures that the service declares: live from Prometheus, and day by day from the totals stored in PostgreSQL.",
        "24h",
        overview.into_iter().chain(each).collect(),
    )
}

/// Returns the titles of the panels that compare a figure with what is usual.
pub(super) fn against_usual_titles(input: &GenerateInput) -> impl Iterator<Item = String> {
    let watched = figures(input).into_iter();
    let watched = watched.filter(|it| it.alerts.is_some());
    watched.map(|it| against_usual_title(&it.title))
}

/// A figure on the dashboard.
struct ShownFigure<'a> {
    figure: &'a Figure,
    metric: &'static MetricSpec,
    title: String,
    alerts: Option<FigureAlerts>,
}

/// Returns the figures with a panel or an alert. One without a panel has those that its alert links to.
fn figures(input: &GenerateInput) -> Vec<ShownFigure<'_>> {
    let mut alerts = FigureAlerts::all(input).into_iter().peekable();
    let figures = input.config.figures.metrics();
    let shown = figures.filter(|(figure, _)| figure.panel || figure.is_watched());
    shown
        .map(|(figure, metric)| ShownFigure {
            figure,
            metric,
            title: figure_title(figure),
            alerts: alerts.next_if(|alerts| alerts.metric.name == metric.name),
        })
        .collect()
}

impl ShownFigure<'_> {
    /// Returns the figure's number in the overview.
    fn stat(&self, context: &DashboardContext<'_>) -> Option<Panel> {
        if let Some(alerts) = &self.alerts {
            let words = self.words(&self.title, &self.by_currency());
            let panel = against_usual(words.get(), &alerts.baseline).alert_levels(levels(alerts));
            return Some(self.with_runbook(panel, context));
        }
        let labels = self.by_currency();
        let (title, shows, good, unit, vector) = match self.figure.kind {
            FigureKind::Counter => (
                format!("{} in 24 hours", self.title),
                format!("{} in 24 hours.", self.metric.description),
                "As yesterday.",
                self.unit(),
                self.counted()
                    .chosen_events(CountedWindow::Day)
                    .sum_by(&labels),
            ),
            FigureKind::Histogram => (
                format!("{}, p95", self.title),
                format!("{}: 95 of 100 are within this.", self.metric.description),
                "As yesterday.",
                self.unit(),
                histogram(self.metric).percentile(95, RATE, &labels),
            ),
            // The largest of several labels would be a number of nothing in particular.
            FigureKind::Gauge if self.figure.labels.is_empty() => (
                self.title.clone(),
                format!(
                    "{}; of several replicas the largest value.",
                    self.metric.description
                ),
                "As yesterday.",
                self.unit(),
                greatest(self.metric, &[]),
            ),
            FigureKind::Gauge => return None,
        };
        let name = self.legend(&labels);
        let panel = Panel::new(Visualization::Stat, title)
            .describe(&shows, good)
            .unit(unit)
            .query(PanelQuery::range(vector).legend(&name))
            .no_value("nothing yet")
            .size(6, 4);
        Some(self.with_runbook(panel, context))
    }

    /// Returns the figure's row.
    fn row(&self, context: &DashboardContext<'_>) -> DashboardRow {
        let mut panels = match self.figure.kind {
            _ if !self.figure.panel => Vec::new(),
            FigureKind::Counter => self.counter_panels(),
            FigureKind::Gauge => vec![self.gauge_panel()],
            FigureKind::Histogram => self.histogram_panels(),
        };
        if self.alerts.is_some() {
            let by = self.by_currency();
            let words = self.words(&format!("{} in 3 hours", self.title), &by);
            let panel = against_last_week(words.get(), self.unit(), &self.counted(), &by);
            panels.push(panel.size(12, 8));
        }
        if self.figure.panel && self.figure.daily_total {
            panels.push(self.stored_totals());
        }
        let panels = panels.into_iter();
        let panels = panels.map(|panel| self.with_runbook(panel, context));
        let title = format!("{}: {}", self.title, self.metric.description);
        DashboardRow::new(title, panels.collect())
    }

    fn counter_panels(&self) -> Vec<Panel> {
        let (currency, rate_unit) = (self.by_currency(), self.rate_unit());
        let mut panels: Vec<_> = self
            .other_labels()
            .map(|label| {
                let by = [&*currency, &[label]].concat();
                let title = format!("{} per second by {}", self.title, word(label));
                let shows = format!("{} per second{}.", self.metric.description, by_words(&by));
                self.by_label(
                    title,
                    &shows,
                    rate_unit,
                    label,
                    &rate(self.metric, &by),
                    &by,
                )
            })
            .collect();
        if panels.is_empty() {
            let shows = format!(
                "{} per second{}.",
                self.metric.description,
                by_words(&currency)
            );
            let panel = Panel::new(Visualization::Lines, format!("{} per second", self.title))
                .describe(&shows, "The shape of the day before.")
                .unit(rate_unit)
                .query(self.query(rate(self.metric, &currency), &currency));
            panels.push(panel);
        }
        let by = few_labels(self.figure, self.metric);
        let words = self.words(&format!("{} per day", self.title), &by);
        let counted = self.counted();
        let counter = (&*self.title, &counted);
        panels.push(per_day(words.get(), self.unit(), counter, &by));
        panels
    }

    /// Returns the lines of a gauge: of several replicas the largest value, because each counts the same things.
    fn gauge_panel(&self) -> Panel {
        let by: Vec<_> = self.labels().collect();
        let all = gauge(self.metric).now().max_by(&by);
        let few = by.iter().all(|label| self.is_short(label));
        let (vector, largest) = largest(&all, few || by.is_empty());
        let shows = format!(
            "{}{}; of several replicas the largest value{largest}.",
            self.metric.description,
            by_words(&by)
        );
        Panel::new(Visualization::Lines, self.title.clone())
            .describe(&shows, "As it was yesterday at this time.")
            .unit(self.unit())
            .query(self.query(vector, &by))
    }

    fn histogram_panels(&self) -> Vec<Panel> {
        let (values, description) = (histogram(self.metric), self.metric.description);
        let percentiles = Panel::new(Visualization::Lines, format!("{} percentiles", self.title))
            .describe(
                &format!("{description}: 50, 90, 95 and 99 of 100 are within these."),
                "p95 and p99 not far apart, and no step after a release.",
            )
            .unit(self.unit());
        let queries = traced_percentile_queries(&values).into_iter();
        let percentiles = queries.fold(percentiles, Panel::query);
        let buckets = PanelQuery::buckets(values.buckets(RATE, &[])).with_exemplars();
        let distribution = Panel::new(
            Visualization::Heatmap,
            format!("{} distribution", self.title),
        )
        .describe(
            &format!("{description}: how many per second were how large."),
            "One band.",
        )
        .unit(self.unit())
        .query(buckets);
        let by_label = self.labels().map(|label| {
            let title = format!("{} p95 by {}", self.title, word(label));
            let (p95, largest) =
                largest(&values.percentile(95, RATE, &[label]), self.is_short(label));
            let shows = format!(
                "{description}: 95 of 100 of each {} are within this{largest}.",
                word(label)
            );
            Panel::new(Visualization::Lines, title)
                .describe(&shows, "None far from the others without a reason.")
                .unit(self.unit())
                .query(self.query(p95, &[label]))
        });
        let count = Panel::new(
            Visualization::Lines,
            format!("{} count per second", self.title),
        )
        .describe(
            &format!("{description}: how many there are per second."),
            "The shape of the day before.",
        )
        .unit(DisplayUnit::PerSecond)
        .query(PanelQuery::range(values.count(RATE).sum_by(&[])).legend(&self.title));
        [percentiles, distribution]
            .into_iter()
            .chain(by_label)
            .chain([count])
            .collect()
    }

    fn stored_totals(&self) -> Panel {
        let total = match self.figure.kind {
            FigureKind::Gauge => "the largest value of each day (UTC)",
            _ => "the total of each day (UTC), across restarts and replicas",
        };
        let labels: Vec<_> = self.labels().collect();
        let series = match labels.is_empty() {
            true => "figure",
            false => "attribute",
        };
        let shows = format!("{}: {total}{}.", self.metric.description, by_words(&labels));
        let title = format!("{} per day (stored)", self.title);
        stored_totals(title, &shows, series, &[self.metric.name])
    }

    /// Returns a panel of one label: its values on top of each other, or the largest of many beside the total.
    fn by_label(
        &self,
        title: String,
        shows: &str,
        unit: DisplayUnit,
        label: &str,
        vector: &InstantVector,
        by: &[&str],
    ) -> Panel {
        let few = self.is_short(label);
        let (drawn, largest) = largest(vector, few);
        let view = match few {
            true => Visualization::Stacked,
            false => Visualization::Lines,
        };
        let shows = format!("{}{largest}.", shows.trim_end_matches('.'));
        let panel = Panel::new(view, title)
            .describe(&shows, "The shape of the day before.")
            .unit(unit)
            .query(self.query(drawn, by));
        let currency = self.by_currency();
        match few {
            true => panel,
            false => {
                let legend = format!("all {}", legend(&currency));
                panel.query(PanelQuery::range(vector.sum_by(&currency)).legend(legend.trim_end()))
            }
        }
    }

    fn query(&self, vector: InstantVector, by: &[&str]) -> PanelQuery {
        PanelQuery::range(vector).legend(&self.legend(by))
    }

    fn legend(&self, by: &[&str]) -> String {
        match by {
            [] => self.title.clone(),
            by => legend(by),
        }
    }

    fn labels(&self) -> impl Iterator<Item = &'static str> {
        self.metric.attributes.iter().map(|label| label.key)
    }

    /// Returns the currency, over which nothing is added up.
    fn by_currency(&self) -> Vec<&'static str> {
        self.labels().filter(|label| *label == CURRENCY).collect()
    }

    fn other_labels(&self) -> impl Iterator<Item = &'static str> {
        self.labels().filter(|label| *label != CURRENCY)
    }

    fn is_short(&self, label: &str) -> bool {
        is_short(self.figure, label)
    }

    fn counted(&self) -> Counted {
        Counted::of_figure(self.figure, self.metric)
    }

    fn unit(&self) -> DisplayUnit {
        match self.metric.unit {
            Unit::Seconds => DisplayUnit::Seconds,
            Unit::Bytes => DisplayUnit::Bytes,
            Unit::Ratio => DisplayUnit::Share,
            Unit::Count(_) => DisplayUnit::Count,
        }
    }

    fn rate_unit(&self) -> DisplayUnit {
        match self.metric.unit {
            Unit::Bytes => DisplayUnit::BytesPerSecond,
            // Seconds in each second: how many at a time.
            Unit::Seconds => DisplayUnit::Count,
            _ => DisplayUnit::PerSecond,
        }
    }

    fn words(&self, title: &str, by: &[&str]) -> OwnedWords {
        OwnedWords {
            title: title.into(),
            subject: self.metric.description,
            by: by_words(by),
        }
    }

    fn with_runbook(&self, panel: Panel, context: &DashboardContext<'_>) -> Panel {
        let alerts = self.alerts.as_ref();
        let alert = alerts.and_then(|alerts| alerts.drop.as_ref().or(alerts.spike.as_ref()));
        let page = alert.map_or_else(|| PAGE.to_owned(), Alert::runbook);
        context.with_runbook(panel, &page)
    }
}

/// The words of a panel whose title is made up.
struct OwnedWords {
    title: String,
    subject: &'static str,
    by: String,
}

impl OwnedWords {
    fn get(&self) -> PanelWords<'_> {
        PanelWords {
            title: &self.title,
            subject: self.subject,
            by: &self.by,
        }
    }
}

/// Returns the colours of a figure's alerts.
fn levels(alerts: &FigureAlerts) -> ThresholdSteps {
    let multiple = |alert: &Option<Alert>| match alert.as_ref()?.levels[..] {
        [(_, AlertThreshold::Ratio(multiple))] => Some(multiple),
        _ => None,
    };
    let (comparison, threshold) = match (multiple(&alerts.drop), multiple(&alerts.spike)) {
        (Some(low), Some(high)) => (
            ThresholdComparison::Outside,
            AlertThreshold::Band(low, high),
        ),
        (Some(low), None) => (ThresholdComparison::Below, AlertThreshold::Ratio(low)),
        (None, Some(high)) => (ThresholdComparison::Above, AlertThreshold::Ratio(high)),
        (None, None) => return ThresholdSteps::from_levels(ThresholdComparison::Above, &[]),
    };
    ThresholdSteps::from_levels(comparison, &[(Severity::Warning, threshold)])
}

/// Returns a vector, or the largest of many elements, and the words that say so.
fn largest(vector: &InstantVector, few: bool) -> (InstantVector, String) {
    match few {
        true => (vector.clone(), String::new()),
        false => (
            vector.topk(MAX_SERIES),
            format!(", of many the {MAX_SERIES} largest"),
        ),
    }
}

/// Returns the words for labels at the end of a sentence; nothing without any.
fn by_words(labels: &[&str]) -> String {
    let words: Vec<_> = labels.iter().map(|label| word(label)).collect();
    match words.is_empty() {
        true => String::new(),
        false => format!(", by {}", words.join(" and ")),
    }
}

/// Returns a label as people write it.
fn word(label: &str) -> String {
    label.replace(['.', '_'], " ")
}
