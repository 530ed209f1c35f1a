//! The routes of the public pages, as HTML and as JSON.

mod cache;
mod json;
mod pages;
mod slo;
mod v2;

use std::sync::Arc;

use axum::Router;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;

use self::cache::DocumentCache;
use super::document::{HttpDocument, MediaType};
use crate::model::status::LatestStatus;
use crate::record::clock::Clock;
use crate::serve::pages::render_message;

pub(crate) use slo::SloPageRoutes;

/// The state of the routes of all pages.
#[derive(Debug)]
pub(crate) struct PageRoutes {
    pub(crate) slo: SloPageRoutes,
    /// Routes of the public pages, if any.
    pub(crate) public: Option<StatusRoutes>,
}

/// The state of the routes of the public pages.
#[derive(Debug)]
pub(crate) struct StatusRoutes {
    latest: LatestStatus,
    clock: Clock,
    brand: String,
    cache: DocumentCache,
}

impl StatusRoutes {
    /// Returns the routes; `brand` is the service's name until there is a snapshot.
    pub(crate) fn new(latest: LatestStatus, clock: Clock, brand: String) -> Self {
        Self {
            latest,
            clock,
            brand,
            cache: DocumentCache::default(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::try_from(self.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Adds the routes of all pages.
pub(super) fn add_routes(router: Router, pages: PageRoutes) -> Router {
    let router = slo::add_routes(router, pages.slo);
    let Some(routes) = pages.public.map(Arc::new) else {
        return router;
    };
    v2::add_routes(pages::add_routes(router, &routes), &routes)
}

/// Returns true unless the query has `refresh=off`.
fn wants_refresh(uri: &Uri) -> bool {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    !pairs.any(|pair| pair == "refresh=off")
}

/// Returns the base URL of the request, for absolute links. Only a host name is repeated, never another
/// text.
fn base_url(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST.as_str()).and_then(|host| host.parse::<Authority>().ok());
    let secure = text("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let scheme = if secure { "https" } else { "http" };
    match host {
        Some(host) if !host.as_str().contains('@') => format!("{scheme}://{host}"),
        _ => "http://localhost".into(),
    }
}

fn unavailable(routes: &StatusRoutes) -> Response {
    let sentence = "Nothing has been looked at yet. Please come back in a moment.";
    let html = render_message(&routes.brand, "No status yet", sentence);
    let mut response = HttpDocument::new(MediaType::Html, html).respond(&HeaderMap::new());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::RETRY_AFTER, "5"),
    ];
    (headers, response).into_response()
}

fn not_found(routes: &StatusRoutes) -> Response {
    let sentence = "There is no incident of this id, or it was more than 90 days ago.";
    let html = render_message(&routes.brand, "Not found", sentence);
    let mut response = HttpDocument::new(MediaType::Html, html).respond(&HeaderMap::new());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

#[cfg(test)]
mod tests;
