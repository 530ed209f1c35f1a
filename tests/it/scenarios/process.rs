use vantage_obs::alerts::{Severity, Signal};

use super::story::{Firing, Story, Texts, gauge, story, texts};

const LABELS: [(&str, &str); 3] = [
    ("environment", "production"),
    ("instance", "a:80"),
    ("job", "vantage-api"),
];
const DISK: [(&str, &str); 4] = [
    ("environment", "production"),
    ("instance", "a:80"),
    ("job", "vantage-api"),
    ("system_filesystem_mountpoint", "/data"),
];

const MEMORY: &str = "vantage_process_memory_utilization_ratio{environment=\"production\", job=\"vantage-api\", instance=\"a:80\"}";
const CPU: &str = "process_cpu_utilization_ratio{environment=\"production\", job=\"vantage-api\", instance=\"a:80\"}";
const USED: &str = "system_filesystem_utilization_ratio{environment=\"production\", job=\"vantage-api\", instance=\"a:80\", system_filesystem_mountpoint=\"/data\"}";
const FREE: &str = "system_filesystem_usage_bytes{environment=\"production\", job=\"vantage-api\", instance=\"a:80\", system_filesystem_mountpoint=\"/data\", system_filesystem_state=\"free\"}";

fn memory(threshold: &str, value: &str) -> Texts {
    texts(
        format!("vantage-api on a:80 uses more than {threshold} of its memory limit"),
        format!(
            "a:80 of vantage-api uses {value} of the memory that it may use; the limit of this alert is {threshold}."
        ),
    )
}

pub(super) fn stories() -> Vec<Story> {
    [usage(), disks()].into_iter().flatten().collect()
}

fn usage() -> Vec<Story> {
    let (memory_usage, cpu) = (Signal::MemoryUsage, Signal::CpuUsage);
    let warning = |value| Firing::new(Severity::Warning, &LABELS, memory("80%", value));
    let critical = |value| Firing::new(Severity::Critical, &LABELS, memory("90%", value));
    vec![
        // From minute 11 on above 80 %, from 31 on above 90 %, each for 5 minutes.
        story("memory fills level by level")
            .series(MEMORY, gauge(&[(0.5, 10), (0.85, 20), (0.95, 20)]))
            .quiet(memory_usage, &["10m", "15m"])
            .fires(memory_usage, "16m", [warning("85%")])
            .fires(memory_usage, "35m", [warning("95%")])
            .fires(memory_usage, "36m", [critical("95%"), warning("95%")]),
        story("memory at exactly a threshold, and above it for 4 minutes")
            .series(MEMORY, gauge(&[(0.8, 20), (0.95, 4), (0.8, 20)]))
            .quiet(memory_usage, &["10m", "24m", "25m", "26m", "40m"]),
        story("memory of a process that is gone")
            .series(MEMORY, "0.95+0x3 stale")
            .quiet(memory_usage, &["3m", "5m", "10m"]),
        // The mean of 11 samples, of which k are 1 and the others 0.2, is above 0.8 from k = 9 on.
        story("processors are busy")
            .series(CPU, gauge(&[(0.2, 20), (1.0, 30)]))
            .quiet(cpu, &["20m", "33m"])
            .fires(
                cpu,
                "34m",
                [Firing::new(
                    Severity::Warning,
                    &LABELS,
                    texts(
                        "vantage-api on a:80 uses more than 80% of its processors",
                        "a:80 of vantage-api used 100% of the processor time that it may use in the last 10 minutes; \
                         the limit of this alert is 80%.",
                    ),
                )],
            ),
        story("processors are busy for 8 minutes")
            .series(CPU, gauge(&[(0.2, 20), (1.0, 8), (0.2, 20)]))
            .quiet(cpu, &["20m", "28m", "30m", "34m", "48m"]),
        story("no data of processors").quiet(cpu, &["30m"]),
    ]
}

fn disks() -> Vec<Story> {
    let (free, full) = (Signal::DiskFree, Signal::DiskFullIn);
    vec![
        story("a disk is nearly full")
            .series(USED, gauge(&[(0.5, 10), (0.95, 20)]))
            .quiet(free, &["10m", "15m"])
            .fires(
                free,
                "16m",
                [Firing::new(
                    Severity::Critical,
                    &DISK,
                    texts(
                        "Less than 10% of /data on a:80 is free",
                        "5% of /data on a:80 (vantage-api) is free; it must be 10% at least.",
                    ),
                )],
            ),
        story("a disk that is cleaned in time")
            .series(USED, gauge(&[(0.89, 10), (0.95, 4), (0.5, 10)]))
            .quiet(free, &["10m", "14m", "16m", "20m"]),
        story("no data of disks").quiet(free, &["30m"]).quiet(full, &["30m"]),
        // A megabyte a second; after 6 hours of history and 1 hour of `for` there are 174630.5 s left.
        story("a disk fills steadily")
            .series(FREE, "199830500000-60000000x500")
            .quiet(full, &["5h", "6h59m"])
            .fires(
                full,
                "7h",
                [Firing::new(
                    Severity::Warning,
                    &DISK,
                    texts(
                        "/data on a:80 is full in less than 7d at this pace",
                        "/data on a:80 (vantage-api) is full in 2d 0h 30m 30s if it goes on filling as in the last 6 \
                         hours; the limit is 7d.",
                    ),
                )],
            ),
        // It would be full in 8 days.
        story("a disk fills slowly")
            .series(FREE, "691200000000-60000000x500")
            .quiet(full, &["7h", "8h"]),
        story("a disk fills while a process starts")
            .series(FREE, "199830500000-60000000x120 192630500000+0x380")
            .quiet(full, &["1h", "2h", "7h", "8h"]),
        story("a disk is emptied")
            .series(FREE, "1000000000+60000000x500")
            .quiet(full, &["7h", "8h"]),
    ]
}
