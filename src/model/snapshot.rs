//! The latest samples as plain values: written by the sampler, read by everything else.
//!
//! Observable instruments only copy from here, so that collecting can neither block nor panic, and
//! a thing that is no longer watched takes its series with it.
//!
//! | written by | holds | read by |
//! |---|---|---|
//! | the sampler | process, disks, queues, pools, databases | observable instruments |
//! | the health watcher | results of checks | probes, pages, the status page |
//! | the objectives' loop | the SLO report | routes, pages, gauges |
//!
//! Why snapshots and not locks? A reader takes one reference count and holds a consistent state for
//! as long as it likes; a writer never waits for a reader. What a scrape shows was true at one
//! moment, and not in parts at several.

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
///
/// `ArcSwap` makes reading lock-free: a scrape that stalls in the middle of writing its answer
/// delays nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct LatestSnapshot(Arc<ArcSwap<Snapshot>>);

impl LatestSnapshot {
    /// Takes the latest snapshot; an empty one before the first sample.
    pub(crate) fn read(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Replaces the snapshot for all readers to come.
    pub(crate) fn publish(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}

/// The samples taken at one time.
///
/// A list is empty, and a figure `None`, both before the first sample and where there is nothing to
/// watch: a reader leaves the series out in either case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) process: Option<ProcessFigures>,
    pub(crate) disks: Vec<DiskUsage>,
    /// By the name under which a queue is watched.
    pub(crate) queues: Vec<(Arc<str>, QueueState)>,
    /// By the name under which a pool is watched.
    pub(crate) pools: Vec<(Arc<str>, PoolState)>,
    /// By the name under which a database is watched. Shared, because the lists of relations are
    /// long and do not change between two samples of the process.
    #[cfg(feature = "postgres")]
    pub(crate) databases: Vec<(Arc<str>, Arc<database::DatabaseFigures>)>,
}

/// The figures of the process; `None` where the platform does not report one.
///
/// Absent and not 0: an alert on a share of memory must not be quiet because a platform reports
/// none.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProcessFigures {
    /// Pages that are in memory, including shared ones.
    pub(crate) resident_bytes: Option<u64>,
    /// The tightest limit of the process's control groups, or the machine's memory.
    pub(crate) memory_limit_bytes: Option<u64>,
    pub(crate) cpu_time: Option<CpuTime>,
    /// In processors, such as 0.5 or 4.
    pub(crate) cpu_limit: f64,
    /// Since the sample before, as a share of `cpu_limit`; `None` at the first sample.
    pub(crate) cpu_utilization: Option<f64>,
    pub(crate) file_descriptors: Option<u64>,
    pub(crate) uptime: Option<Duration>,
}

/// Processor time of all threads since the start of the process, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CpuTime {
    pub(crate) total: f64,
    /// `None`, as `system`, on a platform that doesn't tell the modes.
    pub(crate) user: Option<f64>,
    pub(crate) system: Option<f64>,
}

/// Space of one file system.
///
/// `free` is what this process may still write, without blocks that are reserved for root; `free +
/// used` may therefore be less than the size of the disk.
#[derive(Clone, Debug)]
pub(crate) struct DiskUsage {
    /// As configured, so that labels and messages show what an operator wrote.
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
