//! The routes of the public pages, as HTML and as JSON.

mod public_json;

mod json;

mod v2;

mod documents;

mod slo;

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use axum::routing::{MethodRouter, get};

use self::documents::{DocumentKey, DocumentName, StatusDocuments};
use super::document_cache::DocumentCache;
use super::headers::join_values;
use super::query_string::QueryString;
use super::request_base::RequestTarget;
use super::route_parameter::RouteParameter;
use crate::background::Supervisor;
use crate::export::prometheus::text::prefers_json;
use crate::model::routes::PublicDocument;
use crate::model::status::LatestStatus;
use crate::record::clock::Clock;
use crate::serve::link_base::LinkBase;

pub(crate) use slo::{SloPageRoutes, SloPageSettings};

pub(super) use slo::respond as slo_page;

/// The most documents that are kept of those that every snapshot has: more than there are, so that no stranger
/// can have one of them dropped. A page has a form for each of four depths of the path that it was asked by,
/// with and without a refresh.
const MAX_COMMON_DOCUMENTS: usize = 64;
/// The most documents that are kept of incidents, and of the further pages of what is long.
const MAX_FURTHER_DOCUMENTS: usize = 32;

/// The state of the routes of the public pages.
#[derive(Debug)]
pub(crate) struct StatusRoutes {
    latest: LatestStatus,
    /// The configured base of links; otherwise it is that of each request.
    base: Option<LinkBase>,
    common: DocumentCache<Arc<StatusDocuments>>,
    /// Apart from the common ones, which wait for none of these.
    further: DocumentCache<Arc<StatusDocuments>>,
}

/// Returns the route of a document.
pub(super) fn route(document: PublicDocument, routes: Arc<StatusRoutes>) -> MethodRouter {
    let handler = move |State(routes): State<Arc<StatusRoutes>>,
                        RouteParameter(id): RouteParameter,
                        uri: Uri,
                        OriginalUri(original): OriginalUri,
                        headers: HeaderMap| async move {
        let target = RequestTarget {
            uri: &uri,
            original: &original,
            headers: &headers,
        };
        routes.respond(document, id, target).await
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
        supervisor: &Supervisor,
    ) -> Self {
        let cache = |documents, max| DocumentCache::new(documents, max, supervisor.clone());
        let documents = Arc::new(StatusDocuments::new(latest.clone(), clock, brand));
        Self {
            latest,
            base,
            common: cache(Arc::clone(&documents), MAX_COMMON_DOCUMENTS),
            further: cache(documents, MAX_FURTHER_DOCUMENTS),
        }
    }

    async fn respond(
        &self,
        document: PublicDocument,
        id: Option<String>,
        target: RequestTarget<'_>,
    ) -> Response {
        let base = self.base.clone().unwrap_or_else(|| target.link_base());
        let key = self.key(document, id, target, &base);
        let cache = if key.is_further() {
            &self.further
        } else {
            &self.common
        };
        match cache.get(key).await {
            Ok(document) => document.respond(target.headers, &base.url("")),
            Err(error) => error.to_response(),
        }
    }

    /// Returns the key of the document that a request is answered with. Nothing in it is text of the request: a
    /// stranger could have a document made and kept for whatever a header can hold.
    fn key(
        &self,
        document: PublicDocument,
        id: Option<String>,
        target: RequestTarget<'_>,
        base: &LinkBase,
    ) -> DocumentKey {
        let (path, query) = (target.uri.path(), QueryString::parse(target.uri));
        let snapshot = self.latest.read();
        let (mut name, mut is_json) = match document {
            PublicDocument::Page(page) => {
                let (_, is_json) = split_json_suffix(path, target.headers);
                (DocumentName::Page(page), is_json)
            }
            PublicDocument::Notice => {
                let id = id.unwrap_or_default();
                let (id, is_json) = split_json_suffix(&id, target.headers);
                let name = id
                    .parse()
                    .map_or(DocumentName::NotFound, DocumentName::Notice);
                (name, is_json)
            }
            PublicDocument::Feed => (DocumentName::Feed, false),
            PublicDocument::Statuspage(document) => (DocumentName::Statuspage(document), true),
        };
        let mut page = 1;
        if let Some(snapshot) = snapshot {
            match requested_page(name.page_count(&snapshot), &query) {
                Some(requested) => page = requested,
                None => (name, is_json) = (DocumentName::NotFound, false),
            }
        }
        let is_html = name.is_html() && !is_json;
        let links = if is_html {
            match &self.base {
                Some(base) => base.clone(),
                None => base.relative_to(path),
            }
        } else if !name.has_absolute_links() {
            LinkBase::default()
        } else if self.base.is_some() || base.is_unknown() {
            base.clone()
        } else {
            LinkBase::placeholder()
        };
        DocumentKey {
            name,
            is_json,
            auto_refresh: is_html && wants_refresh(&query),
            page,
            links,
        }
    }

    #[cfg(test)]
    fn document_count(&self) -> usize {
        self.common.len() + self.further.len()
    }
}

/// Returns the page that a query asks for, of so many: the first without a word, `None` for one that is not
/// there.
fn requested_page(count: usize, query: &QueryString) -> Option<usize> {
    let page = match query.last("page") {
        Some(text) if count > 1 => text.parse().ok()?,
        _ => 1,
    };
    (1..=count).contains(&page).then_some(page)
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
fn wants_refresh(query: &QueryString) -> bool {
    query.last("refresh") != Some("off")
}

#[cfg(test)]
mod tests;
