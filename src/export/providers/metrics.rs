//! Metrics. The provider of our own metrics has one cumulative reader, because each further one makes
//! every recording cost once more. What a user's meter makes comes from a second provider, so that a
//! name or a million series of theirs cannot hurt ours.

#[cfg(feature = "metrics")]
mod unguarded;

use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_prometheus::PrometheusExporter;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    Aggregation, InstrumentKind, Pipeline, SdkMeterProvider, Stream, Temporality,
};

use super::resource::scope;
use super::user_meters::{MetricCallbacks, UserMeters};
use crate::background::thread;
use crate::config::Config;
use crate::model::catalog::{self, Instrument, MetricSpec};
use crate::model::figure::MAX_FIGURES;
use crate::record::instruments::FigureMetrics;
use crate::record::slo_events::SloEvents;

/// The time that the shutdown of a provider may take, which usually takes microseconds.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(100);

/// A meter provider and the one reader that everything is collected from.
#[derive(Clone, Debug)]
pub(crate) struct MetricProvider {
    provider: SdkMeterProvider,
    reader: SharedReader,
    /// The registry of `opentelemetry-prometheus`, through which the reader is built; a service may
    /// gather from it.
    registry: prometheus::Registry,
    /// Empty for our own metrics, whose callbacks read snapshots.
    callbacks: MetricCallbacks,
}

/// Shared, so that the provider has it and we keep it.
#[derive(Clone, Debug)]
struct SharedReader(Arc<PrometheusExporter>);

impl MetricReader for SharedReader {
    // Everything is passed on: this type only makes the reader shareable.
    fn register_pipeline(&self, pipeline: std::sync::Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

impl MetricProvider {
    /// The provider of the catalog's metrics and of figures, with their bounds and limits.
    pub(crate) fn for_catalog(
        config: &Config,
        slo_events: &SloEvents,
        figures: &FigureMetrics,
    ) -> Result<Self, OTelSdkError> {
        let (limit, slo_events) = (config.metrics.cardinality_limit, slo_events.clone());
        let figures = figures.clone();
        // An instrument that is neither in the catalog nor a figure gets no view, and so the SDK's
        // defaults; nothing of ours is like that.
        Self::build(config, move |name| {
            let spec = catalog::find(name).or_else(|| figures.find(name))?;
            stream_for(spec, limit, &slo_events)
        })
    }

    /// The provider of the user's own metrics.
    pub(crate) fn for_user(config: &Config) -> Result<Self, OTelSdkError> {
        let limit = config.metrics.cardinality_limit;
        Self::build(config, move |_| {
            Stream::builder().with_cardinality_limit(limit).build().ok()
        })
    }

    fn build(
        config: &Config,
        view: impl Fn(&str) -> Option<Stream> + Send + Sync + 'static,
    ) -> Result<Self, OTelSdkError> {
        let registry = prometheus::Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone());
        let exporter = exporter
            .scope_info_enabled(config.metrics.prometheus.scope_labels)
            .build()?;
        let reader = SharedReader(Arc::new(exporter));
        let builder = SdkMeterProvider::builder().with_resource(super::resource(&config.service));
        // Without a reader the SDK's instruments record nothing.
        let builder = if config.disabled {
            builder
        } else {
            builder.with_reader(reader.clone())
        };
        let provider = builder
            .with_view(move |instrument: &opentelemetry_sdk::metrics::Instrument| {
                view(instrument.name())
            })
            .build();
        Ok(Self {
            provider,
            reader,
            registry,
            callbacks: MetricCallbacks::default(),
        })
    }

    /// The one scope of our metrics.
    pub(crate) fn meter(&self) -> Meter {
        self.provider.meter_with_scope(scope())
    }

    /// The meters of the service's own instruments.
    pub(crate) fn user_meters(&self) -> UserMeters {
        UserMeters::new(self.provider.clone(), self.callbacks.clone())
    }

    /// The callbacks of instruments that [`user_meters`](Self::user_meters) made.
    pub(crate) const fn callbacks(&self) -> &MetricCallbacks {
        &self.callbacks
    }

    pub(crate) const fn registry(&self) -> &prometheus::Registry {
        &self.registry
    }

    /// Collects what was recorded, and what the [`callbacks`](Self::callbacks) observed when they ran last.
    pub(crate) fn collect(&self, into: &mut ResourceMetrics) -> OTelSdkResult {
        self.reader.collect(into)
    }

    /// Ends the provider.
    pub(crate) fn shutdown(&self) -> OTelSdkResult {
        // On a thread aside, because the SDK's own time limit is 5 s.
        let (done, outcome) = sync_channel(1);
        let provider = self.provider.clone();
        let shut_down = move || {
            let _ = done.send(provider.shutdown());
        };
        let refused = |error: io::Error| OTelSdkError::InternalFailure(error.to_string());
        thread::spawn("vantage-end", shut_down).map_err(refused)?;
        outcome
            .recv_timeout(SHUTDOWN_TIMEOUT)
            .unwrap_or(Err(OTelSdkError::Timeout(SHUTDOWN_TIMEOUT)))
    }
}

fn stream_for(spec: &MetricSpec, limit: usize, slo_events: &SloEvents) -> Option<Stream> {
    // One more than the cache's limit, for the overflow series that the cache chooses itself.
    let series = spec.max_closed_series().unwrap_or(limit) + 1;
    // Which instruments overflow must be told however low the limit is: ours beside the user's.
    let names_instruments = spec.name == catalog::telemetry::SERIES_OVERFLOW.name;
    let series = series
        + if names_instruments {
            catalog::all().count() + MAX_FIGURES
        } else {
            0
        };
    let stream = Stream::builder().with_cardinality_limit(series);
    let stream = match spec.instrument {
        Instrument::Histogram(_) => {
            stream.with_aggregation(Aggregation::ExplicitBucketHistogram {
                boundaries: slo_events.bounds(spec),
                // A series that was bound and never recorded has f64::MAX for its minimum.
                record_min_max: false,
            })
        }
        _ => stream,
    };
    stream.build().ok()
}
