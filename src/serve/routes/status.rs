//! The routes of the public pages, as HTML and as JSON.

mod cache;
mod public_json;

mod json;
mod slo;
mod v2;

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use jiff::Timestamp;

use self::cache::{DocumentCache, DocumentKey};
use self::public_json::to_public_json;
use super::document::{HttpDocument, MediaType};
use super::headers::join_values;
use super::query_string::QueryString;
use super::request_base::RequestTarget;
use super::route_parameter::RouteParameter;
use crate::export::prometheus::text::prefers_json;
use crate::model::routes::{PublicDocument, StatusPage};
use crate::model::status::{LatestStatus, StatusSnapshot};
use crate::record::clock::Clock;
use crate::serve::link_base::LinkBase;
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
    /// The configured base of links; otherwise it is that of each request.
    base: Option<LinkBase>,
    cache: DocumentCache,
}

/// Returns the route of a document.
pub(super) fn route(document: PublicDocument, routes: Arc<StatusRoutes>) -> MethodRouter {
    let handler = move |State(routes): State<Arc<StatusRoutes>>,
                        RouteParameter(id): RouteParameter,
                        uri: Uri,
                        OriginalUri(original): OriginalUri,
                        headers: HeaderMap| {
        let target = RequestTarget {
            uri: &uri,
            original: &original,
            headers: &headers,
        };
        std::future::ready(routes.respond(document, id, target))
    };
    get(handler).with_state(routes)
}

impl StatusRoutes {
    /// Returns the routes; `brand` is the service's name until there is a snapshot.
    pub(crate) fn new(
        latest: LatestStatus,
        clock: Clock,
        brand: String,
        base: Option<LinkBase>,
    ) -> Self {
        Self {
            latest,
            clock,
            brand,
            base,
            cache: DocumentCache::default(),
        }
    }

    fn respond(
        &self,
        document: PublicDocument,
        id: Option<String>,
        target: RequestTarget<'_>,
    ) -> Response {
        let headers = target.headers;
        let base = self.base.clone().unwrap_or_else(|| target.link_base());
        let Some(snapshot) = self.latest.read() else {
            return self.unavailable(&base);
        };
        let document = match document {
            PublicDocument::Page(page) => {
                return self.page(page, &snapshot, target, &base).respond(headers);
            }
            PublicDocument::Notice => {
                self.notice(&id.unwrap_or_default(), &snapshot, target, &base)
            }
            PublicDocument::Feed => {
                let feed = render_feed(&snapshot, &base);
                Some(HttpDocument::new(MediaType::Atom, feed))
            }
            PublicDocument::Statuspage(document) => {
                let json = v2::render(document, &snapshot, &base);
                Some(HttpDocument::new(MediaType::Json, json))
            }
        };
        document.map_or_else(
            || self.not_found(&base),
            |document| document.respond(headers),
        )
    }

    /// Returns a page, rendered once for each snapshot and minute.
    fn page(
        &self,
        page: StatusPage,
        snapshot: &Arc<StatusSnapshot>,
        target: RequestTarget<'_>,
        base: &LinkBase,
    ) -> Arc<HttpDocument> {
        let path = target.uri.path();
        let (_, is_json) = split_json_suffix(path, target.headers);
        // The document of one reader is that of all, whatever the headers of each say.
        let relative = self.base.is_none().then(|| base.relative_to(path));
        let base = relative.as_ref().unwrap_or(base);
        let context = self.page_context(snapshot, target.uri, base);
        let key = DocumentKey {
            page,
            is_json,
            // JSON has no links and does not refresh itself.
            auto_refresh: context.auto_refresh && !is_json,
            link_prefix: if is_json { "" } else { base.prefix() }.to_owned(),
        };
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
        target: RequestTarget<'_>,
        base: &LinkBase,
    ) -> Option<HttpDocument> {
        let (id, is_json) = split_json_suffix(id, target.headers);
        let notice = Notice::find(snapshot, id.parse().ok()?)?;
        Some(if is_json {
            HttpDocument::new(MediaType::Json, to_public_json(&notice))
        } else {
            let html = render_incident(self.page_context(snapshot, target.uri, base), &notice);
            HttpDocument::new(MediaType::Html, html)
        })
    }

    fn page_context<'a>(
        &self,
        snapshot: &'a StatusSnapshot,
        uri: &Uri,
        base: &'a LinkBase,
    ) -> PageContext<'a> {
        PageContext {
            snapshot,
            now: Timestamp::try_from(self.clock.wall()).unwrap_or(Timestamp::UNIX_EPOCH),
            auto_refresh: wants_refresh(uri),
            base,
        }
    }

    /// Responds with 503 before there is a snapshot.
    fn unavailable(&self, base: &LinkBase) -> Response {
        let sentence = "There is no status information yet. Please come back in a moment.";
        let headers = [
            (header::CACHE_CONTROL, "no-store"),
            (header::RETRY_AFTER, "5"),
        ];
        let html = render_message(&self.brand, base, "No status yet", sentence);
        let response = message(StatusCode::SERVICE_UNAVAILABLE, html);
        (headers, response).into_response()
    }

    fn not_found(&self, base: &LinkBase) -> Response {
        let sentence = "There is no incident with this id, or it is more than 90 days old.";
        let html = render_message(&self.brand, base, "Not found", sentence);
        message(StatusCode::NOT_FOUND, html)
    }
}

/// Responds with a page that has only a message.
fn message(status: StatusCode, html: String) -> Response {
    let mut response = HttpDocument::new(MediaType::Html, html).respond(&HeaderMap::new());
    *response.status_mut() = status;
    response
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

#[cfg(test)]
mod tests;
