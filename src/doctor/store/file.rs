//! A store in a file: its folder, its lock, and what stands in it. Nothing in the file is changed.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use crate::config::EffectiveConfig;
use crate::doctor::disk::disk_step;
use crate::doctor::fix::SettingFixes;
use crate::doctor::links::add_untried;
use crate::doctor::step::DiagnosisStep;
use crate::model::causes::with_causes;
use crate::store::{StoreCopy, is_free};

/// The largest file of which a copy is made to look at it.
const MAX_COPY_BYTES: u64 = 256 << 20;

const PATH: &str = "store.path";

pub(super) fn steps(effective: &EffectiveConfig) -> Vec<DiagnosisStep> {
    let store = &effective.config.store;
    let path = store.path.clone().unwrap_or_default();
    let mut steps = Vec::new();
    let check = FileCheck {
        path: &path,
        settings: SettingFixes(effective),
    };
    if check.run(&mut steps).is_none() {
        add_untried(&mut steps, &["folder", "disk", "file", "lock", "format"]);
    }
    steps
}

struct FileCheck<'a> {
    path: &'a Path,
    settings: SettingFixes<'a>,
}

impl FileCheck<'_> {
    fn run(&self, steps: &mut Vec<DiagnosisStep>) -> Option<()> {
        let folder = self.check_folder(steps)?;
        steps.push(disk_step("disk", folder));
        let file = match self.check_file(steps)? {
            Some(file) => file,
            None => return Some(()),
        };
        if !is_free(&file) {
            let finding = "held by a running process, which has opened the file for itself";
            steps.push(DiagnosisStep::ok("lock", finding));
            steps.push(DiagnosisStep::skipped(
                "format",
                "known to the process that holds it",
            ));
            return Some(());
        }
        steps.push(DiagnosisStep::ok("lock", "free: no process has it open"));
        drop(file);
        steps.push(self.format_step());
        Some(())
    }

    /// Writes a file beside the store's and removes it, as the store does with its own at its first start.
    fn check_folder(&self, steps: &mut Vec<DiagnosisStep>) -> Option<&Path> {
        const NAME: &str = "folder";
        let parent = self.path.parent().unwrap_or(Path::new(""));
        let folder = match parent == Path::new("") {
            true => Path::new("."),
            false => parent,
        };
        let shown = folder.display();
        let elsewhere = || self.settings.suggest(PATH, "/path/to/a/folder/obs.redb");
        let (finding, fix) = match write_beside(folder) {
            Ok(()) => {
                let finding = format!("{shown} can be written by this user");
                steps.push(DiagnosisStep::ok(NAME, finding));
                return Some(folder);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (
                format!("{shown} is not there"),
                format!("create it (mkdir -p {shown}), or {}", elsewhere()),
            ),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                (format!("{shown} is no folder"), elsewhere())
            }
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => (
                format!("{shown} is on a file system that takes no writes"),
                format!(
                    "mount a volume that can be written there, or {}",
                    elsewhere()
                ),
            ),
            Err(error) => (
                format!("{shown} can't be written by this user: {error}"),
                format!(
                    "give the service's user the right to write there (chown, or fsGroup of the pod), or {}",
                    elsewhere()
                ),
            ),
        };
        steps.push(DiagnosisStep::fail(NAME, finding, fix));
        None
    }

    /// Opens the file; there is none before the first start.
    fn check_file(&self, steps: &mut Vec<DiagnosisStep>) -> Option<Option<File>> {
        const NAME: &str = "file";
        let shown = self.path.display();
        let elsewhere = || self.settings.suggest(PATH, "/path/to/a/folder/obs.redb");
        let metadata = fs::metadata(self.path);
        let opened = metadata.and_then(|metadata| match metadata.is_file() {
            true => OpenOptions::new().read(true).write(true).open(self.path),
            false => Err(io::ErrorKind::InvalidInput.into()),
        });
        let (finding, fix) = match opened {
            Ok(file) => {
                let size = file.metadata().map_or(0, |metadata| metadata.len());
                let finding = format!(
                    "{} kB, can be read and written by this user",
                    size.div_ceil(1000)
                );
                steps.push(DiagnosisStep::ok(NAME, finding));
                return Some(Some(file));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let finding = "not there yet: the service creates it at its first start";
                steps.push(DiagnosisStep::ok(NAME, finding));
                return Some(None);
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                (format!("{shown} is no regular file"), elsewhere())
            }
            Err(error) => (
                format!("{shown} can't be read and written by this user: {error}"),
                format!(
                    "give the service's user the file (chown), or {}",
                    elsewhere()
                ),
            ),
        };
        steps.push(DiagnosisStep::fail(NAME, finding, fix));
        None
    }

    /// Opens a copy: opening the file itself would repair it, which is for the service.
    fn format_step(&self) -> DiagnosisStep {
        const NAME: &str = "format";
        let size = fs::metadata(self.path).map_or(0, |metadata| metadata.len());
        if size > MAX_COPY_BYTES {
            let finding =
                "the file is too large to be copied, and only a copy is opened here: not tried";
            let fix = format!(
                "read it with `vantage-obs slo report --store file:{}`",
                self.path.display()
            );
            return DiagnosisStep::warn(NAME, finding).with_fix(fix);
        }
        match StoreCopy::new(self.path).and_then(|copy| copy.open()) {
            Ok(_) => DiagnosisStep::ok(NAME, "readable, every checksum holds"),
            Err(error) => {
                let fix = format!(
                    "move the file away, so that the service begins a new one, or {}; \
                     one that was written by a later release needs that release",
                    self.settings.suggest(PATH, "/path/to/a/folder/obs.redb")
                );
                DiagnosisStep::fail(NAME, with_causes(&error), fix)
            }
        }
    }
}

fn write_beside(folder: &Path) -> io::Result<()> {
    let name = format!(".vantage-obs-doctor-{}", std::process::id());
    let probe = folder.join(name);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe)?;
    fs::remove_file(probe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, Role, StoreKind};
    use crate::doctor::step::StepVerdict;
    use crate::store::FileStore;

    #[test]
    fn a_file_of_a_running_process_is_fine_and_one_that_was_left_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("obs.redb");
        let mut config = Config::new("test", Role::Api);
        config.store.kind = StoreKind::File;
        config.store.path = Some(path.clone());
        let effective = config.resolve(&Environment::empty()).unwrap();
        let verdicts = || {
            let steps = steps(&effective).into_iter();
            let steps = steps.map(|step| (step.name, step.verdict));
            steps.collect::<Vec<_>>()
        };
        let service = FileStore::open(&path).unwrap();
        if cfg!(target_os = "linux") {
            let held = verdicts();
            assert!(held.contains(&("lock", StepVerdict::Ok)), "{held:?}");
            assert!(held.contains(&("format", StepVerdict::Skipped)), "{held:?}");
        }
        drop(service);
        let before = fs::read(&path).unwrap();
        let left = verdicts();
        assert!(left.contains(&("format", StepVerdict::Ok)), "{left:?}");
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
