//! The HTTP routes, which render snapshots and run no checks.

mod headers;
mod response;

mod document;

mod health;
mod incidents;
mod metrics;
mod rate_limit;
mod slo;
mod status;
mod workers;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;

use crate::background::thread::{self, DEFAULT_BLOCKING_THREADS, RuntimeGuard, Stopped};
use crate::config::SLO_PATH;
use crate::export::prometheus::ScrapeHandler;
use crate::record::middleware::HttpLayer;

pub(crate) use health::HealthRoutes;
pub(crate) use incidents::IncidentRoutes;
pub(crate) use rate_limit::RateLimit;
pub(crate) use slo::SloReportRoutes;
pub(crate) use status::{PageRoutes, SloPageRoutes, StatusRoutes};
pub(crate) use workers::WorkerRoutes;

/// Returns all routes; `scrape` is `None` if the scrape is turned off.
///
/// Merging two routers keeps the second one's fallback where neither has one of its own, so this one
/// brings a measured one: requests for paths that do not exist would go uncounted in the order
/// `.layer(http_layer).merge(routes)` otherwise. A layer around the default fallback leaves it the
/// default, so a user's own takes its place, and axum does not refuse to merge the two. Its own
/// routes, added after the layer, are not measured.
///
/// One router and no merge within: a merged one would bring its bare fallback.
pub(crate) fn router(
    scrape: Option<(&str, Arc<ScrapeHandler>)>,
    health: HealthRoutes,
    slo_report: SloReportRoutes,
    workers: WorkerRoutes,
    pages: PageRoutes,
    incidents: IncidentRoutes,
    layer: HttpLayer,
) -> Router {
    let router = health::add_routes(Router::new().layer(layer), health);
    let router = router.route(SLO_PATH, slo::route(slo_report));
    let router = workers::add_routes(router, workers);
    let router = status::add_routes(router, pages);
    let router = incidents::add_routes(router, incidents);
    match scrape {
        Some((path, scrape)) => router.route(path, metrics::route(scrape)),
        None => router,
    }
}

/// Serves the routes on a thread and runtime of their own, until the guard is dropped.
pub(crate) fn serve(address: SocketAddr, router: Router) -> io::Result<(SocketAddr, RuntimeGuard)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    // A request for another path of the scrape's port is no API request.
    let router = router.fallback(|| async { StatusCode::NOT_FOUND });
    let serve = |mut stopped: Stopped| async move {
        let server = async {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            axum::serve(listener, router).await
        };
        if let Some(Err(error)) = stopped.or(server).await {
            tracing::error!(%error, "the telemetry routes are no longer served");
        }
    };
    let guard = thread::run("vantage-http", DEFAULT_BLOCKING_THREADS, serve)?;
    Ok((address, guard))
}
