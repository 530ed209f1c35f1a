//! The rules that record the slices of an API's availability.
//!
//! What a slice is evaluated from is recorded first, by rules of another group, as it is at each moment:
//! over a slice's length up to then. So it doesn't matter by how much the one group is behind the other.

use super::{SLICE_METRIC, SliceExpressions, is_evaluated_fleet_wide, promql_duration};
use crate::model::promql_literal::quote;
use crate::model::slo::{Objective, Objectives};

/// The time for which slices without a replica are counted after a recorded one.
const OUTAGE_LOOKBACK: &str = "1h";

/// The share of a slice's length for which a replica was ready.
const READY: &str = "vantage:slo_slice_ready:ratio";
/// The requests in a slice's length, by `result`.
const REQUESTS: &str = "vantage:slo_slice_requests:increase";
/// There where a slice is counted.
const SOURCES: &str = "vantage:slo_slice_sources:count";

/// A recording rule of slices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SliceRecordingRule {
    pub(crate) record: &'static str,
    pub(crate) expr: String,
    pub(crate) labels: Vec<(&'static str, String)>,
}

impl SliceExpressions {
    /// Returns the rules that record what slices are evaluated from.
    pub(crate) fn input_rules(&self, objectives: &Objectives) -> Vec<SliceRecordingRule> {
        let rules = evaluated_fleet_wide(objectives).flat_map(|objective| {
            let rule = |record, expr| SliceRecordingRule {
                record,
                expr,
                labels: Vec::new(),
            };
            [
                rule(READY, self.ready_ratio_expr()),
                rule(REQUESTS, self.increase_expr(" by (result) ", "")),
                rule(SOURCES, self.sources_expr(objective.id())),
            ]
        });
        rules.collect()
    }

    /// Returns the rules that record slices, for a group of the interval [`slice`](Self::slice).
    pub(crate) fn recording_rules(objectives: &Objectives) -> Vec<SliceRecordingRule> {
        let rules = evaluated_fleet_wide(objectives).flat_map(|objective| {
            let failed = format!(
                "9 * {REQUESTS}{{result=\"bad\"}} > bool ignoring (result) {REQUESTS}{{result=\"good\"}}"
            );
            let bad = format!("({READY} < bool 0.5) + (({failed}) or vector(0)) > bool 0");
            let rule = |result: &str, value: &str| SliceRecordingRule {
                record: SLICE_METRIC,
                expr: format!("({value}) and on () {SOURCES}"),
                labels: vec![
                    ("objective", objective.id().into()),
                    ("result", result.into()),
                ],
            };
            [rule("bad", &bad), rule("good", &format!("1 - ({bad})"))]
        });
        rules.collect()
    }

    fn sources_expr(&self, objective: &str) -> String {
        let (replicas, slice) = (self.replicas_expr(), promql_duration(self.slice));
        let before = format!(
            "{SLICE_METRIC}{{objective={},result=\"bad\"}}",
            quote(objective)
        );
        format!(
            "{replicas} or (count(present_over_time({before}[{OUTAGE_LOOKBACK}])) and count(up offset {slice}))"
        )
    }
}

/// Returns the objectives whose slices are evaluated over all replicas together: one at most, because each
/// kind of a service stands once in a set.
fn evaluated_fleet_wide(objectives: &Objectives) -> impl Iterator<Item = &Objective> {
    objectives.iter().filter(|one| is_evaluated_fleet_wide(one))
}
