//! The workers that a service or its store knows, for the command.

mod service;
mod store;

use serde::{Deserialize, Serialize};

use crate::model::causes::debug_as_text;

pub use service::WorkersOfService;
pub use store::WorkersOfStore;

/// A worker or scheduler, as `GET /api/v1/workers/health` lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WorkerSummary {
    /// Its id.
    pub worker_id: String,
    /// `worker` or `scheduler`.
    #[serde(default)]
    pub role: String,
    /// Its state, such as `online`.
    pub state: String,
    /// The time of its last beat in RFC 3339; `None` before the first one.
    pub last_seen: Option<String>,
    /// The time since then in milliseconds.
    pub age_ms: Option<u64>,
    /// Jobs that are running.
    pub in_flight: u64,
    /// Jobs that ended.
    pub processed_total: u64,
    /// Of these, jobs that did not succeed.
    pub failed_total: u64,
    /// Jobs that wait; `None` where it watches no queue.
    pub queue_depth: Option<u64>,
}

/// The error of a service or store that could not be asked, or did not do it.
///
/// The URL, the token, the network or the store are at fault; the message says which.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct KnownWorkersError(String);
debug_as_text!(KnownWorkersError);

/// The result of forgetting a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgotten {
    /// It is gone.
    Yes,
    /// No such worker is known.
    Unknown,
}
