//! The database file in use, and its recovery from damage.
//!
//! | call | file | afterwards |
//! |---|---|---|
//! | succeeds | open | open |
//! | panics, or finds damage | closed, checked, opened anew | open, perhaps a new file |
//! | an error of the disk | closed | opened by the next call |
//!
//! Why are panics caught? redb asserts what a whole file guarantees: a damaged page shows as a
//! panic in the middle of a call, on a thread whose end would be the end of the store.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use redb::Database;

use super::SharedNotice;
use super::error::FileError;
use super::open::{self, OnDamage, OpenError, OpenedFile, SetAsideFile};
use crate::record::sync::lock;
use crate::store::StoreError;

/// The open file; closed after a failure of the disk, until the next call opens it again.
#[derive(Debug)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    on_damage: OnDamage,
    /// `None` while closed.
    database: Option<Database>,
    /// Filled when a damaged file was set aside.
    notice: SharedNotice,
}

impl DatabaseFile {
    pub(super) const fn new(path: PathBuf, on_damage: OnDamage, notice: SharedNotice) -> Self {
        Self {
            path,
            on_damage,
            database: None,
            notice,
        }
    }

    /// Opens the file; returns true if a damaged one was set aside for that.
    pub(super) fn open(&mut self) -> Result<bool, OpenError> {
        let OpenedFile {
            database,
            set_aside,
        } = open::open(&self.path, self.on_damage)?;
        self.database = Some(database);
        if let Some(set_aside) = &set_aside {
            self.report_set_aside(set_aside);
        }
        Ok(set_aside.is_some())
    }

    /// Closes the file. A damaged one may panic once more then.
    pub(super) fn close(&mut self) {
        let database = self.database.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
    }

    /// Runs a task on the open file, opening it first where that is needed.
    pub(super) fn with_database<T>(
        &mut self,
        task: impl FnOnce(&Database) -> Result<T, FileError>,
    ) -> Result<T, StoreError> {
        if self.database.is_none() {
            self.open()
                .map_err(|error| unavailable().with_source(error))?;
        }
        let Some(database) = &self.database else {
            return Err(unavailable());
        };
        match catch_unwind(AssertUnwindSafe(|| task(database))) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.handle_error(error)),
            Err(panic) => Err(self.handle_panic(&open::panic_message(&*panic))),
        }
    }

    /// Decides by the kind of error whether the file is reopened, and whether a retry makes sense.
    fn handle_error(&mut self, error: FileError) -> StoreError {
        match error {
            FileError::Rejected(cause) => StoreError::permanent(cause),
            FileError::Corrupted(cause) => {
                // Reopening checks the whole file and sets it aside if need be; the caller's retry
                // then meets a good one.
                self.reopen();
                StoreError::transient("the store's file is damaged").with_source(cause)
            }
            FileError::Io(error) => {
                // After one failure the open file refuses everything.
                self.close();
                unavailable().with_source(error)
            }
            FileError::InUse | FileError::NewerSchema(_) | FileError::OlderSchema(_) => {
                unavailable()
            }
        }
    }

    /// Turns a panic into an error. Either the file is damaged, and then it is set aside and the same can be tried again, or it
    /// was what was asked for.
    fn handle_panic(&mut self, cause: &str) -> StoreError {
        let message = "the store's file could not be used";
        if self.reopen() {
            StoreError::transient(message).with_source(cause)
        } else {
            StoreError::permanent(message).with_source(cause)
        }
    }

    /// Opens the file anew; returns true if it was damaged.
    fn reopen(&mut self) -> bool {
        self.close();
        // A file that can't be opened now is opened by the next call, which reports why.
        self.open().unwrap_or(false)
    }

    fn report_set_aside(
        &self,
        SetAsideFile {
            path: target,
            reason,
        }: &SetAsideFile,
    ) {
        let (file, target) = (self.path.display(), target.display());
        tracing::error!(target: "vantage_obs", %file, set_aside = %target, why = reason, "the store's file was damaged; it was set aside, and a new one was created");
        let notice = format!("{file} was damaged ({reason}): it was set aside as {target}");
        *lock(&self.notice) = Some(notice);
    }
}

/// The public text; what the system said is the source, and private.
fn unavailable() -> StoreError {
    StoreError::transient("the store's file cannot be read or written")
}
