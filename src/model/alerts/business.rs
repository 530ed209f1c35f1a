//! Alerts about what the platform is for, against the same hours of the last three weeks.

use std::time::Duration;

use super::{
    AlertLevels, AlertSignal, AlertSpec, AlertThreshold, DashboardId, ThresholdComparison,
    ThresholdQuantity,
};

/// Fewer posts than usual.
pub(super) const POSTS: AlertSpec = AlertSpec {
    signal: AlertSignal::PostsPublished,
    name: "PostsPublishedDrop",
    comparison: ThresholdComparison::Below,
    quantity: ThresholdQuantity::Multiple,
    levels: AlertLevels::warning(AlertThreshold::percent(50)),
    for_duration: Duration::from_secs(900),
    team: "product",
    dashboard: DashboardId::Business,
    summary: "Fewer than {threshold} of the usual number of posts are published",
    critical_summary: None,
    description: "In the last 3 hours {{ $value | humanizePercentage }} of the posts were published that are usual at this time of the week (the median of three weeks); below {threshold} something is wrong.",
    meaning: "Publishing is broken for some or for all, or people stay away.",
};

/// More AI generations than usual.
pub(super) const GENERATIONS: AlertSpec = AlertSpec {
    signal: AlertSignal::AiGenerations,
    name: "AiGenerationsSpike",
    comparison: ThresholdComparison::Above,
    quantity: ThresholdQuantity::Multiple,
    levels: AlertLevels::warning(AlertThreshold::percent(200)),
    for_duration: Duration::from_secs(900),
    team: "product",
    dashboard: DashboardId::Business,
    summary: "More than {threshold} of the usual number of AI generations are made",
    critical_summary: None,
    description: "In the last 3 hours {{ $value | humanizePercentage }} of the AI generations were made that are usual at this time of the week (the median of three weeks); above {threshold} something is wrong.",
    meaning: "Every generation costs money: a loop, an abuse or a success is going on.",
};

/// Revenue is not as usual.
pub(super) const REVENUE: AlertSpec = AlertSpec {
    signal: AlertSignal::Revenue,
    name: "RevenueAnomaly",
    comparison: ThresholdComparison::Outside,
    quantity: ThresholdQuantity::Band,
    levels: AlertLevels::warning(AlertThreshold::band(50, 200)),
    for_duration: Duration::from_secs(900),
    team: "product",
    dashboard: DashboardId::Business,
    summary: "Revenue in {{ $labels.currency }} is outside {threshold} of what is usual",
    critical_summary: None,
    description: "In the last 3 hours {{ $value | humanizePercentage }} of the revenue in {{ $labels.currency }} was made that is usual at this time of the week (the median of three weeks); {threshold} is usual.",
    meaning: "Payments fail, or are taken twice.",
};
