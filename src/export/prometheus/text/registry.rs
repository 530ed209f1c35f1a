//! What a `prometheus::Registry` gathered.
//!
//! The crate's own metrics are valid; a collector of the user's own can return anything.

use prometheus::proto::{self, MetricFamily, MetricType};

use super::family::{Families, Family, Kind, Origin, Samples, Source};
use super::labels::{Keys, LabelValue};
use super::name::is_metric_name;
use super::otel::is_count;
use super::series::SeriesOf;
use super::writer::{Histogram, Timestamp, Writer};
use super::{Reason, Report};

/// Adds a part's families to those that are there.
pub(super) fn collect<'a>(
    families: &mut Families<'a>,
    report: &mut Report,
    part: &'a str,
    gathered: &'a [MetricFamily],
) {
    for family in gathered {
        let added = if is_metric_name(family.name()) {
            families.add(self::family(part, family))
        } else {
            Err(Reason::InvalidName)
        };
        if let Err(reason) = added {
            report.omit(part, family.name(), reason);
        }
    }
}

fn family<'a>(part: &'a str, family: &'a MetricFamily) -> Family<'a> {
    Family {
        name: family.name().to_owned(),
        kind: match family.get_field_type() {
            MetricType::COUNTER => Kind::Counter,
            MetricType::GAUGE => Kind::Gauge,
            MetricType::HISTOGRAM => Kind::Histogram,
            MetricType::SUMMARY => Kind::Summary,
            MetricType::UNTYPED => Kind::Unknown,
        },
        origin: Origin::Registry,
        help: family.help(),
        unit: None,
        sources: vec![Source {
            part,
            metric: family.name(),
            samples: Samples::Registry(family.get_metric()),
        }],
    }
}

/// Writes the metrics of one family.
pub(super) fn render(series: &mut SeriesOf<'_, '_, '_>, kind: Kind, metrics: &[proto::Metric]) {
    let reserved = match kind {
        Kind::Histogram => "le",
        Kind::Summary => "quantile",
        _ => "",
    };
    series.expect(Keys::Labels { reserved });
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
    writer: &mut Writer<'_>,
    name: &str,
    labels: &str,
    kind: Kind,
    metric: &proto::Metric,
) -> Result<(), Reason> {
    let at = Some(metric.timestamp_ms()).filter(|&at| at != 0);
    let value = match kind {
        Kind::Counter => Some(metric.get_counter().value()).filter(|&value| is_count(value)),
        Kind::Gauge | Kind::Info => Some(metric.get_gauge().value()),
        Kind::Unknown => Some(untyped(metric).ok_or(Reason::Untyped)?),
        Kind::Histogram => return histogram(writer, name, labels, metric.get_histogram(), at),
        Kind::Summary => return summary(writer, name, labels, metric.get_summary(), at),
    };
    writer.scalar(name, labels, value.ok_or(Reason::InvalidValue)?, at);
    Ok(())
}

fn histogram(
    writer: &mut Writer<'_>,
    name: &str,
    labels: &str,
    histogram: &proto::Histogram,
    at: Timestamp,
) -> Result<(), Reason> {
    let count = histogram.get_sample_count();
    let pairs = || {
        let buckets = histogram.get_bucket().iter();
        buckets.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
    };
    let ascends = pairs()
        .zip(pairs().skip(1))
        .all(|(low, high)| low.0 < high.0 && low.1 <= high.1);
    let fits = pairs().all(|(bound, below)| match bound {
        f64::INFINITY => below == count,
        _ => below <= count && bound.is_finite(),
    });
    if !ascends || !fits {
        return Err(Reason::InvalidValue);
    }
    let figures = Histogram {
        buckets: pairs().filter(|(bound, _)| bound.is_finite()),
        count,
        sum: histogram.get_sample_sum(),
        exemplars: None,
    };
    writer.histogram(name, labels, figures, at)
}

fn summary(
    writer: &mut Writer<'_>,
    name: &str,
    labels: &str,
    summary: &proto::Summary,
    at: Timestamp,
) -> Result<(), Reason> {
    let quantiles = || {
        let quantiles = summary.get_quantile().iter();
        quantiles.map(|quantile| (quantile.quantile(), quantile.value()))
    };
    let ascends = quantiles()
        .zip(quantiles().skip(1))
        .all(|(low, high)| low.0 < high.0);
    // NaN is what a quantile of nothing is.
    let fits =
        quantiles().all(|(q, value)| (0.0..=1.0).contains(&q) && (value >= 0.0 || value.is_nan()));
    if !ascends || !fits {
        return Err(Reason::InvalidValue);
    }
    let total = (summary.sample_sum(), summary.sample_count());
    writer.summary(name, labels, quantiles(), total, at)
}

/// Reads a value whichever way `prometheus` was compiled.
///
/// With its feature `protobuf`, which is on as soon as any crate of the tree takes it with default
/// features, counters and gauges have `value`; without it, `get_value`. A method of the type itself
/// goes before one of a trait, so that either of these traits is the other's missing half.
#[allow(dead_code, reason = "used in one of the two ways")]
trait Value {
    fn value(&self) -> f64;
}

#[allow(dead_code, reason = "used in one of the two ways")]
trait GetValue {
    fn get_value(&self) -> f64;
}

macro_rules! either_way {
    ($type:ty) => {
        impl Value for $type {
            fn value(&self) -> f64 {
                self.get_value()
            }
        }

        impl GetValue for $type {
            fn get_value(&self) -> f64 {
                self.value()
            }
        }
    };
}

either_way!(proto::Counter);
either_way!(proto::Gauge);

/// The value of an untyped metric; with the feature `protobuf` it is in a field that doesn't exist
/// without, and so out of reach. Only a collector of the user's own can make one, and the encoder of
/// `prometheus` itself panics at it.
fn untyped(metric: &proto::Metric) -> Option<f64> {
    #[allow(deprecated, reason = "there is no other way to the value")]
    metric.get_untyped().get_value().into()
}

#[allow(dead_code, reason = "used in one of the two ways")]
struct OutOfReach;

#[allow(dead_code, reason = "used in one of the two ways")]
trait GetUntyped {
    fn get_untyped(&self) -> OutOfReach {
        OutOfReach
    }
}

impl GetUntyped for proto::Metric {}

#[allow(dead_code, reason = "used in one of the two ways")]
impl OutOfReach {
    fn get_value(&self) -> Option<f64> {
        None
    }
}
