//! The process and the file systems that it writes to.
//!
//! A share is always of the limit that really applies: a container of 512 MiB on a machine of 64
//! GiB is full at 512 MiB. The limit is exported beside it, so that a change of the limit can be
//! told from a change of the use.

use super::{Attribute, Instrument, MetricFamily, MetricSpec, family};
use crate::model::units::Unit;

const MOUNT: Attribute =
    Attribute::open("system.filesystem.mountpoint", "a path of `metrics.disks`");

/// The labels of the build.
pub(crate) const BUILD: [Attribute; 3] = [
    Attribute::open("obs_version", "the version of this crate"),
    Attribute::open("revision", "`service.revision`; absent where none is set")
        .or_absent("no revision"),
    Attribute::open("version", "`service.version`; absent where none is set")
        .or_absent("no version"),
];
/// The label of a runtime.
const RUNTIME: [Attribute; 1] = [Attribute::open(
    "runtime",
    "the name under which the runtime is watched",
)];

family! {
    /// 1 with the build as labels, as in `prometheus_build_info`.
    pub(crate) const BUILD_INFO: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "vantage.build.info",
        Instrument::ObservableGauge,
        Unit::Count("{build}"),
        "Always 1, with the version and the source revision of the service that runs",
        &BUILD,
    );

    /// Resident memory.
    pub(crate) const MEMORY: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "process.memory.usage",
        Instrument::ObservableGauge,
        Unit::Bytes,
        "Resident memory of the process",
        &[],
    );

    /// The limit that applies.
    pub(crate) const MEMORY_LIMIT: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "vantage.process.memory.limit",
        Instrument::ObservableGauge,
        Unit::Bytes,
        "Memory that the process may use: the tightest control group's limit, or the machine's memory",
        &[],
    );

    /// Share of the limit.
    pub(crate) const MEMORY_UTILIZATION: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "vantage.process.memory.utilization",
        Instrument::ObservableGauge,
        Unit::Ratio,
        "Resident memory as a share of the limit that applies to the process",
        &[],
    );

    /// Processor time.
    pub(crate) const CPU_TIME: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "process.cpu.time",
        Instrument::ObservableCounter,
        Unit::Seconds,
        "Processor time of the process, by mode where the system tells it",
        &[Attribute::one_of("cpu.mode", &["system", "user"])],
    );

    /// The limit that applies.
    pub(crate) const CPU_LIMIT: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "vantage.process.cpu.limit",
        Instrument::ObservableGauge,
        Unit::Count("{cpu}"),
        "Processors that the process may use: the tightest control group's quota, or those it may run on",
        &[],
    );

    /// Share of the limit.
    pub(crate) const CPU_UTILIZATION: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "process.cpu.utilization",
        Instrument::ObservableGauge,
        Unit::Ratio,
        "Processor time used since the last sample as a share of what the limit allows",
        &[],
    );

    /// Open file descriptors.
    pub(crate) const FILE_DESCRIPTORS: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "process.unix.file_descriptor.count",
        Instrument::ObservableGauge,
        Unit::Count("{file_descriptor}"),
        "Open file descriptors of the process",
        &[],
    );

    /// Age of the process.
    pub(crate) const UPTIME: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "process.uptime",
        Instrument::ObservableGauge,
        Unit::Seconds,
        "Time since the process started",
        &[],
    );

    /// Disk space by state.
    pub(crate) const DISK_USAGE: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "system.filesystem.usage",
        Instrument::ObservableGauge,
        Unit::Bytes,
        "Space of a file system, by state; free is the space that the process may still use",
        &[
            MOUNT,
            Attribute::one_of("system.filesystem.state", &["free", "used"]),
        ],
    );

    /// Disk space in use.
    pub(crate) const DISK_UTILIZATION: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "system.filesystem.utilization",
        Instrument::ObservableGauge,
        Unit::Ratio,
        "Used space of a file system as a share of used and free space",
        &[MOUNT],
    );

    /// Threads that run tasks.
    pub(crate) const RUNTIME_WORKERS: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "vantage.process.runtime.workers",
        Instrument::ObservableGauge,
        Unit::Count("{thread}"),
        "Worker threads of a runtime of tokio",
        &RUNTIME,
    );

    /// Tasks that were spawned and have not ended.
    pub(crate) const RUNTIME_TASKS: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "vantage.process.runtime.alive_tasks",
        Instrument::ObservableGauge,
        Unit::Count("{task}"),
        "Tasks of a runtime that have not ended",
        &RUNTIME,
    );

    /// Tasks that wait for a thread.
    pub(crate) const RUNTIME_GLOBAL_QUEUE: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "vantage.process.runtime.global_queue_depth",
        Instrument::ObservableGauge,
        Unit::Count("{task}"),
        "Tasks that wait in the global queue of a runtime",
        &RUNTIME,
    );

    /// Time that threads ran tasks.
    pub(crate) const RUNTIME_BUSY: MetricSpec = MetricSpec::new(
        MetricFamily::Process,
        "vantage.process.runtime.busy_time",
        Instrument::ObservableCounter,
        Unit::Seconds,
        "Time that the worker threads of a runtime ran tasks, added up, since it is watched",
        &RUNTIME,
    );
}
