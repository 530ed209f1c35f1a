//! `init(config)` and the handle that it gives.

mod carry;
mod subscriber;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::SpanProcessor;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Clock;
use crate::config::{Config, ConfigError, EffectiveConfig, Environment, HEALTH, Role};
#[cfg(feature = "otlp")]
use crate::export::ExportError;
use crate::exposition::Format;
use crate::instruments::{
    Api, Business, Database, Executions, Jobs, Own, Scheduler, Watched, Worker, observe,
};
use crate::ledger::Ledger;
use crate::logs::{LevelHandle, Output};
use crate::middleware::{CountConnections, HttpLayer, Spans};
use crate::pipeline::Metrics;
use crate::report::{Incomplete, Report};
use crate::sampler::Sampler;
use crate::scrape::Scrape;
use crate::series::Instruments;
use crate::slo::{Objectives, SloError};
use crate::snapshot::{Latest, PoolState, QueueState};
use crate::trace::{Carrier, HttpCall};

use carry::Carry;

/// What a dropped telemetry gives its export; longer would look like a hang.
const AT_DROP: Duration = Duration::from_secs(1);

static CLAIMED: AtomicBool = AtomicBool::new(false);

/// Sets up the process's telemetry: config file and environment on top of `config`, instruments,
/// the background sampler, and the server of `http.listen`.
///
/// Works inside and outside a tokio runtime. The global meter provider becomes the one behind
/// [`Telemetry::meter`], so that libraries which use it are scraped too; the global tracer provider
/// becomes ours, and so does the global `tracing` subscriber, unless the process has one: then add
/// [`Telemetry::tracing_layer`] to that.
///
/// # Errors
///
/// [`InitError`]: a config or SLO file with faults (all of them are listed; whoever wrote the value
/// is at fault), an address that cannot be listened on, or a second call in one process, of which
/// exactly one succeeds. After a failed call another may be made.
pub fn init(config: Config) -> Result<Telemetry, InitError> {
    if CLAIMED.swap(true, Ordering::SeqCst) {
        return Err(InitError::AlreadyInitialized);
    }
    let (telemetry, objectives) = Telemetry::begin(config, &Environment::process())
        .inspect_err(|_| CLAIMED.store(false, Ordering::SeqCst))?;
    opentelemetry::global::set_meter_provider(telemetry.0.user.provider().clone());
    opentelemetry::global::set_tracer_provider(telemetry.0.carry.traces.provider().clone());
    subscriber::install(&telemetry.0);
    telemetry.say_hello(&objectives);
    Ok(telemetry)
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// `init` was called before in this process: keep and clone the first [`Telemetry`].
    #[error(
        "vantage_obs::init was called before in this process; clone the first Telemetry instead"
    )]
    AlreadyInitialized,
    /// The configuration has faults.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The files in `slo.directory` have faults.
    #[error(transparent)]
    Slo(#[from] SloError),
    /// The SDK refused to be set up.
    #[error("the metrics pipeline could not be built")]
    Pipeline(#[from] OTelSdkError),
    /// An OTLP exporter could not be set up; whoever wrote its certificates or headers is at fault.
    #[cfg(feature = "otlp")]
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A thread or the server of `http.listen` could not be started.
    #[error("the background work could not be started")]
    Io(#[from] io::Error),
}

/// The process's telemetry. A cheap clone; all clones are the same.
#[derive(Clone, Debug)]
#[must_use = "telemetry that is dropped stops sampling and serving"]
pub struct Telemetry(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: EffectiveConfig,
    clock: Clock,
    ledger: Ledger,
    ours: Metrics,
    user: Metrics,
    scrape: Arc<Scrape>,
    api: Api,
    jobs: Jobs,
    executions: Executions,
    database: Database,
    business: Business,
    sampler: Sampler,
    carry: Carry,
    levels: LevelHandle,
    background: Mutex<Background>,
}

/// What runs until it is dropped.
#[derive(Debug, Default)]
struct Background {
    sampler: Option<SyncSender<()>>,
    #[cfg(feature = "axum")]
    servers: Vec<tokio::sync::oneshot::Sender<()>>,
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

    fn begin(config: Config, environment: &Environment) -> Result<(Self, Objectives), InitError> {
        let config = config.resolve(environment)?;
        let objectives = objectives(&config)?;
        let telemetry = Self::assemble(config, &objectives, Clock::system(), None)?;
        telemetry.start()?;
        Ok((telemetry, objectives))
    }

    /// Puts the parts together; with a place for finished `spans`, nothing is pushed.
    pub(crate) fn assemble(
        config: EffectiveConfig,
        objectives: &Objectives,
        clock: Clock,
        spans: Option<Box<dyn SpanProcessor>>,
    ) -> Result<Self, InitError> {
        let settings = &config.config;
        let ledger = if settings.disabled {
            Ledger::default()
        } else {
            Ledger::of(objectives)
        };
        let (ours, user) = (
            Metrics::ours(settings, &ledger)?,
            Metrics::of_user(settings)?,
        );
        let instruments = Instruments::new(ours.meter(), settings.metrics.cardinality_limit);
        let carry = match spans {
            #[cfg(feature = "testing")]
            Some(spans) => Carry::into_memory(settings, spans),
            _ => Carry::start(settings, &instruments, vec![ours.clone(), user.clone()])?,
        };
        let own = Own::new(&instruments);
        let running = Watched::default();
        let tracing = carry.traces.tracing();
        let jobs = Jobs::new(
            &instruments,
            &ledger,
            clock.clone(),
            running.clone(),
            tracing.clone(),
        );
        let latest = Latest::default();
        observe(&instruments, &latest, &ledger);
        let sampler = Sampler::new(
            clock.clone(),
            latest,
            running,
            own.clone(),
            settings.metrics.disks.clone(),
        );
        let scope_labels = settings.metrics.prometheus.scope_labels;
        let api = Api::new(&instruments, &ledger, own_routes(settings).to_vec());
        let executions = Executions::new(&instruments, clock.clone(), tracing.clone());
        for role in &settings.service.roles {
            match role {
                Role::Api => api.announce(),
                Role::Worker => jobs.announce(),
                Role::Scheduler => executions.announce(),
                // Its pages read what the others record.
                Role::Web => {}
            }
        }
        Ok(Self(Arc::new(Inner {
            api,
            executions,
            database: Database::new(&instruments, clock.clone(), tracing.clone()),
            business: Business::new(&instruments),
            scrape: Arc::new(Scrape::new(ours.clone(), user.clone(), own, scope_labels)),
            background: Mutex::default(),
            levels: LevelHandle::new(config.config.logs.level.clone()),
            config,
            clock,
            ledger,
            ours,
            user,
            jobs,
            sampler,
            carry,
        })))
    }

    fn start(&self) -> Result<(), InitError> {
        if !self.0.config.config.disabled {
            self.0.sampler.tick();
            self.background(|background| {
                background.sampler = Some(self.0.sampler.start()?);
                Ok::<_, io::Error>(())
            })?;
        }
        // Also when disabled: whoever probes health must not take the service for dead.
        #[cfg(feature = "axum")]
        if let Some(address) = self.0.config.config.http.listen {
            self.serve(address)?;
        }
        Ok(())
    }

    fn say_hello(&self, objectives: &Objectives) {
        let config = &self.0.config.config;
        for warning in self.0.config.warnings() {
            tracing::warn!("{warning}");
        }
        for warning in objectives.warnings() {
            tracing::warn!("{warning}");
        }
        tracing::info!(
            service = config.service.name,
            metrics = crate::catalog::all().count(),
            objectives = objectives.len(),
            listen = config.http.listen.map(tracing::field::display),
            scrape = config.metrics.prometheus.path,
            "telemetry is set up; look at the scrape path to check"
        );
    }

    /// What was configured, with the source of each value.
    #[must_use]
    pub fn config(&self) -> &EffectiveConfig {
        &self.0.config
    }

    /// The layer that measures HTTP requests; [`middleware`](crate::middleware) says where it stands.
    #[must_use]
    pub fn http_layer(&self) -> HttpLayer {
        let config = &self.0.config.config;
        // Left out of traces, unless somebody asks for them.
        let mut ratios = BTreeMap::from(own_routes(config).map(|route| (route, 0.0)));
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

    /// The routes of the SDK: the scrape and health.
    #[cfg(feature = "axum")]
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        let prometheus = &self.0.config.config.metrics.prometheus;
        let enabled = prometheus.enabled && !self.0.config.config.disabled;
        let path = enabled.then_some(prometheus.path.as_str());
        crate::routes::router(Arc::clone(&self.0.scrape), path, self.http_layer()).with_state(())
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
        let (address, stop) = crate::routes::serve(address, router)?;
        self.background(|background| background.servers.push(stop));
        Ok(address)
    }

    /// A worker, whose jobs are measured.
    #[must_use]
    pub fn worker(&self, id: &str) -> Worker {
        self.0.jobs.worker(id)
    }

    /// The scheduler, whose executions are measured.
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

    /// Sends everything that waits for its export, and says what became of it.
    ///
    /// Takes at most `otlp.shutdown_timeout`, whatever state receivers and runtimes are in.
    ///
    /// # Errors
    ///
    /// [`Incomplete`], with the same report, when something was refused or is still waiting.
    pub async fn flush(&self) -> Result<Report, Incomplete> {
        let carry = &self.0.carry;
        carry.out(false, carry.within()).await.complete()
    }

    /// Ends sampling, serving and exporting, after everything that waits was sent; from then on a
    /// scrape is answered with 503. Idempotent: a second call has nothing to report.
    ///
    /// Takes at most `otlp.shutdown_timeout`, for all signals together. Dropping the last clone of a
    /// [`Telemetry`] does the same within a second.
    ///
    /// # Errors
    ///
    /// [`Incomplete`], with the report, when something was lost.
    pub async fn shutdown(&self) -> Result<Report, Incomplete> {
        self.shutdown_within(self.0.carry.within()).await
    }

    /// [`shutdown`](Self::shutdown) with a deadline of its own.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub async fn shutdown_within(&self, within: Duration) -> Result<Report, Incomplete> {
        let report = self.0.carry.out(true, within).await;
        self.0.end();
        report.complete()
    }

    /// [`shutdown`](Self::shutdown) for a process without an async runtime; it blocks.
    ///
    /// # Errors
    ///
    /// As [`shutdown`](Self::shutdown).
    pub fn shutdown_blocking(&self) -> Result<Report, Incomplete> {
        let carry = &self.0.carry;
        let report = carry.out_blocking(true, carry.within());
        self.0.end();
        report.complete()
    }

    /// Looks at everything that is watched, once.
    #[cfg(feature = "testing")]
    pub(crate) fn tick(&self) {
        self.0.sampler.tick();
    }

    fn background<R>(&self, change: impl FnOnce(&mut Background) -> R) -> R {
        change(
            &mut self
                .0
                .background
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

impl Inner {
    /// Ends everything but the export, which has ended.
    fn end(&self) {
        let background = std::mem::take(
            &mut *self
                .background
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        drop(background);
        for metrics in [&self.ours, &self.user] {
            match metrics.shutdown() {
                Ok(()) | Err(OTelSdkError::AlreadyShutdown) => {}
                Err(error) => {
                    tracing::warn!(%error, "a metrics pipeline did not shut down cleanly");
                }
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Empty after a shutdown.
        let report = self.carry.out_blocking(true, AT_DROP);
        if let Err(incomplete) = report.complete() {
            tracing::warn!("{incomplete}");
        }
        self.end();
    }
}

/// A queue or pool that is watched until this is dropped.
#[must_use = "what is not kept is not watched"]
#[derive(Debug)]
pub struct Watch {
    sampler: Sampler,
    id: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.sampler.forget(self.id);
    }
}

/// The routes of the scrape and of health, which count towards no objective.
fn own_routes(config: &Config) -> [String; 2] {
    [config.metrics.prometheus.path.clone(), HEALTH.to_owned()]
}

/// The default directory may be missing: then there are no objectives.
fn objectives(config: &EffectiveConfig) -> Result<Objectives, SloError> {
    let directory = &config.config.slo.directory;
    if directory.is_dir() {
        Objectives::load(directory)
    } else {
        Ok(Objectives::default())
    }
}
