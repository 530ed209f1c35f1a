use vantage_obs::alerts::{AlertSignal, Severity};

use super::scenario::{AlertTexts, ExpectedAlert, Scenario, alert_texts, gauge_values, scenario};

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

fn memory(threshold: &str, value: &str) -> AlertTexts {
    alert_texts(
        format!("vantage-api on a:80 uses more than {threshold} of its memory limit"),
        format!(
            "a:80 of vantage-api uses {value} of the memory that it may use; the limit of this alert is {threshold}."
        ),
    )
}

pub(super) fn scenarios() -> Vec<Scenario> {
    [usage(), disks()].into_iter().flatten().collect()
}

fn usage() -> Vec<Scenario> {
    let (memory_usage, cpu) = (AlertSignal::MemoryUsage, AlertSignal::CpuUsage);
    let warning = |value| ExpectedAlert::new(Severity::Warning, &LABELS, memory("80%", value));
    let critical = |value| ExpectedAlert::new(Severity::Critical, &LABELS, memory("90%", value));
    vec![
        // From minute 11 on above 80 %, from 31 on above 90 %, each for 5 minutes.
        scenario("memory fills level by level")
            .series(MEMORY, gauge_values(&[(0.5, 10), (0.85, 20), (0.95, 20)]))
            .quiet(memory_usage, &["10m", "15m"])
            .fires(memory_usage, "16m", [warning("85%")])
            .fires(memory_usage, "35m", [warning("95%")])
            .fires(memory_usage, "36m", [critical("95%"), warning("95%")]),
        scenario("memory at exactly a threshold, and above it for 4 minutes")
            .series(MEMORY, gauge_values(&[(0.8, 20), (0.95, 4), (0.8, 20)]))
            .quiet(memory_usage, &["10m", "24m", "25m", "26m", "40m"]),
        scenario("memory of a process that is gone")
            .series(MEMORY, "0.95+0x3 stale")
            .quiet(memory_usage, &["3m", "5m", "10m"]),
        // The mean of 11 samples, of which k are 1 and the others 0.2, is above 0.8 from k = 9 on.
        scenario("processors are busy")
            .series(CPU, gauge_values(&[(0.2, 20), (1.0, 30)]))
            .quiet(cpu, &["20m", "33m"])
            .fires(
                cpu,
                "34m",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &LABELS,
                    alert_texts(
                        "vantage-api on a:80 uses more than 80% of its processors",
                        "a:80 of vantage-api used 100% of the processor time that it may use in the last 10 minutes; \
                         the limit of this alert is 80%.",
                    ),
                )],
            ),
        scenario("processors are busy for 8 minutes")
            .series(CPU, gauge_values(&[(0.2, 20), (1.0, 8), (0.2, 20)]))
            .quiet(cpu, &["20m", "28m", "30m", "34m", "48m"]),
        scenario("no data of processors").quiet(cpu, &["30m"]),
    ]
}

fn disks() -> Vec<Scenario> {
    let (free, full) = (AlertSignal::DiskFree, AlertSignal::DiskFullIn);
    vec![
        scenario("a disk is nearly full")
            .series(USED, gauge_values(&[(0.5, 10), (0.95, 20)]))
            .quiet(free, &["10m", "15m"])
            .fires(
                free,
                "16m",
                [ExpectedAlert::new(
                    Severity::Critical,
                    &DISK,
                    alert_texts(
                        "Less than 10% of /data on a:80 is free",
                        "5% of /data on a:80 (vantage-api) is free; at least 10% must be.",
                    ),
                )],
            ),
        scenario("a disk that is cleaned in time")
            .series(USED, gauge_values(&[(0.89, 10), (0.95, 4), (0.5, 10)]))
            .quiet(free, &["10m", "14m", "16m", "20m"]),
        scenario("no data of disks")
            .quiet(free, &["30m"])
            .quiet(full, &["30m"]),
        // A megabyte a second; after 6 hours of history and 1 hour of `for` there are 174630.5 s left.
        scenario("a disk fills steadily")
            .series(FREE, "199830500000-60000000x500")
            .quiet(full, &["5h", "6h59m"])
            .fires(
                full,
                "7h",
                [ExpectedAlert::new(
                    Severity::Warning,
                    &DISK,
                    alert_texts(
                        "/data on a:80 will be full in less than 7d at the current rate",
                        "/data on a:80 (vantage-api) will be full in 2d 0h 30m 30s if it keeps \
                         filling as in the last 6 hours; the limit is 7d.",
                    ),
                )],
            ),
        // It would be full in 8 days.
        scenario("a disk fills slowly")
            .series(FREE, "691200000000-60000000x500")
            .quiet(full, &["7h", "8h"]),
        scenario("a disk fills while a process starts")
            .series(FREE, "199830500000-60000000x120 192630500000+0x380")
            .quiet(full, &["1h", "2h", "7h", "8h"]),
        scenario("a disk is emptied")
            .series(FREE, "1000000000+60000000x500")
            .quiet(full, &["7h", "8h"]),
    ]
}
