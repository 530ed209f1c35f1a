//! PromQL expressions of the objectives of a fleet, used by its report and by the generated
//! rules, so that a page and a panel can't tell two stories.
//!
//! Good and bad events are sums, and never averages of ratios, of each service of its own: by `environment`
//! and `job`, so that two services with the same objectives in one Prometheus are not added together.
//!
//! * Occurrences, and the slices of each worker, are events of one process each: their increase is
//!   added up over all processes.
//! * A slice of an API's availability is one for all replicas of a service together. It is bad when more than a
//!   tenth of all their requests was failed by the service, or when for most of it none of them was
//!   ready. A rule records it as it ends, as 1 in [`SLICE_METRIC`] for its result and 0 for the other: what
//!   is recorded is added up over a window. Where it isn't recorded, a subquery judges the same slices
//!   from the raw samples.
//!
//! Requests of a slice are differences of counters, and not `increase`, which stretches what it sees to
//! the ends of its range: by different parts for the counter that stands at zero and the one that
//! doesn't, so that a tenth would not be a tenth, and what happens between two ranges is never counted.
//!
//! When is a slice counted at all? When a replica could be seen a slice ago. Where none could, only if
//! slices were recorded within the last hour and the service within a day (so that an outage goes on being
//! bad also where its targets are gone, and a service that was taken down ends) and the Prometheus had
//! samples of whatever target a slice ago (so that it doesn't take its own restart for an outage).
//!
//! Events of declared maintenance are in series of their own, by the process that counts them, and so are
//! slices, by the rule that records them: what is added up leaves them out. A process tells when its
//! maintenance begins and ends before it does, because it is often down meanwhile.

#[cfg(any(test, feature = "cli"))]
mod recording;

use std::time::Duration;

use super::{Objective, Objectives};
use crate::model::catalog::MetricSpec;
use crate::model::catalog::health::READY;
use crate::model::catalog::telemetry::{
    SLO_EVENTS, SLO_MAINTENANCE_END, SLO_MAINTENANCE_EVENTS, SLO_MAINTENANCE_START, SLO_REQUESTS,
};
use crate::model::promql_literal::quote;

#[cfg(any(test, feature = "cli"))]
pub(crate) use recording::{
    RecordedSamples, SERVICE_INSTANCES, SliceRecordingRule, maintenance_rule, recorded_series,
};

/// The recorded slices of an API's availability: `objective` and `result` are as in
/// `vantage.slo.events`.
pub(crate) const SLICE_METRIC: &str = "vantage:slo_slices";
/// The slices of declared maintenance, which count neither as good nor as bad.
pub(crate) const MAINTENANCE_SLICE_METRIC: &str = "vantage:slo_maintenance_slices";

/// The labels of a service, by which everything is added up.
const SERVICE_LABELS: &str = "environment, job";
/// The time for which the declared maintenance of a service is known after the last sample of a replica.
const MAINTENANCE_LOOKBACK: &str = "1d";

/// The minimum step at which readiness is evaluated within a slice.
const MIN_READY_STEP: Duration = Duration::from_secs(1);

/// The expressions of the slices of an API's availability, over all replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SliceExpressions {
    /// The length of one: the interval of its rules.
    pub(crate) slice: Duration,
    /// The step at which readiness is evaluated within a slice.
    pub(crate) ready_step: Duration,
}

/// A service by the labels of its targets; a label that is absent is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ServiceLabels {
    pub(crate) environment: String,
    pub(crate) job: String,
}

/// The targets of a service by which a Prometheus is known to have been up, and the time of its first
/// replica.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KnownTargets {
    pub(crate) service: ServiceLabels,
    /// Seconds since 1970.
    pub(crate) since: f64,
}

/// The slices of a window, by whether they are of declared maintenance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SliceSelection {
    /// All, because no maintenance was declared.
    All,
    /// The slices outside of maintenance.
    Counted,
    /// The slices of maintenance.
    Maintenance,
}

/// Returns whether the slices of an objective are evaluated over all replicas together.
pub(crate) fn is_evaluated_fleet_wide(objective: &Objective) -> bool {
    objective.is_one_slice_at_a_time()
}

/// Returns the query of good and bad events of a window, by service, `objective` and `result`, of all these
/// objectives. Slices that are judged together are those that were recorded.
pub(crate) fn events_query(objectives: &Objectives, window: Duration) -> String {
    let own = occurrences_query(objectives, window);
    match objectives.iter().any(is_evaluated_fleet_wide) {
        true => format!("{own}\nor\n{}", recorded_slices_query(window)),
        false => own,
    }
}

/// Returns the query of events that the processes count themselves.
pub(crate) fn occurrences_query(objectives: &Objectives, window: Duration) -> String {
    increase_query(&SLO_EVENTS, objectives, window)
}

/// Returns the query of such events of declared maintenance.
pub(crate) fn maintenance_query(objectives: &Objectives, window: Duration) -> String {
    increase_query(&SLO_MAINTENANCE_EVENTS, objectives, window)
}

fn increase_query(counter: &MetricSpec, objectives: &Objectives, window: Duration) -> String {
    format!(
        "sum by ({SERVICE_LABELS}, objective, result) (increase({}{}[{}]))",
        counter.prometheus_name(),
        own_events_filter(objectives),
        promql_duration(window)
    )
}

/// Returns the matcher of the objectives whose events are counted by the processes themselves.
fn own_events_filter(objectives: &Objectives) -> String {
    // There is one at most: each kind of a service stands once in a set.
    let together = objectives.iter().find(|one| is_evaluated_fleet_wide(one));
    let filter = together.map(|one| format!("{{objective!={}}}", quote(one.id())));
    filter.unwrap_or_default()
}

/// Returns the query of slices that rules have recorded in a window.
pub(crate) fn recorded_slices_query(window: Duration) -> String {
    slice_sum_query(SLICE_METRIC, window)
}

/// Returns the query of slices of maintenance that rules have recorded in a window.
pub(crate) fn recorded_maintenance_query(window: Duration) -> String {
    slice_sum_query(MAINTENANCE_SLICE_METRIC, window)
}

fn slice_sum_query(metric: &str, window: Duration) -> String {
    format!(
        "sum by ({SERVICE_LABELS}, objective, result) (sum_over_time({metric}[{}]))",
        left_open_range(window)
    )
}

/// The part of a window: its length, the time from its end to now, and the step at which it is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SteppedWindow {
    pub(crate) length: Duration,
    pub(crate) before: Duration,
    pub(crate) step: Duration,
}

impl SteppedWindow {
    /// Returns the query of the number of its steps at which an objective of a service has one of these
    /// series.
    pub(crate) fn objective_steps_query(self, series: &str) -> String {
        self.steps_query(&format!("max by ({SERVICE_LABELS}, objective) ({series})"))
    }

    /// Returns the query of the number of its steps at which an objective of a service has samples, outside
    /// of maintenance.
    pub(crate) fn sampled_steps_query(self) -> String {
        let events = SLO_EVENTS.prometheus_name();
        let maintenance = maintenance_expr();
        self.objective_steps_query(&format!(
            "{events} unless on ({SERVICE_LABELS}) ({maintenance})"
        ))
    }

    /// Returns the query of the number of its steps at which a service has declared maintenance.
    pub(crate) fn maintenance_steps_query(self) -> String {
        self.steps_query(&maintenance_expr())
    }

    fn steps_query(self, expression: &str) -> String {
        let offset = match self.before.is_zero() {
            true => String::new(),
            false => format!(" offset {}", promql_duration(self.before)),
        };
        format!(
            "count_over_time({expression}[{}:{}]{offset})",
            left_open_range(self.length),
            promql_duration(self.step)
        )
    }
}

/// Returns the number of a service's processes that declare maintenance for now; nothing where none does.
/// A slice that ends now belongs to it.
///
/// The last declaration holds on only while no replica is there: one that is there and declares none
/// has ended it.
fn maintenance_expr() -> String {
    let (start, end, ready) = (
        SLO_MAINTENANCE_START.prometheus_name(),
        SLO_MAINTENANCE_END.prometheus_name(),
        READY.prometheus_name(),
    );
    let known = |metric: &str| format!("last_over_time({metric}[{MAINTENANCE_LOOKBACK}])");
    format!(
        "count by ({SERVICE_LABELS}) (({end} or ({} unless on ({SERVICE_LABELS}) {ready})) >= time() \
         and {} < time())",
        known(&end),
        known(&start)
    )
}

impl SliceExpressions {
    /// Creates the expressions for this slice length and scrape interval: nothing is seen between two scrapes.
    pub(crate) fn new(slice: Duration, scrape_interval: Duration) -> Self {
        Self {
            slice,
            // Finer steps would read the same samples again and cost for each.
            ready_step: scrape_interval.min(slice).max(MIN_READY_STEP),
        }
    }

    /// Returns the query of the slices of a window, evaluated from raw samples: `good` and `bad`, by service
    /// and `result`.
    pub(crate) fn raw_slices_query(
        &self,
        window: Duration,
        seen: &[KnownTargets],
        selection: SliceSelection,
    ) -> String {
        let (counted, good) = (self.known_targets_expr(seen), self.good_slice_expr());
        let selected = match selection {
            SliceSelection::All => String::new(),
            SliceSelection::Counted => format!(" unless ({})", maintenance_expr()),
            SliceSelection::Maintenance => format!(" and ({})", maintenance_expr()),
        };
        let range = format!(
            "[{}:{}]",
            left_open_range(window),
            promql_duration(self.slice)
        );
        let result = |operator: &str, result: &str| {
            format!(
                "label_replace(count_over_time(((({counted}) {operator} ({good})){selected}){range}), \
                 \"result\", \"{result}\", \"\", \"\")"
            )
        };
        format!("{} or {}", result("unless", "bad"), result("and", "good"))
    }

    /// Returns the services of which the slice that ends now was good: a replica was ready for most of it,
    /// and not more than a tenth of all requests failed.
    fn good_slice_expr(&self) -> String {
        let more = |result: &str| self.increase_expr("", &format!("{{result=\"{result}\"}}"));
        format!(
            "{} >= 0.5 unless 9 * {} > {}",
            self.ready_ratio_expr(),
            more("bad"),
            more("good"),
        )
    }

    /// Returns the share of a slice's length for which any replica was ready; nothing where none ever was.
    fn ready_ratio_expr(&self) -> String {
        let range = format!(
            "[{}:{}]",
            left_open_range(self.slice),
            promql_duration(self.ready_step)
        );
        let (ready, requests) = (READY.prometheus_name(), SLO_REQUESTS.prometheus_name());
        // At a step without a replica none is ready.
        format!(
            "sum_over_time((max by ({SERVICE_LABELS}) ({ready} and on (environment, instance, job) {requests})){range}) \
             / scalar(count_over_time(vector(1){range}))"
        )
    }

    /// Returns the increase of the requests within a slice, not extrapolated; all that they show, where a
    /// counter has started anew.
    fn increase_expr(&self, by: &str, matchers: &str) -> String {
        let counter = format!("{}{matchers}", SLO_REQUESTS.prometheus_name());
        let before = format!("{counter} offset {}", promql_duration(self.slice));
        // The first branch is a counter that went on, the second one that started anew and shows
        // what is new.
        format!(
            "sum by ({SERVICE_LABELS}{by}) (({counter} - {before} >= 0) or ({counter} < {before}))"
        )
    }

    fn replicas_expr(&self) -> String {
        let requests = SLO_REQUESTS.prometheus_name();
        let slice = promql_duration(self.slice);
        format!("count by ({SERVICE_LABELS}) ({requests} offset {slice})")
    }

    fn known_targets_expr(&self, seen: &[KnownTargets]) -> String {
        let slice = promql_duration(self.slice);
        let targets = seen.iter().map(|KnownTargets { service, since }| {
            let (environment, job) = (quote(&service.environment), quote(&service.job));
            let since = since + self.slice.as_secs_f64();
            format!(
                " or (count by ({SERVICE_LABELS}) (up{{environment={environment},job={job}}} offset {slice}) \
                 and on () (vector(time()) > {since}))"
            )
        });
        self.replicas_expr() + &targets.collect::<String>()
    }
}

/// Formats a duration for PromQL, in whole milliseconds, which is its finest unit.
fn promql_duration(duration: Duration) -> String {
    match (duration.as_secs(), duration.subsec_millis()) {
        (seconds, 0) => format!("{seconds}s"),
        _ => format!("{}ms", duration.as_millis()),
    }
}

/// Formats a range without its first moment, which belongs to the slice before: Prometheus 2 would count both
/// ends of a range.
fn left_open_range(duration: Duration) -> String {
    promql_duration(duration.saturating_sub(Duration::from_millis(1)))
}

#[cfg(test)]
mod tests;
