//! `GET /status/slo`: the objectives of this process as a page, or as JSON.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::super::document::{Document, Type};
use super::super::headers::joined;
use super::refreshes;
use crate::config::SLO_PAGE_PATHS;
use crate::export::prometheus::text::prefers_json;
use crate::model::slo::policy::Policy;
use crate::model::snapshot::slo::LatestSlo;
use crate::serve::pages::{Served, serve_slo};

/// What the page needs to answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) latest: LatestSlo,
    /// Whose thresholds it draws.
    pub(crate) policy: Policy,
    /// Whose page it is.
    pub(crate) brand: String,
    /// Whether there are public pages beside it.
    pub(crate) public: bool,
}

pub(super) fn add(router: Router, page: Page) -> Router {
    let page = Arc::new(page);
    let [html, json] = SLO_PAGE_PATHS;
    router
        .route(html, get(negotiated).with_state(Arc::clone(&page)))
        .route(json, get(as_json).with_state(page))
}

async fn negotiated(State(page): State<Arc<Page>>, uri: Uri, headers: HeaderMap) -> Response {
    if prefers_json(joined(&headers, &header::ACCEPT).as_deref()) {
        return page.json(&headers);
    }
    let Some(report) = page.latest.read() else {
        return unavailable();
    };
    let served = Served {
        brand: &page.brand,
        public: page.public,
        refreshing: refreshes(&uri),
    };
    let html = serve_slo(&report, &page.policy, served);
    Document::new(Type::Html, html).answer(&headers)
}

async fn as_json(State(page): State<Arc<Page>>, headers: HeaderMap) -> Response {
    page.json(&headers)
}

impl Page {
    fn json(&self, headers: &HeaderMap) -> Response {
        match self.latest.read() {
            Some(report) => Document::new(Type::Json, report.to_json()).answer(headers),
            None => unavailable(),
        }
    }
}

fn unavailable() -> Response {
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::RETRY_AFTER, "10"),
    ];
    let why = "the objectives were not judged yet\n";
    (StatusCode::SERVICE_UNAVAILABLE, headers, why).into_response()
}
