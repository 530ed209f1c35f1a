//! Worker routes: the list, one worker, the receiver of beats, and the end of one that will not come back.

mod access;
mod detail;
mod forget;
mod list;
mod query;
mod receive;

use std::sync::Arc;

use super::token_check::TokenCheck;
use crate::watch::heartbeat::HeartbeatReceiver;

pub(super) use detail::respond as detail;
pub(super) use forget::{respond as forget, respond_for_health as forget_health};
pub(super) use list::respond as list;
pub(super) use receive::respond as receive;

/// The state of the worker routes.
#[derive(Debug)]
pub(crate) struct WorkerRoutes {
    pub(crate) receiver: Arc<HeartbeatReceiver>,
    /// The bearer token of those who beat and forget.
    pub(crate) token: TokenCheck,
    /// `true` if beats need no token.
    pub(crate) open: bool,
}
