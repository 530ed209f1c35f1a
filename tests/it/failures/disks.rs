//! Disks that are full, become read-only under a running service, or sync slowly.
//!
//! The file systems are real ones, mounted by the test itself, which needs root and a mount namespace of its own.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use vantage_obs::config::{Environment, StoreKind};
use vantage_obs::{Config, Role, Telemetry};

use super::client::{TOKENS, assert_kept, beat, open_incident};
use super::means;
use crate::processes::child::{ChildProcess, ChildRole, eventually};
use crate::support::sample_with;

/// Below the store's deadline of 5 s: what is answered sooner has not waited for it.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

/// A mounted file system.
struct Disk {
    folder: TempDir,
    /// The file in which an ext4 is.
    image: Option<PathBuf>,
}

fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

impl Disk {
    /// Mounts an empty memory file system of this size.
    fn small(size: &str) -> Self {
        means("VANTAGE_TEST_MOUNTS");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        run(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", path],
        );
        Self {
            folder,
            image: None,
        }
    }

    /// Mounts an empty ext4.
    fn ext4() -> Self {
        let image = PathBuf::from(means("VANTAGE_TEST_MOUNTS")).join("ext4.img");
        let file = fs::File::create(&image).unwrap();
        file.set_len(32 << 20).unwrap();
        run("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]);
        let disk = Self {
            folder: tempfile::tempdir().unwrap(),
            image: Some(image),
        };
        disk.mount();
        disk
    }

    fn mount(&self) {
        let (image, path) = (self.image.as_ref().unwrap(), self.folder.path());
        let (image, path) = (image.to_str().unwrap(), path.to_str().unwrap());
        run("mount", &["-o", "loop,errors=remount-ro", image, path]);
    }

    /// Makes it read-only while files are open, as the kernel does after an error of the device.
    fn abort(&self) {
        run(
            "mount",
            &["-o", "remount,abort", self.folder.path().to_str().unwrap()],
        );
    }

    /// Replaces it, as an operator does: checked, and mounted anew.
    fn repair(&self) {
        run("umount", &["--lazy", self.folder.path().to_str().unwrap()]);
        let image = self.image.as_ref().unwrap().to_str().unwrap();
        // 1 is "errors were corrected".
        let checked = Command::new("fsck.ext4")
            .args(["-p", image])
            .status()
            .unwrap();
        assert!(checked.code().is_some_and(|code| code <= 1), "{checked}");
        self.mount();
    }

    fn store(&self) -> String {
        self.folder.path().join("store.redb").display().to_string()
    }

    /// Takes all the room that is left.
    fn fill(&self) -> PathBuf {
        let filler = self.folder.path().join("filler");
        fs::write(&filler, vec![1; 64 << 20]).unwrap_err();
        filler
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let path = self.folder.path();
        let _ = Command::new("umount").arg("--lazy").arg(path).status();
        if let Some(image) = &self.image {
            let _ = fs::remove_file(image);
        }
    }
}

fn service(store: &str, more: &[(&str, &str)]) -> ChildProcess {
    let own = [
        ("VANTAGE_OBS_STORE_KIND", "file"),
        ("VANTAGE_OBS_STORE_PATH", store),
        ("VANTAGE_OBS_HEARTBEAT_INTERVAL", "60s"),
    ];
    let variables = [&TOKENS[..], &own, more].concat();
    ChildProcess::start(ChildRole::Api, &variables)
}

fn metric(service: &ChildProcess, name: &str, labels: &[(&str, &str)]) -> f64 {
    sample_with(&service.get("/metrics").1, name, labels).unwrap_or_default()
}

fn assert_probes_answer(service: &ChildProcess) {
    for path in [
        "/api/v1/health/live",
        "/api/v1/health/startup",
        "/api/v1/workers/health",
        "/status",
    ] {
        let asked = Instant::now();
        assert_eq!(service.get(path).0, 200, "{path}");
        assert!(
            asked.elapsed() < PROBE_TIMEOUT,
            "{path}: {:?}",
            asked.elapsed()
        );
    }
}

/// A disk that accepts nothing: beats are taken, incidents refused, probes unhurt. Afterwards the beats are durable,
/// and nothing that was acknowledged is lost.
fn outlive(disk: &Disk, begin: impl FnOnce(), end: impl FnOnce()) {
    let store = disk.store();
    let mut running = service(&store, &[]);
    let address = running.address();
    let mut kept = Vec::new();
    let mut open = |title: &str| match open_incident(address, title).unwrap() {
        (201, id) => kept.push((id, title.to_owned())),
        (status, _) => panic!("{title}: {status}"),
    };
    open("before");
    assert_eq!(beat(address, "w", "boot", 1).unwrap(), 202);
    eventually("the beat is durable", || {
        metric(&running, "vantage_store_pending", &[]) == 0.0
    });

    begin();
    // A page that is there already may still have room.
    let mut attempts = 0;
    eventually("an incident is refused", || {
        attempts += 1;
        match open_incident(address, &format!("attempt {attempts}")).unwrap() {
            (201, id) => kept.push((id, format!("attempt {attempts}"))),
            (status, _) => return status == 503,
        }
        false
    });
    assert_eq!(beat(address, "w", "boot", 2).unwrap(), 202);
    eventually("the outage is told", || {
        metric(&running, "vantage_store_pending", &[]) > 0.0
    });
    for _ in 0..20 {
        assert_probes_answer(&running);
    }
    assert_eq!(running.worker_view("w")["sequence"], 2);

    end();
    eventually("the beat is durable", || {
        metric(&running, "vantage_store_pending", &[]) == 0.0
    });
    let (status, id) = open_incident(address, "after").unwrap();
    assert_eq!(status, 201);
    kept.push((id, "after".to_owned()));
    running.kill();
    let next = service(&store, &[]);
    assert_kept(&next, &kept);
    eventually("the beat is there", || {
        next.worker_view("w")["sequence"] == 2
    });
    let left = fs::read_dir(disk.folder.path()).unwrap();
    let damaged = left
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().contains("damaged")
        })
        .count();
    assert_eq!(damaged, 0, "the disk's fault, and not the file's");
}

#[test]
#[ignore = "needs .ci/failures"]
fn a_disk_that_is_full_costs_no_acknowledged_write_and_no_probe() {
    let disk = Disk::small("4m");
    let filler = std::cell::OnceCell::new();
    outlive(
        &disk,
        || drop(filler.set(disk.fill())),
        || fs::remove_file(filler.get().unwrap()).unwrap(),
    );
}

#[test]
#[ignore = "needs .ci/failures"]
fn a_disk_that_becomes_read_only_costs_no_acknowledged_write_and_no_probe() {
    let disk = Disk::ext4();
    outlive(&disk, || disk.abort(), || disk.repair());
}

#[test]
#[ignore = "needs .ci/failures"]
fn a_service_whose_store_is_on_a_read_only_or_full_disk_is_refused_with_the_file_and_the_cause() {
    for is_full in [false, true] {
        let disk = Disk::small("1m");
        if is_full {
            disk.fill();
        } else {
            run(
                "mount",
                &["-o", "remount,ro", disk.folder.path().to_str().unwrap()],
            );
        }
        let mut config = Config::new("refused", Role::Api);
        config.store.kind = StoreKind::File;
        config.store.path = Some(disk.store().into());
        let error = Telemetry::without_globals(config, &Environment::empty()).unwrap_err();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        assert!(text.contains(&disk.store()), "{text}");
        let expected = if is_full {
            "No space left"
        } else {
            "Read-only file system"
        };
        assert!(text.contains(expected), "{text}");
    }
}

/// A sync of a third of a second: sixteen posts at a time with a sync each would delay a beat by five seconds.
#[test]
#[ignore = "needs .ci/failures"]
fn on_a_disk_that_syncs_slowly_posts_share_their_syncs_with_beats_and_a_kill_loses_the_last_second_only()
 {
    const POSTS: usize = 48;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store.redb").display().to_string();
    let library = means("VANTAGE_TEST_SLOW_SYNC");
    let slow = [
        ("LD_PRELOAD", library.as_str()),
        ("VANTAGE_SLOW_SYNC_MS", "300"),
    ];
    let mut running = service(&store, &slow);
    let address = running.address();
    let commits = |running: &ChildProcess| {
        metric(running, "vantage_store_commits_total", &[("result", "ok")])
    };
    let before = commits(&running);
    let next_post = AtomicU64::new(0);
    let started = Instant::now();
    let kept: Vec<_> = thread::scope(|scope| {
        let posts: Vec<_> = (0..POSTS)
            .map(|_| {
                scope.spawn(|| {
                    let title = format!("post {}", next_post.fetch_add(1, Ordering::Relaxed));
                    let (status, id) = open_incident(address, &title).unwrap();
                    assert_eq!(status, 201);
                    (id, title)
                })
            })
            .collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    let (took, made) = (started.elapsed(), commits(&running) - before);
    #[expect(clippy::print_stderr, reason = "the figures of a measurement")]
    {
        eprintln!("{POSTS} posts at once, 300 ms a sync: {made} commits, {took:?}");
    }
    assert!(
        (1.0..16.0).contains(&made),
        "{made} commits for {POSTS} posts"
    );

    // Beats beside posts, and a kill: those that are a second old are there.
    let mut beats = Vec::new();
    thread::scope(|scope| {
        let posts = scope.spawn(|| {
            (0..8).for_each(|n| drop(open_incident(address, &format!("beside {n}"))));
        });
        let mut sequence = 0;
        while !posts.is_finished() {
            sequence += 1;
            if beat(address, "w", "boot", sequence).unwrap() == 202 {
                beats.push((sequence, Instant::now()));
            }
        }
    });
    let killed_at = Instant::now();
    running.kill();
    let durable = beats
        .iter()
        .rfind(|(_, at)| *at + Duration::from_secs(1) <= killed_at)
        .map(|(sequence, _)| *sequence);
    let next = service(&store, &[]);
    assert_kept(&next, &kept);
    eventually("the beat is there", || !next.state("w").is_empty());
    let found = next.worker_view("w")["sequence"].as_u64();
    assert!(
        durable.is_some() && found >= durable,
        "{found:?} of {durable:?}"
    );
}
