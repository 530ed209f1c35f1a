//! Memory, processors and disks, each beside the limit that applies.

use super::{Measure, Time};
use crate::model::catalog::process::{
    CPU_UTILIZATION, DISK_USAGE, DISK_UTILIZATION, MEMORY_UTILIZATION,
};
use crate::model::promql::{Gauge, Select};

const DISK: [&str; 4] = [
    "environment",
    "instance",
    "job",
    "system.filesystem.mountpoint",
];

pub(super) fn memory() -> Measure {
    Measure::of_value(Gauge::of(&MEMORY_UTILIZATION).now())
}

pub(super) fn cpu(time: Time<'_>) -> Measure {
    Measure::of_value(Gauge::of(&CPU_UTILIZATION).mean(time.minutes(10)))
}

pub(super) fn disk_free() -> Measure {
    Measure::of_value(Gauge::of(&DISK_UTILIZATION).now().complement())
}

pub(super) fn disk_full_in(time: Time<'_>) -> Measure {
    let pace = time.hours(6);
    let free = Gauge::of(&DISK_USAGE)
        .with("system.filesystem.state")
        .is("free");
    let shrinks = free.slope(pace).below(0_u32).magnitude();
    let left = free.now().over(&shrinks).min_by(&DISK);
    // What filled a disk in its first minutes says nothing of its days.
    Measure::only(left, free.before(pace).min_by(&DISK))
}
