//! macOS, Windows and the rest: the figures that sysinfo has of every system.
//!
//! What it only guesses is `None`: the limit of descriptors, which it takes for the system's default, and their
//! number but on macOS, where a folder lists them. Nor does it tell user from system time.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sysinfo::{
    DiskRefreshKind, Disks, MemoryRefreshKind, Pid, Process, ProcessRefreshKind, ProcessesToUpdate,
    System,
};

use super::{CpuTime, FilesystemSample, ProcessSample};

/// A reader of the figures of one process.
#[derive(Debug)]
pub(super) struct ProcessSource {
    process: Pid,
}

impl ProcessSource {
    pub(super) fn current_process() -> ProcessSource {
        ProcessSource {
            process: Pid::from_u32(std::process::id()),
        }
    }

    pub(super) fn sample(&self) -> Option<ProcessSample> {
        let mut system = System::new();
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let figures = ProcessRefreshKind::nothing().with_cpu().with_memory();
        let own = [self.process];
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&own), true, figures);
        let process = system.process(self.process);
        Some(ProcessSample {
            // A process has memory: 0 is a reading that failed.
            resident_memory_bytes: process.map(Process::memory).and_then(above_zero),
            memory_limit_bytes: above_zero(system.total_memory()),
            cpu_time: process.map(cpu_time),
            cpu_limit_cores: available_cores(),
            open_file_descriptors: cfg!(target_os = "macos")
                .then(open_file_descriptors)
                .flatten(),
            max_file_descriptors: None,
            started_at: process.and_then(started_at),
            threads: None,
        })
    }
}

/// Reads the space of the file system that a path is on; `None` where the path isn't, or is on none that is known.
pub(super) fn read_filesystem(path: &Path) -> Option<FilesystemSample> {
    let figures = DiskRefreshKind::nothing().with_storage();
    let disks = Disks::new_with_refreshed_list_specifics(figures);
    let resolved = path.canonicalize().ok()?;
    let resolved = without_verbatim_prefix(&resolved);
    let disk = mount_of(&resolved, &disks, |disk| disk.mount_point())?;
    // What is free to this process; blocks that are reserved for root aren't told.
    let (total_bytes, free_bytes) = (disk.total_space(), disk.available_space());
    Some(FilesystemSample {
        path: path.into(),
        total_bytes,
        free_bytes,
        used_bytes: total_bytes.saturating_sub(free_bytes),
    })
}

/// Returns the file system with the longest mount point above a path.
fn mount_of<'a, T>(
    path: &Path,
    mounts: &'a [T],
    mount_point: impl Fn(&'a T) -> &'a Path,
) -> Option<&'a T> {
    let above = mounts
        .iter()
        .filter(|mount| path.starts_with(mount_point(mount)));
    above.max_by_key(|mount| mount_point(mount).components().count())
}

/// Returns a path of Windows as its mount points are written: `C:\data` for `\\?\C:\data`.
fn without_verbatim_prefix(path: &Path) -> PathBuf {
    let plain = path.to_str().and_then(|path| path.strip_prefix(r"\\?\"));
    // `\\?\UNC\…` is a share, which is on no disk of this machine.
    let plain = plain.filter(|path| !path.starts_with("UNC"));
    plain.map_or_else(|| path.into(), PathBuf::from)
}

fn above_zero(bytes: u64) -> Option<u64> {
    (bytes > 0).then_some(bytes)
}

fn cpu_time(process: &Process) -> CpuTime {
    CpuTime {
        total: Duration::from_millis(process.accumulated_cpu_time()).as_secs_f64(),
        user: None,
        system: None,
    }
}

fn started_at(process: &Process) -> Option<SystemTime> {
    let since_epoch = Duration::from_secs(above_zero(process.start_time())?);
    SystemTime::UNIX_EPOCH.checked_add(since_epoch)
}

/// Returns the number of cores that the process may run on.
fn available_cores() -> f64 {
    std::thread::available_parallelism().map_or(1, usize::from) as f64
}

/// Counts the entries of `/dev/fd`, without that by which the folder is read.
fn open_file_descriptors() -> Option<u64> {
    let open = std::fs::read_dir("/dev/fd").ok()?.count();
    u64::try_from(open.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_its_figures() {
        let sample = ProcessSource::current_process().sample().unwrap();
        let age = sample.started_at.unwrap().elapsed().unwrap();
        assert!(age < Duration::from_secs(24 * 3600), "{age:?}");
        assert!(sample.resident_memory_bytes.unwrap() > 100_000);
        assert!(sample.resident_memory_bytes < sample.memory_limit_bytes);
        assert!(sample.cpu_time.unwrap().total >= 0.0);
        assert!(sample.cpu_limit_cores >= 1.0);
    }

    #[test]
    fn they_are_those_that_the_kernel_shows() {
        let portable = ProcessSource::current_process().sample().unwrap();
        let linux = super::super::ProcessSampler::new().sample().unwrap();
        let (portable_memory, linux_memory) = (
            portable.resident_memory_bytes.unwrap(),
            linux.resident_memory_bytes.unwrap(),
        );
        // Other tests allocate in between.
        assert!(portable_memory.abs_diff(linux_memory) < linux_memory / 2);
        let before = portable.cpu_time.unwrap().total;
        let after = linux.cpu_time.unwrap().total;
        // To the tick.
        assert!(after >= before - 0.02, "{before} s, then {after} s");
        let starts = (portable.started_at.unwrap(), linux.started_at.unwrap());
        let apart = starts.0.duration_since(starts.1);
        let apart = apart.unwrap_or_else(|earlier| earlier.duration());
        assert!(apart < Duration::from_secs(2), "{apart:?}");
    }

    #[test]
    fn open_descriptors_are_counted() {
        let before = open_file_descriptors().unwrap();
        assert!(before >= 3);
    }

    #[test]
    fn the_space_is_that_of_the_innermost_mount_point() {
        let mounts = ["/", "/data", "/data/db", "/database"].map(Path::new);
        let of = |path| mount_of(Path::new(path), &mounts, |mount| mount).copied();
        assert_eq!(of("/data/db/file"), Some(Path::new("/data/db")));
        assert_eq!(of("/data/dbx"), Some(Path::new("/data")));
        assert_eq!(of("/home"), Some(Path::new("/")));
        assert_eq!(of("share"), None);
    }

    #[test]
    fn a_verbatim_path_of_windows_is_that_of_its_drive() {
        let of = |path| without_verbatim_prefix(Path::new(path));
        assert_eq!(of(r"\\?\C:\data\db"), Path::new(r"C:\data\db"));
        assert_eq!(of(r"\\?\UNC\host\share"), Path::new(r"\\?\UNC\host\share"));
        assert_eq!(of("/data"), Path::new("/data"));
    }

    #[test]
    fn a_file_systems_parts_are_its_total() {
        let sample = read_filesystem(Path::new("/")).unwrap();
        assert!(sample.total_bytes > 0);
        assert_eq!(sample.free_bytes + sample.used_bytes, sample.total_bytes);
        assert_eq!(read_filesystem(Path::new("/nowhere")), None);
    }
}
