//! The file while it is in use, and what is done when it turns out bad.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use redb::Database;

use super::Remark;
use super::error::Trouble;
use super::open::{self, OpenError, Opened, SetAside};
use crate::store::StoreError;

/// The open file; closed after a failure of the disk, until the next call opens it again.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    database: Option<Database>,
    remark: Remark,
}

impl Disk {
    pub(super) const fn new(path: PathBuf, remark: Remark) -> Self {
        Self {
            path,
            database: None,
            remark,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file; whether a damaged one was set aside for that.
    pub(super) fn open(&mut self) -> Result<bool, OpenError> {
        let Opened {
            database,
            set_aside,
        } = open::open(&self.path)?;
        self.database = Some(database);
        if let Some(set_aside) = &set_aside {
            self.report(set_aside);
        }
        Ok(set_aside.is_some())
    }

    /// A file that is damaged may panic once more when it is closed.
    pub(super) fn close(&mut self) {
        let database = self.database.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(database)));
    }

    pub(super) fn run<T>(
        &mut self,
        work: impl FnOnce(&Database) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        if self.database.is_none() {
            self.open().map_err(|error| away().because(error))?;
        }
        let Some(database) = &self.database else {
            return Err(away());
        };
        match catch_unwind(AssertUnwindSafe(|| work(database))) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(trouble)) => Err(self.after(trouble)),
            Err(panic) => Err(self.after_panic(&open::text(&*panic))),
        }
    }

    fn after(&mut self, trouble: Trouble) -> StoreError {
        match trouble {
            Trouble::Refused(what) => StoreError::lasting(what),
            Trouble::Damaged(what) => {
                self.reopen();
                StoreError::passing("the store's file is damaged").because(what)
            }
            Trouble::Io(error) => {
                // After one failure the open file refuses everything.
                self.close();
                away().because(error)
            }
            Trouble::InUse | Trouble::Newer(_) => away(),
        }
    }

    /// Either the file is damaged, and then it is set aside and the same can be tried again, or it
    /// was what was asked for.
    fn after_panic(&mut self, what: &str) -> StoreError {
        let told = "the store's file could not be used";
        if self.reopen() {
            StoreError::passing(told).because(what)
        } else {
            StoreError::lasting(told).because(what)
        }
    }

    /// Examines the file anew; whether it was damaged.
    fn reopen(&mut self) -> bool {
        self.close();
        self.open().unwrap_or(false)
    }

    fn report(&self, SetAside { to, why }: &SetAside) {
        let (file, to) = (self.path.display(), to.display());
        tracing::error!(target: "vantage_obs", %file, set_aside = %to, why, "the store's file was damaged; it was set aside, and a new one begun");
        let remark = format!("{file} was damaged ({why}): it was set aside as {to}");
        *self.remark.lock().unwrap_or_else(PoisonError::into_inner) = Some(remark);
    }
}

fn away() -> StoreError {
    StoreError::passing("the store's file cannot be read or written")
}
