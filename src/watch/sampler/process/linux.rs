//! Linux: `/proc`, the control groups and `statvfs`.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use procfs::process::{LimitValue, Process, Stat};
use procfs::{FromRead, FromReadSI, KernelStats, Meminfo, ProcessCGroups};

use super::cgroup_limits::{CgroupLimits, merge_options};
use super::{CpuTime, FilesystemSample, ProcessSample};

/// The roots of the kernel's files; others in tests.
#[derive(Debug)]
struct Roots {
    proc: PathBuf,
    cgroup: PathBuf,
}

/// A reader of one process's files.
#[derive(Debug)]
pub(super) struct ProcessSource {
    roots: Roots,
    /// Read once: it doesn't change, and `/proc/stat` is slow where there are many cores.
    started_at: Option<SystemTime>,
}

impl ProcessSource {
    pub(super) fn current_process() -> ProcessSource {
        ProcessSource::with_roots(Roots {
            proc: "/proc".into(),
            cgroup: "/sys/fs/cgroup".into(),
        })
    }

    fn with_roots(roots: Roots) -> ProcessSource {
        ProcessSource {
            started_at: started_at(&roots.proc),
            roots,
        }
    }

    pub(super) fn sample(&self) -> Option<ProcessSample> {
        Some(self.sample_with_cores(available_cores()))
    }

    /// `cores` are those that the process may run on, whatever its quota.
    fn sample_with_cores(&self, cores: f64) -> ProcessSample {
        let process = Process::new_with_root(self.roots.proc.join("self")).ok();
        let process = process.as_ref();
        let stat = process.and_then(|process| process.stat().ok());
        let stat = stat.as_ref();
        let limits = self.cgroup_limits();
        ProcessSample {
            // `stat` and not `smaps`: the kernel walks no page tables for it.
            resident_memory_bytes: stat.map(|stat| stat.rss.saturating_mul(procfs::page_size())),
            memory_limit_bytes: merge_options(limits.memory_bytes, self.machine_memory(), u64::min),
            cpu_time: stat.map(|stat| CpuTime {
                total: seconds(stat.utime.saturating_add(stat.stime)),
                user: Some(seconds(stat.utime)),
                system: Some(seconds(stat.stime)),
            }),
            cpu_limit_cores: limits.cpu_cores.map_or(cores, |quota| quota.min(cores)),
            open_file_descriptors: process.and_then(open_file_descriptors),
            max_file_descriptors: process.and_then(max_file_descriptors),
            started_at: self.started_at,
            threads: stat.and_then(|stat| u64::try_from(stat.num_threads).ok()),
        }
    }

    fn cgroup_limits(&self) -> CgroupLimits {
        let memberships = ProcessCGroups::from_file(self.roots.proc.join("self/cgroup"));
        memberships.map_or_else(
            |_| CgroupLimits::default(),
            |ProcessCGroups(memberships)| CgroupLimits::read(&memberships, &self.roots.cgroup),
        )
    }

    fn machine_memory(&self) -> Option<u64> {
        let meminfo = Meminfo::from_file(self.roots.proc.join("meminfo")).ok()?;
        Some(meminfo.mem_total)
    }
}

/// Reads a file system's space; `None` where the path isn't, or can't be asked.
pub(super) fn read_filesystem(path: &Path) -> Option<FilesystemSample> {
    let stat = rustix::fs::statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
    Some(FilesystemSample {
        path: path.into(),
        total_bytes: bytes(stat.f_blocks),
        // Not `f_bfree`, which counts blocks that only root may write.
        free_bytes: bytes(stat.f_bavail),
        used_bytes: bytes(stat.f_blocks.saturating_sub(stat.f_bfree)),
    })
}

/// Returns the number of cores in the process's affinity.
///
/// Not `available_parallelism`, which counts the quota too, but rounds it down: with a quota of
/// 2.5 cores it says 2. It is the answer of last resort, on machines of more than 1024 cores.
fn available_cores() -> f64 {
    let affinity = rustix::thread::sched_getaffinity(None)
        .ok()
        .map(|cores| cores.count());
    let cores = affinity
        .and_then(|count| usize::try_from(count).ok())
        .filter(|count| *count > 0);
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    cores.unwrap_or_else(available) as f64
}

fn open_file_descriptors(process: &Process) -> Option<u64> {
    u64::try_from(process.fd_count().ok()?).ok()
}

fn max_file_descriptors(process: &Process) -> Option<u64> {
    match process.limits().ok()?.max_open_files.soft_limit {
        LimitValue::Value(count) => Some(count),
        LimitValue::Unlimited => None,
    }
}

/// The boot time plus the ticks from boot to start.
fn started_at(proc: &Path) -> Option<SystemTime> {
    let stat: Stat = Process::new_with_root(proc.join("self"))
        .ok()?
        .stat()
        .ok()?;
    let system = procfs::current_system_info();
    let booted = KernelStats::from_file(proc.join("stat"), system)
        .ok()?
        .btime;
    let since_boot = Duration::try_from_secs_f64(seconds(stat.starttime)).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(booted).checked_add(since_boot)?)
}

/// Converts the kernel's clock ticks.
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / procfs::ticks_per_second() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use tempfile::TempDir;

    /// `/proc/[pid]/stat` with 250 ticks of user time, 50 of system time, 7 threads, a start 1,000
    /// ticks after boot, and 300 pages in memory.
    const STAT: &str = "42 (a b) S 1 42 42 0 -1 0 0 0 0 0 250 50 0 0 20 0 7 0 1000 99999 300 \
        18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 1 1 1 1 1 1 1 0\n";

    struct Fixture(TempDir);

    impl Fixture {
        fn new(files: &[(&str, &str)]) -> Fixture {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join("proc/42")).unwrap();
            std::os::unix::fs::symlink("42", root.path().join("proc/self")).unwrap();
            for (path, text) in files {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Fixture(root)
        }

        fn sample(&self) -> ProcessSample {
            let root = self.0.path();
            let roots = Roots {
                proc: root.join("proc"),
                cgroup: root.join("cgroup"),
            };
            ProcessSource::with_roots(roots).sample_with_cores(4.0)
        }
    }

    fn meminfo(kibibytes: u64) -> String {
        let others = [
            "MemFree",
            "Buffers",
            "Cached",
            "SwapCached",
            "Active",
            "Inactive",
        ];
        let others = others
            .iter()
            .chain(&["SwapTotal", "SwapFree", "Dirty", "Writeback"]);
        let others = others.chain(&["Mapped", "Slab", "Committed_AS", "VmallocTotal"]);
        let others = others.chain(&["VmallocUsed", "VmallocChunk"]);
        let others: String = others.map(|name| format!("{name}: 1 kB\n")).collect();
        format!("MemTotal: {kibibytes} kB\n{others}")
    }

    #[test]
    fn the_figures_come_from_stat() {
        let sample = Fixture::new(&[("proc/42/stat", STAT)]).sample();
        let ticks = procfs::ticks_per_second() as f64;
        assert_eq!(
            sample.resident_memory_bytes,
            Some(300 * procfs::page_size())
        );
        let cpu_time = CpuTime {
            total: 300.0 / ticks,
            user: Some(250.0 / ticks),
            system: Some(50.0 / ticks),
        };
        assert_eq!(sample.cpu_time, Some(cpu_time));
        assert_eq!(sample.threads, Some(7));
    }

    #[test]
    fn a_reading_that_fails_takes_no_other_with_it() {
        let sample = Fixture::new(&[("proc/42/fd/0", "")]).sample();
        assert!(sample.open_file_descriptors.is_some());
        assert_eq!(sample.resident_memory_bytes, None);
        assert_eq!(sample.cpu_time, None);
        assert_eq!(sample.started_at, None);
        assert_eq!(sample.cpu_limit_cores, 4.0);
    }

    #[test]
    fn without_proc_nothing_is_known_but_the_cores() {
        let root = tempfile::tempdir().unwrap();
        let roots = Roots {
            proc: root.path().join("no"),
            cgroup: root.path().join("no"),
        };
        let sample = ProcessSource::with_roots(roots).sample_with_cores(2.0);
        assert_eq!(sample.memory_limit_bytes, None);
        assert_eq!(sample.cpu_limit_cores, 2.0);
    }

    #[test]
    fn the_machine_limits_where_no_control_group_does() {
        let sample = Fixture::new(&[("proc/meminfo", &meminfo(2_048))]).sample();
        assert_eq!(sample.memory_limit_bytes, Some(2_048 * 1_024));
    }

    #[test]
    fn a_control_group_limits_only_below_the_machine() {
        let meminfo = meminfo(2_048);
        let limits = |memory, cpu| {
            let files = [
                ("proc/meminfo", meminfo.as_str()),
                ("proc/42/cgroup", "0::/app\n"),
                ("cgroup/app/memory.max", memory),
                ("cgroup/app/cpu.max", cpu),
            ];
            let sample = Fixture::new(&files).sample();
            (sample.memory_limit_bytes, sample.cpu_limit_cores)
        };
        assert_eq!(limits("4096\n", "250000 100000\n"), (Some(4_096), 2.5));
        assert_eq!(
            limits("9999999999\n", "900000 100000\n"),
            (Some(2_097_152), 4.0)
        );
    }
}
