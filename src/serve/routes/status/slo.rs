//! `GET /status/slo`: the objectives of this process as a page, or as JSON.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::super::document::{HttpDocument, MediaType};
use super::super::headers::join_values;
use super::wants_refresh;
use crate::config::SLO_PAGE_PATHS;
use crate::export::prometheus::text::prefers_json;
use crate::model::slo::policy::BurnRatePolicy;
use crate::model::snapshot::slo::LatestSloReport;
use crate::serve::pages::{SloPageOptions, render_served_slo};

/// The state of the page's routes.
#[derive(Debug)]
pub(crate) struct SloPageRoutes {
    pub(crate) latest: LatestSloReport,
    /// The policy whose thresholds are drawn.
    pub(crate) policy: BurnRatePolicy,
    /// The name of the service.
    pub(crate) brand: String,
    /// True if there are public pages beside it.
    pub(crate) public: bool,
}

pub(super) fn add_routes(router: Router, routes: SloPageRoutes) -> Router {
    let routes = Arc::new(routes);
    let [html, json] = SLO_PAGE_PATHS;
    router
        .route(html, get(respond).with_state(Arc::clone(&routes)))
        .route(json, get(respond_json).with_state(routes))
}

async fn respond(
    State(routes): State<Arc<SloPageRoutes>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if prefers_json(join_values(&headers, &header::ACCEPT).as_deref()) {
        return routes.json_response(&headers);
    }
    let Some(report) = routes.latest.read() else {
        return unavailable();
    };
    let options = SloPageOptions {
        brand: &routes.brand,
        public: routes.public,
        auto_refresh: wants_refresh(&uri),
    };
    let html = render_served_slo(&report, &routes.policy, options);
    HttpDocument::new(MediaType::Html, html).respond(&headers)
}

async fn respond_json(State(routes): State<Arc<SloPageRoutes>>, headers: HeaderMap) -> Response {
    routes.json_response(&headers)
}

impl SloPageRoutes {
    fn json_response(&self, headers: &HeaderMap) -> Response {
        match self.latest.read() {
            Some(report) => HttpDocument::new(MediaType::Json, report.to_json()).respond(headers),
            None => unavailable(),
        }
    }
}

fn unavailable() -> Response {
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::RETRY_AFTER, "10"),
    ];
    let message = "the objectives were not judged yet\n";
    (StatusCode::SERVICE_UNAVAILABLE, headers, message).into_response()
}
