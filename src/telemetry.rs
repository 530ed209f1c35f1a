//! `init(config)` and the handle that it gives.
//!
//! | part | holds |
//! |---|---|
//! | `recording` | clock, instruments, providers: what is written to |
//! | `handles` | what a service records with |
//! | `snapshots` | the latest of each kind, written by loops and read by everything else |
//! | `watch`, `heartbeat` | the loops |
//! | `exporters`, `dev`, `scrape`, `server` | the ways out |
//!
//! Nothing here is global: [`init`] only adds the claim on the process and the global providers. So
//! tests run side by side.

mod background;
mod timer;

mod identity;

#[cfg(feature = "metrics")]
mod metrics_facade;

mod store;

mod recording;

mod figures;

#[cfg(feature = "otlp")]
#[path = "telemetry/push/enabled.rs"]
mod push;
#[cfg(not(feature = "otlp"))]
#[path = "telemetry/push/disabled.rs"]
mod push;

#[cfg(feature = "axum")]
#[path = "telemetry/dev/enabled.rs"]
mod dev;
#[cfg(not(feature = "axum"))]
#[path = "telemetry/dev/disabled.rs"]
mod dev;

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

#[cfg(feature = "tokio-metrics")]
mod runtime;

mod snapshots;

mod heartbeat;

mod watchers;

mod listening;

#[cfg(feature = "axum")]
#[path = "telemetry/routes/enabled.rs"]
mod routes;
#[cfg(not(feature = "axum"))]
#[path = "telemetry/routes/disabled.rs"]
mod routes;

mod health;

#[cfg(feature = "axum")]
mod last_scrape;

#[cfg(feature = "axum")]
mod serve_app;

mod subscriber;

mod assemble;

mod shutdown;

mod init;

#[cfg(feature = "testing")]
pub mod testing;

use std::any::Any;
use std::borrow::Cow;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::{Meter, MeterProvider as _};
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::config::{Config, EffectiveConfig, Environment};
use crate::export::logs::{LevelHandle, LogWriter, LogWriters, PanicLog};
use crate::export::prometheus::ScrapeHandler;
use crate::export::prometheus::text::ExpositionFormat;
use crate::model::heartbeat::BeatId;
use crate::model::slo::report::SloReport;
use crate::model::snapshot::{PoolState, QueueState};
use crate::record::instruments::{Business, CallTarget, Database, HttpCall, Scheduler, Worker};
use crate::record::middleware::{
    CountConnections, GrpcClientLayer, HttpClientLayer, HttpLayer, OperationalRoutes, RequestSpans,
};
use crate::record::trace::Carrier;
use crate::watch::heartbeat::ForgetOutcome;
use crate::watch::sampler::SnapshotSampler;
use crate::watch::slo::SloAlertChange;
use crate::watch::status::Incidents;

use background::Background;
use dev::Dev;
use exporters::Exporters;
use heartbeat::HeartbeatParts;
pub use init::{InitError, init};
#[cfg(feature = "axum")]
pub use last_scrape::LastScrape;
use recording::{Handles, Recording};
use routes::Server;
#[cfg(feature = "axum")]
pub use serve_app::{ServeApp, ServeReport, StopCause};
use snapshots::Snapshots;
use watchers::Watchers;

/// The process's telemetry. A cheap clone; all clones are the same.
#[derive(Clone, Debug)]
#[must_use = "telemetry that is dropped stops sampling and serving"]
pub struct Telemetry(Arc<Inner>);

/// The parts of a telemetry, behind one reference count: the last clone that goes ends all of them.
#[derive(Debug)]
struct Inner {
    config: EffectiveConfig,
    recording: Recording,
    exporters: Exporters,
    dev: Dev,
    handles: Handles,
    #[cfg(feature = "tokio-metrics")]
    runtimes: runtime::Runtimes,
    snapshots: Snapshots,
    heartbeat: HeartbeatParts,
    watch: Watchers,
    scrape: Arc<ScrapeHandler>,
    /// Shared by log lines and OTLP log records, so that both change together.
    levels: LevelHandle,
    /// Every output that a layer writes to, for the flush at the end.
    log_writers: LogWriters,
    panic_log: PanicLog,
    server: Server,
    background: Background,
}

impl Telemetry {
    /// Sets up telemetry without globals: any number in one process, for tests and for embedding. The environment is an
    /// argument.
    ///
    /// ```
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role, Telemetry};
    ///
    /// let environment = Environment::from_iter([("VANTAGE_OBS_LOG_LEVEL", "warn")]);
    /// let telemetry = Telemetry::without_globals(Config::new("one", Role::Web), &environment)?;
    /// let other = Telemetry::without_globals(Config::new("other", Role::Web), &Environment::empty())?;
    /// assert_eq!(telemetry.log_levels().current().to_string(), "warn");
    /// assert_eq!(other.log_levels().current().to_string(), "info");
    /// # Ok::<(), vantage_obs::InitError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`init`], without its claim on the process.
    pub fn without_globals(config: Config, environment: &Environment) -> Result<Self, InitError> {
        let (telemetry, started) = Self::begin(config, environment)?;
        telemetry.say_hello(&started);
        Ok(telemetry)
    }

    /// Returns the effective configuration, with the source of each value.
    ///
    /// ```
    /// use vantage_obs::config::{ConfigSource, Environment};
    /// use vantage_obs::{Config, Role, Telemetry};
    ///
    /// let config = Config::new("vantage-api", Role::Api).version("1.4.2");
    /// let telemetry = Telemetry::without_globals(config, &Environment::empty())?;
    /// let effective = telemetry.config();
    /// assert_eq!(effective.config.service.version.as_deref(), Some("1.4.2"));
    /// assert_eq!(effective.source("service.version"), ConfigSource::Code);
    /// assert_eq!(effective.source("health.timeout"), ConfigSource::Default);
    /// # Ok::<(), vantage_obs::InitError>(())
    /// ```
    #[must_use]
    pub fn config(&self) -> &EffectiveConfig {
        &self.0.config
    }

    /// Returns the layer that measures HTTP requests; [`middleware`](crate::record::middleware) says where it stands.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use axum::{Router, body::Body, routing::get};
    /// use http::Request;
    /// use tower::ServiceExt as _;
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let app = Router::new()
    ///     .route("/posts/{id}", get(|| async { "a post" }))
    ///     .layer(telemetry.http_layer());
    /// app.oneshot(Request::get("/posts/7").body(Body::empty())?).await?;
    /// let labels = [
    ///     ("http_request_method", "GET"),
    ///     ("http_response_status_code", "200"),
    ///     ("http_route", "/posts/{id}"), // the template, never the path
    ///     ("url_scheme", "http"),
    /// ];
    /// assert_eq!(test.value("vantage_api_requests_total", &labels), Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn http_layer(&self) -> HttpLayer {
        self.http_layer_beside(self.0.handles.operational_routes.clone())
    }

    /// Returns the layer that leaves out requests to these routes.
    fn http_layer_beside(&self, operational_routes: OperationalRoutes) -> HttpLayer {
        let config = &self.0.config.config;
        let tracer = self.0.exporters.traces.tracer().clone();
        let spans = RequestSpans::new(tracer, config.traces.routes.clone());
        HttpLayer::new(
            self.0.handles.api.clone(),
            self.0.recording.clock.clone(),
            spans,
            operational_routes,
        )
    }

    /// Counts the connections of a make-service, such as
    /// `app.into_make_service_with_connect_info::<SocketAddr>()`.
    #[must_use]
    pub fn count_connections<M>(&self, make: M) -> CountConnections<M> {
        CountConnections::new(make, self.0.handles.api.clone())
    }

    /// Returns the worker of this id, whose jobs are measured, and which beats from now on: every `heartbeat.interval`
    /// until [`shutdown`](Self::shutdown) or [`Worker::stop`], whatever becomes of this handle.
    ///
    /// The same id is the same worker, and two that differ are two. An id is 1 to 128 characters without white
    /// space and control characters, such as `celery@host-1`. With another one the jobs are measured, and there
    /// is no heartbeat, which the log says once. A process has at most 1,000 workers that beat.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # use vantage_obs::trace::Carrier;
    /// # let test = TestTelemetry::new();
    /// let worker = test.telemetry().worker("publisher-1");
    /// assert_eq!(worker.id(), "publisher-1");
    /// worker.start("publish_post", test.clock().wall(), &Carrier::EMPTY).succeed();
    /// let labels = [("job_kind", "publish_post"), ("outcome", "succeeded")];
    /// assert_eq!(test.value("vantage_worker_jobs_total", &labels), Some(1.0));
    /// # }
    /// ```
    #[must_use]
    pub fn worker(&self, id: &str) -> Worker {
        self.0.handles.jobs.worker(id)
    }

    /// Forgets a worker that will not come back, in the registry of this process and in its store: it is no longer
    /// missed, listed or exported. Returns whether it was known. A later beat registers it anew.
    ///
    /// For those that the process receives beats of; a worker of its own says goodbye by [`Worker::stop`]. One that
    /// `heartbeat.expected` names is expected again from its next beat or the next start on.
    ///
    /// Of the processes that share a store, one with the role `api` or `web` knows all workers and can forget them;
    /// another one returns false and changes nothing.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// let test = TestTelemetry::new();
    /// let telemetry = test.telemetry();
    /// let worker = telemetry.worker("publisher-1");
    /// test.tick();
    /// worker.stop();
    /// assert!(telemetry.forget_worker("publisher-1"));
    /// assert!(!telemetry.forget_worker("publisher-1"));
    /// # }
    /// ```
    pub fn forget_worker(&self, id: &str) -> bool {
        let id = BeatId::parse(id);
        id.is_some_and(|id| self.0.heartbeat.receiver.forget(&id) == ForgetOutcome::Forgotten)
    }

    /// Returns the process's scheduler, whose executions are measured, and which beats from now on.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// let scheduler = test.telemetry().scheduler();
    /// scheduler.start("digest", test.clock().wall()).succeed();
    /// let labels = [("outcome", "succeeded"), ("schedule", "digest")];
    /// assert_eq!(test.value("vantage_scheduler_executions_total", &labels), Some(1.0));
    /// # }
    /// ```
    #[must_use]
    pub fn scheduler(&self) -> Scheduler {
        self.0.handles.executions.scheduler()
    }

    /// Returns the handle for calls to a database product, by its conventional name such as `postgresql` or `sqlite`:
    /// [`db.system.name`](https://opentelemetry.io/docs/specs/semconv/registry/attributes/db/#db-system-name).
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// let database = test.telemetry().database("postgresql");
    /// database.query("SELECT", "posts").succeed();
    /// let labels = [
    ///     ("db_collection_name", "posts"),
    ///     ("db_operation_name", "SELECT"),
    ///     ("db_system_name", "postgresql"),
    /// ];
    /// assert_eq!(test.value("db_client_operation_duration_seconds_count", &labels), Some(1.0));
    /// # }
    /// ```
    #[must_use]
    pub fn database(&self, system: &str) -> Database {
        self.0.handles.database.for_system(system)
    }

    /// Uses `reason` for errors of the type `E`: for those that [`Worker::run`], [`Scheduler::run`] and
    /// [`Database::run`] end with, and also where one is the cause of another error that has no word of its own, such as
    /// in a `Box<dyn Error>` or an `anyhow::Error`.
    ///
    /// Without it the reason is the name of the error's variant in snake case, as `derive(Debug)` has it; so it is worth
    /// a call where variants are to be told apart otherwise. The reason becomes a label: leave ids, amounts and messages
    /// out of it. A second call for a type replaces the first.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # use vantage_obs::testing::TestTelemetry;
    /// use vantage_obs::trace::Carrier;
    ///
    /// #[derive(Debug, thiserror::Error)]
    /// #[error("the bank answered {0}")]
    /// struct BankError(u16);
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// telemetry.classify_errors(|error: &BankError| match error.0 {
    ///     402 => "card_declined",
    ///     500.. => "bank_down",
    ///     _ => "bank_refused",
    /// });
    /// let worker = telemetry.worker("billing-1");
    /// let charge = async { Err::<(), Box<dyn std::error::Error>>(BankError(503).into()) };
    /// let _ = worker.run("charge", test.clock().wall(), &Carrier::EMPTY, charge).await;
    /// let labels = [("job_kind", "charge"), ("reason", "bank_down")];
    /// assert_eq!(test.value("vantage_worker_job_failures_total", &labels), Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn classify_errors<E, R>(&self, reason: impl Fn(&E) -> R + Send + Sync + 'static)
    where
        E: std::error::Error + 'static,
        R: Into<Cow<'static, str>>,
    {
        self.0.handles.error_reasons.classify(reason);
    }

    /// Uses `reason` as [`classify_errors`](Self::classify_errors) does, unless the service has its own for the type.
    #[cfg(feature = "deadpool")]
    pub(crate) fn classify_errors_by_default<E: std::error::Error + 'static>(
        &self,
        reason: impl Fn(&E) -> &'static str + Send + Sync + 'static,
    ) {
        self.0.handles.error_reasons.classify_by_default(reason);
    }

    /// Returns the handle for business figures. They are in the scrape from then on.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// test.telemetry().business().record_ai_generation("caption");
    /// let labels = [("generation_kind", "caption")];
    /// assert_eq!(test.value("vantage_business_ai_generations_total", &labels), Some(1.0));
    /// # }
    /// ```
    #[must_use]
    pub fn business(&self) -> Business {
        Business::clone(&self.0.handles.business)
    }

    /// Returns the good and bad events of each objective that counts occurrences and that something in
    /// this process counts into.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use std::time::Duration;
    /// use vantage_obs::testing::TestTelemetry;
    /// use vantage_obs::trace::Carrier;
    /// use vantage_obs::{Config, Role};
    ///
    /// let file = r#"{"workers": {"queue_lag": {"target": 99, "threshold": 300, "window": "30d"}}}"#;
    /// let config = Config::new("vantage-worker", Role::Worker);
    /// let test = TestTelemetry::with_config(config, &[("workers.json", file)])?;
    /// let worker = test.telemetry().worker("publisher-1");
    /// let due = test.clock().wall();
    /// worker.start("publish_post", due, &Carrier::EMPTY).succeed();
    /// test.clock().advance(Duration::from_secs(301)); // one second more than the threshold
    /// worker.start("publish_post", due, &Carrier::EMPTY).succeed();
    /// let counts = test.telemetry().slo_events().next().expect("one objective");
    /// assert_eq!((counts.objective, counts.good, counts.bad), ("workers.queue_lag", 1, 1));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use vantage_obs::slo::report::DataQuality;
    /// use vantage_obs::testing::TestTelemetry;
    /// use vantage_obs::{Config, Role};
    ///
    /// let file = r#"{"api": {"error_rate": {"target": 99.5, "threshold": 0.5, "window": "30d"}}}"#;
    /// let config = Config::new("vantage-api", Role::Api);
    /// let test = TestTelemetry::with_config(config, &[("api.json", file)])?;
    /// assert!(test.telemetry().slo_report().is_none(), "nothing was evaluated yet");
    /// test.tick();
    /// let report = test.telemetry().slo_report().expect("the first one");
    /// let error_rate = &report.objectives[0];
    /// assert_eq!(error_rate.data, DataQuality::NoData); // no traffic is not 0 % and not 100 %
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// SDK, which a callback may block. A panic in one is caught. One that has not returned after 5 s no longer keeps
    /// the others waiting, and sees the latest 256 changes when it goes on; the log names it.
    ///
    /// Before any change, the callback is told the present state of each objective that has one, with `from`
    /// equal to `to`.
    pub fn on_slo_alert(&self, callback: impl Fn(&SloAlertChange) + Send + Sync + 'static) {
        self.0.watch.slo.on_change(callback);
    }

    /// Returns the public status, with the incidents and maintenance that people write.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// use vantage_obs::incidents::{NewIncident, NewUpdate};
    /// use vantage_obs::status::{ComponentState, IncidentStatus};
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let incidents = telemetry.incidents();
    /// let incident = NewIncident::new("Posts are late", "We are looking into it.")
    ///     .component("workers", ComponentState::DegradedPerformance);
    /// let id = incidents.open_blocking(incident)?; // or `open(…).await?`
    /// let update = NewUpdate::new("A fix is rolled out.").status(IncidentStatus::Resolved);
    /// incidents.update_blocking(id, update)?;
    /// let shown = incidents.status().expect("a snapshot");
    /// assert_eq!(shown.incidents[0].title.as_ref(), "Posts are late");
    /// assert_eq!(shown.unresolved().count(), 0);
    /// # }
    /// # Ok::<(), vantage_obs::incidents::IncidentError>(())
    /// ```
    #[must_use]
    pub fn incidents(&self) -> &Incidents {
        &self.0.watch.incidents
    }

    /// Watches a queue every second until the guard is dropped.
    ///
    /// `read` runs on a thread of the SDK: let it read a counter, and not ask a server. A panic in
    /// it costs its own figures only, and so does a call that has not returned after 2 s; it is not called again
    /// before it has.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use std::time::Duration;
    /// use vantage_obs::QueueState;
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let watched = telemetry.watch_queue("posts", || QueueState {
    ///     depth: 12,
    ///     oldest: Some(Duration::from_secs(40)),
    /// });
    /// test.tick(); // in a service: within a second
    /// let labels = [("queue", "posts")];
    /// assert_eq!(test.value("vantage_worker_queue_depth", &labels), Some(12.0));
    /// drop(watched);
    /// test.tick();
    /// assert_eq!(test.value("vantage_worker_queue_depth", &labels), None);
    /// # }
    /// ```
    pub fn watch_queue(
        &self,
        name: &str,
        read: impl Fn() -> QueueState + Send + Sync + 'static,
    ) -> WatchGuard {
        let sampler = &self.0.watch.sampler;
        WatchGuard::new(sampler, sampler.watch_queue(name, Arc::new(read)), None)
    }

    /// Watches a queue that has to be asked, such as one in a database, once per `interval` until the guard is dropped.
    ///
    /// `read` runs on the runtime of the caller, or on a thread of the SDK where there is none, one call at a time. A call
    /// has as long as the interval, at most 10 s, and is aborted then. One that fails or is aborted leaves the queue without
    /// figures until the next one succeeds, because nothing is known of it: it is not empty. The first failure is
    /// logged, and each is counted as `vantage.telemetry.sampler.errors`. An interval is at least a second.
    ///
    /// Where several replicas watch the same queue, each shows all of it; dashboards and alerts take the greatest.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use std::time::Duration;
    /// use vantage_obs::QueueState;
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # #[derive(Clone)] struct Queue;
    /// # impl Queue { async fn count(&self) -> Result<u64, std::io::Error> { Ok(12) } }
    /// # let queue = Queue;
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let watched = telemetry.watch_queue_async("orders", Duration::from_secs(15), move || {
    ///     let queue = queue.clone();
    ///     async move {
    ///         let depth = queue.count().await?;
    ///         Ok::<_, std::io::Error>(QueueState { depth, oldest: None })
    ///     }
    /// });
    /// test.tick(); // asks
    /// # tokio::task::yield_now().await;
    /// test.tick(); // shows
    /// let labels = [("queue", "orders")];
    /// assert_eq!(test.value("vantage_worker_queue_depth", &labels), Some(12.0));
    /// # drop(watched);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watch_queue_async<F, E>(
        &self,
        name: &str,
        interval: Duration,
        read: impl Fn() -> F + Send + Sync + 'static,
    ) -> WatchGuard
    where
        F: Future<Output = Result<QueueState, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let sampler = &self.0.watch.sampler;
        WatchGuard::new(
            sampler,
            sampler.watch_queue_async(name, interval, read),
            None,
        )
    }

    /// Watches a connection pool every second until the guard is dropped, as
    /// [`watch_queue`](Self::watch_queue) does.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use vantage_obs::PoolState;
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let _watched = telemetry.watch_pool("main", || PoolState {
    ///     used: 7,
    ///     idle: 3,
    ///     ..PoolState::default()
    /// });
    /// test.tick();
    /// let labels = [
    ///     ("db_client_connection_pool_name", "main"),
    ///     ("db_client_connection_state", "used"),
    /// ];
    /// assert_eq!(test.value("db_client_connection_count", &labels), Some(7.0));
    /// # }
    /// ```
    pub fn watch_pool(
        &self,
        name: &str,
        read: impl Fn() -> PoolState + Send + Sync + 'static,
    ) -> WatchGuard {
        let sampler = &self.0.watch.sampler;
        let id = sampler.watch_pool(name, None, Arc::new(read));
        WatchGuard::new(sampler, id, None)
    }

    /// Watches a pool that is told from others by its address: the figures of several of one name are added up, and
    /// those of one that is watched twice are not.
    #[cfg(any(feature = "deadpool", feature = "sqlx"))]
    pub(crate) fn watch_one_pool(
        &self,
        name: &str,
        address: usize,
        read: impl Fn() -> PoolState + Send + Sync + 'static,
    ) -> WatchGuard {
        let sampler = &self.0.watch.sampler;
        let id = sampler.watch_pool(name, Some(address), Arc::new(read));
        WatchGuard::new(sampler, id, None)
    }

    /// Watches a pool that has to be asked, such as that of a server between the service and its database, once per
    /// `interval` until the guard is dropped, as [`watch_queue_async`](Self::watch_queue_async) does.
    pub fn watch_pool_async<F, E>(
        &self,
        name: &str,
        interval: Duration,
        read: impl Fn() -> F + Send + Sync + 'static,
    ) -> WatchGuard
    where
        F: Future<Output = Result<PoolState, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let sampler = &self.0.watch.sampler;
        WatchGuard::new(
            sampler,
            sampler.watch_pool_async(name, interval, read),
            None,
        )
    }

    /// Returns a meter for instruments of the service's own, which the scrape shows.
    ///
    /// A callback of an observable instrument that panics, or that has not returned after 5 s or half of the
    /// scraper's time limit, costs the figures of its instrument only; the log names it. It is not called again
    /// before it has returned.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let orders = telemetry.meter("shop").u64_counter("shop.orders").build();
    /// orders.add(2, &[]);
    /// assert_eq!(test.value("shop_orders_total", &[]), Some(2.0));
    /// # }
    /// ```
    #[must_use]
    pub fn meter(&self, scope: &'static str) -> Meter {
        self.0.recording.user.user_meters().meter(scope)
    }

    /// Shows the metrics of a registry of one's own in the scrape. A family with the name of one of
    /// ours is left out, and counted. So is a registry that panics or has not answered after 5 s, or half of the
    /// scraper's time limit; the log tells its number in the order of merging.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use prometheus::{IntCounter, Registry};
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let registry = Registry::new();
    /// let imports = IntCounter::new("imports_total", "Imported files.")?;
    /// registry.register(Box::new(imports.clone()))?;
    /// telemetry.merge_registry(registry);
    /// imports.inc_by(3);
    /// assert_eq!(test.value("imports_total", &[]), Some(3.0));
    /// # }
    /// # Ok::<(), prometheus::Error>(())
    /// ```
    pub fn merge_registry(&self, registry: prometheus::Registry) {
        self.0.scrape.merge(registry);
    }

    /// Returns the SDK's metrics as a registry, for a service that has a `/metrics` of its own.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// telemetry.business().record_posts_published(1);
    /// let families = telemetry.registry().gather();
    /// assert!(families.iter().any(|family| family.name() == "vantage_business_posts_published_total"));
    /// # }
    /// ```
    #[must_use]
    pub fn registry(&self) -> &prometheus::Registry {
        self.0.recording.ours.registry()
    }

    /// Renders the text of a scrape; `None` where there is nothing to show, as after the shutdown. Blocks
    /// for milliseconds, and for at most 5 s where callbacks of the service hang.
    ///
    /// A metric callback may call it, and gets what the callbacks observed before.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use vantage_obs::ExpositionFormat;
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// telemetry.business().record_posts_published(2);
    /// let text = telemetry.scrape(ExpositionFormat::Text).expect("something was recorded");
    /// assert!(text.lines().any(|line| line == "vantage_business_posts_published_total 2"));
    /// # }
    /// ```
    #[must_use]
    pub fn scrape(&self, format: ExpositionFormat) -> Option<String> {
        self.0.scrape.render(format).ok()
    }

    /// Returns a layer for a `tracing` subscriber of the service's own: log lines to `output`, spans to traces, and
    /// log records to OTLP where that is configured. [`init`] sets such a subscriber by itself.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use tracing_subscriber::layer::SubscriberExt as _;
    /// use vantage_obs::logs::LogWriter;
    /// use vantage_obs::testing::TestTelemetry;
    ///
    /// let test = TestTelemetry::new();
    /// let layer = test.telemetry().tracing_layer(LogWriter::stdout());
    /// let subscriber = tracing_subscriber::registry().with(layer);
    /// tracing::subscriber::with_default(subscriber, || {
    ///     tracing::info_span!("import").in_scope(|| tracing::info!("one line of JSON"));
    /// });
    /// assert_eq!(test.spans()[0].name, "import");
    /// # }
    /// ```
    pub fn tracing_layer<S>(&self, output: LogWriter) -> impl Layer<S> + Send + Sync + 'static
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        subscriber::layers(&self.0, Some(output))
    }

    /// Returns the handle of the log levels, which can be changed while the process runs.
    ///
    /// ```
    /// use vantage_obs::config::Environment;
    /// use vantage_obs::{Config, Role, Telemetry};
    ///
    /// let config = Config::new("vantage-api", Role::Api);
    /// let telemetry = Telemetry::without_globals(config, &Environment::empty())?;
    /// telemetry.log_levels().set("info,vantage_api::db=debug")?; // until the next `set`
    /// let levels = telemetry.log_levels().current();
    /// assert_eq!(levels.to_string(), "info,vantage_api::db=debug");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn log_levels(&self) -> &LevelHandle {
        &self.0.levels
    }

    /// Returns the current trace, to be put beside a job into a queue; an empty carrier where there is none.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// assert!(telemetry.carrier().is_empty(), "no trace is current here");
    /// let execution = telemetry.scheduler().start("digest", test.clock().wall());
    /// let queued = execution.in_scope(|| telemetry.carrier());
    /// assert!(serde_json::to_string(&queued)?.starts_with("{\"traceparent\":\"00-"));
    /// execution.succeed();
    /// # }
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        let tracing = self.0.exporters.traces.tracer();
        Carrier::from_context(tracing, &opentelemetry::Context::current())
    }

    /// Starts an HTTP call to another service: its span, the headers by which the other service continues the
    /// trace, and its duration. For clients that none of the integrations knows.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use http::{HeaderMap, Method, StatusCode, Uri};
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let uri = Uri::from_static("http://billing:8080/invoices?token=secret");
    /// let mut headers = HeaderMap::new();
    /// let call = telemetry.http_call(&Method::GET, &uri, &mut headers);
    /// assert!(headers.contains_key("traceparent"));
    /// call.complete(StatusCode::OK);
    /// let url = "http://billing:8080/invoices"; // without its query
    /// assert_eq!(test.span("GET").attribute("url.full"), Some(url));
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn http_call(
        &self,
        method: &http::Method,
        uri: &http::Uri,
        headers: &mut http::HeaderMap,
    ) -> HttpCall {
        let target = CallTarget::from_uri(uri);
        self.0.handles.client.start(method, target, None, headers)
    }

    /// Returns the layer that measures and traces the calls of a tower client, such as hyper-util's: each is a
    /// [`HttpCall`] that ends with the response's head. Its errors become boxed, as those of tower's own layers.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use http::{Request, Response};
    /// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// // In place of a client: hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http()
    /// let client = service_fn(async |request: Request<String>| {
    ///     assert!(request.headers().contains_key("traceparent"));
    ///     Ok::<_, std::io::Error>(Response::new(String::from("an invoice")))
    /// });
    /// let client = ServiceBuilder::new().layer(telemetry.http_client_layer()).service(client);
    /// client.oneshot(Request::get("http://billing:8080/invoices/7").body(String::new())?).await?;
    /// let labels = [
    ///     ("http_request_method", "GET"),
    ///     ("http_response_status_code", "200"),
    ///     ("server_address", "billing"),
    ///     ("server_port", "8080"),
    /// ];
    /// assert_eq!(test.value("http_client_request_duration_seconds_count", &labels), Some(1.0));
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    #[must_use]
    pub fn http_client_layer(&self) -> HttpClientLayer {
        HttpClientLayer::new(self.0.handles.client.clone())
    }

    /// Returns the layer that measures and traces the calls of a gRPC client, such as tonic's `Channel`: each has a span,
    /// the metadata by which the other service continues the trace, and its duration in `rpc.client.call.duration`, to the
    /// status at the end of its response. Its errors become boxed, as those of tower's own layers.
    ///
    /// ```
    /// # #[cfg(all(feature = "otlp", feature = "testing"))] {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use tonic::transport::Endpoint;
    /// use tower::ServiceBuilder;
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let endpoint = Endpoint::from_static("http://billing:50051");
    /// let layer = telemetry.grpc_client_layer().endpoint(endpoint.uri());
    /// let channel = ServiceBuilder::new().layer(layer).service(endpoint.connect_lazy());
    /// // InvoicesClient::new(channel)
    /// # tonic::client::Grpc::new(channel).ready().await?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    #[must_use]
    pub fn grpc_client_layer(&self) -> GrpcClientLayer {
        GrpcClientLayer::new(self.0.handles.client.clone())
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
///
/// ```
/// # #[cfg(feature = "testing")] {
/// use vantage_obs::QueueState;
/// # use vantage_obs::testing::TestTelemetry;
///
/// # let test = TestTelemetry::new();
/// let watched = test.telemetry().watch_queue("posts", QueueState::default);
/// test.tick();
/// let depth = || test.value("vantage_worker_queue_depth", &[("queue", "posts")]);
/// assert_eq!(depth(), Some(0.0));
/// drop(watched);
/// test.tick();
/// assert_eq!(depth(), None);
/// # }
/// ```
#[must_use = "what is not kept is not watched"]
#[derive(Debug)]
pub struct WatchGuard {
    sampler: SnapshotSampler,
    id: u64,
    /// Reads until it is dropped.
    _reader: Option<Box<dyn Any + Send + Sync>>,
}

impl WatchGuard {
    /// Creates a guard; `reader` is what feeds the source, where that has a thread of its own.
    fn new(sampler: &SnapshotSampler, id: u64, reader: Option<Box<dyn Any + Send + Sync>>) -> Self {
        Self {
            sampler: sampler.clone(),
            id,
            _reader: reader,
        }
    }
}

#[cfg(feature = "sqlx")]
impl WatchGuard {
    /// Watches a queue as [`Telemetry::watch_queue_async`] does, for a handle that holds no telemetry.
    pub(crate) fn watch_queue_async<F, E>(
        &self,
        name: &str,
        interval: Duration,
        read: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<QueueState, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let sampler = &self.sampler;
        Self::new(
            sampler,
            sampler.watch_queue_async(name, interval, read),
            None,
        )
    }
}

impl Drop for WatchGuard {
    fn drop(&mut self) {
        self.sampler.unwatch(self.id);
    }
}
