//! Which questions a report needs, the later ones because of the answers to the first.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::Fleet;
use super::query::{Query, Question, step};
use super::results::Figures;
use crate::model::catalog::telemetry::{SLO_EVENTS, SLO_REQUESTS};
use crate::model::slo::promql::{self, SLICES, Slices};
use crate::model::slo::{Objective, Objectives, Window};
use crate::watch::slo::evaluate::windows;

/// So many slices are judged from raw samples, at most: two months of minutes. A query for more is one
/// that nobody would forgive us.
const MOST_SLICES: u64 = 90_000;

/// Everything that may be asked about some objectives.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    objectives: &'a Objectives,
    slices: Slices,
    lengths: BTreeSet<u64>,
    /// The objective whose slices are judged over all replicas, and the windows that it needs.
    together: Option<(&'a Objective, BTreeSet<u64>)>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(objectives: &'a Objectives, fleet: &Fleet, at: Timestamp) -> Self {
        let burning: BTreeSet<_> = windows(&fleet.policy)
            .iter()
            .map(Duration::as_secs)
            .collect();
        let mut lengths = burning.clone();
        lengths.extend(objectives.iter().map(|objective| elapsed(objective, at)));
        let mut all = objectives.iter();
        let together = all.find(|one| promql::is_judged_together(one));
        let together = together.map(|objective| {
            let mut needed = burning;
            needed.insert(elapsed(objective, at));
            (objective, needed)
        });
        Self {
            objectives,
            slices: Slices::of(fleet.slice, fleet.scrape_interval),
            together,
            lengths,
        }
    }

    /// What is asked whatever is answered.
    pub(super) fn first(&self) -> Vec<Question> {
        let mut queries = vec![Query::Newest];
        for length in &self.lengths {
            queries.extend([Query::Events(*length), Query::Coverage(*length)]);
        }
        let needed = self.together.iter().flat_map(|(_, needed)| needed);
        queries.extend(needed.map(|length| Query::Recorded(*length)));
        queries.into_iter().map(|query| self.ask(query)).collect()
    }

    /// What is to be asked because of what is known by now.
    pub(super) fn next(&self, figures: &Figures) -> Vec<Question> {
        let missing = self.missing(figures);
        match figures.seen() {
            _ if missing.is_empty() => Vec::new(),
            None => {
                let longest = missing.iter().max().copied();
                longest
                    .map(|window| self.ask(Query::Since(window)))
                    .into_iter()
                    .collect()
            }
            Some(seen) => {
                let judged = |window: u64| Question {
                    query: Query::Judged(window),
                    text: self.slices.judged(Duration::from_secs(window), &seen),
                };
                missing.into_iter().map(judged).collect()
            }
        }
    }

    /// The windows of which fewer slices were recorded than there are samples.
    fn missing(&self, figures: &Figures) -> Vec<u64> {
        let Some((objective, needed)) = &self.together else {
            return Vec::new();
        };
        let slice = self.slices.slice.as_secs_f64();
        let wanted = |window: &&u64| {
            let few = **window as f64 / slice <= MOST_SLICES as f64;
            few && !figures.is_answered(Query::Judged(**window))
        };
        let lacks = |window: &&u64| {
            // What can't be answered is said where the objective is judged.
            let (good, bad) = figures
                .recorded(objective.id(), **window)
                .unwrap_or_default();
            let recorded = (good + bad) as f64 * slice;
            let coverage = figures
                .coverage(objective.id(), **window)
                .unwrap_or_default();
            let sampled = coverage * **window as f64;
            let unsure = sampled / 10.0 + 2.0 * (step(**window) as f64 + slice);
            match good + bad {
                0 => sampled > 0.0,
                _ => recorded + unsure < sampled,
            }
        };
        let missing = needed.iter().filter(wanted).filter(lacks);
        missing.copied().collect()
    }

    fn ask(&self, query: Query) -> Question {
        let window = Duration::from_secs;
        let (events, requests) = (SLO_EVENTS.prometheus_name(), SLO_REQUESTS.prometheus_name());
        let text = match query {
            Query::Events(length) => promql::occurrences(self.objectives, window(length)),
            Query::Recorded(length) | Query::Judged(length) => promql::recorded(window(length)),
            Query::Coverage(length) => format!(
                "count_over_time(max by (objective) ({events})[{length}s:{}s])",
                step(length)
            ),
            Query::Newest => {
                format!("max by (objective) (timestamp({events}) or timestamp({SLICES}))")
            }
            Query::Since(length) => format!(
                "min by (job) (min_over_time(timestamp({requests})[{length}s:{}s]))",
                step(length)
            ),
        };
        Question { query, text }
    }
}

/// The length of the window that the objective is judged by: of a calendar window, what is over of it.
pub(super) fn elapsed(objective: &Objective, at: Timestamp) -> u64 {
    let length = match objective.window() {
        Window::Rolling(rolling) => rolling.duration(),
        window => {
            let over = at.duration_since(window.span(at).start);
            Duration::try_from(over).unwrap_or_default()
        }
    };
    length.as_secs().max(1)
}
