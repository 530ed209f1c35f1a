//! The meters of the service's own instruments. A callback of theirs runs on a thread that can be replaced,
//! and what it observed is handed to the SDK afterwards.
//!
//! Why not leave callbacks to the SDK? It runs them below a lock of the pipeline, one after another: one that
//! hangs or scrapes keeps every later collection waiting for ever, with the service's other instruments, and
//! one that panics poisons the lock.

use std::sync::{Arc, Mutex};

use opentelemetry::metrics::{
    AsyncInstrument, AsyncInstrumentBuilder, Callback, Counter, Gauge, Histogram, HistogramBuilder,
    InstrumentBuilder, InstrumentProvider, Meter, MeterProvider, ObservableCounter,
    ObservableGauge, ObservableUpDownCounter, UpDownCounter,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::metrics::SdkMeterProvider;

use crate::background::user_code::{CallFailure, Reading, UserCall, UserCode};
use crate::record::sync::lock;

/// The most values that one call of a callback may observe. A callback that never ends must not fill memory.
const MAX_OBSERVATIONS: usize = 100_000;

/// The provider of the service's meters. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct UserMeters {
    provider: SdkMeterProvider,
    callbacks: MetricCallbacks,
}

/// The callbacks of the service's observable instruments, and the threads that run them. A cheap clone.
#[derive(Clone, Debug)]
pub(crate) struct MetricCallbacks {
    code: UserCode,
    calls: Arc<Mutex<Vec<Arc<UserCall>>>>,
}

impl Default for MetricCallbacks {
    fn default() -> Self {
        Self {
            code: UserCode::new("vantage-metric-callback"),
            calls: Arc::default(),
        }
    }
}

impl MetricCallbacks {
    /// Returns the callbacks, in the order of their registration.
    pub(crate) fn calls(&self) -> Vec<Arc<UserCall>> {
        // A copy: a callback may make an instrument.
        lock(&self.calls).clone()
    }

    /// The threads of the callbacks.
    pub(crate) const fn threads(&self) -> &UserCode {
        &self.code
    }

    /// Adds a callback; returns the one that the SDK is to call instead.
    fn add<T: Copy + Send + Sync + 'static>(
        &self,
        name: String,
        callback: Callback<T>,
    ) -> impl Fn(&dyn AsyncInstrument<T>) + Send + Sync + use<T> {
        let reading = Reading::new(name, move || {
            let observations = Observations(Mutex::default());
            callback(&observations);
            let observed = std::mem::take(&mut *lock(&observations.0));
            match observed.len() > MAX_OBSERVATIONS {
                // Those that are left would be old values.
                true => Err(CallFailure::TooMuch),
                false => Ok(observed),
            }
        });
        lock(&self.calls).push(Arc::clone(reading.call()));
        move |observer| {
            reading.with_result(|observations| {
                for (value, attributes) in observations {
                    observer.observe(*value, attributes);
                }
            });
        }
    }
}

/// The values that a callback has observed in one run.
struct Observations<T>(Mutex<Vec<(T, Vec<KeyValue>)>>);

impl<T: Send> AsyncInstrument<T> for Observations<T> {
    fn observe(&self, measurement: T, attributes: &[KeyValue]) {
        let mut observed = lock(&self.0);
        // One more tells that there were too many.
        if observed.len() <= MAX_OBSERVATIONS {
            observed.push((measurement, attributes.to_vec()));
        }
    }
}

impl UserMeters {
    pub(super) const fn new(provider: SdkMeterProvider, callbacks: MetricCallbacks) -> Self {
        Self {
            provider,
            callbacks,
        }
    }
}

impl MeterProvider for UserMeters {
    fn meter_with_scope(&self, scope: InstrumentationScope) -> Meter {
        Meter::new(Arc::new(UserInstruments {
            scope: scope.name().to_owned(),
            meter: self.provider.meter_with_scope(scope),
            callbacks: self.callbacks.clone(),
        }))
    }
}

/// The instruments of one meter.
struct UserInstruments {
    scope: String,
    meter: Meter,
    callbacks: MetricCallbacks,
}

/// Makes instruments that are recorded into: the SDK's own, unchanged.
macro_rules! synchronous {
    ($($method:ident: $instrument:ty, $builder:ident;)*) => {$(
        fn $method(&self, builder: $builder<'_, $instrument>) -> $instrument {
            let mut made = self.meter.$method(builder.name);
            made.description = builder.description;
            made.unit = builder.unit;
            synchronous!(@rest $builder made builder);
            made.build()
        }
    )*};
    (@rest InstrumentBuilder $made:ident $builder:ident) => {};
    (@rest HistogramBuilder $made:ident $builder:ident) => {
        $made.boundaries = $builder.boundaries;
    };
}

/// Makes instruments with callbacks, which the SDK gets in place of the service's.
macro_rules! observable {
    ($($method:ident: $instrument:ty, $value:ty;)*) => {$(
        fn $method(
            &self,
            builder: AsyncInstrumentBuilder<'_, $instrument, $value>,
        ) -> $instrument {
            let name = format!("instrument {} of the meter {}", builder.name, self.scope);
            let mut made = self.meter.$method(builder.name);
            made.description = builder.description;
            made.unit = builder.unit;
            for callback in builder.callbacks {
                made = made.with_callback(self.callbacks.add(name.clone(), callback));
            }
            made.build()
        }
    )*};
}

impl InstrumentProvider for UserInstruments {
    synchronous! {
        u64_counter: Counter<u64>, InstrumentBuilder;
        f64_counter: Counter<f64>, InstrumentBuilder;
        i64_up_down_counter: UpDownCounter<i64>, InstrumentBuilder;
        f64_up_down_counter: UpDownCounter<f64>, InstrumentBuilder;
        u64_gauge: Gauge<u64>, InstrumentBuilder;
        i64_gauge: Gauge<i64>, InstrumentBuilder;
        f64_gauge: Gauge<f64>, InstrumentBuilder;
        u64_histogram: Histogram<u64>, HistogramBuilder;
        f64_histogram: Histogram<f64>, HistogramBuilder;
    }

    observable! {
        u64_observable_counter: ObservableCounter<u64>, u64;
        f64_observable_counter: ObservableCounter<f64>, f64;
        i64_observable_up_down_counter: ObservableUpDownCounter<i64>, i64;
        f64_observable_up_down_counter: ObservableUpDownCounter<f64>, f64;
        u64_observable_gauge: ObservableGauge<u64>, u64;
        i64_observable_gauge: ObservableGauge<i64>, i64;
        f64_observable_gauge: ObservableGauge<f64>, f64;
    }
}
