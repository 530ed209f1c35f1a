//! The results of all queries.

use std::collections::BTreeMap;

use super::QueryResponse;
use super::query::{ReportQuery, step_count};
use super::response::{ValuesByLabels, parse_vector};
use crate::model::slo::promql::KnownTargets;

/// The largest count whose neighbours `f64` still tells apart.
const MAX_EXACT_COUNT: f64 = 9_007_199_254_740_992.0;

/// The results of a report's queries.
#[derive(Debug, Default)]
pub(super) struct QueryResults {
    values: BTreeMap<ReportQuery, ValuesByLabels>,
    pub(super) failures: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl QueryResults {
    pub(super) fn from_responses(responses: &[QueryResponse]) -> Self {
        let mut results = Self::default();
        // They arrive in any order.
        let responses: BTreeMap<_, _> = responses
            .iter()
            .map(|(query, body)| (*query, body))
            .collect();
        for (query, body) in responses {
            match body
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|body| parse_vector(body))
            {
                Ok((values, warnings)) => {
                    results.warnings.extend(warnings);
                    results.values.insert(query, values);
                }
                Err(cause) => results
                    .failures
                    .push(format!("{}: {cause}", query.display_name())),
            }
        }
        results.warnings.sort();
        results.warnings.dedup();
        results
    }

    /// Returns the first error, if every query failed.
    pub(super) fn total_failure(&self) -> Option<String> {
        let nothing = self.values.is_empty();
        nothing.then(|| self.failures.first().cloned().unwrap_or_default())
    }

    /// Returns the good and bad events; none without series of the objective.
    pub(super) fn events(&self, objective: &str, window: u64) -> Result<(u64, u64), String> {
        self.counts(ReportQuery::Events(window), objective)
    }

    /// Returns the good and bad slices that rules have recorded.
    pub(super) fn recorded_slices(
        &self,
        objective: &str,
        window: u64,
    ) -> Result<(u64, u64), String> {
        self.counts(ReportQuery::RecordedSlices(window), objective)
    }

    /// Returns the good and bad slices of all replicas together: evaluated from raw samples, if that was
    /// queried, and else those that were recorded.
    pub(super) fn slices(&self, objective: &str, window: u64) -> Result<(u64, u64), String> {
        if self.has_result(ReportQuery::RawSlices(window)) {
            return self.counts(ReportQuery::RawSlices(window), "");
        }
        let slices = self.recorded_slices(objective, window)?;
        match (slices, self.coverage(objective, window)?) {
            ((0, 0), covered) if covered > 0.0 => Err(format!(
                "{} are not known: no rule has recorded them",
                ReportQuery::RawSlices(window).display_name()
            )),
            _ => Ok(slices),
        }
    }

    /// Returns whether the query has a readable result.
    pub(super) fn has_result(&self, query: ReportQuery) -> bool {
        self.values.contains_key(&query)
    }

    /// Returns the jobs of all replicas, if they were queried and there are any.
    pub(super) fn replicas(&self) -> Option<KnownTargets> {
        let since =
            |(query, values)| matches!(query, &ReportQuery::ReplicasSince(_)).then_some(values);
        let values: &ValuesByLabels = self.values.iter().find_map(since)?;
        let firsts = values.values().flatten().copied();
        let since = firsts.min_by(f64::total_cmp)?;
        let jobs = values.keys().map(|(job, _)| job.clone());
        Some(KnownTargets {
            jobs: jobs.collect(),
            since,
        })
    }

    fn counts(&self, query: ReportQuery, objective: &str) -> Result<(u64, u64), String> {
        let count = |result| match self.value(query, objective, result)? {
            None => Ok(0),
            Some(value) => to_count(value, &format!("{result} in {}", query.display_name())),
        };
        Ok((count("good")?, count("bad")?))
    }

    /// Returns the share of the window that has samples.
    pub(super) fn coverage(&self, objective: &str, window: u64) -> Result<f64, String> {
        let query = ReportQuery::Coverage(window);
        let Some(steps) = self.value(query, objective, "")? else {
            return Ok(0.0);
        };
        let steps = to_count(steps, &query.display_name())?;
        // A window with both its ends has a step more.
        Ok((steps as f64 / step_count(window) as f64).min(1.0))
    }

    /// Returns the time of the newest sample within the look-back, in seconds since 1970.
    pub(super) fn newest_sample(&self, objective: &str) -> Result<Option<f64>, String> {
        self.value(ReportQuery::NewestSample, objective, "")
    }

    fn value(
        &self,
        query: ReportQuery,
        objective: &str,
        result: &str,
    ) -> Result<Option<f64>, String> {
        let values = self.values.get(&query);
        let values = values.ok_or_else(|| format!("{} are not known", query.display_name()))?;
        match values
            .get(&(objective.into(), result.into()))
            .map(Vec::as_slice)
        {
            None | Some([]) => Ok(None),
            Some([value]) => Ok(Some(*value)),
            Some(several) => Err(format!(
                "{} values for {}",
                several.len(),
                query.display_name()
            )),
        }
    }
}

fn to_count(value: f64, what: &str) -> Result<u64, String> {
    // `increase` extrapolates: the nearest whole number of events is meant.
    match value.round() {
        whole if (0.0..=MAX_EXACT_COUNT).contains(&whole) => Ok(whole as u64),
        _ => Err(format!("{value} {what}")),
    }
}
