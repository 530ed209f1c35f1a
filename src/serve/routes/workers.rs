//! Workers: the list, one of them, and the door through which their beats come in.

mod list;
mod one;
mod query;
mod receive;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use jiff::Timestamp;

use super::answer::{Fault, json, refuse};
use crate::config::{HEARTBEAT_PATH, Secret, WORKERS_PATH};
use crate::watch::heartbeat::Reception;

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

/// RFC 3339 with three digits, which every reader understands.
fn written(time: Timestamp) -> String {
    format!("{time:.3}")
}
