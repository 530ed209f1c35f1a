//! Memory, processors and disks, each beside the limit that applies.

use super::{AlertQuery, AlertRow, ScaledWindows};
use crate::model::alerts::AlertSignal;
use crate::model::catalog::process::{
    CPU_UTILIZATION, DISK_USAGE, DISK_UTILIZATION, MEMORY_UTILIZATION,
};
use crate::model::promql::{GaugeQuery, Select};

pub(super) const ALERTS: &[AlertRow] = &[
    AlertRow::new(
        AlertSignal::MemoryUsage,
        |_| memory(),
        include_str!("memory-usage-high.md"),
    ),
    AlertRow::new(
        AlertSignal::CpuUsage,
        cpu,
        include_str!("cpu-usage-high.md"),
    ),
    AlertRow::new(
        AlertSignal::DiskFree,
        |_| disk_free(),
        include_str!("disk-space-low.md"),
    ),
    AlertRow::new(
        AlertSignal::DiskFullIn,
        time_to_disk_full,
        include_str!("disk-full-soon.md"),
    ),
];

const DISK: [&str; 4] = [
    "environment",
    "instance",
    "job",
    "system.filesystem.mountpoint",
];

fn memory() -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&MEMORY_UTILIZATION).now())
}

fn cpu(windows: ScaledWindows<'_>) -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&CPU_UTILIZATION).avg_over_time(windows.minutes(10)))
}

fn disk_free() -> AlertQuery {
    AlertQuery::from_value(GaugeQuery::new(&DISK_UTILIZATION).now().complement())
}

fn time_to_disk_full(windows: ScaledWindows<'_>) -> AlertQuery {
    let window = windows.hours(6);
    let free = GaugeQuery::new(&DISK_USAGE)
        .with("system.filesystem.state")
        .is("free");
    // A regression over six hours, and not the difference of its ends: a file that is written and
    // deleted does not count as a trend.
    let shrink_rate = free.deriv(window).below(0_u32).abs();
    // What filled a disk in its first minutes says nothing of its days.
    let left = free.now().div(&shrink_rate).and(&free.offset(window));
    AlertQuery::from_value(left.min_by(&DISK))
}
