//! `/status` and what is below it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use axum::routing::get;

use super::super::document::{Document, Type};
use super::super::headers::joined;
use super::json::{self, Part};
use super::{Page, base, not_found, refreshes, unavailable};
use crate::config::{FEED_PATH, INCIDENT_PATH, STATUS_PATHS};
use crate::export::prometheus::text::prefers_json;
use crate::model::status::{StatusId, StatusSnapshot};
use crate::serve::pages::{
    Reader, render_feed, render_history, render_incident, render_incidents, render_status,
};

pub(super) fn add(router: Router, page: &Arc<Page>) -> Router {
    let both = STATUS_PATHS.into_iter().flatten();
    let router = both.fold(router, |router, path| {
        router.route(path, get(answer).with_state(Arc::clone(page)))
    });
    router
        .route(INCIDENT_PATH, get(incident).with_state(Arc::clone(page)))
        .route(FEED_PATH, get(feed).with_state(Arc::clone(page)))
}

async fn answer(State(page): State<Arc<Page>>, uri: Uri, headers: HeaderMap) -> Response {
    let Some(snapshot) = page.latest.read() else {
        return unavailable(&page);
    };
    let (path, is_json) = split(uri.path(), &headers);
    let part = match path {
        "/status/incidents" => Part::Current,
        "/status/history" => Part::History,
        _ => Part::Status,
    };
    let refreshing = refreshes(&uri);
    let document = page
        .kept
        .document((part, is_json, refreshing), &snapshot, page.now(), || {
            if is_json {
                return Document::new(Type::Json, json::document(&snapshot, part));
            }
            let reader = page.reader(&snapshot, refreshing);
            let html = match part {
                Part::Status => render_status(reader),
                Part::Current => render_incidents(reader),
                Part::History => render_history(reader),
            };
            Document::new(Type::Html, html)
        });
    document.answer(&headers)
}

async fn incident(
    State(page): State<Arc<Page>>,
    Path(asked): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(snapshot) = page.latest.read() else {
        return unavailable(&page);
    };
    let (id, is_json) = split(&asked, &headers);
    let Ok(id) = id.parse::<StatusId>() else {
        return not_found(&page);
    };
    let found = if is_json {
        json::notice(&snapshot, id).map(|text| Document::new(Type::Json, text))
    } else {
        let html = render_incident(page.reader(&snapshot, refreshes(&uri)), id);
        html.map(|html| Document::new(Type::Html, html))
    };
    found.map_or_else(|| not_found(&page), |found| found.answer(&headers))
}

async fn feed(State(page): State<Arc<Page>>, headers: HeaderMap) -> Response {
    let Some(snapshot) = page.latest.read() else {
        return unavailable(&page);
    };
    let feed = render_feed(&snapshot, &base(&headers));
    Document::new(Type::Atom, feed).answer(&headers)
}

/// A path without `.json`, and whether JSON is wanted, by it or by the header.
fn split<'a>(path: &'a str, headers: &HeaderMap) -> (&'a str, bool) {
    match path.strip_suffix(".json") {
        Some(path) => (path, true),
        None => (
            path,
            prefers_json(joined(headers, &header::ACCEPT).as_deref()),
        ),
    }
}

impl Page {
    fn reader<'a>(&self, snapshot: &'a StatusSnapshot, refreshing: bool) -> Reader<'a> {
        Reader {
            snapshot,
            now: self.now(),
            refreshing,
        }
    }
}
