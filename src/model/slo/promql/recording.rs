//! The rules that record the slices of an API's availability.
//!
//! The inputs of a slice are recorded first, by rules of other groups, as they are at each moment:
//! over a slice's length up to then. So it doesn't matter by how much one group is behind the other.

use super::{
    MAINTENANCE_SLICE_METRIC, SERVICE_LABELS, SLICE_METRIC, SliceExpressions, SteppedWindow,
    is_evaluated_fleet_wide, maintenance_expr, own_events_filter, promql_duration,
};
use crate::model::catalog::telemetry::SLO_EVENTS;
use crate::model::slo::{Objective, Objectives};

/// The time for which slices without a replica are counted after a recorded one.
/// Longer, a service that was removed on purpose would go on being down.
const OUTAGE_LOOKBACK: &str = "1h";
/// The time for which they are counted after the last sample of a replica.
const SERVICE_LOOKBACK: &str = "1d";
/// The instances of each service, recorded for its absence.
pub(crate) const SERVICE_INSTANCES: &str = "vantage:service_instances:count";

/// The share of a slice's length for which a replica was ready.
const READY: &str = "vantage:slo_slice_ready:ratio";
/// The requests in a slice's length, by `result`.
const REQUESTS: &str = "vantage:slo_slice_requests:increase";
/// There where a slice is counted.
const SOURCES: &str = "vantage:slo_slice_sources:count";
/// There where maintenance is declared for now.
const MAINTENANCE: &str = "vantage:slo_maintenance_sources:count";
/// The result of the slice that ends now: 1 where it is bad, 0 where it is good.
const BAD_SLICE: &str = "vantage:slo_slice_bad:bool";

/// A recording rule of slices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SliceRecordingRule {
    pub(crate) record: &'static str,
    pub(crate) expr: String,
    pub(crate) labels: Vec<(&'static str, String)>,
}

impl SliceRecordingRule {
    fn new(record: &'static str, expr: String) -> Self {
        SliceRecordingRule {
            record,
            expr,
            labels: Vec::new(),
        }
    }

    fn with_label(mut self, label: &'static str, value: &str) -> Self {
        self.labels.push((label, value.into()));
        self
    }
}

impl SliceExpressions {
    /// Returns the rules that record what slices are evaluated from.
    pub(crate) fn input_rules(&self, objectives: &Objectives) -> Vec<SliceRecordingRule> {
        let rules = evaluated_fleet_wide(objectives).flat_map(|_| {
            [
                SliceRecordingRule::new(READY, self.ready_ratio_expr()),
                SliceRecordingRule::new(REQUESTS, self.increase_expr(", result", "")),
                SliceRecordingRule::new(SOURCES, self.sources_expr()),
            ]
        });
        rules.collect()
    }

    /// Returns the rule that records at each moment how the slice is that ends then.
    pub(crate) fn result_rules(objectives: &Objectives) -> Vec<SliceRecordingRule> {
        let rules = evaluated_fleet_wide(objectives).map(|objective| {
            let failed = format!(
                // More than a tenth is bad when nine times the bad are more than the good: no division, and so
                // none by zero.
                "9 * {REQUESTS}{{result=\"bad\"}} > ignoring (result) {REQUESTS}{{result=\"good\"}}"
            );
            let good = format!("{READY} >= 0.5 unless ignoring (result) {failed}");
            let expr = format!("({SOURCES} unless ({good})) > bool 0 or {SOURCES} * 0");
            SliceRecordingRule::new(BAD_SLICE, expr).with_label("objective", objective.id())
        });
        rules.collect()
    }

    /// Returns the rules that record slices, for a group of the interval [`slice`](Self::slice).
    pub(crate) fn recording_rules(objectives: &Objectives) -> Vec<SliceRecordingRule> {
        let rules = evaluated_fleet_wide(objectives).flat_map(|_| {
            let rule = |record, result: &str, expr: String| {
                SliceRecordingRule::new(record, expr).with_label("result", result)
            };
            let (bad, good) = (BAD_SLICE.to_owned(), format!("1 - {BAD_SLICE}"));
            let on = format!("on ({SERVICE_LABELS}) {MAINTENANCE}");
            [
                rule(SLICE_METRIC, "bad", format!("{bad} unless {on}")),
                rule(SLICE_METRIC, "good", format!("{good} unless {on}")),
                rule(MAINTENANCE_SLICE_METRIC, "bad", format!("{bad} and {on}")),
                rule(MAINTENANCE_SLICE_METRIC, "good", format!("{good} and {on}")),
            ]
        });
        rules.collect()
    }

    /// Returns the expression of the services whose slices are counted. One that nobody has seen for a day
    /// was taken down or renamed.
    fn sources_expr(&self) -> String {
        let (replicas, slice) = (self.replicas_expr(), promql_duration(self.slice));
        let seen = |metric, lookback| {
            format!("count by ({SERVICE_LABELS}) (present_over_time({metric}[{lookback}]))")
        };
        format!(
            "{replicas} or ({} and {} and on () count(up offset {slice}))",
            seen(BAD_SLICE, OUTAGE_LOOKBACK),
            seen(SERVICE_INSTANCES, SERVICE_LOOKBACK),
        )
    }
}

impl SteppedWindow {
    /// Returns the query of the number of its steps at which rules have recorded declared maintenance of a
    /// service.
    pub(crate) fn recorded_maintenance_steps_query(self) -> String {
        self.steps_query(MAINTENANCE)
    }
}

/// The samples of an objective that rules count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordedSamples {
    All,
    /// The samples outside of maintenance.
    Counted,
}

/// Returns the series of each objective's samples as rules know them: slices that are judged together have
/// samples where they were recorded.
pub(crate) fn recorded_series(objectives: &Objectives, samples: RecordedSamples) -> String {
    let events = SLO_EVENTS.prometheus_name() + &own_events_filter(objectives);
    let all = match evaluated_fleet_wide(objectives).next() {
        Some(_) => format!("{events} or {BAD_SLICE}"),
        None => events,
    };
    match samples {
        RecordedSamples::All => all,
        RecordedSamples::Counted => {
            format!("({all}) unless on ({SERVICE_LABELS}) {MAINTENANCE}")
        }
    }
}

/// Returns the rule that records where maintenance is declared for now.
pub(crate) fn maintenance_rule() -> SliceRecordingRule {
    SliceRecordingRule::new(MAINTENANCE, maintenance_expr())
}

/// Returns the objectives whose slices are evaluated over all replicas together: one at most, because each
/// kind of a service stands once in a set.
fn evaluated_fleet_wide(objectives: &Objectives) -> impl Iterator<Item = &Objective> {
    objectives.iter().filter(|one| is_evaluated_fleet_wide(one))
}
