//! A metric and its series.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;
use hashbrown::Equivalent;
use metrics::atomics::AtomicU64;
use metrics::{CounterFn, GaugeFn, HistogramFn, Key};
use opentelemetry::KeyValue;
use opentelemetry::metrics::Meter;

use super::names::Identity;
use super::refusals::{MetricRefusals, Refusals};
use crate::record::series::{FacadeHistogram, OVERFLOW};
use crate::record::sync::lock;

/// The kinds of series.
pub(super) trait SeriesKind: Sized + Send + Sync + 'static {
    const KIND: &'static str;
    /// Makes series with their labels.
    type Instrument: Send + Sync;
    /// Builds the instrument; an observable one reads the values of `observed`, and another one counts what it refuses
    /// in `refusals`.
    fn build(
        meter: &Meter,
        identity: &Identity,
        observed: Observed<Self>,
        refusals: &Refusals,
    ) -> Self::Instrument;
    fn bind(instrument: &Self::Instrument, labels: &[KeyValue]) -> Self;
}

/// The series that a callback of the SDK reads, with their labels.
pub(super) type Observed<S> = Arc<ArcSwap<Vec<(Vec<KeyValue>, Arc<S>)>>>;

/// The value of a counter.
#[derive(Debug, Default)]
pub(super) struct CounterSeries(AtomicU64);

/// The bits of a gauge's value.
#[derive(Debug, Default)]
pub(super) struct GaugeSeries(AtomicU64);

#[derive(Debug)]
pub(super) struct HistogramSeries {
    series: FacadeHistogram,
    refusals: Arc<MetricRefusals>,
}

impl SeriesKind for CounterSeries {
    const KIND: &'static str = "counter";
    type Instrument = ();

    fn build(meter: &Meter, identity: &Identity, observed: Observed<Self>, _: &Refusals) {
        let counter = meter
            .u64_observable_counter(identity.name.clone())
            .with_description(identity.description.clone())
            .with_unit(identity.unit);
        let read = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<u64>| {
            for (labels, series) in &**observed.load() {
                observer.observe(series.0.load(Ordering::Acquire), labels);
            }
        };
        counter.with_callback(read).build();
    }

    fn bind((): &(), _: &[KeyValue]) -> Self {
        Self::default()
    }
}

impl SeriesKind for GaugeSeries {
    const KIND: &'static str = "gauge";
    type Instrument = ();

    fn build(meter: &Meter, identity: &Identity, observed: Observed<Self>, _: &Refusals) {
        let gauge = meter
            .f64_observable_gauge(identity.name.clone())
            .with_description(identity.description.clone())
            .with_unit(identity.unit);
        let read = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<f64>| {
            for (labels, series) in &**observed.load() {
                observer.observe(f64::from_bits(series.0.load(Ordering::Acquire)), labels);
            }
        };
        gauge.with_callback(read).build();
    }

    fn bind((): &(), _: &[KeyValue]) -> Self {
        Self::default()
    }
}

impl SeriesKind for HistogramSeries {
    const KIND: &'static str = "histogram";
    type Instrument = (opentelemetry::metrics::Histogram<f64>, Arc<MetricRefusals>);

    fn build(
        meter: &Meter,
        identity: &Identity,
        _: Observed<Self>,
        refusals: &Refusals,
    ) -> Self::Instrument {
        let histogram = meter
            .f64_histogram(identity.name.clone())
            .with_description(identity.description.clone())
            .with_unit(identity.unit)
            .with_boundaries(boundaries(identity))
            .build();
        (histogram, Arc::new(refusals.of_metric(&identity.name)))
    }

    fn bind((histogram, refusals): &Self::Instrument, labels: &[KeyValue]) -> Self {
        Self {
            series: FacadeHistogram::bind(histogram, labels),
            refusals: Arc::clone(refusals),
        }
    }
}

impl CounterFn for CounterSeries {
    fn increment(&self, value: u64) {
        CounterFn::increment(&self.0, value);
    }

    fn absolute(&self, value: u64) {
        CounterFn::absolute(&self.0, value);
    }
}

impl GaugeFn for GaugeSeries {
    fn increment(&self, value: f64) {
        GaugeFn::increment(&self.0, value);
    }

    fn decrement(&self, value: f64) {
        GaugeFn::decrement(&self.0, value);
    }

    fn set(&self, value: f64) {
        GaugeFn::set(&self.0, value);
    }
}

impl HistogramFn for HistogramSeries {
    fn record(&self, value: f64) {
        // A number that is none would make the sum useless for the rest of the process, and one below zero make it
        // shrink, which a reader takes for a restart.
        if value.is_finite() && value >= 0.0 {
            self.series.record(value);
        } else {
            self.refusals.refuse();
        }
    }
}

/// Bounds of 5 ms to 10 s in a unit, or for what is no time.
fn boundaries(identity: &Identity) -> Vec<f64> {
    const SECONDS: [f64; 14] = [
        0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    ];
    let name = &identity.name;
    let ends = |words: &[&str]| words.iter().any(|word| name.ends_with(word));
    let times = |factor: f64| SECONDS.map(|bound| bound * factor).to_vec();
    let powers_of_four = || (3..=15).map(|power| 4_f64.powi(power)).collect();
    match identity.unit {
        "s" => times(1.0),
        "ms" => times(1e3),
        "us" => times(1e6),
        "ns" => times(1e9),
        "By" => powers_of_four(),
        "" if ends(&["seconds", "duration"]) => times(1.0),
        "" if ends(&["_ms", ".ms", "milliseconds"]) => times(1e3),
        "" if ends(&["bytes"]) => powers_of_four(),
        // The SDK's own.
        _ => vec![
            0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1_000.0, 2_500.0,
            5_000.0, 7_500.0, 10_000.0,
        ],
    }
}

/// Keys and values, by key.
type SortedLabels = Vec<(String, String)>;

/// A metric with its series.
pub(super) struct Metric<S: SeriesKind> {
    instrument: S::Instrument,
    limit: usize,
    observed: Observed<S>,
    /// By the keys that callers came with, which may name one series in several orders of its labels.
    known: ArcSwap<hashbrown::HashMap<SeriesKey, Arc<S>>>,
    /// By sorted labels. Held while one is added.
    series: Mutex<HashMap<SortedLabels, Arc<S>>>,
    overflow: OnceLock<Arc<S>>,
}

impl<S: SeriesKind> Metric<S> {
    pub(super) fn new(
        meter: &Meter,
        identity: &Identity,
        limit: usize,
        refusals: &Refusals,
    ) -> Arc<Self> {
        let observed = Observed::<S>::default();
        Arc::new(Self {
            instrument: S::build(meter, identity, Arc::clone(&observed), refusals),
            limit,
            observed,
            known: ArcSwap::default(),
            series: Mutex::default(),
            overflow: OnceLock::new(),
        })
    }

    /// Returns the series of a key; a known one without a lock.
    pub(super) fn series(&self, key: &Key) -> Arc<S> {
        match self.known.load().get(&SeriesKeyRef(key)) {
            Some(series) => Arc::clone(series),
            None => self.add(key),
        }
    }

    #[cold]
    fn add(&self, key: &Key) -> Arc<S> {
        let labels = key.labels();
        let pairs = labels.map(|label| (label.key().to_owned(), label.value().to_owned()));
        let mut labels: SortedLabels = pairs.collect();
        // Of a key that is given twice the first value stays, whatever it is.
        labels.sort_by(|left, right| left.0.cmp(&right.0));
        labels.dedup_by(|next, first| next.0 == first.0);
        let mut series = lock(&self.series);
        let found = match series.get(&labels) {
            Some(found) => Arc::clone(found),
            // The overflow series is one of them.
            None if series.len() + 1 >= self.limit => return self.overflow_series(),
            None => {
                let values = labels.iter().cloned();
                let values = values.map(|(key, value)| KeyValue::new(key, value));
                let added = self.bind(values.collect());
                series.insert(labels, Arc::clone(&added));
                added
            }
        };
        // Orders of labels have their bound too: past it a series is found below the lock.
        let known = self.known.load_full();
        if known.len() < 4 * self.limit {
            let mut grown = hashbrown::HashMap::clone(&known);
            grown.insert(SeriesKey(Arc::new(key.to_retained())), Arc::clone(&found));
            self.known.store(Arc::new(grown));
        }
        found
    }

    fn overflow_series(&self) -> Arc<S> {
        let labels = || vec![KeyValue::new(OVERFLOW, true)];
        Arc::clone(self.overflow.get_or_init(|| self.bind(labels())))
    }

    /// Makes a series, and shows it. Below the lock.
    fn bind(&self, labels: Vec<KeyValue>) -> Arc<S> {
        let series = Arc::new(S::bind(&self.instrument, &labels));
        let mut observed = Vec::clone(&self.observed.load());
        observed.push((labels, Arc::clone(&series)));
        self.observed.store(Arc::new(observed));
        series
    }
}

/// A key that is kept.
#[derive(Clone, PartialEq, Eq)]
struct SeriesKey(Arc<Key>);

/// The same, borrowed.
struct SeriesKeyRef<'a>(&'a Key);

impl Hash for SeriesKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Hash for SeriesKeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl Equivalent<SeriesKey> for SeriesKeyRef<'_> {
    fn equivalent(&self, key: &SeriesKey) -> bool {
        *self.0 == *key.0
    }
}
