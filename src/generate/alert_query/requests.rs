//! Requests, without those of the crate's own routes: probes are many, and never slow or wrong.
//!
//! They are recorded, so that whoever reads an alert at night reads a short expression.

use super::{Measure, SERVICE, Time};
use crate::generate::rule::Record;
use crate::model::catalog::api::{REQUEST_DURATION, REQUESTS};
use crate::model::promql::{Counter, Histogram, Recorded, Select, Vector};
use crate::model::units::Ratio;

/// What the service itself failed.
const FAILED: &str = "5..|panic|timeout";

/// Requests that were answered, a second.
const ALL: &str = "vantage:api_requests:rate5m";
/// Of those, the failed ones.
const FAILURES: &str = "vantage:api_failures:rate5m";
/// The 95th percentile of the time to answer, in seconds.
const LATENCY: &str = "vantage:api_latency:p95_5m";

/// Over which share of requests a latency is the limit.
pub(super) fn p95() -> Ratio {
    Ratio::new(95, 100).unwrap_or(Ratio::ONE)
}

pub(super) fn error_ratio() -> Measure {
    let [all, failed] = [ALL, FAILURES].map(|name| recorded(name).now());
    Measure::of_busy(failed.over(&all), &all)
}

pub(super) fn latency() -> Measure {
    Measure::of_busy(recorded(LATENCY).now(), &recorded(ALL).now())
}

fn recorded(name: &str) -> Recorded {
    Recorded::with_labels(name, SERVICE)
}

/// The rules that record all this.
pub(in crate::generate) fn records(time: Time<'_>) -> Vec<Record> {
    let window = time.minutes(5);
    let rate = |requests: Counter| requests.rate(window).sum_by(&SERVICE);
    let requests = Counter::of(&REQUESTS);
    let failed = failed(requests.clone(), time);
    let durations = answered(Histogram::of(&REQUEST_DURATION), time);
    let record = |name, value: Vector| Record::new(name, &value);
    vec![
        record(ALL, rate(answered(requests, time))),
        record(FAILURES, rate(failed)),
        record(LATENCY, durations.quantile(p95(), window, &SERVICE)),
    ]
}

/// Those of users that were answered. Whoever went away was told nothing, neither good nor bad.
pub(in crate::generate) fn answered<S: Select>(requests: S, time: Time<'_>) -> S {
    let requests = of_users(requests, time);
    requests.with("error.type").is_not("cancelled")
}

/// Those of users that the service itself failed.
pub(in crate::generate) fn failed<S: Select>(requests: S, time: Time<'_>) -> S {
    of_users(requests, time).with("error.type").like(FAILED)
}

fn of_users<S: Select>(requests: S, time: Time<'_>) -> S {
    let own = time.source.config.own_routes();
    let patterns: Vec<_> = own.iter().map(|route| literal(route)).collect();
    requests.with("http.route").unlike(&patterns.join("|"))
}

/// A pattern that matches nothing but this text.
fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_matches_itself_alone() {
        assert_eq!(literal("/a/{id}/b.c"), "/a/\\{id\\}/b\\.c");
    }
}
