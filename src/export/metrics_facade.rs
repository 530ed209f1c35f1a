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
mod refusals;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use opentelemetry::metrics::Meter;

use self::metric::{CounterSeries, GaugeSeries, HistogramSeries, Metric, SeriesKind};
use self::names::{Description, NameError, Names};
use self::refusals::Refusals;
use crate::record::instruments::SelfTelemetry;
use crate::record::series::Instruments;
use crate::record::sync::lock;

/// The largest number of metrics of the facade.
const MAX_METRICS: usize = 1_000;
/// The largest number of names of a kind that are known, with those that are left out.
const MAX_NAMES: usize = 2 * MAX_METRICS;

/// The recorder of the `metrics` facade: what dependencies count is in the scrape and in OTLP. A cheap clone.
///
/// - Counters end in `_total`, and a unit that was described is appended, as with every instrument. Characters that
///   Prometheus doesn't allow become `_`; of two metrics whose names become one the first is exposed.
/// - Descriptions count before the first use of their metric.
/// - Without a unit, histograms whose names end in `seconds` or `duration` have buckets for seconds, in `bytes` for
///   sizes. Values that are negative or no numbers are refused and counted
///   (`vantage_telemetry_figure_mismatches_total{figure, reason="value"}`).
/// - A metric with a name of the crate's own, or past the first 1,000, is left out: the log says so once (of those that are too
///   many, for the first), and `vantage_telemetry_scrape_errors_total{part="meter"}` counts it.
#[derive(Clone)]
pub struct MetricsRecorder(Arc<Inner>);

struct Inner {
    meter: Meter,
    /// The largest number of series of a metric.
    limit: usize,
    names: Mutex<Names>,
    /// A metric was left out because there were too many.
    is_full: AtomicBool,
    counters: Metrics<CounterSeries>,
    gauges: Metrics<GaugeSeries>,
    histograms: Metrics<HistogramSeries>,
    refusals: Refusals,
    self_telemetry: SelfTelemetry,
}

/// The metrics of one kind by name; `None` is one that is left out.
type Metrics<S> = ArcSwap<HashMap<KeyName, Option<Arc<Metric<S>>>>>;

impl MetricsRecorder {
    pub(crate) fn new(
        meter: Meter,
        limit: usize,
        instruments: &Instruments,
        self_telemetry: SelfTelemetry,
    ) -> Self {
        Self(Arc::new(Inner {
            meter,
            limit,
            names: Mutex::default(),
            is_full: AtomicBool::new(false),
            counters: ArcSwap::default(),
            gauges: ArcSwap::default(),
            histograms: ArcSwap::default(),
            refusals: Refusals::new(instruments),
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
        // Without the lock first: past the bound every further name comes here at each use.
        if metrics.load().len() >= MAX_NAMES {
            self.0.self_telemetry.record_scrape_error("meter");
            return None;
        }
        let mut names = lock(&self.0.names);
        let known = metrics.load_full();
        if let Some(metric) = known.get(name) {
            return metric.clone();
        }
        if known.len() >= MAX_NAMES {
            self.0.self_telemetry.record_scrape_error("meter");
            return None;
        }
        let claimed = names.claim(S::KIND, name);
        let metric = match &claimed {
            Ok(identity) => {
                let inner = &self.0;
                let (limit, refusals) = (inner.limit, &inner.refusals);
                Some(Metric::new(&inner.meter, identity, limit, refusals))
            }
            Err(_) => None,
        };
        let mut grown = HashMap::clone(&known);
        grown.insert(KeyName::from(name.to_owned()), metric.clone());
        metrics.store(Arc::new(grown));
        drop(names);
        // Without the lock: the log is the service's, which may count its lines through the facade.
        if let Err(reason) = claimed {
            self.tell(name, reason);
        }
        metric
    }

    /// Counts a metric that is left out and logs it; of those that are too many the first.
    fn tell(&self, name: &str, reason: NameError) {
        self.0.self_telemetry.record_scrape_error("meter");
        let is_told = reason == NameError::TooMany && self.0.is_full.swap(true, Ordering::Relaxed);
        if !is_told {
            tracing::warn!(metric = name, %reason, "a metric of the `metrics` facade is left out");
        }
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

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::TestTelemetry;

    #[test]
    fn metrics_that_are_too_many_are_told_once_and_counted() {
        let test = TestTelemetry::new();
        let recorder = test.telemetry().metrics_recorder();
        let _captured = test.capture();
        // More than are known by name, of which each use is refused.
        for number in 0..MAX_NAMES + 10 {
            let key = Key::from_name(format!("metric{number}"));
            let series = recorder.series(&recorder.0.counters, &key);
            assert_eq!(series.is_some(), number < MAX_METRICS);
        }
        let errors = test.sum(
            "vantage_telemetry_scrape_errors_total",
            &[("part", "meter")],
        );
        assert_eq!(errors, Some((MAX_METRICS + 10) as f64));
        let lines = test.log_lines();
        let told = lines
            .iter()
            .filter(|line| line.message.contains("left out"));
        assert_eq!(told.count(), 1);
    }
}
