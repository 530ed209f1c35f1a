//! Alerts about requests.

use std::time::Duration;

use super::{
    AlertLevels, AlertSignal, AlertSpec, AlertThreshold, DashboardId, ThresholdComparison,
    ThresholdQuantity,
};

/// Too many requests fail.
pub(super) const ERROR_RATIO: AlertSpec = AlertSpec {
    signal: AlertSignal::ApiErrorRatio,
    name: "ApiErrorRatioHigh",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Share,
    levels: AlertLevels::warning(AlertThreshold::percent(2))
        .with_high(AlertThreshold::percent(5))
        .with_critical(AlertThreshold::percent(10)),
    for_duration: Duration::from_secs(120),
    team: "platform",
    dashboard: DashboardId::Api,
    summary: "{{ $labels.job }} fails more than {threshold} of its requests",
    critical_summary: Some(
        "API down: {{ $labels.job }} fails more than {threshold} of its requests",
    ),
    description: "{{ $value | humanizePercentage }} of the requests that {{ $labels.job }} answered in the last 5 minutes ended in a server error, a panic or a timeout; at most {threshold} may.",
    meaning: "Some of those who use the platform see errors instead of answers.",
};

/// Requests take too long.
pub(super) const LATENCY: AlertSpec = AlertSpec {
    signal: AlertSignal::ApiLatency,
    name: "ApiLatencyHigh",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Time,
    levels: AlertLevels::warning(AlertThreshold::seconds(1)).with_high(AlertThreshold::seconds(2)),
    for_duration: Duration::from_secs(120),
    team: "platform",
    dashboard: DashboardId::Api,
    summary: "{{ $labels.job }} answers slowly: its 95th percentile is above {threshold}",
    critical_summary: None,
    description: "One request in twenty to {{ $labels.job }} took longer than {{ $value | humanizeDuration }} in the last 5 minutes; the limit is {threshold}.",
    meaning: "Pages load noticeably slowly, and clients begin to give up and to retry.",
};
