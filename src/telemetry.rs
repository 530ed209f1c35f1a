//! `init(config)` and the handle that it gives.

mod assemble;
mod exporters;
mod health;
mod heartbeat;
mod init;
#[cfg(feature = "postgres")]
mod postgres;
mod shutdown;
mod store;
mod subscriber;
#[cfg(feature = "testing")]
pub mod testing;

use std::collections::BTreeMap;
#[cfg(feature = "axum")]
use std::io;
use std::sync::{Arc, Mutex};

use opentelemetry::metrics::{Meter, MeterProvider as _};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Config, EffectiveConfig, Environment};
use crate::export::logs::{LevelHandle, Output};
use crate::export::prometheus::Scrape;
use crate::export::prometheus::text::Format;
use crate::export::providers::Metrics;
use crate::model::slo::report::Report;
use crate::model::snapshot::slo::LatestFleet;
use crate::model::snapshot::{PoolState, QueueState};
use crate::record::clock::Clock;
use crate::record::instruments::{Api, Business, Database, Executions, Jobs, Scheduler, Worker};
use crate::record::middleware::{CountConnections, HttpLayer, Spans};
use crate::record::slo_events::Ledger;
use crate::record::trace::{Carrier, HttpCall};
use crate::store::business_totals::Bookkeeper;
use crate::watch::health::Health;
use crate::watch::sampler::Sampler;
use crate::watch::slo::{SloAlertChange, Tracker};
use crate::watch::status::Incidents;

use assemble::Background;
use exporters::Carry;
use heartbeat::Pulse;
pub use init::{InitError, init};

/// The process's telemetry. A cheap clone; all clones are the same.
#[derive(Clone, Debug)]
#[must_use = "telemetry that is dropped stops sampling and serving"]
pub struct Telemetry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: EffectiveConfig,
    clock: Clock,
    #[cfg(feature = "axum")]
    started_at: std::time::SystemTime,
    ledger: Ledger,
    ours: Metrics,
    user: Metrics,
    scrape: Arc<Scrape>,
    api: Api,
    jobs: Jobs,
    executions: Executions,
    database: Database,
    business: Business,
    books: Bookkeeper,
    sampler: Sampler,
    slo: Tracker,
    fleet: Option<LatestFleet>,
    incidents: Incidents,
    health: Health,
    carry: Carry,
    pulse: Pulse,
    levels: LevelHandle,
    background: Mutex<Background>,
}

impl Telemetry {
    /// Telemetry without globals: any number in one process, for tests and for embedding.
    ///
    /// # Errors
    ///
    /// As [`init`], without its claim on the process.
    pub fn local(config: Config, environment: &Environment) -> Result<Self, InitError> {
        let (telemetry, objectives) = Self::begin(config, environment)?;
        telemetry.say_hello(&objectives);
        Ok(telemetry)
    }

    /// What was configured, with the source of each value.
    #[must_use]
    pub fn config(&self) -> &EffectiveConfig {
        &self.0.config
    }

    /// The layer that measures HTTP requests; [`middleware`](crate::record::middleware) says where it stands.
    #[must_use]
    pub fn http_layer(&self) -> HttpLayer {
        let config = &self.0.config.config;
        // Left out of traces, unless somebody asks for them.
        let own = config.own_routes().into_iter().map(|route| (route, 0.0));
        let mut ratios: BTreeMap<_, _> = own.collect();
        ratios.extend(config.traces.routes.clone());
        let spans = Spans::new(self.0.carry.traces.tracing().clone(), ratios);
        HttpLayer::new(self.0.api.clone(), self.0.clock.clone(), spans)
    }

    /// Counts the connections of a make-service, such as
    /// `app.into_make_service_with_connect_info::<SocketAddr>()`.
    #[must_use]
    pub fn count_connections<M>(&self, make: M) -> CountConnections<M> {
        CountConnections::new(make, self.0.api.clone())
    }

    /// The routes of the SDK: the scrape, health, workers and objectives.
    #[cfg(feature = "axum")]
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        let prometheus = &self.0.config.config.metrics.prometheus;
        let enabled = prometheus.enabled && !self.0.config.config.disabled;
        let path = enabled.then_some(prometheus.path.as_str());
        let scrape = path.map(|path| (path, Arc::clone(&self.0.scrape)));
        let health = self.0.health_page();
        crate::serve::routes::router(
            scrape,
            health,
            self.0.report_page(),
            self.0.workers_page(),
            self.0.pages(),
            self.0.incidents_page(),
            self.http_layer(),
        )
        .with_state(())
    }

    /// Serves [`routes`](Self::routes) at an address, for a process without a server of its own.
    ///
    /// The server has a thread and runtime of its own; it ends at [`shutdown`](Self::shutdown).
    /// The answer is the real address, also where port 0 was asked for.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on or the thread not be started.
    #[cfg(feature = "axum")]
    pub fn serve(&self, address: std::net::SocketAddr) -> io::Result<std::net::SocketAddr> {
        // No API is served there, so an unknown path is no request that counts.
        let router = self.routes().reset_fallback();
        let (address, stop) = crate::serve::routes::serve(address, router)?;
        self.background(|background| background.servers.push(stop));
        Ok(address)
    }

    /// A worker, whose jobs are measured, and which beats from now on: every `heartbeat.interval`
    /// until [`shutdown`](Self::shutdown) or [`Worker::stop`], whatever becomes of this handle.
    ///
    /// The same id is the same worker. An id is 1 to 128 of `A-Z a-z 0-9 . _ : -`; in another one,
    /// what is not allowed becomes `_`. A process has at most 1,000 workers that beat.
    #[must_use]
    pub fn worker(&self, id: &str) -> Worker {
        self.0.jobs.worker(id)
    }

    /// The scheduler, whose executions are measured, and which beats from now on.
    #[must_use]
    pub fn scheduler(&self) -> Scheduler {
        self.0.executions.scheduler()
    }

    /// Calls to a database product, by its conventional name such as `postgresql` or `sqlite`.
    #[must_use]
    pub fn database(&self, system: &str) -> Database {
        self.0.database.of_system(system)
    }

    /// Business figures.
    #[must_use]
    pub fn business(&self) -> Business {
        self.0.business.clone()
    }

    /// Good and bad events of each objective that counts occurrences and that something in this
    /// process counts into, as (objective, good, bad).
    pub fn slo_events(&self) -> impl Iterator<Item = (&str, u64, u64)> {
        self.0
            .ledger
            .opened()
            .map(|account| (account.objective(), account.good(), account.bad()))
    }

    /// What is known of the objectives: what `GET /api/v1/slo` answers, as a value. `None` until they
    /// were judged for the first time, and where telemetry is disabled.
    #[must_use]
    pub fn slo_report(&self) -> Option<Report> {
        let report = self.0.slo.latest().read()?;
        Some(Report::clone(&report))
    }

    /// What was heard last of the objectives of the whole fleet: what `GET
    /// /api/v1/slo?source=prometheus` answers, as a value. `None` where `slo.prometheus.url` is not
    /// configured, before the first report, and while the last one is too old to stand by.
    #[must_use]
    pub fn fleet_report(&self) -> Option<Report> {
        let now = jiff::Timestamp::try_from(self.0.clock.wall()).ok()?;
        let report = self.0.fleet.as_ref()?.read(now).ok()?;
        Some(Report::clone(&report))
    }

    /// Calls back when an objective raises something else: one change at a time, on a thread of the
    /// SDK, which a callback may block. A panic in one is caught.
    pub fn on_slo_alert(&self, callback: impl Fn(&SloAlertChange) + Send + Sync + 'static) {
        self.0.slo.on_change(callback);
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
        &self.0.incidents
    }

    /// Looks at a queue every second until the answer is dropped.
    ///
    /// `read` runs on a thread of the SDK: let it read a counter, and not ask a server. A panic in
    /// it costs its own figures only.
    pub fn watch_queue(
        &self,
        name: &str,
        read: impl Fn() -> QueueState + Send + Sync + 'static,
    ) -> Watch {
        Watch {
            sampler: self.0.sampler.clone(),
            id: self.0.sampler.watch_queue(name, Arc::new(read)),
            #[cfg(feature = "postgres")]
            reader: None,
        }
    }

    /// Looks at a connection pool every second until the answer is dropped, as
    /// [`watch_queue`](Self::watch_queue) does.
    pub fn watch_pool(
        &self,
        name: &str,
        read: impl Fn() -> PoolState + Send + Sync + 'static,
    ) -> Watch {
        Watch {
            sampler: self.0.sampler.clone(),
            id: self.0.sampler.watch_pool(name, Arc::new(read)),
            #[cfg(feature = "postgres")]
            reader: None,
        }
    }

    /// A meter for instruments of one's own, which the scrape shows.
    ///
    /// Its provider is apart from ours: a callback that panics silences these, and not those.
    #[must_use]
    pub fn meter(&self, scope: &'static str) -> Meter {
        self.0.user.provider().meter(scope)
    }

    /// Shows the metrics of a registry of one's own in the scrape. A family with the name of one of
    /// ours is left out, and counted.
    pub fn merge_registry(&self, registry: prometheus::Registry) {
        self.0.scrape.merge(registry);
    }

    /// Our metrics as a registry, for a service that has a `/metrics` of its own.
    #[must_use]
    pub fn registry(&self) -> &prometheus::Registry {
        self.0.ours.registry()
    }

    /// The text of a scrape; `None` where there is nothing to show. Blocks for milliseconds.
    #[must_use]
    pub fn scrape(&self, format: Format) -> Option<String> {
        self.0.scrape.render(format).ok()
    }

    /// A layer for a `tracing` subscriber of one's own: log lines to `output`, spans to traces, and
    /// log records to OTLP where that is configured. [`init`] sets such a subscriber by itself.
    ///
    /// ```
    /// use tracing_subscriber::layer::SubscriberExt as _;
    /// use vantage_obs::logs::Output;
    /// use vantage_obs::testing::TestTelemetry;
    ///
    /// let test = TestTelemetry::new();
    /// let layer = test.telemetry().tracing_layer(Output::stdout());
    /// let subscriber = tracing_subscriber::registry().with(layer);
    /// tracing::subscriber::with_default(subscriber, || tracing::info!("one line of JSON"));
    /// ```
    pub fn tracing_layer<S>(&self, output: Output) -> impl Layer<S> + Send + Sync + 'static
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
        let tracing = self.0.carry.traces.tracing();
        Carrier::of(tracing, &opentelemetry::Context::current())
    }

    /// Starts an HTTP call to another service: its span, and the headers by which the other service
    /// continues the trace.
    pub fn http_call(
        &self,
        method: &http::Method,
        uri: &http::Uri,
        headers: &mut http::HeaderMap,
    ) -> HttpCall {
        HttpCall::start(self.0.carry.traces.tracing(), method, uri, headers)
    }

    /// The objectives, worked out anew.
    #[cfg(feature = "testing")]
    pub(crate) fn judge(&self) -> Report {
        self.0.slo.report()
    }

    /// Looks at everything that is watched, once.
    #[cfg(feature = "testing")]
    pub(crate) fn tick(&self) {
        self.0.sampler.tick();
        self.0.health.tick();
        self.0.pulse.tick();
        self.0.slo.tick();
        self.0.incidents.tick();
    }
}

/// A queue, pool or database that is watched until this is dropped.
#[must_use = "what is not kept is not watched"]
#[derive(Debug)]
pub struct Watch {
    sampler: Sampler,
    id: u64,
    #[cfg(feature = "postgres")]
    #[expect(dead_code, reason = "it reads until it is dropped")]
    reader: Option<crate::store::postgres_client::Watcher>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.sampler.forget(self.id);
    }
}
