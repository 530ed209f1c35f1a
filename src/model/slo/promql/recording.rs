//! The rules that record the slices of an API's availability.

use super::{SLICE_METRIC, SliceExpressions, is_evaluated_fleet_wide, promql_duration};
use crate::model::promql_literal::quote;
use crate::model::slo::Objectives;

/// The time for which slices without a replica are counted after a recorded one.
const OUTAGE_LOOKBACK: &str = "1h";

/// A recording rule of slices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SliceRecordingRule {
    pub(crate) record: &'static str,
    pub(crate) expr: String,
    pub(crate) labels: Vec<(&'static str, String)>,
}

impl SliceExpressions {
    /// Returns the rules that record slices, for a group of the interval [`slice`](Self::slice). Their order
    /// matters: what is good is what was not bad.
    pub(crate) fn recording_rules(&self, objectives: &Objectives) -> Vec<SliceRecordingRule> {
        let together = objectives.iter().filter(|one| is_evaluated_fleet_wide(one));
        let rules = together.flat_map(|objective| {
            let id = objective.id();
            let rule = |result: &str, expr| SliceRecordingRule {
                record: SLICE_METRIC,
                expr,
                labels: vec![("objective", id.into()), ("result", result.into())],
            };
            let good = format!("1 - {}", slice_series(id, "bad"));
            [
                rule("bad", self.bad_slice_expr(&self.recorded_condition(id))),
                rule("good", good),
            ]
        });
        rules.collect()
    }

    fn recorded_condition(&self, objective: &str) -> String {
        let (replicas, slice) = (self.replicas_expr(), promql_duration(self.slice));
        let before = slice_series(objective, "bad");
        format!(
            "{replicas} or (count(present_over_time({before}[{OUTAGE_LOOKBACK}])) and count(up offset {slice}))"
        )
    }
}

fn slice_series(objective: &str, result: &str) -> String {
    format!(
        "{SLICE_METRIC}{{objective={},result=\"{result}\"}}",
        quote(objective)
    )
}
