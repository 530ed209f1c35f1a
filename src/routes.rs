//! The HTTP routes, which render what is known and run nothing.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::{io, thread};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::{Semaphore, oneshot};

use crate::config::HEALTH;
use crate::exposition::{Format, accepts_gzip};
use crate::middleware::HttpLayer;
use crate::scrape::Scrape;

/// All routes; `metrics_path` is `None` where the scrape is turned off.
///
/// Merging two routers keeps the second one's fallback where neither has one of its own, so this one
/// brings a measured one: requests for paths that do not exist would go uncounted in the order
/// `.layer(http_layer).merge(routes)` otherwise. A layer around the default fallback leaves it the
/// default, so a user's own takes its place, and axum does not refuse to merge the two. Its own
/// routes, added after the layer, are not measured.
///
/// One router and no merge within: a merged one would bring its bare fallback.
pub(crate) fn router(scrape: Arc<Scrape>, metrics_path: Option<&str>, layer: HttpLayer) -> Router {
    let router = Router::new().layer(layer).route(HEALTH, get(health));
    let Some(path) = metrics_path else {
        return router;
    };
    // One scrape at a time: the others wait here, and not on a thread each.
    let scraper = Scraper {
        scrape,
        turn: Arc::new(Semaphore::new(1)),
    };
    router.route(path, get(metrics).with_state(scraper))
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

async fn health() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, r#"{"status":"pass"}"#)
}

#[derive(Clone)]
struct Scraper {
    scrape: Arc<Scrape>,
    turn: Arc<Semaphore>,
}

async fn metrics(State(scraper): State<Scraper>, headers: HeaderMap) -> Response<Body> {
    let format = Format::negotiate(joined(&headers, &header::ACCEPT).as_deref());
    let gzip = accepts_gzip(joined(&headers, &header::ACCEPT_ENCODING).as_deref());
    let Ok(_turn) = scraper.turn.acquire().await else {
        return unavailable("the scrape is closed");
    };
    let scrape = Arc::clone(&scraper.scrape);
    let written = tokio::task::spawn_blocking(move || {
        let text = scrape.render(format).map_err(|error| error.to_string())?;
        if gzip {
            compress(&text).map_err(|error| error.to_string())
        } else {
            Ok(text.into_bytes())
        }
    });
    match written.await {
        Ok(Ok(bytes)) => page(format, gzip, bytes),
        Ok(Err(reason)) => unavailable(&reason),
        Err(_) => unavailable("the scrape panicked"),
    }
}

fn page(format: Format, gzip: bool, bytes: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(format.content_type()),
    );
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, accept-encoding"),
    );
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn unavailable(reason: &str) -> Response<Body> {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        format!("{reason}\n"),
    )
        .into_response()
}

fn compress(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

/// A header may come in several lines, which mean the same as one with commas.
fn joined(headers: &HeaderMap, name: &header::HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}
