//! Bound series behind a cache: found again without a lock or an allocation.
//!
//! Recording through the SDK looks the attributes up each time, at about 100 ns a measurement. A
//! series that was bound once records in a few; finding it again here is one hash of the label
//! values. This module alone knows that binding is an experimental feature of the SDK.
//!
//! A cache also keeps the promise that memory is bounded: past its limit every new combination of
//! label values is recorded in one overflow series, and counted with the instrument's name.
//!
//! | path | taken | cost |
//! |---|---|---|
//! | known labels | nearly always | one hash, no lock, no allocation |
//! | new labels, below the limit | once a series | a lock, a copy of the map, binding |
//! | new labels, at the limit | always from then on | one hash, the overflow series |
//!
//! Why a copied map and not a concurrent one? Series come into being in the first minutes of a
//! process, and are read for the rest of its life. A map that never changes is read without any
//! synchronization but loading a pointer; copying it costs the square of the number of series, up
//! to the limit, once.
//!
//! A series is never removed. The SDK keeps what it once bound as well, and a counter that starts
//! anew would look like a restart of the process.

#[cfg(feature = "metrics")]
mod facade;
mod observable;
mod overflow;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use hashbrown::{Equivalent, HashMap, HashSet};
use opentelemetry::metrics::{
    BoundCounter, BoundGauge, BoundHistogram, BoundUpDownCounter, InstrumentBuilder, Meter,
};
use opentelemetry::{KeyValue, Value};

use crate::model::catalog::{Attribute, AttributeValues, Instrument, MetricSpec};
use crate::record::business_totals::BusinessTotals;
use crate::record::exemplars::{ExemplarReservoir, Exemplars};
use crate::record::slo_events::SeriesEventRules;
use crate::record::sync::lock;
use crate::record::trace::SampledSpan;

#[cfg(feature = "metrics")]
pub(crate) use facade::FacadeHistogram;
pub(crate) use observable::ObservableNumber;
#[cfg(feature = "metrics")]
pub(crate) use overflow::OVERFLOW;
pub(crate) use overflow::is_overflow;
use overflow::{OverflowSeries, attributes, mark};

/// Longer label values are cut: a message that someone takes for a reason must not fill a scrape.
///
/// The same bound holds for values in the declarations of custom objectives, which are compared
/// with what is cut here.
const MAX_VALUE_BYTES: usize = 128;

/// Builds instruments from their declarations, and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Instruments {
    meter: Meter,
    /// Series of each instrument with an open label; those with closed labels have fewer anyway.
    limit: usize,
    exemplars: Exemplars,
    business_totals: BusinessTotals,
    /// Counts what went to overflow series. Bound directly and not through a cache, which would
    /// count its own overflow in itself.
    overflow: opentelemetry::metrics::Counter<u64>,
}

/// A counter of events with its labels.
#[derive(Clone, Debug)]
pub(crate) struct Counter {
    bound: BoundCounter<u64>,
    /// The custom objectives that this series counts towards, decided when it was bound.
    rules: SeriesEventRules,
}

/// A counter of seconds with its labels.
#[derive(Clone, Debug)]
pub(crate) struct SecondsCounter(BoundCounter<f64>);

/// A sum that grows and shrinks, with its labels.
#[derive(Clone, Debug)]
pub(crate) struct UpDownCounter(BoundUpDownCounter<i64>);

/// A distribution of seconds with its labels. An overflow series has no exemplars: what they would
/// show is anybody's.
#[derive(Debug)]
pub(crate) struct Histogram {
    bound: BoundHistogram<f64>,
    exemplars: Option<ExemplarReservoir>,
    rules: SeriesEventRules,
}

/// A whole number that is set, with its labels.
#[derive(Clone, Debug)]
pub(crate) struct Gauge(BoundGauge<u64>);

/// A number that is set, with its labels.
#[derive(Clone, Debug)]
pub(crate) struct NumberGauge(BoundGauge<f64>);

/// Binds an instrument to a set of labels.
// Boxed: a binder is called once a series, and its type would otherwise be a parameter of every
// cache.
pub(crate) type Binder<T> = Box<dyn Fn(&[KeyValue]) -> T + Send + Sync>;

/// An instrument that can be bound to a set of labels, built from a declaration.
pub(crate) trait Bindable: Sized + Send + Sync + 'static {
    /// Builds the instrument of `spec` and returns its binder.
    fn binder(instruments: &Instruments, spec: &'static MetricSpec) -> Binder<Self>;
}

/// Returns the builder of an instrument with the description and the unit of its declaration.
fn declared<'a, T>(
    builder: InstrumentBuilder<'a, T>,
    spec: &'static MetricSpec,
) -> InstrumentBuilder<'a, T> {
    let builder = builder.with_description(spec.description);
    builder.with_unit(spec.unit.ucum())
}

impl Bindable for Counter {
    fn binder(instruments: &Instruments, spec: &'static MetricSpec) -> Binder<Self> {
        let instrument = declared(instruments.meter.u64_counter(spec.name), spec).build();
        let rules = instruments.exemplars.slo_events().activate_rules(spec);
        Box::new(move |labels| {
            let bound = instrument.bind(attributes(labels));
            // A series without labels is exported only once it was recorded.
            // So that a scrape shows 0 before the first event, and the first increase is seen as
            // one.
            bound.add(0);
            let rules = rules.for_series(labels);
            Self { bound, rules }
        })
    }
}

impl Bindable for SecondsCounter {
    fn binder(instruments: &Instruments, spec: &'static MetricSpec) -> Binder<Self> {
        let instrument = declared(instruments.meter.f64_counter(spec.name), spec).build();
        Box::new(move |labels| Self(instrument.bind(attributes(labels))))
    }
}

impl Bindable for UpDownCounter {
    fn binder(instruments: &Instruments, spec: &'static MetricSpec) -> Binder<Self> {
        let instrument = declared(instruments.meter.i64_up_down_counter(spec.name), spec).build();
        Box::new(move |labels| {
            let bound = instrument.bind(attributes(labels));
            bound.add(0);
            Self(bound)
        })
    }
}

impl Bindable for Histogram {
    fn binder(instruments: &Instruments, spec: &'static MetricSpec) -> Binder<Self> {
        debug_assert!(matches!(spec.instrument, Instrument::Histogram(_)));
        // Bounds come from the provider's view, which knows the objectives' thresholds.
        let instrument = instruments
            .meter
            .f64_histogram(spec.name)
            .with_description(spec.description)
            .with_unit(spec.unit.ucum())
            .build();
        let exemplars = instruments.exemplars.for_instrument(spec);
        let rules = instruments.exemplars.slo_events().activate_rules(spec);
        Box::new(move |labels| Self {
            bound: instrument.bind(attributes(labels)),
            // An overflow series is of many, and shows no one of them.
            exemplars: (!is_overflow(labels)).then(|| ExemplarReservoir::new(&exemplars, labels)),
            rules: rules.for_series(labels),
        })
    }
}

impl Bindable for Gauge {
    fn binder(instruments: &Instruments, spec: &'static MetricSpec) -> Binder<Self> {
        let instrument = declared(instruments.meter.u64_gauge(spec.name), spec).build();
        Box::new(move |labels| Self(instrument.bind(attributes(labels))))
    }
}

impl Bindable for NumberGauge {
    fn binder(instruments: &Instruments, spec: &'static MetricSpec) -> Binder<Self> {
        let instrument = declared(instruments.meter.f64_gauge(spec.name), spec).build();
        Box::new(move |labels| Self(instrument.bind(attributes(labels))))
    }
}

impl Counter {
    pub(crate) fn add(&self, events: u64) {
        self.bound.add(events);
        self.rules.record_events(events);
    }
}

impl SecondsCounter {
    pub(crate) fn add(&self, seconds: f64) {
        self.0.add(seconds);
    }
}

impl UpDownCounter {
    pub(crate) fn add(&self, difference: i64) {
        self.0.add(difference);
    }
}

impl Histogram {
    pub(crate) fn record(&self, seconds: f64) {
        self.bound.record(seconds);
        self.rules.record_seconds(seconds);
    }

    /// Records what happened inside a span, which becomes an exemplar where its trace is kept.
    pub(crate) fn record_in(&self, span: Option<SampledSpan>, seconds: f64) {
        self.bound.record(seconds);
        self.rules.record_seconds(seconds);
        if let (Some(span), Some(exemplars)) = (span, &self.exemplars) {
            exemplars.offer(seconds, span);
        }
    }
}

impl Gauge {
    pub(crate) fn set(&self, value: u64) {
        self.0.record(value);
    }
}

impl NumberGauge {
    pub(crate) fn set(&self, value: f64) {
        self.0.record(value);
    }
}

impl Instruments {
    /// `limit` bounds the series of each instrument with an open label.
    pub(crate) fn new(meter: Meter, limit: usize, exemplars: Exemplars) -> Self {
        let spec = &crate::model::catalog::telemetry::SERIES_OVERFLOW;
        let overflow = declared(meter.u64_counter(spec.name), spec).build();
        Self {
            meter,
            limit,
            exemplars,
            business_totals: BusinessTotals::default(),
            overflow,
        }
    }

    /// Adds the daily totals of the business metrics.
    #[must_use]
    pub(crate) fn with_business_totals(self, business_totals: BusinessTotals) -> Self {
        Self {
            business_totals,
            ..self
        }
    }

    pub(crate) const fn business_totals(&self) -> &BusinessTotals {
        &self.business_totals
    }

    /// Returns instruments that are never collected.
    #[cfg(all(test, any(feature = "axum", feature = "otlp")))]
    pub(crate) fn noop() -> Self {
        let exemplars = Exemplars::new(
            crate::record::clock::Clock::system(),
            crate::record::slo_events::SloEvents::default(),
        );
        Self::new(opentelemetry::global::meter("test"), 10, exemplars)
    }

    /// The one series of a metric without labels.
    // Not cached: the handle is the one series.
    pub(crate) fn single<T: Bindable>(&self, spec: &'static MetricSpec) -> T {
        debug_assert!(spec.attributes.is_empty());
        T::binder(self, spec)(&[])
    }

    /// Returns the binder of a metric, to be combined with others in a [`BoundSeries`].
    pub(crate) fn binder<T: Bindable>(&self, spec: &'static MetricSpec) -> Binder<T> {
        T::binder(self, spec)
    }

    /// Returns the series of one metric, distinguished by its `N` labels.
    pub(crate) fn series<T: Bindable, const N: usize>(
        &self,
        spec: &'static MetricSpec,
        labels: &'static [Attribute; N],
    ) -> BoundSeries<T, N> {
        self.group(&[spec], labels, {
            let bind = self.binder::<T>(spec);
            move |labels| bind(labels)
        })
    }

    /// Returns the series of two metrics with the same labels, found by one look-up.
    pub(crate) fn pair<A: Bindable, B: Bindable, const N: usize>(
        &self,
        specs: [&'static MetricSpec; 2],
        labels: &'static [Attribute; N],
    ) -> BoundSeries<(A, B), N> {
        let (first, second) = (self.binder(specs[0]), self.binder(specs[1]));
        self.group(&specs, labels, move |labels| {
            (first(labels), second(labels))
        })
    }

    /// Series of several metrics with the same labels, found by one look-up.
    pub(crate) fn group<T, const N: usize>(
        &self,
        specs: &[&'static MetricSpec],
        labels: &'static [Attribute; N],
        bind: impl Fn(&[KeyValue]) -> T + Send + Sync + 'static,
    ) -> BoundSeries<T, N> {
        // One look-up finds all of them only if they have the same labels.
        debug_assert!(specs.iter().all(|spec| spec.attributes.len() == N));
        self.bound_series(specs, labels, [ValueLimit::Any; N], bind)
    }

    /// Returns the series of a figure of up to `N` labels, whose values have the limits of its declaration.
    pub(crate) fn limited_series<T: 'static, const N: usize>(
        &self,
        spec: &'static MetricSpec,
        bind: Binder<T>,
    ) -> BoundSeries<T, N> {
        debug_assert!(spec.attributes.len() <= N);
        let mut limits = [ValueLimit::Any; N];
        for (limit, attribute) in limits.iter_mut().zip(spec.attributes) {
            *limit = match attribute.values {
                AttributeValues::AtMost(most) => ValueLimit::AtMost(most),
                AttributeValues::OneOf(values) => ValueLimit::OneOf(values),
                AttributeValues::Integer(_) | AttributeValues::Open(_) => ValueLimit::Any,
            };
        }
        self.bound_series(&[spec], spec.attributes, limits, bind)
    }

    fn bound_series<T, const N: usize>(
        &self,
        specs: &[&'static MetricSpec],
        labels: &'static [Attribute],
        value_limits: [ValueLimit; N],
        bind: impl Fn(&[KeyValue]) -> T + Send + Sync + 'static,
    ) -> BoundSeries<T, N> {
        let overflow_counters = specs
            .iter()
            .map(|spec| {
                (
                    spec.name,
                    self.overflow
                        .bind(&[KeyValue::new("instrument", spec.name)]),
                )
            })
            .collect();
        let events = self.exemplars.slo_events();
        let mut asked = [const { None }; N];
        for (asked, label) in asked.iter_mut().zip(labels) {
            *asked = events.asked_values(specs, label.key);
        }
        BoundSeries {
            labels,
            limit: self.limit,
            value_limits,
            bind: Box::new(bind),
            bound: ArcSwap::default(),
            insert_lock: Mutex::new(()),
            overflow: OverflowSeries::new(asked, self.limit),
            overflow_counters,
        }
    }

    /// Returns the largest number of series of an instrument with an open label.
    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }
}

/// The bound series of one or more metrics, distinguished by `N` label values; an empty value is an
/// absent label.
///
/// `ArcSwap` holds a map that never changes: readers load it without a lock, writers replace it by
/// a larger copy under `insert_lock`.
pub(crate) struct BoundSeries<T, const N: usize> {
    /// At most `N`: the values of the others are empty.
    labels: &'static [Attribute],
    limit: usize,
    value_limits: [ValueLimit; N],
    bind: Binder<T>,
    bound: ArcSwap<SeriesMap<T, N>>,
    /// Serializes the writers, so that no series is bound twice and none is lost between copy and
    /// store.
    insert_lock: Mutex<()>,
    /// Bound with the first measurement past the limit: most instruments never need it.
    overflow: OverflowSeries<T, N>,
    /// For each metric, the count of its measurements past the limit, with the name for the log
    /// line.
    overflow_counters: Vec<(&'static str, BoundCounter<u64>)>,
}

/// The values that a label may have, asked when a series is bound.
#[derive(Clone, Copy, Debug)]
enum ValueLimit {
    /// Any, within the instrument's limit.
    Any,
    /// Any, but at most this many different ones.
    AtMost(usize),
    /// One of these.
    OneOf(&'static [&'static str]),
}

impl ValueLimit {
    /// Returns whether a label may have this value beside those that are known.
    fn accepts(&self, value: &str, known: &HashSet<Arc<str>>) -> bool {
        match self {
            // An absent label is always allowed.
            _ if value.is_empty() => true,
            Self::Any => true,
            Self::AtMost(most) => known.contains(value) || known.len() < *most,
            Self::OneOf(listed) => listed.contains(&value),
        }
    }
}

/// The series so far.
struct SeriesMap<T, const N: usize> {
    by_labels: HashMap<LabelSet<N>, Arc<T>>,
    /// The values so far of each label with a limit; empty for the others.
    values: [HashSet<Arc<str>>; N],
}

impl<T, const N: usize> Default for SeriesMap<T, N> {
    fn default() -> Self {
        Self {
            by_labels: HashMap::default(),
            values: std::array::from_fn(|_| HashSet::default()),
        }
    }
}

impl<T, const N: usize> SeriesMap<T, N> {
    fn get(&self, values: [&str; N]) -> Option<&Arc<T>> {
        self.by_labels.get(&LabelSetRef(values))
    }

    /// Returns whether there is room for a series with these values.
    fn accepts(&self, values: [&str; N], limit: usize, value_limits: &[ValueLimit; N]) -> bool {
        let mut labels = values.iter().zip(value_limits).zip(&self.values);
        self.by_labels.len() < limit
            && labels.all(|((value, limit), known)| limit.accepts(value, known))
    }

    /// Returns a copy with one more series. Labels and series are shared; only pointers are copied.
    fn with_series(
        &self,
        values: [&str; N],
        value_limits: &[ValueLimit; N],
        series: Arc<T>,
    ) -> Self {
        let labels = values.map(Arc::<str>::from);
        let mut known = self.values.clone();
        for ((known, label), limit) in known.iter_mut().zip(&labels).zip(value_limits) {
            if matches!(limit, ValueLimit::AtMost(_)) && !label.is_empty() {
                known.insert(Arc::clone(label));
            }
        }
        let mut by_labels = self.by_labels.clone();
        by_labels.insert(LabelSet(labels), series);
        Self {
            by_labels,
            values: known,
        }
    }
}

impl<T, const N: usize> fmt::Debug for BoundSeries<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundSeries")
            .field("bound", &self.bound.load().by_labels.len())
            .finish_non_exhaustive()
    }
}

impl<T, const N: usize> BoundSeries<T, N> {
    /// Records into the series with these label values, in the order of the declaration.
    // The guard of `load` lives as long as the closure: cheaper than counting a reference, and the
    // closure only records.
    pub(crate) fn with<R>(&self, values: [&str; N], record: impl FnOnce(&T) -> R) -> R {
        if let Some(series) = self.bound.load().get(values) {
            return record(series);
        }
        record(&self.bind_new(values))
    }

    /// The series with these label values, to keep; `None` past the limit, where each recording
    /// must be counted by [`with`](Self::with).
    pub(crate) fn try_get(&self, values: [&str; N]) -> Option<Arc<T>> {
        let series = self.bound.load().get(values).map(Arc::clone);
        series.or_else(|| self.try_bind(values))
    }

    /// The series with these label values, to keep for as long as the thing lasts.
    pub(crate) fn get(&self, values: [&str; N]) -> Arc<T> {
        if let Some(series) = self.bound.load().get(values) {
            return Arc::clone(series);
        }
        self.bind_new(values)
    }

    #[cold]
    fn bind_new(&self, values: [&str; N]) -> Arc<T> {
        self.try_bind(values)
            .unwrap_or_else(|| self.overflow_series(values.map(truncate)))
    }

    /// Binds a new series; `None` past the limit.
    #[cold]
    fn try_bind(&self, values: [&str; N]) -> Option<Arc<T>> {
        // Cut here and not on the hot path: a long value misses the first look-up, and is found by
        // its cut form below.
        let values = values.map(truncate);
        let bound = self.bound.load();
        if let Some(series) = bound.get(values) {
            return Some(Arc::clone(series));
        }
        // Without the lock first: past the limit every unknown combination comes here, and must not
        // queue up.
        if !bound.accepts(values, self.limit, &self.value_limits) {
            return None;
        }
        let _growing = lock(&self.insert_lock);
        // Asked again under the lock: another thread may have bound the same series meanwhile, and
        // two of one series would be two objects for one set of labels.
        let bound = self.bound.load_full();
        if let Some(series) = bound.get(values) {
            return Some(Arc::clone(series));
        }
        if !bound.accepts(values, self.limit, &self.value_limits) {
            return None;
        }
        let series = Arc::new((self.bind)(&self.key_values(values)));
        let grown = bound.with_series(values, &self.value_limits, Arc::clone(&series));
        self.bound.store(Arc::new(grown));
        Some(series)
    }

    fn overflow_series(&self, values: [&str; N]) -> Arc<T> {
        // Counted each time: the number of lost labels is what tells a slow leak from a flood.
        for (_, counter) in &self.overflow_counters {
            counter.add(1);
        }
        let (series, is_first) = self.overflow.get(values, |asked| {
            let mut labels = self.key_values(asked);
            labels.push(mark());
            (self.bind)(&labels)
        });
        if is_first {
            // Once for the life of the process: a line for each measurement would be the second
            // flood. What takes the line may record into this instrument.
            self.tell_limit(values);
        }
        series
    }

    fn tell_limit(&self, values: [&str; N]) {
        let names: Vec<_> = self
            .overflow_counters
            .iter()
            .map(|(name, _)| *name)
            .collect();
        let bound = self.bound.load();
        let mut labels = values.iter().zip(&self.value_limits).zip(&bound.values);
        let label = labels.position(|((value, limit), known)| !limit.accepts(value, known));
        let limit = match label.and_then(|label| self.value_limits.get(label)) {
            Some(ValueLimit::AtMost(most)) => *most,
            Some(ValueLimit::OneOf(listed)) => listed.len(),
            Some(ValueLimit::Any) | None => self.limit,
        };
        tracing::warn!(
            instruments = names.join(","),
            limit,
            label = label.and_then(|label| Some(self.labels.get(label)?.key)),
            "an instrument is at a limit of series or of a label's values: new label values go to its overflow series"
        );
    }

    fn key_values(&self, values: [&str; N]) -> Vec<KeyValue> {
        let present = self
            .labels
            .iter()
            .zip(values)
            // OpenTelemetry has no empty attributes here: absent and empty would be two series for
            // one fact.
            .filter(|(_, value)| !value.is_empty());
        present
            .map(|(label, value)| KeyValue::new(label.key, typed_value(label, value)))
            .collect()
    }
}

/// Numbers stay numbers over OTLP. What doesn't parse stays text, so that nothing is lost.
fn typed_value(label: &Attribute, value: &str) -> Value {
    match (label.values, value.parse::<i64>()) {
        (AttributeValues::Integer(_), Ok(number)) => Value::from(number),
        _ => Value::from(value.to_owned()),
    }
}

/// Cuts at a character's boundary: half a character is no UTF-8.
fn truncate(value: &str) -> &str {
    let mut end = value.len().min(MAX_VALUE_BYTES);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    &value[..end]
}

/// The key of the map, which owns its values.
#[derive(Clone)]
struct LabelSet<const N: usize>([Arc<str>; N]);

/// The same values, borrowed: looking up allocates nothing. Hash and equality must agree with
/// [`LabelSet`]'s.
struct LabelSetRef<'a, const N: usize>([&'a str; N]);

impl<const N: usize> PartialEq for LabelSet<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<const N: usize> Eq for LabelSet<N> {}

impl<const N: usize> Hash for LabelSet<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|value| value.hash(state));
    }
}

impl<const N: usize> Hash for LabelSetRef<'_, N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|value| value.hash(state));
    }
}

impl<const N: usize> Equivalent<LabelSet<N>> for LabelSetRef<'_, N> {
    fn equivalent(&self, key: &LabelSet<N>) -> bool {
        self.0
            .iter()
            .zip(&key.0)
            .all(|(left, right)| **left == **right)
    }
}
