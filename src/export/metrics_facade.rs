//! Metrics of dependencies that count through the [`metrics`](https://docs.rs/metrics) facade, as instruments of the
//! service's meter provider: so they are in the scrape and in OTLP.
//!
//! | kind | kept in | exported by |
//! |---|---|---|
//! | counter, gauge | an atomic for each series | an observable instrument that reads them |
//! | histogram | a bound series of the SDK | the SDK |
//!
//! Why are counters and gauges not the SDK's? Because it has no counter that is set, and no gauge that is added to,
//! and the facade has both.
//!
//! | bound | then |
//! |---|---|
//! | `metrics.cardinality_limit` series of a metric, the overflow series among them | further label sets are added up in that one, and counted |
//! | [`MAX_METRICS`] metrics | further ones are left out, and counted |

mod metric;
mod names;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use opentelemetry::metrics::Meter;

use self::metric::{CounterSeries, GaugeSeries, HistogramSeries, Metric, SeriesKind};
use self::names::{Description, Names};
use crate::record::instruments::SelfTelemetry;
use crate::record::sync::lock;

/// The largest number of metrics of the facade.
const MAX_METRICS: usize = 1_000;

/// The recorder of the `metrics` facade: what dependencies count is in the scrape and in OTLP. A cheap clone.
///
/// - Counters end in `_total`, and a unit that was described is appended, as with every instrument. Characters that
///   Prometheus doesn't allow become `_`; of two metrics whose names become one the first is exposed.
/// - Descriptions count before the first use of their metric.
/// - Without a unit, histograms whose names end in `seconds` or `duration` have buckets for seconds, in `bytes` for
///   sizes. Values that are no numbers are dropped.
/// - A metric with a name of the crate's own, or past the first 1,000, is left out: the log says so once, and
///   `vantage_telemetry_scrape_errors_total{part="meter"}` counts it.
#[derive(Clone)]
pub struct MetricsRecorder(Arc<Inner>);

struct Inner {
    meter: Meter,
    /// The largest number of series of a metric.
    limit: usize,
    names: Mutex<Names>,
    counters: Metrics<CounterSeries>,
    gauges: Metrics<GaugeSeries>,
    histograms: Metrics<HistogramSeries>,
    self_telemetry: SelfTelemetry,
}

/// The metrics of one kind by name; `None` is one that is left out.
type Metrics<S> = ArcSwap<HashMap<KeyName, Option<Arc<Metric<S>>>>>;

impl MetricsRecorder {
    pub(crate) fn new(meter: Meter, limit: usize, self_telemetry: SelfTelemetry) -> Self {
        Self(Arc::new(Inner {
            meter,
            limit,
            names: Mutex::default(),
            counters: ArcSwap::default(),
            gauges: ArcSwap::default(),
            histograms: ArcSwap::default(),
            self_telemetry,
        }))
    }

    fn describe(&self, kind: &'static str, name: KeyName, unit: Option<Unit>, text: SharedString) {
        let text = text.into_owned();
        lock(&self.0.names).describe(kind, name, Description { unit, text });
    }

    /// Returns the series of a key; `None` where its metric is left out.
    fn series<S: SeriesKind>(&self, metrics: &Metrics<S>, key: &Key) -> Option<Arc<S>> {
        let known = metrics.load();
        let metric = match known.get(key.name()) {
            Some(metric) => metric.clone(),
            None => self.add(metrics, key.name()),
        };
        Some(metric?.series(key))
    }

    #[cold]
    fn add<S: SeriesKind>(&self, metrics: &Metrics<S>, name: &str) -> Option<Arc<Metric<S>>> {
        let mut names = lock(&self.0.names);
        let known = metrics.load_full();
        if let Some(metric) = known.get(name) {
            return metric.clone();
        }
        let claimed = names.claim(S::KIND, name);
        let metric = match &claimed {
            Ok(identity) => Some(Metric::new(&self.0.meter, identity, self.0.limit)),
            Err(reason) => {
                self.0.self_telemetry.record_scrape_error("meter");
                tracing::warn!(metric = name, %reason, "a metric of the `metrics` facade is left out");
                None
            }
        };
        // Those that are left out have their bound too: past it each use is refused anew.
        if known.len() < 2 * MAX_METRICS {
            let mut grown = HashMap::clone(&known);
            grown.insert(KeyName::from(name.to_owned()), metric.clone());
            metrics.store(Arc::new(grown));
        }
        metric
    }
}

impl Recorder for MetricsRecorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(CounterSeries::KIND, key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(GaugeSeries::KIND, key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.describe(HistogramSeries::KIND, key, unit, description);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let series = self.series(&self.0.counters, key);
        series.map_or_else(Counter::noop, Counter::from_arc)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        let series = self.series(&self.0.gauges, key);
        series.map_or_else(Gauge::noop, Gauge::from_arc)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        let series = self.series(&self.0.histograms, key);
        series.map_or_else(Histogram::noop, Histogram::from_arc)
    }
}

impl fmt::Debug for MetricsRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsRecorder")
            .field("counters", &self.0.counters.load().len())
            .field("gauges", &self.0.gauges.load().len())
            .field("histograms", &self.0.histograms.load().len())
            .finish_non_exhaustive()
    }
}
