use crate::generate::GenerateInput;
use crate::generate::alerts::ScaledWindows;
use crate::generate::grafana::{
    Annotation, Color, DataLink, DisplayUnit, FieldOverride, Panel, PanelQuery, ThresholdSteps,
    Variable, Visualization,
};
use crate::model::alerts::{self, AlertSignal};
use crate::model::catalog::{self, MetricSpec};
use crate::model::promql::{
    CounterQuery, GaugeQuery, HistogramQuery, InstantVector, QueryWindow, Select as _,
};
use crate::model::units::Ratio;

/// The window of every rate.
pub(super) const RATE: QueryWindow = QueryWindow::RATE_INTERVAL;

/// The percentiles of every duration.
const PERCENTILES: [(&str, i128); 4] = [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)];

/// The input of the dashboards, and the parts that they share.
#[derive(Debug)]
pub(super) struct DashboardContext<'a> {
    pub(super) input: &'a GenerateInput,
}

/// Returns all series of a counter that the variables choose.
pub(super) fn counter(spec: &'static MetricSpec) -> CounterQuery {
    CounterQuery::new(spec).with_dashboard_variables()
}

/// Returns all series of a gauge that the variables choose.
pub(super) fn gauge(spec: &'static MetricSpec) -> GaugeQuery {
    GaugeQuery::new(spec).with_dashboard_variables()
}

/// Returns all series of a histogram that the variables choose.
pub(super) fn histogram(spec: &'static MetricSpec) -> HistogramQuery {
    HistogramQuery::new(spec).with_dashboard_variables()
}

/// Returns a query over time.
pub(super) fn over_time(vector: &InstantVector) -> PanelQuery {
    PanelQuery::range(vector.to_string())
}

/// Returns the part as a ratio of the whole: 0 where the part was never counted, no series without a
/// whole.
pub(super) fn ratio_or_zero(part: &InstantVector, whole: &InstantVector) -> InstantVector {
    let whole_above_nothing = whole.above(0_u32);
    part.or_zero_for(whole).div(&whole_above_nothing)
}

/// Converts a percentage to a ratio.
pub(super) fn percent(percent: i128) -> Ratio {
    Ratio::new(percent, 100).unwrap_or(Ratio::ONE)
}

impl<'a> DashboardContext<'a> {
    pub(super) const fn new(input: &'a GenerateInput) -> Self {
        Self { input }
    }

    /// Returns the windows of alerts.
    pub(super) const fn windows(&self) -> ScaledWindows<'a> {
        ScaledWindows { input: self.input }
    }

    /// Returns the colours of an alert's levels.
    pub(super) fn threshold_steps(&self, signal: AlertSignal) -> ThresholdSteps {
        ThresholdSteps::from_alert(&self.input.config.alerts, signal)
    }

    /// Adds the levels and the runbook of an alert.
    pub(super) fn with_alert_levels(&self, panel: Panel, signal: AlertSignal) -> Panel {
        let panel = panel.alert_levels(self.threshold_steps(signal));
        self.with_alert_runbook(panel, signal)
    }

    /// Adds the runbook of an alert whose levels the panel doesn't show.
    pub(super) fn with_alert_runbook(&self, panel: Panel, signal: AlertSignal) -> Panel {
        self.with_runbook(panel, &signal.spec().runbook())
    }

    /// Adds a runbook.
    pub(super) fn with_runbook(&self, panel: Panel, name: &str) -> Panel {
        panel.runbook(self.input.config.links.runbook(name))
    }

    /// Returns the variables of each dashboard. Links between dashboards keep the choice.
    pub(super) fn variables(&self) -> Vec<Variable> {
        let up = GaugeQuery::new(&catalog::process::UPTIME);
        let all = up.now();
        let of_environment = up.clone().with_variables(&["environment"]).now();
        let of_job = up.with_variables(&["environment", "job"]).now();
        vec![
            Variable::DataSource,
            Variable::values("environment", "Environment", &all.to_string(), "environment")
                .describe("The label `environment` that the scrape configuration gives; targets without it belong to all.")
                .or_absent(),
            Variable::values("job", "Job", &of_environment.to_string(), "job")
                .describe("The services that are shown."),
            Variable::values("instance", "Instance", &of_job.to_string(), "instance")
                .describe("The processes of these services."),
        ]
    }

    /// Returns the annotations of releases and restarts, which explain more than anything else.
    pub(super) fn annotations(&self) -> Vec<Annotation> {
        let age = gauge(&catalog::process::UPTIME).now();
        let version = ["service_name", "service_version"];
        let released = InstantVector::chosen_targets(&version).new_within_step(&version);
        vec![
            Annotation::new("Releases", released.to_string())
                .title("{{service_name}} {{service_version}}")
                .color(Color::Blue),
            Annotation::new("Restarts", age.began_within_step().to_string())
                .title("{{job}} on {{instance}} has started")
                .color(Color::Orange),
        ]
    }

    /// Returns a link to another dashboard.
    pub(super) fn dashboard_link(&self, title: &str, dashboard: alerts::DashboardId) -> DataLink {
        DataLink::to_dashboard(title, dashboard.uid())
    }
}

/// Returns the queries of a duration's percentiles over time.
fn percentile_queries(duration: &HistogramQuery) -> Vec<PanelQuery> {
    let query = |(name, percentage): &(&str, i128)| {
        let percentile = duration.quantile(percent(*percentage), RATE, &[]);
        over_time(&percentile).legend(name)
    };
    PERCENTILES.iter().map(query).collect()
}

/// Returns a panel of the percentiles of a duration that belongs to no trace.
pub(super) fn percentiles_panel(title: &'static str, duration: &HistogramQuery) -> Panel {
    let panel = Panel::new(Visualization::Lines, title).unit(DisplayUnit::Seconds);
    percentile_queries(duration)
        .into_iter()
        .fold(panel, Panel::query)
}

/// Returns a panel of the percentiles of a duration, with exemplars.
pub(super) fn traced_percentiles_panel(title: &'static str, duration: &HistogramQuery) -> Panel {
    let panel = Panel::new(Visualization::Lines, title).unit(DisplayUnit::Seconds);
    let mut queries = percentile_queries(duration);
    // Each query would fetch the same traces.
    if let Some(last) = queries.pop() {
        queries.push(last.with_exemplars());
    }
    queries.into_iter().fold(panel, Panel::query)
}

/// Returns a heatmap of a duration.
pub(super) fn distribution_panel(title: &'static str, duration: &HistogramQuery) -> Panel {
    let buckets = duration.buckets(RATE, &[]).to_string();
    Panel::new(Visualization::Heatmap, title)
        .unit(DisplayUnit::Seconds)
        .query(PanelQuery::buckets(buckets).with_exemplars())
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

impl DashboardContext<'_> {
    /// Returns a stat of the highest memory usage among the chosen processes.
    pub(super) fn memory_stat(&self, only: Option<&InstantVector>) -> Panel {
        let share = restrict_to(gauge(&catalog::process::MEMORY_UTILIZATION).now(), only);
        let panel = Panel::new(Visualization::Stat, "Memory")
            .describe(
                "Resident memory as a share of the limit that applies (the control group's, or the machine's), of the process that is nearest to it.",
                "Flat over a day. At 100 % the kernel kills the process.",
            )
            .unit(DisplayUnit::Share)
            .decimals(1)
            .query(over_time(&share.max_by(&[])).legend("memory"));
        self.with_alert_levels(panel, AlertSignal::MemoryUsage)
    }

    /// Returns a stat of the highest CPU usage among the chosen processes.
    pub(super) fn cpu_stat(&self, only: Option<&InstantVector>) -> Panel {
        let share = restrict_to(gauge(&catalog::process::CPU_UTILIZATION).now(), only);
        let panel = Panel::new(Visualization::Stat, "CPU")
            .describe(
                "Processor time as a share of what the limit allows, of the busiest process.",
                "Room for a peak: below the alert's level for most of the day.",
            )
            .unit(DisplayUnit::Share)
            .decimals(1)
            .query(over_time(&share.max_by(&[])).legend("CPU"));
        self.with_alert_levels(panel, AlertSignal::CpuUsage)
    }

    /// Returns a panel of memory over time, by process.
    pub(super) fn memory_usage(&self, title: &'static str, only: Option<&InstantVector>) -> Panel {
        let share = restrict_to(gauge(&catalog::process::MEMORY_UTILIZATION).now(), only);
        let panel = Panel::new(Visualization::Lines, title)
            .describe(
                "Resident memory as a share of the limit that applies, by process.",
                "Flat over a day; a line that only rises is a leak.",
            )
            .unit(DisplayUnit::Share)
            .query(over_time(&share.max_by(&["job", "instance"])).legend("{{job}} {{instance}}"));
        self.with_alert_levels(panel, AlertSignal::MemoryUsage)
    }

    /// Returns a panel of CPU usage over time, by process.
    pub(super) fn cpu_usage(&self, title: &'static str, only: Option<&InstantVector>) -> Panel {
        let share = restrict_to(gauge(&catalog::process::CPU_UTILIZATION).now(), only);
        let panel = Panel::new(Visualization::Lines, title)
            .describe(
                "Processor time as a share of what the limit allows, by process.",
                "Room for a peak, and replicas that are about equally busy.",
            )
            .unit(DisplayUnit::Share)
            .query(over_time(&share.max_by(&["job", "instance"])).legend("{{job}} {{instance}}"));
        self.with_alert_levels(panel, AlertSignal::CpuUsage)
    }
}

/// Keeps only processes that have such series.
fn restrict_to(vector: InstantVector, only: Option<&InstantVector>) -> InstantVector {
    match only {
        Some(only) => vector.and_on(&["job", "instance"], only),
        None => vector,
    }
}
