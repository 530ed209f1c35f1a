//! Instruments that are read on collection, built from their declarations: the declaration also
//! says whether a reading is a sum or a value, so that the two can't differ.

use opentelemetry::metrics::{AsyncInstrument, Meter};

use super::Instruments;
use crate::model::catalog::{Instrument, MetricSpec};

/// The callback of an observable instrument. It only copies: a panic in it would silence the
/// pipeline.
pub(crate) type ObserveCallback<T> = Box<dyn Fn(&dyn AsyncInstrument<T>) + Send + Sync>;

/// A number that can be observed.
///
/// Implemented by macro for the SDK's two number types, whose builders have no common trait.
pub(crate) trait ObservableNumber: Sized + 'static {
    /// Registers a counter: what is read only grows.
    fn sum(meter: &Meter, spec: &'static MetricSpec, read: ObserveCallback<Self>);
    /// Registers a gauge.
    fn value(meter: &Meter, spec: &'static MetricSpec, read: ObserveCallback<Self>);
}

macro_rules! impl_observable {
    ($number:ty, $sum:ident, $value:ident) => {
        impl ObservableNumber for $number {
            fn sum(meter: &Meter, spec: &'static MetricSpec, read: ObserveCallback<Self>) {
                let counter = meter.$sum(spec.name).with_description(spec.description);
                let counter = counter.with_unit(spec.unit.ucum());
                counter.with_callback(read).build();
            }

            fn value(meter: &Meter, spec: &'static MetricSpec, read: ObserveCallback<Self>) {
                let gauge = meter.$value(spec.name).with_description(spec.description);
                let gauge = gauge.with_unit(spec.unit.ucum());
                gauge.with_callback(read).build();
            }
        }
    };
}

impl_observable!(u64, u64_observable_counter, u64_observable_gauge);
impl_observable!(f64, f64_observable_counter, f64_observable_gauge);

impl Instruments {
    /// Registers `read` as the callback of a metric.
    pub(crate) fn observe<T: ObservableNumber>(
        &self,
        spec: &'static MetricSpec,
        read: impl Fn(&dyn AsyncInstrument<T>) + Send + Sync + 'static,
    ) {
        // A declaration of another kind is a mistake of this crate, which every test that builds it
        // finds.
        debug_assert!(matches!(
            spec.instrument,
            Instrument::ObservableCounter | Instrument::ObservableGauge
        ));
        match spec.instrument {
            Instrument::ObservableCounter => T::sum(&self.meter, spec, Box::new(read)),
            _ => T::value(&self.meter, spec, Box::new(read)),
        }
    }

    /// Registers a metric that is read out of a source, which is cheap to clone.
    pub(crate) fn observe_from<S, T>(
        &self,
        spec: &'static MetricSpec,
        source: &S,
        read: impl Fn(&S, &dyn AsyncInstrument<T>) + Send + Sync + 'static,
    ) where
        S: Clone + Send + Sync + 'static,
        T: ObservableNumber,
    {
        let source = source.clone();
        self.observe(spec, move |observer| read(&source, observer));
    }
}
