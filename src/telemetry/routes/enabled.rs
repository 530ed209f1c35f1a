//! The routes of the SDK, and the servers that serve nothing else.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime};
use std::{io, mem};

use axum::Router;

use crate::background::Supervisor;
use crate::config::{HttpConfig, Secret};
use crate::model::routes::RouteKind;
use crate::model::snapshot::private::PrivateText;
use crate::record::instruments::{EndedConnections, OperationalRequests, RefusedTokens};
use crate::record::middleware::{CountOperational, OperationalRoutes};
use crate::record::sync::lock;
use crate::serve::app_server::OperationalPaths;
use crate::serve::link_base::LinkBase;
use crate::serve::mount::{KeptRoute, Mounted, mount};
use crate::serve::routes::{
    DevRoutes, DevState, HealthRoutes, IncidentRoutes, RateLimit, RouteStates, ScrapeActivity,
    SloPageRoutes, SloPageSettings, SloReportRoutes, StatusRoutes, TokenCheck, TokenRealm,
    TokenRefusals, WorkerRoutes, is_public_half, methods, router, standalone,
};
use crate::serve::server::{ConnectionLimits, Connections, RunningServer};
use crate::telemetry::listening::Listening;
use crate::telemetry::recording::Recording;
use crate::telemetry::timer::at_most;
use crate::telemetry::{Inner, Telemetry};
use crate::watch::sampler::ProcessSampler;

/// The times that requests under way have when the servers end: the least, and the longest.
const CLOSING: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// The SDK's own servers, each of which ends when its guard is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    started_at: SystemTime,
    requests: OperationalRequests,
    running: Mutex<Vec<RunningServer>>,
    /// The connections of all servers, so that a second one does not double their limit.
    connections: OnceLock<Arc<Connections>>,
    ended_connections: EndedConnections,
    /// Counts the writes of all routers. One limit for all of them, so that a second listener does not double it.
    rate_limit: Arc<RateLimit>,
    /// Counts the refused tokens of all routers.
    refusals: Arc<TokenRefusals>,
    /// Tells whether something scrapes, by whichever router.
    pub(in crate::telemetry) scrape_activity: ScrapeActivity,
}

impl Server {
    pub(in crate::telemetry) fn new(recording: &Recording) -> Self {
        Self {
            started_at: recording.clock.wall(),
            requests: OperationalRequests::new(&recording.instruments),
            running: Mutex::default(),
            connections: OnceLock::new(),
            ended_connections: EndedConnections::new(&recording.instruments),
            rate_limit: Arc::new(RateLimit::of_writes()),
            refusals: Arc::new(TokenRefusals::new(
                RefusedTokens::new(&recording.instruments),
                recording.clock.clone(),
            )),
            scrape_activity: ScrapeActivity::default(),
        }
    }

    /// Returns whether a server of the SDK is open.
    pub(crate) fn is_serving(&self) -> bool {
        !lock(&self.running).is_empty()
    }

    /// Ends the servers: first their ports, then their connections, of which those with a request under way have
    /// up to a second of `within`.
    pub(crate) async fn close(&self, within: Duration) {
        let running = mem::take(&mut *lock(&self.running));
        if running.is_empty() {
            return;
        }
        let (least, longest) = CLOSING;
        let time = within.clamp(least, longest);
        let deadline = Instant::now() + time;
        for server in &running {
            server.begin_close(deadline);
        }
        let closed = async {
            for server in &running {
                server.closed().await;
            }
        };
        // The servers keep the deadline themselves; this one also holds if a thread is stuck.
        let _ = at_most(time + least, closed).await;
    }

    /// Ends at once what is still served.
    pub(crate) fn stop(&self) {
        lock(&self.running).clear();
    }

    /// Returns the connections, and makes them for the first server.
    fn connections(&self, config: &HttpConfig) -> &Arc<Connections> {
        self.connections.get_or_init(|| {
            let ended = self.ended_connections.clone();
            let process = ProcessSampler::new().sample();
            let descriptors = process.and_then(|process| process.max_file_descriptors);
            Arc::new(Connections::new(config.max_connections, descriptors, ended))
        })
    }

    /// Starts a server and keeps it until [`close`](Self::close) or [`stop`](Self::stop).
    fn start(
        &self,
        address: SocketAddr,
        router: Router,
        config: &HttpConfig,
        supervisor: &Supervisor,
    ) -> io::Result<SocketAddr> {
        let connections = Arc::clone(self.connections(config));
        let limits = ConnectionLimits::from_config(config);
        let server = RunningServer::start(address, router, connections, limits, supervisor)?;
        let address = server.address();
        lock(&self.running).push(server);
        Ok(address)
    }

    /// Returns a warning where fewer connections are allowed than configured.
    fn capacity_warning(&self, config: &HttpConfig) -> Option<String> {
        let (max, capacity) = (config.max_connections, self.connections(config).capacity());
        (capacity < max).then(|| {
            format!(
                "http.max_connections: {capacity} instead of {max}, a quarter of the file descriptors that the process may open"
            )
        })
    }
}

impl Telemetry {
    /// Returns the routes of the SDK: the scrape, health, workers and objectives.
    ///
    /// Requests to them are counted in `vantage.telemetry.http.requests`, wherever the service puts
    /// them, and in no metric of the API.
    ///
    /// Registration of health checks ends with it, as with [`started`](Self::started).
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use axum::{Router, body::Body};
    /// use http::{Request, StatusCode};
    /// use tower::ServiceExt as _;
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let app = Router::new().merge(telemetry.routes());
    /// let request = Request::get("/api/v1/health/live").body(Body::empty())?;
    /// assert_eq!(app.oneshot(request).await?.status(), StatusCode::OK);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.started();
        self.router()
    }

    /// Returns those of the [routes](Self::routes) that readers of a service's status reach: status pages, feed,
    /// Statuspage's API and the plain health. [`internal_routes`](Self::internal_routes) has the others, so that
    /// each half can have a listener of its own.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use axum::{Router, body::Body};
    /// use http::{Request, StatusCode};
    /// use tower::ServiceExt as _;
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let (public, internal): (Router, Router) = (telemetry.public_routes(), telemetry.internal_routes());
    /// for (app, path, expected) in [
    ///     (&public, "/api/v1/health", StatusCode::OK),
    ///     (&public, "/metrics", StatusCode::NOT_FOUND),
    ///     (&internal, "/metrics", StatusCode::OK),
    ///     (&internal, "/api/v1/health", StatusCode::NOT_FOUND),
    /// ] {
    ///     let request = Request::get(path).body(Body::empty())?;
    ///     assert_eq!(app.clone().oneshot(request).await?.status(), expected, "{path}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn public_routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.started();
        self.router_of(is_public_half)
    }

    /// Returns those of the [routes](Self::routes) that operators, probes, scrapers and workers reach: the half that
    /// [`public_routes`](Self::public_routes) leaves out. Writes need a token; the rest is for a network of one's
    /// own.
    pub fn internal_routes<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.started();
        self.router_of(|kind| !is_public_half(kind))
    }

    /// Puts the HTTP layer around a service's router, and the [routes](Self::routes) beside its own. Where both have
    /// a route of the same path and method the service's wins, with a warning in the log; a wildcard and a
    /// fallback of the service leave our paths to us.
    ///
    /// It takes a router that has its state, and no [`http_layer`](Self::http_layer) around it. What it returns can
    /// be nested and served. `http.prefix` moves our paths out of the way.
    ///
    /// Layers that the router has already, such as an authentication, cover its own routes and not ours: a layer
    /// around what this returns covers both. A service on the internet merges
    /// [`public_routes`](Self::public_routes) alone, and serves [`internal_routes`](Self::internal_routes) on another
    /// port.
    ///
    /// Registration of health checks ends with it, as with [`started`](Self::started).
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// use axum::{Router, body::Body, routing::get};
    /// use http::{Request, StatusCode};
    /// use tower::ServiceExt as _;
    /// # use vantage_obs::testing::TestTelemetry;
    ///
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let app = Router::new()
    ///     .route("/status", get(|| async { StatusCode::IM_A_TEAPOT })) // its own, not ours
    ///     .fallback(|| async { StatusCode::GONE });
    /// let app = telemetry.mount(app);
    /// for (path, expected) in [
    ///     ("/status", StatusCode::IM_A_TEAPOT),
    ///     ("/metrics", StatusCode::OK),
    ///     ("/elsewhere", StatusCode::GONE),
    /// ] {
    ///     let request = Request::get(path).body(Body::empty())?;
    ///     assert_eq!(app.clone().oneshot(request).await?.status(), expected, "{path}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn mount(&self, app: Router) -> Router {
        self.started();
        let own = self.0.config.config.own_routes();
        let own: Vec<_> = own.map(|(path, kind)| (path, methods(kind))).collect();
        // Within it only the service answers, whatever the names of its routes.
        let layer = self.http_layer_beside(OperationalRoutes::new([]));
        let Mounted { router, kept } = mount(app, self.router(), &own, layer);
        for KeptRoute { template, .. } in &kept {
            self.0.handles.operational_routes.confirm(template);
        }
        if !kept.is_empty() {
            let kept = join_kept(&kept);
            tracing::warn!(
                target: "vantage_obs",
                "the service has routes of its own at {kept}: the SDK's are not served there; http.prefix moves them"
            );
        }
        router
    }

    /// Returns the routes without ending registration, for a listener that opens before any check
    /// can be registered.
    fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.router_of(|_| true)
    }

    /// Returns the routes of these kinds, below `http.prefix`.
    fn router_of<S: Clone + Send + Sync + 'static>(
        &self,
        is_in: impl Fn(RouteKind) -> bool,
    ) -> Router<S> {
        let config = &self.0.config.config;
        let routes = config.routes().filter(|(_, kind)| is_in(*kind));
        let router = router(routes, &self.0.route_states(), self.http_layer()).route_layer(
            CountOperational::new(
                self.0.handles.operational_routes.clone(),
                self.0.server.requests.clone(),
            ),
        );
        let router = match config.http.prefix() {
            "" => router,
            // With a measured fallback, as the router itself has one.
            prefix => Router::new().layer(self.http_layer()).nest(prefix, router),
        };
        router.with_state(())
    }

    /// Serves [`routes`](Self::routes) at an address, for a process without a server of its own.
    ///
    /// The server has a thread and runtime of its own; it ends at [`shutdown`](Self::shutdown). It speaks HTTP/1.1,
    /// and what a client can take from it is limited by the settings of [`HttpConfig`]; a head has at most 64 KiB and
    /// 100 fields.
    ///
    /// The answer is the real address, also where port 0 was asked for. Registration of health checks ends
    /// with it, as with [`started`](Self::started).
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on, or after [`shutdown`](Self::shutdown). A thread that the system
    /// refuses is no error: it is started as soon as there is one, and connections wait until then.
    pub fn serve(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        self.started();
        let address = self.serve_router(address)?;
        if let Some(warning) = self.0.server.capacity_warning(&self.0.config.config.http) {
            tracing::warn!("{warning}");
        }
        Ok(address)
    }

    /// Returns the paths of the routes, as far as they are known.
    pub(in crate::telemetry) fn operational_paths(&self) -> OperationalPaths {
        let routes = self.0.handles.operational_routes.clone();
        OperationalPaths::new(routes, &self.0.config.config.scrape_path())
    }

    fn serve_router(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let config = &self.0.config.config.http;
        let router = standalone(self.router());
        let supervisor = &self.0.recording.supervisor;
        self.0.server.start(address, router, config, supervisor)
    }

    /// Serves at `http.listen`, where it is configured: before anything could be registered. An address of a
    /// shared variable that can't be listened on gives way to our own setting.
    pub(crate) fn listen(&self) -> io::Result<Listening> {
        let effective = &self.0.config;
        let Some(address) = effective.config.http.listen else {
            return Ok(Listening::default());
        };
        let error = match self.serve_router(address) {
            Ok(address) => return Ok(self.listening_at(address)),
            Err(error) => error,
        };
        let named = |address, error: io::Error| {
            let text = format!("http.listen: {address} can't be listened on: {error}");
            io::Error::new(error.kind(), text)
        };
        let Some(own) = effective.listen_without_shared() else {
            return Err(named(address, error));
        };
        let serve_own = |own| {
            let served = self.serve_router(own);
            served.map_err(|error| named(own, error))
        };
        let own = own.map(serve_own).transpose()?;
        let instead = own.map_or_else(
            || "nothing is served by http.listen".to_owned(),
            |own| format!("{own} is served"),
        );
        let source = effective.source("http.listen");
        let mut listening = own.map_or_else(Listening::default, |own| self.listening_at(own));
        listening.warnings.push(format!(
            "http.listen ({source}): {address} is ignored, because it can't be listened on ({error}): {instead}"
        ));
        Ok(listening)
    }

    fn listening_at(&self, address: SocketAddr) -> Listening {
        let warning = self.0.server.capacity_warning(&self.0.config.config.http);
        Listening {
            address: Some(address),
            warnings: warning.into_iter().collect(),
        }
    }
}

impl Inner {
    /// Collects what the routes show. All of it is snapshots, clones of handles, and settings: a
    /// request never waits for a loop.
    fn route_states(&self) -> RouteStates {
        let config = &self.config.config;
        let (clock, supervisor) = (&self.recording.clock, &self.recording.supervisor);
        let token_check = |realm, token: &Option<Secret>| {
            TokenCheck::new(realm, token.clone(), Arc::clone(&self.server.refusals))
        };
        let title = config.status.title.clone();
        let brand = title.unwrap_or_else(|| config.service.name.clone());
        let scrapes = config.metrics.prometheus.enabled && !config.disabled;
        let shows_status = config.shows_status();
        let base = config.status.url.as_deref().and_then(LinkBase::from_url);
        let base = base.map(|base| base.below(config.http.prefix()));
        RouteStates {
            scrape: scrapes.then(|| Arc::clone(&self.scrape)),
            scrape_activity: self.server.scrape_activity.clone(),
            health: Arc::new(HealthRoutes {
                latest: self.watch.health.latest().clone(),
                clock: clock.clone(),
                supervisor: supervisor.clone(),
                service: config.service.name.clone(),
                version: config.service.version.as_deref().map(PrivateText::new),
                started_at: self.server.started_at,
                details: config.health.details,
                token: token_check(TokenRealm::Health, &config.health.details_token),
                // Results change about that often.
                retry_after: seconds(config.health.interval),
            }),
            slo_report: Arc::new(SloReportRoutes::new(
                self.watch.slo.latest().clone(),
                self.snapshots.fleet.clone(),
                clock.clone(),
                supervisor,
            )),
            slo_page: Arc::new(SloPageRoutes::new(
                SloPageSettings {
                    latest: self.watch.slo.latest().clone(),
                    policy: config.slo.alert_policy(),
                    brand: brand.clone(),
                    public: shows_status,
                },
                base.clone(),
                supervisor.clone(),
            )),
            workers: Arc::new(WorkerRoutes::new(
                Arc::clone(&self.heartbeat.receiver),
                token_check(TokenRealm::Heartbeat, &config.heartbeat.token),
                config.heartbeat.open,
                supervisor.clone(),
            )),
            incidents: Arc::new(IncidentRoutes {
                incidents: self.watch.incidents.clone(),
                token: token_check(TokenRealm::Status, &config.status.token),
                clock: clock.clone(),
                rate_limit: Arc::clone(&self.server.rate_limit),
                base: base.clone(),
            }),
            dev: self.dev.recorder().map(|recorder| {
                let state = DevState {
                    recorder: recorder.clone(),
                    service: config.service.clone(),
                    traced: config.traces.enabled,
                    started_at: self.server.started_at,
                    clock: clock.clone(),
                    health: self.watch.health.latest().clone(),
                    slo: self.watch.slo.latest().clone(),
                    workers: Arc::clone(&self.heartbeat.receiver),
                };
                Arc::new(DevRoutes::new(state, supervisor.clone()))
            }),
            public: shows_status.then(|| {
                let latest = self.watch.incidents.latest().clone();
                let clock = clock.clone();
                Arc::new(StatusRoutes::new(latest, clock, brand, base, supervisor))
            }),
        }
    }
}

/// Lists routes, each once: its variant with a slash at the end goes with it.
fn join_kept(kept: &[KeptRoute]) -> String {
    let is_variant = |route: &KeptRoute| {
        let plain = route.template.strip_suffix('/');
        plain.is_some_and(|plain| kept.iter().any(|other| other.template == plain))
    };
    let listed = kept.iter().filter(|route| !is_variant(route));
    let listed: Vec<_> = listed.map(KeptRoute::to_string).collect();
    listed.join(", ")
}

/// Whole seconds, rounded up.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{Config, Role};
    use crate::telemetry::testing::TestTelemetry;

    /// Returns the paths of a router, which tells them nowhere else; a fallback has some of its own.
    fn paths(router: &Router) -> BTreeSet<String> {
        let text = format!("{router:?}");
        let paths = text.split('"').filter(|text| text.starts_with('/'));
        paths.map(str::to_owned).collect()
    }

    #[test]
    fn the_routes_that_are_presumed_to_be_ours_are_those_that_there_are() {
        for role in [Role::Api, Role::Worker] {
            let mut config = Config::new("test", role);
            config.dev.enabled = role == Role::Worker;
            let test = TestTelemetry::with_config(config, &[]).unwrap();
            let mounted = paths(&test.telemetry().routes());
            let mounted: BTreeSet<_> = &mounted - &paths(&Router::new());
            let presumed = test.telemetry().config().config.own_routes();
            let presumed = presumed.map(|(path, _)| path);
            assert_eq!(mounted, presumed.collect(), "{role:?}");
        }
    }
}
