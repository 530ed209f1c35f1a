//! All answers, by what was asked.

use std::collections::BTreeMap;

use super::Answer;
use super::answer::{Values, parse};
use super::query::{Query, steps};
use crate::model::slo::promql::Seen;

/// The largest count whose neighbours `f64` still tells apart.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What was answered.
#[derive(Debug, Default)]
pub(super) struct Figures {
    answers: BTreeMap<Query, Values>,
    pub(super) failures: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Figures {
    pub(super) fn of(answers: &[Answer]) -> Self {
        let mut figures = Self::default();
        // They arrive in any order.
        let answers: BTreeMap<_, _> = answers.iter().map(|(query, body)| (*query, body)).collect();
        for (query, body) in answers {
            match body
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|body| parse(body))
            {
                Ok((values, warnings)) => {
                    figures.warnings.extend(warnings);
                    figures.answers.insert(query, values);
                }
                Err(cause) => figures.failures.push(format!("{}: {cause}", query.name())),
            }
        }
        figures.warnings.sort();
        figures.warnings.dedup();
        figures
    }

    /// The first reason, where everything failed.
    pub(super) fn nothing_was_answered(&self) -> Option<String> {
        let nothing = self.answers.is_empty();
        nothing.then(|| self.failures.first().cloned().unwrap_or_default())
    }

    /// Good and bad events; without series of the objective none.
    pub(super) fn events(&self, objective: &str, window: u64) -> Result<(u64, u64), String> {
        self.counts(Query::Events(window), objective)
    }

    /// Good and bad slices that rules have recorded.
    pub(super) fn recorded(&self, objective: &str, window: u64) -> Result<(u64, u64), String> {
        self.counts(Query::Recorded(window), objective)
    }

    /// Good and bad slices of all replicas together: judged from raw samples, where that was asked
    /// for, and else those that were recorded.
    pub(super) fn slices(&self, objective: &str, window: u64) -> Result<(u64, u64), String> {
        if self.is_answered(Query::Judged(window)) {
            return self.counts(Query::Judged(window), "");
        }
        let slices = self.recorded(objective, window)?;
        match (slices, self.coverage(objective, window)?) {
            ((0, 0), covered) if covered > 0.0 => Err(format!(
                "{} are not known: no rule has recorded them",
                Query::Judged(window).name()
            )),
            _ => Ok(slices),
        }
    }

    /// Whether there is an answer that could be read.
    pub(super) fn is_answered(&self, query: Query) -> bool {
        self.answers.contains_key(&query)
    }

    /// The jobs of all replicas, if it was asked for them and there are any.
    pub(super) fn seen(&self) -> Option<Seen> {
        let since = |(query, values)| matches!(query, &Query::Since(_)).then_some(values);
        let values: &Values = self.answers.iter().find_map(since)?;
        let firsts = values.values().flatten().copied();
        let since = firsts.min_by(f64::total_cmp)?;
        let jobs = values.keys().map(|(job, _)| job.clone());
        Some(Seen {
            jobs: jobs.collect(),
            since,
        })
    }

    fn counts(&self, query: Query, objective: &str) -> Result<(u64, u64), String> {
        let count = |result| match self.value(query, objective, result)? {
            None => Ok(0),
            Some(value) => whole(value, &format!("{result} in {}", query.name())),
        };
        Ok((count("good")?, count("bad")?))
    }

    /// The share of the window that has samples.
    pub(super) fn coverage(&self, objective: &str, window: u64) -> Result<f64, String> {
        let query = Query::Coverage(window);
        let Some(seen) = self.value(query, objective, "")? else {
            return Ok(0.0);
        };
        let seen = whole(seen, &query.name())?;
        // A window with both its ends has a step more.
        Ok((seen as f64 / steps(window) as f64).min(1.0))
    }

    /// Seconds since 1970 of the newest sample, if there is one that is still looked back at.
    pub(super) fn newest(&self, objective: &str) -> Result<Option<f64>, String> {
        self.value(Query::Newest, objective, "")
    }

    fn value(&self, query: Query, objective: &str, result: &str) -> Result<Option<f64>, String> {
        let answer = self.answers.get(&query);
        let values = answer.ok_or_else(|| format!("{} are not known", query.name()))?;
        match values
            .get(&(objective.into(), result.into()))
            .map(Vec::as_slice)
        {
            None | Some([]) => Ok(None),
            Some([value]) => Ok(Some(*value)),
            Some(several) => Err(format!("{} values for {}", several.len(), query.name())),
        }
    }
}

fn whole(value: f64, what: &str) -> Result<u64, String> {
    // `increase` extrapolates: the nearest whole number of events is meant.
    match value.round() {
        whole if (0.0..=EXACT).contains(&whole) => Ok(whole as u64),
        _ => Err(format!("{value} {what}")),
    }
}
