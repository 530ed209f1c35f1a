//! Configuration of metrics.
//!
//! Scrape and push may be on together. Every reader of the same instruments costs memory and time
//! of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::checks::{each, range, up_to_a_day};
use super::setting::section;
use super::validator::ConfigValidator;
use crate::model::routes::{ROUTES, RouteKind};

section! {
    /// The scrape and the push of metrics, and the limit of series.
    ///
    /// ```
    /// use std::time::Duration;
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role};
    ///
    /// let mut config = Config::new("vantage-api", Role::Api);
    /// config.metrics.prometheus.path = "/internal/metrics".into();
    /// let metrics = config.resolve(&Environment::empty())?.config.metrics;
    /// assert_eq!(metrics.cardinality_limit, 2_000);
    /// assert_eq!(metrics.prometheus.scrape_interval, Duration::from_secs(15));
    /// # Ok::<(), vantage_obs::config::ConfigError>(())
    /// ```
    pub struct MetricsConfig {
        /// The scrape.
        pub prometheus: PrometheusConfig;
        /// The push.
        pub otlp: MetricsPushConfig;
        /// The maximum number of series of an instrument, 1 to 100,000; further ones go into one overflow
        /// series. Default: 2000, as OpenTelemetry has it. The SDK reserves memory for the
        /// limit, about 70 bytes a series and instrument: hence the upper bound.
        pub cardinality_limit: usize = 2000, range(1..=100_000);
        /// The mount points whose free space is reported, as absolute paths. Default: `/`.
        pub disks: Vec<PathBuf> = vec!["/".into()], each(absolute_path);
    }
}

section! {
    /// The scrape.
    pub struct PrometheusConfig {
        /// Turns the scrape on. Default: true.
        pub enabled: bool = true;
        /// The path of the scrape: absolute, of plain characters, outside `/api/v1`, `/api/v2` and `/status`, which are
        /// taken. Default: `/metrics`.
        pub path: String = "/metrics".into(), free_path;
        /// Adds `otel_scope_*` labels to each sample. Default: false, because there is one scope, and the
        /// labels only make the scrape longer.
        pub scope_labels: bool;
        /// The scrape interval of Prometheus: more than 0, at most a day. Default: 15 s. The shortest windows
        /// of generated rules follow from it.
        pub scrape_interval: Duration = Duration::from_secs(15), up_to_a_day;
    }
}

section! {
    /// The push of metrics by OTLP, beside the scrape and independent of it.
    pub struct MetricsPushConfig {
        /// Turns the push of metrics on. Default: false, because they are scraped already. Needs an endpoint.
        pub enabled: bool;
        /// The interval between pushes: more than 0, at most a day. Default: 60 s, as OpenTelemetry has it.
        pub interval: Duration = Duration::from_secs(60), up_to_a_day;
        /// The time that collecting and sending may take together: more than 0, at most a day.
        /// Default: 30 s, as OpenTelemetry has it.
        pub timeout: Duration = Duration::from_secs(30), up_to_a_day;
    }
}

/// Requires an absolute path: the working directory of a service is no property of its disks.
fn absolute_path(disk: &Path, path: &str, validator: &mut ConfigValidator<'_>) {
    validator.require(
        disk.is_absolute(),
        path,
        format!("{disk:?}"),
        "absolute paths",
    );
}

/// Requires a path that collides with nothing.
fn free_path(value: &str, path: &str, validator: &mut ConfigValidator<'_>) {
    let allowed = "a path such as \"/metrics\": it starts with / and has plain characters, \
                   and /api/v1, /api/v2, /status and /status.json are taken";
    validator.require(is_free_path(value), path, format!("{value:?}"), allowed);
}

/// A router would panic on braces, and on a path that it has twice.
fn is_free_path(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    // Whole segments: `/status-metrics` is free.
    let taken = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_route = ROUTES.iter().any(|route| {
        // Slashes at the end are ignored, because each route is also served with one.
        let same = |own: &str| own == path.trim_end_matches('/');
        route.kind != RouteKind::Scrape && (same(route.path) || route.json_path.is_some_and(same))
    });
    path.starts_with('/')
        && path.chars().all(plain)
        && !["/api/v1", "/api/v2", "/status"].into_iter().any(taken)
        && !is_route
}
