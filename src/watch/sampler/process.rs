//! Figures of the operating system about this process and its disks, as plain values.
//!
//! Why limits and not just usage? Because 900 MB says nothing without the 1 GB at which the kernel
//! kills. So memory and CPU come with the limit that really applies: the smallest of the control
//! groups around the process and of the machine.
//!
//! A reading that fails is `None` and takes nothing else with it; outside Linux there are fewer. "No data" is
//! a state, and 0 bytes would be a lie.

#[cfg(target_os = "linux")]
mod cgroup_limits;
pub(crate) mod cpu;
#[cfg(target_os = "linux")]
#[path = "process/linux.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "process/portable.rs"]
mod platform;
// Its figures are compared with the kernel's.
#[cfg(all(test, target_os = "linux"))]
mod portable;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::model::snapshot::CpuTime;

/// The figures of this process at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ProcessSample {
    /// Memory in RAM, shared pages included (the resident set size).
    pub(crate) resident_memory_bytes: Option<u64>,
    /// The least of the control groups' limits and the machine's memory.
    pub(crate) memory_limit_bytes: Option<u64>,
    pub(crate) cpu_time: Option<CpuTime>,
    /// The number of cores whose time the process may use: the least of the control groups' quotas
    /// and the cores it may run on. Above 0; 0.5 is half a core.
    pub(crate) cpu_limit_cores: f64,
    /// Files, sockets and the like that are open.
    pub(crate) open_file_descriptors: Option<u64>,
    /// At how many of them opening fails (the soft limit); `None` also where there is no limit.
    pub(crate) max_file_descriptors: Option<u64>,
    /// The start time of the process, to the second at best.
    pub(crate) started_at: Option<SystemTime>,
    /// Threads of the operating system.
    pub(crate) threads: Option<u64>,
}

/// A reader of [`ProcessSample`]s; keeps what can't change while the process lives.
#[derive(Debug)]
pub(crate) struct ProcessSampler(platform::ProcessSource);

impl ProcessSampler {
    /// Creates a sampler of this process.
    pub(crate) fn new() -> Self {
        ProcessSampler(platform::ProcessSource::current_process())
    }

    /// The figures now; `None` where the platform has none.
    ///
    /// Reads a dozen files of the kernel, well below a millisecond.
    pub(crate) fn sample(&self) -> Option<ProcessSample> {
        self.0.sample()
    }
}

/// The space of one file system at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilesystemSample {
    /// The path that was asked about; any path on the file system will do.
    pub(crate) path: PathBuf,
    /// Its size.
    pub(crate) total_bytes: u64,
    /// The bytes that this process can still write, without the blocks that are reserved for root.
    pub(crate) free_bytes: u64,
    /// The bytes in use. With `free_bytes` less than the total by the reserve, so that the share in
    /// use, as `df` has it, is used / (used + free).
    pub(crate) used_bytes: u64,
}

impl FilesystemSample {
    /// The space where `path` is; `None` where it isn't, or where the platform doesn't say.
    ///
    /// Blocks for as long as a hung network file system does.
    pub(crate) fn read(path: &Path) -> Option<FilesystemSample> {
        platform::read_filesystem(path)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn this_process_has_every_figure() {
        let sample = ProcessSampler::new().sample().unwrap();
        let age = sample.started_at.unwrap().elapsed().unwrap();
        assert!(age < Duration::from_secs(24 * 3600), "{age:?}");
        assert!(sample.resident_memory_bytes.unwrap() > 100_000);
        assert!(sample.resident_memory_bytes < sample.memory_limit_bytes);
        assert!(sample.cpu_time.unwrap().total >= 0.0);
        assert!(sample.cpu_limit_cores > 0.0);
        assert!(sample.open_file_descriptors.unwrap() >= 3);
        assert!(sample.threads.unwrap() >= 1);
    }

    #[test]
    fn a_file_systems_parts_fit_into_its_total() {
        let directory = tempfile::tempdir().unwrap();
        let sample = FilesystemSample::read(directory.path()).unwrap();
        assert!(sample.total_bytes > 0);
        assert!(sample.free_bytes + sample.used_bytes <= sample.total_bytes);
    }

    #[test]
    fn a_path_that_does_not_exist_has_no_space() {
        assert_eq!(FilesystemSample::read(Path::new("/nowhere")), None);
    }
}
