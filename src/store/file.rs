//! The store of a single process in one file, which survives a kill at any moment.
//!
//! Why a thread beside the keeper's? Because a disk can hang, and only a thread that nobody waits
//! for may hang with it: the keeper's deadlines hold all the same, and a stop ends in time.

mod disk;
mod error;
mod open;
mod row;
mod tables;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

use jiff::Timestamp;
use redb::Database;
use tokio::sync::oneshot;

use super::{
    Answer, BulletinRow, Change, NoteRow, Revision, SliceRow, SpanRow, Store, StoreError, WorkerRow,
};
use crate::model::status::StatusId;
use disk::Disk;
use error::Trouble;
pub(crate) use open::OpenError;

/// How many calls may wait for the disk: without a bound, a disk that hangs for hours would hold a
/// batch for each try.
const WAITING: usize = 16;
/// For how long an end waits until the file is free for the next one.
const CLOSING: Duration = Duration::from_secs(1);
/// How many rows a sweep removes before commits have their turn.
const SWEEP: usize = 1_000;

/// Keeps in a file.
#[derive(Debug)]
pub(crate) struct File {
    jobs: Option<SyncSender<Job>>,
    ended: Mutex<Receiver<()>>,
    remark: Remark,
}

/// Told to whoever asks for the store's condition.
type Remark = Arc<Mutex<Option<String>>>;

type Job = Box<dyn FnOnce(&mut Disk) + Send>;

impl File {
    /// Opens the file, or makes it. A damaged one is set aside, so that a service starts whatever
    /// the file went through; [`Store::remark`] tells.
    ///
    /// # Errors
    ///
    /// [`OpenError`]: somebody has to look after the file.
    pub(crate) fn open(path: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let remark = Remark::default();
        let mut disk = Disk::new(path.into(), Arc::clone(&remark));
        disk.open()?;
        let (jobs, received) = sync_channel::<Job>(WAITING);
        let (ending, ended) = channel();
        let path = disk.path().to_owned();
        let thread = thread::Builder::new().name("vantage-store-file".into());
        let started = thread.spawn(move || {
            received.into_iter().for_each(|job| job(&mut disk));
            disk.close();
            drop(ending);
        });
        started.map_err(|source| OpenError::Io { path, source })?;
        Ok(Self {
            jobs: Some(jobs),
            ended: Mutex::new(ended),
            remark,
        })
    }

    /// Has the thread do something; what nobody waits for any more is left undone.
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Trouble> + Send + 'static,
    ) -> Answer<'_, T> {
        let (answering, answer) = oneshot::channel();
        let job: Job = Box::new(move |disk| {
            if !answering.is_closed() {
                let _ = answering.send(disk.run(work));
            }
        });
        let sent = self.jobs.as_ref().map(|jobs| jobs.try_send(job));
        Box::pin(async move {
            if let Some(Err(TrySendError::Full(_))) = sent {
                return Err(StoreError::passing("the disk does not answer"));
            }
            let gone = |_| Err(StoreError::passing("the file's thread has ended"));
            answer.await.unwrap_or_else(gone)
        })
    }
}

impl Store for File {
    fn commit<'a>(&'a self, changes: &'a [Change]) -> Answer<'a, ()> {
        let changes = changes.to_vec();
        self.ask(move |database| tables::commit(database, &changes))
    }

    fn workers(&self, since: Revision) -> Answer<'_, (Vec<WorkerRow>, Revision)> {
        self.ask(move |database| tables::workers(database, since))
    }

    fn instances(&self) -> Answer<'_, Vec<Arc<str>>> {
        self.ask(tables::instances)
    }

    fn slices<'a>(&'a self, instance: &'a str, since: Timestamp) -> Answer<'a, Vec<SliceRow>> {
        let instance: Arc<str> = Arc::from(instance);
        self.ask(move |database| tables::slices(database, &instance, since))
    }

    fn notes<'a>(&'a self, instance: &'a str) -> Answer<'a, Vec<NoteRow>> {
        let instance: Arc<str> = Arc::from(instance);
        self.ask(move |database| tables::notes(database, &instance))
    }

    fn bulletins(&self, since: Timestamp) -> Answer<'_, Vec<BulletinRow>> {
        self.ask(move |database| tables::bulletins(database, since))
    }

    fn bulletin(&self, id: StatusId) -> Answer<'_, Option<BulletinRow>> {
        self.ask(move |database| tables::bulletin(database, id))
    }

    fn spans(&self, since: i64) -> Answer<'_, Vec<SpanRow>> {
        self.ask(move |database| tables::spans(database, since))
    }

    fn sweep(&self, before: Timestamp) -> Answer<'_, u64> {
        Box::pin(async move {
            let mut swept = 0;
            loop {
                let batch = move |database: &Database| tables::sweep(database, before, SWEEP);
                let removed = self.ask(batch).await?;
                swept += u64::try_from(removed).unwrap_or(u64::MAX);
                if removed < SWEEP {
                    return Ok(swept);
                }
            }
        })
    }

    fn sweep_status(&self, before: Timestamp) -> Answer<'_, u64> {
        self.ask(move |database| tables::sweep_status(database, before))
    }

    fn lead<'a>(&'a self, _: &'a str, _: &'a str, _: Duration) -> Answer<'a, bool> {
        Box::pin(async { Ok(true) })
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn remark(&self) -> Option<String> {
        let remark = self.remark.lock();
        remark.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.jobs = None;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(CLOSING);
    }
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        Self::other(error)
    }
}
