//! Worker routes: the list, one worker, the receiver of beats, and the end of one that will not come back.

mod access;
mod detail;
mod forget;
mod list;
pub(crate) mod query;
mod receive;

use std::sync::Arc;

use self::list::WorkerLists;
use super::document_cache::DocumentCache;
use super::token_check::TokenCheck;
use crate::background::Supervisor;
use crate::watch::heartbeat::HeartbeatReceiver;

pub(super) use detail::respond as detail;
pub(super) use forget::{respond as forget, respond_for_health as forget_health};
pub(super) use list::respond as list;
pub(super) use receive::respond as receive;

/// The most lists by different queries that are waited for; further requests are told to come back.
const MAX_WAITING_LISTS: usize = 64;

/// The maximum size of a body. A beat has a few hundred bytes.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// The state of the worker routes.
#[derive(Debug)]
pub(crate) struct WorkerRoutes {
    receiver: Arc<HeartbeatReceiver>,
    /// The bearer token of those who beat and forget.
    token: TokenCheck,
    /// `true` if beats need no token.
    open: bool,
    lists: DocumentCache<WorkerLists>,
}

impl WorkerRoutes {
    pub(crate) fn new(
        receiver: Arc<HeartbeatReceiver>,
        token: TokenCheck,
        open: bool,
        supervisor: Supervisor,
    ) -> Self {
        let lists = WorkerLists(Arc::clone(&receiver));
        Self {
            receiver,
            token,
            open,
            lists: DocumentCache::new(lists, MAX_WAITING_LISTS, supervisor),
        }
    }
}
