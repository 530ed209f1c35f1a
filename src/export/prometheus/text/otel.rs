//! The metrics that the OpenTelemetry SDK collected.

use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, HistogramDataPoint, Metric, MetricData, ResourceMetrics,
};

use super::family::{
    ExposedFamilies, ExposedFamily, FamilyKind, FamilyOrigin, FamilySource, SourceSamples,
};
use super::labels::{KeyRules, LabelValue};
use super::name::{MetricName, metric_name};
use super::sample_value::SampleValue;
use super::series::SeriesWriter;
use super::writer::HistogramPoint;
use super::{ExpositionReport, OmissionReason};
use crate::record::exemplars::{MetricExemplars, ScrapeExemplars, SeriesExemplars};

/// Adds a part's metrics and its resource to the families.
pub(super) fn collect<'a>(
    families: &mut ExposedFamilies<'a>,
    report: &mut ExpositionReport,
    part: &'a str,
    collected: &'a ResourceMetrics,
    exemplars: Option<ScrapeExemplars<'a>>,
) {
    let target = target_info(part, collected.resource());
    // The resource first: its family is added even where no metric can be.
    let metrics = collected.scope_metrics().flat_map(|scope_metrics| {
        let scope = scope_metrics.scope();
        scope_metrics.metrics().map(move |metric| (scope, metric))
    });
    let metrics = metrics.map(|(scope, metric)| {
        let source = FamilySource {
            part,
            metric: metric.name(),
            samples: SourceSamples::Otel(
                scope,
                metric.data(),
                exemplars.and_then(|scrape| scrape.for_metric(metric.name())),
            ),
        };
        (metric.name(), family(metric, source))
    });
    for (metric, family) in target.into_iter().chain(metrics) {
        if let Err(reason) = family.and_then(|family| families.add(family)) {
            report.omit(part, metric, reason);
        }
    }
}

type NamedFamily<'a> = (&'a str, Result<ExposedFamily<'a>, OmissionReason>);

fn target_info<'a>(part: &'a str, resource: &'a Resource) -> Option<NamedFamily<'a>> {
    const NAME: &str = "target_info";
    let family = || ExposedFamily {
        name: NAME.to_owned(),
        kind: FamilyKind::Info,
        origin: FamilyOrigin::Otel,
        help: "Target metadata",
        unit: None,
        sources: vec![FamilySource {
            part,
            metric: NAME,
            samples: SourceSamples::Resource(resource),
        }],
    };
    (!resource.is_empty()).then(|| (NAME, Ok(family())))
}

fn family<'a>(
    metric: &'a Metric,
    source: FamilySource<'a>,
) -> Result<ExposedFamily<'a>, OmissionReason> {
    let (kind, is_gauge) = match metric.data() {
        AggregatedMetrics::F64(data) => family_kind(data),
        AggregatedMetrics::I64(data) => family_kind(data),
        AggregatedMetrics::U64(data) => family_kind(data),
    }?;
    let MetricName { name, unit } = metric_name(metric.name(), metric.unit(), kind, is_gauge)
        .ok_or(OmissionReason::InvalidName)?;
    Ok(ExposedFamily {
        name,
        kind,
        origin: FamilyOrigin::Otel,
        help: metric.description(),
        unit,
        sources: vec![source],
    })
}

/// Returns Prometheus's type, and `true` if it is a gauge in OpenTelemetry's sense as well.
fn family_kind<T>(data: &MetricData<T>) -> Result<(FamilyKind, bool), OmissionReason> {
    let (kind, temporality) = match data {
        MetricData::Gauge(_) => return Ok((FamilyKind::Gauge, true)),
        MetricData::ExponentialHistogram(_) => return Err(OmissionReason::ExponentialHistogram),
        MetricData::Histogram(histogram) => (FamilyKind::Histogram, histogram.temporality()),
        MetricData::Sum(sum) if sum.is_monotonic() => (FamilyKind::Counter, sum.temporality()),
        MetricData::Sum(sum) => (FamilyKind::Gauge, sum.temporality()),
    };
    match temporality {
        // A scraper that misses a scrape would miss its changes for ever.
        Temporality::Delta => Err(OmissionReason::DeltaTemporality),
        _ => Ok((kind, false)),
    }
}

/// Writes `target_info`: of the first resource; another part's may only repeat it.
pub(super) fn render_resource(series: &mut SeriesWriter<'_, '_, '_>, resource: &Resource) {
    let labels: Vec<_> = resource
        .iter()
        .map(|(key, value)| (key.as_str(), LabelValue::Otel(value)))
        .collect();
    series.set_key_rules(KeyRules::Attributes);
    // Prometheus joins with `target_info` by job and instance: a second one would make each join
    // ambiguous.
    series.add_only(&labels, |writer, name, labels| {
        writer.write_scalar(name, labels, 1_u64, None);
        Ok(())
    });
}

/// Writes a metric, with the labels of its scope if it is given.
pub(super) fn render_metric(
    series: &mut SeriesWriter<'_, '_, '_>,
    scope: Option<&InstrumentationScope>,
    metric: &AggregatedMetrics,
    exemplars: Option<MetricExemplars<'_>>,
) {
    let scope = scope.map(scope_labels).unwrap_or_default();
    series.set_key_rules(KeyRules::Attributes);
    match metric {
        AggregatedMetrics::F64(data) => render(series, &scope, data, exemplars),
        AggregatedMetrics::I64(data) => render(series, &scope, data, exemplars),
        AggregatedMetrics::U64(data) => render(series, &scope, data, exemplars),
    }
}

type ScopeLabels<'a> = Vec<(String, LabelValue<'a>)>;

fn render<T: SampleValue>(
    series: &mut SeriesWriter<'_, '_, '_>,
    scope: &ScopeLabels<'_>,
    data: &MetricData<T>,
    exemplars: Option<MetricExemplars<'_>>,
) {
    let mut labels = Vec::new();
    match data {
        MetricData::Gauge(gauge) => {
            for point in gauge.data_points() {
                collect_labels(&mut labels, point.attributes(), scope);
                series.add(&labels, |writer, name, labels| {
                    writer.write_scalar(name, labels, point.value(), None);
                    Ok(())
                });
            }
        }
        MetricData::Sum(sum) => {
            for point in sum.data_points() {
                collect_labels(&mut labels, point.attributes(), scope);
                series.add(&labels, |writer, name, labels| {
                    // A counter below 0, or one that is NaN, makes Prometheus refuse the whole
                    // OpenMetrics scrape.
                    if sum.is_monotonic() && !is_valid_count(point.value()) {
                        return Err(OmissionReason::InvalidValue);
                    }
                    writer.write_scalar(name, labels, point.value(), None);
                    Ok(())
                });
            }
        }
        MetricData::Histogram(histogram) => {
            for point in histogram.data_points() {
                collect_labels(&mut labels, point.attributes(), scope);
                series.add(&labels, |writer, name, labels| {
                    let exemplars = exemplars.and_then(|all| all.for_series(point.attributes()));
                    writer.write_histogram(name, labels, histogram_point(point, exemplars), None)
                });
            }
        }
        MetricData::ExponentialHistogram(_) => series.omit(OmissionReason::ExponentialHistogram),
    }
}

fn collect_labels<'a>(
    labels: &mut Vec<(&'a str, LabelValue<'a>)>,
    attributes: impl Iterator<Item = &'a KeyValue>,
    scope: &'a ScopeLabels<'a>,
) {
    labels.clear();
    labels.extend(attributes.map(|kv| (kv.key.as_str(), LabelValue::Otel(&kv.value))));
    labels.extend(scope.iter().map(|(key, value)| (key.as_str(), *value)));
}

/// Buckets as they are exposed: each counts everything up to its bound.
fn histogram_point<'e, T: SampleValue>(
    point: &HistogramDataPoint<T>,
    exemplars: Option<SeriesExemplars<'e>>,
) -> HistogramPoint<'e, impl Iterator<Item = (f64, u64)>, T> {
    // OpenTelemetry's buckets count their own values, Prometheus's all values up to the bound.
    let cumulative = point.bucket_counts().scan(0_u64, |total, count| {
        *total = total.saturating_add(count);
        Some(*total)
    });
    HistogramPoint {
        buckets: point.bounds().zip(cumulative),
        count: point.count(),
        sum: point.sum(),
        exemplars,
    }
}

/// Returns `true` for a value that a counter can have.
pub(super) fn is_valid_count(value: impl SampleValue) -> bool {
    value.to_f64() >= 0.0
}

fn scope_labels(scope: &InstrumentationScope) -> ScopeLabels<'_> {
    let scope_fields = [
        ("name", Some(scope.name())),
        ("version", scope.version()),
        ("schema_url", scope.schema_url()),
    ];
    let attributes = scope
        .attributes()
        // An attribute with the name of a field would be the same label twice; the field wins.
        .filter(|kv| scope_fields.iter().all(|(key, _)| *key != kv.key.as_str()))
        .map(|kv| (kv.key.as_str(), LabelValue::Otel(&kv.value)));
    scope_fields
        .iter()
        .filter_map(|(key, value)| value.map(|value| (*key, LabelValue::Text(value))))
        .chain(attributes)
        .map(|(key, value)| (format!("otel_scope_{key}"), value))
        .collect()
}
