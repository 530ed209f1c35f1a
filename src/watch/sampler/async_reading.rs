//! A source that has to be asked, such as a queue in a database: a future of the service's, once per interval.
//!
//! | a read | the figures | told |
//! |---|---|---|
//! | resolves to `Ok` in time | its own, until the next read ends | the end of an outage |
//! | resolves to `Err`, panics, or its runtime ends | none | one line per outage, with the error; counted |
//! | has not resolved at its deadline | none; it is aborted | the same |
//! | blocks, and so can't be aborted | none, and no further read until it is back | the same |
//!
//! So a figure is never older than an interval and a deadline, and a server that is away is no empty queue.
//!
//! The sampler's thread starts reads and looks after them, so that a runtime that is blocked, or has no timer, is seen.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::task::AbortHandle;

use crate::background::outage::OutageTracker;
use crate::background::panic::{catch_panic, panic_text};
use crate::model::causes::{one_line, with_causes};
use crate::record::sync::lock;
use crate::record::trace::untraced;

/// The shortest interval between two reads: that of the sampler.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
/// The longest time that a read has; a shorter interval is the limit otherwise.
const MAX_TIMEOUT: Duration = Duration::from_secs(10);

/// An error of the service's.
pub(crate) type ReadError = Box<dyn Error + Send + Sync>;

type ReadFuture<T> = Pin<Box<dyn Future<Output = Result<T, ReadError>> + Send>>;

/// A function of the service's that returns the figures of a source some time later, and the latest of them.
pub(super) struct AsyncReading<T> {
    /// For log lines and the counter of errors, such as `queue:orders`.
    name: String,
    interval: Duration,
    /// `None` where there is no runtime and none could be started.
    runtime: Option<Handle>,
    read: Arc<dyn Fn() -> ReadFuture<T> + Send + Sync>,
    progress: Mutex<ReadProgress<T>>,
}

struct ReadProgress<T> {
    /// `None` before the first read.
    due: Option<Instant>,
    pending: Option<PendingRead<T>>,
    latest: Option<T>,
    outages: OutageTracker,
}

/// A read that is under way.
struct PendingRead<T> {
    started: Instant,
    result: oneshot::Receiver<Result<T, ReadError>>,
    task: AbortHandle,
    /// Its failure is recorded, and it only has to come back.
    given_up: bool,
}

impl<T> Drop for PendingRead<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<T> fmt::Debug for AsyncReading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncReading").field(&self.name).finish()
    }
}

impl<T: Copy + Send + 'static> AsyncReading<T> {
    /// Reads on `runtime` once per `interval`, which is at least a second.
    pub(super) fn new<F, E>(
        name: String,
        interval: Duration,
        runtime: Option<Handle>,
        read: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        E: Into<ReadError>,
    {
        let read = move || -> ReadFuture<T> {
            let reading = read();
            Box::pin(async move { reading.await.map_err(Into::into) })
        };
        Self {
            name,
            interval: interval.max(MIN_INTERVAL),
            runtime,
            read: Arc::new(read),
            progress: Mutex::new(ReadProgress {
                due: None,
                pending: None,
                latest: None,
                outages: OutageTracker::default(),
            }),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Takes the result of a read that has ended, gives up one whose time is over, and starts the next when it is due.
    /// Returns whether a read failed.
    pub(super) fn tick(&self, now: Instant) -> bool {
        let mut progress = lock(&self.progress);
        let ended = progress.take_result(now, self.timeout());
        let failed = ended.as_ref().is_some_and(Result::is_err);
        let told = ended.map(|result| self.record(&mut progress, result, now));
        let is_due = progress.due.is_none_or(|due| due <= now);
        let started =
            (is_due && progress.pending.is_none()).then(|| self.start(&mut progress, now));
        drop(progress);
        // Without the lock: the log is the service's, too.
        let refused = matches!(started, Some(Err(_)));
        for line in told
            .into_iter()
            .chain(started.and_then(Result::err))
            .flatten()
        {
            self.log(line);
        }
        failed || refused
    }

    /// Returns the figures of the latest read, unless it failed.
    pub(super) fn latest(&self) -> Option<T> {
        lock(&self.progress).latest
    }

    /// A read ends before the next one is due.
    fn timeout(&self) -> Duration {
        self.interval.min(MAX_TIMEOUT)
    }

    fn start(
        &self,
        progress: &mut ReadProgress<T>,
        now: Instant,
    ) -> Result<(), Option<OutageLine>> {
        progress.due = Some(now + self.interval);
        let Some(runtime) = &self.runtime else {
            return Err(self.record(
                progress,
                Err("there is no runtime to read it on".into()),
                now,
            ));
        };
        let read = Arc::clone(&self.read);
        let (send, result) = oneshot::channel();
        // The function is called there too: it may need the runtime, and what blocks in it must not hold up the
        // sampler.
        let task = runtime.spawn(untraced(async move {
            let read = catch_panic(async { read().await }).await;
            let read = read.unwrap_or_else(|payload| Err(panic_text(&*payload).into()));
            let _ = send.send(read);
        }));
        progress.pending = Some(PendingRead {
            started: now,
            result,
            task: task.abort_handle(),
            given_up: false,
        });
        Ok(())
    }

    /// Keeps the figures of a read, or none; returns the line that is to be logged.
    fn record(
        &self,
        progress: &mut ReadProgress<T>,
        result: Result<T, ReadError>,
        now: Instant,
    ) -> Option<OutageLine> {
        match result {
            Ok(figures) => {
                progress.latest = Some(figures);
                let outage = progress.outages.record_success(now)?;
                Some(OutageLine::Over(outage.failures, outage.lasted))
            }
            Err(error) => {
                // No old figures: a queue that can't be read may be of any depth.
                progress.latest = None;
                let first = progress.outages.record_failure(now);
                first.then(|| OutageLine::Begun(one_line(&with_causes(&*error))))
            }
        }
    }

    fn log(&self, line: OutageLine) {
        let source = &*self.name;
        match line {
            OutageLine::Begun(error) => tracing::warn!(
                source,
                error,
                "a queue or pool can't be read; it has no figures until it can; told once"
            ),
            OutageLine::Over(failures, lasted) => {
                let seconds = lasted.as_secs();
                tracing::info!(source, failures, seconds, "a queue or pool is read again");
            }
        }
    }
}

/// A line of the log about a source.
enum OutageLine {
    /// With the first error.
    Begun(String),
    /// With the number of failed reads, and the time from the first of them on.
    Over(u64, Duration),
}

impl<T> ReadProgress<T> {
    /// Returns the result of a read that ends now; `None` while it is under way, and where it was given up before.
    fn take_result(&mut self, now: Instant, timeout: Duration) -> Option<Result<T, ReadError>> {
        let pending = self.pending.as_mut()?;
        let result = match pending.result.try_recv() {
            Ok(result) => result,
            Err(TryRecvError::Closed) => Err("the runtime that reads it has ended".into()),
            Err(TryRecvError::Empty) => {
                let elapsed = now.saturating_duration_since(pending.started);
                if pending.given_up || elapsed < timeout {
                    return None;
                }
                pending.given_up = true;
                pending.task.abort();
                let seconds = timeout.as_secs();
                return Some(Err(format!("no answer within {seconds} s").into()));
            }
        };
        let pending = self.pending.take()?;
        (!pending.given_up).then_some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_function_is_called_on_the_runtime_and_not_by_the_sampler() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (called, on) = std::sync::mpsc::channel();
        let read = move || {
            let _ = called.send(std::thread::current().id());
            // It panics outside of a runtime.
            tokio::task::spawn_blocking(|| 7_u64)
        };
        let interval = Duration::from_secs(1);
        let handle = Some(runtime.handle().clone());
        let reading = AsyncReading::new("queue:orders".to_owned(), interval, handle, read);
        let start = Instant::now();
        assert!(!reading.tick(start));
        let limit = Duration::from_secs(30);
        assert_ne!(on.recv_timeout(limit), Ok(std::thread::current().id()));
        // Its time never passes here, so that a busy machine is no failure.
        while reading.latest().is_none() && start.elapsed() < limit {
            assert!(!reading.tick(start));
            std::thread::yield_now();
        }
        assert_eq!(reading.latest(), Some(7));
    }
}
