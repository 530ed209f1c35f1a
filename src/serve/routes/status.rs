//! The public pages, and the same for programs.

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

use self::cache::Kept;
use super::document::{Document, Type};
use crate::model::status::LatestStatus;
use crate::record::clock::Clock;
use crate::serve::pages::render_message;

pub(crate) use slo::Page as SloPage;

/// What all pages need to answer.
#[derive(Debug)]
pub(crate) struct Pages {
    pub(crate) slo: SloPage,
    /// The public ones, where there is something public.
    pub(crate) public: Option<Page>,
}

/// What the public pages need to answer.
#[derive(Debug)]
pub(crate) struct Page {
    latest: LatestStatus,
    clock: Clock,
    brand: String,
    kept: Kept,
}

impl Page {
    /// `brand` says whose status it is, before a snapshot does.
    pub(crate) fn new(latest: LatestStatus, clock: Clock, brand: String) -> Self {
        Self {
            latest,
            clock,
            brand,
            kept: Kept::default(),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::try_from(self.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Adds the routes.
pub(super) fn add(router: Router, pages: Pages) -> Router {
    let router = slo::add(router, pages.slo);
    let Some(page) = pages.public.map(Arc::new) else {
        return router;
    };
    v2::add(pages::add(router, &page), &page)
}

/// Whether the reader wants a page to load itself anew: yes, unless it says `refresh=off`.
fn refreshes(uri: &Uri) -> bool {
    let mut pairs = uri.query().unwrap_or_default().split('&');
    !pairs.any(|pair| pair == "refresh=off")
}

/// Where the reader has come to, for links that leave with the answer. Only a host name, never another
/// text.
fn base(headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST.as_str()).and_then(|host| host.parse::<Authority>().ok());
    let secure = text("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let scheme = if secure { "https" } else { "http" };
    match host {
        Some(host) if !host.as_str().contains('@') => format!("{scheme}://{host}"),
        _ => "http://localhost".into(),
    }
}

fn unavailable(page: &Page) -> Response {
    let sentence = "Nothing has been looked at yet. Please come back in a moment.";
    let html = render_message(&page.brand, "No status yet", sentence);
    let mut response = Document::new(Type::Html, html).answer(&HeaderMap::new());
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::RETRY_AFTER, "5"),
    ];
    (headers, response).into_response()
}

fn not_found(page: &Page) -> Response {
    let sentence = "There is no incident of this id, or it was more than 90 days ago.";
    let html = render_message(&page.brand, "Not found", sentence);
    let mut response = Document::new(Type::Html, html).answer(&HeaderMap::new());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

#[cfg(test)]
mod tests;
