//! Exemplars: for each bucket of a histogram the trace of a recent measurement that fell into it.
//!
//! From the bucket of slow requests, one click leads to one of them. Neither the SDK's metrics nor
//! its OTLP export have a place for exemplars, so that they stand here, beside the bound series, and
//! only an OpenMetrics scrape shows them.
//!
//! A series has a table from its first measurement in a kept trace on; all others cost nothing. A
//! bucket keeps the latest exemplar. Recording never waits: where two threads meet in a bucket, or a
//! thread meets a scrape, one exemplar is lost and the measurement is not.
//!
//! A table is found again by its metric and a hash of its labels, so that no series has to keep its
//! labels for the day on which it is traced. The hash has a random key: among 2,000 series two meet
//! once in 10¹³ processes, and an exemplar is only shown where its value lies in the bucket.

mod shown;

use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

use opentelemetry::KeyValue;

use crate::model::catalog::MetricSpec;
use crate::record::clock::Clock;
use crate::record::slo_events::Ledger;
use crate::record::trace::Sampled;

pub(crate) use shown::{Known, OfMetric, OfSeries, Shown};

/// The exemplars of all series. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct Exemplars(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    ledger: Ledger,
    hasher: RandomState,
    /// Tables that no scrape has seen yet.
    arrived: Mutex<Vec<Arrived>>,
}

#[derive(Debug)]
struct Arrived {
    metric: &'static str,
    labels: u64,
    table: Table,
}

/// A slot for each bucket.
type Table = Arc<[Slot]>;

/// A bucket's exemplar. A lock, because an exemplar is more than an atomic holds; it is only ever
/// tried while recording.
type Slot = Mutex<Option<Exemplar>>;

/// What a scrape says of one measurement. As bytes, which take 40 in all; the ids' own types would
/// make it 64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Exemplar {
    trace: [u8; 16],
    span: [u8; 8],
    value: f64,
    /// Milliseconds since 1970.
    at: NonZeroU64,
}

/// The exemplars of one instrument.
#[derive(Clone, Debug)]
pub(crate) struct OfInstrument {
    metric: &'static str,
    bounds: Arc<[f64]>,
    all: Exemplars,
}

/// Where the exemplars of one series go.
#[derive(Debug)]
pub(crate) struct Place {
    instrument: Arc<OfInstrument>,
    labels: u64,
    table: OnceLock<Table>,
}

impl Exemplars {
    /// `ledger` knows the thresholds that are bounds too.
    pub(crate) fn new(clock: Clock, ledger: Ledger) -> Self {
        Self(Arc::new(Inner {
            clock,
            ledger,
            hasher: RandomState::new(),
            arrived: Mutex::default(),
        }))
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// The exemplars of a histogram.
    pub(crate) fn of(&self, spec: &'static MetricSpec) -> Arc<OfInstrument> {
        Arc::new(OfInstrument {
            metric: spec.name,
            bounds: self.0.ledger.bounds(spec).into(),
            all: self.clone(),
        })
    }

    fn hash<'a>(&self, labels: impl Iterator<Item = &'a KeyValue>) -> u64 {
        let mut hasher = self.0.hasher.build_hasher();
        labels.for_each(|label| label.hash(&mut hasher));
        hasher.finish()
    }
}

impl Place {
    pub(crate) fn new(instrument: &Arc<OfInstrument>, labels: &[KeyValue]) -> Self {
        Self {
            instrument: Arc::clone(instrument),
            labels: instrument.all.hash(labels.iter()),
            table: OnceLock::new(),
        }
    }

    /// Keeps a measurement as its bucket's exemplar.
    #[inline(never)]
    pub(crate) fn keep(&self, value: f64, span: Sampled) {
        let OfInstrument { bounds, all, .. } = &*self.instrument;
        // The bucket that the SDK counts it in; what is not finite it doesn't count.
        let nth = bounds.partition_point(|bound| *bound < value);
        let (Some(at), true) = (milliseconds(all.0.clock.wall()), value.is_finite()) else {
            return;
        };
        let slot = self.table().and_then(|table| table.get(nth));
        if let Some(mut slot) = slot.and_then(|slot| slot.try_lock().ok()) {
            *slot = Some(Exemplar {
                trace: span.trace.to_bytes(),
                span: span.span.to_bytes(),
                value,
                at,
            });
        }
    }

    fn table(&self) -> Option<&Table> {
        self.table.get().or_else(|| self.first())
    }

    #[cold]
    fn first(&self) -> Option<&Table> {
        let OfInstrument {
            metric,
            bounds,
            all,
        } = &*self.instrument;
        // Tables are made under this lock only, so that nobody waits for another's either.
        let mut arrived = all.0.arrived.try_lock().ok()?;
        Some(self.table.get_or_init(|| {
            let table: Table = (0..=bounds.len()).map(|_| Slot::default()).collect();
            arrived.push(Arrived {
                metric,
                labels: self.labels,
                table: Arc::clone(&table),
            });
            table
        }))
    }
}

impl Exemplar {
    pub(crate) const fn trace(&self) -> &[u8; 16] {
        &self.trace
    }

    pub(crate) const fn span(&self) -> &[u8; 8] {
        &self.span
    }

    pub(crate) const fn value(&self) -> f64 {
        self.value
    }

    /// When it was measured, in milliseconds since 1970.
    pub(crate) fn at(&self) -> i64 {
        i64::try_from(self.at.get()).unwrap_or(i64::MAX)
    }
}

fn milliseconds(time: SystemTime) -> Option<NonZeroU64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    NonZeroU64::new(u64::try_from(since.as_millis()).ok()?)
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceId};

    use super::*;
    use crate::model::catalog::worker::QUEUE_LAG;

    const SPAN: Sampled = Sampled {
        trace: TraceId::INVALID,
        span: SpanId::INVALID,
    };

    fn exemplars() -> Exemplars {
        Exemplars::new(Clock::manual(at(7)), Ledger::default())
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)
    }

    fn labels() -> [KeyValue; 1] {
        [KeyValue::new("job.kind", "mail")]
    }

    fn value(all: &Exemplars, known: &mut Known, nth: usize) -> Option<f64> {
        let of_metric = all.shown(known).of_metric(QUEUE_LAG.name)?;
        let series = of_metric.of_series(labels().iter())?;
        let exemplar = series.of_bucket(nth, f64::NEG_INFINITY, f64::INFINITY)?;
        Some(exemplar.value())
    }

    #[test]
    fn a_taken_slot_costs_its_exemplar_and_nobody_waits() {
        let (all, mut known) = (exemplars(), Known::default());
        let place = Place::new(&all.of(&QUEUE_LAG), &labels());
        place.keep(0.01, SPAN);
        let table = place.table().unwrap();
        let held = table[0].lock().unwrap();
        place.keep(0.001, SPAN);
        place.keep(0.02, SPAN);
        drop(held);
        assert_eq!(value(&all, &mut known, 0), Some(0.01));
        assert_eq!(value(&all, &mut known, 1), Some(0.02));
    }

    #[test]
    fn a_series_without_a_kept_trace_has_no_table_and_the_first_never_waits_for_one() {
        let (all, mut known) = (exemplars(), Known::default());
        let place = Place::new(&all.of(&QUEUE_LAG), &labels());
        assert!(all.shown(&mut known).of_metric(QUEUE_LAG.name).is_none());
        let held = all.0.arrived.lock().unwrap();
        place.keep(0.01, SPAN);
        drop(held);
        assert!(place.table.get().is_none());
        place.keep(0.01, SPAN);
        assert_eq!(value(&all, &mut known, 0), Some(0.01));
    }

    #[test]
    fn what_the_sdk_does_not_count_is_no_exemplar() {
        let (all, mut known) = (exemplars(), Known::default());
        let place = Place::new(&all.of(&QUEUE_LAG), &labels());
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            place.keep(value, SPAN);
        }
        place.keep(-1.0, SPAN);
        assert_eq!(value(&all, &mut known, 0), Some(-1.0));
        for nth in 1..20 {
            assert_eq!(value(&all, &mut known, nth), None);
        }
    }

    #[test]
    fn an_exemplar_outside_of_its_bucket_is_not_shown() {
        let (all, mut known) = (exemplars(), Known::default());
        let place = Place::new(&all.of(&QUEUE_LAG), &labels());
        place.keep(0.01, SPAN);
        let shown = all.shown(&mut known);
        let series = shown.of_metric(QUEUE_LAG.name).unwrap();
        let series = series.of_series(labels().iter()).unwrap();
        assert!(series.of_bucket(0, 0.0, 0.01).is_some());
        assert!(series.of_bucket(0, 0.0, 0.009).is_none());
        assert!(series.of_bucket(0, 0.01, 1.0).is_none());
        assert!(series.of_bucket(99, 0.0, 1.0).is_none());
    }

    /// 48 bytes for each bucket, under 1 KB for a series of the catalog, and none before its first
    /// kept trace.
    #[test]
    fn a_slot_takes_48_bytes() {
        assert_eq!(size_of::<Slot>(), 48);
    }
}
