//! Workers: the list, one of them, and the door through which their beats come in.

mod list;
mod one;
mod query;
mod receive;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use serde::Serialize;

use crate::config::{HEARTBEAT_PATH, Secret, WORKERS_PATH};
use crate::heartbeat::Reception;

/// What the routes of workers need to answer.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) reception: Arc<Reception>,
    /// Which beats must bring, where there is one.
    pub(crate) token: Option<Secret>,
}

/// Adds the routes.
pub(super) fn add(router: Router, page: Page) -> Router {
    let page = Arc::new(page);
    let list = get(list::answer).with_state(Arc::clone(&page));
    let one = get(one::answer).post(receive::answer).with_state(page);
    router.route(WORKERS_PATH, list).route(HEARTBEAT_PATH, one)
}

/// An answer that nobody keeps.
fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // Text and numbers only: it can't fail.
    let body = serde_json::to_string(body).unwrap_or_default();
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

/// What is wrong with a request.
#[derive(Serialize)]
struct Refused<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<Fault>,
}

/// One thing of it.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Fault {
    path: String,
    found: String,
    allowed: String,
}

fn refuse(status: StatusCode, error: &str, faults: Vec<Fault>) -> Response {
    json(status, &Refused { error, faults })
}

/// RFC 3339 with three digits, which every reader understands.
fn written(time: Timestamp) -> String {
    format!("{time:.3}")
}
