//! `init(config)` and the handle that it gives.

mod background;
mod timer;

mod identity;

mod store;

mod recording;

#[cfg(feature = "otlp")]
#[path = "telemetry/push/enabled.rs"]
mod push;
#[cfg(not(feature = "otlp"))]
#[path = "telemetry/push/disabled.rs"]
mod push;

mod exporters;

#[cfg(feature = "otlp")]
#[path = "telemetry/fleet/enabled.rs"]
mod fleet;
#[cfg(not(feature = "otlp"))]
#[path = "telemetry/fleet/disabled.rs"]
mod fleet;

#[cfg(feature = "postgres")]
#[path = "telemetry/postgres/enabled.rs"]
mod postgres;
#[cfg(not(feature = "postgres"))]
#[path = "telemetry/postgres/disabled.rs"]
mod postgres;

mod snapshots;

mod heartbeat;

mod watchers;

#[cfg(feature = "axum")]
#[path = "telemetry/routes/enabled.rs"]
mod routes;
#[cfg(not(feature = "axum"))]
#[path = "telemetry/routes/disabled.rs"]
mod routes;

mod health;

mod subscriber;

mod assemble;

mod shutdown;

mod init;

#[cfg(feature = "testing")]
pub mod testing;

use std::any::Any;
use std::sync::Arc;

use opentelemetry::metrics::{Meter, MeterProvider as _};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Config, EffectiveConfig, Environment};
use crate::export::logs::{LevelHandle, LogWriter, LogWriters};
use crate::export::prometheus::ScrapeHandler;
use crate::export::prometheus::text::ExpositionFormat;
use crate::model::heartbeat::BeatId;
use crate::model::slo::report::SloReport;
use crate::model::snapshot::{PoolState, QueueState};
use crate::record::instruments::{Business, Database, Scheduler, Worker};
use crate::record::middleware::{CountConnections, HttpLayer, RequestSpans};
use crate::record::trace::{Carrier, HttpCall};
use crate::watch::sampler::SnapshotSampler;
use crate::watch::slo::SloAlertChange;
use crate::watch::status::Incidents;

use background::Background;
use exporters::Exporters;
use heartbeat::HeartbeatParts;
pub use init::{InitError, init};
use recording::{Handles, Recording};
use routes::Server;
use snapshots::Snapshots;
use watchers::Watchers;

/// The process's telemetry. A cheap clone; all clones are the same.
#[derive(Clone, Debug)]
#[must_use = "telemetry that is dropped stops sampling and serving"]
pub struct Telemetry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: EffectiveConfig,
    recording: Recording,
    exporters: Exporters,
    handles: Handles,
    snapshots: Snapshots,
    heartbeat: HeartbeatParts,
    watch: Watchers,
    scrape: Arc<ScrapeHandler>,
    levels: LevelHandle,
    log_writers: LogWriters,
    server: Server,
    background: Background,
}

impl Telemetry {
    /// Telemetry without globals: any number in one process, for tests and for embedding.
    ///
    /// # Errors
    ///
    /// As [`init`], without its claim on the process.
    pub fn without_globals(config: Config, environment: &Environment) -> Result<Self, InitError> {
        let (telemetry, objectives) = Self::begin(config, environment)?;
        telemetry.say_hello(&objectives);
        Ok(telemetry)
    }

    /// Returns the effective configuration, with the source of each value.
    #[must_use]
    pub fn config(&self) -> &EffectiveConfig {
        &self.0.config
    }

    /// The layer that measures HTTP requests; [`middleware`](crate::record::middleware) says where it stands.
    #[must_use]
    pub fn http_layer(&self) -> HttpLayer {
        let config = &self.0.config.config;
        let tracer = self.0.exporters.traces.tracer().clone();
        let spans = RequestSpans::new(tracer, config.traces.routes.clone());
        HttpLayer::new(
            self.0.handles.api.clone(),
            self.0.recording.clock.clone(),
            spans,
            self.0.handles.operational_routes.clone(),
        )
    }

    /// Counts the connections of a make-service, such as
    /// `app.into_make_service_with_connect_info::<SocketAddr>()`.
    #[must_use]
    pub fn count_connections<M>(&self, make: M) -> CountConnections<M> {
        CountConnections::new(make, self.0.handles.api.clone())
    }

    /// A worker, whose jobs are measured, and which beats from now on: every `heartbeat.interval`
    /// until [`shutdown`](Self::shutdown) or [`Worker::stop`], whatever becomes of this handle.
    ///
    /// The same id is the same worker, and two that differ are two. An id is 1 to 128 characters without white
    /// space and control characters, such as `celery@host-1`. With another one the jobs are measured, and there
    /// is no heartbeat, which the log says once. A process has at most 1,000 workers that beat.
    #[must_use]
    pub fn worker(&self, id: &str) -> Worker {
        self.0.handles.jobs.worker(id)
    }

    /// Forgets a worker that will not come back, in the registry of this process and in its store: it is no longer
    /// missed, listed or exported. Returns whether it was known. A later beat registers it anew.
    ///
    /// For those that the process receives beats of; a worker of its own says goodbye by [`Worker::stop`]. One that
    /// `heartbeat.expected` names is expected again from the next start on.
    ///
    /// ```
    /// # use vantage_obs::testing::TestTelemetry;
    /// let test = TestTelemetry::new();
    /// let telemetry = test.telemetry();
    /// let worker = telemetry.worker("publisher-1");
    /// test.tick();
    /// worker.stop();
    /// assert!(telemetry.forget_worker("publisher-1"));
    /// assert!(!telemetry.forget_worker("publisher-1"));
    /// ```
    pub fn forget_worker(&self, id: &str) -> bool {
        let id = BeatId::parse(id);
        id.is_some_and(|id| self.0.heartbeat.receiver.forget(&id))
    }

    /// The scheduler, whose executions are measured, and which beats from now on.
    #[must_use]
    pub fn scheduler(&self) -> Scheduler {
        self.0.handles.executions.scheduler()
    }

    /// Calls to a database product, by its conventional name such as `postgresql` or `sqlite`.
    #[must_use]
    pub fn database(&self, system: &str) -> Database {
        self.0.handles.database.for_system(system)
    }

    /// Business figures.
    #[must_use]
    pub fn business(&self) -> Business {
        self.0.handles.business.clone()
    }

    /// Returns the good and bad events of each objective that counts occurrences and that something in
    /// this process counts into.
    pub fn slo_events(&self) -> impl Iterator<Item = SloEventCounts<'_>> {
        let active = self.0.recording.slo_events.active();
        active.map(|counters| SloEventCounts {
            objective: counters.objective(),
            good: counters.good(),
            bad: counters.bad(),
        })
    }

    /// Returns the report of the objectives, as `GET /api/v1/slo` answers it. `None` until they
    /// were judged for the first time, and where telemetry is disabled.
    #[must_use]
    pub fn slo_report(&self) -> Option<SloReport> {
        let report = self.0.watch.slo.latest().read()?;
        Some(SloReport::clone(&report))
    }

    /// Returns the latest report of the whole fleet's objectives, as `GET
    /// /api/v1/slo?source=prometheus` answers, as a value. `None` where `slo.prometheus.url` is not
    /// configured, before the first report, and while the last one is too old to stand by.
    #[must_use]
    pub fn fleet_report(&self) -> Option<SloReport> {
        let now = jiff::Timestamp::try_from(self.0.recording.clock.wall()).ok()?;
        let report = self.0.snapshots.fleet.as_ref()?.read(now).ok()?;
        Some(SloReport::clone(&report))
    }

    /// Calls back when an objective raises something else: one change at a time, on a thread of the
    /// SDK, which a callback may block. A panic in one is caught.
    ///
    /// Before any change, the callback is told the present state of each objective that has one, with `from`
    /// equal to `to`.
    pub fn on_slo_alert(&self, callback: impl Fn(&SloAlertChange) + Send + Sync + 'static) {
        self.0.watch.slo.on_change(callback);
    }

    /// The status for the public, and what people have to say about it.
    ///
    /// ```
    /// # use vantage_obs::testing::TestTelemetry;
    /// use vantage_obs::incidents::{NewIncident, NewUpdate};
    /// use vantage_obs::status::{ComponentState, IncidentStatus};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), vantage_obs::incidents::IncidentError> {
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let incidents = telemetry.incidents();
    /// let incident = NewIncident::new("Posts are late", "We are looking into it.")
    ///     .component("workers", ComponentState::DegradedPerformance);
    /// let id = incidents.open(incident).await?;
    /// let update = NewUpdate::new("A fix is rolled out.").status(IncidentStatus::Resolved);
    /// incidents.update(id, update).await?;
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn incidents(&self) -> &Incidents {
        &self.0.watch.incidents
    }

    /// Looks at a queue every second until the answer is dropped.
    ///
    /// `read` runs on a thread of the SDK: let it read a counter, and not ask a server. A panic in
    /// it costs its own figures only.
    pub fn watch_queue(
        &self,
        name: &str,
        read: impl Fn() -> QueueState + Send + Sync + 'static,
    ) -> WatchGuard {
        let sampler = &self.0.watch.sampler;
        WatchGuard::new(sampler, sampler.watch_queue(name, Arc::new(read)), None)
    }

    /// Looks at a connection pool every second until the answer is dropped, as
    /// [`watch_queue`](Self::watch_queue) does.
    pub fn watch_pool(
        &self,
        name: &str,
        read: impl Fn() -> PoolState + Send + Sync + 'static,
    ) -> WatchGuard {
        let sampler = &self.0.watch.sampler;
        WatchGuard::new(sampler, sampler.watch_pool(name, Arc::new(read)), None)
    }

    /// A meter for instruments of one's own, which the scrape shows.
    ///
    /// Its provider is apart from ours: a callback that panics silences these, and not those.
    #[must_use]
    pub fn meter(&self, scope: &'static str) -> Meter {
        self.0.recording.user.provider().meter(scope)
    }

    /// Shows the metrics of a registry of one's own in the scrape. A family with the name of one of
    /// ours is left out, and counted.
    pub fn merge_registry(&self, registry: prometheus::Registry) {
        self.0.scrape.merge(registry);
    }

    /// Our metrics as a registry, for a service that has a `/metrics` of its own.
    #[must_use]
    pub fn registry(&self) -> &prometheus::Registry {
        self.0.recording.ours.registry()
    }

    /// The text of a scrape; `None` where there is nothing to show. Blocks for milliseconds.
    #[must_use]
    pub fn scrape(&self, format: ExpositionFormat) -> Option<String> {
        self.0.scrape.render(format).ok()
    }

    /// A layer for a `tracing` subscriber of one's own: log lines to `output`, spans to traces, and
    /// log records to OTLP where that is configured. [`init`] sets such a subscriber by itself.
    ///
    /// ```
    /// use tracing_subscriber::layer::SubscriberExt as _;
    /// use vantage_obs::logs::LogWriter;
    /// use vantage_obs::testing::TestTelemetry;
    ///
    /// let test = TestTelemetry::new();
    /// let layer = test.telemetry().tracing_layer(LogWriter::stdout());
    /// let subscriber = tracing_subscriber::registry().with(layer);
    /// tracing::subscriber::with_default(subscriber, || tracing::info!("one line of JSON"));
    /// ```
    pub fn tracing_layer<S>(&self, output: LogWriter) -> impl Layer<S> + Send + Sync + 'static
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        subscriber::layers(&self.0, Some(output))
    }

    /// Which log records are written; they can be changed while the process runs.
    #[must_use]
    pub fn log_levels(&self) -> &LevelHandle {
        &self.0.levels
    }

    /// The current trace, to be put beside a job into a queue.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        let tracing = self.0.exporters.traces.tracer();
        Carrier::from_context(tracing, &opentelemetry::Context::current())
    }

    /// Starts an HTTP call to another service: its span, and the headers by which the other service
    /// continues the trace.
    pub fn http_call(
        &self,
        method: &http::Method,
        uri: &http::Uri,
        headers: &mut http::HeaderMap,
    ) -> HttpCall {
        HttpCall::start(self.0.exporters.traces.tracer(), method, uri, headers)
    }
}

/// The events of an objective since the start of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SloEventCounts<'a> {
    /// The objective's id, such as `api.latency`.
    pub objective: &'a str,
    /// The number of good events.
    pub good: u64,
    /// The number of bad events.
    pub bad: u64,
}

/// A queue, pool or database that is watched until this is dropped.
#[must_use = "what is not kept is not watched"]
#[derive(Debug)]
pub struct WatchGuard {
    sampler: SnapshotSampler,
    id: u64,
    /// Reads until it is dropped.
    _reader: Option<Box<dyn Any + Send + Sync>>,
}

impl WatchGuard {
    fn new(sampler: &SnapshotSampler, id: u64, reader: Option<Box<dyn Any + Send + Sync>>) -> Self {
        Self {
            sampler: sampler.clone(),
            id,
            _reader: reader,
        }
    }
}

impl Drop for WatchGuard {
    fn drop(&mut self) {
        self.sampler.unwatch(self.id);
    }
}
