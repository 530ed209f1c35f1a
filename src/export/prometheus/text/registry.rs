//! The metrics that a `prometheus::Registry` gathered.
//!
//! The crate's own metrics are valid; a collector of the user's own can return anything.

use prometheus::proto::{self, MetricFamily, MetricType};

use super::family::{
    ExposedFamilies, ExposedFamily, FamilyKind, FamilyOrigin, FamilySource, SourceSamples,
};
use super::labels::{KeyRules, LabelValue};
use super::name::is_metric_name;
use super::otel::is_valid_count;
use super::series::SeriesWriter;
use super::writer::{HistogramPoint, SampleTimestamp, TextWriter};
use super::{ExpositionReport, OmissionReason};

/// Adds a part's families to those that are there.
pub(super) fn collect<'a>(
    families: &mut ExposedFamilies<'a>,
    report: &mut ExpositionReport,
    part: &'a str,
    gathered: &'a [MetricFamily],
) {
    for family in gathered {
        let added = if is_metric_name(family.name()) {
            families.add(self::family(part, family))
        } else {
            Err(OmissionReason::InvalidName)
        };
        if let Err(reason) = added {
            report.omit(part, family.name(), reason);
        }
    }
}

fn family<'a>(part: &'a str, family: &'a MetricFamily) -> ExposedFamily<'a> {
    ExposedFamily {
        name: family.name().to_owned(),
        kind: match family.get_field_type() {
            MetricType::COUNTER => FamilyKind::Counter,
            MetricType::GAUGE => FamilyKind::Gauge,
            MetricType::HISTOGRAM => FamilyKind::Histogram,
            MetricType::SUMMARY => FamilyKind::Summary,
            MetricType::UNTYPED => FamilyKind::Unknown,
        },
        origin: FamilyOrigin::Registry,
        help: family.help(),
        unit: None,
        sources: vec![FamilySource {
            part,
            metric: family.name(),
            samples: SourceSamples::Registry(family.get_metric()),
        }],
    }
}

/// Writes the metrics of one family.
pub(super) fn render(
    series: &mut SeriesWriter<'_, '_, '_>,
    kind: FamilyKind,
    metrics: &[proto::Metric],
) {
    let reserved = match kind {
        FamilyKind::Histogram => "le",
        FamilyKind::Summary => "quantile",
        _ => "",
    };
    series.set_key_rules(KeyRules::Labels { reserved });
    let mut labels = Vec::new();
    for metric in metrics {
        labels.clear();
        let pairs = metric.get_label().iter();
        labels.extend(pairs.map(|pair| (pair.name(), LabelValue::Text(pair.value()))));
        series.add(&labels, |writer, name, labels| {
            write(writer, name, labels, kind, metric)
        });
    }
}

fn write(
    writer: &mut TextWriter<'_>,
    name: &str,
    labels: &str,
    kind: FamilyKind,
    metric: &proto::Metric,
) -> Result<(), OmissionReason> {
    // 0 is protobuf's "not set".
    let at = Some(metric.timestamp_ms()).filter(|&at| at != 0);
    let value = match kind {
        FamilyKind::Counter => {
            Some(metric.get_counter().value()).filter(|&value| is_valid_count(value))
        }
        FamilyKind::Gauge | FamilyKind::Info => Some(metric.get_gauge().value()),
        FamilyKind::Unknown => Some(untyped(metric).ok_or(OmissionReason::Untyped)?),
        FamilyKind::Histogram => {
            return histogram(writer, name, labels, metric.get_histogram(), at);
        }
        FamilyKind::Summary => return summary(writer, name, labels, metric.get_summary(), at),
    };
    writer.write_scalar(name, labels, value.ok_or(OmissionReason::InvalidValue)?, at);
    Ok(())
}

fn histogram(
    writer: &mut TextWriter<'_>,
    name: &str,
    labels: &str,
    histogram: &proto::Histogram,
    at: SampleTimestamp,
) -> Result<(), OmissionReason> {
    let count = histogram.get_sample_count();
    let pairs = || {
        let buckets = histogram.get_bucket().iter();
        buckets.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
    };
    // Bounds strictly, counts not: an empty bucket has the count of the one before.
    let ascends = pairs().is_sorted_by(|low, high| low.0 < high.0 && low.1 <= high.1);
    let fits = pairs().all(|(bound, below)| match bound {
        f64::INFINITY => below == count,
        _ => below <= count && bound.is_finite(),
    });
    if !ascends || !fits {
        return Err(OmissionReason::InvalidValue);
    }
    let point = HistogramPoint {
        // `+Inf` is written from the count, whether the collector has it or not.
        buckets: pairs().filter(|(bound, _)| bound.is_finite()),
        count,
        sum: histogram.get_sample_sum(),
        exemplars: None,
    };
    writer.write_histogram(name, labels, point, at)
}

fn summary(
    writer: &mut TextWriter<'_>,
    name: &str,
    labels: &str,
    summary: &proto::Summary,
    at: SampleTimestamp,
) -> Result<(), OmissionReason> {
    let quantiles = || {
        let quantiles = summary.get_quantile().iter();
        quantiles.map(|quantile| (quantile.quantile(), quantile.value()))
    };
    let ascends = quantiles().is_sorted_by(|low, high| low.0 < high.0);
    // NaN is what a quantile of nothing is.
    let fits =
        quantiles().all(|(q, value)| (0.0..=1.0).contains(&q) && (value >= 0.0 || value.is_nan()));
    if !ascends || !fits {
        return Err(OmissionReason::InvalidValue);
    }
    let total = (summary.sample_sum(), summary.sample_count());
    writer.write_summary(name, labels, quantiles(), total, at)
}

/// Reads a value whichever way `prometheus` was compiled.
///
/// With its feature `protobuf`, which is on as soon as any crate of the tree takes it with default
/// features, counters and gauges have `value`; without it, `get_value`. A method of the type itself
/// goes before one of a trait, so that either of these traits is the other's missing half.
#[allow(dead_code, reason = "used in one of the two ways")]
trait ValueMethod {
    fn value(&self) -> f64;
}

#[allow(dead_code, reason = "used in one of the two ways")]
trait GetValueMethod {
    fn get_value(&self) -> f64;
}

// Which of the two is real is decided by features of another crate, which `cfg` can't see here.
macro_rules! impl_both_methods {
    ($type:ty) => {
        impl ValueMethod for $type {
            fn value(&self) -> f64 {
                self.get_value()
            }
        }

        impl GetValueMethod for $type {
            fn get_value(&self) -> f64 {
                self.value()
            }
        }
    };
}

impl_both_methods!(proto::Counter);
impl_both_methods!(proto::Gauge);

/// The value of an untyped metric; with the feature `protobuf` it is in a field that doesn't exist
/// without, and so out of reach. Only a collector of the user's own can make one, and the encoder of
/// `prometheus` itself panics at it.
fn untyped(metric: &proto::Metric) -> Option<f64> {
    #[allow(deprecated, reason = "there is no other way to the value")]
    metric.get_untyped().get_value().into()
}

#[allow(dead_code, reason = "used in one of the two ways")]
struct UnreadableValue;

#[allow(dead_code, reason = "used in one of the two ways")]
trait GetUntyped {
    fn get_untyped(&self) -> UnreadableValue {
        UnreadableValue
    }
}

impl GetUntyped for proto::Metric {}

#[allow(dead_code, reason = "used in one of the two ways")]
impl UnreadableValue {
    fn get_value(&self) -> Option<f64> {
        None
    }
}
