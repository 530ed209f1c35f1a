//! The sampler: a background loop that publishes the latest snapshot of the process and its sources.
//!
//! One thread of its own, so that a blocked runtime is seen and not joined. What a user's sampler
//! does cannot hurt it: a panic is caught and counted, one that hangs is given up, and the others' figures are
//! published.
//!
//! | every | figures |
//! |---|---|
//! | second | queues, pools, databases, running work |
//! | five seconds | process and disks, which cost a dozen files of the kernel |

mod async_reading;
mod pools;
mod process;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use tokio::runtime::Handle;

use crate::background::Supervisor;
use crate::background::fallback_runtime::{FallbackRuntime, UserRuntime};
use crate::background::thread::LoopGuard;
use crate::background::user_code::{HangingCalls, Reading, UserCall, UserCode};
#[cfg(feature = "postgres")]
use crate::model::snapshot::database::DatabaseFigures;
use crate::model::snapshot::{
    DiskUsage, LatestSnapshot, PoolState, ProcessFigures, QueueState, Snapshot,
};
use crate::record::clock::Clock;
use crate::record::instruments::{InFlight, SelfTelemetry};
use crate::record::sync::lock;
use async_reading::AsyncReading;
pub(crate) use async_reading::ReadError;
use pools::SampledPools;
use process::cpu::CpuMeter;
pub(crate) use process::{FilesystemSample, ProcessSampler};

/// The interval between two samples of queues, pools and running work.
/// Shorter than common scrape intervals, so that each scrape has a figure of its own.
const TICK: Duration = Duration::from_secs(1);
/// The time that the user's functions have to read their sources; a thread needs a moment to begin.
const SAMPLE_TIMEOUT: Duration = Duration::from_secs(2);
/// The number of ticks between two samples of the process and its disks.
const PROCESS_TICKS: u64 = 5;

/// A sampler of the process, its disks and the registered sources, which publishes snapshots. Clones
/// share it.
#[derive(Clone, Debug)]
pub(crate) struct SnapshotSampler(Arc<Inner>);

struct Inner {
    clock: Clock,
    latest_snapshot: LatestSnapshot,
    in_flight: InFlight,
    self_telemetry: SelfTelemetry,
    disks: Vec<PathBuf>,
    /// Relaxed: ids only have to differ.
    next_id: AtomicU64,
    sources: Mutex<Vec<SampleSource>>,
    code: UserCode,
    supervisor: Supervisor,
    /// For sources that are asked, and were registered where there is no runtime.
    fallback_runtime: FallbackRuntime,
    /// Apart from `sources`, so that a slow disk does not hold up who registers a queue.
    process: Mutex<ProcessState>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotSampler")
            .field("disks", &self.disks)
            .finish_non_exhaustive()
    }
}

/// The state between two samples of the process; `ticks` counts the loop's turns.
struct ProcessState {
    sampler: ProcessSampler,
    cpu: CpuMeter,
    ticks: u64,
    /// The uptime at the first sample and its time; the rest is monotonic, however the clock is set.
    first_uptime: Option<(Duration, Instant)>,
}

/// A registered queue, pool or database.
#[derive(Clone)]
struct SampleSource {
    id: u64,
    name: Arc<str>,
    callback: SampleCallback,
}

/// The function that reads a source: the user's but for a database, whose figures we sample ourselves.
#[derive(Clone)]
enum SampleCallback {
    Queue(Reading<QueueState>),
    /// With the pool's address, where it is known.
    Pool(Reading<PoolState>, Option<usize>),
    AsyncQueue(Arc<AsyncReading<QueueState>>),
    AsyncPool(Arc<AsyncReading<PoolState>>),
    #[cfg(feature = "postgres")]
    Database(Arc<dyn Fn() -> Option<Arc<DatabaseFigures>> + Send + Sync>),
}

impl SnapshotSampler {
    pub(crate) fn new(
        clock: Clock,
        latest_snapshot: LatestSnapshot,
        in_flight: InFlight,
        self_telemetry: SelfTelemetry,
        disks: Vec<PathBuf>,
        supervisor: Supervisor,
    ) -> Self {
        let process = ProcessState {
            sampler: ProcessSampler::new(),
            cpu: CpuMeter::default(),
            ticks: 0,
            first_uptime: None,
        };
        Self(Arc::new(Inner {
            clock,
            latest_snapshot,
            in_flight,
            self_telemetry,
            disks,
            next_id: AtomicU64::new(0),
            sources: Mutex::default(),
            code: UserCode::new("vantage-sampler-callback"),
            supervisor,
            fallback_runtime: FallbackRuntime::new("vantage-sources"),
            process: Mutex::new(process),
        }))
    }

    /// Watches a queue until [`unwatch`](Self::unwatch).
    pub(crate) fn watch_queue(
        &self,
        name: &str,
        read: Arc<dyn Fn() -> QueueState + Send + Sync>,
    ) -> u64 {
        let reading = Reading::new(format!("queue:{name}"), move || Ok(read()));
        self.watch(name, SampleCallback::Queue(reading))
    }

    /// Watches a pool until [`unwatch`](Self::unwatch); `address` is that of the pool, where it is known.
    pub(crate) fn watch_pool(
        &self,
        name: &str,
        address: Option<usize>,
        read: Arc<dyn Fn() -> PoolState + Send + Sync>,
    ) -> u64 {
        let reading = Reading::new(format!("pool:{name}"), move || Ok(read()));
        self.watch(name, SampleCallback::Pool(reading, address))
    }

    /// Watches a queue that has to be asked until [`unwatch`](Self::unwatch), on the runtime of the caller.
    pub(crate) fn watch_queue_async<F, E>(
        &self,
        name: &str,
        interval: Duration,
        read: impl Fn() -> F + Send + Sync + 'static,
    ) -> u64
    where
        F: Future<Output = Result<QueueState, E>> + Send + 'static,
        E: Into<ReadError>,
    {
        let reading = AsyncReading::new(format!("queue:{name}"), interval, self.runtime(), read);
        self.watch(name, SampleCallback::AsyncQueue(Arc::new(reading)))
    }

    /// Watches a pool that has to be asked until [`unwatch`](Self::unwatch), on the runtime of the caller.
    pub(crate) fn watch_pool_async<F, E>(
        &self,
        name: &str,
        interval: Duration,
        read: impl Fn() -> F + Send + Sync + 'static,
    ) -> u64
    where
        F: Future<Output = Result<PoolState, E>> + Send + 'static,
        E: Into<ReadError>,
    {
        let reading = AsyncReading::new(format!("pool:{name}"), interval, self.runtime(), read);
        self.watch(name, SampleCallback::AsyncPool(Arc::new(reading)))
    }

    /// Returns the runtime of the caller, or else one of the sampler's.
    fn runtime(&self) -> Option<Handle> {
        let inner = &self.0;
        let runtime = inner
            .fallback_runtime
            .current_or_fallback(&inner.supervisor);
        runtime.map(|(UserRuntime::Service(handle) | UserRuntime::Fallback(handle))| handle)
    }

    /// Watches a database until [`unwatch`](Self::unwatch). `read` returns the figures of another
    /// reader.
    #[cfg(feature = "postgres")]
    pub(crate) fn watch_database(
        &self,
        name: &str,
        read: Arc<dyn Fn() -> Option<Arc<DatabaseFigures>> + Send + Sync>,
    ) -> u64 {
        self.watch(name, SampleCallback::Database(read))
    }

    /// The samplers of the user that were given up and have not returned.
    pub(crate) fn hanging(&self) -> &HangingCalls {
        self.0.code.hanging()
    }

    pub(crate) fn unwatch(&self, id: u64) {
        let mut sources = lock(&self.0.sources);
        let place = sources.iter().position(|source| source.id == id);
        let removed = place.map(|place| sources.remove(place));
        drop(sources);
        // Without the lock: the function may own what watches another source.
        drop(removed);
    }

    /// Takes one sample and publishes it.
    pub(crate) fn tick(&self) {
        let inner = &self.0;
        inner.in_flight.tick(inner.clock.now());
        // A copy of the last one: what is not due keeps its figures.
        let mut snapshot = Snapshot::clone(&inner.latest_snapshot.read());
        inner.sample_process(&mut snapshot);
        inner.sample_sources(&mut snapshot);
        inner.latest_snapshot.publish(snapshot);
    }

    /// Starts the loop on a thread of its own.
    pub(crate) fn start(&self, supervisor: &Supervisor) -> LoopGuard {
        let sampler = self.clone();
        supervisor.repeat("vantage-sampler", TICK, move || sampler.tick())
    }

    fn watch(&self, name: &str, callback: SampleCallback) -> u64 {
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        lock(&self.0.sources).push(SampleSource {
            id,
            name: Arc::from(name),
            callback,
        });
        id
    }
}

impl Inner {
    /// Samples the process and its disks in every fifth tick.
    fn sample_process(&self, snapshot: &mut Snapshot) {
        let mut state = lock(&self.process);
        let due = state.ticks.is_multiple_of(PROCESS_TICKS);
        state.ticks += 1;
        if !due {
            return;
        }
        snapshot.disks = self
            .disks
            .iter()
            .filter_map(|path| FilesystemSample::read(path))
            .map(DiskUsage::from)
            .collect();
        snapshot.process = state.sampler.sample().map(|sample| {
            let at = self.clock.now();
            let used = sample.cpu_time.map(|time| time.total);
            ProcessFigures {
                resident_bytes: sample.resident_memory_bytes,
                memory_limit_bytes: sample.memory_limit_bytes,
                cpu_time: sample.cpu_time,
                cpu_limit: sample.cpu_limit_cores,
                cpu_utilization: used
                    .and_then(|used| state.cpu.observe(used, sample.cpu_limit_cores, at)),
                file_descriptors: sample.open_file_descriptors,
                uptime: state.uptime(&self.clock, sample.started_at, at),
            }
        });
    }

    /// Looks after a source that has to be asked; returns its latest figures.
    fn ask<T: Copy + Send + 'static>(&self, read: &AsyncReading<T>, now: Instant) -> Option<T> {
        if read.tick(now) {
            self.self_telemetry.record_sampler_error(read.name());
        }
        read.latest()
    }

    /// Reads all registered sources, each apart from the others.
    fn sample_sources(&self, snapshot: &mut Snapshot) {
        // Not kept from the last tick: a source that panics now has no figure, instead of an old
        // one.
        snapshot.queues = Vec::new();
        let mut pools = SampledPools::default();
        #[cfg(feature = "postgres")]
        snapshot.databases.clear();
        // A copy, so that a sampler may itself start or end watching.
        let sources = lock(&self.sources).clone();
        let calls: Vec<_> = sources.iter().filter_map(SampleSource::call).collect();
        for failed in self.code.call_all(&calls, SAMPLE_TIMEOUT) {
            self.self_telemetry.record_sampler_error(failed.name());
        }
        let now = self.clock.now();
        for SampleSource { name, callback, .. } in sources {
            match callback {
                SampleCallback::AsyncQueue(read) => {
                    let state = self.ask(&read, now);
                    snapshot.queues.extend(state.map(|state| (name, state)));
                }
                SampleCallback::AsyncPool(read) => {
                    if let Some(state) = self.ask(&read, now) {
                        pools.add(name, None, state);
                    }
                }
                SampleCallback::Queue(read) => {
                    let state = read.with_result(|state| *state);
                    snapshot.queues.extend(state.map(|state| (name, state)));
                }
                SampleCallback::Pool(read, address) => {
                    if let Some(state) = read.with_result(|state| *state) {
                        pools.add(name, address, state);
                    }
                }
                #[cfg(feature = "postgres")]
                SampleCallback::Database(read) => {
                    snapshot
                        .databases
                        .extend(read().map(|figures| (name, figures)));
                }
            }
        }
        snapshot.pools = pools.into_named();
    }
}

impl SampleSource {
    /// Returns the user's function.
    fn call(&self) -> Option<Arc<UserCall>> {
        match &self.callback {
            SampleCallback::Queue(read) => Some(Arc::clone(read.call())),
            SampleCallback::Pool(read, _) => Some(Arc::clone(read.call())),
            SampleCallback::AsyncQueue(_) | SampleCallback::AsyncPool(_) => None,
            #[cfg(feature = "postgres")]
            SampleCallback::Database(_) => None,
        }
    }
}

impl ProcessState {
    /// Returns the uptime of the process; `None` where its start is not known.
    fn uptime(
        &mut self,
        clock: &Clock,
        started_at: Option<SystemTime>,
        now: Instant,
    ) -> Option<Duration> {
        if self.first_uptime.is_none() {
            let uptime = clock.uptime(started_at?)?;
            self.first_uptime = Some((uptime, now));
        }
        let (uptime, at) = self.first_uptime?;
        Some(uptime.saturating_add(now.saturating_duration_since(at)))
    }
}

impl From<FilesystemSample> for DiskUsage {
    fn from(sample: FilesystemSample) -> Self {
        Self {
            path: sample.path,
            free_bytes: sample.free_bytes,
            used_bytes: sample.used_bytes,
        }
    }
}
