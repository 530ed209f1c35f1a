//! The store of a single process in one file, which survives a kill at any moment.
//!
//! Why a thread beside the writer's? Because a disk can hang, and only a thread that is not waited
//! for may hang with it: the writer's deadlines hold all the same, and a stop ends in time.
//!
//! | what fails | what happens |
//! |---|---|
//! | the process is killed | the last commit holds; redb rolls back what was not committed |
//! | the file is damaged | it is set aside under another name, a new one begun, and the operator told |
//! | the disk is full or gone | transient errors until it is back; the file is opened anew |
//! | the disk hangs | calls wait in a bounded queue and before it, their callers time out |
//! | a later release wrote it | refused, and left as it is |

mod database_file;
mod error;
mod open;
mod tables;

#[cfg(feature = "cli")]
mod copy;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use redb::Database;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{RecordKind, Revision, SliceRow, Store, StoreError, StoreFuture, StoreOp};
use crate::background::{Supervisor, ThreadStatus};
use crate::record::sync::lock;
use database_file::DatabaseFile;
use error::FileError;
use open::OnDamage;

#[cfg(feature = "cli")]
pub(crate) use copy::{CopyError, StoreCopy, is_free};
pub(crate) use open::OpenError;

/// The most calls that the disk's thread may hold: without a bound, a disk that hangs for hours would hold a
/// batch for each try. Others wait for a place in their own futures, which end with their deadlines.
const MAX_QUEUED_JOBS: usize = 16;
/// The time limit of closing the file, so that it is free for the next process.
///
/// A disk that hangs must not keep a process from ending.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// The most rows that are deleted at once, before commits have their turn.
///
/// A transaction excludes others: a beat waits for at most this many deletions.
const DELETE_BATCH: usize = 1_000;

/// A store in a file.
#[derive(Debug)]
pub(crate) struct FileStore {
    /// `None` once the store is dropped: the thread ends when the sender is gone.
    jobs: Option<Sender<DiskJob>>,
    /// The free places of the thread's queue.
    places: Arc<Semaphore>,
    /// Disconnected when the thread has closed the file. A mutex only because a receiver is not
    /// `Sync`.
    ended: Mutex<Receiver<()>>,
    notice: SharedNotice,
}

/// The notice that the file's thread leaves for the store's status.
type SharedNotice = Arc<Mutex<Option<String>>>;

/// A call with its reply inside, and its place in the queue.
type DiskJob = (
    Box<dyn FnOnce(&mut DatabaseFile) + Send>,
    OwnedSemaphorePermit,
);

/// Opens the store of the configuration in a file.
pub(crate) fn open_file(path: PathBuf, supervisor: &Supervisor) -> io::Result<Arc<dyn Store>> {
    let store = FileStore::open_with(path, OnDamage::SetAside, supervisor)?;
    Ok(Arc::new(store))
}

/// Opens the file for a program that is not its service: a damaged one is refused and left as it is.
#[cfg(feature = "cli")]
pub(crate) fn open_undamaged(path: PathBuf) -> Result<FileStore, OpenError> {
    FileStore::open_with(path, OnDamage::Refuse, &Supervisor::default())
}

impl FileStore {
    /// Opens the file, or makes it. A damaged one is set aside, so that a service starts whatever
    /// the file went through; [`Store::notice`] tells.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: an operator has to look after the file.
    #[cfg(test)]
    pub(crate) fn open(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        Self::open_with(path.into(), OnDamage::SetAside, &Supervisor::default())
    }

    fn open_with(
        path: PathBuf,
        on_damage: OnDamage,
        supervisor: &Supervisor,
    ) -> Result<Self, OpenError> {
        let notice = SharedNotice::default();
        let mut disk = DatabaseFile::new(path, on_damage, Arc::clone(&notice));
        disk.open()?;
        let (jobs, queued) = channel::<DiskJob>();
        let (on_end, ended) = channel();
        // Dropped, and so disconnected, with the body when that has returned.
        let mut on_end = Some(on_end);
        supervisor.spawn("vantage-store-file", move |thread: &ThreadStatus| {
            thread.record_round();
            for (job, place) in &queued {
                drop(place);
                // A job that panics drops its reply, which its caller takes for an error.
                job(&mut disk);
                thread.record_round();
            }
            disk.close();
            drop(on_end.take());
        });
        Ok(Self {
            jobs: Some(jobs),
            places: Arc::new(Semaphore::new(MAX_QUEUED_JOBS)),
            ended: Mutex::new(ended),
            notice,
        })
    }

    /// Runs a task on the file's thread; one that is not awaited any more is skipped.
    fn submit<T: Send + 'static>(
        &self,
        task: impl FnOnce(&Database) -> Result<T, FileError> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        let (sender, result) = oneshot::channel();
        let job = Box::new(move |disk: &mut DatabaseFile| {
            // The caller's deadline has passed, and it will try again: doing the work now would
            // only delay that.
            if !sender.is_closed() {
                let _ = sender.send(disk.with_database(task));
            }
        });
        let enqueue = move |place| match &self.jobs {
            Some(jobs) => drop(jobs.send((job, place))),
            None => drop(job),
        };
        // Sent at once where there is room, and not when the future is polled first: calls keep the order in
        // which they were made. Those that wait for room keep it as well.
        let waits = match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => {
                enqueue(place);
                None
            }
            Err(_) => Some(enqueue),
        };
        Box::pin(async move {
            let ended = || StoreError::transient("the file's thread has ended");
            if let Some(enqueue) = waits {
                let place = Arc::clone(&self.places).acquire_owned().await;
                enqueue(place.map_err(|_| ended())?);
            }
            result.await.unwrap_or_else(|_| Err(ended()))
        })
    }
}

impl Store for FileStore {
    fn commit<'a>(&'a self, ops: &'a [StoreOp]) -> StoreFuture<'a, ()> {
        // Owned, because the disk's thread may still be at it when the caller has given up.
        let ops = ops.to_vec();
        self.submit(move |database| tables::commit(database, &ops))
    }

    fn list<'a>(
        &'a self,
        kind: RecordKind,
        prefix: &'a str,
        since: Timestamp,
    ) -> StoreFuture<'a, Vec<String>> {
        let prefix = prefix.to_owned();
        self.submit(move |database| tables::list(database, kind, &prefix, since))
    }

    fn changed(
        &self,
        kind: RecordKind,
        since: Revision,
    ) -> StoreFuture<'_, (Vec<String>, Revision)> {
        self.submit(move |database| tables::changed(database, kind, since))
    }

    fn instances(&self) -> StoreFuture<'_, Vec<Arc<str>>> {
        self.submit(tables::instances)
    }

    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> StoreFuture<'a, Vec<SliceRow>> {
        let instance: Arc<str> = Arc::from(instance);
        self.submit(move |database| tables::slices(database, &instance, since))
    }

    fn delete_expired_slices(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let mut deleted = 0;
            loop {
                let batch = move |database: &Database| {
                    tables::delete_expired_slices(database, before, DELETE_BATCH)
                };
                let removed = self.submit(batch).await?;
                deleted += u64::try_from(removed).unwrap_or(u64::MAX);
                if removed < DELETE_BATCH {
                    return Ok(deleted);
                }
            }
        })
    }

    fn delete_expired(&self, kind: RecordKind, before: Timestamp) -> StoreFuture<'_, u64> {
        self.submit(move |database| tables::delete_expired(database, kind, before))
    }

    fn acquire_lease<'a>(&'a self, _: &'a str, _: &'a str, _: Duration) -> StoreFuture<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn notice(&self) -> Option<String> {
        lock(&self.notice).clone()
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        // First: the thread ends only when no sender is left.
        self.jobs = None;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(CLOSE_TIMEOUT);
    }
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        Self::other(error)
    }
}
