//! Alerts about requests.

use std::time::Duration;

use super::{AlertSpec, Comparison, Dashboard, Levels, Quantity, Signal, Threshold};

/// Too many requests fail.
pub(super) const ERROR_RATIO: AlertSpec = AlertSpec {
    signal: Signal::ApiErrorRatio,
    name: "ApiErrorRatioHigh",
    comparison: Comparison::Above,
    quantity: Quantity::Share,
    levels: Levels::warning(Threshold::percent(2))
        .and_high(Threshold::percent(5))
        .and_critical(Threshold::percent(10)),
    hold: Duration::from_secs(120),
    team: "platform",
    dashboard: Dashboard::Api,
    summary: "{{ $labels.job }} fails more than {threshold} of its requests",
    critical_summary: Some(
        "API down: {{ $labels.job }} fails more than {threshold} of its requests",
    ),
    description: "{{ $value | humanizePercentage }} of the requests that {{ $labels.job }} answered in the last 5 minutes ended in a server error, a panic or a timeout; at most {threshold} may.",
    meaning: "Some of those who use the platform see errors instead of answers.",
};

/// Requests take too long.
pub(super) const LATENCY: AlertSpec = AlertSpec {
    signal: Signal::ApiLatency,
    name: "ApiLatencyHigh",
    comparison: Comparison::Above,
    quantity: Quantity::Time,
    levels: Levels::warning(Threshold::seconds(1)).and_high(Threshold::seconds(2)),
    hold: Duration::from_secs(120),
    team: "platform",
    dashboard: Dashboard::Api,
    summary: "{{ $labels.job }} answers slowly: its 95th percentile is above {threshold}",
    critical_summary: None,
    description: "One request in twenty to {{ $labels.job }} took longer than {{ $value | humanizeDuration }} in the last 5 minutes; the limit is {threshold}.",
    meaning: "Pages load noticeably slowly, and clients begin to give up and to retry.",
};
