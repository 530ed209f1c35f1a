//! The plan of a report's queries, of which later ones depend on the results of the first.
//!
//! | round | asks | because |
//! |---|---|---|
//! | 1 | events, coverage, recorded slices, newest sample | needed always |
//! | 2 | since when replicas were seen | some window has fewer slices than samples |
//! | 3 | slices from raw samples | the replicas are known |
//!
//! Rounds two and three are dear, and are asked only where rules were loaded late or not at all.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::PrometheusReporter;
use super::query::{QueryRequest, ReportQuery, WindowPart, step_seconds};
use super::results::QueryResults;
use crate::model::alerts::AlertSignal;
use crate::model::catalog::telemetry::{SLO_EVENTS, SLO_MAINTENANCE_START, SLO_REQUESTS};
use crate::model::promql_literal::quote;
use crate::model::slo::promql::{self, SLICE_METRIC, SliceExpressions, SliceSelection};
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
    /// In seconds: those of the alerts, and of each objective the elapsed part of its own.
    windows: BTreeSet<u64>,
    /// The lengths of the objectives' own windows.
    lengths: BTreeSet<u64>,
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
        let lengths = objectives.iter();
        let lengths = lengths.map(|objective| elapsed_seconds(objective, at));
        let lengths: BTreeSet<_> = lengths.collect();
        let windows = alert_windows.union(&lengths).copied().collect();
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
            lengths,
        }
    }

    /// Returns the requests that don't depend on results.
    pub(super) fn initial_requests(&self) -> Vec<QueryRequest> {
        let mut queries = vec![ReportQuery::NewestSample, ReportQuery::FiringAlerts];
        let mut shorter = 0;
        for &window in &self.windows {
            let part = WindowPart { window, shorter };
            queries.extend([
                ReportQuery::Events(window),
                ReportQuery::Coverage(part),
                ReportQuery::MaintenanceTime(part),
            ]);
            shorter = window;
        }
        let lengths = self.lengths.iter();
        queries.extend(lengths.map(|length| ReportQuery::MaintenanceEvents(*length)));
        if let Some((_, needed)) = &self.replica_slices {
            for &window in needed {
                queries.extend([
                    ReportQuery::RecordedSlices(window),
                    ReportQuery::RecordedMaintenance(window),
                ]);
            }
            let longest = needed.last().copied();
            queries.extend(longest.map(ReportQuery::DeclaredMaintenance));
        }
        queries
            .into_iter()
            .map(|query| self.request(query))
            .collect()
    }

    /// Returns the requests that follow from the results so far.
    pub(super) fn follow_up_requests(&self, results: &QueryResults) -> Vec<QueryRequest> {
        let unrecorded = self.unrecorded_windows(results);
        let Some(longest) = unrecorded.last() else {
            return Vec::new();
        };
        let known = results.known_targets();
        if known.is_empty() {
            let query = ReportQuery::ReplicasSince(*longest);
            return match results.has_result(query) {
                true => Vec::new(),
                false => vec![self.request(query)],
            };
        }
        let raw_slices_request = |query, window: u64, selection| QueryRequest {
            query,
            promql: self.slice_expressions.raw_slices_query(
                Duration::from_secs(window),
                &known,
                selection,
            ),
        };
        let requests = unrecorded.into_iter().flat_map(|window| {
            let counted =
                |selection| raw_slices_request(ReportQuery::RawSlices(window), window, selection);
            match results.is_maintenance_declared() {
                false => vec![counted(SliceSelection::All)],
                true => vec![
                    counted(SliceSelection::Counted),
                    raw_slices_request(
                        ReportQuery::RawMaintenance(window),
                        window,
                        SliceSelection::Maintenance,
                    ),
                ],
            }
        });
        requests.collect()
    }

    /// Returns the windows of which fewer slices of a service were recorded than there are samples.
    fn unrecorded_windows(&self, results: &QueryResults) -> BTreeSet<u64> {
        let Some((objective, needed)) = &self.replica_slices else {
            return BTreeSet::new();
        };
        let slice = self.slice_expressions.slice.as_secs_f64();
        let is_queryable = |window: &&u64| {
            let few = **window as f64 / slice <= MAX_RAW_SLICES as f64;
            few && !results.has_result(ReportQuery::RawSlices(**window))
        };
        let services = results.services(objective.id());
        let is_incomplete = |window: &&u64| {
            services.iter().any(|service| {
                // A failed query is reported where the objective is evaluated.
                let results = results.of(objective.id(), service);
                let recorded = results.recorded_slices(**window).unwrap_or_default();
                let covered = (recorded.good + recorded.bad) as f64 * slice;
                let sampled = results.sampled_time(**window).unwrap_or_default().covered as f64;
                // A tenth, two steps and two slices: coverage is looked up on a grid, so that a small difference
                // is no missing slice.
                let unsure = sampled / 10.0 + 2.0 * (step_seconds(**window) as f64 + slice);
                match recorded.total() {
                    0 => sampled > 0.0,
                    _ => covered + unsure < sampled,
                }
            })
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
            ReportQuery::MaintenanceEvents(length) => {
                promql::maintenance_query(self.objectives, window(length))
            }
            ReportQuery::RecordedSlices(length) | ReportQuery::RawSlices(length) => {
                promql::recorded_slices_query(window(length))
            }
            ReportQuery::RecordedMaintenance(length) | ReportQuery::RawMaintenance(length) => {
                promql::recorded_maintenance_query(window(length))
            }
            ReportQuery::Coverage(part) => part.stepped().sampled_steps_query(),
            ReportQuery::MaintenanceTime(part) => part.stepped().maintenance_steps_query(),
            ReportQuery::NewestSample => format!(
                "max by (environment, job, objective) (timestamp({events}) or timestamp({SLICE_METRIC}))"
            ),
            ReportQuery::ReplicasSince(length) => format!(
                "min by (environment, job) (min_over_time(timestamp({requests})[{length}s:{}s]))",
                step_seconds(length)
            ),
            ReportQuery::DeclaredMaintenance(length) => format!(
                "count by (environment, job) (count_over_time({}[{length}s]))",
                SLO_MAINTENANCE_START.prometheus_name()
            ),
            ReportQuery::FiringAlerts => format!(
                "max by (environment, job, objective, result) (label_replace(ALERTS{{alertname={}, \
                 alertstate=\"firing\"}}, \"result\", \"$1\", \"severity\", \"(.*)\"))",
                quote(AlertSignal::ErrorBudget.spec().name)
            ),
        };
        QueryRequest { query, promql }
    }
}

/// Returns the seconds of the objective's window: of a calendar window, of the elapsed part.
pub(super) fn elapsed_seconds(objective: &Objective, at: Timestamp) -> u64 {
    objective.window().elapsed_at(at).as_secs().max(1)
}
