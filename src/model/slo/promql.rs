//! PromQL expressions of the objectives of a fleet, used by its report and by the generated
//! rules, so that a page and a panel can't tell two stories.
//!
//! Good and bad events are sums, and never averages of ratios:
//!
//! * Occurrences, and the slices of each worker, are events of one process each: their increase is
//!   added up over all processes.
//! * A slice of an API's availability is one for all replicas together. It is bad when more than a
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
//! slices were recorded within the last hour (so that an outage goes on being bad for as long as it
//! takes, also where its targets are gone) and the Prometheus had samples of whatever target a slice
//! ago (so that it doesn't take its own restart for an outage).

#[cfg(any(test, feature = "cli"))]
mod recording;

use std::time::Duration;

use super::{Objective, Objectives};
use crate::model::catalog::health::READY;
use crate::model::catalog::telemetry::{SLO_EVENTS, SLO_REQUESTS};
use crate::model::promql_literal::{escape_regex, quote};

#[cfg(any(test, feature = "cli"))]
pub(crate) use recording::SliceRecordingRule;

/// The recorded slices of an API's availability: `objective` and `result` are as in
/// `vantage.slo.events`.
pub(crate) const SLICE_METRIC: &str = "vantage:slo_slices";

/// The minimum step at which readiness is evaluated within a slice.
const MIN_READY_STEP: Duration = Duration::from_secs(1);

/// The expressions of the slices of an API's availability, over all replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SliceExpressions {
    /// How long one is: the interval of its rules.
    pub(crate) slice: Duration,
    /// The step at which readiness is evaluated within a slice.
    pub(crate) ready_step: Duration,
}

/// The targets by which a Prometheus is known to have been up, and the time of the first replica.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KnownTargets {
    pub(crate) jobs: Vec<String>,
    /// Seconds since 1970.
    pub(crate) since: f64,
}

/// Returns whether the slices of an objective are evaluated over all replicas together.
pub(crate) fn is_evaluated_fleet_wide(objective: &Objective) -> bool {
    objective.is_one_slice_at_a_time()
}

/// Returns the query of good and bad events of a window, by `objective` and `result`, of all these objectives. Slices that
/// are judged together are those that were recorded.
pub(crate) fn events_query(objectives: &Objectives, window: Duration) -> String {
    let own = occurrences_query(objectives, window);
    match objectives.iter().any(is_evaluated_fleet_wide) {
        true => format!("{own}\nor\n{}", recorded_slices_query(window)),
        false => own,
    }
}

/// Returns the query of events that the processes count themselves.
pub(crate) fn occurrences_query(objectives: &Objectives, window: Duration) -> String {
    // There is one at most: each kind of a service stands once in a set.
    let together = objectives.iter().find(|one| is_evaluated_fleet_wide(one));
    let filter = together.map(|one| format!("{{objective!={}}}", quote(one.id())));
    let filter = filter.unwrap_or_default();
    format!(
        "sum by (objective, result) (increase({}{filter}[{}]))",
        SLO_EVENTS.prometheus_name(),
        promql_duration(window)
    )
}

/// Returns the query of slices that rules have recorded in a window.
pub(crate) fn recorded_slices_query(window: Duration) -> String {
    format!(
        "sum by (objective, result) (sum_over_time({SLICE_METRIC}[{}]))",
        left_open_range(window)
    )
}

impl SliceExpressions {
    /// Creates the expressions for this slice length and scrape interval: nothing is seen between two scrapes.
    pub(crate) fn new(slice: Duration, scrape_interval: Duration) -> Self {
        Self {
            slice,
            ready_step: scrape_interval.min(slice).max(MIN_READY_STEP),
        }
    }

    /// Returns the query of the slices of a window, evaluated from raw samples: `good` and `bad`, by `result`.
    pub(crate) fn raw_slices_query(&self, window: Duration, seen: &KnownTargets) -> String {
        let (bad, slice) = (
            self.bad_slice_expr(&self.known_targets_condition(seen)),
            promql_duration(self.slice),
        );
        let range = format!("[{}:{slice}]", left_open_range(window));
        let result = |text: &str, result| {
            format!("label_replace({text}, \"result\", \"{result}\", \"\", \"\")")
        };
        let bads = result(&format!("sum_over_time(({bad}){range})"), "bad");
        let goods = result(&format!("sum_over_time((1 - ({bad})){range})"), "good");
        format!("{bads} or {goods}")
    }

    /// Returns the expression of a slice's result: 1 where the slice that ends now was bad, 0 where it was good, and nothing where it isn't counted.
    fn bad_slice_expr(&self, counted: &str) -> String {
        let more = |result: &str| self.increase_expr("", &format!("{{result=\"{result}\"}}"));
        format!(
            "(\n  ({} < bool 0.5)\n  \
             + ((9 * {} > bool {}) or vector(0))\n  > bool 0\n)\nand on () ({counted})",
            self.ready_ratio_expr(),
            more("bad"),
            more("good"),
        )
    }

    /// Returns the share of a slice's length for which any replica was ready.
    fn ready_ratio_expr(&self) -> String {
        let (slice, look) = (
            left_open_range(self.slice),
            promql_duration(self.ready_step),
        );
        let (ready, requests) = (READY.prometheus_name(), SLO_REQUESTS.prometheus_name());
        format!(
            "avg_over_time((max({ready} and on (job, instance) {requests}) or vector(0))[{slice}:{look}])"
        )
    }

    /// Returns the increase of the requests within a slice, not extrapolated; all that they show, where a
    /// counter has started anew.
    fn increase_expr(&self, by: &str, matchers: &str) -> String {
        let counter = format!("{}{matchers}", SLO_REQUESTS.prometheus_name());
        let before = format!("{counter} offset {}", promql_duration(self.slice));
        format!("sum{by}(({counter} - {before} >= 0) or ({counter} < {before}))")
    }

    fn replicas_expr(&self) -> String {
        let requests = SLO_REQUESTS.prometheus_name();
        format!("count({requests} offset {})", promql_duration(self.slice))
    }

    fn known_targets_condition(&self, seen: &KnownTargets) -> String {
        let (replicas, slice) = (self.replicas_expr(), promql_duration(self.slice));
        let jobs: Vec<_> = seen.jobs.iter().map(|job| escape_regex(job)).collect();
        let jobs = quote(&jobs.join("|"));
        let since = seen.since + self.slice.as_secs_f64();
        format!(
            "{replicas} or (count(up{{job=~{jobs}}} offset {slice}) and (vector(time()) > {since}))"
        )
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
