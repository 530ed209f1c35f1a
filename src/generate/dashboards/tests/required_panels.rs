//! The panels that the platform's owner asked for, and where they are.

use super::*;

/// The requirements: dashboard, request, and the panels that show it.
const REQUIRED_PANELS: &[(&str, &str, &[&str])] = &[
    (
        "api-performance",
        "Request rate (requests/second)",
        &["Request rate"],
    ),
    (
        "api-performance",
        "Response time percentiles (p50, p90, p95, p99)",
        &["Response time percentiles"],
    ),
    ("api-performance", "Error rate percentage", &["Error rate"]),
    (
        "api-performance",
        "Active connections",
        &["Active connections"],
    ),
    ("api-performance", "Memory usage", &["Memory usage"]),
    ("api-performance", "CPU usage", &["CPU usage"]),
    (
        "worker-health",
        "Job processing rate",
        &["Job processing rate"],
    ),
    ("worker-health", "Queue depth over time", &["Queue depth"]),
    (
        "worker-health",
        "Worker heartbeat status",
        &["Worker heartbeat status"],
    ),
    (
        "worker-health",
        "Job success/failure rate",
        &["Job success and failure rate"],
    ),
    (
        "worker-health",
        "Worker memory usage",
        &["Worker memory usage"],
    ),
    (
        "scheduler-performance",
        "Scheduled jobs count",
        &["Scheduled jobs"],
    ),
    (
        "scheduler-performance",
        "Execution lag distribution",
        &["Execution lag distribution"],
    ),
    (
        "scheduler-performance",
        "Success rate over time",
        &["Success rate"],
    ),
    (
        "scheduler-performance",
        "Failed job reasons",
        &["Failed job reasons"],
    ),
    (
        "scheduler-performance",
        "Scheduler memory usage",
        &["Scheduler memory usage"],
    ),
    (
        "database-performance",
        "Connection pool utilization",
        &["Connection pool utilization"],
    ),
    (
        "database-performance",
        "Query duration percentiles",
        &["Query duration percentiles"],
    ),
    (
        "database-performance",
        "Transaction rate",
        &["Transaction rate"],
    ),
    (
        "database-performance",
        "Database size growth",
        &["Database size growth", "Growth in a day"],
    ),
    (
        "database-performance",
        "Index usage statistics",
        &["Index usage", "Index usage statistics"],
    ),
    (
        "business-metrics",
        "Active organizations",
        &[
            "Active organizations",
            "Active organizations per day (stored)",
        ],
    ),
    (
        "business-metrics",
        "Posts published per day",
        &[
            "Posts published per day",
            "Posts published per day (stored)",
        ],
    ),
    (
        "business-metrics",
        "AI generations per day",
        &["AI generations per day", "AI generations per day (stored)"],
    ),
    (
        "business-metrics",
        "Revenue metrics",
        &[
            "Revenue per day, in minor units",
            "Revenue per day, in minor units (stored)",
        ],
    ),
    (
        "business-metrics",
        "User engagement",
        &["User engagement", "User engagement per day (stored)"],
    ),
];

#[test]
fn every_required_panel_exists() {
    let dashboards = dashboards();
    for (uid, wish, titles) in REQUIRED_PANELS {
        let dashboard = dashboards
            .iter()
            .find(|one| text(one, "uid") == *uid)
            .unwrap();
        for title in *titles {
            let found = panels(dashboard)
                .any(|panel| text(panel, "title") == *title && text(panel, "type") != "stat");
            assert!(found, "{uid} lacks {title:?}, which shows {wish:?}");
        }
    }
}

#[test]
fn all_four_percentiles_are_shown_where_percentiles_are_required() {
    let dashboards = dashboards();
    for (uid, title) in [
        ("api-performance", "Response time percentiles"),
        ("database-performance", "Query duration percentiles"),
    ] {
        let dashboard = dashboards
            .iter()
            .find(|one| text(one, "uid") == uid)
            .unwrap();
        let panel = panels(dashboard)
            .find(|panel| text(panel, "title") == title)
            .unwrap();
        let legends: Vec<_> = list(panel, "targets")
            .map(|target| text(target, "legendFormat"))
            .collect();
        assert_eq!(legends, ["p50", "p90", "p95", "p99"]);
    }
}
