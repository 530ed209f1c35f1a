//! Requests, recorded by process and route, so that alerts and panels read short expressions.

use super::{AlertQuery, AlertRow, SERVICE, ScaledWindows};
use crate::generate::rule::RecordingRule;
use crate::model::alerts::AlertSignal;
use crate::model::catalog::api::{REQUEST_DURATION, REQUESTS};
use crate::model::promql::{CounterQuery, HistogramQuery, RecordedSeries, Select, TARGET_LABELS};

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

/// The error types that are no failure of the service: none, and that of a client that went away.
///
/// A 4xx other than 408 has none: it is the client's fault, and paging for it would teach people to ignore the page.
const NO_FAILURE: &str = "|cancelled";

/// The labels of recorded requests.
const ROUTE: [&str; 5] = [
    TARGET_LABELS[0],
    TARGET_LABELS[1],
    TARGET_LABELS[2],
    "http.request.method",
    "http.route",
];

fn error_ratio() -> AlertQuery {
    let [all, failed] = [answered(), failed()].map(|requests| requests.now().sum_by(&SERVICE));
    AlertQuery::with_min_rate(failed.div(&all), &all)
}

fn latency() -> AlertQuery {
    AlertQuery::with_min_rate(latency_p95().now(), &answered().now().sum_by(&SERVICE))
}

/// Returns answered requests a second. A cancelled one has no result, neither good nor bad.
pub(in crate::generate) fn answered() -> RecordedSeries {
    RecordedSeries::with_labels("vantage:api_requests:rate5m", ROUTE)
}

/// Returns requests a second that the service itself failed: 0 where all went well.
pub(in crate::generate) fn failed() -> RecordedSeries {
    RecordedSeries::with_labels("vantage:api_failures:rate5m", ROUTE)
}

/// Returns the 95th percentile of the time to answer, in seconds.
fn latency_p95() -> RecordedSeries {
    RecordedSeries::with_labels("vantage:api_latency:p95_5m", SERVICE)
}

/// Returns the rules that record requests, failures and latency.
pub(in crate::generate) fn recording_rules(windows: ScaledWindows<'_>) -> Vec<RecordingRule> {
    let window = windows.minutes(5);
    let requests = CounterQuery::new(&REQUESTS);
    let all = select_answered(requests.clone()).rate(window);
    let failures = select_failed(requests).rate(window).or_zero_for(&all);
    let durations = select_answered(HistogramQuery::new(&REQUEST_DURATION));
    vec![
        RecordingRule::new(answered().name(), &all.sum_by(&ROUTE)),
        RecordingRule::new(failed().name(), &failures.sum_by(&ROUTE)),
        RecordingRule::new(
            latency_p95().name(),
            &durations.percentile(95, window, &SERVICE),
        ),
    ]
}

/// Selects answered requests.
pub(in crate::generate) fn select_answered<S: Select>(requests: S) -> S {
    requests.with("error.type").other_than("cancelled")
}

/// Selects requests that the service itself failed.
pub(in crate::generate) fn select_failed<S: Select>(requests: S) -> S {
    requests.with("error.type").unlike(NO_FAILURE)
}
