//! Worker routes: the list, one worker, and the receiver of beats.

mod detail;
mod list;
mod query;
mod receive;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use jiff::Timestamp;

use super::response::{error_response, json_response};
use crate::config::{HEARTBEAT_PATH, Secret, WORKERS_PATH};
use crate::watch::heartbeat::HeartbeatReceiver;

/// The state of the worker routes.
#[derive(Debug)]
pub(crate) struct WorkerRoutes {
    pub(crate) receiver: Arc<HeartbeatReceiver>,
    /// Bearer token required for beats. Default: none.
    pub(crate) token: Option<Secret>,
}

/// Adds the worker routes.
pub(super) fn add_routes(router: Router, routes: WorkerRoutes) -> Router {
    let routes = Arc::new(routes);
    let list = get(list::respond).with_state(Arc::clone(&routes));
    let one = get(detail::respond)
        .post(receive::respond)
        .with_state(routes);
    router.route(WORKERS_PATH, list).route(HEARTBEAT_PATH, one)
}

/// Formats a time as RFC 3339 with three decimals, which every client understands.
fn format_time(time: Timestamp) -> String {
    format!("{time:.3}")
}
