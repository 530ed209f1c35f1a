//! How metrics leave the process.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::check::Check;
use super::reader::Section;
use super::setting::duration;

/// How metrics leave the process, and how many series there may be.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Metrics {
    /// The scrape.
    pub prometheus: Prometheus,
    /// The push.
    pub otlp: MetricsPush,
    /// The most series that one instrument may have, 1 to 100,000; what is beyond goes into one
    /// overflow series. Default: 2000, as OpenTelemetry has it. The SDK reserves memory for the
    /// limit, about 70 bytes a series and instrument: hence the upper bound.
    pub cardinality_limit: usize,
    /// The mount points whose free space is reported, as absolute paths. Default: `/`.
    pub disks: Vec<PathBuf>,
}

/// The scrape.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Prometheus {
    /// Whether metrics can be scraped. Default: true.
    pub enabled: bool,
    /// Where, as an absolute path of plain characters outside `/api/v1` and `/status`, which are
    /// taken. Default: `/metrics`.
    pub path: String,
    /// Whether each sample carries `otel_scope_*` labels. Default: false, because there is one
    /// scope, and the labels only make the scrape longer.
    pub scope_labels: bool,
    /// How often Prometheus scrapes: more than 0, at most a day. Default: 15 s. Generated rules
    /// derive their shortest windows from it.
    #[serde(serialize_with = "duration")]
    pub scrape_interval: Duration,
}

/// The push of metrics by OTLP.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MetricsPush {
    /// Whether metrics are pushed. Default: false, because they are scraped already. Needs an
    /// endpoint.
    pub enabled: bool,
    /// How often: more than 0, at most a day. Default: 60 s, as OpenTelemetry has it.
    #[serde(serialize_with = "duration")]
    pub interval: Duration,
    /// The time that collecting and sending may take together: more than 0, at most a day.
    /// Default: 30 s, as OpenTelemetry has it.
    #[serde(serialize_with = "duration")]
    pub timeout: Duration,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            prometheus: Prometheus::default(),
            otlp: MetricsPush::default(),
            cardinality_limit: 2000,
            disks: vec!["/".into()],
        }
    }
}

impl Default for Prometheus {
    fn default() -> Self {
        Self {
            enabled: true,
            path: "/metrics".into(),
            scope_labels: false,
            scrape_interval: Duration::from_secs(15),
        }
    }
}

impl Default for MetricsPush {
    fn default() -> Self {
        Self {
            enabled: false,
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(30),
        }
    }
}

impl Metrics {
    pub(super) fn read(&mut self, section: &mut Section<'_, '_>) {
        section.section("prometheus", |section| self.prometheus.read(section));
        section.section("otlp", |section| self.otlp.read(section));
        section.field("cardinality_limit", &mut self.cardinality_limit);
        section.list("disks", &mut self.disks);
    }

    pub(super) fn check(&self, check: &mut Check<'_>) {
        self.prometheus.check(check);
        self.otlp.check(check);
        let limit = self.cardinality_limit;
        let fine = (1..=100_000).contains(&limit);
        check.require(fine, "metrics.cardinality_limit", limit, "1 to 100000");
        for disk in self.disks.iter().filter(|disk| !disk.is_absolute()) {
            check.require(
                false,
                "metrics.disks",
                format!("{disk:?}"),
                "absolute paths",
            );
        }
    }
}

impl Prometheus {
    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("enabled", &mut self.enabled);
        section.field("path", &mut self.path);
        section.field("scope_labels", &mut self.scope_labels);
        section.field("scrape_interval", &mut self.scrape_interval);
    }

    fn check(&self, check: &mut Check<'_>) {
        let path = "metrics.prometheus.path";
        let allowed = "a path such as \"/metrics\": it starts with / and has plain characters, \
                       and /api/v1 and /status are taken";
        check.require(
            is_free_path(&self.path),
            path,
            format!("{:?}", self.path),
            allowed,
        );
        check.duration("metrics.prometheus.scrape_interval", self.scrape_interval);
    }
}

impl MetricsPush {
    fn read(&mut self, section: &mut Section<'_, '_>) {
        section.field("enabled", &mut self.enabled);
        section.field("interval", &mut self.interval);
        section.field("timeout", &mut self.timeout);
    }

    fn check(&self, check: &mut Check<'_>) {
        check.duration("metrics.otlp.interval", self.interval);
        check.duration("metrics.otlp.timeout", self.timeout);
    }
}

/// A router would panic on braces, and on a path that it has twice.
fn is_free_path(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    let taken = |root: &str| {
        path.strip_prefix(root)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    path.starts_with('/') && path.chars().all(plain) && !taken("/api/v1") && !taken("/status")
}
