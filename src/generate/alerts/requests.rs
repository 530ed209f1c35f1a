//! Requests, without those of the crate's own routes: probes are many, and never slow or wrong.
//!
//! They are recorded, so that whoever reads an alert at night reads a short expression.

use super::{AlertQuery, AlertRow, SERVICE, ScaledWindows};
use crate::generate::rule::RecordingRule;
use crate::model::alerts::AlertSignal;
use crate::model::catalog::api::{REQUEST_DURATION, REQUESTS};
use crate::model::promql::{CounterQuery, HistogramQuery, InstantVector, RecordedSeries, Select};
use crate::model::promql_literal::escape_regex;

pub(super) const ALERTS: &[AlertRow] = &[
    AlertRow::new(
        AlertSignal::ApiErrorRatio,
        |_| error_ratio(),
        include_str!("api-error-ratio-high.md"),
    ),
    AlertRow::new(
        AlertSignal::ApiLatency,
        |_| latency(),
        include_str!("api-latency-high.md"),
    ),
];

/// The error types that the service itself is responsible for.
const FAILURE_TYPES: &str = "5..|panic|timeout";

/// Answered requests a second.
const ALL: &str = "vantage:api_requests:rate5m";
/// Failed requests a second.
const FAILURES: &str = "vantage:api_failures:rate5m";
/// The 95th percentile of the time to answer, in seconds.
const LATENCY: &str = "vantage:api_latency:p95_5m";

fn error_ratio() -> AlertQuery {
    let [all, failed] = [ALL, FAILURES].map(|name| recorded(name).now());
    AlertQuery::with_min_rate(failed.div(&all), &all)
}

fn latency() -> AlertQuery {
    AlertQuery::with_min_rate(recorded(LATENCY).now(), &recorded(ALL).now())
}

fn recorded(name: &str) -> RecordedSeries {
    RecordedSeries::with_labels(name, SERVICE)
}

/// Returns the rules that record requests, failures and latency.
pub(in crate::generate) fn recording_rules(windows: ScaledWindows<'_>) -> Vec<RecordingRule> {
    let window = windows.minutes(5);
    let rate = |requests: CounterQuery| requests.rate(window).sum_by(&SERVICE);
    let requests = CounterQuery::new(&REQUESTS);
    let failed = select_failed(requests.clone(), windows);
    let durations = select_answered(HistogramQuery::new(&REQUEST_DURATION), windows);
    let record = |name, value: InstantVector| RecordingRule::new(name, &value);
    vec![
        record(ALL, rate(select_answered(requests, windows))),
        record(FAILURES, rate(failed)),
        record(LATENCY, durations.percentile(95, window, &SERVICE)),
    ]
}

/// Selects answered requests of users. A cancelled one has no result, neither good nor bad.
pub(in crate::generate) fn select_answered<S: Select>(
    requests: S,
    windows: ScaledWindows<'_>,
) -> S {
    let requests = exclude_own_routes(requests, windows);
    requests.with("error.type").is_not("cancelled")
}

/// Selects requests of users that the service itself failed.
pub(in crate::generate) fn select_failed<S: Select>(requests: S, windows: ScaledWindows<'_>) -> S {
    exclude_own_routes(requests, windows)
        .with("error.type")
        .like(FAILURE_TYPES)
}

fn exclude_own_routes<S: Select>(requests: S, windows: ScaledWindows<'_>) -> S {
    let own = windows.input.config.own_routes();
    let patterns: Vec<_> = own.iter().map(|route| escape_regex(route)).collect();
    requests.with("http.route").unlike(&patterns.join("|"))
}
