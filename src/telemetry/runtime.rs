//! Runtimes of tokio that are watched. Read when metrics are collected: loads of some atomics for each worker thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use opentelemetry::KeyValue;
use tokio::runtime::Handle;
use tokio_metrics::{RuntimeIntervals, RuntimeMetrics, RuntimeMonitor};

use crate::model::catalog::MetricSpec;
use crate::model::catalog::process::{
    RUNTIME_BUSY, RUNTIME_GLOBAL_QUEUE, RUNTIME_TASKS, RUNTIME_WORKERS,
};
use crate::record::series::Instruments;
use crate::record::sync::lock;
use crate::telemetry::{Telemetry, WatchGuard};

/// The watched runtimes, and their instruments once there is one.
#[derive(Debug, Default)]
pub(super) struct Runtimes {
    observed: OnceLock<()>,
    watched: Arc<Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    next_id: AtomicU64,
    runtimes: ArcSwap<Vec<Arc<WatchedRuntime>>>,
}

#[derive(Debug)]
struct WatchedRuntime {
    id: u64,
    name: Arc<str>,
    reading: Mutex<RuntimeReading>,
}

/// The figures of tokio are those since the reading before.
#[derive(Debug)]
struct RuntimeReading {
    intervals: RuntimeIntervals,
    busy: Duration,
}

/// A runtime that is watched until this is dropped.
#[derive(Debug)]
struct Registration(Arc<Watched>, u64);

impl Telemetry {
    /// Watches a runtime of tokio until the guard is dropped: its worker threads and the time that they are busy, its
    /// tasks that have not ended, and those that wait in its global queue. Needs no `tokio_unstable`.
    ///
    /// The name tells runtimes of one process apart. A number of tasks that only grows is a leak; a global queue that
    /// stays long is a runtime whose threads are blocked or too few.
    ///
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # use vantage_obs::testing::TestTelemetry;
    /// # let test = TestTelemetry::new();
    /// # let telemetry = test.telemetry();
    /// let watched = telemetry.watch_runtime("main", &tokio::runtime::Handle::current());
    /// tokio::spawn(std::future::pending::<()>());
    /// let labels = [("runtime", "main")];
    /// assert_eq!(test.value("vantage_process_runtime_workers", &labels), Some(1.0));
    /// assert_eq!(test.value("vantage_process_runtime_alive_tasks", &labels), Some(1.0));
    /// drop(watched);
    /// assert_eq!(test.value("vantage_process_runtime_workers", &labels), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watch_runtime(&self, name: &str, runtime: &Handle) -> WatchGuard {
        let runtimes = &self.0.runtimes;
        let instruments = &self.0.recording.instruments;
        let observed = &runtimes.observed;
        observed.get_or_init(|| observe(instruments, &runtimes.watched));
        let id = runtimes.watched.add(name, &RuntimeMonitor::new(runtime));
        let registration = Registration(Arc::clone(&runtimes.watched), id);
        // The sampler has no such source: the registration ends it.
        WatchGuard::new(
            &self.0.watch.sampler,
            u64::MAX,
            Some(Box::new(registration)),
        )
    }
}

impl Watched {
    fn add(&self, name: &str, monitor: &RuntimeMonitor) -> u64 {
        let added = Arc::new(WatchedRuntime {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            name: Arc::from(name),
            reading: Mutex::new(RuntimeReading {
                intervals: monitor.intervals(),
                busy: Duration::ZERO,
            }),
        });
        self.runtimes.rcu(|runtimes| {
            let mut runtimes = Vec::clone(runtimes);
            runtimes.push(Arc::clone(&added));
            runtimes
        });
        added.id
    }

    /// Reads each runtime, with its label.
    fn read(&self, observe: impl Fn(KeyValue, &RuntimeMetrics, Duration)) {
        for runtime in &**self.runtimes.load() {
            if let Some((metrics, busy)) = lock(&runtime.reading).read() {
                let name = KeyValue::new("runtime", Arc::clone(&runtime.name));
                observe(name, &metrics, busy);
            }
        }
    }
}

impl RuntimeReading {
    /// Returns the figures now, and the busy time since the runtime is watched.
    fn read(&mut self) -> Option<(RuntimeMetrics, Duration)> {
        let metrics = self.intervals.next()?;
        self.busy = self.busy.saturating_add(metrics.total_busy_duration);
        Some((metrics, self.busy))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.0.runtimes.rcu(|runtimes| {
            let mut runtimes = Vec::clone(runtimes);
            runtimes.retain(|runtime| runtime.id != self.1);
            runtimes
        });
    }
}

fn observe(instruments: &Instruments, watched: &Arc<Watched>) {
    type ReadFigure = fn(&RuntimeMetrics) -> usize;
    const FIGURES: [(&MetricSpec, ReadFigure); 3] = [
        (&RUNTIME_WORKERS, |metrics| metrics.workers_count),
        (&RUNTIME_TASKS, |metrics| metrics.live_tasks_count),
        (&RUNTIME_GLOBAL_QUEUE, |metrics| metrics.global_queue_depth),
    ];
    for (spec, figure) in FIGURES {
        instruments.observe_from(spec, watched, move |watched, observer| {
            watched.read(|name, metrics, _| {
                let value = u64::try_from(figure(metrics)).unwrap_or(u64::MAX);
                observer.observe(value, &[name]);
            });
        });
    }
    instruments.observe_from(&RUNTIME_BUSY, watched, |watched, observer| {
        watched.read(|name, _, busy| observer.observe(busy.as_secs_f64(), &[name]));
    });
}
