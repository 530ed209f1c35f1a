//! Memory, processors and disks, each beside the limit that applies.

use super::{AlertQuery, ScaledWindows};
use crate::model::catalog::process::{
    CPU_UTILIZATION, DISK_USAGE, DISK_UTILIZATION, MEMORY_UTILIZATION,
};
use crate::model::promql::{GaugeQuery, Select};

const DISK: [&str; 4] = [
    "environment",
    "instance",
    "job",
    "system.filesystem.mountpoint",
];

pub(super) fn memory() -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&MEMORY_UTILIZATION).now())
}

pub(super) fn cpu(windows: ScaledWindows<'_>) -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&CPU_UTILIZATION).avg_over_time(windows.minutes(10)))
}

pub(super) fn disk_free() -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&DISK_UTILIZATION).now().complement())
}

pub(super) fn time_to_disk_full(windows: ScaledWindows<'_>) -> AlertQuery {
    let window = windows.hours(6);
    let free = GaugeQuery::new(&DISK_USAGE)
        .with("system.filesystem.state")
        .is("free");
    let shrink_rate = free.deriv(window).below(0_u32).abs();
    let left = free.now().div(&shrink_rate).min_by(&DISK);
    // What filled a disk in its first minutes says nothing of its days.
    AlertQuery::with_condition(left, free.offset(window).min_by(&DISK))
}
