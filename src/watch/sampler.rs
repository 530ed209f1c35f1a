//! The background loop that turns what is watched into the latest snapshot.
//!
//! One thread of its own, so that a blocked runtime is seen and not joined. What a user's sampler
//! does cannot hurt it: a panic is caught and counted, and the others' figures are published.

mod process;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io, thread};

#[cfg(feature = "postgres")]
use crate::model::snapshot::database::Database;
use crate::model::snapshot::{Disk, Latest, PoolState, Process, QueueState, Snapshot};
use crate::record::clock::Clock;
use crate::record::instruments::{Own, Watched};
pub(crate) use process::FilesystemSample;
use process::ProcessSampler;
use process::cpu::CpuMeter;

/// How often queues, pools and running work are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How many ticks lie between two looks at the process and its disks.
const PROCESS_TICKS: u64 = 5;

/// What is sampled, and where the result is published. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Sampler(Arc<Inner>);

struct Inner {
    clock: Clock,
    latest: Latest,
    running: Watched,
    own: Own,
    disks: Vec<PathBuf>,
    next: AtomicU64,
    sources: Mutex<Vec<Source>>,
    process: Mutex<ProcessState>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler")
            .field("disks", &self.disks)
            .finish_non_exhaustive()
    }
}

struct ProcessState {
    sampler: ProcessSampler,
    cpu: CpuMeter,
    ticks: u64,
}

#[derive(Clone)]
struct Source {
    id: u64,
    name: Arc<str>,
    read: Read,
}

#[derive(Clone)]
enum Read {
    Queue(Arc<dyn Fn() -> QueueState + Send + Sync>),
    Pool(Arc<dyn Fn() -> PoolState + Send + Sync>),
    #[cfg(feature = "postgres")]
    Database(Arc<dyn Fn() -> Option<Arc<Database>> + Send + Sync>),
}

impl Sampler {
    pub(crate) fn new(
        clock: Clock,
        latest: Latest,
        running: Watched,
        own: Own,
        disks: Vec<PathBuf>,
    ) -> Self {
        let process = ProcessState {
            sampler: ProcessSampler::new(),
            cpu: CpuMeter::default(),
            ticks: 0,
        };
        Self(Arc::new(Inner {
            clock,
            latest,
            running,
            own,
            disks,
            next: AtomicU64::new(0),
            sources: Mutex::default(),
            process: Mutex::new(process),
        }))
    }

    /// Watches a queue until [`forget`](Self::forget).
    pub(crate) fn watch_queue(
        &self,
        name: &str,
        read: Arc<dyn Fn() -> QueueState + Send + Sync>,
    ) -> u64 {
        self.watch(name, Read::Queue(read))
    }

    /// Watches a pool until [`forget`](Self::forget).
    pub(crate) fn watch_pool(
        &self,
        name: &str,
        read: Arc<dyn Fn() -> PoolState + Send + Sync>,
    ) -> u64 {
        self.watch(name, Read::Pool(read))
    }

    /// Watches a database until [`forget`](Self::forget). `read` answers what somebody else has read.
    #[cfg(feature = "postgres")]
    pub(crate) fn watch_database(
        &self,
        name: &str,
        read: Arc<dyn Fn() -> Option<Arc<Database>> + Send + Sync>,
    ) -> u64 {
        self.watch(name, Read::Database(read))
    }

    pub(crate) fn forget(&self, id: u64) {
        lock(&self.0.sources).retain(|source| source.id != id);
    }

    /// Looks at everything once and publishes what it found.
    pub(crate) fn tick(&self) {
        let inner = &self.0;
        inner.running.tick(inner.clock.now());
        let mut snapshot = Snapshot::clone(&inner.latest.read());
        inner.sample_process(&mut snapshot);
        inner.sample_sources(&mut snapshot);
        inner.latest.publish(snapshot);
    }

    /// Starts the loop on a thread of its own; it ends when the answer is dropped.
    pub(crate) fn start(&self) -> io::Result<SyncSender<()>> {
        let (stop, stopped) = sync_channel(0);
        let sampler = self.clone();
        thread::Builder::new()
            .name("vantage-sampler".into())
            .spawn(move || {
                while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    sampler.tick();
                }
            })?;
        Ok(stop)
    }

    fn watch(&self, name: &str, read: Read) -> u64 {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.0.sources).push(Source {
            id,
            name: Arc::from(name),
            read,
        });
        id
    }
}

impl Inner {
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
            .map(Disk::from)
            .collect();
        snapshot.process = state.sampler.sample().map(|sample| {
            let at = self.clock.now();
            let used = sample.cpu_seconds();
            Process {
                resident_bytes: sample.resident_memory_bytes,
                memory_limit_bytes: sample.memory_limit_bytes,
                cpu_user_seconds: sample.cpu_seconds_user,
                cpu_system_seconds: sample.cpu_seconds_system,
                cpu_limit: sample.cpu_limit_cores,
                cpu_utilization: used
                    .and_then(|used| state.cpu.observe(used, sample.cpu_limit_cores, at)),
                file_descriptors: sample.open_file_descriptors,
                uptime: sample
                    .started_at
                    .and_then(|started| self.clock.uptime(started)),
            }
        });
    }

    fn sample_sources(&self, snapshot: &mut Snapshot) {
        (snapshot.queues, snapshot.pools) = (Vec::new(), Vec::new());
        #[cfg(feature = "postgres")]
        snapshot.databases.clear();
        // A copy, so that a sampler may itself start or end watching.
        let sources = lock(&self.sources).clone();
        for Source { name, read, .. } in sources {
            match read {
                Read::Queue(read) => snapshot.queues.extend(
                    self.guarded("queue", &name, &*read)
                        .map(|state| (name, state)),
                ),
                Read::Pool(read) => snapshot.pools.extend(
                    self.guarded("pool", &name, &*read)
                        .map(|state| (name, state)),
                ),
                #[cfg(feature = "postgres")]
                Read::Database(read) => snapshot.databases.extend(
                    self.guarded("database", &name, &*read)
                        .flatten()
                        .map(|database| (name, database)),
                ),
            }
        }
    }

    fn guarded<T>(
        &self,
        kind: &str,
        name: &str,
        read: &(dyn Fn() -> T + Send + Sync),
    ) -> Option<T> {
        let state = catch_unwind(AssertUnwindSafe(read)).ok();
        if state.is_none() {
            self.own.sampler_failed(&format!("{kind}:{name}"));
        }
        state
    }
}

impl From<FilesystemSample> for Disk {
    fn from(sample: FilesystemSample) -> Self {
        Self {
            path: sample.path,
            free_bytes: sample.free_bytes,
            used_bytes: sample.used_bytes,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
