//! The HTTP routes, which render what is known and run nothing.

mod answer;
mod headers;

mod document;

mod health;
mod incidents;
mod metrics;
mod slo;
mod status;
mod workers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::{io, thread};

use axum::Router;
use axum::http::StatusCode;
use tokio::sync::oneshot;

use crate::config::SLO_PATH;
use crate::export::prometheus::Scrape;
use crate::record::middleware::HttpLayer;

pub(crate) use health::Page as HealthPage;
pub(crate) use incidents::Page as IncidentsPage;
pub(crate) use slo::Page as ReportPage;
pub(crate) use status::{Page as StatusPage, Pages, SloPage};
pub(crate) use workers::Page as WorkersPage;

/// All routes; `scrape` is `None` where the scrape is turned off.
///
/// Merging two routers keeps the second one's fallback where neither has one of its own, so this one
/// brings a measured one: requests for paths that do not exist would go uncounted in the order
/// `.layer(http_layer).merge(routes)` otherwise. A layer around the default fallback leaves it the
/// default, so a user's own takes its place, and axum does not refuse to merge the two. Its own
/// routes, added after the layer, are not measured.
///
/// One router and no merge within: a merged one would bring its bare fallback.
pub(crate) fn router(
    scrape: Option<(&str, Arc<Scrape>)>,
    page: health::Page,
    objectives: slo::Page,
    workers: workers::Page,
    pages: status::Pages,
    incidents: incidents::Page,
    layer: HttpLayer,
) -> Router {
    let router = health::add(Router::new().layer(layer), page);
    let router = router.route(SLO_PATH, slo::route(objectives));
    let router = workers::add(router, workers);
    let router = status::add(router, pages);
    let router = incidents::add(router, incidents);
    match scrape {
        Some((path, scrape)) => router.route(path, metrics::route(scrape)),
        None => router,
    }
}

/// Serves the routes on a thread and runtime of their own, until the answer's sender is dropped.
pub(crate) fn serve(
    address: SocketAddr,
    router: Router,
) -> io::Result<(SocketAddr, oneshot::Sender<()>)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    thread::Builder::new()
        .name("vantage-http".into())
        .spawn(move || {
            let served = runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                // A stranger who asks the scrape's port for other paths is nobody's API request.
                let router = router.fallback(|| async { StatusCode::NOT_FOUND });
                let server = axum::serve(listener, router);
                tokio::select! {
                    served = server => served,
                    _ = stopped => Ok(()),
                }
            });
            if let Err(error) = served {
                tracing::error!(%error, "the telemetry routes are no longer served");
            }
        })?;
    Ok((address, stop))
}
