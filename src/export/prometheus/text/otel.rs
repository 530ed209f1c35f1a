//! What the OpenTelemetry SDK collected.

use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, HistogramDataPoint, Metric, MetricData, ResourceMetrics,
};

use super::family::{Families, Family, Kind, Origin, Samples, Source};
use super::labels::{Keys, LabelValue};
use super::name::{MetricName, metric_name};
use super::number::Number;
use super::series::SeriesOf;
use super::writer::Histogram;
use super::{Reason, Report};
use crate::record::exemplars::{OfMetric, OfSeries, Shown};

/// Adds a part's metrics and its resource to the families.
pub(super) fn collect<'a>(
    families: &mut Families<'a>,
    report: &mut Report,
    part: &'a str,
    collected: &'a ResourceMetrics,
    exemplars: Option<Shown<'a>>,
) {
    let target = target_info(part, collected.resource());
    let metrics = collected.scope_metrics().flat_map(|scope_metrics| {
        let scope = scope_metrics.scope();
        scope_metrics.metrics().map(move |metric| (scope, metric))
    });
    let metrics = metrics.map(|(scope, metric)| {
        let source = Source {
            part,
            metric: metric.name(),
            samples: Samples::Otel(
                scope,
                metric.data(),
                exemplars.and_then(|shown| shown.of_metric(metric.name())),
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

type Named<'a> = (&'a str, Result<Family<'a>, Reason>);

fn target_info<'a>(part: &'a str, resource: &'a Resource) -> Option<Named<'a>> {
    const NAME: &str = "target_info";
    let family = || Family {
        name: NAME.to_owned(),
        kind: Kind::Info,
        origin: Origin::Otel,
        help: "Target metadata",
        unit: None,
        sources: vec![Source {
            part,
            metric: NAME,
            samples: Samples::Resource(resource),
        }],
    };
    (!resource.is_empty()).then(|| (NAME, Ok(family())))
}

fn family<'a>(metric: &'a Metric, source: Source<'a>) -> Result<Family<'a>, Reason> {
    let (kind, is_gauge) = match metric.data() {
        AggregatedMetrics::F64(data) => kind(data),
        AggregatedMetrics::I64(data) => kind(data),
        AggregatedMetrics::U64(data) => kind(data),
    }?;
    let MetricName { name, unit } =
        metric_name(metric.name(), metric.unit(), kind, is_gauge).ok_or(Reason::InvalidName)?;
    Ok(Family {
        name,
        kind,
        origin: Origin::Otel,
        help: metric.description(),
        unit,
        sources: vec![source],
    })
}

/// What Prometheus calls it, and whether it is a gauge in OpenTelemetry's words as well.
fn kind<T>(data: &MetricData<T>) -> Result<(Kind, bool), Reason> {
    let (kind, temporality) = match data {
        MetricData::Gauge(_) => return Ok((Kind::Gauge, true)),
        MetricData::ExponentialHistogram(_) => return Err(Reason::ExponentialHistogram),
        MetricData::Histogram(histogram) => (Kind::Histogram, histogram.temporality()),
        MetricData::Sum(sum) if sum.is_monotonic() => (Kind::Counter, sum.temporality()),
        MetricData::Sum(sum) => (Kind::Gauge, sum.temporality()),
    };
    match temporality {
        Temporality::Delta => Err(Reason::DeltaTemporality),
        _ => Ok((kind, false)),
    }
}

/// Writes `target_info`: of the first resource; another part's may only repeat it.
pub(super) fn render_resource(series: &mut SeriesOf<'_, '_, '_>, resource: &Resource) {
    let labels: Vec<_> = resource
        .iter()
        .map(|(key, value)| (key.as_str(), LabelValue::Otel(value)))
        .collect();
    series.expect(Keys::Attributes);
    series.add_only(&labels, |writer, name, labels| {
        writer.scalar(name, labels, 1_u64, None);
        Ok(())
    });
}

/// Writes a metric, with the labels of its scope if it is given.
pub(super) fn render_metric(
    series: &mut SeriesOf<'_, '_, '_>,
    scope: Option<&InstrumentationScope>,
    metric: &AggregatedMetrics,
    exemplars: Option<OfMetric<'_>>,
) {
    let scope = scope.map(scope_labels).unwrap_or_default();
    series.expect(Keys::Attributes);
    match metric {
        AggregatedMetrics::F64(data) => render(series, &scope, data, exemplars),
        AggregatedMetrics::I64(data) => render(series, &scope, data, exemplars),
        AggregatedMetrics::U64(data) => render(series, &scope, data, exemplars),
    }
}

type ScopeLabels<'a> = Vec<(String, LabelValue<'a>)>;

fn render<T: Number>(
    series: &mut SeriesOf<'_, '_, '_>,
    scope: &ScopeLabels<'_>,
    data: &MetricData<T>,
    exemplars: Option<OfMetric<'_>>,
) {
    let mut labels = Vec::new();
    match data {
        MetricData::Gauge(gauge) => {
            for point in gauge.data_points() {
                gather(&mut labels, point.attributes(), scope);
                series.add(&labels, |writer, name, labels| {
                    writer.scalar(name, labels, point.value(), None);
                    Ok(())
                });
            }
        }
        MetricData::Sum(sum) => {
            for point in sum.data_points() {
                gather(&mut labels, point.attributes(), scope);
                series.add(&labels, |writer, name, labels| {
                    if sum.is_monotonic() && !is_count(point.value()) {
                        return Err(Reason::InvalidValue);
                    }
                    writer.scalar(name, labels, point.value(), None);
                    Ok(())
                });
            }
        }
        MetricData::Histogram(histogram) => {
            for point in histogram.data_points() {
                gather(&mut labels, point.attributes(), scope);
                series.add(&labels, |writer, name, labels| {
                    let exemplars = exemplars.and_then(|all| all.of_series(point.attributes()));
                    writer.histogram(name, labels, figures(point, exemplars), None)
                });
            }
        }
        MetricData::ExponentialHistogram(_) => series.omit(Reason::ExponentialHistogram),
    }
}

fn gather<'a>(
    labels: &mut Vec<(&'a str, LabelValue<'a>)>,
    attributes: impl Iterator<Item = &'a KeyValue>,
    scope: &'a ScopeLabels<'a>,
) {
    labels.clear();
    labels.extend(attributes.map(|kv| (kv.key.as_str(), LabelValue::Otel(&kv.value))));
    labels.extend(scope.iter().map(|(key, value)| (key.as_str(), *value)));
}

/// Buckets as they are exposed: each counts everything up to its bound.
fn figures<'e, T: Number>(
    point: &HistogramDataPoint<T>,
    exemplars: Option<OfSeries<'e>>,
) -> Histogram<'e, impl Iterator<Item = (f64, u64)>, T> {
    let cumulative = point.bucket_counts().scan(0_u64, |total, count| {
        *total = total.saturating_add(count);
        Some(*total)
    });
    Histogram {
        buckets: point.bounds().zip(cumulative),
        count: point.count(),
        sum: point.sum(),
        exemplars,
    }
}

/// Whether a counter can have got to this value.
pub(super) fn is_count(value: impl Number) -> bool {
    value.to_f64() >= 0.0
}

fn scope_labels(scope: &InstrumentationScope) -> ScopeLabels<'_> {
    let own = [
        ("name", Some(scope.name())),
        ("version", scope.version()),
        ("schema_url", scope.schema_url()),
    ];
    let attributes = scope
        .attributes()
        .filter(|kv| own.iter().all(|(key, _)| *key != kv.key.as_str()))
        .map(|kv| (kv.key.as_str(), LabelValue::Otel(&kv.value)));
    own.iter()
        .filter_map(|(key, value)| value.map(|value| (*key, LabelValue::Text(value))))
        .chain(attributes)
        .map(|(key, value)| (format!("otel_scope_{key}"), value))
        .collect()
}
