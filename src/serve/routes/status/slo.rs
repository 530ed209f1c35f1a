//! `GET /status/slo`: the objectives of this process as a page, or as JSON.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use super::super::document::{HttpDocument, MediaType};
use super::super::request_base::RequestTarget;
use super::{split_json_suffix, wants_refresh};
use crate::model::slo::policy::BurnRatePolicy;
use crate::model::snapshot::slo::LatestSloReport;
use crate::serve::link_base::LinkBase;
use crate::serve::pages::{SloPageOptions, render_served_slo};

/// The state of the page's route.
#[derive(Debug)]
pub(crate) struct SloPageRoutes {
    pub(crate) latest: LatestSloReport,
    /// The policy whose thresholds are drawn.
    pub(crate) policy: BurnRatePolicy,
    /// The name of the service.
    pub(crate) brand: String,
    /// True if there are public pages beside it.
    pub(crate) public: bool,
    /// The configured base of links; otherwise it is that of each request.
    pub(crate) base: Option<LinkBase>,
}

pub(in crate::serve::routes) async fn respond(
    State(routes): State<Arc<SloPageRoutes>>,
    uri: Uri,
    OriginalUri(original): OriginalUri,
    headers: HeaderMap,
) -> Response {
    let Some(report) = routes.latest.read() else {
        return unavailable();
    };
    let (_, is_json) = split_json_suffix(uri.path(), &headers);
    let document = if is_json {
        HttpDocument::new(MediaType::Json, report.to_json())
    } else {
        let target = RequestTarget {
            uri: &uri,
            original: &original,
            headers: &headers,
        };
        let base = routes.base.clone();
        let options = SloPageOptions {
            base: &base.unwrap_or_else(|| target.link_base()),
            brand: &routes.brand,
            public: routes.public,
            auto_refresh: wants_refresh(&uri),
        };
        let html = render_served_slo(&report, &routes.policy, options);
        HttpDocument::new(MediaType::Html, html)
    };
    document.respond(&headers)
}

fn unavailable() -> Response {
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::RETRY_AFTER, "10"),
    ];
    let message = "the objectives have not been evaluated yet\n";
    (StatusCode::SERVICE_UNAVAILABLE, headers, message).into_response()
}
