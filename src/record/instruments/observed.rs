//! Observable instruments: they copy from the latest snapshot or the ledger, and do nothing else,
//! because a panic in a callback would silence the whole pipeline for good.

use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;

use crate::model::catalog::{MetricSpec, database, process, telemetry, worker};
use crate::model::snapshot::{Disk, Latest, PoolState, Process, QueueState, Snapshot};
use crate::record::series::Instruments;
use crate::record::slo_events::Ledger;

/// Registers every observable instrument of the catalog.
pub(crate) fn observe(instruments: &Instruments, latest: &Latest, ledger: &Ledger) {
    let observer = Observer {
        instruments,
        latest,
    };
    observer.process_figures();
    observer.disks();
    observer.queues_and_pools();
    events(instruments, ledger.clone());
    requests(instruments, ledger.clone());
}

struct Observer<'a> {
    instruments: &'a Instruments,
    latest: &'a Latest,
}

impl Observer<'_> {
    fn process_figures(&self) {
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
                let mount = mount(disk);
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
                if let Some(share) = share(
                    disk.used_bytes,
                    disk.used_bytes.saturating_add(disk.free_bytes),
                ) {
                    observer.observe(share, &[mount(disk)]);
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
                            pool(name),
                            KeyValue::new("db.client.connection.state", state),
                        ],
                    );
                }
            }
        });
        self.integers(&database::CONNECTIONS_MAX, |snapshot, observer| {
            for (name, state) in &snapshot.pools {
                observer.observe(state.max, &[pool(name)]);
            }
        });
        self.integers(&database::PENDING_REQUESTS, |snapshot, observer| {
            for (name, state) in &snapshot.pools {
                observer.observe(state.pending, &[pool(name)]);
            }
        });
    }

    fn process_bytes(&self, spec: &'static MetricSpec, read: fn(&Process) -> Option<u64>) {
        self.integers(spec, move |snapshot, observer| {
            if let Some(value) = snapshot.process.as_ref().and_then(read) {
                observer.observe(value, &[]);
            }
        });
    }

    fn process_value(&self, spec: &'static MetricSpec, read: fn(&Process) -> Option<f64>) {
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

fn events(instruments: &Instruments, ledger: Ledger) {
    instruments.observe(&telemetry::SLO_EVENTS, move |observer| {
        for account in ledger.opened() {
            for (result, events) in [("bad", account.bad()), ("good", account.good())] {
                let objective = KeyValue::new("objective", account.objective().to_owned());
                observer.observe(events, &[objective, KeyValue::new("result", result)]);
            }
        }
    });
}

fn requests(instruments: &Instruments, ledger: Ledger) {
    instruments.observe(&telemetry::SLO_REQUESTS, move |observer| {
        if let Some(requests) = ledger.judging() {
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

fn memory_utilization(process: &Process) -> Option<f64> {
    share(process.resident_bytes?, process.memory_limit_bytes?)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a share of bytes needs no more than 52 bits"
)]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn mount(disk: &Disk) -> KeyValue {
    KeyValue::new(
        "system.filesystem.mountpoint",
        disk.path.display().to_string(),
    )
}

fn pool(name: &std::sync::Arc<str>) -> KeyValue {
    KeyValue::new("db.client.connection.pool.name", name.clone())
}
