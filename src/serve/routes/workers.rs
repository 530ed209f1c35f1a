//! Worker routes: the list, one worker, and the receiver of beats.

mod detail;
mod list;
mod query;
mod receive;

use std::sync::Arc;

use crate::config::Secret;
use crate::watch::heartbeat::HeartbeatReceiver;

pub(super) use detail::respond as detail;
pub(super) use list::respond as list;
pub(super) use receive::respond as receive;

/// The state of the worker routes.
#[derive(Debug)]
pub(crate) struct WorkerRoutes {
    pub(crate) receiver: Arc<HeartbeatReceiver>,
    /// Bearer token required for beats. Default: none.
    pub(crate) token: Option<Secret>,
}
