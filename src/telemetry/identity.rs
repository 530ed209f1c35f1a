//! The names by which others know this process.
//!
//! The instance is part of the keys in a shared store: two processes with the same one are one to
//! the store. Where no `service.instance_id` is set, the name stands alone, which is right for a
//! single process.

use crate::config::ServiceConfig;
use crate::model::heartbeat::BeatId;

/// Returns the name of this instance in a store that several share.
pub(super) fn instance(service: &ServiceConfig) -> String {
    let id = service.instance_id.as_deref();
    id.map_or_else(|| service.name.clone(), str::to_owned)
}

/// Returns the scheduler's id: the service's name, and the instance where it has an id, because of two that
/// beat under one id each would take the other for a restart. `None` where that is too long for an id.
pub(super) fn scheduler_id(service: &ServiceConfig) -> Option<BeatId> {
    BeatId::of_scheduler(&service.name, service.instance_id.as_deref())
}
