//! Providers whose collected data the tests can reach, and a reader of text.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use opentelemetry_prometheus::PrometheusExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    InstrumentKind, MeterProviderBuilder, Pipeline, SdkMeterProvider, Temporality,
};
use prometheus::proto;

use super::super::{Exposition, ExpositionFormat, ExpositionReport};

/// A reader that both a provider and a test hold.
#[derive(Clone, Debug)]
pub(super) struct TestReader(Arc<PrometheusExporter>, Temporality);

impl MetricReader for TestReader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, collected: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(collected)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, _: InstrumentKind) -> Temporality {
        self.1
    }
}

/// A meter provider, and the two ways to its data.
pub(super) struct Provider {
    pub(super) meters: SdkMeterProvider,
    pub(super) registry: prometheus::Registry,
    reader: TestReader,
}

impl Provider {
    pub(super) fn new() -> Provider {
        Provider::with(Temporality::Cumulative, |builder| builder)
    }

    pub(super) fn with(
        temporality: Temporality,
        configure: impl FnOnce(MeterProviderBuilder) -> MeterProviderBuilder,
    ) -> Provider {
        let registry = prometheus::Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .build()
            .unwrap();
        let reader = TestReader(Arc::new(exporter), temporality);
        let builder = SdkMeterProvider::builder()
            .with_resource(Resource::builder_empty().build())
            .with_reader(reader.clone());
        Provider {
            meters: configure(builder).build(),
            registry,
            reader,
        }
    }

    pub(super) fn collect(&self) -> ResourceMetrics {
        let mut collected = ResourceMetrics::default();
        self.reader.collect(&mut collected).unwrap();
        collected
    }

    /// The provider's metrics alone, as a scrape.
    pub(super) fn scrape(&self, format: ExpositionFormat) -> (String, ExpositionReport) {
        let collected = self.collect();
        write(Exposition::new(format).otel("test", &collected))
    }
}

pub(super) fn write(exposition: Exposition<'_>) -> (String, ExpositionReport) {
    let mut text = String::new();
    let report = exposition.finish(&mut text);
    (text, report)
}

/// The reasons for what was left out, as `part metric reason count`.
pub(super) fn omissions(report: &ExpositionReport) -> Vec<String> {
    report
        .omissions
        .iter()
        .map(|it| format!("{} {} {:?} {}", it.part, it.metric, it.reason, it.count))
        .collect()
}

/// A family as a collector of the user's own may return it.
pub(super) fn family(
    name: &str,
    kind: proto::MetricType,
    metrics: Vec<proto::Metric>,
) -> proto::MetricFamily {
    let mut family = proto::MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(format!("Help of {name}."));
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

pub(super) fn labels(pairs: &[(&str, &str)]) -> Vec<proto::LabelPair> {
    let pairs = pairs.iter().map(|(name, value)| {
        let mut pair = proto::LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    pairs.collect()
}

pub(super) fn gauge(pairs: &[(&str, &str)], value: f64) -> proto::Metric {
    let mut gauge = proto::Gauge::default();
    gauge.set_value(value);
    let mut metric = proto::Metric::from_label(labels(pairs));
    metric.set_gauge(gauge);
    metric
}

pub(super) fn counter(pairs: &[(&str, &str)], value: f64) -> proto::Metric {
    let mut counter = proto::Counter::default();
    counter.set_value(value);
    let mut metric = proto::Metric::from_label(labels(pairs));
    metric.set_counter(counter);
    metric
}

pub(super) fn histogram(buckets: &[(f64, u64)], count: u64, sum: f64) -> proto::Metric {
    let buckets = buckets.iter().map(|(bound, below)| {
        let mut bucket = proto::Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(*below);
        bucket
    });
    let mut histogram = proto::Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(count);
    histogram.set_sample_sum(sum);
    let mut metric = proto::Metric::default();
    metric.set_histogram(histogram);
    metric
}

pub(super) fn summary(quantiles: &[(f64, f64)], count: u64, sum: f64) -> proto::Metric {
    let quantiles = quantiles.iter().map(|(q, value)| {
        let mut quantile = proto::Quantile::default();
        quantile.set_quantile(*q);
        quantile.set_value(*value);
        quantile
    });
    let mut summary = proto::Summary::default();
    summary.set_quantile(quantiles.collect());
    summary.set_sample_count(count);
    summary.set_sample_sum(sum);
    let mut metric = proto::Metric::default();
    metric.set_summary(summary);
    metric
}

/// A scrape's samples, by name and sorted labels. Numbers in `le` are compared as numbers; a sample
/// that is there twice fails the test.
pub(super) fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, rest) = series.split_at(series.find('{').unwrap_or(series.len()));
        let mut labels = parse_labels(rest);
        labels.sort();
        let known = samples.insert(format!("{name} {labels:?}"), value.parse().unwrap());
        assert_eq!(known, None, "twice: {line}");
    }
    samples
}

/// Reads `{key="value",…}`.
fn parse_labels(text: &str) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    let mut rest = text.trim_start_matches('{');
    while let Some((key, after)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut chars = after.chars();
        loop {
            match chars.next().unwrap() {
                '"' => break,
                '\\' => value.push(match chars.next().unwrap() {
                    'n' => '\n',
                    escaped => escaped,
                }),
                plain => value.push(plain),
            }
        }
        if key == "le" {
            value = value.parse::<f64>().unwrap().to_string();
        }
        labels.push((key.to_owned(), value));
        rest = chars.as_str().trim_start_matches([',', '}']);
    }
    labels
}
