//! Opening of a file that may be damaged.
//!
//! Damage must never keep a service from starting, and must never be hidden either. A file is
//! checked as a whole before it is used; one that fails is renamed, with the time in its new name,
//! and reported as an error, in the log and in the store's status.
//!
//! The order in which a file comes into being: it is written under another name, its tables are
//! committed, it is renamed, and the folder is synced. At every moment there is either no file, or
//! a whole one.

use std::any::Any;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use redb::{Builder, Database};

use super::error::FileError;
use super::tables;

/// Pages that are held in memory; a start reads the file once, and then only what changes.
// redb's default is a gigabyte, which a small service doesn't have.
const CACHE_SIZE: usize = 4 << 20;
/// The time for which a file may be in use before that is an error.
///
/// A container's predecessor may need a moment to end; more than that is a second process with the
/// same file.
const IN_USE_TIMEOUT: Duration = Duration::from_secs(2);
/// Opening a file in use fails at once, so that trying is cheap.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// An error of opening a store's file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// One process has one file.
    #[error(
        "the store's file {} is open in another process: give each process its own file, or use PostgreSQL",
        path.display()
    )]
    InUse { path: PathBuf },
    /// It is left as it is, because only the later release understands it.
    #[error(
        "the store's file {} was written by a later release (schema {found}; this release supports up to {known}): run that release, or choose another file",
        path.display(), known = tables::SCHEMA
    )]
    NewerSchema { path: PathBuf, found: u64 },
    /// It is left as it is, because something in it may still be wanted.
    #[error(
        "the store's file {} was written by a development version that was never released (schema {found}; this release supports {known}): move it away, or choose another file",
        path.display(), known = tables::SCHEMA
    )]
    OlderSchema { path: PathBuf, found: u64 },
    /// It is left as it is, because nothing was to be begun in its place.
    #[error(
        "{} is damaged, or no file of a store ({reason}); it was left as it is",
        path.display()
    )]
    Damaged { path: PathBuf, reason: String },
    /// The file system's fault.
    #[error("the store's file {} cannot be opened", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// The reaction to a damaged file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnDamage {
    /// It is renamed, and a new one begun.
    SetAside,
    /// It is an error.
    #[cfg(feature = "cli")]
    Refuse,
}

/// An open database, and the damaged file that was set aside for it.
pub(super) struct OpenedFile {
    pub(super) database: Database,
    pub(super) set_aside: Option<SetAsideFile>,
}

/// A damaged file under its new name.
pub(super) struct SetAsideFile {
    pub(super) path: PathBuf,
    pub(super) reason: String,
}

/// Opens the file, waiting a little for a process that is just ending, as the one before a restart may be, or one that
/// was started with its descriptors.
pub(super) fn open(path: &Path, on_damage: OnDamage) -> Result<OpenedFile, OpenError> {
    let started = Instant::now();
    loop {
        match try_open(path, on_damage) {
            Err(OpenError::InUse { .. }) if started.elapsed() < IN_USE_TIMEOUT => {
                thread::sleep(RETRY_INTERVAL);
            }
            opened => return opened,
        }
    }
}

/// Opens the file once; a damaged one is set aside and a new one begun.
fn try_open(path: &Path, on_damage: OnDamage) -> Result<OpenedFile, OpenError> {
    let reason = match open_or_create(path) {
        Ok(database) => {
            return Ok(OpenedFile {
                database,
                set_aside: None,
            });
        }
        Err(FileError::Corrupted(reason)) if on_damage == OnDamage::SetAside => reason,
        Err(FileError::Corrupted(reason)) => {
            let path = path.to_owned();
            return Err(OpenError::Damaged { path, reason });
        }
        Err(error) => return Err(open_error(path, error)),
    };
    let set_aside =
        set_aside(path, reason).map_err(|error| open_error(path, FileError::Io(error)))?;
    let database = open_or_create(path).map_err(|error| open_error(path, error))?;
    Ok(OpenedFile {
        database,
        set_aside: Some(set_aside),
    })
}

/// Opens and checks the file, or creates it; a panic means that it is damaged.
fn open_or_create(path: &Path) -> Result<Database, FileError> {
    let metadata = fs::metadata(path);
    // A pipe or device would block, or give way to the file that is created in its place.
    if metadata.as_ref().is_ok_and(|file| !file.is_file()) {
        return Err(FileError::Io(io::Error::other("not a regular file")));
    }
    // An empty file is as good as none: a volume's preparation may have made it.
    let exists = metadata.is_ok_and(|file| file.len() > 0);
    let open = || {
        if exists {
            open_existing(path)
        } else {
            create(path)
        }
    };
    catch_unwind(AssertUnwindSafe(open))
        .unwrap_or_else(|panic| Err(FileError::Corrupted(panic_message(&*panic))))
}

/// Opens a file and proves that it can be read and written.
fn open_existing(path: &Path) -> Result<Database, FileError> {
    let mut database = builder().create(path)?;
    // Every page has a checksum, which reading alone does not look at.
    database.check_integrity()?;
    tables::check_schema(&database)?;
    // Some damage shows in a commit alone.
    tables::commit(&database, &[])?;
    Ok(database)
}

/// Creates the file under another name, so that a kill in the midst leaves no half of one. The lock
/// that goes with an open file keeps a second process from doing the same.
fn create(path: &Path) -> Result<Database, FileError> {
    let new_path = sibling_path(path, "new");
    let database = match builder().create(&new_path).map_err(FileError::from) {
        // The remains of a start that was killed: nothing in it was ever used.
        Err(FileError::Corrupted(_)) => {
            fs::remove_file(&new_path).map_err(FileError::Io)?;
            builder().create(&new_path)?
        }
        opened => opened?,
    };
    tables::create_tables(&database)?;
    fs::rename(&new_path, path).map_err(FileError::Io)?;
    sync_directory(path).map_err(FileError::Io)?;
    Ok(database)
}

/// The settings of every database of ours.
fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_SIZE);
    // What the next major releases read.
    builder.create_with_file_format_v3(true);
    builder
}

/// Renames a damaged file; nothing is deleted.
fn set_aside(path: &Path, reason: String) -> io::Result<SetAsideFile> {
    // To the nanosecond, so that two damaged files can't take one name.
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%S%.9fZ");
    let target = sibling_path(path, &format!("damaged-{stamp}"));
    fs::rename(path, &target)?;
    sync_directory(path)?;
    Ok(SetAsideFile {
        path: target,
        reason,
    })
}

/// Returns a path in the same folder: a rename is atomic within one file system only.
fn sibling_path(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{suffix}"));
    name.into()
}

/// Makes a new name durable, which it is once its folder is.
// Without it the rename may be lost with the power, and the old name point nowhere.
fn sync_directory(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    match fs::File::open(folder.unwrap_or(Path::new("."))) {
        Ok(folder) => folder.sync_all(),
        // Not every system lets a folder be opened.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

/// Adds the path, which the operator needs and inner errors don't know.
fn open_error(path: &Path, error: FileError) -> OpenError {
    let path = path.to_owned();
    match error {
        FileError::InUse => OpenError::InUse { path },
        FileError::NewerSchema(found) => OpenError::NewerSchema { path, found },
        FileError::OlderSchema(found) => OpenError::OlderSchema { path, found },
        FileError::Io(source) => OpenError::Io { path, source },
        FileError::Corrupted(what) | FileError::Rejected(what) => OpenError::Io {
            path,
            source: io::Error::other(what),
        },
    }
}

/// Returns the text of a panic, which is a `&str` or a `String` in practice.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it could not be read").to_owned()
}
