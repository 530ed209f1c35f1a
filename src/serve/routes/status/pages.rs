//! `/status` and the pages below it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use axum::routing::get;

use super::super::document::{HttpDocument, MediaType};
use super::super::headers::join_values;
use super::json::{self, DocumentKind};
use super::{StatusRoutes, base_url, not_found, unavailable, wants_refresh};
use crate::config::{FEED_PATH, INCIDENT_PATH, STATUS_PATHS};
use crate::export::prometheus::text::prefers_json;
use crate::model::status::{StatusId, StatusSnapshot};
use crate::serve::pages::{
    PageContext, render_feed, render_history, render_incident, render_incidents, render_status,
};

pub(super) fn add_routes(router: Router, routes: &Arc<StatusRoutes>) -> Router {
    let paths = STATUS_PATHS.into_iter().flatten();
    let router = paths.fold(router, |router, path| {
        router.route(path, get(respond).with_state(Arc::clone(routes)))
    });
    router
        .route(INCIDENT_PATH, get(incident).with_state(Arc::clone(routes)))
        .route(FEED_PATH, get(feed).with_state(Arc::clone(routes)))
}

async fn respond(
    State(routes): State<Arc<StatusRoutes>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(snapshot) = routes.latest.read() else {
        return unavailable(&routes);
    };
    let (path, is_json) = split_json_suffix(uri.path(), &headers);
    let kind = match path {
        "/status/incidents" => DocumentKind::Current,
        "/status/history" => DocumentKind::History,
        _ => DocumentKind::Status,
    };
    let auto_refresh = wants_refresh(&uri);
    let document = routes.cache.get_or_render(
        (kind, is_json, auto_refresh),
        &snapshot,
        routes.now(),
        || {
            if is_json {
                return HttpDocument::new(
                    MediaType::Json,
                    json::render_status_json(&snapshot, kind),
                );
            }
            let context = routes.page_context(&snapshot, auto_refresh);
            let html = match kind {
                DocumentKind::Status => render_status(context),
                DocumentKind::Current => render_incidents(context),
                DocumentKind::History => render_history(context),
            };
            HttpDocument::new(MediaType::Html, html)
        },
    );
    document.respond(&headers)
}

async fn incident(
    State(routes): State<Arc<StatusRoutes>>,
    Path(id_path): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(snapshot) = routes.latest.read() else {
        return unavailable(&routes);
    };
    let (id, is_json) = split_json_suffix(&id_path, &headers);
    let Ok(id) = id.parse::<StatusId>() else {
        return not_found(&routes);
    };
    let document = if is_json {
        json::render_notice_json(&snapshot, id).map(|text| HttpDocument::new(MediaType::Json, text))
    } else {
        let html = render_incident(routes.page_context(&snapshot, wants_refresh(&uri)), id);
        html.map(|html| HttpDocument::new(MediaType::Html, html))
    };
    document.map_or_else(|| not_found(&routes), |document| document.respond(&headers))
}

async fn feed(State(routes): State<Arc<StatusRoutes>>, headers: HeaderMap) -> Response {
    let Some(snapshot) = routes.latest.read() else {
        return unavailable(&routes);
    };
    let feed = render_feed(&snapshot, &base_url(&headers));
    HttpDocument::new(MediaType::Atom, feed).respond(&headers)
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

impl StatusRoutes {
    fn page_context<'a>(
        &self,
        snapshot: &'a StatusSnapshot,
        auto_refresh: bool,
    ) -> PageContext<'a> {
        PageContext {
            snapshot,
            now: self.now(),
            auto_refresh,
        }
    }
}
