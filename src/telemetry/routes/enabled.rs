//! The routes of the SDK, and the servers that serve nothing else.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;

use crate::background::thread::RuntimeGuard;
use crate::config::Secret;
use crate::model::snapshot::private::PrivateText;
use crate::record::instruments::{OperationalRequests, RefusedTokens};
use crate::record::middleware::CountOperational;
use crate::record::sync::lock;
use crate::serve::link_base::LinkBase;
use crate::serve::routes::{
    HealthRoutes, IncidentRoutes, RateLimit, RouteStates, SloPageRoutes, SloReportRoutes,
    StatusRoutes, TokenCheck, TokenRealm, TokenRefusals, WorkerRoutes, router, serve,
};
use crate::telemetry::listening::Listening;
use crate::telemetry::recording::Recording;
use crate::telemetry::{Inner, Telemetry};

/// The SDK's own servers, each of which ends when its guard is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    started_at: SystemTime,
    requests: OperationalRequests,
    guards: Mutex<Vec<RuntimeGuard>>,
    /// Counts the writes of all routers.
    /// One limit for all of them, so that a second listener does not double it.
    rate_limit: Arc<RateLimit>,
    /// Counts the refused tokens of all routers.
    refusals: Arc<TokenRefusals>,
}

impl Server {
    pub(in crate::telemetry) fn new(recording: &Recording) -> Self {
        Self {
            started_at: recording.clock.wall(),
            requests: OperationalRequests::new(&recording.instruments),
            guards: Mutex::default(),
            rate_limit: Arc::new(RateLimit::of_writes()),
            refusals: Arc::new(TokenRefusals::new(
                RefusedTokens::new(&recording.instruments),
                recording.clock.clone(),
            )),
        }
    }

    /// Returns whether a server of the SDK is open.
    pub(crate) fn is_serving(&self) -> bool {
        !lock(&self.guards).is_empty()
    }

    pub(crate) fn stop(&self) {
        lock(&self.guards).clear();
    }

    /// Keeps a server until [`stop`](Self::stop).
    fn keep(&self, guard: RuntimeGuard) {
        lock(&self.guards).push(guard);
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

    /// Returns the routes without ending registration, for a listener that opens before any check
    /// can be registered.
    fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let routes = self.0.config.config.routes();
        router(routes, &self.0.route_states(), self.http_layer())
            .route_layer(CountOperational::new(
                self.0.handles.operational_routes.clone(),
                self.0.server.requests.clone(),
            ))
            .with_state(())
    }

    /// Serves [`routes`](Self::routes) at an address, for a process without a server of its own.
    ///
    /// The server has a thread and runtime of its own; it ends at [`shutdown`](Self::shutdown).
    /// The answer is the real address, also where port 0 was asked for. Registration of health checks ends
    /// with it, as with [`started`](Self::started).
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on or the thread not be started.
    pub fn serve(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        self.started();
        self.serve_router(address)
    }

    fn serve_router(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        // No API is served there, so an unknown path is no request that counts.
        let router = self.router().reset_fallback();
        let (address, guard) = serve(address, router, &self.0.recording.supervisor)?;
        self.0.server.keep(guard);
        Ok(address)
    }

    /// Serves at `http.listen`, where it is configured: before anything could be registered. An address of a
    /// shared variable that can't be listened on gives way to our own setting.
    pub(crate) fn listen(&self) -> io::Result<Listening> {
        let effective = &self.0.config;
        let Some(address) = effective.config.http.listen else {
            return Ok(Listening::default());
        };
        let error = match self.serve_router(address) {
            Ok(address) => return Ok(Listening::at(address)),
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
        Ok(Listening {
            address: own,
            warning: Some(format!(
                "http.listen ({source}): {address} is ignored, because it can't be listened on ({error}): {instead}"
            )),
        })
    }
}

impl Inner {
    /// Collects what the routes show. All of it is snapshots, clones of handles, and settings: a
    /// request never waits for a loop.
    fn route_states(&self) -> RouteStates {
        let config = &self.config.config;
        let clock = &self.recording.clock;
        let token_check = |realm, token: &Option<Secret>| {
            TokenCheck::new(realm, token.clone(), Arc::clone(&self.server.refusals))
        };
        let title = config.status.title.clone();
        let brand = title.unwrap_or_else(|| config.service.name.clone());
        let scrapes = config.metrics.prometheus.enabled && !config.disabled;
        let shows_status = config.shows_status();
        let base = config.status.url.as_deref().and_then(LinkBase::from_url);
        RouteStates {
            scrape: scrapes.then(|| Arc::clone(&self.scrape)),
            health: Arc::new(HealthRoutes {
                latest: self.watch.health.latest().clone(),
                clock: clock.clone(),
                service: config.service.name.clone(),
                version: config.service.version.as_deref().map(PrivateText::new),
                started_at: self.server.started_at,
                details: config.health.details,
                token: token_check(TokenRealm::Health, &config.health.details_token),
                // Results change about that often.
                retry_after: seconds(config.health.interval),
            }),
            slo_report: SloReportRoutes {
                local: self.watch.slo.latest().clone(),
                fleet: self.snapshots.fleet.clone(),
                clock: clock.clone(),
            },
            slo_page: Arc::new(SloPageRoutes {
                latest: self.watch.slo.latest().clone(),
                policy: config.slo.alert_policy(),
                brand: brand.clone(),
                public: shows_status,
                base: base.clone(),
            }),
            workers: Arc::new(WorkerRoutes {
                receiver: Arc::clone(&self.heartbeat.receiver),
                token: token_check(TokenRealm::Heartbeat, &config.heartbeat.token),
                open: config.heartbeat.open,
            }),
            incidents: Arc::new(IncidentRoutes {
                incidents: self.watch.incidents.clone(),
                token: token_check(TokenRealm::Status, &config.status.token),
                clock: clock.clone(),
                rate_limit: Arc::clone(&self.server.rate_limit),
                base: base.clone(),
            }),
            public: shows_status.then(|| {
                let latest = self.watch.incidents.latest().clone();
                Arc::new(StatusRoutes::new(latest, clock.clone(), brand, base))
            }),
        }
    }
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
            let test = TestTelemetry::with_config(Config::new("test", role), &[]).unwrap();
            let mounted = paths(&test.telemetry().routes());
            let mounted: BTreeSet<_> = &mounted - &paths(&Router::new());
            let presumed = test.telemetry().config().config.own_routes();
            assert_eq!(mounted, presumed.into_iter().collect(), "{role:?}");
        }
    }
}
