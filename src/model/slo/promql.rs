//! What a Prometheus counts of the objectives of a fleet: read by its report and by the generated
//! rules, so that a page and a panel can't tell two stories.
//!
//! Good and bad events are sums, and never averages of ratios:
//!
//! * Occurrences, and the slices of each worker, are events of one process each: their increase is
//!   added up over all processes.
//! * A slice of an API's availability is one for all replicas together. It is bad when more than a
//!   tenth of all their requests was failed by the service, or when for most of it none of them was
//!   ready. A rule records it as it ends, as 1 in [`SLICES`] for its result and 0 for the other: what
//!   is recorded is added up over a window. Where it isn't recorded, a subquery judges the same slices
//!   from the raw samples.
//!
//! Requests of a slice are differences of counters, and not `increase`, which stretches what it sees to
//! the ends of its range: by different parts for the counter that stands at zero and the one that
//! doesn't, so that a tenth would not be a tenth, and what happens between two ranges is never counted.
//!
//! When is a slice counted at all? When a replica could be seen a slice ago. Where none could, only if
//! slices were recorded within the last hour (so that an outage goes on being bad for as long as it
//! takes, also where its targets are gone) and the Prometheus had samples of whatever target a slice
//! ago (so that it doesn't take its own restart for an outage).

use std::time::Duration;

use super::{Kind, Method, Objective, Objectives, Service};
use crate::model::catalog::health::READY;
use crate::model::catalog::telemetry::{SLO_EVENTS, SLO_REQUESTS};

/// The recorded slices of an API's availability: `objective` and `result` are as in
/// `vantage.slo.events`.
pub(crate) const SLICES: &str = "vantage:slo_slices";

/// For so long a slice without a replica follows one that was recorded.
const FOLLOWS: &str = "1h";

/// Shorter slices are looked at more often than targets are scraped.
const LEAST_LOOK: Duration = Duration::from_secs(1);

/// A series that a rule records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recording {
    pub(crate) record: &'static str,
    pub(crate) expr: String,
    pub(crate) labels: Vec<(&'static str, String)>,
}

/// How the slices of an API's availability are judged over all replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slices {
    /// How long one is: the interval of its rules.
    pub(crate) slice: Duration,
    /// How often it is seen within one whether a replica is ready.
    pub(crate) look: Duration,
}

/// Of which targets it is known whether a Prometheus was awake, and since when there are replicas.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) jobs: Vec<String>,
    /// Seconds since 1970.
    pub(crate) since: f64,
}

/// Whether the slices of an objective are judged over all replicas together.
pub(crate) fn is_judged_together(objective: &Objective) -> bool {
    *objective.service() == Service::Api
        && objective.kind() == Kind::Availability
        && objective.method() == Method::Timeslices
}

/// Good and bad events of a window, by `objective` and `result`, of all these objectives. Slices that
/// are judged together are those that were recorded.
pub(crate) fn events(objectives: &Objectives, window: Duration) -> String {
    let own = occurrences(objectives, window);
    match objectives.iter().any(is_judged_together) {
        true => format!("{own}\nor\n{}", recorded(window)),
        false => own,
    }
}

/// Events that are counted by the processes themselves.
pub(crate) fn occurrences(objectives: &Objectives, window: Duration) -> String {
    // There is one at most: each kind of a service stands once in a set.
    let together = objectives.iter().find(|one| is_judged_together(one));
    let filter = together.map(|one| format!("{{objective!={}}}", quoted(one.id())));
    let filter = filter.unwrap_or_default();
    format!(
        "sum by (objective, result) (increase({}{filter}[{}]))",
        SLO_EVENTS.prometheus_name(),
        length(window)
    )
}

/// The slices that rules have recorded in a window.
pub(crate) fn recorded(window: Duration) -> String {
    format!(
        "sum by (objective, result) (sum_over_time({SLICES}[{}]))",
        open(window)
    )
}

impl Slices {
    /// Slices of this length, where targets are scraped this often: nothing is seen between two scrapes.
    pub(crate) fn of(slice: Duration, scrape_interval: Duration) -> Self {
        Self {
            slice,
            look: scrape_interval.min(slice).max(LEAST_LOOK),
        }
    }

    /// The rules that record slices, for a group of the interval [`slice`](Self::slice). Their order
    /// matters: what is good is what was not bad.
    pub(crate) fn rules(&self, objectives: &Objectives) -> Vec<Recording> {
        let together = objectives.iter().filter(|one| is_judged_together(one));
        let rules = together.flat_map(|objective| {
            let id = objective.id();
            let rule = |result: &str, expr| Recording {
                record: SLICES,
                expr,
                labels: vec![("objective", id.into()), ("result", result.into())],
            };
            let good = format!("1 - {}", series(id, "bad"));
            [rule("bad", self.bad(&self.follows(id))), rule("good", good)]
        });
        rules.collect()
    }

    /// The slices of a window, judged from raw samples: `good` and `bad`, by `result`.
    pub(crate) fn judged(&self, window: Duration, seen: &Seen) -> String {
        let (bad, slice) = (self.bad(&self.seen(seen)), length(self.slice));
        let range = format!("[{}:{slice}]", open(window));
        let result = |text: &str, result| {
            format!("label_replace({text}, \"result\", \"{result}\", \"\", \"\")")
        };
        let bads = result(&format!("sum_over_time(({bad}){range})"), "bad");
        let goods = result(&format!("sum_over_time((1 - ({bad})){range})"), "good");
        format!("{bads} or {goods}")
    }

    /// 1 where the slice that ends now was bad, 0 where it was good, and nothing where it isn't counted.
    fn bad(&self, counted: &str) -> String {
        let (slice, look) = (open(self.slice), length(self.look));
        let ready = READY.prometheus_name();
        let requests = SLO_REQUESTS.prometheus_name();
        let more = |result: &str| self.more(&format!("{requests}{{result=\"{result}\"}}"));
        format!(
            "(\n  (avg_over_time((max({ready} and on (job, instance) {requests}) or vector(0))[{slice}:{look}]) < bool 0.5)\n  \
             + ((9 * {} > bool {}) or vector(0))\n  > bool 0\n)\nand on () ({counted})",
            more("bad"),
            more("good"),
        )
    }

    /// What a counter that no range stretches has counted in a slice; all that it shows, where it has
    /// started anew.
    fn more(&self, counter: &str) -> String {
        let before = format!("{counter} offset {}", length(self.slice));
        format!("sum(({counter} - {before} >= 0) or ({counter} < {before}))")
    }

    fn replicas(&self) -> String {
        let requests = SLO_REQUESTS.prometheus_name();
        format!("count({requests} offset {})", length(self.slice))
    }

    fn follows(&self, objective: &str) -> String {
        let (replicas, slice) = (self.replicas(), length(self.slice));
        let before = series(objective, "bad");
        format!(
            "{replicas} or (count(present_over_time({before}[{FOLLOWS}])) and count(up offset {slice}))"
        )
    }

    fn seen(&self, seen: &Seen) -> String {
        let (replicas, slice) = (self.replicas(), length(self.slice));
        let jobs: Vec<_> = seen.jobs.iter().map(|job| literal(job)).collect();
        let jobs = quoted(&jobs.join("|"));
        let since = seen.since + self.slice.as_secs_f64();
        format!(
            "{replicas} or (count(up{{job=~{jobs}}} offset {slice}) and (vector(time()) > {since}))"
        )
    }
}

fn series(objective: &str, result: &str) -> String {
    format!(
        "{SLICES}{{objective={},result=\"{result}\"}}",
        quoted(objective)
    )
}

/// As PromQL writes a duration; of whole milliseconds, which is its finest unit.
fn length(duration: Duration) -> String {
    match (duration.as_secs(), duration.subsec_millis()) {
        (seconds, 0) => format!("{seconds}s"),
        _ => format!("{}ms", duration.as_millis()),
    }
}

/// The same without its first moment, which belongs to the slice before: Prometheus 2 would count both
/// ends of a range.
fn open(duration: Duration) -> String {
    length(duration.saturating_sub(Duration::from_millis(1)))
}

/// A string of PromQL.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A pattern that matches nothing but this text.
fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if !(c.is_alphanumeric() || c == '_' || c == '-' || c == ' ') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests;
