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
//!
//! | step | cost | lock |
//! |---|---|---|
//! | measurement without a sampled span | a comparison | none |
//! | in a sampled span | a clock, a binary search over the bounds | the bucket's, tried once |
//! | the first of a series | the table | the list of new tables, tried once |
//! | scrape | takes over new tables | the list's, and each bucket's in turn |
//!
//! The list of new tables is emptied by each scrape. In a process that nobody scrapes it grows up
//! to one entry a series, which the limit of series bounds.

mod scrape;

use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::SystemTime;

use opentelemetry::KeyValue;

use crate::model::catalog::MetricSpec;
use crate::record::clock::Clock;
use crate::record::slo_events::SloEvents;
use crate::record::trace::SampledSpan;

pub(crate) use scrape::{ExemplarTables, MetricExemplars, ScrapeExemplars, SeriesExemplars};

/// The exemplars of all series. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct Exemplars(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    /// The thresholds of objectives, which are bounds of buckets as well.
    slo_events: SloEvents,
    /// Keyed at random, so that nobody who chooses label values can make two series meet.
    hasher: RandomState,
    /// Tables that no scrape has seen yet.
    new_reservoirs: Mutex<Vec<NewReservoir>>,
}

/// A table on its way from the recording thread to the scrape, which keeps it from then on.
#[derive(Debug)]
struct NewReservoir {
    metric: &'static str,
    labels: u64,
    slots: ExemplarSlots,
}

/// A slot for each bucket.
type ExemplarSlots = Arc<[ExemplarSlot]>;

/// A bucket's exemplar. A lock, because an exemplar is more than an atomic holds; it is only ever
/// tried while recording.
type ExemplarSlot = Mutex<Option<Exemplar>>;

/// A measurement with its trace and span id. As bytes, which take 40 in all; the ids' own types
/// would make it 64.
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
pub(crate) struct InstrumentExemplars {
    metric: &'static str,
    /// The upper bounds in ascending order; one more bucket reaches to infinity.
    bounds: Arc<[f64]>,
    all: Exemplars,
}

/// The exemplars of one series, one per bucket.
#[derive(Debug)]
pub(crate) struct ExemplarReservoir {
    instrument: Arc<InstrumentExemplars>,
    /// The hash of the labels, by which the scrape finds the table.
    labels: u64,
    /// Empty until the first measurement in a sampled span.
    slots: OnceLock<ExemplarSlots>,
}

impl Exemplars {
    /// `slo_events` holds the thresholds that are bounds too.
    pub(crate) fn new(clock: Clock, slo_events: SloEvents) -> Self {
        Self(Arc::new(Inner {
            clock,
            slo_events,
            hasher: RandomState::new(),
            new_reservoirs: Mutex::default(),
        }))
    }

    pub(crate) fn slo_events(&self) -> &SloEvents {
        &self.0.slo_events
    }

    /// The exemplars of a histogram.
    pub(crate) fn for_instrument(&self, spec: &'static MetricSpec) -> Arc<InstrumentExemplars> {
        Arc::new(InstrumentExemplars {
            metric: spec.name,
            bounds: self.0.slo_events.bounds(spec).into(),
            all: self.clone(),
        })
    }

    // In the order of the keys, which declarations keep: the scrape hashes the same sequence.
    fn hash<'a>(&self, labels: impl Iterator<Item = &'a KeyValue>) -> u64 {
        let mut hasher = self.0.hasher.build_hasher();
        labels.for_each(|label| label.hash(&mut hasher));
        hasher.finish()
    }
}

impl ExemplarReservoir {
    pub(crate) fn new(instrument: &Arc<InstrumentExemplars>, labels: &[KeyValue]) -> Self {
        Self {
            instrument: Arc::clone(instrument),
            labels: instrument.all.hash(labels.iter()),
            slots: OnceLock::new(),
        }
    }

    /// Keeps a measurement as its bucket's exemplar.
    #[inline(never)]
    // Not inlined: most measurements are in no sampled span, and their path should stay short.
    pub(crate) fn offer(&self, value: f64, span: SampledSpan) {
        let InstrumentExemplars { bounds, all, .. } = &*self.instrument;
        // The bucket that the SDK counts it in; what is not finite it doesn't count.
        let nth = bounds.partition_point(|bound| *bound < value);
        let (Some(at), true) = (millis_since_epoch(all.0.clock.wall()), value.is_finite()) else {
            return;
        };
        let slot = self.slots().and_then(|slots| slots.get(nth));
        // Tried and not waited for: whoever holds the lock has just written a newer exemplar, or is
        // reading one.
        if let Some(mut slot) = slot.and_then(|slot| slot.try_lock().ok()) {
            *slot = Some(Exemplar {
                trace: span.trace.to_bytes(),
                span: span.span.to_bytes(),
                value,
                at,
            });
        }
    }

    /// Returns the table, made on the first call; `None` where another thread is just making one.
    fn slots(&self) -> Option<&ExemplarSlots> {
        self.slots.get().or_else(|| self.init_slots())
    }

    #[cold]
    fn init_slots(&self) -> Option<&ExemplarSlots> {
        let InstrumentExemplars {
            metric,
            bounds,
            all,
        } = &*self.instrument;
        // Tables are made under this lock only, so that nobody waits for another's either.
        // `get_or_init` blocks while another thread initializes. Under this lock no other thread
        // does.
        let mut new_reservoirs = all.0.new_reservoirs.try_lock().ok()?;
        Some(self.slots.get_or_init(|| {
            let slots: ExemplarSlots = (0..=bounds.len())
                .map(|_| ExemplarSlot::default())
                .collect();
            new_reservoirs.push(NewReservoir {
                metric,
                labels: self.labels,
                slots: Arc::clone(&slots),
            });
            slots
        }))
    }
}

impl Exemplar {
    pub(crate) const fn trace_id(&self) -> &[u8; 16] {
        &self.trace
    }

    pub(crate) const fn span_id(&self) -> &[u8; 8] {
        &self.span
    }

    pub(crate) const fn value(&self) -> f64 {
        self.value
    }

    /// Returns the time of the measurement in milliseconds since 1970.
    pub(crate) fn unix_millis(&self) -> i64 {
        i64::try_from(self.at.get()).unwrap_or(i64::MAX)
    }
}

/// `None` before 1970, where an exemplar couldn't be dated.
fn millis_since_epoch(time: SystemTime) -> Option<NonZeroU64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    NonZeroU64::new(u64::try_from(since.as_millis()).ok()?)
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceId};

    use super::*;
    use crate::model::catalog::worker::QUEUE_LAG;

    const SPAN: SampledSpan = SampledSpan {
        trace: TraceId::INVALID,
        span: SpanId::INVALID,
    };

    fn exemplars() -> Exemplars {
        Exemplars::new(Clock::manual(at(7)), SloEvents::default())
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)
    }

    fn labels() -> [KeyValue; 1] {
        [KeyValue::new("job.kind", "mail")]
    }

    fn value(all: &Exemplars, tables: &mut ExemplarTables, nth: usize) -> Option<f64> {
        let for_metric = all.for_scrape(tables).for_metric(QUEUE_LAG.name)?;
        let series = for_metric.for_series(labels().iter())?;
        let exemplar = series.for_bucket(nth, f64::NEG_INFINITY, f64::INFINITY)?;
        Some(exemplar.value())
    }

    #[test]
    fn a_taken_slot_costs_its_exemplar_and_nobody_waits() {
        let (all, mut tables) = (exemplars(), ExemplarTables::default());
        let reservoir = ExemplarReservoir::new(&all.for_instrument(&QUEUE_LAG), &labels());
        reservoir.offer(0.01, SPAN);
        let slots = reservoir.slots().unwrap();
        let held = slots[0].lock().unwrap();
        reservoir.offer(0.001, SPAN);
        reservoir.offer(0.02, SPAN);
        drop(held);
        assert_eq!(value(&all, &mut tables, 0), Some(0.01));
        assert_eq!(value(&all, &mut tables, 1), Some(0.02));
    }

    #[test]
    fn a_series_without_a_kept_trace_has_no_table_and_the_first_never_waits_for_one() {
        let (all, mut tables) = (exemplars(), ExemplarTables::default());
        let reservoir = ExemplarReservoir::new(&all.for_instrument(&QUEUE_LAG), &labels());
        assert!(
            all.for_scrape(&mut tables)
                .for_metric(QUEUE_LAG.name)
                .is_none()
        );
        let held = all.0.new_reservoirs.lock().unwrap();
        reservoir.offer(0.01, SPAN);
        drop(held);
        assert!(reservoir.slots.get().is_none());
        reservoir.offer(0.01, SPAN);
        assert_eq!(value(&all, &mut tables, 0), Some(0.01));
    }

    #[test]
    fn what_the_sdk_does_not_count_is_no_exemplar() {
        let (all, mut tables) = (exemplars(), ExemplarTables::default());
        let reservoir = ExemplarReservoir::new(&all.for_instrument(&QUEUE_LAG), &labels());
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            reservoir.offer(value, SPAN);
        }
        reservoir.offer(-1.0, SPAN);
        assert_eq!(value(&all, &mut tables, 0), Some(-1.0));
        for nth in 1..20 {
            assert_eq!(value(&all, &mut tables, nth), None);
        }
    }

    #[test]
    fn an_exemplar_outside_of_its_bucket_is_not_shown() {
        let (all, mut tables) = (exemplars(), ExemplarTables::default());
        let reservoir = ExemplarReservoir::new(&all.for_instrument(&QUEUE_LAG), &labels());
        reservoir.offer(0.01, SPAN);
        let scrape = all.for_scrape(&mut tables);
        let series = scrape.for_metric(QUEUE_LAG.name).unwrap();
        let series = series.for_series(labels().iter()).unwrap();
        assert!(series.for_bucket(0, 0.0, 0.01).is_some());
        assert!(series.for_bucket(0, 0.0, 0.009).is_none());
        assert!(series.for_bucket(0, 0.01, 1.0).is_none());
        assert!(series.for_bucket(99, 0.0, 1.0).is_none());
    }

    /// 48 bytes for each bucket, under 1 KB for a series of the catalog, and none before its first
    /// kept trace.
    #[test]
    fn a_slot_takes_48_bytes() {
        assert_eq!(size_of::<ExemplarSlot>(), 48);
    }
}
