//! Observable instruments: they copy from the latest snapshot or the counters, and do nothing else,
//! because a panic in a callback would silence the whole pipeline for good.

use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;

use crate::model::catalog::{MetricSpec, database, process, telemetry, worker};
use crate::model::snapshot::{
    DiskUsage, LatestSnapshot, PoolState, ProcessFigures, QueueState, Snapshot,
};
use crate::record::series::Instruments;
use crate::record::slo_events::SloEvents;

/// Registers every observable instrument of the catalog.
pub(crate) fn observe_snapshot(
    instruments: &Instruments,
    latest: &LatestSnapshot,
    slo_events: &SloEvents,
) {
    let observer = SnapshotObserver {
        instruments,
        latest,
    };
    observer.process_metrics();
    observer.disks();
    observer.queues_and_pools();
    observe_events(instruments, slo_events.clone());
    observe_requests(instruments, slo_events.clone());
}

struct SnapshotObserver<'a> {
    instruments: &'a Instruments,
    latest: &'a LatestSnapshot,
}

impl SnapshotObserver<'_> {
    fn process_metrics(&self) {
        self.process_bytes(&process::MEMORY, |process| process.resident_bytes);
        self.process_bytes(&process::MEMORY_LIMIT, |process| process.memory_limit_bytes);
        self.process_bytes(&process::FILE_DESCRIPTORS, |process| {
            process.file_descriptors
        });
        self.process_value(&process::MEMORY_UTILIZATION, memory_utilization);
        self.process_value(&process::CPU_LIMIT, |process| Some(process.cpu_limit));
        self.process_value(&process::CPU_UTILIZATION, |process| process.cpu_utilization);
        self.process_value(&process::UPTIME, |process| {
            process.uptime.map(|uptime| uptime.as_secs_f64())
        });
        let latest = self.latest.clone();
        self.instruments
            .observe(&process::CPU_TIME, move |observer| {
                cpu_time(observer, &latest.read());
            });
    }

    fn disks(&self) {
        self.integers(&process::DISK_USAGE, |snapshot, observer| {
            for disk in &snapshot.disks {
                let mount = mount_label(disk);
                observer.observe(
                    disk.free_bytes,
                    &[
                        mount.clone(),
                        KeyValue::new("system.filesystem.state", "free"),
                    ],
                );
                observer.observe(
                    disk.used_bytes,
                    &[mount, KeyValue::new("system.filesystem.state", "used")],
                );
            }
        });
        self.floats(&process::DISK_UTILIZATION, |snapshot, observer| {
            for disk in &snapshot.disks {
                if let Some(ratio) = ratio(
                    disk.used_bytes,
                    disk.used_bytes.saturating_add(disk.free_bytes),
                ) {
                    observer.observe(ratio, &[mount_label(disk)]);
                }
            }
        });
    }

    fn queues_and_pools(&self) {
        self.integers(&worker::QUEUE_DEPTH, |snapshot, observer| {
            for (name, QueueState { depth, .. }) in &snapshot.queues {
                observer.observe(*depth, &[KeyValue::new("queue", name.clone())]);
            }
        });
        self.floats(&worker::QUEUE_OLDEST, |snapshot, observer| {
            for (name, queue) in &snapshot.queues {
                if let Some(oldest) = queue.oldest {
                    observer.observe(
                        oldest.as_secs_f64(),
                        &[KeyValue::new("queue", name.clone())],
                    );
                }
            }
        });
        self.integers(&database::CONNECTIONS, |snapshot, observer| {
            for (name, PoolState { idle, used, .. }) in &snapshot.pools {
                for (state, connections) in [("idle", idle), ("used", used)] {
                    observer.observe(
                        *connections,
                        &[
                            pool_label(name),
                            KeyValue::new("db.client.connection.state", state),
                        ],
                    );
                }
            }
        });
        self.integers(&database::CONNECTIONS_MAX, |snapshot, observer| {
            for (name, state) in &snapshot.pools {
                observer.observe(state.max, &[pool_label(name)]);
            }
        });
        self.integers(&database::PENDING_REQUESTS, |snapshot, observer| {
            for (name, state) in &snapshot.pools {
                observer.observe(state.pending, &[pool_label(name)]);
            }
        });
    }

    fn process_bytes(&self, spec: &'static MetricSpec, read: fn(&ProcessFigures) -> Option<u64>) {
        self.integers(spec, move |snapshot, observer| {
            if let Some(value) = snapshot.process.as_ref().and_then(read) {
                observer.observe(value, &[]);
            }
        });
    }

    fn process_value(&self, spec: &'static MetricSpec, read: fn(&ProcessFigures) -> Option<f64>) {
        self.floats(spec, move |snapshot, observer| {
            if let Some(value) = snapshot.process.as_ref().and_then(read) {
                observer.observe(value, &[]);
            }
        });
    }

    fn integers(
        &self,
        spec: &'static MetricSpec,
        read: impl Fn(&Snapshot, &dyn AsyncInstrument<u64>) + Send + Sync + 'static,
    ) {
        let latest = self.latest.clone();
        self.instruments
            .observe(spec, move |observer| read(&latest.read(), observer));
    }

    fn floats(
        &self,
        spec: &'static MetricSpec,
        read: impl Fn(&Snapshot, &dyn AsyncInstrument<f64>) + Send + Sync + 'static,
    ) {
        let latest = self.latest.clone();
        self.instruments
            .observe(spec, move |observer| read(&latest.read(), observer));
    }
}

fn observe_events(instruments: &Instruments, slo_events: SloEvents) {
    instruments.observe(&telemetry::SLO_EVENTS, move |observer| {
        for counters in slo_events.active() {
            for (result, events) in [("bad", counters.bad()), ("good", counters.good())] {
                let objective = KeyValue::new("objective", counters.objective().to_owned());
                observer.observe(events, &[objective, KeyValue::new("result", result)]);
            }
        }
    });
}

fn observe_requests(instruments: &Instruments, slo_events: SloEvents) {
    instruments.observe(&telemetry::SLO_REQUESTS, move |observer| {
        if let Some(requests) = slo_events.slice_requests() {
            for (result, count) in [("bad", requests.bad()), ("good", requests.good())] {
                observer.observe(count, &[KeyValue::new("result", result)]);
            }
        }
    });
}

fn cpu_time(observer: &dyn AsyncInstrument<f64>, snapshot: &Snapshot) {
    let Some(process) = &snapshot.process else {
        return;
    };
    for (mode, seconds) in [
        ("system", process.cpu_system_seconds),
        ("user", process.cpu_user_seconds),
    ] {
        if let Some(seconds) = seconds {
            observer.observe(seconds, &[KeyValue::new("cpu.mode", mode)]);
        }
    }
}

fn memory_utilization(process: &ProcessFigures) -> Option<f64> {
    ratio(process.resident_bytes?, process.memory_limit_bytes?)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share of bytes needs no more than 52 bits"
)]
fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn mount_label(disk: &DiskUsage) -> KeyValue {
    KeyValue::new(
        "system.filesystem.mountpoint",
        disk.path.display().to_string(),
    )
}

fn pool_label(name: &std::sync::Arc<str>) -> KeyValue {
    KeyValue::new("db.client.connection.pool.name", name.clone())
}
