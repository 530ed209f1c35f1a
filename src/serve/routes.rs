//! The HTTP routes, which render snapshots and run no checks.

mod headers;
mod rate_limit;
mod response;
mod route_parameter;
mod timer;
mod token_check;

mod query_string;

mod document;

mod document_cache;

mod dev;

mod health;
mod incidents;
mod metrics;
pub(crate) mod request_base;
mod slo;
mod status;
pub(crate) mod workers;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post};

use crate::export::prometheus::ScrapeHandler;
use crate::model::routes::{HealthProbe, RouteKind, with_slash};
use crate::record::middleware::HttpLayer;

pub(crate) use dev::{DevRoutes, DevState};
pub(crate) use health::HealthRoutes;
pub(crate) use incidents::IncidentRoutes;
pub(crate) use metrics::{ScrapeActivity, ScrapeAnswer};
pub(crate) use rate_limit::RateLimit;
pub(crate) use slo::SloReportRoutes;
pub(crate) use status::{SloPageRoutes, SloPageSettings, StatusRoutes};
pub(crate) use token_check::{TokenCheck, TokenRealm, TokenRefusals};
pub(crate) use workers::WorkerRoutes;

use response::error_response;

/// The states of the routes.
#[derive(Debug)]
pub(crate) struct RouteStates {
    /// `None` if the scrape is turned off.
    pub(crate) scrape: Option<Arc<ScrapeHandler>>,
    pub(crate) scrape_activity: ScrapeActivity,
    pub(crate) health: Arc<HealthRoutes>,
    pub(crate) slo_report: Arc<SloReportRoutes>,
    pub(crate) slo_page: Arc<SloPageRoutes>,
    pub(crate) workers: Arc<WorkerRoutes>,
    pub(crate) incidents: Arc<IncidentRoutes>,
    /// `None` if the development page is off.
    pub(crate) dev: Option<Arc<DevRoutes>>,
    /// `None` if the process shows no status.
    pub(crate) public: Option<Arc<StatusRoutes>>,
}

/// Returns a router of these routes.
///
/// Merging two routers keeps the second one's fallback where neither has one of its own, so this one
/// brings a measured one: requests for paths that do not exist would go uncounted in the order
/// `.layer(http_layer).merge(routes)` otherwise. A layer around the default fallback leaves it the
/// default, so a user's own takes its place, and axum does not refuse to merge the two. Its own
/// routes, added after the layer, are not measured.
///
/// One router and no merge within: a merged one would bring its bare fallback.
pub(crate) fn router<'a>(
    routes: impl IntoIterator<Item = (&'a str, RouteKind)>,
    states: &RouteStates,
    layer: HttpLayer,
) -> Router {
    let router = Router::new().layer(layer);
    let router = routes.into_iter().fold(router, |router, (path, kind)| {
        match states.method_router(kind) {
            Some(methods) => add_route(router, path, methods),
            None => router,
        }
    });
    router.method_not_allowed_fallback(method_not_allowed)
}

/// Adds a route, with and without a slash at its end.
fn add_route(router: Router, path: &str, methods: MethodRouter) -> Router {
    let router = match with_slash(path) {
        Some(path) => router.route(&path, methods.clone()),
        None => router,
    };
    router.route(path, methods)
}

async fn method_not_allowed() -> Response {
    error_response(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
}

async fn not_found() -> Response {
    error_response(StatusCode::NOT_FOUND, "not found")
}

/// Returns whether a route belongs to the half for those who use the service: status pages, feed, Statuspage's API
/// and the plain health. The other half is for those who run it.
pub(crate) const fn is_public_half(kind: RouteKind) -> bool {
    match kind {
        RouteKind::Public(_) | RouteKind::SloPage | RouteKind::Health(HealthProbe::Health) => true,
        RouteKind::Health(_)
        | RouteKind::SloReport
        | RouteKind::WorkerList
        | RouteKind::Heartbeat
        | RouteKind::Worker
        | RouteKind::Scrape
        | RouteKind::OpenIncident
        | RouteKind::AddUpdate
        | RouteKind::AnnounceMaintenance
        | RouteKind::Dev => false,
    }
}

/// Returns the methods of a route, of which `GET` means `HEAD` too.
pub(crate) const fn methods(kind: RouteKind) -> &'static [Method] {
    match kind {
        RouteKind::Heartbeat => &[Method::GET, Method::POST],
        RouteKind::WorkerList => &[Method::GET, Method::DELETE],
        RouteKind::Worker => &[Method::DELETE],
        RouteKind::OpenIncident | RouteKind::AddUpdate | RouteKind::AnnounceMaintenance => {
            &[Method::POST]
        }
        RouteKind::Health(_)
        | RouteKind::SloReport
        | RouteKind::Scrape
        | RouteKind::SloPage
        | RouteKind::Dev
        | RouteKind::Public(_) => &[Method::GET],
    }
}

impl RouteStates {
    /// Returns the handlers of a route; `None` if it is turned off.
    fn method_router(&self, kind: RouteKind) -> Option<MethodRouter> {
        let workers = || Arc::clone(&self.workers);
        let incidents = || Arc::clone(&self.incidents);
        Some(match kind {
            RouteKind::Health(probe) => health::route(probe, Arc::clone(&self.health)),
            RouteKind::SloReport => get(slo::respond).with_state(Arc::clone(&self.slo_report)),
            RouteKind::WorkerList => get(workers::list)
                .delete(workers::forget_health)
                .with_state(workers()),
            RouteKind::Heartbeat => get(workers::detail)
                .post(workers::receive)
                .with_state(workers()),
            RouteKind::Worker => delete(workers::forget).with_state(workers()),
            RouteKind::Scrape => metrics::route(
                Arc::clone(self.scrape.as_ref()?),
                self.scrape_activity.clone(),
            ),
            RouteKind::SloPage => get(status::slo_page).with_state(Arc::clone(&self.slo_page)),
            RouteKind::OpenIncident => post(incidents::open_incident).with_state(incidents()),
            RouteKind::AddUpdate => post(incidents::add_update).with_state(incidents()),
            RouteKind::AnnounceMaintenance => {
                post(incidents::announce_maintenance).with_state(incidents())
            }
            RouteKind::Dev => get(dev::respond).with_state(Arc::clone(self.dev.as_ref()?)),
            RouteKind::Public(document) => {
                status::route(document, Arc::clone(self.public.as_ref()?))
            }
        })
    }
}

/// Returns the routes as those of a server that serves nothing else, and where a request for another path is no
/// API request.
pub(crate) fn standalone(router: Router) -> Router {
    router.fallback(not_found)
}
