//! The results of all queries.
//!
//! Whatever is impossible is an error and no number: several values for one objective, NaN, a
//! negative count. A wrong figure on a page is worse than none.

use std::collections::{BTreeMap, BTreeSet};

use super::QueryResponse;
use super::query::{ReportQuery, WindowPart, step_seconds};
use super::response::{ValueLabels, ValuesByLabels, parse_vector};
use crate::model::slo::policy::AlertLevel;
use crate::model::slo::promql::{KnownTargets, ServiceLabels};

/// The maximum number of services whose slices are evaluated from raw samples: each makes the query longer.
const MAX_RAW_SERVICES: usize = 50;

/// The largest count whose neighbours `f64` still tells apart.
const MAX_EXACT_COUNT: f64 = 9_007_199_254_740_992.0;

/// The results of a report's queries.
#[derive(Debug, Default)]
pub(super) struct QueryResults {
    /// Only queries that were answered.
    values: BTreeMap<ReportQuery, ValuesByLabels>,
    /// All queries, also those that failed.
    queried: BTreeSet<ReportQuery>,
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
            results.queried.insert(query);
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

    /// Returns the services that an objective has figures of, in the order of their labels; one without
    /// labels if it has none. Series without labels beside others are those of earlier rules.
    pub(super) fn services(&self, objective: &str) -> Vec<ServiceLabels> {
        let labels = self
            .values
            .iter()
            .filter(|(query, _)| query.is_of_objectives());
        let labels = labels.flat_map(|(_, values)| values.keys());
        let services = labels
            .filter(|labels| labels.objective == objective)
            .map(|labels| labels.service.clone());
        let mut services: BTreeSet<_> = services.collect();
        if services.len() > 1 {
            services.remove(&ServiceLabels::default());
        }
        match services.is_empty() {
            true => vec![ServiceLabels::default()],
            false => services.into_iter().collect(),
        }
    }

    /// Returns the results of an objective of a service.
    pub(super) const fn of<'a>(
        &'a self,
        objective: &'a str,
        service: &'a ServiceLabels,
    ) -> ServiceResults<'a> {
        ServiceResults {
            all: self,
            objective,
            service,
        }
    }

    /// Returns whether the query has a readable result.
    pub(super) fn has_result(&self, query: ReportQuery) -> bool {
        self.values.contains_key(&query)
    }

    /// Returns whether any service has declared maintenance.
    pub(super) fn is_maintenance_declared(&self) -> bool {
        let mut values = self.values.iter();
        values.any(|(query, values)| {
            matches!(query, ReportQuery::DeclaredMaintenance(_)) && !values.is_empty()
        })
    }

    /// Returns the services of all replicas, the first ones, if they were queried and there are any.
    pub(super) fn known_targets(&self) -> Vec<KnownTargets> {
        let since =
            |(query, values)| matches!(query, &ReportQuery::ReplicasSince(_)).then_some(values);
        let values: Option<&ValuesByLabels> = self.values.iter().find_map(since);
        let targets = values.into_iter().flatten().filter_map(|(labels, firsts)| {
            Some(KnownTargets {
                service: labels.service.clone(),
                since: firsts.iter().copied().min_by(f64::total_cmp)?,
            })
        });
        targets.take(MAX_RAW_SERVICES).collect()
    }
}

/// Good and bad events or slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct EventCounts {
    pub(super) good: u64,
    pub(super) bad: u64,
    /// The events of declared maintenance, good and bad.
    pub(super) maintenance: (u64, u64),
}

impl EventCounts {
    /// Returns the number of all of them.
    pub(super) const fn total(self) -> u64 {
        let (good, bad) = self.maintenance;
        self.good + self.bad + good + bad
    }

    /// Returns the good and bad ones with those of maintenance, if there are any.
    pub(super) const fn raw(self) -> Option<(u64, u64)> {
        match self.maintenance {
            (0, 0) => None,
            (good, bad) => Some((self.good + good, self.bad + bad)),
        }
    }
}

/// The time of a window that has samples, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SampledTime {
    /// Outside of maintenance.
    pub(super) covered: u64,
    /// The time of declared maintenance, whether or not it has samples.
    pub(super) maintenance: u64,
    /// The time since the first sample of all that is known.
    pub(super) since: u64,
}

/// The results of an objective of a service.
#[derive(Clone, Copy)]
pub(super) struct ServiceResults<'a> {
    all: &'a QueryResults,
    objective: &'a str,
    service: &'a ServiceLabels,
}

impl ServiceResults<'_> {
    /// Returns the events; none without series of the objective. Those of maintenance are known for the
    /// objective's own window.
    pub(super) fn events(self, window: u64) -> Result<EventCounts, String> {
        let (good, bad) = self.counts(ReportQuery::Events(window), self.objective)?;
        let maintenance = ReportQuery::MaintenanceEvents(window);
        let maintenance = match self.all.has_result(maintenance) {
            true => self.counts(maintenance, self.objective)?,
            false => (0, 0),
        };
        Ok(EventCounts {
            good,
            bad,
            maintenance,
        })
    }

    /// Returns the slices that rules have recorded.
    pub(super) fn recorded_slices(self, window: u64) -> Result<EventCounts, String> {
        let (good, bad) = self.counts(ReportQuery::RecordedSlices(window), self.objective)?;
        let maintenance = ReportQuery::RecordedMaintenance(window);
        Ok(EventCounts {
            good,
            bad,
            maintenance: self.counts(maintenance, self.objective)?,
        })
    }

    /// Returns the slices of all replicas together: evaluated from raw samples, if that was
    /// queried, and else those that were recorded.
    pub(super) fn slices(self, window: u64) -> Result<EventCounts, String> {
        let raw = ReportQuery::RawSlices(window);
        if self.all.has_result(raw) {
            let (good, bad) = self.counts(raw, "")?;
            let maintenance = match self.all.is_maintenance_declared() {
                true => self.counts(ReportQuery::RawMaintenance(window), "")?,
                false => (0, 0),
            };
            return Ok(EventCounts {
                good,
                bad,
                maintenance,
            });
        }
        let slices = self.recorded_slices(window)?;
        match (slices.total(), self.sampled_time(window)?.covered) {
            (0, covered) if covered > 0 => Err(format!(
                "{} are unknown: no rule has recorded them",
                raw.display_name()
            )),
            _ => Ok(slices),
        }
    }

    /// Returns good and bad of a query; 0 for a series that is not there.
    fn counts(self, query: ReportQuery, objective: &str) -> Result<(u64, u64), String> {
        let count = |result| match self.value(query, objective, result)? {
            None => Ok(0),
            Some(value) => to_count(value, &format!("{result} in {}", query.display_name())),
        };
        Ok((count("good")?, count("bad")?))
    }

    /// Returns the time of the window that has samples: of each part that a shorter one doesn't have, added
    /// up, so that it is as precise for a young service as for an old one.
    pub(super) fn sampled_time(self, window: u64) -> Result<SampledTime, String> {
        let mut time = SampledTime::default();
        for query in &self.all.queried {
            match query {
                ReportQuery::Coverage(part) => {
                    let covered = self.part_seconds(*query, *part, self.objective);
                    let covered = match part.window <= window {
                        true => covered?,
                        // What is not known of longer windows leaves this one alone.
                        false => covered.unwrap_or_default(),
                    };
                    if part.window <= window {
                        time.covered += covered;
                    }
                    if covered > 0 {
                        // Parts come in their order, the newest first.
                        time.since = part.shorter + covered;
                    }
                }
                ReportQuery::MaintenanceTime(part) if part.window <= window => {
                    time.maintenance += self.part_seconds(*query, *part, "")?;
                }
                _ => {}
            }
        }
        Ok(time)
    }

    /// Returns the seconds of the steps of a part that were counted.
    fn part_seconds(
        self,
        query: ReportQuery,
        part: WindowPart,
        objective: &str,
    ) -> Result<u64, String> {
        let Some(steps) = self.value(query, objective, "")? else {
            return Ok(0);
        };
        let steps = to_count(steps, &query.display_name())?;
        let (length, step) = (part.length(), step_seconds(part.length()));
        // The last step is often a part of one.
        Ok(match steps >= length / step {
            true => length,
            false => steps * step,
        })
    }

    /// Returns the time of the newest sample within the look-back, in seconds since 1970.
    pub(super) fn newest_sample(self) -> Result<Option<f64>, String> {
        self.value(ReportQuery::NewestSample, self.objective, "")
    }

    /// Returns the most urgent state in which the rules have an alert of the objective fire, if any. Where it
    /// isn't known, as without rules, there is none.
    pub(super) fn firing_alert(self) -> Option<AlertLevel> {
        let fires = |level: &AlertLevel| {
            let alert = self.value(ReportQuery::FiringAlerts, self.objective, level.as_str());
            matches!(alert, Ok(Some(_)))
        };
        let levels = [AlertLevel::Critical, AlertLevel::Warning];
        levels.into_iter().find(fires)
    }

    /// Returns one value of a query; `None` without a series, and an error where there are several.
    fn value(
        self,
        query: ReportQuery,
        objective: &str,
        result: &str,
    ) -> Result<Option<f64>, String> {
        let values = self.all.values.get(&query);
        let values = values.ok_or_else(|| format!("{} are unknown", query.display_name()))?;
        let labels = ValueLabels {
            objective: objective.into(),
            service: self.service.clone(),
            result: result.into(),
        };
        match values.get(&labels).map(Vec::as_slice) {
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

/// Converts a value to a whole count.
fn to_count(value: f64, what: &str) -> Result<u64, String> {
    // `increase` extrapolates: the nearest whole number of events is meant.
    match value.round() {
        // The range also excludes NaN.
        whole if (0.0..=MAX_EXACT_COUNT).contains(&whole) => Ok(whole as u64),
        _ => Err(format!("{value} {what}")),
    }
}
