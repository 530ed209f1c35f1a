//! The limits of the control groups that a process is in.
//!
//! A limit applies to everything below it, so the least on the way from the process's own group up
//! to the root counts. Inside a container the path in `/proc/self/cgroup` may be `/` (its own
//! cgroup namespace), or one of the host that isn't mounted here (version 1 without a namespace);
//! the container's own group is then the root that is mounted. Reading whatever exists of the path
//! covers all of that without the mount table.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

/// One line of `/proc/self/cgroup`.
pub(super) use procfs::ProcessCGroup as Membership;

/// Version 1 says "no limit" as the largest multiple of the page size in an `i64`; no machine has
/// half of that.
const NO_LIMIT: u64 = 1 << 62;

/// The least limits of the control groups; `None` where no group sets one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct CgroupLimits {
    pub(super) memory_bytes: Option<u64>,
    pub(super) cpu_cores: Option<f64>,
}

impl CgroupLimits {
    /// Reads the limits below `root`, which is `/sys/fs/cgroup`.
    pub(super) fn read(memberships: &[Membership], root: &Path) -> CgroupLimits {
        // All hierarchies: on a hybrid host memory and CPU may be limited in different ones.
        let limits = memberships
            .iter()
            .map(|membership| CgroupLimits::from_membership(membership, root));
        limits.fold(CgroupLimits::default(), CgroupLimits::min)
    }

    /// Reads the limits of one hierarchy, on the way from its root to the process's group.
    fn from_membership(membership: &Membership, root: &Path) -> CgroupLimits {
        let read = if membership.controllers.is_empty() {
            read_v2
        } else {
            read_v1
        };
        let groups = mount_points(membership, root).into_iter();
        let groups = groups.flat_map(|mount| groups_down_to(mount, &membership.pathname));
        groups
            .map(|group| read(&group))
            .fold(CgroupLimits::default(), CgroupLimits::min)
    }

    fn min(self, other: CgroupLimits) -> CgroupLimits {
        CgroupLimits {
            memory_bytes: merge_options(self.memory_bytes, other.memory_bytes, u64::min),
            cpu_cores: merge_options(self.cpu_cores, other.cpu_cores, f64::min),
        }
    }
}

/// Merges two limits of which each may be missing.
pub(super) fn merge_options<T>(
    one: Option<T>,
    other: Option<T>,
    least: fn(T, T) -> T,
) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(least(one, other)),
        (one, other) => one.or(other),
    }
}

/// Returns the conventional mount points of a hierarchy; not all of them exist.
fn mount_points(membership: &Membership, root: &Path) -> Vec<PathBuf> {
    let controllers = &membership.controllers;
    if controllers.is_empty() {
        // Version 2, alone or beside version 1 ("hybrid").
        return vec![root.into(), root.join("unified")];
    }
    let limiting = |name: &&String| matches!(name.as_str(), "memory" | "cpu");
    let mut names: Vec<String> = controllers.iter().filter(limiting).cloned().collect();
    if !names.is_empty() && controllers.len() > 1 {
        // `cpu,cpuacct` is the mount and `cpu` a link to it, which not every container has.
        names.push(controllers.join(","));
    }
    names.into_iter().map(|name| root.join(name)).collect()
}

/// The mounted root and every group from there down to the process's own.
fn groups_down_to(mount: PathBuf, pathname: &str) -> Vec<PathBuf> {
    let below: Vec<_> = Path::new(pathname).components().collect();
    let mut groups = vec![mount.clone()];
    if below.contains(&Component::ParentDir) {
        // The process's group is outside this namespace: nothing of its path is mounted here.
        return groups;
    }
    let mut group = mount;
    for component in below {
        if let Component::Normal(name) = component {
            group.push(name);
            groups.push(group.clone());
        }
    }
    groups
}

/// `memory.max` is bytes or "max"; `cpu.max` is quota and period in microseconds.
fn read_v2(group: &Path) -> CgroupLimits {
    let cpu = fs::read_to_string(group.join("cpu.max")).ok();
    CgroupLimits {
        memory_bytes: read_number(&group.join("memory.max")).filter(|bytes| *bytes > 0),
        cpu_cores: cpu.and_then(|text| {
            let (quota, period) = text.trim().split_once(' ')?;
            quota_cores(quota.parse().ok()?, period.parse().ok()?)
        }),
    }
}

/// A quota of −1 is none.
fn read_v1(group: &Path) -> CgroupLimits {
    let memory = read_number(&group.join("memory.limit_in_bytes"));
    let quota = read_number(&group.join("cpu.cfs_quota_us"));
    let period = read_number(&group.join("cpu.cfs_period_us"));
    CgroupLimits {
        memory_bytes: memory.filter(|bytes| (1..NO_LIMIT).contains(bytes)),
        cpu_cores: quota
            .zip(period)
            .and_then(|(quota, period)| quota_cores(quota, period)),
    }
}

/// Returns a quota as a number of cores; `None` without one.
fn quota_cores(quota: i64, period: i64) -> Option<f64> {
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

/// Reads a file that holds one number; `None` for "max" as for a file that doesn't exist.
fn read_number<T: FromStr>(file: &Path) -> Option<T> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use procfs::{FromBufRead, ProcessCGroups};

    /// The limits for these lines of `/proc/self/cgroup` and these files below `/sys/fs/cgroup`.
    fn limits(cgroup: &str, files: &[(&str, &str)]) -> (Option<u64>, Option<f64>) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{text}\n")).unwrap();
        }
        let ProcessCGroups(memberships) = ProcessCGroups::from_buf_read(cgroup.as_bytes()).unwrap();
        let limits = CgroupLimits::read(&memberships, root.path());
        (limits.memory_bytes, limits.cpu_cores)
    }

    #[test]
    fn of_nested_groups_the_least_limit_counts_wherever_it_is() {
        let files = [
            ("kubepods/memory.max", "1000"),
            ("kubepods/pod1/memory.max", "4000"),
            ("kubepods/pod1/app/memory.max", "max"),
            ("kubepods/cpu.max", "400000 100000"),
            ("kubepods/pod1/cpu.max", "max 100000"),
            ("kubepods/pod1/app/cpu.max", "75000 50000"),
        ];
        assert_eq!(
            limits("0::/kubepods/pod1/app\n", &files),
            (Some(1000), Some(1.5))
        );
    }

    #[test]
    fn a_container_of_version_2_sees_its_own_group_as_root() {
        let files = [("memory.max", "536870912"), ("cpu.max", "50000 100000")];
        assert_eq!(limits("0::/\n", &files), (Some(536_870_912), Some(0.5)));
    }

    #[test]
    fn max_is_no_limit() {
        let files = [("app/memory.max", "max"), ("app/cpu.max", "max 100000")];
        assert_eq!(limits("0::/app\n", &files), (None, None));
    }

    #[test]
    fn version_1_has_one_hierarchy_for_each_controller() {
        let cgroup = "5:memory:/app\n4:cpu,cpuacct:/app\n1:name=systemd:/app\n";
        let files = [
            ("memory/memory.limit_in_bytes", "9223372036854771712"),
            ("memory/app/memory.limit_in_bytes", "268435456"),
            ("cpu,cpuacct/app/cpu.cfs_quota_us", "250000"),
            ("cpu,cpuacct/app/cpu.cfs_period_us", "100000"),
        ];
        assert_eq!(limits(cgroup, &files), (Some(268_435_456), Some(2.5)));
    }

    #[test]
    fn a_container_of_version_1_has_the_hosts_path_and_its_own_root() {
        let cgroup = "5:memory:/docker/4f2a\n4:cpuacct,cpu:/docker/4f2a\n";
        let files = [
            ("memory/memory.limit_in_bytes", "268435456"),
            ("cpu/cpu.cfs_quota_us", "50000"),
            ("cpu/cpu.cfs_period_us", "100000"),
        ];
        assert_eq!(limits(cgroup, &files), (Some(268_435_456), Some(0.5)));
    }

    #[test]
    fn the_absurd_limit_and_the_negative_quota_of_version_1_are_none() {
        let files = [
            ("memory/memory.limit_in_bytes", "9223372036854771712"),
            ("cpu/cpu.cfs_quota_us", "-1"),
            ("cpu/cpu.cfs_period_us", "100000"),
        ];
        assert_eq!(limits("2:memory:/\n1:cpu:/\n", &files), (None, None));
    }

    #[test]
    fn in_a_hybrid_each_limit_is_found_in_its_version() {
        let files = [
            ("memory/app/memory.limit_in_bytes", "268435456"),
            ("unified/app/cpu.max", "100000 100000"),
        ];
        assert_eq!(
            limits("4:memory:/app\n0::/app\n", &files),
            (Some(268_435_456), Some(1.0))
        );
    }

    #[test]
    fn without_control_groups_there_is_no_limit() {
        assert_eq!(limits("", &[]), (None, None));
        assert_eq!(limits("0::/app\n", &[]), (None, None));
    }

    #[test]
    fn a_group_outside_the_namespace_is_not_looked_for() {
        let files = [("other/memory.max", "1"), ("memory.max", "2000")];
        assert_eq!(limits("0::/../other\n", &files), (Some(2000), None));
    }

    #[test]
    fn a_file_that_makes_no_sense_is_as_if_it_did_not_exist() {
        let files = [
            ("app/memory.max", "much"),
            ("app/cpu.max", "1 0"),
            ("memory.max", "2000"),
        ];
        assert_eq!(limits("0::/app\n", &files), (Some(2000), None));
    }
}
