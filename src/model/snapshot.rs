//! The latest samples as plain values: written by the sampler, read by everything else.
//!
//! Observable instruments only copy from here, so that collecting can neither block nor panic, and
//! a thing that is no longer watched takes its series with it.

#[cfg_attr(
    not(feature = "axum"),
    expect(dead_code, reason = "the routes read the rest")
)]
pub(crate) mod health;
#[cfg_attr(
    not(feature = "axum"),
    expect(dead_code, reason = "the routes read the rest")
)]
pub(crate) mod private;
pub(crate) mod store;

#[cfg(feature = "postgres")]
pub(crate) mod database;
pub(crate) mod slo;

#[cfg(feature = "otlp")]
pub(crate) mod fleet;
#[cfg(not(feature = "otlp"))]
#[path = "snapshot/fleet/disabled.rs"]
pub(crate) mod fleet;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

/// The latest snapshot. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LatestSnapshot(Arc<ArcSwap<Snapshot>>);

impl LatestSnapshot {
    pub(crate) fn read(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    pub(crate) fn publish(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}

/// The samples taken at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) process: Option<ProcessFigures>,
    pub(crate) disks: Vec<DiskUsage>,
    pub(crate) queues: Vec<(Arc<str>, QueueState)>,
    pub(crate) pools: Vec<(Arc<str>, PoolState)>,
    #[cfg(feature = "postgres")]
    pub(crate) databases: Vec<(Arc<str>, Arc<database::DatabaseFigures>)>,
}

/// The figures of the process; `None` where the platform does not report one.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcessFigures {
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) memory_limit_bytes: Option<u64>,
    pub(crate) cpu_user_seconds: Option<f64>,
    pub(crate) cpu_system_seconds: Option<f64>,
    pub(crate) cpu_limit: f64,
    pub(crate) cpu_utilization: Option<f64>,
    pub(crate) file_descriptors: Option<u64>,
    pub(crate) uptime: Option<Duration>,
}

/// Space of one file system.
#[derive(Clone, Debug)]
pub(crate) struct DiskUsage {
    pub(crate) path: PathBuf,
    pub(crate) free_bytes: u64,
    pub(crate) used_bytes: u64,
}

/// A queue at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueState {
    /// Jobs that wait.
    pub depth: u64,
    /// For how long the oldest of them has been due; `None` while none waits.
    pub oldest: Option<Duration>,
}

/// A connection pool at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolState {
    /// Connections in use.
    pub used: u64,
    /// Connections that are open and free.
    pub idle: u64,
    /// Connections that the pool may open.
    pub max: u64,
    /// Callers that wait for one.
    pub pending: u64,
}
