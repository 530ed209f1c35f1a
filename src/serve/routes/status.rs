//! The routes of the public pages, as HTML and as JSON.

mod cache;
mod public_json;

mod json;
mod slo;
mod v2;

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use jiff::Timestamp;

use self::cache::DocumentCache;
use self::public_json::to_public_json;
use super::document::{HttpDocument, MediaType};
use super::headers::join_values;
use super::query_string::QueryString;
use crate::export::prometheus::text::prefers_json;
use crate::model::routes::{PublicDocument, StatusPage};
use crate::model::status::{LatestStatus, StatusSnapshot};
use crate::record::clock::Clock;
use crate::serve::notice::Notice;
use crate::serve::pages::{PageContext, render_feed, render_incident, render_message, render_page};

pub(crate) use slo::SloPageRoutes;
pub(super) use slo::respond as slo_page;

/// The state of the routes of the public pages.
#[derive(Debug)]
pub(crate) struct StatusRoutes {
    latest: LatestStatus,
    clock: Clock,
    brand: String,
    cache: DocumentCache,
}

/// Returns the route of a document.
pub(super) fn route(document: PublicDocument, routes: Arc<StatusRoutes>) -> MethodRouter {
    let handler = move |State(routes): State<Arc<StatusRoutes>>,
                        id: Result<Path<String>, PathRejection>,
                        uri: Uri,
                        headers: HeaderMap| {
        std::future::ready(routes.respond(document, id, &uri, &headers))
    };
    get(handler).with_state(routes)
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

    fn respond(
        &self,
        document: PublicDocument,
        id: Result<Path<String>, PathRejection>,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Response {
        let id = match (document, id) {
            (PublicDocument::Notice, Err(rejection)) => return rejection.into_response(),
            (_, id) => id.map(|Path(id)| id).unwrap_or_default(),
        };
        let Some(snapshot) = self.latest.read() else {
            return self.unavailable();
        };
        let document = match document {
            PublicDocument::Page(page) => {
                return self.page(page, &snapshot, uri, headers).respond(headers);
            }
            PublicDocument::Notice => self.notice(&id, &snapshot, uri, headers),
            PublicDocument::Feed => {
                let feed = render_feed(&snapshot, &base_url(headers));
                Some(HttpDocument::new(MediaType::Atom, feed))
            }
            PublicDocument::Statuspage(document) => {
                let json = v2::render(document, &snapshot, &base_url(headers));
                Some(HttpDocument::new(MediaType::Json, json))
            }
        };
        document.map_or_else(|| self.not_found(), |document| document.respond(headers))
    }

    fn page(
        &self,
        page: StatusPage,
        snapshot: &Arc<StatusSnapshot>,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Arc<HttpDocument> {
        let (_, is_json) = split_json_suffix(uri.path(), headers);
        let context = self.page_context(snapshot, uri);
        let key = (page, is_json, context.auto_refresh);
        self.cache.get_or_render(key, snapshot, context.now, || {
            if is_json {
                HttpDocument::new(MediaType::Json, json::render_page_json(page, snapshot))
            } else {
                HttpDocument::new(MediaType::Html, render_page(page, context))
            }
        })
    }

    /// Returns the document of an incident or maintenance; `None` if there is none of this id.
    fn notice(
        &self,
        id: &str,
        snapshot: &StatusSnapshot,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Option<HttpDocument> {
        let (id, is_json) = split_json_suffix(id, headers);
        let notice = Notice::find(snapshot, id.parse().ok()?)?;
        Some(if is_json {
            HttpDocument::new(MediaType::Json, to_public_json(&notice))
        } else {
            let html = render_incident(self.page_context(snapshot, uri), &notice);
            HttpDocument::new(MediaType::Html, html)
        })
    }

    fn page_context<'a>(&self, snapshot: &'a StatusSnapshot, uri: &Uri) -> PageContext<'a> {
        PageContext {
            snapshot,
            now: Timestamp::try_from(self.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH),
            auto_refresh: wants_refresh(uri),
        }
    }

    fn unavailable(&self) -> Response {
        let sentence = "Nothing has been looked at yet. Please come back in a moment.";
        let headers = [
            (header::CACHE_CONTROL, "no-store"),
            (header::RETRY_AFTER, "5"),
        ];
        let response = self.message(StatusCode::SERVICE_UNAVAILABLE, "No status yet", sentence);
        (headers, response).into_response()
    }

    fn not_found(&self) -> Response {
        let sentence = "There is no incident of this id, or it was more than 90 days ago.";
        self.message(StatusCode::NOT_FOUND, "Not found", sentence)
    }

    /// Responds with a page that has only a message.
    fn message(
        &self,
        status: StatusCode,
        heading: &'static str,
        sentence: &'static str,
    ) -> Response {
        let html = render_message(&self.brand, heading, sentence);
        let mut response = HttpDocument::new(MediaType::Html, html).respond(&HeaderMap::new());
        *response.status_mut() = status;
        response
    }
}

/// Splits `.json` off a path, and returns true if JSON is wanted, by it or by the header.
fn split_json_suffix<'a>(path: &'a str, headers: &HeaderMap) -> (&'a str, bool) {
    match path.strip_suffix(".json") {
        Some(path) => (path, true),
        None => (
            path,
            prefers_json(join_values(headers, &header::ACCEPT).as_deref()),
        ),
    }
}

/// Returns true unless the query has `refresh=off`.
fn wants_refresh(uri: &Uri) -> bool {
    QueryString::parse(uri).last("refresh") != Some("off")
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

#[cfg(test)]
mod tests;
