//! The scrape route.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use flate2::Compression;
use tokio::sync::{Semaphore, oneshot};

use super::document::gzip;
use super::headers::join_values;
use crate::background::panic::panic_text;
use crate::export::prometheus::ScrapeHandler;
use crate::export::prometheus::text::{ExpositionFormat, accepts_gzip};

/// Returns the route of a scrape.
pub(super) fn route(scrape: Arc<ScrapeHandler>) -> MethodRouter {
    // One scrape at a time: the others wait here, and not on a thread each.
    let scraper = ScrapeState {
        scrape,
        semaphore: Arc::new(Semaphore::new(1)),
    };
    get(respond).with_state(scraper)
}

/// The scrape, and the permit to run one.
#[derive(Clone)]
struct ScrapeState {
    scrape: Arc<ScrapeHandler>,
    semaphore: Arc<Semaphore>,
}

async fn respond(State(scraper): State<ScrapeState>, headers: HeaderMap) -> Response<Body> {
    let format = ExpositionFormat::negotiate(join_values(&headers, &header::ACCEPT).as_deref());
    let compress = accepts_gzip(join_values(&headers, &header::ACCEPT_ENCODING).as_deref());
    let Ok(_permit) = scraper.semaphore.acquire().await else {
        return unavailable("the scrape is closed");
    };
    let scrape = Arc::clone(&scraper.scrape);
    let (sender, written) = oneshot::channel();
    // Rendering takes milliseconds, and runs the callbacks of instruments, which may block. Not on the
    // runtime's threads for blocking calls: it panics where the system refuses one.
    let work = move || {
        let render = AssertUnwindSafe(|| render(&scrape, format, compress));
        match catch_unwind(render) {
            Ok(written) => drop(sender.send(written)),
            Err(payload) => {
                let text = panic_text(&*payload);
                let _ = sender.send(Err(format!("the scrape panicked: {text}")));
                // The supervisor tells.
                resume_unwind(payload);
            }
        }
    };
    let started = scraper
        .scrape
        .supervisor()
        .try_spawn("vantage-scrape", work);
    if let Err(error) = started {
        return unavailable(&format!("the scrape could not run: {error}"));
    }
    match written.await {
        Ok(Ok(bytes)) => exposition_response(format, compress, bytes),
        Ok(Err(reason)) => unavailable(&reason),
        Err(_) => unavailable("the scrape ended without a result"),
    }
}

fn render(
    scrape: &ScrapeHandler,
    format: ExpositionFormat,
    compress: bool,
) -> Result<Vec<u8>, String> {
    let text = scrape.render(format).map_err(|error| error.to_string())?;
    Ok(if compress {
        gzip(text.as_bytes(), Compression::fast())
    } else {
        text.into_bytes()
    })
}

fn exposition_response(format: ExpositionFormat, gzip: bool, bytes: Vec<u8>) -> Response<Body> {
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

/// Returns 503 with the reason, which a scraper shows beside its target.
fn unavailable(reason: &str) -> Response<Body> {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        format!("{reason}\n"),
    )
        .into_response()
}
