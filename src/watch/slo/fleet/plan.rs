//! The plan of a report's queries, of which later ones depend on the results of the first.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::PrometheusReporter;
use super::query::{QueryRequest, ReportQuery, step_seconds};
use super::results::QueryResults;
use crate::model::catalog::telemetry::{SLO_EVENTS, SLO_REQUESTS};
use crate::model::slo::promql::{self, SLICE_METRIC, SliceExpressions};
use crate::model::slo::{Objective, Objectives};
use crate::watch::slo::evaluate::burn_rate_windows;

/// The largest number of slices evaluated from raw samples: two months of minutes. Larger queries would
/// load Prometheus too much.
const MAX_RAW_SLICES: u64 = 90_000;

/// The queries of a report about some objectives.
#[derive(Debug)]
pub(super) struct QueryPlan<'a> {
    objectives: &'a Objectives,
    slice_expressions: SliceExpressions,
    windows: BTreeSet<u64>,
    /// The objective whose slices are evaluated over all replicas, and the windows that it needs.
    replica_slices: Option<(&'a Objective, BTreeSet<u64>)>,
}

impl<'a> QueryPlan<'a> {
    pub(super) fn new(
        objectives: &'a Objectives,
        reporter: &PrometheusReporter,
        at: Timestamp,
    ) -> Self {
        let alert_windows: BTreeSet<_> = burn_rate_windows(&reporter.policy)
            .iter()
            .map(Duration::as_secs)
            .collect();
        let mut windows = alert_windows.clone();
        windows.extend(
            objectives
                .iter()
                .map(|objective| elapsed_seconds(objective, at)),
        );
        let mut all = objectives.iter();
        let replica_slices = all.find(|one| promql::is_evaluated_fleet_wide(one));
        let replica_slices = replica_slices.map(|objective| {
            let mut needed = alert_windows;
            needed.insert(elapsed_seconds(objective, at));
            (objective, needed)
        });
        Self {
            objectives,
            slice_expressions: SliceExpressions::new(reporter.slice, reporter.scrape_interval),
            replica_slices,
            windows,
        }
    }

    /// Returns the requests that don't depend on results.
    pub(super) fn initial_requests(&self) -> Vec<QueryRequest> {
        let mut queries = vec![ReportQuery::NewestSample];
        for length in &self.windows {
            queries.extend([ReportQuery::Events(*length), ReportQuery::Coverage(*length)]);
        }
        let needed = self.replica_slices.iter().flat_map(|(_, needed)| needed);
        queries.extend(needed.map(|length| ReportQuery::RecordedSlices(*length)));
        queries
            .into_iter()
            .map(|query| self.request(query))
            .collect()
    }

    /// Returns the requests that follow from the results so far.
    pub(super) fn follow_up_requests(&self, results: &QueryResults) -> Vec<QueryRequest> {
        let unrecorded = self.unrecorded_windows(results);
        match results.replicas() {
            _ if unrecorded.is_empty() => Vec::new(),
            None => {
                let longest = unrecorded.iter().max().copied();
                longest
                    .map(|window| self.request(ReportQuery::ReplicasSince(window)))
                    .into_iter()
                    .collect()
            }
            Some(replicas) => {
                let raw_slices_request = |window: u64| QueryRequest {
                    query: ReportQuery::RawSlices(window),
                    promql: self
                        .slice_expressions
                        .raw_slices_query(Duration::from_secs(window), &replicas),
                };
                unrecorded.into_iter().map(raw_slices_request).collect()
            }
        }
    }

    /// Returns the windows of which fewer slices were recorded than there are samples.
    fn unrecorded_windows(&self, results: &QueryResults) -> Vec<u64> {
        let Some((objective, needed)) = &self.replica_slices else {
            return Vec::new();
        };
        let slice = self.slice_expressions.slice.as_secs_f64();
        let is_queryable = |window: &&u64| {
            let few = **window as f64 / slice <= MAX_RAW_SLICES as f64;
            few && !results.has_result(ReportQuery::RawSlices(**window))
        };
        let is_incomplete = |window: &&u64| {
            // A failed query is reported where the objective is evaluated.
            let (good, bad) = results
                .recorded_slices(objective.id(), **window)
                .unwrap_or_default();
            let recorded = (good + bad) as f64 * slice;
            let coverage = results
                .coverage(objective.id(), **window)
                .unwrap_or_default();
            let sampled = coverage * **window as f64;
            let unsure = sampled / 10.0 + 2.0 * (step_seconds(**window) as f64 + slice);
            match good + bad {
                0 => sampled > 0.0,
                _ => recorded + unsure < sampled,
            }
        };
        let unrecorded = needed.iter().filter(is_queryable).filter(is_incomplete);
        unrecorded.copied().collect()
    }

    fn request(&self, query: ReportQuery) -> QueryRequest {
        let window = Duration::from_secs;
        let (events, requests) = (SLO_EVENTS.prometheus_name(), SLO_REQUESTS.prometheus_name());
        let promql = match query {
            ReportQuery::Events(length) => {
                promql::occurrences_query(self.objectives, window(length))
            }
            ReportQuery::RecordedSlices(length) | ReportQuery::RawSlices(length) => {
                promql::recorded_slices_query(window(length))
            }
            ReportQuery::Coverage(length) => format!(
                "count_over_time(max by (objective) ({events})[{length}s:{}s])",
                step_seconds(length)
            ),
            ReportQuery::NewestSample => {
                format!("max by (objective) (timestamp({events}) or timestamp({SLICE_METRIC}))")
            }
            ReportQuery::ReplicasSince(length) => format!(
                "min by (job) (min_over_time(timestamp({requests})[{length}s:{}s]))",
                step_seconds(length)
            ),
        };
        QueryRequest { query, promql }
    }
}

/// Returns the seconds of the objective's window: of a calendar window, of the elapsed part.
pub(super) fn elapsed_seconds(objective: &Objective, at: Timestamp) -> u64 {
    objective.window().elapsed_at(at).as_secs().max(1)
}
