use crate::generate::Source;
use crate::generate::alert_query::Time;
use crate::generate::grafana::{
    Annotation, Color, DataLink, Override, Panel, Query, Steps, Unit, Variable, View,
};
use crate::model::alerts::{self, Signal};
use crate::model::catalog::{self, MetricSpec};
use crate::model::promql::{Counter, Gauge, Histogram, Select as _, Vector, Window};
use crate::model::units::Ratio;

/// The window of every rate.
pub(super) const RATE: Window = Window::RATE_INTERVAL;

/// The percentiles of every duration.
const PERCENTILES: [(&str, i128); 4] = [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)];

/// What the dashboards have in common, and what they are made from.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    pub(super) source: &'a Source,
}

/// All series of a counter that the variables choose.
pub(super) fn counter(spec: &'static MetricSpec) -> Counter {
    Counter::of(spec).chosen()
}

/// All series of a gauge that the variables choose.
pub(super) fn gauge(spec: &'static MetricSpec) -> Gauge {
    Gauge::of(spec).chosen()
}

/// All series of a histogram that the variables choose.
pub(super) fn histogram(spec: &'static MetricSpec) -> Histogram {
    Histogram::of(spec).chosen()
}

/// A query over time.
pub(super) fn over_time(vector: &Vector) -> Query {
    Query::range(vector.to_string())
}

/// The part as a share of the whole: 0 where nothing of the part was ever counted, and nothing where
/// there is no whole.
pub(super) fn share(part: &Vector, whole: &Vector) -> Vector {
    let whole_above_nothing = whole.above(0_u32);
    part.or_zero_of(whole).over(&whole_above_nothing)
}

/// This many hundredths.
pub(super) fn hundredths(hundredths: i128) -> Ratio {
    Ratio::new(hundredths, 100).unwrap_or(Ratio::ONE)
}

impl<'a> Sheet<'a> {
    pub(super) const fn new(source: &'a Source) -> Self {
        Self { source }
    }

    /// Time as the alerts have it.
    pub(super) const fn time(&self) -> Time<'a> {
        Time {
            source: self.source,
        }
    }

    /// The colours of an alert's levels.
    pub(super) fn steps(&self, signal: Signal) -> Steps {
        Steps::of(&self.source.config.alerts, signal)
    }

    /// With the levels and the runbook of an alert.
    pub(super) fn alert(&self, panel: Panel, signal: Signal) -> Panel {
        let panel = panel.levels(self.steps(signal));
        self.page_of(panel, signal)
    }

    /// With the runbook of an alert whose levels the panel doesn't show.
    pub(super) fn page_of(&self, panel: Panel, signal: Signal) -> Panel {
        self.page(panel, &signal.spec().runbook())
    }

    /// With a runbook.
    pub(super) fn page(&self, panel: Panel, name: &str) -> Panel {
        panel.runbook(self.source.config.links.runbook(name))
    }

    /// What can be chosen on each dashboard. Whoever comes from another one keeps the choice.
    pub(super) fn variables(&self) -> Vec<Variable> {
        let up = Gauge::of(&catalog::process::UPTIME);
        let all = up.now();
        let of_environment = up.clone().choosing(&["environment"]).now();
        let of_job = up.choosing(&["environment", "job"]).now();
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

    /// Releases and restarts, which explain more than anything else.
    pub(super) fn annotations(&self) -> Vec<Annotation> {
        let age = gauge(&catalog::process::UPTIME).now();
        let version = ["service_name", "service_version"];
        let released = Vector::chosen_targets(&version).new_within_step(&version);
        vec![
            Annotation::new("Releases", released.to_string())
                .title("{{service_name}} {{service_version}}")
                .color(Color::Blue),
            Annotation::new("Restarts", age.began_within_step().to_string())
                .title("{{job}} on {{instance}} has started")
                .color(Color::Orange),
        ]
    }

    /// The way to another dashboard.
    pub(super) fn to(&self, title: &str, dashboard: alerts::Dashboard) -> DataLink {
        DataLink::to_dashboard(title, dashboard.uid())
    }
}

/// The percentiles of a duration over time.
fn percentiles(duration: &Histogram) -> Vec<Query> {
    let of = |(name, hundred): &(&str, i128)| {
        let percentile = duration.quantile(hundredths(*hundred), RATE, &[]);
        over_time(&percentile).legend(name)
    };
    PERCENTILES.iter().map(of).collect()
}

/// A panel of the percentiles of a duration that belongs to no trace.
pub(super) fn percentiles_panel(title: &'static str, duration: &Histogram) -> Panel {
    let panel = Panel::new(View::Lines, title).unit(Unit::Seconds);
    percentiles(duration).into_iter().fold(panel, Panel::query)
}

/// A panel of the percentiles of a duration, with the traces behind them.
pub(super) fn traced_percentiles(title: &'static str, duration: &Histogram) -> Panel {
    let panel = Panel::new(View::Lines, title).unit(Unit::Seconds);
    let mut queries = percentiles(duration);
    // Each query would fetch the same traces.
    if let Some(last) = queries.pop() {
        queries.push(last.with_exemplars());
    }
    queries.into_iter().fold(panel, Panel::query)
}

/// A panel of how durations are distributed.
pub(super) fn distribution(title: &'static str, duration: &Histogram) -> Panel {
    let buckets = duration.buckets(RATE, &[]).to_string();
    Panel::new(View::Heatmap, title)
        .unit(Unit::Seconds)
        .query(Query::buckets(buckets).with_exemplars())
}

/// The colours of outcomes, on every panel that has them.
pub(super) fn outcomes(panel: Panel) -> Panel {
    let colors = [
        ("succeeded", Color::Green),
        ("committed", Color::Green),
        ("failed", Color::Red),
        ("panicked", Color::Red),
        ("rolled_back", Color::Yellow),
        ("aborted", Color::Orange),
    ];
    colors.into_iter().fold(panel, |panel, (outcome, color)| {
        panel.differ(Override::of(outcome).color(color))
    })
}

impl Sheet<'_> {
    /// The tightest process of the choice, as a stat.
    pub(super) fn memory_stat(&self, only: Option<&Vector>) -> Panel {
        let share = limited(gauge(&catalog::process::MEMORY_UTILIZATION).now(), only);
        let panel = Panel::new(View::Stat, "Memory")
            .describe(
                "Resident memory as a share of the limit that applies (the control group's, or the machine's), of the process that is nearest to it.",
                "Flat over a day. At 100 % the kernel kills the process.",
            )
            .unit(Unit::Share)
            .decimals(1)
            .query(over_time(&share.max_by(&[])).legend("memory"));
        self.alert(panel, Signal::MemoryUsage)
    }

    /// The busiest process of the choice, as a stat.
    pub(super) fn cpu_stat(&self, only: Option<&Vector>) -> Panel {
        let share = limited(gauge(&catalog::process::CPU_UTILIZATION).now(), only);
        let panel = Panel::new(View::Stat, "CPU")
            .describe(
                "Processor time as a share of what the limit allows, of the busiest process.",
                "Room for a peak: below the alert's level for most of the day.",
            )
            .unit(Unit::Share)
            .decimals(1)
            .query(over_time(&share.max_by(&[])).legend("CPU"));
        self.alert(panel, Signal::CpuUsage)
    }

    /// Memory over time, by process.
    pub(super) fn memory_usage(&self, title: &'static str, only: Option<&Vector>) -> Panel {
        let share = limited(gauge(&catalog::process::MEMORY_UTILIZATION).now(), only);
        let panel = Panel::new(View::Lines, title)
            .describe(
                "Resident memory as a share of the limit that applies, by process.",
                "Flat over a day; a line that only rises is a leak.",
            )
            .unit(Unit::Share)
            .query(over_time(&share.max_by(&["job", "instance"])).legend("{{job}} {{instance}}"));
        self.alert(panel, Signal::MemoryUsage)
    }

    /// Processor time over time, by process.
    pub(super) fn cpu_usage(&self, title: &'static str, only: Option<&Vector>) -> Panel {
        let share = limited(gauge(&catalog::process::CPU_UTILIZATION).now(), only);
        let panel = Panel::new(View::Lines, title)
            .describe(
                "Processor time as a share of what the limit allows, by process.",
                "Room for a peak, and replicas that are about equally busy.",
            )
            .unit(Unit::Share)
            .query(over_time(&share.max_by(&["job", "instance"])).legend("{{job}} {{instance}}"));
        self.alert(panel, Signal::CpuUsage)
    }
}

/// Only the processes that have such series.
fn limited(vector: Vector, only: Option<&Vector>) -> Vector {
    match only {
        Some(only) => vector.and_on(&["job", "instance"], only),
        None => vector,
    }
}
