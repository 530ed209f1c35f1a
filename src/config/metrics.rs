//! Configuration of metrics.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::field_value::serialize_duration;
use super::reader::SectionReader;
use super::validator::ConfigValidator;

/// The scrape and the push of metrics, and the limit of series.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MetricsConfig {
    /// The scrape.
    pub prometheus: PrometheusConfig,
    /// The push.
    pub otlp: MetricsPushConfig,
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
pub struct PrometheusConfig {
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
    #[serde(serialize_with = "serialize_duration")]
    pub scrape_interval: Duration,
}

/// The push of metrics by OTLP.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MetricsPushConfig {
    /// Whether metrics are pushed. Default: false, because they are scraped already. Needs an
    /// endpoint.
    pub enabled: bool,
    /// How often: more than 0, at most a day. Default: 60 s, as OpenTelemetry has it.
    #[serde(serialize_with = "serialize_duration")]
    pub interval: Duration,
    /// The time that collecting and sending may take together: more than 0, at most a day.
    /// Default: 30 s, as OpenTelemetry has it.
    #[serde(serialize_with = "serialize_duration")]
    pub timeout: Duration,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            prometheus: PrometheusConfig::default(),
            otlp: MetricsPushConfig::default(),
            cardinality_limit: 2000,
            disks: vec!["/".into()],
        }
    }
}

impl Default for PrometheusConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            path: "/metrics".into(),
            scope_labels: false,
            scrape_interval: Duration::from_secs(15),
        }
    }
}

impl Default for MetricsPushConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(30),
        }
    }
}

impl MetricsConfig {
    pub(super) fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_section("prometheus", |section| self.prometheus.read(section));
        section.read_section("otlp", |section| self.otlp.read(section));
        section.read_field("cardinality_limit", &mut self.cardinality_limit);
        section.read_list("disks", &mut self.disks);
    }

    pub(super) fn validate(&self, validator: &mut ConfigValidator<'_>) {
        self.prometheus.validate(validator);
        self.otlp.validate(validator);
        let limit = self.cardinality_limit;
        let fine = (1..=100_000).contains(&limit);
        validator.require(fine, "metrics.cardinality_limit", limit, "1 to 100000");
        for disk in self.disks.iter().filter(|disk| !disk.is_absolute()) {
            validator.require(
                false,
                "metrics.disks",
                format!("{disk:?}"),
                "absolute paths",
            );
        }
    }
}

impl PrometheusConfig {
    fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("enabled", &mut self.enabled);
        section.read_field("path", &mut self.path);
        section.read_field("scope_labels", &mut self.scope_labels);
        section.read_field("scrape_interval", &mut self.scrape_interval);
    }

    fn validate(&self, validator: &mut ConfigValidator<'_>) {
        let path = "metrics.prometheus.path";
        let allowed = "a path such as \"/metrics\": it starts with / and has plain characters, \
                       and /api/v1 and /status are taken";
        validator.require(
            is_free_path(&self.path),
            path,
            format!("{:?}", self.path),
            allowed,
        );
        validator.require_duration("metrics.prometheus.scrape_interval", self.scrape_interval);
    }
}

impl MetricsPushConfig {
    fn read(&mut self, section: &mut SectionReader<'_, '_>) {
        section.read_field("enabled", &mut self.enabled);
        section.read_field("interval", &mut self.interval);
        section.read_field("timeout", &mut self.timeout);
    }

    fn validate(&self, validator: &mut ConfigValidator<'_>) {
        validator.require_duration("metrics.otlp.interval", self.interval);
        validator.require_duration("metrics.otlp.timeout", self.timeout);
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
