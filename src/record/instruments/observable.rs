//! Observable instruments: they copy from the latest snapshot or the counters, and do nothing else,
//! because a panic in a callback would silence the whole pipeline for good.
//!
//! A series exists in a collection only if the callback mentions it. So a disk that is unmounted
//! and a queue that is no longer watched end with the next scrape, and no series of the past
//! lingers.

use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;

use crate::config::ServiceConfig;
use crate::model::catalog::{MetricSpec, database, process, telemetry, worker};
use crate::model::snapshot::{DiskUsage, LatestSnapshot, ProcessFigures, Snapshot};
use crate::record::series::{Instruments, ObservableNumber};
use crate::record::slo_events::{GoodAndBad, MaintenanceStatus, SloEvents};

/// Registers the gauge that tells which build runs.
pub(crate) fn observe_build(instruments: &Instruments, service: &ServiceConfig) {
    let labels = [
        ("obs_version", Some(env!("CARGO_PKG_VERSION"))),
        ("revision", service.revision.as_deref()),
        ("version", service.version.as_deref()),
    ];
    let labels = labels.into_iter();
    let labels = labels.filter_map(|(key, value)| Some(KeyValue::new(key, value?.to_owned())));
    let labels: Vec<_> = labels.collect();
    instruments.observe(&process::BUILD_INFO, move |observer| {
        observer.observe(1_u64, &labels);
    });
}

/// Registers every observable instrument of the catalog.
pub(crate) fn observe_snapshot(
    instruments: &Instruments,
    latest: &LatestSnapshot,
    slo_events: &SloEvents,
) {
    observe_process(instruments, latest);
    observe_disks(instruments, latest);
    observe_queues(instruments, latest);
    observe_pools(instruments, latest);
    observe_events(instruments, slo_events);
    observe_maintenance(instruments, slo_events);
}

fn observe_process(instruments: &Instruments, latest: &LatestSnapshot) {
    // Function pointers in a table instead of a closure for each metric: the same three lines stand
    // here once.
    type ReadProcess<T> = fn(&ProcessFigures) -> Option<T>;
    fn observe<T: ObservableNumber>(
        instruments: &Instruments,
        latest: &LatestSnapshot,
        figures: &[(&'static MetricSpec, ReadProcess<T>)],
    ) {
        for (spec, read) in figures.iter().copied() {
            instruments.observe_from(spec, latest, move |latest, observer| {
                if let Some(value) = latest.read().process.as_ref().and_then(read) {
                    observer.observe(value, &[]);
                }
            });
        }
    }
    observe::<u64>(
        instruments,
        latest,
        &[
            (&process::MEMORY, |process| process.resident_bytes),
            (&process::MEMORY_LIMIT, |process| process.memory_limit_bytes),
            (&process::FILE_DESCRIPTORS, |process| {
                process.file_descriptors
            }),
        ],
    );
    observe::<f64>(
        instruments,
        latest,
        &[
            (&process::MEMORY_UTILIZATION, memory_utilization),
            (&process::CPU_LIMIT, |process| Some(process.cpu_limit)),
            (&process::CPU_UTILIZATION, |process| process.cpu_utilization),
            (&process::UPTIME, |process| {
                process.uptime.map(|uptime| uptime.as_secs_f64())
            }),
        ],
    );
    instruments.observe_from(&process::CPU_TIME, latest, |latest, observer| {
        cpu_time(observer, &latest.read());
    });
}

fn observe_disks(instruments: &Instruments, latest: &LatestSnapshot) {
    instruments.observe_from(&process::DISK_USAGE, latest, |latest, observer| {
        for disk in &latest.read().disks {
            for (state, bytes) in [("free", disk.free_bytes), ("used", disk.used_bytes)] {
                let state = KeyValue::new("system.filesystem.state", state);
                observer.observe(bytes, &[mount_label(disk), state]);
            }
        }
    });
    instruments.observe_from(&process::DISK_UTILIZATION, latest, |latest, observer| {
        for disk in &latest.read().disks {
            // Used and free only, as `df` does: reserved blocks belong to neither.
            let size = disk.used_bytes.saturating_add(disk.free_bytes);
            if let Some(ratio) = ratio(disk.used_bytes, size) {
                observer.observe(ratio, &[mount_label(disk)]);
            }
        }
    });
}

fn observe_queues(instruments: &Instruments, latest: &LatestSnapshot) {
    instruments.observe_from(&worker::QUEUE_DEPTH, latest, |latest, observer| {
        for (name, queue) in &latest.read().queues {
            observer.observe(queue.depth, &[queue_label(name)]);
        }
    });
    instruments.observe_from(&worker::QUEUE_OLDEST, latest, |latest, observer| {
        for (name, queue) in &latest.read().queues {
            // An empty queue has no oldest job; 0 would be one that has just arrived.
            if let Some(oldest) = queue.oldest {
                observer.observe(oldest.as_secs_f64(), &[queue_label(name)]);
            }
        }
    });
}

fn observe_pools(instruments: &Instruments, latest: &LatestSnapshot) {
    instruments.observe_from(&database::CONNECTIONS, latest, |latest, observer| {
        for (name, pool) in &latest.read().pools {
            for (state, connections) in [("idle", pool.idle), ("used", pool.used)] {
                let state = KeyValue::new("db.client.connection.state", state);
                observer.observe(connections, &[pool_label(name), state]);
            }
        }
    });
    instruments.observe_from(&database::CONNECTIONS_MAX, latest, |latest, observer| {
        for (name, pool) in &latest.read().pools {
            observer.observe(pool.max, &[pool_label(name)]);
        }
    });
    instruments.observe_from(&database::PENDING_REQUESTS, latest, |latest, observer| {
        for (name, pool) in &latest.read().pools {
            observer.observe(pool.pending, &[pool_label(name)]);
        }
    });
}

fn observe_events(instruments: &Instruments, slo_events: &SloEvents) {
    instruments.observe_from(
        &telemetry::SLO_EVENTS,
        slo_events,
        |slo_events, observer| {
            for counters in slo_events.active() {
                let (counted, _) = counters.split_by_maintenance();
                observe_results(observer, counted, Some(counters.objective()));
            }
        },
    );
    instruments.observe_from(
        &telemetry::SLO_MAINTENANCE_EVENTS,
        slo_events,
        |slo_events, observer| {
            // From the first scrape on, so that the increase of its first event is seen.
            if slo_events.maintenance().status().declared {
                for counters in slo_events.active() {
                    let (_, excluded) = counters.split_by_maintenance();
                    observe_results(observer, excluded, Some(counters.objective()));
                }
            }
        },
    );
    instruments.observe_from(
        &telemetry::SLO_REQUESTS,
        slo_events,
        |slo_events, observer| {
            // Only where slices are judged by them: otherwise they are the error rate's events once
            // more.
            if let Some(requests) = slo_events.slice_requests() {
                let all = GoodAndBad {
                    good: requests.good(),
                    bad: requests.bad(),
                };
                observe_results(observer, all, None);
            }
        },
    );
}

/// Returns good and bad of an objective, with the value of the label `result`.
fn observe_results(
    observer: &dyn AsyncInstrument<u64>,
    events: GoodAndBad,
    objective: Option<&str>,
) {
    for (result, count) in [("bad", events.bad), ("good", events.good)] {
        let objective = objective.map(|id| KeyValue::new("objective", id.to_owned()));
        let labels: Vec<_> = objective
            .into_iter()
            .chain([KeyValue::new("result", result)])
            .collect();
        observer.observe(count, &labels);
    }
}

/// Registers the gauges of declared maintenance; a process that declares none has none.
fn observe_maintenance(instruments: &Instruments, slo_events: &SloEvents) {
    type ReadStatus = fn(MaintenanceStatus) -> Option<f64>;
    const GAUGES: [(&MetricSpec, ReadStatus); 3] = [
        (&telemetry::SLO_MAINTENANCE, |status| {
            status.declared.then(|| f64::from(u8::from(status.active)))
        }),
        (&telemetry::SLO_MAINTENANCE_START, |status| {
            status.range.map(|range| range.start.as_second() as f64)
        }),
        (&telemetry::SLO_MAINTENANCE_END, |status| {
            status.range.map(|range| range.end.as_second() as f64)
        }),
    ];
    for (spec, read) in GAUGES {
        instruments.observe_from(spec, slo_events.maintenance(), move |declared, observer| {
            if let Some(value) = read(declared.status()) {
                observer.observe(value, &[]);
            }
        });
    }
}

/// Observes the processor time: by mode, or the one series of a platform that doesn't tell the modes.
fn cpu_time(observer: &dyn AsyncInstrument<f64>, snapshot: &Snapshot) {
    let process = snapshot.process.as_ref();
    let Some(time) = process.and_then(|process| process.cpu_time) else {
        return;
    };
    let modes = [("system", time.system), ("user", time.user)];
    if modes.iter().all(|(_, seconds)| seconds.is_none()) {
        observer.observe(time.total, &[]);
    }
    for (mode, seconds) in modes {
        if let Some(seconds) = seconds {
            observer.observe(seconds, &[KeyValue::new("cpu.mode", mode)]);
        }
    }
}

fn memory_utilization(process: &ProcessFigures) -> Option<f64> {
    ratio(process.resident_bytes?, process.memory_limit_bytes?)
}

/// Returns a share; `None` of nothing.
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

fn queue_label(name: &std::sync::Arc<str>) -> KeyValue {
    KeyValue::new("queue", name.clone())
}

fn pool_label(name: &std::sync::Arc<str>) -> KeyValue {
    KeyValue::new("db.client.connection.pool.name", name.clone())
}
