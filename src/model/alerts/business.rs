//! Alerts about what the platform is for, against the same hours of the last three weeks.

use std::time::Duration;

use super::{AlertSpec, Comparison, Dashboard, Levels, Quantity, Signal, Threshold};

/// Fewer posts than usual.
pub(super) const POSTS: AlertSpec = AlertSpec {
    signal: Signal::PostsPublished,
    name: "PostsPublishedDrop",
    comparison: Comparison::Below,
    quantity: Quantity::Multiple,
    levels: Levels::warning(Threshold::percent(50)),
    hold: Duration::from_secs(900),
    team: "product",
    dashboard: Dashboard::Business,
    summary: "Fewer than {threshold} of the usual number of posts are published",
    critical_summary: None,
    description: "In the last 3 hours {{ $value | humanizePercentage }} of the posts were published that are usual at this time of the week (the median of three weeks); below {threshold} something is wrong.",
    meaning: "Publishing is broken for some or for all, or people stay away.",
};

/// More AI generations than usual.
pub(super) const GENERATIONS: AlertSpec = AlertSpec {
    signal: Signal::AiGenerations,
    name: "AiGenerationsSpike",
    comparison: Comparison::Above,
    quantity: Quantity::Multiple,
    levels: Levels::warning(Threshold::percent(200)),
    hold: Duration::from_secs(900),
    team: "product",
    dashboard: Dashboard::Business,
    summary: "More than {threshold} of the usual number of AI generations are made",
    critical_summary: None,
    description: "In the last 3 hours {{ $value | humanizePercentage }} of the AI generations were made that are usual at this time of the week (the median of three weeks); above {threshold} something is wrong.",
    meaning: "Every generation costs money: a loop, an abuse or a success is going on.",
};

/// Revenue is not as usual.
pub(super) const REVENUE: AlertSpec = AlertSpec {
    signal: Signal::Revenue,
    name: "RevenueAnomaly",
    comparison: Comparison::Outside,
    quantity: Quantity::Band,
    levels: Levels::warning(Threshold::band(50, 200)),
    hold: Duration::from_secs(900),
    team: "product",
    dashboard: Dashboard::Business,
    summary: "Revenue in {{ $labels.currency }} is outside {threshold} of what is usual",
    critical_summary: None,
    description: "In the last 3 hours {{ $value | humanizePercentage }} of the revenue in {{ $labels.currency }} was made that is usual at this time of the week (the median of three weeks); {threshold} is usual.",
    meaning: "Payments fail, or are taken twice.",
};
