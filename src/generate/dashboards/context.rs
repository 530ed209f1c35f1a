//! Queries of panels choose by the dashboard's variables; alerts and rules have none. That is the
//! only difference between the two.

use crate::generate::GenerateInput;
use crate::generate::grafana::{
    Annotation, Color, DashboardModel, DashboardRow, Panel, ThresholdSteps, Variable,
};
use crate::model::alerts::{AlertSignal, DashboardId};
use crate::model::catalog::{self, MetricSpec};
use crate::model::promql::{
    CounterQuery, GaugeQuery, HistogramQuery, InstantVector, QueryWindow, Select as _,
};

/// The window of every rate.
pub(super) const RATE: QueryWindow = QueryWindow::RATE_INTERVAL;

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

/// Returns the rate of a counter, added up.
pub(super) fn rate(spec: &'static MetricSpec, by: &[&str]) -> InstantVector {
    counter(spec).rate(RATE).sum_by(by)
}

/// Returns the increase of a counter, added up.
pub(super) fn increase(
    spec: &'static MetricSpec,
    window: QueryWindow,
    by: &[&str],
) -> InstantVector {
    counter(spec).increase(window).sum_by(by)
}

/// Returns a gauge, added up.
pub(super) fn total(spec: &'static MetricSpec, by: &[&str]) -> InstantVector {
    gauge(spec).now().sum_by(by)
}

/// Returns the greatest values of a gauge.
pub(super) fn greatest(spec: &'static MetricSpec, by: &[&str]) -> InstantVector {
    gauge(spec).now().max_by(by)
}

/// Returns the least values of a gauge.
pub(super) fn least(spec: &'static MetricSpec, by: &[&str]) -> InstantVector {
    gauge(spec).now().min_by(by)
}

/// Returns a total as a ratio of another: 0 where nothing of the part was ever counted, no series without
/// a whole.
pub(super) fn ratio_or_zero(part: &InstantVector, whole: &InstantVector) -> InstantVector {
    part.or_zero().div(&whole.above(0_u32))
}

/// Returns a gauge of those processes that have such series.
pub(super) fn of_processes(spec: &'static MetricSpec, processes: &InstantVector) -> InstantVector {
    gauge(spec).now().and_on(&["job", "instance"], processes)
}

impl<'a> DashboardContext<'a> {
    pub(super) const fn new(input: &'a GenerateInput) -> Self {
        Self { input }
    }

    /// Returns a dashboard with the variables and annotations that all share.
    pub(super) fn dashboard(
        &self,
        id: DashboardId,
        title: &'static str,
        description: &'static str,
        since: &'static str,
        rows: Vec<DashboardRow>,
    ) -> DashboardModel {
        DashboardModel {
            uid: id.uid(),
            title,
            description,
            since,
            variables: self.variables(),
            annotations: self.annotations(),
            rows,
        }
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
    fn variables(&self) -> Vec<Variable> {
        let up = GaugeQuery::new(&catalog::process::UPTIME);
        let all = up.now();
        let of_environment = up.clone().with_variables(&["environment"]).now();
        let of_job = up.with_variables(&["environment", "job"]).now();
        vec![
            Variable::DataSource,
            Variable::values("environment", "Environment", &all.to_string(), "environment")
                .describe("The label `environment` that the scrape configuration sets; targets without it are always included.")
                .or_absent(),
            Variable::values("job", "Job", &of_environment.to_string(), "job")
                .describe("The services that are shown."),
            Variable::values("instance", "Instance", &of_job.to_string(), "instance")
                .describe("The processes of these services."),
        ]
    }

    /// Returns the annotations of releases and restarts, which explain more than anything else.
    fn annotations(&self) -> Vec<Annotation> {
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
}
