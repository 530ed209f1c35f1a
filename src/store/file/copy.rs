//! A copy of a store's file for a reader that must leave the file as it is.
//!
//! Why a copy? Because opening a file that was not closed well repairs it, which is for the process that it
//! belongs to.

use std::fs::{DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::FileStore;
use super::open::{OnDamage, OpenError};
use crate::background::Supervisor;

/// A folder with a copy of a store's file, which is deleted when it is dropped.
#[derive(Debug)]
pub(crate) struct StoreCopy {
    folder: PathBuf,
    original: PathBuf,
}

/// An error of copying or reading a store's file, which was left as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    #[error("{} can't be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// The process that it belongs to is running.
    #[error("{} is open in the service that it belongs to: query that service with --url", path.display())]
    InUse { path: PathBuf },
    /// The temporary folder is full or can't be written.
    #[error("no copy of {} can be made in {}", path.display(), folder.display())]
    NotCopied {
        path: PathBuf,
        folder: PathBuf,
        source: io::Error,
    },
    #[error(transparent)]
    NotOpened(#[from] OpenError),
}

impl StoreCopy {
    /// Copies the file into a folder of its own, unless a process has it open.
    pub(crate) fn new(path: &Path) -> Result<Self, CopyError> {
        let original = path.to_owned();
        let unreadable = |source| CopyError::Unreadable {
            path: path.to_owned(),
            source,
        };
        // Asked before the file is opened, because opening a named pipe blocks.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(unreadable(io::Error::other("not a regular file")));
        }
        let file = File::open(path).map_err(unreadable)?;
        if !is_free(&file) {
            return Err(CopyError::InUse { path: original });
        }
        let now = Timestamp::now().as_nanosecond();
        // Process and time, so that two commands at once do not share a copy.
        let name = format!("vantage-obs-{}-{now}", std::process::id());
        let copy = Self {
            folder: std::env::temp_dir().join(name),
            original,
        };
        let failed = |source| CopyError::NotCopied {
            path: path.to_owned(),
            folder: std::env::temp_dir(),
            source,
        };
        // Fails if it exists: a folder that another user has prepared is not used.
        private_folder().create(&copy.folder).map_err(failed)?;
        std::fs::copy(path, copy.file()).map_err(failed)?;
        Ok(copy)
    }

    /// Opens the copy. An error names the original, and that it was left as it is.
    pub(crate) fn open(&self) -> Result<FileStore, CopyError> {
        FileStore::open_with(self.file(), OnDamage::Refuse, &Supervisor::default()).map_err(
            |error| {
                let path = self.original.clone();
                CopyError::NotOpened(match error {
                    OpenError::InUse { .. } => OpenError::InUse { path },
                    OpenError::NewerSchema { found, .. } => OpenError::NewerSchema { path, found },
                    OpenError::OlderSchema { found, .. } => OpenError::OlderSchema { path, found },
                    OpenError::Damaged { reason, .. } => OpenError::Damaged { path, reason },
                    OpenError::Io { source, .. } => OpenError::Io { path, source },
                })
            },
        )
    }

    fn file(&self) -> PathBuf {
        self.folder.join("copy.redb")
    }
}

impl Drop for StoreCopy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Returns the builder of a folder of one user's: what is private in the store is private in its copy.
#[cfg(unix)]
fn private_folder() -> DirBuilder {
    let mut folder = DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder
}

/// Elsewhere each user has temporary files of their own.
#[cfg(not(unix))]
fn private_folder() -> DirBuilder {
    DirBuilder::new()
}

/// Returns true if no process has locked the file; where that can't be seen, a copy of a file that is
/// being written is reported as damaged.
#[cfg(target_os = "linux")]
pub(crate) fn is_free(file: &File) -> bool {
    use rustix::fs::{FlockOperation, flock};
    flock(file, FlockOperation::NonBlockingLockShared).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub(crate) const fn is_free(_: &File) -> bool {
    true
}
