//! What is told when health changes: a log line and whoever asked to be called.
//!
//! On a thread of its own, because a callback may block, and so may a log line whose reader is slow:
//! neither must keep a deadline from being noticed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::{fmt, io, thread};

use crate::snapshot::health::{Criticality, Status};

/// Changes that may wait to be told; what is beyond is not told.
const WAITING: usize = 256;

/// Something about the process's health has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealthChange {
    /// A check has another status.
    #[non_exhaustive]
    Check {
        /// Its id.
        id: Arc<str>,
        /// What it was; `None` before its first result.
        from: Option<Status>,
        /// What it is.
        to: Status,
        /// What that means for the service.
        criticality: Criticality,
        /// The public reason.
        code: &'static str,
        /// The private reason.
        detail: Option<String>,
    },
    /// The whole has another status.
    #[non_exhaustive]
    Status {
        /// What it was.
        from: Status,
        /// What it is.
        to: Status,
    },
    /// The service may be sent requests from now on, or not any more.
    Ready(bool),
}

type Callback = Arc<dyn Fn(&HealthChange) + Send + Sync>;

/// Tells changes. Clones tell together.
#[derive(Clone, Default)]
pub(super) struct News(Arc<Inner>);

#[derive(Default)]
struct Inner {
    callbacks: Mutex<Vec<Callback>>,
    thread: OnceLock<SyncSender<HealthChange>>,
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").finish_non_exhaustive()
    }
}

impl News {
    /// Tells on a thread of its own from now on. It ends with the last clone.
    pub(super) fn start(&self) -> io::Result<()> {
        let (changes, told) = sync_channel(WAITING);
        let inner = Arc::downgrade(&self.0);
        thread::Builder::new()
            .name("vantage-health-news".into())
            .spawn(move || {
                for change in told {
                    let Some(inner) = inner.upgrade() else {
                        break;
                    };
                    inner.tell(&change);
                }
            })?;
        let _ = self.0.thread.set(changes);
        Ok(())
    }

    pub(super) fn subscribe(&self, callback: Callback) {
        self.0.callbacks().push(callback);
    }

    /// Hands changes to the thread; gives them back where there is none.
    pub(super) fn post(&self, changes: Vec<HealthChange>) -> Vec<HealthChange> {
        let Some(thread) = self.0.thread.get() else {
            return changes;
        };
        for change in changes {
            let _ = thread.try_send(change);
        }
        Vec::new()
    }

    /// Tells here and now.
    pub(super) fn tell(&self, changes: &[HealthChange]) {
        changes.iter().for_each(|change| self.0.tell(change));
    }
}

impl Inner {
    fn callbacks(&self) -> std::sync::MutexGuard<'_, Vec<Callback>> {
        self.callbacks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: &HealthChange) {
        log(change);
        // A copy, so that a callback may itself subscribe.
        let callbacks = self.callbacks().clone();
        for callback in callbacks {
            if catch_unwind(AssertUnwindSafe(|| callback(change))).is_err() {
                tracing::error!("a callback on a change of health panicked");
            }
        }
    }
}

fn log(change: &HealthChange) {
    match change {
        HealthChange::Check {
            id,
            from,
            to,
            criticality,
            code,
            detail,
        } => {
            let (from, to) = (from.map(Status::as_str), (*to, to.as_str()));
            let (check, criticality) = (&**id, criticality.as_str());
            let detail = detail.as_deref();
            match to {
                (Status::Pass, to) if from.is_none() => {
                    tracing::debug!(
                        check,
                        criticality,
                        to,
                        "a health check has its first result"
                    );
                }
                (Status::Pass, to) => {
                    tracing::info!(check, criticality, from, to, "a health check has recovered");
                }
                (_, to) => {
                    tracing::warn!(
                        check,
                        criticality,
                        from,
                        to,
                        code,
                        detail,
                        "a health check has changed"
                    );
                }
            }
        }
        HealthChange::Status { from, to } => {
            let (from, to) = (from.as_str(), (*to, to.as_str()));
            match to {
                (Status::Fail, to) => tracing::error!(from, to, "the service's health has changed"),
                (_, to) => tracing::info!(from, to, "the service's health has changed"),
            }
        }
        HealthChange::Ready(true) => tracing::info!("the service is ready"),
        // What made it so has a line of its own.
        HealthChange::Ready(false) => tracing::info!("the service is not ready"),
    }
}
