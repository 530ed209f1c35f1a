//! Opening a file that may have been through anything.

use std::any::Any;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use redb::{Builder, Database};

use super::error::Trouble;
use super::tables;

/// Pages that are held in memory; a start reads the file once, and then only what changes.
const CACHE: usize = 4 << 20;
/// For how long a file may be in use before that is an error.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(20);

/// Why a store's file could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// One process has one file.
    #[error(
        "the store's file {} is open in another process: give each process a file of its own, or use PostgreSQL",
        path.display()
    )]
    InUse { path: PathBuf },
    /// It is left as it is, because nobody but the later release understands it.
    #[error(
        "the store's file {} was written by a later release (schema {found}, and this one knows {known}): run that release, or name another file",
        path.display(), known = tables::SCHEMA
    )]
    Newer { path: PathBuf, found: u64 },
    /// The file system's fault.
    #[error("the store's file {} cannot be opened", path.display())]
    Io { path: PathBuf, source: io::Error },
}

/// A store that is open, and what had to be moved out of its way.
pub(super) struct Opened {
    pub(super) database: Database,
    pub(super) set_aside: Option<SetAside>,
}

/// A damaged file under its new name.
pub(super) struct SetAside {
    pub(super) to: PathBuf,
    pub(super) why: String,
}

/// Waits a little for a process that is just ending, as the one before a restart may be, or one that
/// was started with its descriptors.
pub(super) fn open(path: &Path) -> Result<Opened, OpenError> {
    let begun = Instant::now();
    loop {
        match try_open(path) {
            Err(OpenError::InUse { .. }) if begun.elapsed() < PATIENCE => thread::sleep(PAUSE),
            opened => return opened,
        }
    }
}

fn try_open(path: &Path) -> Result<Opened, OpenError> {
    let why = match attempt(path) {
        Ok(database) => {
            return Ok(Opened {
                database,
                set_aside: None,
            });
        }
        Err(Trouble::Damaged(why)) => why,
        Err(trouble) => return Err(refusal(path, trouble)),
    };
    let set_aside = set_aside(path, why).map_err(|error| refusal(path, Trouble::Io(error)))?;
    let database = attempt(path).map_err(|trouble| refusal(path, trouble))?;
    Ok(Opened {
        database,
        set_aside: Some(set_aside),
    })
}

/// Opens and examines; a panic says that what stands there is damaged.
fn attempt(path: &Path) -> Result<Database, Trouble> {
    let there = fs::metadata(path).is_ok_and(|file| file.len() > 0);
    let work = || if there { examine(path) } else { create(path) };
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Trouble::Damaged(text(&*panic))))
}

fn examine(path: &Path) -> Result<Database, Trouble> {
    let mut database = builder().create(path)?;
    // Every page has a checksum, which reading alone does not look at.
    database.check_integrity()?;
    tables::check(&database)?;
    // Some damage shows in a commit alone.
    tables::commit(&database, &[])?;
    Ok(database)
}

/// Makes the file under another name, so that a kill in the midst leaves no half of one. The lock
/// that goes with an open file keeps a second process from doing the same.
fn create(path: &Path) -> Result<Database, Trouble> {
    let beginning = beside(path, "new");
    let database = match builder().create(&beginning).map_err(Trouble::from) {
        Err(Trouble::Damaged(_)) => {
            fs::remove_file(&beginning).map_err(Trouble::Io)?;
            builder().create(&beginning)?
        }
        made => made?,
    };
    tables::create(&database)?;
    fs::rename(&beginning, path).map_err(Trouble::Io)?;
    sync_folder(path).map_err(Trouble::Io)?;
    Ok(database)
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    // What the next major releases read.
    builder.create_with_file_format_v3(true);
    builder
}

/// Renames a damaged file; nothing is thrown away.
fn set_aside(path: &Path, why: String) -> io::Result<SetAside> {
    let stamp = Timestamp::now().strftime("%Y%m%dT%H%M%S%.9fZ");
    let to = beside(path, &format!("damaged-{stamp}"));
    fs::rename(path, &to)?;
    sync_folder(path)?;
    Ok(SetAside { to, why })
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{suffix}"));
    name.into()
}

/// A new name is durable once its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    match fs::File::open(folder.unwrap_or(Path::new("."))) {
        Ok(folder) => folder.sync_all(),
        // Not every system lets a folder be opened.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

fn refusal(path: &Path, trouble: Trouble) -> OpenError {
    let path = path.to_owned();
    match trouble {
        Trouble::InUse => OpenError::InUse { path },
        Trouble::Newer(found) => OpenError::Newer { path, found },
        Trouble::Io(source) => OpenError::Io { path, source },
        Trouble::Damaged(what) | Trouble::Refused(what) => OpenError::Io {
            path,
            source: io::Error::other(what),
        },
    }
}

pub(super) fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it could not be read").to_owned()
}
