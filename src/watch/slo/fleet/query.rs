//! What is asked.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use super::Fleet;
use super::results::Figures;
use crate::model::catalog::telemetry::{SLO_EVENTS, SLO_REQUESTS};
use crate::model::slo::promql::{self, SLICES, Slices};
use crate::model::slo::{Objective, Objectives, Window};
use crate::watch::slo::evaluate::windows;

/// At how many moments of a window it is seen whether there are samples, at most.
const STEPS: u64 = 1_000;
/// So many slices are judged from raw samples, at most: two months of minutes. A query for more is one
/// that nobody would forgive us.
const MOST_SLICES: u64 = 90_000;

/// One question, for all objectives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Query {
    /// Good and bad events of a window of these seconds, which processes have counted.
    Events(u64),
    /// Slices of a window, which rules have recorded.
    Recorded(u64),
    /// Slices of a window, judged from raw samples.
    Judged(u64),
    /// At how many of its steps there were samples.
    Coverage(u64),
    /// When the newest sample was taken.
    Newest,
    /// Since when there are replicas, in a window, by their jobs.
    Since(u64),
}

/// A query in the API's own language.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) query: Query,
    text: String,
}

/// Everything that may be asked about some objectives.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    objectives: &'a Objectives,
    slices: Slices,
    lengths: BTreeSet<u64>,
    /// The objective whose slices are judged over all replicas, and the windows that it needs.
    together: Option<(&'a Objective, BTreeSet<u64>)>,
}

impl Query {
    /// For people.
    pub(super) fn name(self) -> String {
        let window = |seconds| crate::model::units::format_duration(Duration::from_secs(seconds));
        match self {
            Query::Events(seconds) => format!("the events of {}", window(seconds)),
            Query::Recorded(seconds) => format!("the recorded slices of {}", window(seconds)),
            Query::Judged(seconds) => format!("the slices of {}", window(seconds)),
            Query::Coverage(seconds) => format!("the coverage of {}", window(seconds)),
            Query::Newest => "the newest samples".into(),
            Query::Since(_) => "the first samples".into(),
        }
    }
}

impl Question {
    pub(super) fn path(&self, at: Timestamp) -> String {
        path(&self.text, at)
    }
}

/// The path by which an expression is asked for at a moment.
pub(super) fn path(expression: &str, at: Timestamp) -> String {
    let query = encoded(expression);
    format!("/api/v1/query?time={}&query={query}", seconds(at))
}

/// The same at moments that are this far from each other, from the first to the last.
pub(super) fn range_path(expression: &str, first: Timestamp, last: Timestamp, step: u64) -> String {
    let (query, first, last) = (encoded(expression), seconds(first), seconds(last));
    format!("/api/v1/query_range?start={first}&end={last}&step={step}&query={query}")
}

fn seconds(at: Timestamp) -> String {
    let millis = at.as_millisecond();
    let (seconds, millis) = (millis.div_euclid(1_000), millis.rem_euclid(1_000));
    format!("{seconds}.{millis:03}")
}

fn encoded(expression: &str) -> String {
    let mut text = String::new();
    for byte in expression.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => text.push(char::from(byte)),
            // Writing into a string doesn't fail.
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
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

/// How many steps a window has.
pub(super) fn steps(window: u64) -> u64 {
    (window / step(window)).max(1)
}

fn step(window: u64) -> u64 {
    window.div_ceil(STEPS).max(1)
}
